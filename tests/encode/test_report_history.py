"""What a report says of healthy people and of earlier exams: norms, changes, fates, and the report before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from earlier_exam import CHANGES, EARLIER, HISTORY, REPORT
from pydicom import Dataset
from report_reading import EVERYTHING, all_items, group_of, groups, items, numbers, report, texts
from rich_phantom import rich_phantom

from node.domain.history import History
from node.domain.result import Norm, Quantity
from node.encode.region_segments import region_tracking
from node.encode.uids import lasting_uid


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The report of an exam with an earlier one."""
    folder = tmp_path_factory.mktemp("followed")
    return report(rich_phantom(folder), folder, EVERYTHING, HISTORY)


def properties(group: Dataset, code: str) -> dict[str, object]:
    """What is told of one number: concept → value with its unit, or text."""
    (number,) = [item for item in items(group, kind="NUM") if item.ConceptNameCodeSequence[0].CodeValue == code]
    found: dict[str, object] = {}
    for item in items(number):
        if item.RelationshipType == "HAS PROPERTIES":
            measured = item.get("MeasuredValueSequence")
            value = (float(measured[0].NumericValue), measured[0].MeasurementUnitsCodeSequence[0].CodeValue) if measured else item.TextValue
            found[item.ConceptNameCodeSequence[0].CodeValue] = value
    return found


def test_a_norm_is_told_with_its_range_its_z_score_and_its_people(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    norm = Norm(1.02, 0.9, 1.14, 2.5, "40 healthy people of the site, by age and sex")
    findings = tuple(replace(f, norm=norm) if (f.region, f.quantity) == ("nawm", Quantity.SUV) else f for f in phantom.result.findings)

    sr = report(phantom.with_result(findings=findings), tmp_path)

    assert properties(group_of(sr, "E-000001 nawm"), "126401") == {
        "373098007": (1.02, "g/ml{SUVbw}"),
        "121416": (2.5, "1"),
        "121405": "40 healthy people of the site, by age and sex",
        "385524004": (0.9, "g/ml{SUVbw}"),
        "371933006": (1.14, "g/ml{SUVbw}"),
    }
    assert not {"121416", "385524004"} & set(properties(group_of(sr, "E-000001 thalamus_left"), "SUVR"))


def test_a_change_is_a_number_with_the_earlier_value_and_the_repeatability(followed: Dataset) -> None:
    thalamus = group_of(followed, "E-000001 thalamus")

    assert numbers(thalamus)["99EMBER", "CH-SUVR"] == (pytest.approx(-0.36), "1")
    assert properties(thalamus, "CH-SUVR") == {
        "EARLIER-EXAM": "E-000000",
        "PRIOR-VALUE": (1.5, "1"),
        "REPEATABILITY": (0.14, "1"),
        "REPEAT-SOURCE": "Somebody 2020 (n = 9)",
    }


def test_a_lesion_has_its_own_changes_and_says_what_has_become_of_it(followed: Dataset) -> None:
    first, third = (group_of(followed, f"E-000001 lesion {number}") for number in (1, 3))

    found = numbers(first)
    assert found["99EMBER", "CH-SUVR-CORE"] == (pytest.approx(0.3), "1")
    assert found["99EMBER", "CH-SUVR-RIM"] == (pytest.approx(-0.1), "1")
    assert "REPEATABILITY" not in properties(first, "CH-SUVR-CORE")
    fates = {
        number: [item.ConceptCodeSequence[0].CodeValue for item in items(group_of(followed, f"E-000001 lesion {number}")) if _is_fate(item)]
        for number in (1, 2, 3)
    }
    assert fates == {1: ["FATE-ENLARGED"], 2: ["FATE-NEW"], 3: []}
    assert not [code for _, code in numbers(third) if code.startswith("CH-")]


def test_a_region_is_followed_from_the_first_exam_that_is_known(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    again = phantom.with_result(provenance=replace(phantom.result.provenance, version=2))

    uids = {
        name: region_tracking("thalamus", one.material(history=history)).uid
        for name, one, history in (("first", phantom, None), ("again", again, None), ("followed", phantom, HISTORY))
    }

    assert uids["first"] == uids["again"] == lasting_uid(f"{phantom.exam.pet.source.study_uid} thalamus")
    assert uids["followed"] == lasting_uid(f"{EARLIER.study_uid} thalamus") != uids["first"]


def test_no_change_is_lost(followed: Dataset) -> None:
    told = [value for group in groups(followed) for (_, code), (value, _) in numbers(group).items() if code.startswith("CH-")]

    assert sorted(told) == pytest.approx(sorted(change.difference for change in CHANGES))
    assert numbers(group_of(followed, "E-000001 lesions"))["99EMBER", "CH-N-RIM-ACTIVE"] == (-2, "1")


def test_earlier_exams_and_lesions_that_are_gone_are_told_in_words(followed: Dataset) -> None:
    assert texts(followed, "Comparison with earlier exams") == [
        "Exam E-000000 of 2022-03-01 10:00: [18F]DPA-714, SUVR, 60-90 min, relative to cerebellar grey matter",
        "Lesions 3 and 7 of E-000000 have grown together: they are lesion 3 now.",
        "Lesion 9, 0.31 ml on exam E-000000: no longer seen",
    ]


def test_groups_with_numbers_say_which_time_point_this_is(followed: Dataset) -> None:
    for group in groups(followed):
        told = [str(item.TextValue) for item in items(group, meaning="Time Point")]
        assert told == (["Exam 2"] if any(items(group, kind="NUM")) and any(items(group, meaning="Algorithm Name")) else [])


def test_the_earlier_report_is_named_and_is_evidence(followed: Dataset) -> None:
    (named,) = [item for item in all_items(followed) if item.ValueType == "COMPOSITE"]
    studies = {study.StudyInstanceUID: study for study in followed.PertinentOtherEvidenceSequence}

    assert named.ConceptNameCodeSequence[0].CodeValue == "122075"
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == REPORT[1]
    (series,) = studies["1.2.77"].ReferencedSeriesSequence
    assert (series.SeriesInstanceUID, series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) == ("1.2.77.9", REPORT[1])


def test_a_report_whose_series_nobody_knows_is_not_named(tmp_path: Path) -> None:
    history = History((replace(EARLIER, report_series_uid=""),))

    sr = report(rich_phantom(tmp_path), tmp_path, EVERYTHING, history)

    assert not [item for item in all_items(sr) if item.ValueType == "COMPOSITE"]
    assert "1.2.77" not in {study.StudyInstanceUID for study in sr.PertinentOtherEvidenceSequence}


def test_without_earlier_exams_nothing_is_said_of_any(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    assert not texts(sr, "Comparison with earlier exams")
    assert not [item for item in all_items(sr) if item.ConceptNameCodeSequence[0].CodeMeaning in ("Time Point", "Earlier exam")]


def _is_fate(item: Dataset) -> bool:
    return item.ConceptNameCodeSequence[0].CodeValue == "FATE"
