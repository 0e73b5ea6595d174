"""The pages in German: nothing on them is English but what must be, and the longer words neither overlap nor leave the page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from encode_phantom import Phantom, Plan, make_phantom
from page_reading import faults, lines
from rich_phantom import rich_phantom

from node.domain.exam import Check, Gravity
from node.encode.canvas import Canvas
from node.encode.objects import EncodeOptions
from node.encode.page import NO_FREE_REGION, close_pages
from node.encode.physicist import draw_physicist
from node.encode.summary import draw_summary

ENGLISH = re.compile(
    r"\b(the|of|and|with|without|not|was|were|is|are|from|by|no|none|found|measured|lesions?|frames were|signal in|white|matter|checks?|"
    r"page|signal to|rim|core|raised|unknown|since|within|above|below|expected|image|images|study|acquired|brain|head|passed|number)\b"
)
"""Words that German has not, or writes with a capital."""

SENTENCES = (
    Check("pet_to_t1_sides", True, "PET to T1: three of four starts displaced by 8 mm or 8° came back to within 0.1 mm (expected 2 mm)."),
    Check("identity_sex", True, "PET and MR agree in sex"),
    Check("lesion_count", False, "180 lesions (expected at most 150).", Gravity.HOLD),
    Check("lesion_origin", False, "Lesions were found automatically on the FLAIR; nobody has looked at them yet.", Gravity.NOTE),
)


def german(phantom: Phantom, folder: Path) -> list[Canvas]:
    """Every page of an exam, in German, of sentences that the node makes: the phantom's own are not its words."""
    result = phantom.result
    told = phantom.with_result(
        findings=tuple(replace(finding, basis="60–90 min, relative to cerebellar grey matter") for finding in result.findings),
        lesions=tuple(replace(lesion, note=lesion.note and "low confidence") for lesion in result.lesions),
        checks=SENTENCES,
        not_computed=("DVR was not computed: it needs a dynamic scan from the injection.",),
        headline="TSPO signal ([18F]DPA-714, SUVR to cerebellar grey matter): thalamus 1.30; lesions not assessed; "
        "no region of raised signal in white matter.",
    )
    material = told.material(EncodeOptions(language="de"), folder)
    pages = [*draw_summary(material), *draw_physicist(material)]
    close_pages(pages, result.provenance, remark=NO_FREE_REGION)
    return pages


@pytest.mark.parametrize("make", [make_phantom, rich_phantom], ids=["small", "rich"])
def test_no_word_of_the_pages_is_english(tmp_path: Path, make: object) -> None:
    pages = german(make(tmp_path), tmp_path)  # type: ignore[operator]

    left = {line.text for page in pages for line in lines(page) if ENGLISH.search(line.text)}
    assert {text for text in left if not text.startswith(KEPT)} == set()


KEPT = ("FLAIR head", "T1 head", "PET Brain")
"""Descriptions of series are the scanner's own."""


@pytest.mark.parametrize("plan", [Plan(), Plan(flair=False, lesions=0), Plan(lesions=30)], ids=["plain", "no lesions", "many lesions"])
def test_german_words_neither_overlap_nor_leave_the_page(tmp_path: Path, plan: Plan) -> None:
    assert faults(german(make_phantom(tmp_path, plan), tmp_path)) == []
