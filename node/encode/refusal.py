"""The refusal page: why an exam was not analysed, and what to do, as a page in its own study.

Large and clear, since it is all that a reader gets: on the left why and what to do, on the right which series were looked at.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydicom import Dataset

from node.domain.exam import SeriesSource
from node.domain.result import Provenance
from node.encode.canvas import GROUND, GUTTER, SOFT, WARNING, Box, Canvas, Style
from node.encode.capture import write_page
from node.encode.flow import Paragraph, Row, Section, fill, paragraphs
from node.encode.former import Former, replaced_version
from node.encode.gate import Known, examine, instances_of
from node.encode.headers import Maker, by_one_image, contribution, read_header
from node.encode.languages import Speech
from node.encode.objects import Encoded, EncodeOptions, Kind
from node.encode.page import BODY_BOTTOM, BODY_TOP, LEFT, RIGHT, close_pages, columns, open_page, series_words, study_words
from node.encode.words import told

TITLE = "Not analysed"
DESCRIPTION = "RESEARCH TSPO not analysed"
STATEMENT = Box(LEFT, BODY_TOP + 20, RIGHT, BODY_TOP + 130)


def encode_refusal(
    sources: SeriesSource,
    reason: str,
    advice: str,
    provenance: Provenance,
    *,
    storage: Path,
    folder: Path,
    options: EncodeOptions,
    formers: tuple[Former, ...] = (),
    others: tuple[SeriesSource, ...] = (),
) -> tuple[Encoded, ...]:
    """A page that says why an exam was not analysed.

    Parameters
    ----------
    sources : the series whose study the page goes into: the PET, or the MR where there is no PET
    reason : one or more sentences: what was found, what was expected
    advice : what the reader, or the site, can do
    storage : folder of the source files
    folder : where the objects are written
    formers : what earlier versions left at the destinations
    others : the other series of the exam, as far as there are any

    Raises
    ------
    DataError : the series' first file cannot be read
    """
    header = read_header(storage, sources)
    provenance = replace(provenance, replaces=replaced_version(formers))
    maker = Maker(provenance, options, folder, formers, (contribution(sources, sources.modality, storage),))
    pages = _draw(header, maker.say, (sources, *others), reason, advice)
    cited = (by_one_image(sources),)
    written = tuple(
        write_page(rgb, Kind.REFUSAL, header, maker, cited=cited, description=DESCRIPTION, number=number, title=TITLE)
        for number, rgb in enumerate(close_pages(pages, provenance), start=1)
    )
    return examine(written, Known((header,), (sources,), instances_of(formers)))


def _draw(header: Dataset, say: Speech, series: tuple[SeriesSource, ...], reason: str, advice: str) -> list[Canvas]:
    """As many pages as the words need; the first has the series beside them."""
    page = open_page(header, TITLE, say=say, scanned_at=series[0].acquired_at)
    _statement(page)
    words: tuple[Section, ...] = (Section(say("Why"), _text(say, reason)), Section(say("What to do"), _text(say, advice)))
    left, _, right = columns(3, top=STATEMENT.bottom + GUTTER)
    beside = fill(page, right, (_series(header, say, series),))
    words = fill(page, Box(left.left, left.top, right.left - 2 * GUTTER, left.bottom), words) + beside
    pages = [page]
    while words:
        pages.append(open_page(header, TITLE, say=say, scanned_at=series[0].acquired_at))
        words = fill(pages[-1], Box(LEFT, BODY_TOP, right.left - 2 * GUTTER, BODY_BOTTOM), words)
    return pages


def _statement(page: Canvas) -> None:
    page.panel(STATEMENT)
    page.panel(Box(STATEMENT.left, STATEMENT.top, STATEMENT.left + 10, STATEMENT.bottom), WARNING)
    middle = (STATEMENT.top + STATEMENT.bottom) // 2
    page.disc(LEFT + 62, middle, 28, WARNING)
    page.text(LEFT + 62, middle, "✗", Style.NAME, GROUND, anchor="mm")
    page.text(LEFT + 112, middle, page.say("This exam was not analysed. There are no numbers."), Style.NAME, anchor="lm")


def _series(header: Dataset, say: Speech, series: tuple[SeriesSource, ...]) -> Section:
    rows: list[Row] = []
    for source in series:
        description, acquired = series_words(source.description, source.acquired_at, say)
        count = len({instance.sop_instance_uid for instance in source.instances})
        name = {"PT": "PET"}.get(source.modality, source.modality)
        rows.append(Paragraph(f"{name} · {description}", style=Style.STRONG, space=0))
        rows.append(Paragraph(say("{acquired}, {count} images", acquired=acquired, count=count), colour=SOFT, space=12))
    rows += [Paragraph(line, colour=SOFT, space=0) for line in study_words(header, say)]
    return Section(say("The series"), tuple(rows))


def _text(say: Speech, text: str) -> tuple[Row, ...]:
    return paragraphs(told(say, text), style=Style.LEAD)
