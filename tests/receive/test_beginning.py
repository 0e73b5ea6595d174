"""SOP class and instance out of the first bytes of a data set, in every transfer syntax that comes."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from node.receive.beginning import HELD_BYTES, Beginning, Named, named


def encoded(syntax: UID, **changes: object) -> bytes:
    dataset = Dataset()
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3.45"
    dataset.PatientID = "NOBODY"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
        if value is None:
            delattr(dataset, keyword)
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = syntax.is_little_endian, syntax.is_implicit_VR
    write_dataset(file, dataset)
    return file.getvalue()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGLSLossless])
def test_both_are_found_in_every_syntax(syntax: UID) -> None:
    assert named(encoded(syntax), syntax) == Named("1.2.840.10008.5.1.4.1.1.4", "1.2.3.45")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_that_one_is_missing_is_known_from_what_follows(syntax: UID) -> None:
    assert named(encoded(syntax, SOPInstanceUID=None), syntax) == Named("1.2.840.10008.5.1.4.1.1.4", "")
    assert named(encoded(syntax, SOPClassUID=None), syntax) == Named("", "1.2.3.45")
    assert named(encoded(syntax, SOPInstanceUID=""), syntax).sop_instance_uid == ""


@pytest.mark.parametrize("size", [0, 5, 30, 60])
def test_of_what_is_cut_off_nothing_is_said(size: int) -> None:
    assert named(encoded(ExplicitVRLittleEndian)[:size], ExplicitVRLittleEndian).sop_instance_uid is None


def test_of_deflated_bytes_and_of_garbage_nothing_is_said() -> None:
    assert named(encoded(ExplicitVRLittleEndian), DeflatedExplicitVRLittleEndian) == Named()
    assert named(bytes(range(255, 0, -1)), ExplicitVRLittleEndian) == Named()
    assert named(bytes(500), ImplicitVRLittleEndian) == Named()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_pieces_of_any_size_are_put_together_and_no_more_than_wanted_is_held(size: int) -> None:
    whole = encoded(ExplicitVRLittleEndian, PixelData=bytes(20_000), BitsAllocated=8)
    beginning = Beginning()
    for begin in range(0, len(whole), size):
        beginning.add(memoryview(whole)[begin : begin + size])

    assert beginning.named(ExplicitVRLittleEndian).sop_instance_uid == "1.2.3.45"
    assert beginning.size == len(whole)
    assert len(beginning._held) == HELD_BYTES
