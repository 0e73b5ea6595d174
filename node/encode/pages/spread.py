"""Spread: sections over as few pages of two columns as hold them, evenly, so that no page is left with two stray lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from node.encode.canvas import INK, Box, Canvas, Colour, Style
from node.encode.flow import Section, fill, height_of
from node.encode.material import Material
from node.encode.page import BODY_BOTTOM, BODY_TOP, columns, start_page

STEP = 40
"""Columns end within so many pixels of the shortest that need no further page."""


def spread(material: Material, title: str, sections: Sequence[Section]) -> list[Canvas]:
    """The pages, still without their feet; none where there is nothing to tell.

    Parameters
    ----------
    title : of each page, in English
    """
    if not sections:
        return []
    bottom, pages = _shortest(material, sections), []
    while sections:
        page = start_page(material, title)
        sections = _fill(page, sections, bottom)
        pages.append(page)
    return pages


def fill_whole(page: Canvas, box: Box, sections: Sequence[Section]) -> Sequence[Section]:
    """Draw as many sections as the box holds whole, the first of them at least in part: two lines of one alone on a page say nothing."""
    whole = next(n for n in range(len(sections), -1, -1) if n <= 1 or height_of(sections[:n], box.width) <= box.height)
    return (*fill(page, box, sections[:whole]), *sections[whole:])


def _shortest(material: Material, sections: Sequence[Section]) -> int:
    """Where columns may end so that no further page is needed, found by halving."""
    fewest = _count(material, sections, BODY_BOTTOM)
    low, high = BODY_TOP, BODY_BOTTOM
    while high - low > STEP:
        middle = (low + high) // 2
        low, high = (low, middle) if _count(material, sections, middle) <= fewest else (middle, high)
    return high


def _count(material: Material, sections: Sequence[Section], bottom: int) -> float:
    """How many pages it takes with columns that end there; infinity where one row is taller than a column."""
    pages, scratch = 0, _Scratch("", material.say)
    while sections:
        rest = _fill(scratch, sections, bottom)
        if rest == sections:
            return math.inf
        sections, pages = rest, pages + 1
    return pages


class _Scratch(Canvas):
    """A page on which no text is drawn: for trials."""

    def text(self, x: int, y: int, text: str, style: Style, colour: Colour = INK, *, anchor: str = "la") -> None:
        """Nothing."""


def _fill(page: Canvas, sections: Sequence[Section], bottom: int) -> Sequence[Section]:
    for box in columns(2, bottom=bottom):
        sections = fill(page, box, sections)
    return sections
