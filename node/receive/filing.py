"""`Filer`: reads the journals and files what stands in them: files of the inbox, then rows of the register, then the segment is free.

It may be killed anywhere. Files are durable before their rows, rows and position are one transaction, and what was not committed is read
again: a file that is there already is written over with the same bytes.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import IO

import structlog

from node.domain.arrivals import Caller
from node.domain.filing import Batch, Closed, Entry, Filed, Known, Opened, Place, Position, Register
from node.domain.ports import Received
from node.errors import NodeError, TemporaryError
from node.receive.bell import Bell
from node.receive.part10 import head
from node.receive.progress import write_progress
from node.receive.reading import read_on
from node.receive.records import Arrived, Spooled, Told
from node.receive.recovering import found_beside
from node.receive.segments import identity_of, segments, spooled_in
from node.receive.seldom import Seldom
from node.receive.shelves import Shelves, inbox_path, quarantine_path

log = structlog.get_logger()

MOST_RECORDS = 256
MOST_BYTES = 32 * 2**20
IDLE_S = 0.5
"""How long it sleeps where nothing rings."""
GATHER_S = 0.02
LONGEST_GATHER_S = 2.0
"""After the first it lets more come, until nothing has come for GATHER_S or so long in all: a batch costs little more than one image, and
while images come, disk and processor are left to those who are to be answered."""
LONGEST_PAUSE_S = 10.0

_NOBODY = Caller("", "", "", 0)


class Filer:
    """Files what the journals of a storage folder hold. One process at a time does.

    Parameters
    ----------
    storage : the node's storage folder; paths are recorded relative to it
    """

    def __init__(self, storage: Path, register: Register) -> None:
        self._storage = storage
        self._journals = storage / "journal"
        self._register = register
        self._shelves = Shelves(storage)
        self._bell = Bell(self._journals)
        self._positions: dict[str, Position | None] = {}
        self._callers: dict[str, Caller] = {}
        self._seldom = Seldom()
        self._held: IO[bytes] | None = None

    def open(self) -> None:
        """Take the journals for this process and tidy what a crash left.

        Raises
        ------
        TemporaryError : another process files them
        OSError : the disk does not take it
        """
        self._journals.mkdir(parents=True, exist_ok=True)
        self._held = (self._journals / "filer.lock").open("wb")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise TemporaryError(f"another process files the journals {self._journals}") from error
        self._bell.open()
        self._shelves.tidy()

    def close(self) -> None:
        """Let go of them."""
        self._bell.close()
        if self._held is not None:
            self._held.close()
            self._held = None

    def run(self, stop: threading.Event) -> None:
        """File what comes until told to stop; what cannot be filed now is tried again, and stays in the journal."""
        pause_s = 0.0
        beside = found_beside(self._storage, self._register)
        while not stop.wait(pause_s):
            try:
                idle = self.once() == 0 and not self._recover(beside)
                if idle and self._bell.wait(IDLE_S):
                    self._gather(stop)
                pause_s = 0.0
            except (NodeError, OSError) as error:
                pause_s = min(LONGEST_PAUSE_S, max(2 * pause_s, 0.5))
                beside = found_beside(self._storage, self._register)  # what it found last may stand in no row yet
                log.error("what came in cannot be filed now; it stays in the journal", why=_told(error), pause_s=pause_s)

    def _gather(self, stop: threading.Event) -> None:
        end = monotonic() + LONGEST_GATHER_S
        while not stop.wait(GATHER_S) and self._bell.wait(0) and monotonic() < end:
            pass

    def once(self) -> int:
        """File a batch of each journal; returns how many entries. A journal that cannot be filed holds up no other.

        Raises
        ------
        TemporaryError : the register does not take it, and nothing was filed
        OSError : the disk does not take it, and nothing was filed
        """
        count = 0
        failed: NodeError | OSError | None = None
        for folder in sorted(path.parent for path in self._journals.glob("*/identity")):
            try:
                count += self._file(folder)
            except (NodeError, OSError) as error:
                failed = failed or error
                if times := self._seldom.due(folder.name):
                    log.error("a journal cannot be filed now", writer=folder.name, why=_told(error), times=times)
        if failed is not None and not count:
            raise failed
        return count

    def _file(self, folder: Path) -> int:
        position = self._position(folder)
        passage = read_on(folder, position, most_records=MOST_RECORDS, most_bytes=MOST_BYTES)
        if passage.position is None or passage.position == position:
            return 0
        del self._positions[folder.name]  # where this fails, the register is asked again
        try:
            self._commit(folder.name, passage.told, passage.position, folder / "spool")
        finally:
            self._shelves.forget()
        self._positions[folder.name] = passage.position
        write_progress(folder, passage.position)
        for told in passage.told:
            if isinstance(told, Spooled):
                (folder / "spool" / told.name).unlink(missing_ok=True)
        return len(passage.told)

    def _position(self, folder: Path) -> Position | None:
        """Up to where a journal is filed; asked of the register once, since nobody else files."""
        if folder.name not in self._positions:
            position = self._register.position(folder.name)
            self._positions[folder.name] = position
            if position is not None and position.identity == identity_of(folder):
                write_progress(folder, position)
                _remove_filed(folder, position)
        return self._positions[folder.name]

    def _commit(self, writer: str, told: Sequence[Told], position: Position, spool: Path) -> None:
        uids = sorted({one.arriving.sop_instance_uid for one in told if isinstance(one, Arrived | Spooled)})
        known = self._register.known(uids)
        self._learn(told)
        entries = list(self._entries(told, dict(known), spool))
        self._shelves.settle()
        self._register.file(Batch(writer, entries, position, uids, known))
        for one in told:
            if isinstance(one, Closed):
                self._callers.pop(one.association, None)

    def _learn(self, told: Sequence[Told]) -> None:
        """Who opened the associations of these entries: told in the journal, before or now."""
        self._callers |= {one.association: one.caller for one in told if isinstance(one, Opened)}
        named = {one.arriving.association for one in told if isinstance(one, Arrived | Spooled)}
        self._callers |= self._register.callers(sorted(named - self._callers.keys()))

    def _entries(self, told: Sequence[Told], standing: dict[str, Known], spool: Path) -> Iterator[Entry]:
        """What is to be recorded, in order; the files are put on their shelves on the way."""
        for one in told:
            if isinstance(one, Arrived):
                start = head(one.arriving)
                digest = sha256(start)
                digest.update(one.dataset)
                parts = [start, one.dataset]
                received = self._received(one, digest.hexdigest(), len(start) + len(one.dataset))
                yield from self._place(received, standing, partial(self._shelves.put, parts=parts))
            elif isinstance(one, Spooled):
                source = spool / one.name
                if source.exists():
                    received = self._received(one, one.digest, one.size)
                    yield from self._place(received, standing, partial(self._shelves.link, source=source))
                else:
                    log.error("not filed: its file is gone; it was not answered", sop_instance_uid=one.arriving.sop_instance_uid)
            else:
                yield one

    def _place(self, received: Received, standing: dict[str, Known], put: Callable[[str], None]) -> Iterator[Filed]:
        """NEW, the same again, or CHANGED."""
        uid = received.sop_instance_uid
        known = standing.get(uid)
        if known is not None and known.digest == received.digest:
            if not self._shelves.has(known.path):
                put(known.path)
                yield Filed(replace(received, path=known.path), Place.RETURNED)
            return
        place = Place.INBOX if known is None else Place.QUARANTINE
        path = inbox_path(uid) if known is None else quarantine_path(uid, received.digest)
        put(path)
        standing.setdefault(uid, Known(received.digest, path))
        if known is not None:
            log.warning("the UID was here with other bytes: quarantined", sop_instance_uid=uid, association=received.association)
        yield Filed(replace(received, path=path), place)

    def _received(self, one: Arrived | Spooled, digest: str, size: int) -> Received:
        arriving = one.arriving
        caller = self._callers.get(arriving.association, _NOBODY)
        return Received(
            sop_instance_uid=arriving.sop_instance_uid,
            sop_class_uid=arriving.sop_class_uid,
            transfer_syntax_uid=arriving.transfer_syntax_uid,
            digest=digest,
            size=size,
            path="",
            association=arriving.association,
            calling_ae=caller.calling_ae,
            called_ae=caller.called_ae,
            address=caller.address if caller is not _NOBODY else "",
            received_at=one.at,
        )

    def _recover(self, beside: Iterator[Sequence[Received]]) -> bool:
        """Record the next of what lies in the inbox unrecorded; whether there may be more."""
        found = next(beside, None)
        if found is None:
            return False
        for received in found:
            log.warning("recorded after a crash", sop_instance_uid=received.sop_instance_uid, digest=received.digest)
        if found:
            entries = [Filed(received, Place.INBOX) for received in found]
            self._register.file(Batch("", entries, None, [received.sop_instance_uid for received in found], {}))
        return True


def _remove_filed(folder: Path, position: Position) -> None:
    """The spool's files that were filed when the filer was killed before it could remove them."""
    for segment in segments(folder):
        for told, end in spooled_in(segment):
            if (segment.sequence, end) <= (position.sequence, position.offset):
                (folder / "spool" / told.name).unlink(missing_ok=True)


def _told(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
