"""What is the same on every picture of the overlay: colour bar and legend to the right, words below, and the letters of the sides.

The letters stand at the edges of the picture itself, as near the middle as the brain leaves room in every slice; all else is beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from node.domain.result import Phenotype
from node.domain.volume import Array
from node.encode.colour import RAISED_RGB, blend, colours, ticks
from node.encode.material import Material
from node.encode.overlay_numbers import number_size
from node.encode.phenotypes import Rgb, lesion_rgb
from node.encode.slice_series import patient_orientation
from node.encode.typeface import font
from node.encode.words import map_words, shown

TEXT_RGB = (225, 225, 225)
WARNING_RGB = (255, 190, 90)
OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "F": "H", "H": "F"}


@dataclass(frozen=True)
class Entry:
    """One line of the legend: how an outline looks, and what it is of."""

    words: str
    rgb: Rgb
    line: Literal["solid", "dotted"] = "solid"


@dataclass(frozen=True)
class _Plan:
    """Where things go, in pixels.

    Parameters
    ----------
    rows, columns : of the picture
    size : of letters; `step` from line to line
    bar : height of the colour bar
    width, below : of the whole page, and where the words below begin
    """

    rows: int
    columns: int
    size: int
    bar: int
    width: int
    below: int

    @property
    def step(self) -> int:
        return round(1.2 * self.size)

    @property
    def left(self) -> int:
        return self.columns + self.size // 2


def draw_margin(material: Material, shape: tuple[int, ...], ever: Array) -> Array:
    """A page (R + r, C + c, 3) uint8 without its picture, which begins at its first pixel.

    Parameters
    ----------
    shape : (R, C) of the picture
    ever : (R, C) bool, where any slice shows what no letter may cover
    """
    title, legend, words = map_words(material.result), _legend(material), _words(material)
    plan = _plan(shape, title, legend, words, len(ticks(material.maker.options.map_range)))
    lines = _broken(words, plan)
    image = Image.new("RGB", (plan.width, plan.below + len(lines) * plan.step + plan.size // 4))
    draw = ImageDraw.Draw(image)
    draw.text((plan.left, plan.size // 4), title, TEXT_RGB, font(plan.size))
    _bar(image, draw, material, plan)
    _list(draw, legend, plan)
    for number, line in enumerate(lines):
        x = plan.size // 2
        for text, rgb in line:
            draw.text((x, plan.below + number * plan.step), text, rgb, font(plan.size))
            x += round(font(plan.size).getlength(text)) + plan.size
    _sides(draw, patient_orientation(material.slices.orientation), ever, plan)
    return np.asarray(image)


def _words(material: Material) -> list[tuple[str, Rgb]]:
    signal = material.say("TSPO signal, {tracer}", tracer=shown(material.result.tracer.name))
    return [(signal, TEXT_RGB), (material.say("RESEARCH USE ONLY"), WARNING_RGB)]


def _legend(material: Material) -> list[Entry]:
    """The phenotypes that are drawn, then the raised signal."""
    say = material.say
    names = {
        Phenotype.RIM_ACTIVE: say("rim-active"),
        Phenotype.OVERALL_ACTIVE: say("overall-active"),
        Phenotype.INACTIVE: say("inactive"),
        Phenotype.INDETERMINATE: say("indeterminate"),
        Phenotype.NOT_RESOLVABLE: say("not resolvable"),
        None: say("lesion"),
    }
    drawn = {lesion.phenotype for lesion in material.result.lesions if lesion.number not in material.lesions.outside}
    entries = [Entry(words, lesion_rgb(phenotype)) for phenotype, words in names.items() if phenotype in drawn]
    return [*entries, *([Entry(say("raised signal"), RAISED_RGB, line="dotted")] if material.raised.array.any() else [])]


def _plan(shape: tuple[int, ...], title: str, legend: Sequence[Entry], words: Sequence[tuple[str, Rgb]], marks: int) -> _Plan:
    rows, columns = shape
    size = number_size(shape)
    long = font(size).getlength
    step, lead = round(1.2 * size), size + size // 3
    column = max(long(title), *(lead + long(entry.words) for entry in legend), 4.5 * size) if legend else max(long(title), 4.5 * size)
    width = max(columns + size // 2 + round(column) + size // 4, round(max(long(text) for text, _ in words)) + size)
    around = 2 * step + step * len(legend) + size
    bar = max(rows - around, round(marks * 0.95 * size))
    return _Plan(rows, columns, size, bar, width, max(rows, bar + around) + size // 4)


def _broken(words: Sequence[tuple[str, Rgb]], plan: _Plan) -> list[list[tuple[str, Rgb]]]:
    """Pieces in as few lines as hold them."""
    lines: list[list[tuple[str, Rgb]]] = []
    x = plan.width
    for text, rgb in words:
        long = round(font(plan.size).getlength(text)) + plan.size
        if x + long > plan.width + plan.size // 2:
            lines.append([])
            x = plan.size // 2
        lines[-1].append((text, rgb))
        x += long
    return lines


def _bar(image: Image.Image, draw: ImageDraw.ImageDraw, material: Material, plan: _Plan) -> None:
    low, high = material.maker.options.map_range
    top = 2 * plan.step
    strip = colours(np.repeat(np.linspace(high, low, plan.bar)[:, None], round(1.2 * plan.size), axis=1), (low, high))
    # As the map is seen: over a middle grey of the MR.
    grounded = blend(np.full_like(strip, 96), strip, np.ones(strip.shape[:2], dtype=bool))
    image.paste(Image.fromarray(grounded), (plan.left, top))
    for value, words in ticks((low, high)):
        y = top + (high - value) / (high - low) * (plan.bar - 1)
        draw.text((plan.left + round(1.6 * plan.size), y), words, TEXT_RGB, font(plan.size), anchor="lm")


def _list(draw: ImageDraw.ImageDraw, legend: Sequence[Entry], plan: _Plan) -> None:
    y, thick = 2 * plan.step + plan.bar + plan.size // 2, max(2, plan.size // 5)
    for entry in legend:
        middle, long = y + plan.size // 2, plan.size if entry.line == "solid" else thick
        for left in range(plan.left, plan.left + plan.size, 2 * long):
            draw.rectangle((left, middle, left + long - 1, middle + thick - 1), entry.rgb)
        draw.text((plan.left + plan.size + plan.size // 3, y), entry.words, TEXT_RGB, font(plan.size))
        y += plan.step


def _sides(draw: ImageDraw.ImageDraw, along: Sequence[str], ever: Array, plan: _Plan) -> None:
    """Write the letters of the four sides."""
    right, bottom = along
    face = font(plan.size, bold=True)
    for letter, edge in ((OPPOSITE[right], "left"), (right, "right"), (OPPOSITE[bottom], "top"), (bottom, "bottom")):
        box = face.getbbox(letter, anchor="lt")
        row, column = _clear(ever, (int(box[3]), int(box[2])), edge)
        draw.text((column, row), letter, TEXT_RGB, face, anchor="lt")


def _clear(ever: Array, box: tuple[int, int], edge: str) -> tuple[int, int]:
    """Where a box of (rows, columns) stands at an edge: the place nearest to its middle that is clear, else the middle."""
    last = max(ever.shape[0] - box[0] - 1, 0), max(ever.shape[1] - box[1] - 1, 0)
    along = 0 if edge in ("left", "right") else 1
    fixed = min(1, last[1 - along]) if edge in ("left", "top") else last[1 - along]
    for at in sorted(range(last[along] + 1), key=lambda at: abs(at - last[along] / 2)):
        row, column = (at, fixed) if along == 0 else (fixed, at)
        if not ever[row : row + box[0], column : column + box[1]].any():
            return row, column
    return (last[0] // 2, fixed) if along == 0 else (fixed, last[1] // 2)
