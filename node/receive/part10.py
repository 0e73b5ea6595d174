"""The head of a stored file: preamble and file meta information (PS3.10 7.1).

It depends on SOP class, SOP instance and transfer syntax alone, so that the same data set is the same file whoever sends it and whichever
version of us receives it. Written here rather than by a library, since it is done for each image and must never change a byte.
"""

from __future__ import annotations

import struct

from node.dimse import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from node.domain.arrivals import Arriving

_PREAMBLE = bytes(128) + b"DICM"


def head(arriving: Arriving) -> bytes:
    """What stands before the data set in the file of an instance."""
    elements = b"".join(
        (
            struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\x00\x01",
            _element(0x02, b"UI", arriving.sop_class_uid, b"\x00"),
            _element(0x03, b"UI", arriving.sop_instance_uid, b"\x00"),
            _element(0x10, b"UI", arriving.transfer_syntax_uid, b"\x00"),
            _element(0x12, b"UI", str(IMPLEMENTATION_CLASS_UID), b"\x00"),
            _element(0x13, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
        )
    )
    return _PREAMBLE + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(elements)) + elements


def _element(number: int, kind: bytes, value: str, padding: bytes) -> bytes:
    encoded = value.encode("ascii", "replace")
    encoded += padding * (len(encoded) % 2)
    return struct.pack("<HH2sH", 2, number, kind, len(encoded)) + encoded
