"""The lesions' numbers on the overlay: beside the outline, over no lesion, over no other number.

A lesion is numbered on every slice that it is cut by, since a reader may stop at any of them, and each of its parts there that lie apart.
Where the numbers of a slice do not all find room, the lesions whose largest section it is come first, then larger parts before smaller
ones. A part that finds no room goes without, but on the slice of its lesion's largest section: there the number is written over a
neighbour rather than left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from node.domain.volume import Array
from node.encode.phenotypes import Rgb
from node.encode.typeface import font

REACH = 3
"""How far from its outline a number may stand, in heights of a number."""

STROKE = 1
"""Black line around digits, pixels."""


def number_size(shape: tuple[int, ...]) -> int:
    """Size of the letters (pixels) for pictures of (R, C) pixels: as large against the brain whatever the pixels."""
    return max(10, round(min(shape[:2]) / 18))


def largest_slices(labels: Array) -> dict[int, frozenset[int]]:
    """Which lesions have their largest section on a slice, by the index of the slice; the first where several are equal.

    Parameters
    ----------
    labels : (S, R, C) integers, 0 background
    """
    found: dict[int, set[int]] = defaultdict(set)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            sizes = (labels[box] == number).sum(axis=(1, 2))
            found[box[0].start + int(sizes.argmax())].add(number)
    return {index: frozenset(numbers) for index, numbers in found.items()}


def write_numbers(page: Array, labels: Array, table: Mapping[int, Rgb], *, first: frozenset[int], taken: Array) -> Array:
    """A page with the numbers of one slice's lesions.

    Parameters
    ----------
    page : (R + r, C + c, 3) uint8, the slice's picture and its margins
    labels : (R, C) lesions of the slice, 0 background
    table : colour of each
    first : those that must be numbered on this slice
    taken : (R, C) bool, where nothing may be written
    """
    if not labels.any():
        return page
    face = font(number_size(labels.shape), bold=True)
    image = Image.fromarray(page)
    draw = ImageDraw.Draw(image)
    for number, row, column in place_numbers(labels, first=first, taken=taken):
        draw.text((column, row), str(number), table[number], face, "lt", stroke_width=STROKE, stroke_fill=(0, 0, 0))
    return np.asarray(image)


def place_numbers(labels: Array, *, first: frozenset[int], taken: Array) -> Iterator[tuple[int, int, int]]:
    """(number, row, column) of each number that finds room: where the upper left corner of its digits goes.

    Parameters
    ----------
    labels, first, taken : as of `write_numbers`
    """
    size = number_size(labels.shape)
    blocked = ndimage.binary_dilation(labels > 0) | taken
    numbered: set[int] = set()
    for number, part in _in_order(labels, first, apart=size // 2):
        box = _room_for(number, size)
        place = _nearest(labels, part, box, blocked)
        if place is None and number in first - numbered:
            place = _nearest(labels, part, box, taken) or _nearest(labels, part, box, np.zeros_like(taken))
        if place is not None:
            row, column = place
            blocked[row : row + box[0], column : column + box[1]] = True
            numbered.add(number)
            yield number, row + STROKE, column + STROKE


def _in_order(labels: Array, first: frozenset[int], *, apart: int) -> list[tuple[int, Array]]:
    """Numbers and parts (R, C) bool of lesions, those to be written first in front; parts less than `apart` pixels from another are one."""
    parts = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            where = _grown(box, apart, labels.shape)
            own = labels[where] == number
            near, count = ndimage.label(ndimage.binary_dilation(own, iterations=apart // 2))
            for part in range(1, count + 1):
                mask = np.zeros(labels.shape, dtype=bool)
                mask[where] = own & (near == part)
                parts.append((number, mask))
    return sorted(parts, key=lambda item: (item[0] not in first, -int(item[1].sum()), item[0]))


def _room_for(number: int, size: int) -> tuple[int, int]:
    left, top, right, bottom = font(size, bold=True).getbbox(str(number), anchor="lt", stroke_width=STROKE)
    return int(np.ceil(bottom - top)), int(np.ceil(right - left))


def _nearest(labels: Array, part: Array, box: tuple[int, int], blocked: Array) -> tuple[int, int] | None:
    """Where a box of (rows, columns) stands nearest to a part, away from what is not part of it; None where it finds no room."""
    high, wide = box
    (whole,) = ndimage.find_objects(part.astype(np.int8))
    where = _grown(whole, REACH * high + wide, labels.shape)
    hits = _sums(blocked[where], box)
    if hits.size == 0 or hits.min() > 0:
        return None
    own = part[where]
    others = (labels[where] > 0) & ~own
    cost = _at_centres(ndimage.distance_transform_edt(~own), box)
    if others.any():
        cost = cost - 0.5 * np.minimum(_at_centres(ndimage.distance_transform_edt(~others), box), high)
    rows, columns = np.indices(cost.shape)
    cost = np.where(hits == 0, cost + 0.02 * (rows - columns), np.inf)  # above and to the right, where nothing speaks against it
    row, column = np.unravel_index(int(cost.argmin()), cost.shape)
    return int(row) + where[0].start, int(column) + where[1].start


def _grown(box: tuple[slice, ...], reach: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(side.start - reach, 0), min(side.stop + reach, size)) for side, size in zip(box, shape, strict=True))


def _sums(mask: Array, box: tuple[int, int]) -> Array:
    """How many pixels of a mask each box of (rows, columns) that lies within it holds, by its upper left corner."""
    high, wide = box
    total = np.pad(mask.astype(np.int32).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return np.asarray(total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide])


def _at_centres(values: Array, box: tuple[int, int]) -> Array:
    high, wide = box
    rows, columns = values.shape[0] - high + 1, values.shape[1] - wide + 1
    return np.asarray(values[high // 2 : high // 2 + rows, wide // 2 : wide // 2 + columns])
