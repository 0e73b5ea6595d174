"""Plot: lines and points over two axes, drawn in the manner of the pages.

The data are drawn at three times the size and averaged, so that lines are smooth; text is drawn on the page itself. Colours are told apart
with any colour vision (Okabe and Ito 2008, lightened for a dark ground), and every line has a mark of its own besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from node.domain.volume import Array
from node.encode.canvas import GROUND, INK, RULE, SOFT, Box, Canvas, Colour, Style, width_of

PALETTE: tuple[Colour, ...] = (
    *((236, 239, 243), (86, 180, 233), (230, 159, 0), (64, 200, 150)),
    *((240, 228, 66), (213, 110, 50), (214, 139, 182)),
)
MARKS = ("circle", "square", "diamond", "up", "down")
FINE = 3
LEFT_ROOM, BOTTOM_ROOM, TOP_ROOM, RIGHT_ROOM = 66, 52, 34, 16
MOST_TICKS = 6
BLEED = 6
"""Pixels around the axes' field, so that a mark on its border is whole."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a plot.

    Parameters
    ----------
    x, y : (n,) points; those that are not finite are left out
    label : for the legend, empty for none
    joined : whether the points are joined
    hollow : (n,) bool, points drawn hollow because they were not used; None draws all alike
    error : (n,) half the length of each point's error bar, NaN for none; None draws no bar
    """

    x: Array
    y: Array
    label: str
    colour: Colour
    mark: str = ""
    joined: bool = True
    hollow: Array | None = None
    error: Array | None = None


@dataclass(frozen=True)
class Band:
    """A range of y values over a range of x values, filled."""

    x: tuple[float, float]
    y: tuple[float, float]
    colour: Colour


@dataclass(frozen=True)
class Axes:
    """Title and the words along the axes, unit included.

    `floor` and `ceiling` are held within the y axis where they are given; `x_ticks` are places along x with their words, round numbers
    where there are none: the first and the last are the ends of the axis.
    """

    title: str
    x: str
    y: str
    floor: float | None = None
    ceiling: float | None = None
    x_ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Frame:
    """Where a plot's axes lie on the page: the field, and the values (x0, x1, y0, y1) at its borders."""

    field: Box
    limits: tuple[float, float, float, float]

    def at(self, x: float, y: float) -> tuple[int, int]:
        """The pixel of a point."""
        x0, x1, y0, y1 = self.limits
        right, up = (x - x0) / (x1 - x0) * (self.field.width - 1), (y - y0) / (y1 - y0) * (self.field.height - 1)
        return self.field.left + round(right), self.field.bottom - 1 - round(up)


def draw_plot(canvas: Canvas, box: Box, axes: Axes, lines: Sequence[Line], bands: Sequence[Band] = ()) -> Frame:
    """Draw a plot into a box of the page, bands below lines; where its axes lie."""
    inner = Box(box.left + LEFT_ROOM, box.top + TOP_ROOM, box.right - RIGHT_ROOM, box.bottom - BOTTOM_ROOM)
    x_ticks = np.array([x for x, _ in axes.x_ticks]) if axes.x_ticks else nice_ticks(*_span([line.x for line in lines]))
    heights = [*(reach for line in lines for reach in _reach(line)), *(np.array(band.y) for band in bands)]
    y_ticks = nice_ticks(*_span(heights, axes.floor, axes.ceiling))
    limits = (float(x_ticks[0]), float(x_ticks[-1]), float(y_ticks[0]), float(y_ticks[-1]))
    canvas.paste_drawing(_data(inner, limits, lines, bands, x_ticks, y_ticks), inner.left - BLEED, inner.top - BLEED, fine=FINE)
    canvas.text(box.left, box.top, axes.title, Style.SMALL_STRONG)
    x_words = [words for _, words in axes.x_ticks] or [_number(value, x_ticks) for value in x_ticks]
    _ticks(canvas, inner, x_ticks, x_words, y_ticks)
    canvas.text(inner.right, inner.bottom + 28, axes.x, Style.SMALL, SOFT, anchor="ra")
    canvas.text(box.right - RIGHT_ROOM, box.top, axes.y, Style.SMALL, SOFT, anchor="ra")
    return Frame(inner, limits)


