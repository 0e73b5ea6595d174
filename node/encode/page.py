"""What every page has: the patient and the scan above, what the page may be used for, and below what made it.

A page is opened with `start_page` and closed with all the others of its series by `close_pages`, which counts them. Between `BODY_TOP` and
`BODY_BOTTOM`, `LEFT` and `RIGHT` it belongs to its own content; `columns` divides that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydicom import Dataset

from node.domain.result import Provenance
from node.domain.volume import Array
from node.encode.canvas import GUTTER, HEIGHT, INK, MARGIN, SOFT, WARNING, WIDTH, Box, Canvas, Style, largest, width_of, wrap
from node.encode.headers import short_digest
from node.encode.languages import Speech
from node.encode.material import Material
from node.encode.typeface import NO_GLYPHS, NO_NAME, printable_name
from node.encode.words import dicom_moment_words, moment_words, shown

ANSWER, LESIONS, REGIONS, CHANGE, QUALITY = "Summary", "Lesions", "Regions", "Change", "Quality"
"""Titles of the pages, in their order; pages refer to each other by them, since numbers shift with what an exam has."""

PRODUCT = "TSPO PET and MR"
RESEARCH_USE = "RESEARCH USE ONLY – not for diagnosis or treatment decisions"
NO_FREE_REGION = (
    "There is no TSPO-free region in the brain: the reference region holds TSPO too. "
    "A raised ratio is a raised TSPO signal; it does not name the cell."
)

LEFT, RIGHT = MARGIN, WIDTH - MARGIN
HEAD_RULE = 124
BODY_TOP = HEAD_RULE + 14
BODY_BOTTOM = HEIGHT - 88
"""Everything between belongs to the page's own content."""


def start_page(material: Material, title: str) -> Canvas:
    """A page of an analysed exam; `title` in English."""
    return open_page(material.pet_header, title, say=material.say, scanned_at=material.exam.pet.source.acquired_at)


def open_page(header: Dataset, title: str, *, say: Speech, scanned_at: datetime | None) -> Canvas:
    """A page with its head: patient and scan on the left, title and warning on the right.

    Parameters
    ----------
    header : of an instance of the study that the page goes into: its patient, accession number and modality
    title : in English
    scanned_at : start of that series, local time of the scanner
    """
    canvas = Canvas(title, say)
    heading, badge = f"{say(PRODUCT)} · {say(title)}", say(RESEARCH_USE)
    wide = max(width_of(badge, Style.SMALL_STRONG) + 28, width_of(heading, Style.TITLE))
    canvas.text(RIGHT, 24, heading, Style.TITLE, INK, anchor="ra")
    canvas.frame(Box(RIGHT - width_of(badge, Style.SMALL_STRONG) - 28, 62, RIGHT, 98), WARNING)
    canvas.text(RIGHT - 14, 70, badge, Style.SMALL_STRONG, WARNING, anchor="ra")
    _patient(canvas, header, scanned_at, WIDTH - 2 * MARGIN - wide - GUTTER)
    canvas.rule(LEFT, RIGHT, HEAD_RULE)
    return canvas


def close_pages(pages: Sequence[Canvas], provenance: Provenance, *, remark: str = "") -> tuple[Array, ...]:
    """Write the foot of each page, with a remark in English that belongs to all of them; the pages as pixels (R, C, 3) uint8."""
    for number, canvas in enumerate(pages, start=1):
        canvas.rule(LEFT, RIGHT, HEIGHT - 80)
        canvas.text(LEFT, HEIGHT - 70, canvas.say(remark) if remark else "", Style.SMALL, INK)
        canvas.text(LEFT, HEIGHT - 42, _made(canvas.say, provenance), Style.SMALL, SOFT)
        count = canvas.say("page {number} of {count}", number=number, count=len(pages))
        canvas.text(RIGHT, HEIGHT - 42, count, Style.SMALL_STRONG, SOFT, anchor="ra")
    return tuple(canvas.pixels() for canvas in pages)


