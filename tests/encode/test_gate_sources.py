"""Sources as hospitals have them: whatever scanners and archives wrote in their headers, good objects pass the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encode_phantom import Phantom, Plan
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian
from rich_phantom import rich_phantom

from node.encode import EncodeOptions, encode

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
"""It warns of each value that is illegal, which here are many."""

SOME, OF_FRAMES = ("overlay", "lesions", "report"), ("lesions", "map", "report", "parametric_maps", "registration")
Change = Callable[[Dataset], object]


def complaints(phantom: Phantom, storage: Path, change: Change, objects: tuple[str, ...] = SOME) -> list[str]:
    """What the gate says of the objects of an exam whose source files were changed."""
    with disable_value_validation():
        for path in storage.glob("*.dcm"):
            dataset = dcmread(path)
            change(dataset)
            dataset.save_as(path)
    out = storage / "out"
    out.mkdir()
    written = encode(*phantom.parts, storage=storage, folder=out, options=EncodeOptions(objects=objects))
    return [f"{item.kind.value}: {complaint}" for item in written for complaint in item.complaints]


def item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def put(dataset: Dataset, **texts: str) -> None:
    """Set values as a file may hold them, legal or not."""
    for keyword, text in texts.items():
        tag, raw = Tag(tag_for_keyword(keyword) or 0), text.encode()
        raw += b" " * (len(raw) % 2)
        dataset._dict[tag] = RawDataElement(tag, dictionary_VR(tag), len(raw), raw, 0, False, True)


def ordered(dataset: Dataset) -> None:
    """What nearly every scanner writes where there is a worklist: order, study and step of other systems."""
    dataset.ReferencedStudySequence = [item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID="1.2.3.4.4")]
    dataset.ReferencedPerformedProcedureStepSequence = [
        item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID="1.2.3.4.5")
    ]
    named = item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID="1.2.3.4.6")
    request = item(RequestedProcedureID="1", ScheduledProcedureStepID="", ReferencedStudySequence=[named])
    request.add_new(0x00091001, "UN", b"abcd")
    dataset.RequestAttributesSequence = [request]


def hollow(dataset: Dataset) -> None:
    for keyword in ("ProcedureCodeSequence", "ReferencedStudySequence", "OtherPatientIDsSequence", "RequestAttributesSequence"):
        setattr(dataset, keyword, [Dataset()])
    dataset.ReferencedPerformedProcedureStepSequence = []


def missing(dataset: Dataset) -> None:
    names = ("StudyTime", "StudyID", "StudyDate", "ReferringPhysicianName", "PatientBirthDate", "PatientSex", "AccessionNumber")
    for keyword in (*names, "PatientName", "SliceThickness"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.Manufacturer = dataset.PatientAge = dataset.PatientWeight = ""


def illegal(dataset: Dataset) -> None:
    put(dataset, PatientAge="44", PatientWeight="70,5 kg", PatientSize="1.70000000000000017", StudyTime="09:12:00", PatientSex="female")
    put(dataset, StudyDate="2024.03.05", AccessionNumber="x" * 20, PatientName="A^B^C^D^E^F^G=x=y=z", PatientID="1\\2")
    put(dataset, Manufacturer="ONE\\TWO", StationName="x" * 30, DeviceUID="1.2.03", InstitutionAddress="Street\r\nTown\\9")
    put(dataset, LossyImageCompression="01", TimezoneOffsetFromUTC="+1:00", Laterality="")


def undecodable(dataset: Dataset) -> None:
    """One value that is copied and illegal, and others, not copied, that no library decodes."""
    put(dataset, StudyID="far too long for an SH", SliceLocation="abc", EchoNumbers="1.5")
    tag = Tag(0x00189087)  # Diffusion b-value, of eight bytes
    dataset._dict[tag] = RawDataElement(tag, "FD", 6, b"abcdef", 0, False, True)


def in_other_letters(dataset: Dataset) -> None:
    """The MR in another character set than the PET, a name in bytes that neither has."""
    dataset.SpecificCharacterSet = "ISO_IR 192" if dataset.Modality == "MR" else "ISO_IR_100"
    tag = Tag(0x00100010)
    dataset._dict[tag] = RawDataElement(tag, "PN", 6, b"M\xfcller", 0, False, True)


def implicit(dataset: Dataset) -> None:
    ordered(dataset)
    put(dataset, StudyID="far too long for an SH")
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian


def one_series_otherwise(dataset: Dataset) -> None:
    if dataset.Modality == "MR":
        put(dataset, PatientAge="045Y", PatientName="PHANTOM^BALL^^", PatientComments="other", StudyDescription="Other")


HEADERS = (ordered, hollow, missing, illegal, undecodable, in_other_letters, implicit)


@pytest.mark.parametrize("change", HEADERS)
def test_a_header_that_is_odd_holds_nothing(tmp_path: Path, change: Change) -> None:
    assert complaints(rich_phantom(tmp_path), tmp_path, change) == []


def test_series_of_one_study_that_differ_in_the_patient_hold_nothing(tmp_path: Path) -> None:
    assert complaints(rich_phantom(tmp_path, Plan(studies=1)), tmp_path, one_series_otherwise) == []


def long_axes(dataset: Dataset) -> None:
    """Direction cosines whose length is wrong in the fourth digit, and that differ in the last from image to image."""
    if "ImageOrientationPatient" in dataset:
        small = 1e-6 * int(dataset.InstanceNumber)
        put(dataset, ImageOrientationPatient="\\".join(f"{float(x) * 1.0007 + small:.7f}" for x in dataset.ImageOrientationPatient))


def one_slice_off(dataset: Dataset) -> None:
    """One image a fifth of a step from its place, and a fifth of a pixel aside: still read as an even stack, with a Check."""
    if dataset.Modality != "MR":
        return
    if "PerFrameFunctionalGroupsSequence" in dataset:
        oriented, measured = dataset.SharedFunctionalGroupsSequence[0], dataset.PerFrameFunctionalGroupsSequence[0]
        cosines = oriented.PlaneOrientationSequence[0].ImageOrientationPatient
        _move(dataset.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0], cosines, measured.PixelMeasuresSequence[0])
    elif int(dataset.InstanceNumber) == 5:
        _move(dataset, dataset.ImageOrientationPatient, dataset)


def _move(placed: Dataset, cosines: Any, measured: Dataset) -> None:
    row, column = np.array(cosines, dtype=float).reshape(2, 3)
    by = 0.2 * float(measured.SliceThickness) * np.cross(row, column) + 0.1 * float(measured.PixelSpacing[1]) * row
    put(placed, ImagePositionPatient="\\".join(f"{x:.6f}" for x in np.array(placed.ImagePositionPatient, dtype=float) + by))


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("change", [long_axes, one_slice_off])
def test_slices_that_are_a_little_off_hold_nothing(tmp_path: Path, change: Change, *, enhanced: bool) -> None:
    assert complaints(rich_phantom(tmp_path, Plan(enhanced=enhanced)), tmp_path, change) == []


@pytest.mark.parametrize("bare", [("PT",), ("MR",), ("PT", "MR")])
def test_a_series_without_a_frame_of_reference_gets_one_that_all_objects_name(tmp_path: Path, bare: tuple[str, ...]) -> None:
    def change(dataset: Dataset) -> None:
        if dataset.Modality in bare:
            del dataset.FrameOfReferenceUID

    phantom = rich_phantom(tmp_path)
    exam = phantom.exam
    assert exam.flair is not None
    t1, flair = (replace(s, volume=replace(s.volume, frame_of_reference_uid="")) for s in (exam.t1, exam.flair))
    pet = replace(exam.pet, volume=replace(exam.pet.volume, frame_of_reference_uid=""))
    exam = replace(exam, **({"pet": pet} if "PT" in bare else {}), **({"t1": t1, "flair": flair} if "MR" in bare else {}))

    assert complaints(replace(phantom, exam=exam), tmp_path, change, OF_FRAMES) == []
    shown = [dcmread(path, stop_before_pixels=True) for path in (tmp_path / "out").glob("*.dcm")]
    frames = {str(d.FrameOfReferenceUID) for d in shown if "Lesions" in d.SeriesDescription or "SliceThickness" in d}
    assert len(frames) == 1
    assert ("1.2.9.1" in frames) is ("MR" not in bare)
