"""The summary: the page that a radiologist reads first, and further pages with what does not fit on it.

From top to bottom as it is asked: who, when, what with; the answer in one sentence; where, as three planes; how much, as tables;
can it be trusted, as checks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.domain.exam import MrSeries, Role
from node.domain.volume import Array
from node.encode import sections
from node.encode.canvas import GUTTER, SOFT, Box, Canvas, Style, wrap
from node.encode.capture import write_pages
from node.encode.colour import LESION_RGB, RAISED_RGB, blend, colours, ticks
from node.encode.flow import Section, fill, height_of
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.page import BODY_BOTTOM, BODY_TOP, LEFT, NO_FREE_REGION, RIGHT, close_pages, series_words, start_page, study_words
from node.encode.planes import ROOM_MM, Plane, Point, choose_point, draw_planes
from node.encode.words import moment_words, region_words, shown, window_words

TITLE = "TSPO PET and MR"
TABLES_HEIGHT = 332
BAR_WIDTH = 150


def encode_summary(material: Material) -> tuple[Encoded, ...]:
    """The summary's pages as secondary captures in the PET's study."""
    pages = close_pages(draw_summary(material), material.result.provenance, remark=NO_FREE_REGION)
    return write_pages(pages, Kind.SUMMARY, material, description="RESEARCH TSPO signal summary")


def draw_summary(material: Material) -> list[Canvas]:
    """The pages, still without their feet."""
    page = start_page(material, TITLE)
    y = _inputs(page, material, BODY_TOP)
    page.rule(LEFT, RIGHT, y)
    y = page.lines(LEFT, y + 14, RIGHT - LEFT, shown(material.result.headline), Style.HEADLINE) + 8
    y = _pictures(page, material, Box(LEFT, y, RIGHT, BODY_BOTTOM - TABLES_HEIGHT - 16))
    left_over = _tables(page, material, y + 16)
    return [page, *_further(material, left_over)]


def _inputs(page: Canvas, material: Material, top: int) -> int:
    """Four columns: PET, T1, FLAIR, tracer; where they end."""
    columns = (_pet(material), _mr(material, Role.T1), _mr(material, Role.FLAIR), _tracer(material))
    width = (RIGHT - LEFT - 3 * GUTTER) // 4
    bottom = top
    for number, (title, *lines) in enumerate(columns):
        left = LEFT + number * (width + GUTTER)
        y = page.lines(left, top, width, title, Style.SMALL_STRONG, SOFT)
        for line in lines:
            y = page.lines(left, y, width, line, Style.SMALL)
        bottom = max(bottom, y)
    return bottom + 10


def _pet(material: Material) -> tuple[str, ...]:
    source = material.exam.pet.source
    return ("PET", *series_words(source.description, source.acquired_at, material.say), *study_words(material.pet_header, material.say))


def _mr(material: Material, role: Role) -> tuple[str, ...]:
    series: MrSeries | None = material.exam.t1 if role is Role.T1 else material.exam.flair
    if series is None:
        return (role.value, "none")
    here = " (results are shown on it)" if series is material.reading else ""
    words = (role.value + here, *series_words(series.source.description, series.source.acquired_at, material.say))
    same_study = series.source.study_uid == material.slices.header.StudyInstanceUID
    return (*words, *study_words(material.slices.header, material.say)) if same_study else words


def _tracer(material: Material) -> tuple[str, ...]:
    tracer = material.result.tracer
    genotype = material.exam.subject.genotype or ("unknown" if tracer.genotype_sensitive else "unknown, matters little here")
    return (
        "Tracer",
        f"{shown(tracer.name)}, {_dose(material)}",
        f"window {window_words(tracer)} after injection",
        f"reference {region_words(tracer.reference).lower()}",
        f"TSPO genotype (rs6971) {genotype}",
    )


def _dose(material: Material) -> str:
    dose, scan = material.exam.pet.administration, material.exam.pet.source.acquired_at
    activity = f"{dose.activity_bq / 1e6:.0f} MBq" if dose.activity_bq else "activity unknown"
    if dose.injected_at is None:
        return f"{activity}, injected at an unknown time"
    same_day = scan is not None and scan.date() == dose.injected_at.date()
    return f"{activity} at {dose.injected_at.strftime('%H:%M') if same_day else moment_words(dose.injected_at)}"


def _pictures(page: Canvas, material: Material, box: Box) -> int:
    """Three planes side by side with colour bar and legend; where they end."""
    caption = 26
    wide = (RIGHT - LEFT - 3 * GUTTER - BAR_WIDTH) / sum(width for _, width in ROOM_MM.values())
    high = (box.bottom - box.top - caption) / max(height for height, _ in ROOM_MM.values())
    scale = min(wide, high)
    point = choose_point(material)
    planes = draw_planes(material, point, pixels_per_mm=scale)
    left = box.left
    for plane in planes:
        _picture(page, plane, left, box.top + caption)
        left += plane.rgb.shape[1] + GUTTER
    tall = max(int(plane.rgb.shape[0]) for plane in planes)
    _legend(page, material, point, Box(left, box.top + caption, box.right, box.top + caption + tall))
    return box.top + caption + tall


def _picture(page: Canvas, plane: Plane, left: int, top: int) -> None:
    height, width = plane.rgb.shape[:2]
    page.text(left, top - 26, plane.caption, Style.SMALL, SOFT)
    page.paste(plane.rgb, left, top)
    page.mark(left + 8, top + height // 2, plane.sides[0], anchor="lm")
    page.mark(left + width - 8, top + height // 2, plane.sides[1], anchor="rm")


def _legend(page: Canvas, material: Material, point: Point, box: Box) -> None:
    page.text(box.left, box.top - 26, f"{material.result.primary.quantity.value} (unit 1)", Style.SMALL_STRONG)
    low, high = material.maker.options.map_range
    words = _legend_words(material, point)
    needed = sum(len(wrap(text, Style.SMALL, box.width)) for text, _ in words) * Style.SMALL.step + 12
    bar = Box(box.left, box.top + 8, box.left + 30, max(box.top + 120, box.bottom - needed - 16))
    page.paste(_bar(bar, (low, high)), bar.left, bar.top)
    for value, text in ticks((low, high)):
        y = bar.bottom - round((value - low) / (high - low) * (bar.bottom - bar.top))
        page.text(bar.right + 10, y, text, Style.SMALL, anchor="lm")
    y = bar.bottom + 20
    for text, colour in words:
        y = page.lines(box.left, y, box.width, text, Style.SMALL, colour)


def _bar(box: Box, limits: tuple[float, float]) -> Array:
    values = np.linspace(limits[1], limits[0], box.bottom - box.top)
    strip = colours(np.repeat(values[:, None], box.width, axis=1), limits)
    # As the map is seen: over a middle grey of the MR.
    return blend(np.full_like(strip, 96), strip, np.ones(strip.shape[:2], dtype=bool))


def _legend_words(material: Material, point: Point) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    lesion = (("— lesion", LESION_RGB),) if material.result.lesions else ()
    raised = (("— raised TSPO signal", RAISED_RGB),) if material.result.raised.array.any() else ()
    return (*lesion, *raised, (f"On the T1, {point.why}.", SOFT))


def _tables(page: Canvas, material: Material, top: int) -> list[tuple[Section, ...]]:
    """Three columns of sections; what they did not hold."""
    width = (RIGHT - LEFT - 2 * GUTTER) // 3
    streams = (
        (sections.numbers(material),),
        (sections.lesions(material),),
        (sections.failed_checks(material), sections.not_computed(material), sections.passed_checks(material)),
    )
    left_over: list[tuple[Section, ...]] = []
    for number, stream in enumerate(streams):
        left = LEFT + number * (width + GUTTER)
        filled = [section for section in stream if section.rows]
        whole = top + height_of(filled, width) <= BODY_BOTTOM
        rest = fill(page, Box(left, top, left + width, BODY_BOTTOM if whole else BODY_BOTTOM - Style.SMALL.step), filled)
        if rest:
            words = "continued on page 2" if rest[0].continued else f"page 2: {rest[0].title}"
            page.text(left, BODY_BOTTOM - Style.SMALL.step + 2, words, Style.SMALL, SOFT)
        left_over.append(rest)
    return left_over


def _further(material: Material, streams: Sequence[tuple[Section, ...]]) -> list[Canvas]:
    """As many pages of two columns as the rest needs: tables on the left, words on the right, until one side is done."""
    pages = []
    width = (RIGHT - LEFT - GUTTER) // 2
    left, right = (*streams[0], *streams[1]), streams[2]
    while left or right:
        page = start_page(material, TITLE)
        left, right = (left, right) if left else (right, ())
        left = fill(page, Box(LEFT, BODY_TOP, LEFT + width, BODY_BOTTOM), left)
        left, right = (left, right) if right else ((), left)
        right = fill(page, Box(LEFT + width + GUTTER, BODY_TOP, RIGHT, BODY_BOTTOM), right)
        pages.append(page)
    return pages
