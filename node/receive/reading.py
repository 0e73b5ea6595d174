"""Reading a journal: what stands in it after a position.

A segment is read to its end before the next one is begun. A writer begins a segment only when the one before is whole, so that what does
not read in a segment with a successor is never still being written: it is the torn end that a crash left, of which nothing was promised;
or, where whole records follow, a fault of the disk, which is reported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.domain.filing import Position
from node.receive.records import Told
from node.receive.segments import START, Segment, identity_of, later_record, opened, record_at, segments

log = structlog.get_logger()


@dataclass(frozen=True)
class Passage:
    """What was read, and the position after it; None where there is nothing yet."""

    told: Sequence[Told]
    position: Position | None


def read_on(folder: Path, position: Position | None, *, most_records: int, most_bytes: int) -> Passage:
    """What stands in a writer's journal after a position.

    Parameters
    ----------
    most_records, most_bytes : it ends after so many, or with the record that makes it so many bytes
    """
    told: list[Told] = []
    size = 0
    ahead = segments(folder)  # listed before they are read: what is listed after another one tells that the other is whole
    ahead, offset = _from(ahead, position, identity_of(folder))
    for number, segment in enumerate(ahead):
        for one, following in _records(segment, offset, followed=number + 1 < len(ahead)):
            told.append(one)
            size += following - offset
            offset = following
            if len(told) >= most_records or size >= most_bytes:
                return Passage(told, _at(segment, offset))
        position = _at(segment, offset)
        offset = START
    return Passage(told, position)


def _from(found: list[Segment], position: Position | None, identity: str) -> tuple[list[Segment], int]:
    """The segments to be read after a position, and where in the first of them."""
    if position is None or position.identity != identity or not found:
        return found, START
    if position.sequence > found[-1].sequence + 1:
        # The register is newer than the journal, as no crash leaves it: filing twice loses nothing.
        log.error("the journal is older than the register: it is filed from its beginning", sequence=position.sequence)
        return found, START
    ahead = [segment for segment in found if segment.sequence >= position.sequence]
    same = bool(ahead) and (ahead[0].sequence, ahead[0].nonce.hex()) == (position.sequence, position.nonce)
    # With another nonce it is not the segment that was filed, whose beginning a power cut took before anything of it was promised.
    return ahead, position.offset if same else START


def _records(segment: Segment, offset: int, *, followed: bool) -> Iterator[tuple[Told, int]]:
    """The records of a segment from an offset, each with where the next begins."""
    with opened(segment.path, os.O_RDONLY) as descriptor:
        end = os.fstat(descriptor).st_size
        while True:
            found = record_at(descriptor, segment.nonce, offset, end=end)
            if found is None and followed:
                later = later_record(descriptor, segment.nonce, offset, end=end)
                if later is not None:
                    log.error("the journal is damaged: something was lost", segment=segment.path.name, offset=offset, bytes=later - offset)
                    offset = later
                    continue
                if os.pread(descriptor, len(segment.nonce), offset) == segment.nonce:
                    log.warning("a segment ends with half a record: its writer was cut off, or the disk has damaged it", offset=offset)
            if found is None:
                return
            yield found.told, found.next
            offset = found.next


def _at(segment: Segment, offset: int) -> Position:
    return Position(segment.identity, segment.sequence, segment.nonce.hex(), offset)
