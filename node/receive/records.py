"""The records of a journal: what one looks like on disk, and what it says.

A record is a head of 32 bytes, a description in JSON, and a body (the data set of an image or a notice)::

    nonce 8 | kind 1 | reserved 3 | length of description 4 | length of body 8 | CRC-32 4 | reserved 4 | description | body | to 8 bytes

The *nonce* is drawn anew each time that a segment is used. What an earlier use left there is therefore never taken for a record, and no
sender can write one into an image. The checksum covers body, description and kind: a record whose bytes did not all reach the disk does
not match, and ends the log. All numbers are little-endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any
from zlib import crc32

from node.domain.arrivals import Arriving, Caller, Certificate, Notice, NoticeKind
from node.domain.filing import Closed, Noticed, Opened, Started

HEAD = struct.Struct("<8sB3xIQI4x")
ALIGNMENT = 8


Buffer = bytes | memoryview


class Kind(IntEnum):
    """What a record tells."""

    STARTED = 1
    OPENED = 2
    ARRIVED = 3  #: an instance whose data set is the body
    SPOOLED = 4  #: an instance that is a file of its own
    NOTICE = 5
    CLOSED = 6


@dataclass(frozen=True)
class Arrived:
    """An instance that came in, with its encoded data set."""

    arriving: Arriving
    at: datetime
    dataset: Buffer


@dataclass(frozen=True)
class Spooled:
    """An instance that came in and lies in a file of its own, whole with preamble and meta information.

    Parameters
    ----------
    name : of the file in the writer's spool
    size, digest : of the file, in bytes and SHA-256
    """

    arriving: Arriving
    at: datetime
    name: str
    size: int
    digest: str


Told = Started | Opened | Arrived | Spooled | Noticed | Closed
"""What a record may say."""


@dataclass(frozen=True)
class Record:
    """One record as it is written: everything but the nonce."""

    kind: Kind
    description: bytes
    body: Sequence[bytes]
    body_bytes: int
    checksum: int

    @property
    def size(self) -> int:
        """In bytes, with its padding."""
        return padded(HEAD.size + len(self.description) + self.body_bytes)

    def parts(self, nonce: bytes) -> list[bytes]:
        """The bytes to be written, one after the other."""
        head = HEAD.pack(nonce, self.kind, len(self.description), self.body_bytes, self.checksum)
        padding = bytes(self.size - HEAD.size - len(self.description) - self.body_bytes)
        return [head, self.description, *self.body, padding]


def padded(size: int) -> int:
    """A length, rounded up to the alignment of records."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def checksum(kind: int, description: bytes, of_body: int) -> int:
    """The checksum of a record.

    Parameters
    ----------
    of_body : CRC-32 of the body, which may have been taken piece by piece
    """
    return crc32(bytes((kind,)), crc32(description, of_body))


def started(at: datetime) -> Record:
    """A writer begins."""
    return _record(Kind.STARTED, {"at": at.isoformat()})


def opened(association: str, caller: Caller, at: datetime) -> Record:
    """An association brings something."""
    certificate = caller.certificate
    who = vars(caller) | {
        "certificate": None if certificate is None else vars(certificate) | {"not_after": certificate.not_after.isoformat()}
    }
    return _record(Kind.OPENED, {"association": association, "caller": who, "at": at.isoformat()})


def closed(association: str, how: str, at: datetime) -> Record:
    """It has ended."""
    return _record(Kind.CLOSED, {"association": association, "how": how, "at": at.isoformat()})


def noticed(notice: Notice, at: datetime) -> Record:
    """A peer told something."""
    said = {name: value for name, value in vars(notice).items() if name != "dataset"} | {"kind": notice.kind.value, "at": at.isoformat()}
    return _record(Kind.NOTICE, said, [notice.dataset], crc32(notice.dataset))


def arrived(arriving: Arriving, at: datetime, pieces: Sequence[bytes], of_body: int) -> Record:
    """An instance whose data set is these pieces; `of_body` is their CRC-32."""
    return _record(Kind.ARRIVED, vars(arriving) | {"at": at.isoformat()}, pieces, of_body)


def spooled(arriving: Arriving, at: datetime, name: str, size: int, digest: str) -> Record:
    """An instance that lies in a file of its own; see `Spooled`."""
    return _record(Kind.SPOOLED, vars(arriving) | {"at": at.isoformat(), "name": name, "size": size, "digest": digest})


def read(kind: int, description: bytes, body: Buffer) -> Told:
    """What a record says whose checksum matches."""
    said = json.loads(description)
    at = datetime.fromisoformat(said.pop("at"))
    match Kind(kind):
        case Kind.STARTED:
            return Started(at)
        case Kind.OPENED:
            return Opened(said["association"], _caller(said["caller"]), at)
        case Kind.CLOSED:
            return Closed(said["association"], said["how"], at)
        case Kind.NOTICE:
            return Noticed(Notice(**said | {"kind": NoticeKind(said["kind"])}, dataset=bytes(body)), at)
        case Kind.SPOOLED:
            file = {name: said.pop(name) for name in ("name", "size", "digest")}
            return Spooled(Arriving(**said), at, **file)
        case Kind.ARRIVED:
            return Arrived(Arriving(**said), at, body)


def _record(kind: Kind, said: dict[str, Any], body: Sequence[bytes] = (), of_body: int = 0) -> Record:
    description = json.dumps(said, separators=(",", ":")).encode()
    return Record(kind, description, body, sum(map(len, body)), checksum(kind, description, of_body))


def _caller(said: dict[str, Any]) -> Caller:
    certificate = said["certificate"]
    if certificate is not None:
        certificate = Certificate(**certificate | {"not_after": datetime.fromisoformat(certificate["not_after"])})
    return Caller(**said | {"certificate": certificate})
