"""How much stands in the journals that nobody has filed yet; for people, who ask often: nothing is imported that takes long to load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from node.receive.progress import read_progress
from node.receive.records import HEAD, padded
from node.receive.segments import START, Segment, identity_of, opened, record_at, segments


@dataclass(frozen=True)
class Waiting:
    """What is in a journal and not filed yet; `since` when the first of it came."""

    records: int
    bytes: int
    since: datetime | None


def waiting(folder: Path) -> Waiting:
    """What is in a writer's journal and not filed, by the copy of the position that lies there."""
    progress = read_progress(folder, identity_of(folder))
    records = size = 0
    since: datetime | None = None
    for segment in segments(folder):
        if segment.sequence < progress.sequence:
            continue
        start = progress.offset if segment.sequence == progress.sequence else START
        for offset, following in _heads(segment, start):
            if not records:
                since = _time_of(segment, offset)
            records += 1
            size += following - offset
    return Waiting(records, size, since)


def waiting_in(journals: Path) -> Waiting:
    """The same of all journals of a storage folder's ``journal``."""
    found = [waiting(path.parent) for path in journals.glob("*/identity")]
    since = min((one.since for one in found if one.since is not None), default=None)
    return Waiting(sum(one.records for one in found), sum(one.bytes for one in found), since)


def _heads(segment: Segment, offset: int) -> Iterator[tuple[int, int]]:
    """Where the records of a segment begin and end, by their heads alone."""
    with opened(segment.path, os.O_RDONLY) as descriptor:
        while len(head := os.pread(descriptor, HEAD.size, offset)) == HEAD.size and head[:8] == segment.nonce:
            _, _, description_bytes, body_bytes, _ = HEAD.unpack(head)
            following = offset + padded(HEAD.size + description_bytes + body_bytes)
            yield offset, following
            offset = following


def _time_of(segment: Segment, offset: int) -> datetime | None:
    with opened(segment.path, os.O_RDONLY) as descriptor:
        found = record_at(descriptor, segment.nonce, offset, end=os.fstat(descriptor).st_size)
    return None if found is None else found.told.at
