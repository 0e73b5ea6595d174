"""Page 4, change: what differs from the patient's earlier exams, and whether that is more than an unchanged person shows.

Facts alone: no advice is drawn from them here.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.encode.canvas import GUTTER, SOFT, Box, Canvas, Style
from node.encode.flow import Section, fill
from node.encode.material import Material
from node.encode.page import BODY_BOTTOM, BODY_TOP, CHANGE, LEFT, RIGHT, start_page
from node.encode.pages.change_tables import change_section, fate_section, lesion_section, visit_section
from node.encode.pages.spread import fill_whole, spread
from node.encode.pages.timeline import REGIONS, draw_timeline

PLOTS_WIDTH, PLOT_HEIGHT = 900, 244


def draw_change(material: Material) -> list[Canvas]:
    """The pages, still without their feet; none where the patient has no earlier exam."""
    if not material.history.visits:
        return []
    page = start_page(material, CHANGE)
    bottom = _plots(page, material)
    right: Sequence[Section] = (change_section(material), visit_section(material))
    left: Sequence[Section] = tuple(section for section in (fate_section(material), lesion_section(material)) if section.rows)
    right = fill(page, Box(LEFT + PLOTS_WIDTH + GUTTER, BODY_TOP, RIGHT, BODY_BOTTOM), right)
    left = fill_whole(page, Box(LEFT, bottom, LEFT + PLOTS_WIDTH, BODY_BOTTOM), left)
    return [page, *spread(material, CHANGE, (*left, *right))]


def _plots(page: Canvas, material: Material) -> int:
    """One plot a region, two by two, and what its signs mean; where they end."""
    width = (PLOTS_WIDTH - GUTTER) // 2
    for number, region in enumerate(REGIONS):
        left, top = LEFT + number % 2 * (width + GUTTER), BODY_TOP + number // 2 * PLOT_HEIGHT
        draw_timeline(page, Box(left, top, left + width, top + PLOT_HEIGHT), material, region)
    say, top = material.say, BODY_TOP + 2 * PLOT_HEIGHT
    told = [say("● exams that are alike, this one in white; bars: standard error from the image's noise.")]
    told += [say("□ with a letter: unlike this exam, not compared.")] if any(visit.unlike for visit in material.history.visits) else []
    told += [say("Band: repeatability around the earlier value.")] if any(c.repeatability for c in material.history.changes) else []
    return page.lines(LEFT, top, PLOTS_WIDTH, " ".join(told), Style.SMALL, SOFT) + GUTTER // 2
