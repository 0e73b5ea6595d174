"""Page 2, the lesions: a small picture and the numbers of each, first those that smoulder, each kind by falling volume.

An exam without a lesion has no such page: the first page says "none found" or "not assessed", and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from node.domain.history import Fate
from node.domain.result import Lesion, Phenotype
from node.domain.volume import Array
from node.encode.canvas import SOFT, Box, Canvas, Style, wrap
from node.encode.flow import Row, soft
from node.encode.material import Material
from node.encode.page import BODY_BOTTOM, BODY_TOP, LEFT, LESIONS, RIGHT, columns, start_page
from node.encode.pages.lesion_row import lesion_row
from node.encode.pages.thumbnails import draw_thumbnails
from node.encode.pages.tiles import lesions_told, origin
from node.encode.words import number_words, told

SIZES = (104, 100, 92)
"""Of the pictures, units of the page: the largest with which the table takes no more pages than with the smallest."""

ORDER = (
    *(Phenotype.RIM_ACTIVE, Phenotype.OVERALL_ACTIVE, Phenotype.INDETERMINATE),
    *(Phenotype.INACTIVE, Phenotype.NOT_RESOLVABLE, None),
)
COLUMNS = 3
HEAD = 6
STEP = 4


def draw_lesions(material: Material) -> list[Canvas]:
    """As many pages as the lesions need, none where there is no lesion."""
    listed = in_order(material.result.lesions)
    if not listed:
        return []
    explained = _explained(material)
    top = BODY_TOP + Style.LEAD_STRONG.step + HEAD
    bottom = BODY_BOTTOM - len(explained) * Style.SMALL.step - 10
    size = _picture_size(material, listed, bottom - top)
    parts = _balanced(_rows(material, listed, draw_thumbnails(material, listed, size)), bottom - top)
    pages = []
    for first in range(0, len(parts), COLUMNS):
        page = start_page(material, LESIONS)
        page.text(LEFT, BODY_TOP, lesions_told(material), Style.LEAD_STRONG)
        for part, box in zip(parts[first : first + COLUMNS], columns(COLUMNS, top=top, bottom=bottom), strict=False):
            _column(page, part, box)
        for number, line in enumerate(explained):
            page.text(LEFT, bottom + 10 + number * Style.SMALL.step, line, Style.SMALL, SOFT)
        pages.append(page)
    return pages


def in_order(lesions: Sequence[Lesion]) -> list[Lesion]:
    """Rim-active lesions first, then the other kinds as in `ORDER`, each by falling volume."""
    return sorted(lesions, key=lambda lesion: (ORDER.index(lesion.phenotype), -lesion.volume_ml, lesion.number))


def _rows(material: Material, listed: Sequence[Lesion], pictures: Mapping[int, tuple[Array, ...]]) -> list[Row]:
    """A row for each lesion, and at their end what is no longer seen."""
    rows: list[Row] = [lesion_row(material, lesion, pictures[lesion.number]) for lesion in listed]
    for change in material.history.lesions:
        if change.fate is Fate.VANISHED:
            volume = number_words(change.before_ml)
            rows.append(soft(material.say("{number}: no longer seen, {volume} mL before", number=change.number, volume=volume)))
    return rows


def _picture_size(material: Material, listed: Sequence[Lesion], height: int) -> int:
    def pages(size: int) -> int:
        blank = dict.fromkeys((lesion.number for lesion in listed), (np.zeros((size, size, 3), np.uint8),) * 2)
        return -(-len(_breaks(_heights(_rows(material, listed, blank)), height)) // COLUMNS)

    fewest = pages(SIZES[-1])
    return next(size for size in SIZES if pages(size) == fewest)


def _balanced(rows: Sequence[Row], height: int) -> list[Sequence[Row]]:
    """Rows in columns no higher than `height`, as even as they come on as many pages as they need."""
    heights = _heights(rows)
    most = -(-len(_breaks(heights, height)) // COLUMNS) * COLUMNS
    limits = (min(limit, height) for limit in range(max(heights), height + STEP, STEP))
    breaks = next(breaks for limit in limits if len(breaks := _breaks(heights, limit)) <= most)
    return [rows[start:end] for start, end in zip(breaks, (*breaks[1:], len(rows)), strict=True)]


def _heights(rows: Sequence[Row]) -> list[int]:
    width = columns(COLUMNS)[0].width
    return [row.height(width) for row in rows]


def _breaks(heights: Sequence[int], limit: int) -> list[int]:
    """Which rows begin a column, where each column is filled before the next."""
    breaks, y = [0], 0
    for number, high in enumerate(heights):
        if number and y + high > limit:
            breaks.append(number)
            y = 0
        y += high
    return breaks


def _column(page: Canvas, rows: Sequence[Row], box: Box) -> None:
    y = box.top
    for row in rows:
        row.draw(page, box.left, y, box.width)
        y += row.height(box.width)


def _explained(material: Material) -> list[str]:
    """What the table means, in lines as wide as the page."""
    say, result = material.say, material.result
    quantity = result.primary.quantity.value
    sentences = [
        origin(material),
        say("Core and rim: {quantity} as measured; the rim is the 2 mm of white matter around the lesion.", quantity=quantity),
        say(
            "Phenotype: called from core and rim with the scanner's blur taken out; confidence: share of draws from the errors that agree."
        ),
        say("Pictures: axial {series}, without and with the map as on the first page.", series=material.reading.contrast.value),
    ]
    sentences += [told(say, note) for note in material.history.notes]
    return wrap(" ".join(sentences), Style.SMALL, RIGHT - LEFT)
