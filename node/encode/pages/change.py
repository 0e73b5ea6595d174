"""Page 4, change: what differs from the patient's earlier exams, and whether that is more than an unchanged person shows.

Facts alone: no advice is drawn from them here.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.encode.canvas import GUTTER, SOFT, Canvas, Style
from node.encode.flow import Section, fill, height_of
from node.encode.material import Material
from node.encode.page import BODY_TOP, CHANGE, LEFT, RIGHT, columns, start_page
from node.encode.pages.change_tables import change_section, fate_section, lesion_section, visit_section
from node.encode.pages.spread import spread
from node.encode.pages.timeline import REGIONS, draw_timeline

PLOT_HEIGHT = 190
NO_X_WORDS = 22
"""What a plot leaves free below the words of its ticks, since an axis of dates needs none."""


def draw_change(material: Material) -> list[Canvas]:
    """The pages, still without their feet; none where the patient has no earlier exam."""
    if not material.history.visits:
        return []
    page = start_page(material, CHANGE)
    left, right = (change_section(material), fate_section(material)), _told((visit_section(material), lesion_section(material)))
    boxes = columns(2, top=_plots(page, material))
    if all(height_of(part, box.width) <= box.height for part, box in zip((left, right), boxes, strict=True)):
        for part, box in zip((left, right), boxes, strict=True):
            fill(page, box, part)
        return [page]
    sections: Sequence[Section] = (*left, *right)
    for box in boxes:
        sections = fill(page, box, sections)
    return [page, *spread(material, CHANGE, sections)]


def _told(sections: Sequence[Section]) -> tuple[Section, ...]:
    return tuple(section for section in sections if section.rows)


def _plots(page: Canvas, material: Material) -> int:
    """One plot a region, side by side, and what their signs mean; where they end."""
    bottom = BODY_TOP + PLOT_HEIGHT
    for box, region in zip(columns(len(REGIONS), bottom=bottom), REGIONS, strict=True):
        draw_timeline(page, box, material, region)
    say = material.say
    told = [say("● exams that are alike, this one in white; bars: standard error from the image's noise.")]
    told += [say("□ with a letter: unlike this exam, not compared.")] if any(visit.unlike for visit in material.history.visits) else []
    told += [say("Band: repeatability around the earlier value.")] if any(c.repeatability for c in material.history.changes) else []
    return page.lines(LEFT, bottom - NO_X_WORDS, RIGHT - LEFT, " ".join(told), Style.SMALL, SOFT) + GUTTER // 2
