"""Protocol data units (PS3.8 9.3): their types, and the small ones that we send."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

from node.receive.ending import AbortReason

MAX_REQUEST_BYTES = 1 << 20
"""Of an A-ASSOCIATE-RQ. 128 presentation contexts with forty transfer syntaxes each take 160 KiB."""

MISCOUNT_BYTES = 12
"""By how much a P-DATA-TF may exceed what we announced: a sender that forgets to count the headers of PDU and fragment."""

ANY_LENGTH = 1 << 16
"""Largest fragment that we send to a peer that sets no limit."""

COMMAND, LAST = 0x01, 0x02
"""Bits of the message control header (PS3.8 E.2); the others are never looked at."""

_PDV = Struct(">BxIIBB")
_PDV_OVERHEAD = 6


class Pdu(IntEnum):
    """Types of PDU."""

    ASSOCIATE_RQ = 0x01
    ASSOCIATE_AC = 0x02
    ASSOCIATE_RJ = 0x03
    DATA = 0x04
    RELEASE_RQ = 0x05
    RELEASE_RP = 0x06
    ABORT = 0x07


KNOWN = frozenset(Pdu)


def release_rp() -> bytes:
    """A-RELEASE-RP."""
    return bytes((Pdu.RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0))


def abort(reason: AbortReason) -> bytes:
    """A-ABORT by the service provider."""
    return bytes((Pdu.ABORT, 0, 0, 0, 0, 4, 0, 0, 2, reason))


def associate_rj(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return bytes((Pdu.ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, result, source, reason))


def command_data(context_id: int, encoded: bytes, max_length: int) -> bytes:
    """A command set as P-DATA-TF PDUs, no longer than the peer takes (0 is any)."""
    return b"".join(_command_pdus(context_id, encoded, max(max_length or ANY_LENGTH, _PDV_OVERHEAD + 1) - _PDV_OVERHEAD))


def _command_pdus(context_id: int, encoded: bytes, size: int) -> Iterator[bytes]:
    for begin in range(0, len(encoded), size):
        fragment = encoded[begin : begin + size]
        control = COMMAND | (LAST if begin + size >= len(encoded) else 0)
        yield _PDV.pack(Pdu.DATA, len(fragment) + _PDV_OVERHEAD, len(fragment) + 2, context_id, control) + fragment
