"""The segments of a journal: files of one size, filled with zeros beforehand and used again and again.

A segment begins with a head of 64 bytes that says whose it is and which one in the order (`sequence`, counted up without end). To use one
again is to write its head anew: no file is made, renamed or removed, so that nothing but its data has to reach the disk, and one
fdatasync does it. A segment without a valid head has not been used.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from node.receive.records import HEAD, Buffer, Kind, Spooled, Told, checksum, padded, read

START = 64
"""Where the records of a segment begin, in bytes."""

_SEGMENT_HEAD = struct.Struct("<8s8sQ8sI")
_MAGIC = b"EMBERLOG"
_FILL = bytes(1 << 20)


@dataclass(frozen=True)
class Segment:
    """A segment in use.

    Parameters
    ----------
    identity : of the journal, hexadecimal
    sequence : its place in the order, from 1
    nonce : drawn for this use of it
    """

    path: Path
    identity: str
    sequence: int
    nonce: bytes


@dataclass(frozen=True)
class Found:
    """A record in a segment: what it says, and where the next one begins."""

    told: Told
    next: int


def identity_of(folder: Path) -> str:
    """The identity of the journal in a folder; empty where there is none."""
    try:
        return (folder / "identity").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def slots(folder: Path) -> list[Path]:
    """The files of the segments, used or not."""
    return sorted(folder.glob("segment-*"))


def segments(folder: Path) -> list[Segment]:
    """The segments in use, in their order."""
    identity = identity_of(folder)
    found = (segment_at(path) for path in slots(folder))
    return sorted((one for one in found if one is not None and one.identity == identity), key=lambda one: one.sequence)


def segment_at(path: Path) -> Segment | None:
    """The segment in a file; None where it has not been used."""
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(_SEGMENT_HEAD.size)
    except FileNotFoundError:  # removed meanwhile, since there were too many
        return None
    if len(head) < _SEGMENT_HEAD.size:
        return None
    magic, identity, sequence, nonce, check = _SEGMENT_HEAD.unpack(head)
    if magic != _MAGIC or check != crc32(head[:-4]):
        return None
    return Segment(path, identity.hex(), sequence, nonce)


def use(descriptor: int, path: Path, identity: str, sequence: int) -> Segment:
    """Begin a segment in a file that holds nothing which is still needed; durable with the first record that is."""
    nonce = secrets.token_bytes(8)
    head = _SEGMENT_HEAD.pack(_MAGIC, bytes.fromhex(identity), sequence, nonce, 0)[:-4]
    os.pwrite(descriptor, head + struct.pack("<I", crc32(head)), 0)
    return Segment(path, identity, sequence, nonce)


def make_slot(folder: Path, size: int) -> Path:
    """A new file for segments, durable, with each block written: an fdatasync of what comes into it need not change the file system."""
    taken = [int(path.name.removeprefix("segment-")) for path in slots(folder)]
    path = folder / f"segment-{max(taken, default=0) + 1:05d}"
    made = folder / "new-segment"
    try:
        with made.open("wb", buffering=0) as file:
            for start in range(0, size, len(_FILL)):
                write_all(file.fileno(), [_FILL[: size - start]], start)
            os.fsync(file.fileno())
        made.rename(path)
        sync_folder(folder)
    except OSError:
        made.unlink(missing_ok=True)
        raise
    return path


def record_at(descriptor: int, nonce: bytes, offset: int, *, end: int) -> Found | None:
    """The record at an offset; None where there is none that is whole.

    Parameters
    ----------
    end : size of the segment: what claims to reach beyond is no record
    """
    head = os.pread(descriptor, HEAD.size, offset)
    if len(head) < HEAD.size:
        return None
    of_record, kind, description_bytes, body_bytes, check = HEAD.unpack(head)
    following = offset + padded(HEAD.size + description_bytes + body_bytes)
    if of_record != nonce or following > end:
        return None
    bytes_ = os.pread(descriptor, description_bytes + body_bytes, offset + HEAD.size)
    description, body = bytes_[:description_bytes], memoryview(bytes_)[description_bytes:]
    if len(bytes_) != description_bytes + body_bytes or checksum(kind, description, crc32(body)) != check:
        return None
    return Found(read(kind, description, body), following)


def later_record(descriptor: int, nonce: bytes, offset: int, *, end: int) -> int | None:
    """Where the next whole record begins after a place that holds none; None where the log ends there."""
    rest = os.pread(descriptor, end - offset, offset)
    at = rest.find(nonce, 1)
    while at >= 0:
        if record_at(descriptor, nonce, offset + at, end=end) is not None:
            return offset + at
        at = rest.find(nonce, at + 1)
    return None


def spooled_in(segment: Segment) -> Iterator[tuple[Spooled, int]]:
    """The large instances that a segment names, each with where its record ends; the bodies of other records are passed over.

    Behind a place that the disk has damaged it goes on, as the filer does: what is not named is removed.
    """
    end = segment.path.stat().st_size
    before = offset = START
    with opened(segment.path, os.O_RDONLY) as descriptor:
        while True:
            head = os.pread(descriptor, HEAD.size, offset)
            if len(head) < HEAD.size or head[:8] != segment.nonce:
                later = later_record(descriptor, segment.nonce, before, end=end)
                if later is None:
                    return
                before = offset = later
                continue
            before = offset
            _, kind, description_bytes, body_bytes, _ = HEAD.unpack(head)
            if kind == Kind.SPOOLED and (found := record_at(descriptor, segment.nonce, offset, end=end)):
                assert isinstance(found.told, Spooled)
                yield found.told, found.next
            offset += padded(HEAD.size + description_bytes + body_bytes)


def write_all(descriptor: int, parts: Sequence[Buffer], offset: int) -> None:
    """Write all parts at an offset, one after the other.

    Raises
    ------
    OSError : the disk does not take it
    """
    if len(parts) > 512:  # the system takes so many at a time, and no more than 1024
        parts = [b"".join(parts)]
    size = sum(map(len, parts))
    done = os.pwritev(descriptor, parts, offset)
    while done < size:  # a full disk, or a signal
        rest = b"".join(parts)[done:]
        done += os.pwrite(descriptor, rest, offset + done)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    with opened(folder, os.O_RDONLY) as descriptor:
        os.fsync(descriptor)


@contextmanager
def opened(path: Path, flags: int) -> Iterator[int]:
    """A descriptor for the time of the block."""
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
