"""The walk through an N-service's data set finds what pydicom finds, and ends with every input."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.errors import DataError, TemporaryError
from node.receive.notice_content import FAILED, REFERENCED, STEP_STATUS, TRANSACTION, collected, read
from node.receive.space import Memory


def item(number: int) -> Dataset:
    dataset = Dataset()
    dataset.ReferencedSOPClassUID, dataset.ReferencedSOPInstanceUID = "1.2.3", f"1.2.3.{number}"
    dataset.TransactionUID = "9.9.9"  # not that of the first level
    return dataset


def encoded(*, implicit: bool, undefined: bool, items: int = 3) -> bytes:
    dataset = Dataset()
    dataset.add_new(0x00080005, "CS", "ISO_IR 192")
    dataset.TransactionUID = "1.2.3.4"
    dataset.ReferencedSOPSequence = [item(number) for number in range(items)]
    dataset.PerformedProcedureStepStatus = "IN PROGRESS"
    dataset.add_new(0x00420011, "OB", b"pixels")
    inner = Dataset()
    inner.ScheduledStepAttributesSequence = dataset.ReferencedSOPSequence
    dataset.ScheduledStepAttributesSequence = [inner]
    for sequence in (
        dataset["ReferencedSOPSequence"],
        dataset["ScheduledStepAttributesSequence"],
        inner["ScheduledStepAttributesSequence"],
    ):
        sequence.is_undefined_length = undefined
        for each in sequence.value:
            each.is_undefined_length_sequence_item = undefined
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, implicit
    write_dataset(file, dataset)
    return file.getvalue()


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("implicit", [True, False])
def test_what_an_answer_depends_on_is_found_in_every_encoding(implicit: bool, undefined: bool) -> None:
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    content = read(encoded(implicit=implicit, undefined=undefined), syntax)
    empty = read(encoded(implicit=implicit, undefined=undefined, items=0), syntax)

    assert content.text(TRANSACTION) == "1.2.3.4"
    assert content.text(STEP_STATUS) == "IN PROGRESS"
    assert (content.has_items(REFERENCED), content.has_items(FAILED)) == (True, False)
    assert not empty.has_items(REFERENCED)


@pytest.mark.parametrize("undefined", [True, False])
def test_a_data_set_that_is_cut_off_is_none(undefined: bool) -> None:
    whole = encoded(implicit=False, undefined=undefined)
    readable = 0
    for size in range(1, len(whole)):
        try:
            read(whole[:size], ExplicitVRLittleEndian)
            readable += 1
        except DataError:
            pass

    assert readable == 5  # where one of the six elements ends


def test_an_unknown_sequence_holds_implicit_vr() -> None:
    inner = b"\x08\x00\x95\x11\x04\0\0\0" + b"1.2\0"
    item_of_it = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inner + b"\xfe\xff\x0d\xe0\0\0\0\0"
    unknown = b"\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff" + item_of_it + b"\xfe\xff\xdd\xe0\0\0\0\0"
    content = read(unknown + b"\x40\x00\x52\x02CS\x0a\0COMPLETED ", ExplicitVRLittleEndian)

    assert content.text(STEP_STATUS) == "COMPLETED"
    assert content.text(TRANSACTION) == ""


def test_sequences_within_sequences_have_an_end() -> None:
    with pytest.raises(DataError):
        read(b"\x08\x00\x99\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 1000, ExplicitVRLittleEndian)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.sampled_from([ImplicitVRLittleEndian, ExplicitVRLittleEndian]))
def test_any_bytes_are_read_or_refused(text: bytes, syntax: str) -> None:
    try:
        content = read(text, syntax)
    except DataError:
        return
    assert all(len(value) <= len(text) for value in content.values.values())


def test_all_notices_together_take_no_more_memory_than_there_is() -> None:
    memory = Memory(1000)
    piece = memoryview(bytes(400))
    with collected(iter([piece, piece]), memory) as first:
        with pytest.raises(TemporaryError), collected(iter([piece]), memory):
            pass
        with collected(iter([piece[:200]]), memory) as second:
            assert (len(first), len(second)) == (800, 200)
    with collected(iter([piece, piece]), memory) as again:
        assert len(again) == 800
