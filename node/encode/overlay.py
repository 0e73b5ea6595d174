"""The overlay series: the map in colour on the MR, slice for slice with the series that the radiologist scrolls.

Each picture begins at the MR image's first pixel and is larger to the right and below, where colour bar and words are: so position,
pixel spacing and every coordinate inside are the MR's own, and the words cover nothing.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from node.domain.volume import Array
from node.encode.capture import patient_orientation, write_slice
from node.encode.colour import LESION_RGB, RAISED_RGB, blend, colours, display_limits, grey, ring, ticks
from node.encode.material import Material, brain_on_reading, map_on_reading
from node.encode.objects import Encoded, Kind
from node.encode.typeface import font
from node.encode.words import map_words

TEXT_RGB = (225, 225, 225)
WARNING_RGB = (255, 190, 90)
OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "F": "H", "H": "F"}


def encode_overlay(material: Material) -> tuple[Encoded, ...]:
    """One picture for each slice of the reading series, in its order."""
    volume = material.reading.volume
    values, brain = map_on_reading(material).array, brain_on_reading(material).array
    limits, options = display_limits(volume.array, brain), material.maker.options
    frame = _frame(material)
    description = f"RESEARCH TSPO signal {material.result.primary.quantity.value} on {material.reading.contrast.value}"
    written = []
    for index in range(volume.shape[0]):
        under = grey(volume.array[index], limits)
        picture = blend(under, colours(values[index], options.map_range), brain[index] & np.isfinite(values[index]))
        picture[ring(material.raised.array[index])] = RAISED_RGB
        picture[ring(material.lesions.labels.array[index] > 0)] = LESION_RGB
        page = frame.copy()
        page[: volume.shape[1], : volume.shape[2]] = np.maximum(picture, frame[: volume.shape[1], : volume.shape[2]])
        written.append(write_slice(page, Kind.OVERLAY, material, index=index, description=description))
    return tuple(written)


def _frame(material: Material) -> Array:
    """(R + margin, C + margin, 3) uint8: what is the same on every picture: colour bar, words, sides."""
    _, rows, columns = material.reading.volume.shape
    size, lines = max(9, round(min(rows, columns) / 28)), _lines(material)
    widest = max(font(size).getlength(text) for pieces in lines for text, _ in pieces)
    width = _even(max(columns + 6 * size, round(widest) + 2 * size))
    bar_top, bar_bottom = 3 * size, max(round(0.75 * rows), 12 * size)
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    below = max(rows, bar_bottom + size)
    height = _even(below + _set(probe, lines, size, size // 2, 0, width) + size // 2)
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    _set(draw, lines, size, size // 2, below + size // 4, width)
    _bar(image, draw, material, size, (bar_top, bar_bottom))
    _sides(draw, material, size)
    return np.asarray(image)


def _even(size: int) -> int:
    return size + size % 2


Words = tuple[tuple[str, tuple[int, int, int]], ...]
"""Pieces of one line, each in its colour."""


def _lines(material: Material) -> tuple[Words, ...]:
    tracer = material.result.tracer
    legend = (
        *((("— lesion", LESION_RGB),) if material.lesions.labels.array.any() else ()),
        *((("— raised TSPO signal", RAISED_RGB),) if material.raised.array.any() else ()),
    )
    what = ((f"TSPO signal, {tracer.name},", TEXT_RGB), (map_words(material.result), TEXT_RGB))
    return (what, *((legend,) if legend else ()), (("RESEARCH USE ONLY –", WARNING_RGB), ("not for diagnosis", WARNING_RGB)))


def _set(draw: ImageDraw.ImageDraw, lines: tuple[Words, ...], size: int, left: int, top: int, width: int) -> int:
    """Draw lines, breaking between pieces where they do not fit; the height that they take."""
    step, y = round(1.5 * size), top
    for pieces in lines:
        x = left
        for text, colour in pieces:
            long = round(font(size).getlength(text))
            if x > left and x + long > width - left:
                x, y = left, y + step
            draw.text((x, y), text, colour, font(size))
            x += long + size * 2 // 3
        y += step
    return y - top


def _bar(image: Image.Image, draw: ImageDraw.ImageDraw, material: Material, size: int, span: tuple[int, int]) -> None:
    low, high = material.maker.options.map_range
    left, (top, bottom) = material.reading.volume.shape[2] + size, span
    values = np.linspace(high, low, bottom - top)
    strip = colours(np.repeat(values[:, None], round(1.2 * size), axis=1), (low, high))
    grounded = blend(np.full_like(strip, 96), strip, np.ones(strip.shape[:2], dtype=bool))
    image.paste(Image.fromarray(grounded), (left, top))
    draw.text((left, top - round(1.8 * size)), material.result.primary.quantity.value, TEXT_RGB, font(size))
    for value, words in ticks((low, high)):
        y = bottom - (value - low) / (high - low) * (bottom - top)
        draw.text((left + round(1.6 * size), y), words, TEXT_RGB, font(size), anchor="lm")


def _sides(draw: ImageDraw.ImageDraw, material: Material, size: int) -> None:
    _, rows, columns = material.reading.volume.shape
    along_row, along_column = patient_orientation(material.slices.orientation)
    bold = font(round(1.2 * size), bold=True)
    draw.text((size // 2, rows // 2), OPPOSITE[along_row], TEXT_RGB, bold, anchor="lm")
    draw.text((columns - size // 2, rows // 2), along_row, TEXT_RGB, bold, anchor="rm")
    draw.text((columns // 2, size // 2), OPPOSITE[along_column], TEXT_RGB, bold, anchor="mt")
    draw.text((columns // 2, rows - size // 2), along_column, TEXT_RGB, bold, anchor="mb")
