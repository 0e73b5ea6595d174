"""Strokes: what was drawn on a page, in the order in which it was drawn, so that the page can be drawn again for print.

All places are units of the page, from its upper left corner; `right` and `bottom` lie outside. Colours are those of the dark page.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.volume import Array

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Words:
    """One line of text; `anchor` as in Pillow. With a `halo` it stands on a picture, and keeps its colours there."""

    x: int
    y: int
    text: str
    size: int
    bold: bool
    colour: Rgb
    anchor: str
    halo: int = 0


@dataclass(frozen=True)
class Block:
    """A filled rectangle, or its outline where `line` is above 0 pixels."""

    left: int
    top: int
    right: int
    bottom: int
    colour: Rgb
    line: int = 0


@dataclass(frozen=True)
class Disc:
    """A filled circle about the middle of a pixel, with a line of 2 pixels inside its border."""

    x: int
    y: int
    radius: int
    colour: Rgb
    line: Rgb


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture (R, C, 3) uint8, `fine` of its pixels for one of the page.

    One that is `drawn` has the page's own ground and ink, and changes with them; the others are images, and never change.
    """

    rgb: Array
    left: int
    top: int
    fine: int = 1
    drawn: bool = False


Stroke = Words | Block | Disc | Picture
