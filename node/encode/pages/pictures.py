"""Three planes side by side with the colour bar and what the outlines mean."""

from __future__ import annotations

import numpy as np

from node.domain.volume import Array
from node.encode.canvas import INK, SOFT, Box, Canvas, Colour, Style, width_of
from node.encode.colour import RAISED_RGB, blend, colours, ticks
from node.encode.material import Material
from node.encode.planes import ROOM_MM, Plane, Point, choose_point, draw_planes

CAPTION, BAR_WIDTH, BETWEEN, APART = 26, 96, 16, 22
UNDER_BAR = 96
"""The grey of the MR that the colours of a bar lie on, as they do on the pictures."""


def draw_pictures(page: Canvas, material: Material, box: Box) -> None:
    """The three planes as large as the box holds them, colour bar and legend."""
    point = choose_point(material)
    legend = _legend(material, point, box.width)
    words_top = box.bottom - len(legend) * Style.SMALL.step
    wide = (box.width - 3 * BETWEEN - BAR_WIDTH) / sum(width for _, width in ROOM_MM.values())
    high = (words_top - 4 - box.top - CAPTION) / max(height for height, _ in ROOM_MM.values())
    planes = draw_planes(material, point, pixels_per_mm=min(wide, high))
    left, top = box.left, box.top + CAPTION
    for plane in planes:
        _picture(page, plane, left, top)
        left += plane.rgb.shape[1] + BETWEEN
    bottom = top + max(int(plane.rgb.shape[0]) for plane in planes)
    draw_bar(page, Box(left, top, box.right, bottom), material.maker.options.map_range, material.result.primary.quantity.value)
    for number, line in enumerate(legend):
        _draw_line(page, box.left, bottom + 4 + number * Style.SMALL.step, line)


def draw_bar(page: Canvas, box: Box, limits: tuple[float, float], quantity: str) -> None:
    """A colour bar that fills the height of a box, its quantity and unit above it, its values beside it.

    Parameters
    ----------
    limits : values at the bottom and at the top
    quantity : a ratio's name; its unit is 1
    """
    low, high = limits
    page.text(box.left, box.top - CAPTION, f"{quantity} (1)", Style.SMALL_STRONG)
    bar = Box(box.left, box.top + 4, box.left + 26, box.bottom - 8)
    page.paste(_bar(bar, limits), bar.left, bar.top)
    for value, text in ticks(limits):
        y = bar.bottom - round((value - low) / (high - low) * bar.height)
        page.text(bar.right + 8, y, text, Style.SMALL, anchor="lm")


def _picture(page: Canvas, plane: Plane, left: int, top: int) -> None:
    height, width = plane.rgb.shape[:2]
    # On a small picture the place alone: its letter tells the plane.
    caption = plane.caption if width_of(plane.caption, Style.SMALL) <= width else plane.caption.split(", ")[-1]
    page.text(left, top - CAPTION, caption, Style.SMALL, SOFT)
    page.paste(plane.rgb, left, top)
    page.mark(left + 8, top + height // 2, plane.sides[0], anchor="lm")
    page.mark(left + width - 8, top + height // 2, plane.sides[1], anchor="rm")


def _bar(box: Box, limits: tuple[float, float]) -> Array:
    values = np.linspace(limits[1], limits[0], box.height)
    strip = colours(np.repeat(values[:, None], box.width, axis=1), limits)
    return blend(np.full_like(strip, UNDER_BAR), strip, np.ones(strip.shape[:2], dtype=bool))


Words = tuple[str, Colour]


def _legend(material: Material, point: Point, width: int) -> list[list[Words]]:
    """What the outlines are and where the planes lie, in as many lines as that takes."""
    say = material.say
    words = (
        *(((say("— lesion, coloured by type"), INK),) if material.result.lesions else ()),
        *(((say("··· raised TSPO signal"), RAISED_RGB),) if material.result.raised.array.any() else ()),
        (say("On the T1, {why}.", why=say(point.why, number=point.lesion)), SOFT),
    )
    lines: list[list[Words]] = [[]]
    for text, colour in words:
        if lines[-1] and sum(width_of(t, Style.SMALL) + APART for t, _ in lines[-1]) + width_of(text, Style.SMALL) > width:
            lines.append([])
        lines[-1].append((text, colour))
    return lines


def _draw_line(page: Canvas, x: int, y: int, line: list[Words]) -> None:
    for text, colour in line:
        page.text(x, y, text, Style.SMALL, colour)
        x += width_of(text, Style.SMALL) + APART
