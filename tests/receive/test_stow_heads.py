"""What is read of a file that is still coming in: its head, and its study."""

from __future__ import annotations

import zlib
from contextlib import suppress
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network import STUDY, instance
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.errors import DataError
from node.part10 import MAX_META_BYTES, FileHead, Part10Header
from node.receive.dicomweb.study import StudyFinder

SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def file_of(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read(pieces: list[bytes]) -> tuple[FileHead | None, bytes]:
    header, rest = Part10Header(), b""
    for piece in pieces:
        if header.head is not None:
            rest += piece
        else:
            rest += bytes(header.feed(memoryview(piece)) or b"")
    return header.head, rest


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(edges)]


@settings(max_examples=100, deadline=None)
@given(places=st.lists(st.integers(0, 2000), max_size=20))
def test_a_head_is_read_whatever_the_pieces(places: list[int]) -> None:
    file = file_of(instance())
    head, rest = read(cut(file, places))

    assert head == FileHead("1.2.840.10008.5.1.4.1.1.4", str(instance().SOPInstanceUID), ExplicitVRLittleEndian)
    assert file.endswith(rest)
    assert rest[:8] == b"\x08\0\x16\0UI\x1a\0"


def test_a_head_without_a_group_length_ends_where_another_group_begins() -> None:
    file = file_of(instance())
    bare = file[:132] + file[144:]

    assert read([bare]) == read([file])


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (bytes(200), "DICM"),
        (bytes(128) + b"DICM" + b"\x02\0\x02\x01OB\0\0\xff\xff\xff\xff", "declares"),
        (bytes(128) + b"DICM" + b"\x02\0\x13\0SH\xff\xff" + bytes(MAX_META_BYTES) * 2, "no end|UID"),
        (bytes(128) + b"DICM" + b"\x02\0\x00\0UL\x04\0\x03\0\0\0" + b"\x02\0\x02\0UI\x02\0" + b"1\0", "within an element"),
        (bytes(128) + b"DICM" + b"\x02\0\x00\0UL\x04\0\x00\0\0\0", "UID"),
    ],
)
def test_a_head_that_lies_is_told(file: bytes, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read([file])


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=300))
def test_any_bytes_end_in_a_head_in_waiting_or_in_a_data_error(noise: bytes) -> None:
    with suppress(DataError):
        head, rest = read([bytes(128) + b"DICM" + noise])
        assert head is not None or rest == b""


def study_in(dataset: bytes, syntax: UID, places: list[int]) -> str:
    finder = StudyFinder(syntax)
    for piece in cut(dataset, places):
        finder.feed(memoryview(piece))
    return finder.study_uid


def encoded(dataset: Dataset, syntax: UID) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    write_dataset(buffer, dataset)
    if syntax == DeflatedExplicitVRLittleEndian:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return packer.compress(buffer.getvalue()) + packer.flush()
    return buffer.getvalue()


def with_sequences(*, undefined: bool) -> Dataset:
    """Sequences before the study, each with a study of its own."""
    at = dataset = Dataset()
    dataset.StudyInstanceUID = STUDY
    for level in range(5):
        inner = Dataset()
        inner.StudyInstanceUID = f"9.9.{level}"
        inner.is_undefined_length_sequence_item = undefined
        at.ReferencedStudySequence = Sequence([inner, Dataset()])
        at["ReferencedStudySequence"].is_undefined_length = undefined
        at = inner
    return dataset


@settings(max_examples=60, deadline=None)
@given(syntax=st.sampled_from(SYNTAXES), undefined=st.booleans(), places=st.lists(st.integers(0, 1000), max_size=20))
def test_the_study_is_found_beneath_no_sequence_and_whatever_the_pieces(syntax: UID, undefined: bool, places: list[int]) -> None:
    assert study_in(encoded(with_sequences(undefined=undefined), syntax), syntax, places) == STUDY


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_no_study_is_found_where_there_is_none(syntax: UID) -> None:
    dataset = Dataset()
    dataset.PatientID = "1"
    dataset.SeriesInstanceUID = "1.2.3"

    assert study_in(encoded(dataset, syntax), syntax, []) == ""


def test_unknown_values_of_undefined_length_are_implicit_inside() -> None:
    inner = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + b"\x08\0\x05\0\x02\0\0\0AB" + b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    whole = b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff" + inner + b"\x20\0\x0d\0UI\x04\x001.2\0"

    assert study_in(whole, ExplicitVRLittleEndian, []) == "1.2"


def test_a_lie_about_lengths_or_depth_costs_nothing() -> None:
    endless = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 5000
    long = b"\x08\0\x40\x11UN\0\0\xf0\xff\xff\xff" + bytes(1000)
    bomb = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = bomb.compress(b"\x08\0\x40\x11UN\0\0\xf0\xff\xff\xff" + bytes(2**27)) + bomb.flush()

    assert study_in(endless, ExplicitVRLittleEndian, []) == ""
    assert study_in(long, ExplicitVRLittleEndian, []) == ""
    assert study_in(packed, DeflatedExplicitVRLittleEndian, []) == ""


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=400), syntax=st.sampled_from(SYNTAXES))
def test_any_bytes_end_without_an_error(noise: bytes, syntax: UID) -> None:
    assert isinstance(study_in(noise, syntax, [3, 50]), str)
