"""Every number of the result is in the report once, coded, in its unit, with its error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Phantom, make_phantom
from report_reading import all_items, group_of, groups, items, numbers, report
from rich_phantom import UNMIXED, rich_phantom

from node.domain.codes import Code
from node.domain.history import Change
from node.domain.result import Finding, Phenotype, Quantity, Segmentation
from node.encode import sr_codes
from node.encode.sr_codes import COUNTS, PLACES, change_concept, finding_concept, finding_unit, lesion_concept


def test_every_number_of_a_lesion_is_there_with_its_unit(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    found = numbers(group_of(sr, "E-000001 lesion 1", kind="NUM"))

    ours = {code: value for (scheme, code), (value, _) in found.items() if scheme == "99EMBER"}
    assert found["SCT", "118565006"] == (pytest.approx(23 * 0.512), "ml")
    assert found["99EMBER", "INSCRIBED-RADIUS"] == (2.0, "mm")
    assert ours == {
        "INSCRIBED-RADIUS": 2.0,
        "SUVR-CORE": 1.4,
        "SUVR-RIM": 1.2,
        "DVR-CORE": 1.25,
        "CONTRAST-CORE": 1.4,
        "CONTRAST-RIM": 0.5,
        "SUVR-CORE-UNMIX": 1.1,
        "SUVR-RIM-UNMIX": 1.75,
        "SUVR-DIFF-UNMIX": pytest.approx(0.65),
        "SUVR-BG-UNMIX": 1.05,
        "SUVR-BG": 1.07,
        "ACTIVE-LEVEL": 1.26,
        "CORE-ACTIVE": 0.25,
        "RIM-ACTIVE-SHARE": 0.75,
        "CONFIDENCE": 0.5625,
    }


def test_a_value_that_is_not_known_is_absent_and_not_zero(tmp_path: Path) -> None:
    sr = report(make_phantom(tmp_path), tmp_path)

    group = group_of(sr, "E-000001 lesion 2", kind="NUM")

    assert {code for _, code in numbers(group)} == {"118565006", "INSCRIBED-RADIUS", "SUVR-RIM", "CONTRAST-RIM"}
    assert [item.TextValue for item in items(group, meaning="Comment")] == ["core too small to be measured"]


def test_unmixed_values_carry_one_standard_error_above_and_below(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    group = group_of(sr, "E-000001 lesion 1", kind="NUM")

    errors = {}
    for item in items(group, kind="NUM"):
        ranges = [child for child in items(item, kind="NUM") if child.RelationshipType == "HAS PROPERTIES"]
        if ranges:
            assert {child.ConceptNameCodeSequence[0].CodeValue for child in ranges} == {"371886008", "371885007"}
            (errors[item.ConceptNameCodeSequence[0].CodeValue],) = {float(child.MeasuredValueSequence[0].NumericValue) for child in ranges}
    assert errors == {
        "SUVR-CORE-UNMIX": UNMIXED.core_error,
        "SUVR-RIM-UNMIX": UNMIXED.rim_error,
        "SUVR-DIFF-UNMIX": UNMIXED.difference_error,
    }
    assert "uncertainty: one standard error" in [item.TextValue for item in items(group, meaning="Algorithm Parameters")]


def test_every_finding_of_the_result_is_there_once(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)

    sr = report(phantom, tmp_path)

    seen = 0
    for finding in phantom.result.findings:
        name = "raised TSPO signal" if finding.region == "raised" else finding.region
        found = numbers(group_of(sr, f"E-000001 {name}"))
        concept = finding_concept(finding)
        assert found[concept.scheme, concept.value] == (pytest.approx(finding.value, rel=1e-9), finding_unit(finding).value)
        seen += 1
    told = [key for g in groups(sr) if "lesion " not in next(items(g, meaning="Tracking Identifier")).TextValue for key in numbers(g)]
    counted = {("99EMBER", code.value) for code in COUNTS.values()}
    assert len([key for key in told if key not in counted]) == seen == len(phantom.result.findings)


def test_lesions_are_counted_by_phenotype_and_none_of_a_kind_is_said(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    lesions = tuple(lesion for lesion in phantom.result.lesions if lesion.phenotype is not Phenotype.OVERALL_ACTIVE)
    alone = replace(phantom, segmentation=_without(phantom, 2)).with_result(lesions=lesions)

    found = numbers(group_of(report(alone, tmp_path), "E-000001 lesions"))

    assert {kind: found["99EMBER", code.value] for kind, code in COUNTS.items()} == {
        Phenotype.RIM_ACTIVE: (1, "1"),
        Phenotype.OVERALL_ACTIVE: (0, "1"),
        Phenotype.INACTIVE: (1, "1"),
        Phenotype.INDETERMINATE: (1, "1"),
        Phenotype.NOT_RESOLVABLE: (0, "1"),
    }


def test_lesions_that_nobody_classed_are_not_counted_by_phenotype(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    lesions = tuple(replace(lesion, phenotype=None) for lesion in phantom.result.lesions)

    found = numbers(group_of(report(phantom.with_result(lesions=lesions), tmp_path), "E-000001 lesions"))

    assert not {("99EMBER", code.value) for code in COUNTS.values()} & set(found)


def _without(phantom: Phantom, number: int) -> Segmentation:
    labels = phantom.segmentation.lesions
    return replace(phantom.segmentation, lesions=labels.like(np.where(labels.array == number, 0, labels.array), unit="1"))


def test_suv_has_its_standard_code_and_no_code_of_mr_is_borrowed(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    extra = (Finding("nawm", Quantity.R1, 0.9, "1", None, "SRTM"), Finding("nawm", Quantity.BP_ND, 0.2, "1", None, "SRTM"))

    sr = report(phantom.with_result(findings=(*phantom.result.findings, *extra)), tmp_path)

    found = [key for g in groups(sr) for key in numbers(g)]
    assert numbers(group_of(sr, "E-000001 nawm"))["DCM", "126401"][1] == "g/ml{SUVbw}"
    assert not {("DCM", "126393"), ("DCM", "126312")} & set(found)
    assert all(scheme in ("DCM", "SCT", "99EMBER") for scheme, _ in found)


def test_every_concept_fits_its_value_representation(tmp_path: Path) -> None:
    for item in all_items(report(rich_phantom(tmp_path), tmp_path)):
        for code in (*item.get("ConceptNameCodeSequence", []), *item.get("ConceptCodeSequence", [])):
            assert len(code.CodeValue) <= 16
            assert len(code.CodeMeaning) <= 64


def test_every_concept_of_our_own_fits_too_and_is_told_from_the_others() -> None:
    single = [value for value in vars(sr_codes).values() if isinstance(value, Code)]
    tables = [code for table in (sr_codes.FATES, sr_codes.COUNTS, sr_codes.GENOTYPES) for code in table.values()]
    kinds = [f"{kind.value} lesions" for kind in Phenotype]
    changes = [Change(kind, Quantity.COUNT, 1, 2, "1", "E", None, "") for kind in kinds]
    changes += [Change(region, q, 1, 2, "1", "E", None, "", 1) for region in ("lesions", "rims") for q in (Quantity.SUVR, Quantity.DVR)]
    changes += [Change("nawm", quantity, 1, 2, "1", "E", None, "") for quantity in Quantity]
    ours = {code for code in (*single, *tables, *map(change_concept, changes)) if code.scheme == "99EMBER"}

    assert [code for code in ours if len(code.value) > 16 or len(code.meaning) > 64] == []
    assert len({code.value for code in ours}) == len(ours)


def test_every_part_of_a_lesion_and_every_place_has_a_concept() -> None:
    parts = ("CORE", "RIM", "BG", "CORE-UNMIX", "RIM-UNMIX", "BG-UNMIX", "DIFF-UNMIX")
    made = [lesion_concept(q, part) for q in (Quantity.SUVR, Quantity.DVR, Quantity.CONTRAST) for part in parts]

    assert len({code.value for code in made}) == len(made)
    assert all(len(code.meaning) <= 64 for code in made)
    assert set(PLACES) == {"periventricular", "juxtacortical", "infratentorial", "deep white matter"}


def test_a_unit_that_the_report_does_not_know_is_our_fault() -> None:
    with pytest.raises(ValueError, match="found 'furlong' for SUVR of nawm"):
        finding_unit(Finding("nawm", Quantity.SUVR, 1.0, "furlong", None, ""))
