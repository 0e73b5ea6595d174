"""What is the same on every picture of the overlay: words, colour bar and legend below it, and the letters of the sides.

The letters stand at the edges of the picture itself, as near the middle as the brain leaves room in every slice; all else is below. We
chose below, because radiologists hang overlay and MR side by side, so that height is what a monitor has left; a column of words at the
right made the head a quarter smaller, and the series 2 MB larger.
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
LineStyle = Literal["none", "solid", "dotted"]


@dataclass(frozen=True)
class Piece:
    """Words that are not broken, with the piece of line in front that they explain."""

    words: str
    rgb: Rgb = TEXT_RGB
    line: LineStyle = "none"
    line_rgb: Rgb = TEXT_RGB


@dataclass(frozen=True)
class _Strip:
    """The strip below a picture: size of its letters, and its width (pixels)."""

    size: int
    width: int

    @property
    def step(self) -> int:
        """From line to line."""
        return round(1.2 * self.size)

    @property
    def lead(self) -> int:
        """Room for a piece of line, and the gap after it."""
        return self.size + self.size // 3

    def length(self, piece: Piece) -> int:
        """Of a piece, without what is between two."""
        return round(font(self.size).getlength(piece.words)) + (self.lead if piece.line != "none" else 0)


def draw_margin(material: Material, shape: tuple[int, ...], ever: Array) -> Array:
    """A page (R + r, C + c, 3) uint8 without its picture, which begins at its first pixel.

    Parameters
    ----------
    shape : (R, C) of the picture
    ever : (R, C) bool, where any slice shows what no letter may cover
    """
    rows, columns = shape
    words, legend = _words(material), _legend(material)
    strip = _Strip(number_size(shape), max(columns, _narrowest(number_size(shape), [*words, *legend])))
    above, below = _broken(words, strip), _broken(legend, strip)
    bar = rows + strip.size // 3 + len(above) * strip.step
    bottom = bar + 2 * strip.step + len(below) * strip.step + strip.size // 3
    image = Image.new("RGB", (strip.width, bottom))
    draw = ImageDraw.Draw(image)
    _write(draw, above, strip, rows + strip.size // 3)
    _bar(image, draw, material.maker.options.map_range, strip, bar)
    _write(draw, below, strip, bar + 2 * strip.step)
    _sides(draw, patient_orientation(material.slices.orientation), ever)
    return np.asarray(image)


def _words(material: Material) -> list[Piece]:
    say = material.say
    return [
        Piece(say("TSPO signal")),
        Piece(say("RESEARCH USE ONLY"), WARNING_RGB),
        Piece(map_words(material.result)),
        Piece(shown(material.result.tracer.name)),
    ]


def _legend(material: Material) -> list[Piece]:
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
    pieces = [Piece(words, line="solid", line_rgb=lesion_rgb(kind)) for kind, words in names.items() if kind in drawn]
    return [*pieces, *([Piece(say("raised signal"), line="dotted", line_rgb=RAISED_RGB)] if material.raised.array.any() else [])]


def _narrowest(size: int, pieces: Sequence[Piece]) -> int:
    """The width that holds the longest piece, and a colour bar with its marks."""
    alone = _Strip(size, 0)
    return max(*(alone.length(piece) for piece in pieces), 14 * size) + size


def _broken(pieces: Sequence[Piece], strip: _Strip) -> list[list[tuple[int, Piece]]]:
    """Pieces, each with its left edge, in as few lines as hold them in their order."""
    lines: list[list[tuple[int, Piece]]] = []
    x = strip.width
    for piece in pieces:
        if x + strip.length(piece) > strip.width:
            lines.append([])
            x = strip.size // 3
        lines[-1].append((x, piece))
        x += strip.length(piece) + round(0.6 * strip.size)
    return lines


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[Sequence[tuple[int, Piece]]], strip: _Strip, top: int) -> None:
    for number, line in enumerate(lines):
        y = top + number * strip.step
        for x, piece in line:
            _swatch(draw, piece, strip.size, (x, y + strip.size // 2))
            left = x + (strip.lead if piece.line != "none" else 0)
            draw.text((left, y), piece.words, piece.rgb, font(strip.size))


def _swatch(draw: ImageDraw.ImageDraw, piece: Piece, size: int, start: tuple[int, int]) -> None:
    if piece.line == "none":
        return
    thick = max(2, size // 5)
    long = size if piece.line == "solid" else thick
    for left in range(start[0], start[0] + size, 2 * long):
        draw.rectangle((left, start[1], left + long - 1, start[1] + thick - 1), piece.line_rgb)


def _bar(image: Image.Image, draw: ImageDraw.ImageDraw, limits: tuple[float, float], strip: _Strip, top: int) -> None:
    low, high = limits
    left, long, tall = strip.size // 3, strip.width - 2 * (strip.size // 3), round(0.8 * strip.size)
    values = colours(np.repeat(np.linspace(low, high, long)[None], tall, axis=0), limits)
    # As the map is seen: over a middle grey of the MR.
    image.paste(Image.fromarray(blend(np.full_like(values, 96), values, np.ones(values.shape[:2], dtype=bool))), (left, top))
    marks = ticks(limits)
    free: tuple[float, float] = (left, left + long)
    for value, words in (marks[0], marks[-1], *marks[1:-1]):  # the ends first: one between them that would touch another is left out
        half = font(strip.size).getlength(words) / 2
        x = min(max(left + (value - low) / (high - low) * (long - 1), left + half), left + long - half)
        if value in limits or (free[0] <= x - half and x + half <= free[1]):
            draw.text((round(x), top + strip.size), words, TEXT_RGB, font(strip.size), anchor="ma")
            free = (free[0], x - half - strip.size // 3) if value == high else (x + half + strip.size // 3, free[1])


def _sides(draw: ImageDraw.ImageDraw, along: Sequence[str], ever: Array) -> None:
    """Write the letters of the four sides."""
    right, bottom = along
    face = font(number_size(ever.shape), bold=True)
    for letter, edge in ((OPPOSITE[right], "left"), (right, "right"), (OPPOSITE[bottom], "top"), (bottom, "bottom")):
        _, _, wide, high = face.getbbox(letter, anchor="lt")
        row, column = _clear(ever, (int(high), int(wide)), edge)
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
