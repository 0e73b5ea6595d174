"""A re-run names what it replaces: only what a destination has, by the attribute of each IOD, and with no part in any UID."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from encode_phantom import Phantom, Plan, make_phantom
from pydicom import Dataset, dcmread

from benchmarks.conformance import complaints
from node.encode import EncodeOptions, Former, Kind, encode, encode_refusal
from node.encode.former import name_formers, replaced_version

OPTIONS = EncodeOptions(objects=("summary", "lesions", "report", "registration", "key_objects"))
PAGE = ("1.2.840.10008.5.1.4.1.1.7", "1.1.1")
REPORT = ("1.2.840.10008.5.1.4.1.1.88.34", "1.1.2")


def uid_of(version: int, kind: Kind) -> str:
    return f"1.9.{version}.{list(Kind).index(kind)}"


def former(kind: Kind, version: int = 1, description: str = "RESEARCH something", series: str = "") -> Former:
    return Former(kind, version, "1.2.3.2", series or uid_of(version, kind), description, (REPORT if kind is Kind.REPORT else PAGE,))


def again(phantom: Phantom, folder: Path, formers: tuple[Former, ...]) -> dict[Kind, list[Dataset]]:
    """Version 3 of the exam."""
    folder.mkdir()
    third = phantom.with_result(provenance=replace(phantom.result.provenance, version=3))
    written = encode(*third.parts, storage=phantom.storage, folder=folder, options=OPTIONS, formers=formers)
    found: dict[Kind, list[Dataset]] = {}
    for item in written:
        found.setdefault(item.kind, []).append(dcmread(item.path))
    return found


def related(d: Dataset) -> list[tuple[str, str, str]]:
    return [
        (item.StudyInstanceUID, item.SeriesInstanceUID, item.PurposeOfReferenceCodeSequence[0].CodeValue)
        for item in d.get("RelatedSeriesSequence", [])
    ]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    return make_phantom(tmp_path_factory.mktemp("former"))


def test_each_object_names_what_it_replaces_by_its_own_attribute(phantom: Phantom, tmp_path: Path) -> None:
    left = (former(Kind.SUMMARY, 2), former(Kind.LESIONS, 1), former(Kind.REPORT, 2), former(Kind.KEY_OBJECTS, 2))

    found = again(phantom, tmp_path / "out", left)

    assert related(found[Kind.SUMMARY][0]) == [("1.2.3.2", uid_of(2, Kind.SUMMARY), "REPLACED-SERIES")]
    assert related(found[Kind.LESIONS][0]) == [("1.2.3.2", uid_of(1, Kind.LESIONS), "REPLACED-SERIES")]
    (study,) = found[Kind.REPORT][0].PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (document,) = series.ReferencedSOPSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == ("1.2.3.2", uid_of(2, Kind.REPORT))
    assert (document.ReferencedSOPClassUID, document.ReferencedSOPInstanceUID) == REPORT
    assert document.PurposeOfReferenceCodeSequence[0].CodeValue == "121360"
    for kind in (Kind.REPORT, Kind.KEY_OBJECTS, Kind.REGISTRATION):
        assert not related(found[kind][0])
    assert all("PredecessorDocumentsSequence" not in d for kind, ds in found.items() for d in ds if kind is not Kind.REPORT)
    assert found[Kind.SUMMARY][0].CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99EMBER"


def test_what_was_replaced_has_no_part_in_the_uids(phantom: Phantom, tmp_path: Path) -> None:
    alone, after = again(phantom, tmp_path / "alone", ()), again(phantom, tmp_path / "after", (former(Kind.REPORT), former(Kind.SUMMARY)))

    assert [d.SOPInstanceUID for ds in alone.values() for d in ds] == [d.SOPInstanceUID for ds in after.values() for d in ds]
    assert "PredecessorDocumentsSequence" not in alone[Kind.REPORT][0]
    assert not related(alone[Kind.SUMMARY][0])


def test_of_several_series_of_a_kind_the_one_of_the_same_description_is_named() -> None:
    names = {"PET to T1": "1.9.8.1", "FLAIR to T1": "1.9.8.2"}
    left = tuple(former(Kind.REGISTRATION, 2, f"RESEARCH {name} (version 2)", uid) for name, uid in names.items())
    one, other = Dataset(), Dataset()

    name_formers(one, Kind.REGISTRATION, "RESEARCH FLAIR to T1", left)
    name_formers(other, Kind.REGISTRATION, "RESEARCH prior to T1", left)

    assert [uid for _, uid, _ in related(one)] == ["1.9.8.2"]
    assert not related(other)


def test_a_description_that_the_version_has_cut_is_known_again() -> None:
    left = (former(Kind.PARAMETRIC_MAPS, 1, "RESEARCH float map DVR ratio, MRTM2", "1.9.8.1"),)
    left += (former(Kind.PARAMETRIC_MAPS, 1, "RESEARCH float map NAWM contrast score ratio, median and MAD of", "1.9.8.2"),)
    d = Dataset()

    name_formers(d, Kind.PARAMETRIC_MAPS, "RESEARCH float map NAWM contrast score ratio, median", left)

    assert [uid for _, uid, _ in related(d)] == ["1.9.8.2"]


def test_the_page_takes_the_place_of_the_refusal_and_the_other_way_round(phantom: Phantom, tmp_path: Path) -> None:
    source, provenance = phantom.exam.pet.source, replace(phantom.result.provenance, version=2)
    page = Dataset()

    name_formers(page, Kind.SUMMARY, "RESEARCH TSPO summary", (former(Kind.SUMMARY, 1), former(Kind.REFUSAL, 2)))
    (refused,) = encode_refusal(
        *(source, "Why.", "What.", provenance),
        storage=phantom.storage,
        folder=tmp_path,
        options=OPTIONS,
        formers=(former(Kind.SUMMARY, 1),),
    )

    assert [uid for _, uid, _ in related(page)] == [uid_of(2, Kind.REFUSAL)]
    assert [uid for _, uid, _ in related(dcmread(refused.path))] == [uid_of(1, Kind.SUMMARY)]


def test_the_version_that_is_replaced_is_the_latest_that_was_stored() -> None:
    assert replaced_version(()) is None
    assert replaced_version((former(Kind.SUMMARY, 1), former(Kind.REPORT, 4), former(Kind.LESIONS, 3))) == 4


@pytest.mark.peer("dciodvfy", "dcentvfy")
def test_judges_find_no_fault_with_a_rerun_of_an_ordered_study(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(extra=(("PerformedProcedureStepID", "PPS1"), ("InstitutionName", "City"))))
    asked, step = Dataset(), Dataset()
    asked.RequestedProcedureID, asked.ScheduledProcedureStepID = "RP1", "SP1"
    step.ReferencedSOPClassUID, step.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.3", "1.2.3.4"
    for path in tmp_path.glob("*.dcm"):
        file = dcmread(path)
        file.RequestAttributesSequence, file.ReferencedPerformedProcedureStepSequence = [asked], [step]
        file.save_as(path)

    again(phantom, tmp_path / "out", tuple(former(kind) for kind in (Kind.SUMMARY, Kind.LESIONS, Kind.REPORT)))

    assert complaints(sorted((tmp_path / "out").glob("*.dcm")), sorted(tmp_path.glob("*.dcm"))) == []
