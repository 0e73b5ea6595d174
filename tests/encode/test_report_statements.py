"""What a report says that is no number: whether lesions are there, what did not pass, what was not computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Plan, make_phantom
from report_reading import report, statement, texts
from rich_phantom import rich_phantom

from node.domain.exam import Check, Gravity
from node.domain.result import LesionOrigin, Phenotype


@pytest.mark.parametrize(
    ("origin", "lesions", "expected"),
    [(LesionOrigin.FOUND, 4, "Present"), (LesionOrigin.FOUND, 0, "Absent"), (LesionOrigin.NONE, 0, "Not assessed")],
)
def test_none_found_is_said_and_differs_from_not_assessed(tmp_path: Path, origin: LesionOrigin, lesions: int, expected: str) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=lesions))
    phantom = replace(phantom, segmentation=replace(phantom.segmentation, lesion_origin=origin))

    assert statement(report(phantom, tmp_path), "Lesion of brain") == expected


def test_raised_signal_is_said_to_be_there_or_not(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    none = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))

    assert statement(report(phantom, tmp_path), "Region of raised TSPO signal") == "Present"
    assert statement(report(phantom.with_result(raised=none), tmp_path), "Region of raised TSPO signal") == "Absent"


@pytest.mark.parametrize(
    ("phenotypes", "expected"),
    [
        ((Phenotype.RIM_ACTIVE, Phenotype.INACTIVE), "Present"),
        ((Phenotype.INACTIVE, Phenotype.NOT_RESOLVABLE), "Absent"),
        ((Phenotype.NOT_RESOLVABLE, Phenotype.INDETERMINATE), "Not assessed"),
        ((None, None), "Not assessed"),
        ((), "Absent"),
    ],
)
def test_rim_active_lesions_are_said_to_be_there_or_not(tmp_path: Path, phenotypes: tuple[Phenotype | None, ...], expected: str) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=len(phenotypes)))
    called = tuple(replace(lesion, phenotype=kind) for lesion, kind in zip(phantom.result.lesions, phenotypes, strict=True))

    assert statement(report(phantom.with_result(lesions=called), tmp_path), "Rim-active lesion") == expected


@pytest.mark.parametrize(
    ("gravity", "passed", "expected"),
    [
        (Gravity.WARNING, True, "Usable - Meets the quality control standard"),
        (Gravity.NOTE, False, "Usable - Meets the quality control standard"),
        (Gravity.WARNING, False, "Usable - Does not meet the quality control standard"),
        (Gravity.HOLD, False, "Usable - Does not meet the quality control standard"),
    ],
)
def test_the_quality_is_said_as_a_code(tmp_path: Path, gravity: Gravity, passed: bool, expected: str) -> None:
    phantom = make_phantom(tmp_path).with_result(checks=(Check("any", passed, "Any.", gravity),))

    assert statement(report(phantom, tmp_path), "Quality Assessment") == expected


def test_what_did_not_pass_and_what_was_not_computed_is_said(tmp_path: Path) -> None:
    sr = report(make_phantom(tmp_path), tmp_path)

    assert texts(sr, "Check that did not pass") == ["warning: The TSPO genotype is not known."]
    assert texts(sr, "What was not computed, and why") == ["No z-score: the node has no norm for this tracer."]
    assert texts(sr, "What this report may be used for") == ["RESEARCH USE ONLY - not for diagnosis or treatment decisions"]
    assert texts(sr, "Summary") == ["TSPO signal in the thalamus is 1.30 times that of the cerebellar grey matter."]
    assert statement(sr, "TSPO rs6971 binding class") == "Not known"
    assert statement(sr, "Radiopharmaceutical agent") == "[18F]DPA-714"


def test_texts_are_ascii_whatever_the_study_is_written_in(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path, Plan(charset=("", "ISO 2022 IR 87"), name="Y^T=山田^太郎"))
    odd = Check("odd", False, "Größe ≥ 2 × 3 mm²; k2′ – µ山")

    sr = report(phantom.with_result(checks=(odd,)), tmp_path)

    assert texts(sr, "Check that did not pass") == ["warning: Gro?e >= 2 x 3 mm2; k2' - u?"]
    assert str(sr.PatientName) == "Y^T=山田^太郎"


def test_the_title_is_the_one_from_which_viewers_draw(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    assert (sr.ConceptNameCodeSequence[0].CodeValue, sr.ContentTemplateSequence[0].TemplateIdentifier) == ("126000", "1500")
    assert (sr.CompletionFlag, sr.VerificationFlag, sr.PreliminaryFlag) == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")