def columns(count: int, *, top: int = BODY_TOP, bottom: int = BODY_BOTTOM, left: int = LEFT, right: int = RIGHT) -> tuple[Box, ...]:
    """So many columns of one width, a gutter apart."""
    width = (right - left - (count - 1) * GUTTER) // count
    starts = (left + number * (width + GUTTER) for number in range(count))
    return tuple(Box(start, top, start + width, bottom) for start in starts)


def study_words(header: Dataset, say: Speech) -> tuple[str, ...]:
    """One study: when and under which accession number, and its description."""
    when = say("study {when}", when=dicom_moment_words(str(header.get("StudyDate", "") or ""), str(header.get("StudyTime", "") or "")))
    what = shown(str(header.get("StudyDescription", "") or ""))
    return (f"{when}, {accession_words(header, say)}", *((what,) if what else ()))


def accession_words(header: Dataset, say: Speech) -> str:
    """A study's accession number, or that it has none."""
    number = shown(str(header.get("AccessionNumber", "") or ""))
    return say("acc. {number}", number=number) if number else say("no accession number")


def series_words(description: str, acquired_at: datetime | None, say: Speech) -> tuple[str, ...]:
    """One series: its description, and when it was acquired."""
    return (shown(description) or say("no description"), say("acquired {when}", when=moment_words(acquired_at)))


def _patient(canvas: Canvas, header: Dataset, scanned_at: datetime | None, room: int) -> None:
    name, facts, scan = _name(header, canvas.say), _facts(header, canvas.say), _scan(header, scanned_at, canvas.say)
    name_style = largest(name, room, (Style.NAME, Style.HEADLINE, Style.STRONG))
    lines = [
        *((line, name_style, INK) for line in wrap(name, name_style, room)),
        *((line, Style.SMALL, SOFT) for line in wrap(facts, Style.SMALL, room)),
        *((line, Style.SMALL, INK) for line in wrap(scan, Style.SMALL, room)),
    ]
    y = max(2, (HEAD_RULE - sum(style.step for _, style, _ in lines)) // 2)
    for line, style, colour in lines:
        canvas.text(LEFT, y, line, style, colour)
        y += style.step


def _name(header: Dataset, say: Speech) -> str:
    # A name is no phrase: braces in it are braces.
    name = printable_name(header.get("PatientName", ""))
    return say(name) if name in (NO_GLYPHS, NO_NAME) else name


def _facts(header: Dataset, say: Speech) -> str:
    sex = str(header.get("PatientSex", "") or "") or say("unknown")
    facts = (
        f"ID {shown(str(header.get('PatientID', '') or '')) or say('none')}",
        say("born {date}", date=dicom_moment_words(str(header.get("PatientBirthDate", "") or ""), "")),
        say("sex {sex}", sex=sex),
        _age(str(header.get("PatientAge", "") or ""), say),
    )
    return " · ".join(fact for fact in facts if fact)


def _age(age: str, say: Speech) -> str:
    if len(age) != 4 or not age[:3].isdigit():
        return ""
    number = int(age[:3])
    words = {
        "Y": say("{number} years at the scan", number=number),
        "M": say("{number} months at the scan", number=number),
        "W": say("{number} weeks at the scan", number=number),
        "D": say("{number} days at the scan", number=number),
    }
    return words.get(age[3], "")


def _scan(header: Dataset, scanned_at: datetime | None, say: Speech) -> str:
    modality = {"PT": "PET"}.get(str(header.Modality), str(header.Modality))
    when = moment_words(scanned_at) if scanned_at else say("at an unknown time")
    return f"{modality} {when}, {accession_words(header, say)}"


def _made(say: Speech, provenance: Provenance) -> str:
    version = say("exam {exam}, version {version}", exam=provenance.exam, version=provenance.version)
    if provenance.replaces is not None:
        version += say(" (replaces version {version})", version=provenance.replaces)
    made = say("made {when}", when=provenance.made_at.strftime("%Y-%m-%d %H:%M %z").strip())
    settings = say("settings {digest}", digest=short_digest(provenance))
    return f"{provenance.software} · {settings} · {version} · {made}"
