"""The first page: the answer, the large numbers and what they are compared with, the light, the words that must be there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import page_cases
import pytest
from encode_phantom import make_phantom
from test_pages import Placed, page_words, placed, words  # noqa: F401 placed is a fixture

from node.domain.exam import Check, Gravity
from node.encode.page import ANSWER, BODY_BOTTOM
from node.encode.pages.answer import draw_answer
from node.encode.pages.light import Light, light


def answer_words(make: Any, tmp_path: Path, placed: list[Placed]) -> str:  # noqa: F811
    material = make(tmp_path)
    assert len(draw_answer(material)) == 1
    return page_words(placed, ANSWER)


def test_the_first_page_says_what_a_reader_must_know(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    text = answer_words(page_cases.plain, tmp_path, placed)

    for expected in (
        *("TSPO signal is raised above the patient's own NAWM in 17.5 mL of white matter.", "For the report:"),
        *("TSPO signal in the thalamus is 1.30 times that of the cerebellar grey matter.", "Thalamus 1.30 SUVR"),
        *("like the patient's own", "NAWM, contrast +1.1", "Raised signal in white matter: 17.5 mL", "Lesions: 4, together"),
        *("AMBER: usable, mind the warnings", "1 of 2 checks passed", "The TSPO genotype is not known."),
        *("PET Brain AC", "acquired 2024-03-12 11:20", "acquired 2024-03-05 09:12 acc. A1", "FLAIR"),
        *("[18F]DPA-714, 200 MBq at 10:20", "rs6971 unknown", "SUVR, 60–90 min, relative to cerebellar", "no normative comparison"),
        *("none used: no earlier visit", "No z-score", "not corrected in these numbers", "SUVR (1)"),
        *("No TSPO tracer is licensed, as far as we know.", "blind to a shift of the whole brain", "Reviewed by", "Date", "Signature"),
    ):
        assert expected in text, expected


def test_a_number_is_told_against_the_norm_where_there_is_one(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    text = answer_words(page_cases.with_norms, tmp_path, placed)

    assert "Above the norm: thalamus. Below the norm: NAWM." in text
    assert "▲ above the norm 0.90–1.10, z +2.8" in text
    assert "▼ below the norm 1.60–1.80, z −2.6" in text
    assert "● within the norm 1.70–2.00" in text
    assert "norm of the clinic, n = 30" in text
    assert "no normative comparison" not in text


def test_a_number_is_told_against_the_last_visit_with_the_repeatability_used(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    text = answer_words(page_cases.with_a_visit, tmp_path, placed)

    assert "Since 2023-03-01, beyond repeatability: thalamus +0.12." in text
    assert "▲ +0.12 since 2023-03-01 exceeds repeatability ±0.09" in text
    assert "▼ −0.02 since 2023-03-01 within repeatability ±0.05" in text
    assert "repeatability not published" in text
    assert "1 new, 1 enlarged, 1 no longer seen" in text
    assert "DVR of 12 people scanned twice" in text


def test_an_exam_without_lesions_says_whether_any_were_looked_for(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    text = answer_words(page_cases.no_lesions, tmp_path, placed)
    assert "No lesion was found." in text
    assert "Lesions: none found Looked for automatically, not confirmed by a reader." in text

    placed.clear()
    text = answer_words(page_cases.no_flair, tmp_path, placed)
    assert "Lesions were not assessed." in text
    assert "FLAIR none" in text
    assert "T1 T1 head acquired 2024-03-05 09:12" in text


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ((), Light.GREEN),
        ((Gravity.NOTE,), Light.GREEN),
        ((Gravity.NOTE, Gravity.WARNING), Light.AMBER),
        ((Gravity.HOLD, Gravity.NOTE), Light.RED),
    ],
)
def test_the_light_is_that_of_the_gravest_failed_check(failed: tuple[Gravity, ...], expected: Light) -> None:
    checks = [Check("passed", True, "Good.", Gravity.HOLD), *(Check("failed", False, "Bad.", gravity) for gravity in failed)]

    assert light(checks) is expected


def test_a_released_exam_says_so_above_everything_else(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    checks = (Check("a", False, "The warning.", Gravity.WARNING), Check("b", False, "The PET is upside down.", Gravity.HOLD))

    draw_answer(make_phantom(tmp_path).with_result(checks=checks).material())

    text = words(placed)
    assert "1 check failed that holds an exam back; a person released it." in text
    assert "RED: held back, released by a person" in text
    assert text.index("a person released it") < text.index("TSPO signal is raised")
    assert text.index("upside down") < text.index("The warning.")


@pytest.mark.parametrize(
    ("name", "genotype", "warned"),
    [
        ("pet_to_t1_optimum", None, True),
        ("genotype", None, False),
        ("genotype", "LAB", True),
        ("weight", None, False),
        ("injected_activity", None, False),
    ],
)
def test_the_banner_warns_of_what_makes_a_number_of_the_page_doubtful(
    tmp_path: Path,
    placed: list[Placed],  # noqa: F811
    name: str,
    genotype: str | None,
    warned: bool,
) -> None:
    phantom = make_phantom(tmp_path).with_result(checks=(Check(name, False, "The warning."),))
    exam = replace(phantom.exam, subject=replace(phantom.exam.subject, genotype=genotype))

    draw_answer(replace(phantom.material(), exam=exam))

    text = words(placed)
    assert ("1 warning: read Quality before the numbers." in text) is warned
    assert "AMBER" in text
    assert "The warning." in text


def test_an_unknown_genotype_is_warned_of_where_a_norm_is_shown(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    text = answer_words(page_cases.with_norms, tmp_path, placed)

    assert "The TSPO genotype is not known." in text
    assert "1 warning: read Quality before the numbers." in text


def test_an_exam_without_a_failed_check_has_no_banner(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    text = answer_words(page_cases.no_warning, tmp_path, placed)

    assert "GREEN: no warning" in text
    assert "read Quality" not in text
    assert "Everything was computed." in text


@pytest.mark.parametrize("make", page_cases.CASES, ids=lambda make: make.__name__)
def test_nothing_of_the_first_page_reaches_its_foot(tmp_path: Path, placed: list[Placed], make: Any) -> None:  # noqa: F811
    material = make(tmp_path)

    draw_answer(material)

    assert max(line.box[3] for line in placed) <= BODY_BOTTOM
