"""The data set of an N-service: collected within bounds, and read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from node.errors import DataError, TemporaryError

MAX_NOTICE_BYTES = 16 << 20
"""A request for storage commitment of 100 000 instances."""

_UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RecursionError,
    struct.error,
)


def collect(pieces: Iterator[memoryview]) -> bytes:
    """All pieces.

    Raises
    ------
    TemporaryError : more than 16 MiB
    """
    collected = bytearray()
    for piece in pieces:
        collected += piece
        if len(collected) > MAX_NOTICE_BYTES:
            raise TemporaryError(f"a data set of more than {MAX_NOTICE_BYTES} bytes")
    return bytes(collected)


def read(encoded: bytes, transfer_syntax_uid: str) -> Dataset:
    """The data set, with every element of its first level read.

    Raises
    ------
    DataError : it cannot be read
    """
    try:
        dataset = read_dataset(BytesIO(encoded), UID(transfer_syntax_uid).is_implicit_VR, True)
        for element in dataset:  # reads what was put off
            element.value  # noqa: B018
    except _UNREADABLE:
        raise DataError("the data set cannot be read") from None
    return dataset
