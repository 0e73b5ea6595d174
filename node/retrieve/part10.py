"""The beginning of a file as PS3.10 7.1 writes it: where its data set begins, and what the file meta information says."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from node.dimse import is_uid
from node.errors import DataError

_LONG = frozenset({b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF", b"OD", b"OL", b"UC", b"UR"})
_CLASS, _INSTANCE, _SYNTAX = 0x0002, 0x0003, 0x0010


@dataclass(frozen=True)
class FileMeta:
    """What the file meta information says; `size` bytes are preamble, prefix and meta information, then the data set begins."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int


def file_meta(head: bytes) -> FileMeta:
    """Of the first bytes of a file.

    Raises
    ------
    DataError : they are no such file, or name no UIDs
    """
    if head[128:132] != b"DICM":
        raise DataError("expected a DICOM file (PS3.10 7.1); found no prefix DICM")
    values: dict[int, str] = {}
    at = 132
    while head[at : at + 2] == b"\x02\x00":
        element, start, length = _element(head, at)
        values[element] = head[start : start + length].decode("latin-1").strip(" \0")
        at = start + length
    if at >= len(head) or not all(is_uid(values.get(tag, "")) for tag in (_CLASS, _INSTANCE, _SYNTAX)):
        raise DataError("expected SOP class, SOP instance and transfer syntax in the file meta information; found not all of them")
    return FileMeta(values[_CLASS], values[_INSTANCE], values[_SYNTAX], at)


def _element(head: bytes, at: int) -> tuple[int, int, int]:
    """(element number, where its value starts, length), Explicit VR Little Endian."""
    try:
        element, vr, length = struct.unpack_from("<2xH2sH", head, at)
        if vr not in _LONG:
            return element, at + 8, length
        return element, at + 12, struct.unpack_from("<I", head, at + 8)[0]
    except struct.error:
        raise DataError("expected whole file meta information; it is cut off") from None
