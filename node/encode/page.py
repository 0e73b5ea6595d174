"""What every page has: the patient above, what the page may be used for, and below what made it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydicom import Dataset

from node.domain.result import Provenance
from node.domain.volume import Array
from node.encode.canvas import GUTTER, HEIGHT, INK, MARGIN, SOFT, WARNING, WIDTH, Box, Canvas, Style, width_of, wrap
from node.encode.headers import short_digest
from node.encode.typeface import printable_name
from node.encode.words import dicom_moment_words, moment_words, shown

RESEARCH_USE = "RESEARCH USE ONLY – not for diagnosis or treatment decisions"
NO_FREE_REGION = (
    "There is no TSPO-free region in the brain: the reference region holds TSPO too. "
    "A raised ratio is a raised TSPO signal; it does not name the cell."
)

LEFT, RIGHT = MARGIN, WIDTH - MARGIN
HEAD_RULE = 104
BODY_TOP = HEAD_RULE + 14
BODY_BOTTOM = HEIGHT - 92
"""Everything between belongs to the page's own content."""


def open_page(header: Dataset, title: str) -> Canvas:
    """A page with its head: patient on the left, title and warning on the right."""
    canvas = Canvas()
    badge = width_of(RESEARCH_USE, Style.SMALL_STRONG) + 28
    canvas.text(RIGHT, 24, title, Style.TITLE, SOFT, anchor="ra")
    canvas.frame(Box(RIGHT - badge, 56, RIGHT, 90), WARNING)
    canvas.text(RIGHT - 14, 64, RESEARCH_USE, Style.SMALL_STRONG, WARNING, anchor="ra")
    room = WIDTH - 2 * MARGIN - badge - GUTTER
    _patient(canvas, header, room)
    canvas.rule(LEFT, RIGHT, HEAD_RULE)
    return canvas


def close_pages(pages: Sequence[Canvas], provenance: Provenance, *, remark: str = "") -> tuple[Array, ...]:
    """Write the foot of each page, with a remark that belongs to all of them; the pages as pixels (R, C, 3) uint8."""
    for number, canvas in enumerate(pages, start=1):
        canvas.rule(LEFT, RIGHT, HEIGHT - 80)
        canvas.text(LEFT, HEIGHT - 68, remark, Style.SMALL, INK)
        canvas.text(LEFT, HEIGHT - 42, _made(provenance), Style.SMALL, SOFT)
        canvas.text(RIGHT, HEIGHT - 42, f"page {number} of {len(pages)}", Style.SMALL_STRONG, SOFT, anchor="ra")
    return tuple(canvas.pixels() for canvas in pages)


def study_words(header: Dataset) -> tuple[str, ...]:
    """One study: when and under which accession number, and its description."""
    when = dicom_moment_words(str(header.get("StudyDate", "") or ""), str(header.get("StudyTime", "") or ""))
    accession = shown(str(header.get("AccessionNumber", "") or ""))
    what = shown(str(header.get("StudyDescription", "") or ""))
    return (f"study {when}" + (f", acc. {accession}" if accession else ""), *((what,) if what else ()))


def series_words(description: str, acquired_at: datetime | None) -> tuple[str, ...]:
    """One series: its description, and when it was acquired."""
    return (shown(description) or "no description", f"acquired {moment_words(acquired_at)}")


def _patient(canvas: Canvas, header: Dataset, room: int) -> None:
    name, facts = printable_name(header.get("PatientName", "")), _facts(header)
    name_style = _largest(name, room, (Style.NAME, Style.HEADLINE, Style.STRONG))
    facts_style = _largest(facts, room, (Style.BODY, Style.SMALL))
    lines = [
        *((line, name_style, INK) for line in wrap(name, name_style, room)),
        *((f, facts_style, SOFT) for f in wrap(facts, facts_style, room)),
    ]
    y = max(4, (HEAD_RULE - sum(style.step for _, style, _ in lines)) // 2)
    for line, style, colour in lines:
        canvas.text(LEFT, y, line, style, colour)
        y += style.step


def _largest(text: str, room: int, styles: tuple[Style, ...]) -> Style:
    """The first style in which a text takes one line, or the last."""
    return next((style for style in styles if width_of(text, style) <= room), styles[-1])


def _facts(header: Dataset) -> str:
    birth = str(header.get("PatientBirthDate", "") or "")
    facts = (
        f"ID {shown(str(header.get('PatientID', '') or '')) or 'none'}",
        f"born {dicom_moment_words(birth, '')}",
        f"sex {header.get('PatientSex', '') or 'unknown'}",
        _age(str(header.get("PatientAge", "") or "")),
    )
    return " · ".join(fact for fact in facts if fact)


def _age(age: str) -> str:
    units = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
    return f"{int(age[:3])} {units[age[3]]} at the scan" if len(age) == 4 and age[:3].isdigit() and age[3] in units else ""


def _made(provenance: Provenance) -> str:
    version = f"exam {provenance.exam}, version {provenance.version}"
    if provenance.version > 1:
        version += f" (replaces version {provenance.version - 1})"
    made = provenance.made_at.strftime("%Y-%m-%d %H:%M %z").strip()
    return f"{provenance.software} · settings {short_digest(provenance)} · {version} · made {made}"
