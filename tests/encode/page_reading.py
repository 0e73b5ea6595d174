"""Reads a page back from what was drawn on it: its lines of text, where they stand, and whether any covers another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.encode.canvas import HEIGHT, WIDTH, Canvas, Words
from node.encode.typeface import font


@dataclass(frozen=True)
class Line:
    """A line of text, and the pixels that it covers: left, top, right, bottom."""

    text: str
    box: tuple[float, float, float, float]


def lines(page: Canvas) -> list[Line]:
    """Every line of text of a page, in the order in which it was drawn."""
    return [_line(stroke) for stroke in page.strokes if isinstance(stroke, Words) and stroke.text]


def words(pages: Sequence[Canvas]) -> str:
    """The text of pages, its lines joined by spaces."""
    return " ".join(line.text for page in pages for line in lines(page))


def faults(pages: Sequence[Canvas]) -> list[object]:
    """Lines that leave their page, and pairs of lines that overlap."""
    found: list[object] = []
    for page in pages:
        told = lines(page)
        found += [line for line in told if line.box[0] < 0 or line.box[1] < 0 or line.box[2] > WIDTH or line.box[3] > HEIGHT]
        found += [(one, other) for number, one in enumerate(told) for other in told[number + 1 :] if _overlap(one.box, other.box)]
    return found


def _line(stroke: Words) -> Line:
    left, top, right, bottom = font(stroke.size, bold=stroke.bold).getbbox(stroke.text, anchor=stroke.anchor)
    return Line(stroke.text, (stroke.x + left, stroke.y + top, stroke.x + right, stroke.y + bottom))


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
