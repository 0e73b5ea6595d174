"""The canvas: a page in pixels, with few text styles and few colours, so that every page looks like the others.

Pages are dark since they are read beside MR in a dark room. They are laid out on 1600 × 1200 units and written with `SCALE` pixels a unit:
1360 × 1020, little more than one megapixel, so that half a dozen pages of an exam stay below 30 MB, and the smallest text is type of 14
pixels there and of 13 on a monitor of one megapixel. Pillow draws them: text on whole pixels, the same bytes every time, no state shared
between threads. What is told by a colour is told by a shape and a word as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from node.domain.volume import Array
from node.encode.languages import ENGLISH, Speech, speech
from node.encode.strokes import Block, Disc, Picture, Stroke, Words
from node.encode.typeface import font

WIDTH, HEIGHT, MARGIN, GUTTER = 1600, 1200, 40, 30
"""Of the page, units. Everything that is drawn is told in them, and so are sizes of type."""

SCALE = 0.85
"""Pixels for a unit of the page."""

Colour = tuple[int, int, int]

GROUND: Colour = (13, 16, 21)
PANEL: Colour = (24, 29, 37)
INK: Colour = (236, 239, 243)
SOFT: Colour = (158, 168, 181)
RULE: Colour = (54, 61, 71)
WARNING: Colour = (255, 183, 77)
GOOD: Colour = (64, 201, 162)
BAD: Colour = (255, 136, 116)

HALO = 3
"""Pixels of dark ground around a letter on a picture."""

FINE = 4
"""Pixels of a drawn shape for one of the page, along each axis: its edges are smooth."""


class Style(Enum):
    """Text styles: size, whether bold, distance from line to line; units of the page."""

    NUMBER = (44, True, 52)
    NAME = (32, True, 40)
    HEADLINE = (25, True, 34)
    LEAD = (22, False, 32)
    LEAD_STRONG = (22, True, 32)
    TITLE = (19, True, 30)
    BODY = (18, False, 25)
    STRONG = (18, True, 25)
    SMALL = (17, False, 23)
    SMALL_STRONG = (17, True, 23)

    @property
    def step(self) -> int:
        """Distance from one line to the next, units."""
        return self.value[2]


@dataclass(frozen=True)
class Box:
    """A rectangle of the page, units; `bottom` and `right` lie outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Units from left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Units from top to bottom."""
        return self.bottom - self.top

    def inside(self, units: int) -> Box:
        """The same, smaller by so much on every side."""
        return Box(self.left + units, self.top + units, self.right - units, self.bottom - units)


class Canvas:
    """One page while it is drawn: `title` is its name in English, as headers tell it; `say` the language that it speaks.

    What is drawn is kept in `strokes` as well, so that the same page can be printed.
    """

    def __init__(self, title: str = "", say: Speech | None = None) -> None:
        self.title = title
        self.say = say or speech(ENGLISH)
        self._image = Image.new("RGB", pixels_at(WIDTH, HEIGHT), GROUND)
        self._draw = ImageDraw.Draw(self._image)
        self.strokes: list[Stroke] = []

    def text(self, x: int, y: int, text: str, style: Style, colour: Colour = INK, *, anchor: str = "la") -> None:
        """One line of text. `anchor` as in Pillow: "la" hangs from its top left, "ra" from its top right."""
        size, bold, _ = style.value
        self._draw.text(pixels_at(x, y), text, colour, font(size * SCALE, bold=bold), anchor=anchor)
        self.strokes.append(Words(x, y, text, size, bold, colour, anchor))

    def mark(self, x: int, y: int, letter: str, *, anchor: str) -> None:
        """A letter on a picture, readable on black and on white."""
        size, bold, _ = Style.STRONG.value
        face = font(size * SCALE, bold=bold)
        self._draw.text(pixels_at(x, y), letter, INK, face, anchor=anchor, stroke_width=HALO, stroke_fill=GROUND)
        self.strokes.append(Words(x, y, letter, size, bold, INK, anchor, HALO))

    def lines(self, x: int, y: int, width: int, text: str, style: Style, colour: Colour = INK) -> int:
        """Text broken into lines; where the next line would begin."""
        for line in wrap(text, style, width):
            self.text(x, y, line, style, colour)
            y += style.step
        return y

    def rule(self, left: int, right: int, y: int, colour: Colour = RULE) -> None:
        """A thin horizontal line."""
        (start, row), (end, _) = pixels_at(left, y), pixels_at(right, y)
        self._draw.line((start, row, end - 1, row), colour, 1)
        self.strokes.append(Block(left, y, right, y + 1, colour))

    def frame(self, box: Box, colour: Colour) -> None:
        """A rectangle's outline."""
        self._draw.rectangle(_corners(box), outline=colour, width=2)
        self.strokes.append(Block(box.left, box.top, box.right, box.bottom, colour, 2))

    def panel(self, box: Box, colour: Colour = PANEL) -> None:
        """A filled rectangle, behind what belongs together."""
        self._draw.rectangle(_corners(box), fill=colour)
        self.strokes.append(Block(box.left, box.top, box.right, box.bottom, colour))

    def disc(self, x: int, y: int, radius: int, colour: Colour, *, line: Colour | None = None) -> None:
        """A filled circle about a point, with a line around it in a colour of its own."""
        (left, top), (right, bottom) = pixels_at(x - radius, y - radius), pixels_at(x + radius + 1, y + radius + 1)
        size = (right - left) * FINE, (bottom - top) * FINE
        big = self._image.crop((left, top, right, bottom)).resize(size, Image.Resampling.NEAREST)
        ImageDraw.Draw(big).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=colour, outline=line or colour, width=2 * FINE)
        self._image.paste(big.reduce(FINE), (left, top))
        self.strokes.append(Disc(x, y, radius, colour, line or colour))

    def paste(self, rgb: Array, left: int, top: int) -> None:
        """A picture (R, C, 3) uint8, a pixel a unit, which print leaves as it is."""
        self._paste(rgb, left, top, 1)
        self.strokes.append(Picture(rgb, left, top))

    def paste_drawing(self, rgb: Array, left: int, top: int, *, fine: int) -> None:
        """A drawing (R, C, 3) uint8 in the page's own ground and ink, `fine` of its pixels for a unit along each axis."""
        self._paste(rgb, left, top, fine)
        self.strokes.append(Picture(rgb, left, top, fine, drawn=True))

    def pixels(self) -> Array:
        """(R, C, 3) uint8: the page as it is written."""
        return np.asarray(self._image)

    def _paste(self, rgb: Array, left: int, top: int, fine: int) -> None:
        rows, columns = rgb.shape[:2]
        (x, y), (right, bottom) = pixels_at(left, top), pixels_at(left + columns // fine, top + rows // fine)
        self._image.paste(Image.fromarray(np.ascontiguousarray(rgb)).resize((right - x, bottom - y), Image.Resampling.LANCZOS), (x, y))


def pixels_at(x: float, y: float) -> tuple[int, int]:
    """A point of the page in pixels."""
    return round(x * SCALE), round(y * SCALE)


def _corners(box: Box) -> tuple[int, int, int, int]:
    """The first and the last pixel of a box."""
    (left, top), (right, bottom) = pixels_at(box.left, box.top), pixels_at(box.right, box.bottom)
    return left, top, right - 1, bottom - 1


def width_of(text: str, style: Style) -> int:
    """Width of one line, units of the page, rounded up."""
    size, bold, _ = style.value
    return int(np.ceil(font(size * SCALE, bold=bold).getlength(text) / SCALE))


def wrap(text: str, style: Style, width: int) -> list[str]:
    """Lines no wider than `width`; a word that is wider alone is broken."""
    return list(_wrapped(text, style, width))


@lru_cache(maxsize=4096)
def _wrapped(text: str, style: Style, width: int) -> tuple[str, ...]:
    # Kept, since a text is measured before it is drawn, and again wherever it is tried.
    lines: list[str] = []
    line = ""
    for word in text.split():
        trial = f"{line} {word}" if line else word
        if width_of(trial, style) <= width:
            line = trial
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, style, width)
        lines.extend(full)
    return (*lines, line) if line else tuple(lines)


def balanced(text: str, style: Style, width: int) -> list[str]:
    """As many lines as `wrap` needs, as even as they come, so that the last holds no single word."""
    lines = wrap(text, style, width)
    if len(lines) < 2:
        return lines
    narrower = (wrap(text, style, narrow) for narrow in range(width // 2, width, 10))
    return next((even for even in narrower if len(even) == len(lines)), lines)


def clipped(text: str, style: Style, width: int, most: int) -> list[str]:
    """The lines of a text, at most so many: three dots say that there is more of it."""
    lines = wrap(text, style, width)
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while width_of(f"{last}…", style) > width:
        last = last[:-1]
    return [*lines[: most - 1], f"{last}…"]


def largest(text: str, width: int, styles: tuple[Style, ...]) -> Style:
    """The first style in which a text takes one line, or the last."""
    return next((style for style in styles if width_of(text, style) <= width), styles[-1])


def _broken(word: str, style: Style, width: int) -> list[str]:
    parts = [""]
    for letter in word:
        if parts[-1] and width_of(parts[-1] + letter, style) > width:
            parts.append("")
        parts[-1] += letter
    return parts
