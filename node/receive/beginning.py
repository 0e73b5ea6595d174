"""What the first bytes of a data set say of its SOP class and instance, which are to be those of the request that brought it.

A data set that names another instance than its request would be filed under one UID and analysed under another. Both UIDs lie within the
first hundred bytes or so; nothing behind them is looked at, and what cannot be followed is left to those who read the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from node.receive.notice_content import LONG_FORM

HELD_BYTES = 4096

_CLASS, _INSTANCE = 0x00080016, 0x00080018


@dataclass(frozen=True)
class Named:
    """SOP class and instance as a data set names them: empty where it has none, None where that is not known."""

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None


class Beginning:
    """The first bytes of a data set that comes in pieces."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.size = 0

    def add(self, piece: memoryview) -> None:
        """The next piece; it is copied as far as it is wanted."""
        if self.size < HELD_BYTES:
            self._held += piece[: HELD_BYTES - self.size]
        self.size += len(piece)

    def named(self, transfer_syntax_uid: str) -> Named:
        """What it says."""
        return named(bytes(self._held), transfer_syntax_uid)


def named(encoded: bytes, transfer_syntax_uid: str) -> Named:
    """SOP class and instance out of the first bytes of a data set."""
    if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        return Named()
    found: dict[int, str] = {}
    last = -1
    for tag, value in _elements(encoded, "big" if transfer_syntax_uid == ExplicitVRBigEndian else "little", transfer_syntax_uid):
        if tag <= last:
            break  # no data set as we know it
        if tag > _INSTANCE:
            return Named(found.get(_CLASS, ""), found.get(_INSTANCE, ""))
        found[tag] = value.rstrip(b"\0 ").decode("ascii", "backslashreplace")
        last = tag
    return Named(found.get(_CLASS), found.get(_INSTANCE))


def _elements(encoded: bytes, order: Literal["big", "little"], transfer_syntax_uid: str) -> Iterator[tuple[int, bytes]]:
    """Tag and value of each element, until one does not lie in the bytes as a whole; that one has no value if it is not wanted."""
    begin = 0
    while len(encoded) - begin >= 12:
        numbers = [int.from_bytes(encoded[begin + at : begin + at + 2], order) for at in (0, 2)]
        tag, form = numbers[0] << 16 | numbers[1], encoded[begin + 4 : begin + 6]
        if transfer_syntax_uid == ImplicitVRLittleEndian:
            at, size = 4, 4
        elif not form.isalpha():
            return
        else:
            at, size = (8, 4) if form in LONG_FORM else (6, 2)
        value = begin + at + size
        length = int.from_bytes(encoded[begin + at : value], order)
        if tag <= _INSTANCE and value + length > len(encoded):
            return
        yield tag, encoded[value : value + length]
        begin = value + length
