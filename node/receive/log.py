"""`Log`: appends records to segments, so that what `append` has returned from survives a power cut.

Records are written one after the other, each whole before the next begins, so that no hole can come to lie before one that was promised.
Making them durable is shared: of the threads that wait, one calls fdatasync for all that was written until then, and the others wait for
it. Where an fdatasync fails, nobody can know what of the segment is on disk: all that waited get the error, and the segment is left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from node.errors import TemporaryError
from node.receive.progress import Progress, read_progress
from node.receive.records import Record
from node.receive.segments import START, Segment, identity_of, make_slot, segment_at, slots, sync_folder, use, write_all

KEPT_SLOTS = 8
"""Files that are kept for the next burst."""


@dataclass(frozen=True, order=True)
class _Place:
    """A place in the log: places of later segments are greater."""

    sequence: int
    offset: int


@dataclass(frozen=True)
class _Tail:
    """The segment that is being written, and its end."""

    descriptor: int
    segment: Segment
    place: _Place


class Log:
    """The log in one folder, written by one process and any of its threads.

    Parameters
    ----------
    segment_bytes : size of a segment; no record may be larger
    most_bytes : segments that wait to be filed may take so much; beyond, appends are refused
    rings : called after each append, to wake who reads
    """

    def __init__(self, folder: Path, *, segment_bytes: int, most_bytes: int, rings: Callable[[], None]) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._most_slots = max(2, most_bytes // segment_bytes)
        self._rings = rings
        self._turn = threading.Lock()  # who holds it writes
        self._changed = threading.Condition()  # guards the three below
        self._syncing = False
        self._durable = _Place(0, 0)
        self._failed: dict[int, _Place] = {}  # sequence → what was durable of a segment when fdatasync failed
        self._tail: _Tail | None = None
        self._identity = ""
        self._sequences: dict[Path, int] = {}
        self._held: IO[bytes] | None = None

    def open(self) -> None:
        """Take the folder for this process and begin a new segment: the end of the last one may be torn.

        Raises
        ------
        TemporaryError : another process writes there
        OSError : the disk does not take it
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._held = _hold(self._folder)
        self._identity = identity_of(self._folder) or _new_identity(self._folder)
        found = {path: segment_at(path) for path in slots(self._folder)}
        self._sequences = {path: one.sequence for path, one in found.items() if one is not None and one.identity == self._identity}
        self._sequences |= {path: 0 for path in found if path not in self._sequences}
        with self._turn:
            self._rotate()

    def make_ready(self, size: int) -> None:
        """Have so many bytes of segments that can be used at once: to make one takes longer than all that it will hold.

        Raises
        ------
        OSError : the disk does not take it
        """
        with self._turn:
            free = len(self._free(read_progress(self._folder, self._identity)))
            lacking = -(-size // self._segment_bytes) - free
            for _ in range(min(lacking, self._most_slots - len(self._sequences))):
                self._sequences[make_slot(self._folder, self._segment_bytes)] = 0

    def close(self) -> None:
        """Let go of the folder."""
        with self._turn:
            if self._tail is not None:
                self._finish(self._tail)
                os.close(self._tail.descriptor)
                self._tail = None
        if self._held is not None:
            self._held.close()
            self._held = None

    def append(self, record: Record) -> None:
        """Write a record; durable when this returns.

        Raises
        ------
        TemporaryError : so much waits to be filed that there is no room, or the log is closed
        OSError : the disk does not take it
        """
        with self._turn:
            place = self._write(record)
        self._sync(place)
        self._rings()

    def is_full(self) -> bool:
        """Whether as many segments wait to be filed as may."""
        if len(self._sequences) < self._most_slots:
            return False
        filed = read_progress(self._folder, self._identity)
        return not self._free(filed)

    def waiting_bytes(self) -> int:
        """About how much waits to be filed, and will take as much room again when it is."""
        filed = read_progress(self._folder, self._identity)
        return sum(sequence >= filed.sequence for sequence in list(self._sequences.values()) if sequence) * self._segment_bytes

    def _write(self, record: Record) -> _Place:
        if START + record.size > self._segment_bytes:
            raise OSError(errno.EFBIG, f"a record of {record.size} bytes; {self._segment_bytes - START} fit in a segment")
        tail = self._tail
        if tail is None:
            raise TemporaryError("the journal is closed")
        if tail.place.offset + record.size > self._segment_bytes or tail.place.sequence in self._failed:
            tail = self._rotate()
        write_all(tail.descriptor, record.parts(tail.segment.nonce), tail.place.offset)
        self._tail = _Tail(tail.descriptor, tail.segment, _Place(tail.place.sequence, tail.place.offset + record.size))
        return self._tail.place

    def _sync(self, place: _Place) -> None:
        """Wait until a place is durable, making it so where nobody else is at it."""
        with self._changed:
            while self._syncing and not self._is_durable(place):
                self._changed.wait()
            if self._is_durable(place):
                return
            self._syncing = True
        assert self._tail is not None  # whoever would close it waits for us
        self._make_durable(self._tail)

    def _is_durable(self, place: _Place) -> bool:
        failed = self._failed.get(place.sequence)
        if failed is not None and place > failed:
            raise OSError(errno.EIO, "the disk did not take the journal")
        return place <= self._durable

    def _make_durable(self, tail: _Tail) -> None:
        """With `_syncing` taken: fdatasync, tell those who wait, and give it back.

        Raises
        ------
        OSError : it failed; so did all that was written to this segment since the last time
        """
        failed = True
        try:
            os.fdatasync(tail.descriptor)
            failed = False
        finally:
            with self._changed:
                self._syncing = False
                if failed:
                    self._failed.setdefault(tail.place.sequence, self._durable)
                else:
                    self._durable = max(self._durable, tail.place)
                self._changed.notify_all()

    def _rotate(self) -> _Tail:
        """With the turn taken: make the present segment durable and begin the next."""
        old = self._tail
        path = self._next_slot()
        if old is not None:
            self._finish(old)
        sequence = 1 + max(*self._sequences.values(), read_progress(self._folder, self._identity).sequence, 0)
        descriptor = os.open(path, os.O_WRONLY)
        try:
            segment = use(descriptor, path, self._identity, sequence)
        except OSError:
            os.close(descriptor)
            raise
        if old is not None:
            os.close(old.descriptor)
        self._sequences[path] = sequence
        self._tail = _Tail(descriptor, segment, _Place(sequence, START))
        return self._tail

    def _finish(self, old: _Tail) -> None:
        """No later segment may begin before this one is whole, or be reached by a reader."""
        with self._changed:
            while self._syncing:
                self._changed.wait()
            if old.place.sequence in self._failed:
                return
            self._syncing = True
        self._make_durable(old)

    def _next_slot(self) -> Path:
        free = self._free(read_progress(self._folder, self._identity))
        fitting = [path for path in free if path.stat().st_size == self._segment_bytes][:KEPT_SLOTS]
        for path in set(free) - set(fitting):
            del self._sequences[path]
            path.unlink(missing_ok=True)
        if fitting:
            return fitting[0]
        if len(self._sequences) >= self._most_slots:
            raise TemporaryError(f"{len(self._sequences)} segments of the journal wait to be filed, and no more may")
        path = make_slot(self._folder, self._segment_bytes)
        self._sequences[path] = 0
        return path

    def _free(self, filed: Progress) -> list[Path]:
        """Files whose records are all filed, or that never held any; never the one that is being written."""
        current = None if self._tail is None else self._tail.segment.path
        return sorted(path for path, sequence in list(self._sequences.items()) if sequence < max(filed.sequence, 1) and path != current)


def _hold(folder: Path) -> IO[bytes]:
    held = (folder / "lock").open("wb")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        held.close()
        raise TemporaryError(f"another process writes the journal {folder}") from error
    return held


def _new_identity(folder: Path) -> str:
    identity = secrets.token_hex(8)
    made = folder / "new-identity"
    with made.open("w", encoding="ascii") as file:
        file.write(identity)
        file.flush()
        os.fsync(file.fileno())
    made.rename(folder / "identity")
    for parent in (folder, folder.parent, folder.parent.parent):  # all of them may be new
        sync_folder(parent)
    return identity
