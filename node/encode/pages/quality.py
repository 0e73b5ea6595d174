"""Page 5, quality: whether the images lie on each other, whether the head moved, and every check in words.

The first page holds the pictures and what a reader must know: motion, what did not pass, what was not computed, what a person corrected,
dose and times. What passed follows on as many pages as it needs.
"""

from __future__ import annotations

import numpy as np

from node.encode.canvas import GUTTER, SOFT, Box, Canvas, Style
from node.encode.flow import Column, Row, Section, TableRow, fill, paragraphs
from node.encode.material import Material
from node.encode.page import BODY_BOTTOM, BODY_TOP, LEFT, QUALITY, RIGHT, start_page
from node.encode.pages.answer import carried_over
from node.encode.pages.check_table import failed_section, passed_sections
from node.encode.pages.contours import draw_layers, layers
from node.encode.pages.motion import motion_lines
from node.encode.pages.spread import spread
from node.encode.plot import Axes, draw_plot
from node.encode.words import shown

PICTURES_WIDTH, PLOT_HEIGHT = 790, 210
SHOWN = ("Injected activity", "Injected at", "Start of the scan", "Frames", "Time zero", "Weight", "Decay-corrected to")
"""What is told of dose and times; the physicist's page has the whole chain."""

_DOSE = (Column(200, "left"), Column(480, "left"))


def draw_quality(material: Material) -> list[Canvas]:
    """The pages, still without their feet."""
    page = start_page(material, QUALITY)
    bottom = draw_layers(page, Box(LEFT, BODY_TOP, LEFT + PICTURES_WIDTH, BODY_BOTTOM), material, layers(material))
    side = Box(LEFT + PICTURES_WIDTH + GUTTER, BODY_TOP, RIGHT, BODY_BOTTOM)
    top = _motion(page, material, side)
    told = (
        failed_section(material),
        _not_computed(material),
        _corrections(material),
        _dose(material),
        *carried_over(material),
        *passed_sections(material),
    )
    told = tuple(section for section in told if section.rows)
    rest = fill(page, Box(side.left, top, side.right, side.bottom), told)
    rest = fill(page, Box(LEFT, bottom + GUTTER, LEFT + PICTURES_WIDTH, BODY_BOTTOM), rest)
    return [page, *spread(material, QUALITY, rest)]


def _motion(page: Canvas, material: Material, side: Box) -> int:
    """The curve of motion, or why there is none; where it ends."""
    say, frames = material.say, len(material.exam.pet.timing)
    if frames == 1:
        return page.lines(side.left, side.top, side.width, say("One frame: no motion to measure."), Style.SMALL, SOFT) + GUTTER // 2
    lines = motion_lines(material)
    compared = int(np.isfinite(lines[0].y).sum())
    title = Axes(say("Motion of the head"), say("min after time zero"), say("mm, largest in the head"), floor=0.0, ceiling=1.0)
    draw_plot(page, Box(side.left, side.top, side.right, side.top + PLOT_HEIGHT), title, lines)
    told = [say("{compared} of {frames} frames were compared.", compared=compared, frames=frames)]
    told += [say("Orange: the limit, {limit} mm.", limit=f"{line.y[0]:g}") for line in lines[1:]]
    return page.lines(side.left, side.top + PLOT_HEIGHT, side.width, " ".join(told), Style.SMALL, SOFT) + GUTTER // 2


def _not_computed(material: Material) -> Section:
    lines = [
        row for text in material.result.not_computed for row in paragraphs(material.say.sentence(shown(text)), mark="–", style=Style.SMALL)
    ]
    return Section(material.say("Not computed"), tuple(lines))


def _corrections(material: Material) -> Section:
    rows: list[Row] = []
    for made in material.exam.corrections:
        told = f"{made.what.value} {made.text}: {made.reason} ({made.author}, {made.made_at:%Y-%m-%d %H:%M})"
        rows += paragraphs(shown(told), mark="•", style=Style.SMALL)
    return Section(material.say("Corrected by a person"), tuple(rows))


def _dose(material: Material) -> Section:
    say, chain = material.say, {item.name: item for item in material.exam.pet.chain}
    tracer = TableRow((say("Tracer"), shown(material.result.tracer.name)), _DOSE, Style.SMALL)
    values = [(say.sentence(name), say.sentence(shown(chain[name].value))) for name in SHOWN if name in chain]
    told = (TableRow(cells, _DOSE, Style.SMALL) for cells in values)
    rows = (tracer, *told)
    return Section(material.say("Dose and times"), rows)
