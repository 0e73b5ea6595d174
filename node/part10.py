"""`Part10Header`: the head of a DICOM file (PS3.10 7.1) read by hand from a stream, within limits, and what follows it passed on.

pydicom reads it from a file that lies there whole; here the file is still coming in, and whoever sends it may be hostile.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from node.dimse import is_uid
from node.errors import DataError

PREAMBLE_BYTES = 128
MAX_META_BYTES = 65536
"""Of the whole file meta information. Real ones have some hundred bytes; private information (0002,0102) may come on top."""

_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
"""VRs with a length of four bytes (PS3.5 7.1.2)."""

_GROUP_LENGTH, _SOP_CLASS, _SOP_INSTANCE, _SYNTAX = 0x0000, 0x0002, 0x0003, 0x0010


@dataclass(frozen=True)
class FileHead:
    """What a file says of itself."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


def file_head(begin: bytes) -> tuple[FileHead, memoryview]:
    """What a file says of itself, and what follows its head, from its first bytes.

    Raises
    ------
    DataError : as `Part10Header.feed`; or its head is not whole in them
    """
    header = Part10Header()
    rest = header.feed(memoryview(begin))
    if rest is None or header.head is None:
        raise DataError("expected whole file meta information (PS3.10 7.1); it is cut off")
    return header.head, rest


class Part10Header:
    """Reads the head of one file from the pieces in which it comes."""

    def __init__(self) -> None:
        self._held = b""
        self.head: FileHead | None = None

    def feed(self, piece: memoryview) -> memoryview | None:
        """The next bytes of the file, until the head is there.

        Returns
        -------
        the bytes that follow the head, as far as they came with this piece; None where the head is not whole yet

        Raises
        ------
        DataError : it is no DICOM file, or its head is longer than `MAX_META_BYTES`, cut off, or has no legal UIDs
        """
        self._held += bytes(piece)
        end = _end_of_meta(self._held)
        if end is None:
            if len(self._held) > MAX_META_BYTES:
                raise DataError(f"part 10: no end of the file meta information within {MAX_META_BYTES} bytes")
            return None
        self.head = _head(_elements(self._held, end))
        return memoryview(self._held)[end:]


def _end_of_meta(held: bytes) -> int | None:
    """Where the data set begins; None while too little is there.

    The group length tells, since the bytes of a deflated data set could pass for an element of the group. Without one, the first element
    of another group does.
    """
    place = PREAMBLE_BYTES + 4
    if len(held) >= place and held[PREAMBLE_BYTES:place] != b"DICM":
        raise DataError("part 10: expected 'DICM' after 128 bytes of preamble")
    told: int | None = None
    while told is None or place < told:
        step = _element(held, place)
        if step is None:
            return None
        number, value, end = step
        if number is None:
            return place
        if number == _GROUP_LENGTH and len(value) == 4:
            told = end + int(struct.unpack("<I", value)[0])
        place = end
    if place != told:
        raise DataError("part 10: the group length of the file meta information ends within an element")
    return place


def _elements(held: bytes, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = PREAMBLE_BYTES + 4
    while place < end:
        step = _element(held, place)
        assert step is not None  # `_end_of_meta` has walked here
        number, value, place = step
        assert number is not None
        found[number] = value
    return found


def _element(held: bytes, place: int) -> tuple[int | None, bytes, int] | None:
    """Number in group 0002, value and end of the element at `place`; no number where it is of another group; None where it is not whole."""
    if len(held) < place + 8:
        return None
    group, number, vr = struct.unpack_from("<HH2s", held, place)
    if group != 0x0002:
        return None, b"", place
    if vr in _LONG:
        if len(held) < place + 12:
            return None
        begin, length = place + 12, int(struct.unpack_from("<I", held, place + 8)[0])
    else:
        begin, length = place + 8, int(struct.unpack_from("<H", held, place + 6)[0])
    if length > MAX_META_BYTES:
        raise DataError(f"part 10: (0002,{number:04X}) declares {length} bytes; expected at most {MAX_META_BYTES}")
    return (number, held[begin : begin + length], begin + length) if len(held) >= begin + length else None


def _head(elements: dict[int, bytes]) -> FileHead:
    return FileHead(*(_uid(elements, number) for number in (_SOP_CLASS, _SOP_INSTANCE, _SYNTAX)))


def _uid(elements: dict[int, bytes], number: int) -> str:
    text = elements.get(number, b"").decode("ascii", "replace").rstrip("\0 ")
    if not is_uid(text):
        raise DataError(f"part 10: expected a UID in (0002,{number:04X})")
    return text