def draw_legend(canvas: Canvas, box: Box, lines: Sequence[Line]) -> int:
    """One row for every labelled line, in several columns where they fit; where the next row would begin."""
    named = [line for line in lines if line.label]
    wide = max((width_of(line.label, Style.SMALL) for line in named), default=1) + 56
    columns = max(1, box.width // wide)
    for number, line in enumerate(named):
        left, top = box.left + (number % columns) * wide, box.top + number // columns * Style.SMALL.step
        canvas.paste_drawing(_sample(line), left, top + 2, fine=FINE)
        canvas.text(left + 38, top, line.label, Style.SMALL, INK)
    return box.top + -(-len(named) // columns) * Style.SMALL.step


def nice_ticks(low: float, high: float) -> Array:
    """(n,) round numbers that hold a span, at most `MOST_TICKS` + 1 of them."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    for step in sorted(base * 10.0**power for power in range(-9, 10) for base in (1, 2, 2.5, 5)):
        first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
        if last - first <= MOST_TICKS:
            return np.asarray(np.arange(first, last + 1) * step)
    raise ValueError(f"expected a span of ordinary numbers; found {low} to {high}")


def _span(values: Sequence[Array], *held: float | None) -> tuple[float, float]:
    parts = [np.ravel(v)[np.isfinite(np.ravel(v))] for v in values] + [np.array([h]) for h in held if h is not None]
    everything = np.concatenate(parts) if parts else np.array([])
    return (float(everything.min()), float(everything.max())) if everything.size else (0.0, 1.0)


def _reach(line: Line) -> tuple[Array, ...]:
    """The line's y values, and the ends of its error bars."""
    if line.error is None:
        return (line.y,)
    error = np.nan_to_num(line.error)
    return line.y - error, line.y + error


def _data(inner: Box, limits: tuple[float, ...], lines: Sequence[Line], bands: Sequence[Band], x_ticks: Array, y_ticks: Array) -> Array:
    width, height = inner.width, inner.bottom - inner.top
    image = Image.new("RGB", ((width + 2 * BLEED) * FINE, (height + 2 * BLEED) * FINE), GROUND)
    draw = ImageDraw.Draw(image)
    left, top = BLEED * FINE, BLEED * FINE
    for band in bands:
        (x0, x1), (y0, y1) = (_place(np.array(ends), part, size) for ends, part, size in _ends(band, limits, width, height))
        corners = (x0 * FINE + left, (height - 1 - y1) * FINE + top, x1 * FINE + left, (height - 1 - y0) * FINE + top)
        draw.rectangle([float(corner) for corner in corners], band.colour)
    for y in (height - 1 - _place(y_ticks, limits[2:], height)) * FINE + top:
        draw.line((left, y, left + width * FINE, y), RULE, FINE - 1)
    for x in _place(x_ticks, limits[:2], width) * FINE + left:
        draw.line((x, top, x, top + height * FINE), RULE, FINE - 1)
    for line in lines:
        good = np.isfinite(line.x) & np.isfinite(line.y)
        right, up = _place(line.x[good], limits[:2], width), _place(line.y[good], limits[2:], height)
        points = np.stack([right * FINE + left, (height - 1 - up) * FINE + top], axis=1)
        if line.error is not None:
            _draw_errors(draw, points, line.error[good] / (limits[3] - limits[2]) * (height - 1) * FINE, line.colour)
        _draw_line(draw, points, line, np.zeros(good.sum(), bool) if line.hollow is None else line.hollow[good])
    return np.asarray(image)


def _place(values: Array, limits: tuple[float, ...], size: int) -> Array:
    return np.asarray((values - limits[0]) / (limits[1] - limits[0]) * (size - 1))


def _ends(band: Band, limits: tuple[float, ...], width: int, height: int) -> tuple[tuple[tuple[float, ...], tuple[float, ...], int], ...]:
    return (band.x, limits[:2], width), (band.y, limits[2:], height)


def _draw_errors(draw: ImageDraw.ImageDraw, points: Array, lengths: Array, colour: Colour) -> None:
    cap = 4 * FINE
    for (x, y), length in zip(points.tolist(), lengths.tolist(), strict=True):
        if np.isfinite(length):
            draw.line((x, y - length, x, y + length), colour, FINE)
            for end in (y - length, y + length):
                draw.line((x - cap, end, x + cap, end), colour, FINE)


def _draw_line(draw: ImageDraw.ImageDraw, points: Array, line: Line, hollow: Array) -> None:
    if line.joined and len(points) > 1:
        draw.line([(float(x), float(y)) for x, y in points], line.colour, 2 * FINE, joint="curve")
    if line.mark:
        for (x, y), empty in zip(points, hollow, strict=True):
            draw.polygon(_mark(line.mark, float(x), float(y)), fill=GROUND if empty else line.colour, outline=line.colour, width=FINE)


def _mark(name: str, x: float, y: float) -> list[tuple[float, float]]:
    corners, turn = {"circle": (16, 0.0), "square": (4, 45.0), "diamond": (4, 0.0), "up": (3, -90.0), "down": (3, 90.0)}[name]
    angles = np.radians(turn + 360.0 * np.arange(corners) / corners)
    size = 4.5 * FINE
    return [(x + size * float(np.cos(a)), y + size * float(np.sin(a))) for a in angles]


def _sample(line: Line) -> Array:
    image = Image.new("RGB", (30 * FINE, 18 * FINE), GROUND)
    middle = np.array([[15.0, 9.0]]) * FINE
    draw = ImageDraw.Draw(image)
    if line.joined:
        draw.line((0, 9 * FINE, 30 * FINE, 9 * FINE), line.colour, 2 * FINE)
    _draw_line(draw, middle, line, np.zeros(1, bool))
    return np.asarray(image)


def _ticks(canvas: Canvas, inner: Box, x_ticks: Array, x_words: Sequence[str], y_ticks: Array) -> None:
    for words, x in zip(x_words, _place(x_ticks, (x_ticks[0], x_ticks[-1]), inner.width), strict=True):
        canvas.text(inner.left + round(float(x)), inner.bottom + 6, words, Style.SMALL, SOFT, anchor="ma")
    height = inner.bottom - inner.top
    for value, y in zip(y_ticks, _place(y_ticks, (y_ticks[0], y_ticks[-1]), height), strict=True):
        canvas.text(inner.left - 8, inner.bottom - round(float(y)), _number(value, y_ticks), Style.SMALL, SOFT, anchor="rm")


def _number(value: float, ticks: Array) -> str:
    step = float(ticks[1] - ticks[0])
    digits = next(d for d in range(10) if abs(round(step, d) - step) < 1e-9 * step + 1e-12)
    return f"{value:.{digits}f}".replace("-0.0", "0.0").replace("-", "−")
