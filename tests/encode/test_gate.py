"""The gate: good objects of all kinds pass without a word, and each way of breaking one is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encode_phantom import Phantom, Plan
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from rich_phantom import rich_phantom

from node.encode import Encoded, EncodeOptions, Kind, encode, encode_refusal
from node.encode.gate import Known, examine, known_of
from node.encode.gate.geometry import SLICE_BY_SLICE
from node.encode.gate.standard import TABLES
from node.encode.headers import content_sum
from node.encode.material import Material
from node.encode.objects import OBJECT_NAMES, Complaint

EVERYTHING = EncodeOptions(objects=OBJECT_NAMES)


@dataclass(frozen=True, eq=False)
class Case:
    """The objects of one exam, and what the gate needs to examine them anew."""

    written: tuple[Encoded, ...]
    known: Known
    material: Material

    def first(self, kind: Kind) -> Encoded:
        """The first object of a kind; of a stack of slices the middle one, where there is something to see."""
        items = [item for item in self.written if item.kind is kind]
        return items[len(items) // 2 if kind in SLICE_BY_SLICE else 0]

    def examined(self, written: tuple[Encoded, ...] | None = None) -> tuple[Encoded, ...]:
        return examine(written or self.written, self.known, self.material)

    def complaints_on(self, kind: Kind, change: Callable[[Dataset], object], folder: Path, *, sum_anew: bool = True) -> list[Complaint]:
        """What the gate says of the first object of a kind after a change to its file."""
        item = self.first(kind)
        broken = broken_file(item, change, folder, sum_anew=sum_anew)
        examined = self.examined(tuple(broken if one is item else one for one in self.written))
        return list(next(one for one in examined if one.path == broken.path).complaints)


def broken_file(item: Encoded, change: Callable[[Dataset], object], folder: Path, *, sum_anew: bool = True) -> Encoded:
    """An object changed; its checksum is that of the change unless the checksum is what is tried."""
    dataset = dcmread(item.path)
    with disable_value_validation():
        change(dataset)
        dataset.save_as(folder / item.path.name)  # as it is, with the file meta information that it was given
    return replace(item, path=folder / item.path.name, content_sum=content_sum(dataset) if sum_anew else item.content_sum)


def make_case(folder: Path, plan: Plan | None = None, options: EncodeOptions = EVERYTHING) -> tuple[Phantom, Case]:
    phantom = rich_phantom(folder, plan)
    out = folder / "out"
    out.mkdir()
    written = encode(*phantom.parts, storage=folder, folder=out, options=options)
    material = phantom.material(options, out)
    return phantom, Case(written, known_of(material), material)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(tmp_path_factory.mktemp("gate"))[1]


def make_known_again(case: Case) -> Known:
    return known_of(case.material)


def set_to(path: str, value: Any) -> Callable[[Dataset], None]:
    """Sets an attribute; the path goes through first items: "SegmentSequence.SegmentLabel"."""

    def change(dataset: Dataset) -> None:
        *steps, keyword = path.split(".")
        for step in steps:
            dataset = dataset[step].value[0]
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)

    return change


def without(path: str) -> Callable[[Dataset], None]:
    return set_to(path, None)


def with_vr(keyword: str, vr: str, value: Any) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        tag = dataset[keyword].tag
        del dataset[keyword]
        dataset.add_new(tag, vr, value)

    return change


def moved(dataset: Dataset) -> None:
    dataset.ImagePositionPatient = [float(x) + 1.0 for x in dataset.ImagePositionPatient]


def one_bit_flipped(dataset: Dataset) -> None:
    pixels = bytearray(dataset.PixelData)
    pixels[len(pixels) // 2] ^= 8
    dataset.PixelData = bytes(pixels)


def other_source_of_a_frame(dataset: Dataset) -> None:
    frames = dataset.PerFrameFunctionalGroupsSequence
    uids = [frame.DerivationImageSequence[0].SourceImageSequence[0] for frame in frames]
    other = next(item for item in uids if item.ReferencedSOPInstanceUID != uids[0].ReferencedSOPInstanceUID)
    uids[0].ReferencedSOPInstanceUID = other.ReferencedSOPInstanceUID


def frame_elsewhere(dataset: Dataset) -> None:
    position = dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    position.ImagePositionPatient = [float(x) + 3.0 for x in position.ImagePositionPatient]


def shifted_by_a_voxel(dataset: Dataset) -> None:
    stored = np.frombuffer(dataset.PixelData, dtype="<i2").reshape(dataset.Rows, dataset.Columns)
    dataset.PixelData = np.roll(stored, 1, axis=1).tobytes()


def steeper(dataset: Dataset) -> None:
    dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * 1.1:.6g}"
    dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope *= 1.1


def one_float_changed(dataset: Dataset) -> None:
    values = np.frombuffer(dataset.FloatPixelData, dtype="<f4").copy()
    values[values.size // 2] += 0.01
    dataset.FloatPixelData = values.tobytes()


def numbers(item: Dataset) -> list[Dataset]:
    """Every NUM of a report, outermost first."""
    found = [child for child in item.get("ContentSequence", ()) if child.ValueType == "NUM"]
    return [*found, *(number for child in item.get("ContentSequence", ()) for number in numbers(child))]


def another_number(dataset: Dataset) -> None:
    volume = next(item for item in numbers(dataset) if item.ConceptNameCodeSequence[0].CodeMeaning == "Volume")
    measured = volume.MeasuredValueSequence[0]
    measured.NumericValue = str(float(measured.NumericValue) + 0.01)
    if "FloatingPointValue" in measured:
        del measured.FloatingPointValue


def number_without_a_name(dataset: Dataset) -> None:
    del numbers(dataset)[0].ConceptNameCodeSequence


def number_without_a_value(dataset: Dataset) -> None:
    del numbers(dataset)[0].MeasuredValueSequence


def turned_matrix(dataset: Dataset) -> None:
    matrix = dataset.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
    values = [float(x) for x in matrix.FrameOfReferenceTransformationMatrix]
    values[3] += 0.5
    matrix.FrameOfReferenceTransformationMatrix = values


def other_meta(dataset: Dataset) -> None:
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"


def half_of_the_frames(dataset: Dataset) -> None:
    dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[:-1]


MUTATIONS: tuple[tuple[Kind, Callable[[Dataset], object], str], ...] = (
    # what the IOD demands
    (Kind.SUMMARY, without("Modality"), "Modality"),
    (Kind.SUMMARY, without("PatientBirthDate"), "PatientBirthDate"),
    (Kind.SUMMARY, set_to("ConversionType", ""), "ConversionType"),
    (Kind.SUMMARY, without("PlanarConfiguration"), "PlanarConfiguration"),
    (Kind.OVERLAY, without("SourceImageSequence.PurposeOfReferenceCodeSequence.CodeValue"), "SourceImageSequence[1]."),
    (Kind.LESIONS, without("SegmentSequence.SegmentLabel"), "SegmentSequence[1].SegmentLabel"),
    (Kind.LESIONS, without("SegmentSequence.SegmentAlgorithmName"), "SegmentSequence[1].SegmentAlgorithmName"),
    (Kind.LESIONS, without("SegmentSequence.TrackingUID"), "SegmentSequence[1].TrackingUID"),
    (Kind.LESIONS, half_of_the_frames, "PerFrameFunctionalGroupsSequence"),
    (Kind.LESIONS, without("SharedFunctionalGroupsSequence.PixelMeasuresSequence"), "PixelMeasuresSequence"),
    (Kind.MAP, without("Units"), "Units"),
    (Kind.MAP, without("WindowWidth"), "WindowWidth"),
    (Kind.REPORT, number_without_a_name, "ConceptNameCodeSequence"),
    (Kind.REPORT, number_without_a_value, "MeasuredValueSequence"),
    (Kind.REPORT, without("VerificationFlag"), "VerificationFlag"),
    (Kind.REGISTRATION, without("RegistrationSequence"), "RegistrationSequence"),
    (Kind.SUMMARY, set_to("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"), "SOPClassUID"),
    # values
    (Kind.SUMMARY, set_to("ConversionType", "wsd"), "ConversionType"),
    (Kind.SUMMARY, set_to("SeriesDescription", "x" * 65), "SeriesDescription"),
    (Kind.SUMMARY, set_to("SeriesDate", "2026-11-22"), "SeriesDate"),
    (Kind.OVERLAY, set_to("PixelSpacing", [1, 1, 1]), "PixelSpacing"),
    (Kind.OVERLAY, set_to("FrameOfReferenceUID", "1.2.03.4"), "FrameOfReferenceUID"),
    (Kind.OVERLAY, with_vr("SliceThickness", "LO", "3"), "SliceThickness"),
    # whose it is
    (Kind.SUMMARY, other_meta, "MediaStorageSOPInstanceUID"),
    (Kind.SUMMARY, set_to("PatientID", "P-2"), "PatientID"),
    (Kind.OVERLAY, set_to("AccessionNumber", "A9"), "AccessionNumber"),
    (Kind.OVERLAY, set_to("StudyInstanceUID", "1.2.3.9"), "StudyInstanceUID"),
    # what it names
    (Kind.OVERLAY, set_to("SourceImageSequence.ReferencedSOPInstanceUID", "1.2.3.99"), "SourceImageSequence[1].ReferencedSOPInstanceUID"),
    (Kind.OVERLAY, set_to("SourceImageSequence.ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), "ReferencedSOPClassUID"),
    # where it lies
    (Kind.OVERLAY, moved, "ImagePositionPatient"),
    (Kind.OVERLAY, set_to("ImageOrientationPatient", [1, 0, 0, 0, 0, 1]), "ImageOrientationPatient"),
    (Kind.OVERLAY, set_to("PixelSpacing", [7.5, 7.5]), "PixelSpacing"),
    (Kind.MAP, set_to("FrameOfReferenceUID", "1.2.9.9"), "FrameOfReferenceUID"),
    (Kind.LESIONS, frame_elsewhere, "ImagePositionPatient of frame 1"),
    (Kind.LESIONS, other_source_of_a_frame, "source image of frame 1"),
    # what it says
    (Kind.LESIONS, one_bit_flipped, "segment"),
    (Kind.RAISED, one_bit_flipped, "segment 1"),
    (Kind.REGIONS, one_bit_flipped, "segment"),
    (Kind.MAP, shifted_by_a_voxel, "PixelData"),
    (Kind.MAP, steeper, "PixelData"),
    (Kind.MAP, set_to("RealWorldValueMappingSequence.RealWorldValueSlope", 0.5), "RealWorldValueSlope"),
    (Kind.MAP, set_to("PixelData", b"\0\0"), "PixelData"),
    (Kind.PARAMETRIC_MAPS, one_float_changed, "FloatPixelData"),
    (Kind.REPORT, another_number, "measurement group"),
    (Kind.REGISTRATION, turned_matrix, "FrameOfReferenceTransformationMatrix"),
)


@pytest.mark.parametrize(("kind", "change", "what"), MUTATIONS, ids=[f"{number}-{m[0].value}-{m[2]}" for number, m in enumerate(MUTATIONS)])
def test_each_way_of_breaking_an_object_is_seen(
    case: Case, tmp_path: Path, kind: Kind, change: Callable[[Dataset], object], what: str
) -> None:
    complaints = case.complaints_on(kind, change, tmp_path)

    assert any(what in complaint.what for complaint in complaints), [str(complaint) for complaint in complaints]


def test_a_changed_pixel_of_a_page_is_seen_by_its_checksum(case: Case, tmp_path: Path) -> None:
    (complaint,) = case.complaints_on(Kind.SUMMARY, one_bit_flipped, tmp_path, sum_anew=False)

    assert complaint.what == "PixelData"


def test_a_file_cut_short_or_no_dicom_at_all_is_held_and_stops_nothing(case: Case, tmp_path: Path) -> None:
    page, report = case.first(Kind.SUMMARY), case.first(Kind.REPORT)
    short, other = tmp_path / "short.dcm", tmp_path / "other.dcm"
    short.write_bytes(report.path.read_bytes()[:5000])
    other.write_text("not DICOM")
    swapped = {page.path: replace(page, path=other), report.path: replace(report, path=short)}

    examined = case.examined(tuple(swapped.get(item.path, item) for item in case.written))

    held = {item.kind for item in examined if item.complaints}
    assert {Kind.SUMMARY, Kind.REPORT} <= held
    assert Kind.LESIONS not in held


def test_good_objects_of_every_kind_pass_without_a_word(case: Case) -> None:
    assert [str(complaint) for item in case.examined() for complaint in item.complaints] == []
    assert {item.kind for item in case.written} >= {Kind(name) for name in EncodeOptions().objects if name != "physicist"}


@pytest.mark.parametrize(
    ("plan", "form"),
    [
        (Plan(studies=1, lesions=62), "BINARY"),
        (Plan(flair=False, lesions=0), "BINARY"),
        (Plan(enhanced=True), "LABELMAP"),
        (Plan(charset=("", "ISO 2022 IR 87"), name="Y^T=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"), "FRACTIONAL"),
    ],
    ids=["many lesions", "no lesions", "enhanced, label map", "kanji, fractional"],
)
def test_good_objects_of_every_plan_and_form_pass(tmp_path: Path, plan: Plan, form: Any) -> None:
    _, case = make_case(tmp_path, plan, replace(EVERYTHING, seg_form=form))

    assert [f"{item.kind.value}: {complaint}" for item in case.written for complaint in item.complaints] == []


def test_a_refusal_passes_and_one_for_somebody_else_does_not(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    (page,) = encode_refusal(
        phantom.exam.pet.source, "Why.", "What.", phantom.result.provenance, storage=tmp_path, folder=tmp_path, options=EncodeOptions()
    )
    header = dcmread(tmp_path / phantom.exam.pet.source.instances[0].path, stop_before_pixels=True)
    header.PatientID = "P-2"
    (other,) = examine([page], Known((header,), (phantom.exam.pet.source,)))

    assert page.complaints == ()
    assert [complaint.what for complaint in other.complaints] == ["PatientID"]


def test_what_names_a_held_object_is_held_with_it(case: Case, tmp_path: Path) -> None:
    page = case.first(Kind.SUMMARY)
    seg = case.first(Kind.LESIONS)
    broken = {item.path: broken_file(item, without("Modality"), tmp_path) for item in (page, seg)}

    examined = case.examined(tuple(broken.get(item.path, item) for item in case.written))

    why = {item.kind: [complaint.found for complaint in item.complaints] for item in examined if item.complaints}
    assert why[Kind.KEY_OBJECTS] == [f"{page.sop_instance_uid}, which is held"]
    assert why[Kind.REPORT] == [f"{seg.sop_instance_uid}, which is held"]
    assert Kind.OVERLAY not in why


def test_a_stack_with_one_bad_image_is_held_as_a_whole_and_other_series_go(case: Case, tmp_path: Path) -> None:
    item = case.first(Kind.OVERLAY)
    broken = broken_file(item, without("Modality"), tmp_path)

    examined = case.examined(tuple(broken if one is item else one for one in case.written))

    assert all(one.complaints for one in examined if one.kind is Kind.OVERLAY)
    assert not any(one.complaints for one in examined if one.kind is Kind.MAP)


def test_a_slice_that_is_missing_is_seen_on_all_others(case: Case) -> None:
    item = case.first(Kind.MAP)

    examined = case.examined(tuple(one for one in case.written if one is not item))

    held = [one.kind for one in examined if one.complaints]
    assert held.count(Kind.MAP) == len([one for one in case.written if one.kind is Kind.MAP]) - 1
    assert Kind.OVERLAY not in held


def test_two_objects_of_one_uid_are_both_held(case: Case) -> None:
    page = case.first(Kind.SUMMARY)

    examined = case.examined((*case.written, page))

    twins = [one for one in examined if one.sop_instance_uid == page.sop_instance_uid]
    assert [any("UID of its own" in complaint.expected for complaint in one.complaints) for one in twins] == [True, True]


def test_what_a_scanner_wrote_against_the_standard_is_not_held_against_its_copy(tmp_path: Path) -> None:
    _, case = make_case(tmp_path, Plan(), EncodeOptions(objects=("summary",)))
    (page,) = case.written[:1]
    broken = broken_file(page, set_to("StudyID", "far too long for an SH"), tmp_path)
    with disable_value_validation():
        for header in case.known.headers:
            header.StudyID = "far too long for an SH"

    (copied,) = examine([broken], case.known)
    (ours,) = examine([broken_file(page, set_to("StationName", "far too long for an SH"), tmp_path)], make_known_again(case))

    assert [complaint.what for complaint in copied.complaints] == []
    assert "StationName" in [complaint.what for complaint in ours.complaints]


def test_no_complaint_tells_a_patients_value(case: Case, tmp_path: Path) -> None:
    complaints = case.complaints_on(Kind.SUMMARY, set_to("PatientName", "Somebody^Else"), tmp_path)

    assert complaints
    assert not any("Somebody" in str(complaint) or "Phantom" in str(complaint) for complaint in complaints)


def test_examining_twice_says_the_same(case: Case, tmp_path: Path) -> None:
    first, second = (case.complaints_on(Kind.REPORT, another_number, tmp_path) for _ in range(2))

    assert first == second


def test_the_tables_of_the_standard_are_where_they_are_looked_for() -> None:
    assert {path.name for path in TABLES.glob("*map.json")} >= {
        "module_attribute_map.json",
        "iod_module_map.json",
        "sop_class_iod_map.json",
    }


def test_a_number_of_a_wrong_length_holds_its_object_alone(case: Case, tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        tag = Tag("ImagePositionPatient")
        dataset._dict[tag] = RawDataElement(tag, "FD", 6, b"abcdef", 0, False, True)

    assert case.complaints_on(Kind.OVERLAY, change, tmp_path)
