"""No word of a table or a paragraph is broken, on any page, in any language, unless it alone is wider than a column may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import page_cases
import pytest
import test_change_page as change_cases
from test_pages import Placed, placed  # noqa: F401 placed is a fixture

from node.encode import EncodeOptions, flow
from node.encode.canvas import Style, width_of, wrap
from node.encode.flow import APART, Column, Section, TableRow, fitted
from node.encode.material import Material
from node.encode.pages.change import draw_change
from node.encode.physicist import draw_physicist
from node.encode.summary import draw_summary

MADE_UP = (page_cases.long_words, page_cases.crowded)
"""Hold words as wide as a page, which break wherever they stand."""


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text of rows that was wrapped within a word while the test runs."""
    found: list[str] = []

    def note(text: str, style: Style, width: int) -> list[str]:
        lines = wrap(text, style, width)
        found.extend([text] if [word for line in lines for word in line.split()] != text.split() else [])
        return lines

    monkeypatch.setattr(flow, "wrap", note)
    return found


def speaking(material: Material, language: str) -> Material:
    options = replace(material.maker.options, language=language)  # type: ignore[arg-type]
    return replace(material, maker=replace(material.maker, options=options))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("make", [make for make in page_cases.CASES if make not in MADE_UP], ids=lambda make: make.__name__)
def test_no_word_of_the_pages_is_broken(
    tmp_path: Path,
    placed: list[Placed],  # noqa: F811 lends its empty pictures
    broken: list[str],
    make: Callable[[Path], Material],
    language: str,
) -> None:
    material = speaking(make(tmp_path), language)

    assert draw_summary(material)
    assert draw_physicist(material)

    assert placed
    assert broken == []


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", change_cases.CASES)
def test_no_word_of_the_page_of_change_is_broken(tmp_path: Path, broken: list[str], name: str, language: str) -> None:
    assert draw_change(change_cases.material(tmp_path, change_cases.CASES[name], EncodeOptions(language=language)))  # type: ignore[arg-type]

    assert broken == []


def test_a_column_too_narrow_for_a_word_takes_from_those_that_have_room() -> None:
    columns = (Column(40, "left"), Column(400), Column(100))
    word = "incomprehensibilities"
    head = TableRow(("", "b", "c"), columns, Style.SMALL_STRONG)
    row = TableRow((word, "b", "c"), columns, Style.SMALL)

    section = fitted(Section("Title", (row,), head), 540)

    fit = section.rows[0]
    assert isinstance(fit, TableRow)
    assert section.head is not None
    assert section.head.columns == fit.columns
    assert sum(column.share for column in fit.columns) == pytest.approx(540)
    start, end = fit.edges(540)[0]
    assert width_of(word, Style.SMALL) <= end - start <= width_of(word, Style.SMALL) + APART
    assert fit.columns[1].share < 400
    assert fit.height(540) == Style.SMALL.step


def test_a_table_whose_words_fit_keeps_its_columns() -> None:
    columns = (Column(40, "left"), Column(60))

    (row,) = fitted(Section("Title", (TableRow(("a", "b"), columns),)), 100).rows

    assert isinstance(row, TableRow)
    assert row.columns == columns
