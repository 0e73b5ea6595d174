"""The refusal page: why an exam was not analysed, and what to do, as a page in its own study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from node.domain.exam import SeriesSource
from node.domain.result import Provenance
from node.encode.canvas import INK, SOFT, Box, Colour, Style
from node.encode.capture import write_page
from node.encode.flow import Row, Section, fill, paragraphs
from node.encode.former import Former, replaced_version
from node.encode.headers import Maker, by_one_image, contribution, read_header
from node.encode.objects import Encoded, EncodeOptions, Kind
from node.encode.page import BODY_BOTTOM, BODY_TOP, LEFT, RIGHT, close_pages, open_page, series_words, study_words
from node.encode.words import shown


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

    Raises
    ------
    DataError : the series' first file cannot be read
    """
    header = read_header(storage, sources)
    provenance = replace(provenance, replaces=replaced_version(formers))
    maker = Maker(provenance, options, folder, formers, (contribution(sources, sources.modality, storage),))
    page = open_page(header, "Not analysed", say=maker.say, scanned_at=sources.acquired_at)
    page.text(LEFT, BODY_TOP + 60, "This exam was not analysed.", Style.NAME)
    rows: tuple[Section, ...] = (
        Section("Why", _text(reason, style=Style.LEAD)),
        Section("What to do", _text(advice, style=Style.LEAD)),
        Section(
            "The series",
            _text(*series_words(sources.description, sources.acquired_at, maker.say), *study_words(header, maker.say), colour=SOFT),
        ),
    )
    pages, top = [page], BODY_TOP + 140
    while rows := fill(pages[-1], Box(LEFT, top, LEFT + (RIGHT - LEFT) * 2 // 3, BODY_BOTTOM), rows):
        pages.append(open_page(header, "Not analysed", say=maker.say, scanned_at=sources.acquired_at))
        top = BODY_TOP
    return tuple(
        write_page(
            rgb, Kind.REFUSAL, header, maker, cited=(by_one_image(sources),), description="RESEARCH TSPO not analysed", number=number
        )
        for number, rgb in enumerate(close_pages(pages, provenance), start=1)
    )


def _text(*lines: str, style: Style = Style.BODY, colour: Colour = INK) -> tuple[Row, ...]:
    return tuple(row for line in lines for row in paragraphs(shown(line), style=style, colour=colour))
