"""The overlay series: the map in colour on the MR, slice for slice with the series that the radiologist scrolls.

Each picture shows the part of its slice that holds the brain, pixel for pixel, and is larger below, where words, colour bar and legend
are: pixel spacing and orientation are the MR's, the position is moved within the plane to the first pixel shown, and the
words cover nothing. Lesions are outlined in the colour of their phenotype, with their numbers beside them; the outline of the raised signal
is dotted, so that no colour has to tell it from a lesion's. The untouched MR is the series beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy import ndimage

from node import imaging
from node.domain.volume import Array, Volume
from node.encode.capture import write_slices
from node.encode.colour import RAISED_RGB, blend, colours, display_limits, dotted, grey, ring, rings
from node.encode.material import Material, brain_on_reading
from node.encode.objects import Encoded, Kind
from node.encode.overlay_margin import draw_margin
from node.encode.overlay_numbers import largest_slices, write_numbers
from node.encode.phenotypes import Rgb, lesion_rgb
from node.encode.project import Box, part_of

AROUND_BRAIN_MM = 4.0
"""What is shown around brain, lesions and raised signal at least. Ours: it shows skull all around, and keeps 170 slices below 26 MB."""

HALO = 0.45
"""Brightness of the pixels beside an outline: without them an orange line is lost on an orange map."""


def encode_overlay(material: Material) -> tuple[Encoded, ...]:
    """One picture for each slice of the reading series, in its order."""
    return _encode(material, Kind.OVERLAY)


def encode_overlay_t1(material: Material) -> tuple[Encoded, ...]:
    """The same for the T1; nothing where that is the reading series."""
    t1 = material.exam.t1
    return () if material.reading is t1 else _encode(material.on(t1), Kind.OVERLAY_T1)


def draw_overlay(material: Material, box: Box) -> Iterator[Array]:
    """The pictures (R, C, 3) uint8 of a part of the reading grid, slice for slice, margins included."""
    volume, labels, raised = (part_of(whole, box) for whole in (material.reading.volume, material.lesions.labels, material.raised))
    brain = brain_on_reading(material)
    limits = display_limits(material.reading.volume.array, brain.array)
    inside = part_of(brain, box).array
    values = _map_on(volume, material)
    margin = draw_margin(material, volume.shape[1:], _ever(inside, labels.array, raised.array))
    letters = np.asarray(margin[: volume.shape[1], : volume.shape[2]].any(-1))
    table = {lesion.number: lesion_rgb(lesion.phenotype) for lesion in material.result.lesions}
    largest = largest_slices(labels.array)
    for index in range(volume.shape[0]):
        under = grey(volume.array[index], limits)
        over = colours(values[index], material.maker.options.map_range)
        picture = blend(under, over, inside[index] & np.isfinite(values[index]))
        _outline(picture, labels.array[index], raised.array[index], table)
        page = margin.copy()
        shown = page[: volume.shape[1], : volume.shape[2]]
        shown[~letters] = picture[~letters]
        yield write_numbers(page, labels.array[index], table, first=largest.get(index, frozenset()), taken=letters)


def shown_box(material: Material) -> Box:
    """The part of the reading grid that is drawn: every slice, and of the plane what any slice needs; all of it where there is no brain."""
    ever = _ever(brain_on_reading(material).array, material.lesions.labels.array, material.raised.array)
    spans = [slice(0, material.reading.volume.shape[0])]
    for axis in (0, 1):
        hit = np.flatnonzero(ever.any(axis=1 - axis))
        around = int(np.ceil(AROUND_BRAIN_MM / material.reading.volume.spacing_mm[1 + axis]))
        low, high = (int(hit[0]) - around, int(hit[-1]) + 1 + around) if hit.size else (0, ever.shape[axis])
        spans.append(slice(max(low, 0), min(high, ever.shape[axis])))
    return spans[0], spans[1], spans[2]


def _encode(material: Material, kind: Kind) -> tuple[Encoded, ...]:
    box = shown_box(material)
    description = f"RESEARCH TSPO signal {material.result.primary.quantity.value} on {material.reading.contrast.value}"
    pictures = draw_overlay(material, box)
    return write_slices(pictures, kind, material, start=(box[1].start, box[2].start), description=description)


def _ever(brain: Array, labels: Array, raised: Array) -> Array:
    """(R, C) bool: where any slice has brain, a lesion or raised signal."""
    return np.asarray(brain.any(0) | labels.any(0) | raised.any(0))


def _map_on(grid: Volume, material: Material) -> Array:
    primary = material.result.primary.volume
    return imaging.resample(primary, grid, material.pet_from_reading, outside=np.nan).array


def _outline(picture: Array, labels: Array, raised: Array, table: Mapping[int, Rgb]) -> None:
    """Draw the outlines of one slice into its picture, lesions over raised signal."""
    dots, lines = dotted(ring(raised)), rings(labels)
    drawn = dots | (lines > 0)
    if not drawn.any():
        return
    beside = ndimage.binary_dilation(drawn) & ~drawn & (labels == 0)
    picture[beside] = (picture[beside] * HALO).astype(np.uint8)
    picture[dots] = RAISED_RGB
    for number in np.unique(lines[lines > 0]).tolist():
        picture[lines == number] = table[number]
