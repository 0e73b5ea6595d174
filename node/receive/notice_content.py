"""The data set of an N-service: collected within bounds, and walked through, so far as an answer depends on it.

No reader of data sets is called here: it would make objects of sixteen mebibytes of empty items, or follow sequences within sequences until
the stack ends, in a thread of the network. This walk keeps a few values and a depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct

from pydicom.uid import ImplicitVRLittleEndian

from node.errors import DataError, TemporaryError
from node.receive.space import Memory

MAX_NOTICE_BYTES = 16 << 20
"""A request for storage commitment of 100 000 instances."""

NOTICES_BYTES = 64 << 20
"""Of all notices that are coming in together."""

MAX_DEPTH = 32
"""Sequences and items within each other. What peers send has four."""

STEP_STATUS, REFERENCED, FAILED, TRANSACTION = 0x00400252, 0x00081199, 0x00081198, 0x00081195
"""Performed Procedure Step Status, Referenced and Failed SOP Sequence, Transaction UID."""

VALUE_BYTES = 128
"""Of a wanted value that are looked at: more than a UID takes, or the first header of a sequence."""

_WANTED = frozenset((STEP_STATUS, REFERENCED, FAILED, TRANSACTION))
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
LONG_FORM = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
"""Value representations with a length of four bytes (PS3.5 7.1.2)."""

_TAG, _SHORT, _LONG = Struct("<HH"), Struct("<H"), Struct("<I")


@dataclass(frozen=True)
class Content:
    """What an answer may depend on: of each wanted element of the first level its value, of a sequence its first bytes."""

    values: dict[int, bytes]

    def text(self, tag: int) -> str:
        """A value as text without padding; empty where there is none."""
        return self.values.get(tag, b"").rstrip(b"\0 ").decode("ascii", "backslashreplace")

    def has_items(self, tag: int) -> bool:
        """Whether a sequence has an item."""
        return self.values.get(tag, b"").startswith(_TAG.pack(0xFFFE, 0xE000))


@contextmanager
def collected(pieces: Iterator[memoryview], memory: Memory) -> Iterator[bytes]:
    """All pieces, for the time of the block.

    Parameters
    ----------
    memory : what all associations may hold together

    Raises
    ------
    TemporaryError : more than 16 MiB, or more than there is memory for
    """
    held = bytearray()
    taken = 0
    try:
        for piece in pieces:
            if taken + len(piece) > MAX_NOTICE_BYTES or not memory.take(len(piece)):
                raise TemporaryError(f"a data set of more than {taken} bytes cannot be taken now")
            held += piece
            taken += len(piece)
        yield bytes(held)
    finally:
        memory.give(taken)


def read(encoded: bytes, transfer_syntax_uid: str) -> Content:
    """The wanted values of a data set in Implicit or Explicit VR Little Endian.

    Raises
    ------
    DataError : lengths that do not fit each other, or too many sequences within each other
    """
    values: dict[int, bytes] = {}
    open_ended = [transfer_syntax_uid == ImplicitVRLittleEndian]  # of what encloses the next element: is it Implicit VR?
    begin = 0
    while begin < len(encoded):
        tag, length, begin, unknown = _header(encoded, begin, implicit=open_ended[-1])
        if len(open_ended) == 1 and tag in _WANTED:
            values[tag] = encoded[begin : begin + min(length, VALUE_BYTES)]
        if tag in (_ITEM_END, _SEQUENCE_END):
            open_ended.pop()
        elif length == _UNDEFINED:
            open_ended.append(open_ended[-1] or unknown)
        else:
            begin += length
        if begin > len(encoded) or not 0 < len(open_ended) <= MAX_DEPTH:
            raise DataError("the data set cannot be read")
    if len(open_ended) != 1:
        raise DataError("the data set is cut off within a sequence")
    return Content(values)


def _header(encoded: bytes, begin: int, *, implicit: bool) -> tuple[int, int, int, bool]:
    """Tag, length, where the value begins, and whether its VR is UN, whose content is Implicit VR (PS3.5 6.2.2)."""
    if len(encoded) - begin < 8:
        raise DataError("the data set is cut off within an element")
    group, element = _TAG.unpack_from(encoded, begin)
    tag, form = group << 16 | element, encoded[begin + 4 : begin + 6]
    if implicit or group == 0xFFFE:
        return tag, _LONG.unpack_from(encoded, begin + 4)[0], begin + 8, False
    if form not in LONG_FORM:
        return tag, _SHORT.unpack_from(encoded, begin + 6)[0], begin + 8, False
    if len(encoded) - begin < 12:
        raise DataError("the data set is cut off within an element")
    return tag, _LONG.unpack_from(encoded, begin + 8)[0], begin + 12, form == b"UN"
