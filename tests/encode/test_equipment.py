"""Contributing equipment, institution, order and step: who took the images, and for which request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from encode_phantom import Phantom, Plan, make_phantom
from pydicom import Dataset, dcmread

from node.domain.exam import LesionImport
from node.encode import EncodeOptions, Kind, encode, encode_refusal
from node.encode.equipment import Contribution, contributing

OPTIONS = EncodeOptions(objects=("summary", "lesions", "report", "key_objects"))


def sequence_item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def code(value: str, meaning: str) -> Dataset:
    return sequence_item(CodeValue=value, CodingSchemeDesignator="99SITE", CodeMeaning=meaning)


def objects(phantom: Phantom, folder: Path) -> dict[Kind, Dataset]:
    folder.mkdir()
    written = encode(*phantom.parts, storage=phantom.storage, folder=folder, options=OPTIONS)
    return {item.kind: dcmread(item.path) for item in written}


def told(d: Dataset) -> list[tuple[str, str, str, str]]:
    return [
        (
            item.PurposeOfReferenceCodeSequence[0].CodeValue,
            item.Manufacturer,
            item.get("ManufacturerModelName", ""),
            item.ContributionDescription,
        )
        for item in d.ContributingEquipmentSequence
    ]


def test_every_object_names_the_scanners_and_the_node(tmp_path: Path) -> None:
    plan = Plan(
        extra=(("ManufacturerModelName", "Ring"), ("StationName", "PT1"), ("DeviceSerialNumber", "77"), ("SoftwareVersions", "V1")),
        mr_extra=(("ManufacturerModelName", "Magnet"), ("StationName", "MR1")),
    )

    for d in objects(make_phantom(tmp_path, plan), tmp_path / "out").values():
        assert told(d) == [
            ("109101", "Maker", "Ring", "Acquired PET"),
            ("109101", "Maker", "Magnet", "Acquired T1, FLAIR"),
            ("109102", "Ember", "Ember TSPO node", "Made from the images"),
        ]
        pet, mr, node = d.ContributingEquipmentSequence
        assert (pet.StationName, pet.DeviceSerialNumber, pet.SoftwareVersions) == ("PT1", "77", "V1")
        assert (pet.ContributionDateTime, mr.ContributionDateTime) == ("20240312112000", "20240305091200")
        assert node.ContributionDateTime == "20261122101530+0100"
        assert list(node.SoftwareVersions) == list(d.SoftwareVersions)


def test_what_drew_imported_lesions_is_named_as_processing(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    flair = phantom.exam.flair
    assert flair is not None
    drawn = LesionImport(phantom.segmentation.lesions, flair.source, "Maker Workstation")  # any file with a header does

    found = objects(replace(phantom, exam=replace(phantom.exam, lesions=drawn)), tmp_path / "out")

    assert [(purpose, what) for purpose, _, _, what in told(found[Kind.SUMMARY])] == [
        ("109101", "Acquired PET, T1, FLAIR"),
        ("109102", "Drew lesions"),
        ("109102", "Made from the images"),
    ]


def test_a_refusal_names_the_scanner_of_the_series_that_it_is_about(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)

    (written,) = encode_refusal(
        phantom.exam.pet.source, "Why.", "What.", phantom.result.provenance, storage=tmp_path, folder=tmp_path, options=OPTIONS
    )

    assert [what for *_, what in told(dcmread(written.path))] == ["Acquired PT", "Made from the images"]


@pytest.mark.parametrize(
    ("charset", "expected"), [(("ISO_IR 100",), None), (("ISO_IR 192",), "病院"), (("", "ISO 2022 IR 87"), "病院"), (("GB18030",), "病院")]
)
def test_a_name_that_another_character_set_cannot_hold_is_left_out(charset: tuple[str, ...], expected: str | None) -> None:
    header = sequence_item(SpecificCharacterSet=["", "ISO 2022 IR 87"], Manufacturer="東芝", InstitutionName="病院", StationName="PT1")

    (item,) = contributing([Contribution(header, "PET", None)], charset)

    assert item.get("InstitutionName") == expected
    assert item.Manufacturer == ("東芝" if expected else "??")
    assert item.StationName == "PT1"
    assert "ContributionDateTime" not in item


def test_the_institution_of_the_study_is_copied(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(extra=(("InstitutionName", "City"),), mr_extra=(("InstitutionName", "County"),)))

    found = objects(phantom, tmp_path / "out")

    assert (found[Kind.SUMMARY].InstitutionName, found[Kind.LESIONS].InstitutionName) == ("City", "County")


def test_order_and_step_are_copied_from_the_study(tmp_path: Path) -> None:
    request = sequence_item(
        RequestedProcedureID="RP1",
        ScheduledProcedureStepID="SP1",
        RequestedProcedureDescription="TSPO PET",
        RequestedProcedureCodeSequence=[code("P", "PET of brain")],
    )
    step = sequence_item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID="1.2.3.4")
    plan = Plan(extra=(("PerformedProcedureStepID", "PPS1"), ("PerformedProcedureStepStartDate", "20240312")))
    phantom = make_phantom(tmp_path, plan)
    for path in tmp_path.glob("*.dcm"):
        file = dcmread(path)
        file.RequestAttributesSequence, file.ReferencedPerformedProcedureStepSequence = [request], [step]
        file.save_as(path)

    found = objects(phantom, tmp_path / "out")

    for kind in (Kind.SUMMARY, Kind.LESIONS):
        d = found[kind]
        assert (d.PerformedProcedureStepID, d.PerformedProcedureStepStartDate) == ("PPS1", "20240312")
        assert d.RequestAttributesSequence[0].ScheduledProcedureStepID == "SP1"
    for kind in (Kind.REPORT, Kind.KEY_OBJECTS):
        d = found[kind]
        (asked,) = d.ReferencedRequestSequence
        assert (asked.RequestedProcedureID, asked.RequestedProcedureDescription) == ("RP1", "TSPO PET")
        assert (asked.StudyInstanceUID, asked.AccessionNumber) == (d.StudyInstanceUID, d.AccessionNumber)
        assert asked.RequestedProcedureCodeSequence[0].CodeValue == "P"
        assert (asked.PlacerOrderNumberImagingServiceRequest, list(asked.ReferencedStudySequence)) == ("", [])
        assert not {"RequestAttributesSequence", "PerformedProcedureStepID"} & {element.keyword for element in d}
    for d in found.values():
        assert d.ReferencedPerformedProcedureStepSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"


def test_a_study_without_order_gives_none(tmp_path: Path) -> None:
    found = objects(make_phantom(tmp_path), tmp_path / "out")

    assert all("ReferencedRequestSequence" not in d and "RequestAttributesSequence" not in d for d in found.values())
    assert list(found[Kind.REPORT].ReferencedPerformedProcedureStepSequence) == []
