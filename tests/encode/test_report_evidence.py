"""What a report rests on and names: all of it is evidence, and all of it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from encode_phantom import Plan
from pydicom import Dataset, dcmread
from report_reading import EVERYTHING, all_items, groups, items, numbers, report
from rich_phantom import rich_phantom

from node.encode import EncodeOptions, Kind, encode
from node.encode.structured_report import encode_report


def test_nothing_is_cited_that_is_not_written(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    without = EncodeOptions(objects=("report", "lesions"))

    everything, fewer = report(phantom, tmp_path), report(phantom, tmp_path, without)

    kinds = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for g in groups(fewer) for item in items(g, meaning="Referenced Segment")
    }
    assert len(kinds) == 1
    assert fewer.SOPInstanceUID != everything.SOPInstanceUID
    assert [numbers(g) for g in groups(fewer)] == [numbers(g) for g in groups(everything)]


@pytest.mark.parametrize("studies", [1, 2])
def test_everything_that_is_cited_is_evidence(tmp_path: Path, studies: int) -> None:
    phantom = rich_phantom(tmp_path, Plan(studies=studies))
    folder = tmp_path / "out"
    folder.mkdir()
    options = EncodeOptions(objects=("lesions", "raised", "regions", "report", "map", "suvr", "suv", "parametric_maps"))

    written = encode(*phantom.parts, storage=tmp_path, folder=folder, options=options)
    sr = dcmread(next(e.path for e in written if e.kind is Kind.REPORT))

    there = {path.stem for path in (*tmp_path.glob("*.dcm"), *folder.glob("*.dcm"))}
    own, other = sr.CurrentRequestedProcedureEvidenceSequence, sr.get("PertinentOtherEvidenceSequence", [])
    listed = {
        i.ReferencedSOPInstanceUID
        for study in (*own, *other)
        for series in study.ReferencedSeriesSequence
        for i in series.ReferencedSOPSequence
    }
    cited = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in all_items(sr) if item.ValueType == "IMAGE"}
    assert cited < listed <= there
    assert {image.sop_instance_uid for image in phantom.material().reading.source.instances} <= listed
    assert {study.StudyInstanceUID for study in own} == {"1.2.3.2"}
    assert {study.StudyInstanceUID for study in other} == ({"1.2.3.1"} if studies == 2 else set())


def test_each_map_that_is_written_is_named_with_what_it_holds(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    options = EncodeOptions(objects=("report", "map", "parametric_maps"))

    written = encode(*phantom.parts, storage=tmp_path, folder=folder, options=options)
    sr = dcmread(next(e.path for e in written if e.kind is Kind.REPORT))

    first = {kind: next(e.sop_instance_uid for e in written if e.kind is kind) for kind in (Kind.MAP, Kind.PARAMETRIC_MAPS)}
    named = {}
    for group in library(sr):
        for item in items(group, meaning="Source of Measurement"):
            (quantity,) = items(group, meaning="Quantity that a map holds")
            (method,) = items(group, meaning="How a map was made")
            named[item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID] = (quantity.ConceptCodeSequence[0].CodeValue, method.TextValue)
    assert named == {first[Kind.MAP]: ("SUVR", "ratio"), first[Kind.PARAMETRIC_MAPS]: ("SUVR", "ratio")}


def test_the_library_says_what_was_injected_and_how_the_images_lie(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)

    pet, t1, flair = library(report(phantom, tmp_path, EncodeOptions(objects=("report",))))

    given = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in items(pet)}
    assert given["Radionuclide"].ConceptCodeSequence[0].CodeValue == "77004003"
    assert given["Radiopharmaceutical Start DateTime"].DateTime == "20240312102000"
    assert float(given["Radionuclide Total Dose"].MeasuredValueSequence[0].NumericValue) == 2e8
    assert (given["Acquisition Date"].Date, given["Acquisition Time"].Time) == ("20240312", "112000")
    for group, series, role in ((pet, phantom.exam.pet, "PET"), (t1, phantom.exam.t1, "T1"), (flair, phantom.exam.flair, "FLAIR")):
        assert series is not None
        values = [float(item.MeasuredValueSequence[0].NumericValue) for item in items(group, kind="NUM")]
        between, vertical, horizontal = series.volume.spacing_mm
        assert values[:5] == pytest.approx([*series.volume.shape[-2:], horizontal, vertical, between])
        assert next(items(group, meaning="What a series is to the exam")).ConceptCodeSequence[0].CodeValue == role
        assert series.volume.frame_of_reference_uid == next(items(group, kind="UIDREF")).UID
    assert "Radionuclide" not in {item.ConceptNameCodeSequence[0].CodeMeaning for item in (*items(t1), *items(flair))}


def library(sr: Dataset) -> list[Dataset]:
    (container,) = items(sr, meaning="Image Library")
    return list(items(container))


def test_the_same_report_is_written_twice_byte_for_byte(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)

    (first,) = encode_report(phantom.material(EVERYTHING, tmp_path))
    before = first.path.read_bytes()
    (second,) = encode_report(phantom.material(EVERYTHING, tmp_path))

    assert second.path.read_bytes() == before
