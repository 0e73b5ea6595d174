"""`Journal`: where the network's threads put what came in; durable when its methods return, and filed afterwards.

One folder a writer (a process that brings something in)::

    journal/<writer>/segment-<number>    the log (`segments`, `log`)
    journal/<writer>/spool/<name>        large instances, each a file of its own, which the log names
    journal/<writer>/filed               how far the filer has come
    journal/bell                         a pipe that wakes the filer
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.dimse import is_uid
from node.domain.arrivals import Arriving, Caller, Notice
from node.domain.ports import Clock
from node.errors import DataError, TemporaryError
from node.receive.bell import Bell
from node.receive.ends import Ends
from node.receive.incoming import Coming, Hold, Large, Small
from node.receive.log import Log
from node.receive.records import arrived, closed, noticed, opened, spooled, started
from node.receive.segments import segments, spooled_in
from node.receive.space import Disk, Memory

log = structlog.get_logger()


@dataclass(frozen=True)
class Limits:
    """How much a journal may take.

    Parameters
    ----------
    min_free_bytes : images are refused when less than this would stay free on the disk
    segment_bytes : size of one segment
    waiting_bytes : images are refused when so much waits to be filed
    buffered_bytes : memory for all images that are coming in together; beyond, they are written to disk as they come
    small_bytes : a larger image is written to disk as it comes
    ready_bytes : so much of segments is made at the start, where there is room, so that the first burst need not wait for it
    """

    min_free_bytes: int = 0
    segment_bytes: int = 32 * 2**20
    waiting_bytes: int = 16 * 2**30
    buffered_bytes: int = 64 * 2**20
    small_bytes: int = 4 * 2**20
    ready_bytes: int = 0


class Journal:
    """Fulfils `node.domain.arrivals.Inlet`.

    Parameters
    ----------
    folder : the storage folder's ``journal``
    writer : name of this process; one at a time may bear it
    """

    def __init__(self, folder: Path, writer: str, clock: Clock, limits: Limits) -> None:
        self._folder = folder / writer
        self._clock = clock
        self._bell = Bell(folder)
        self._log = Log(self._folder, segment_bytes=limits.segment_bytes, most_bytes=limits.waiting_bytes, rings=self._bell.ring)
        self._ends = Ends(self._log.append)
        disk = Disk(folder, min_free_bytes=limits.min_free_bytes, owed=self._log.waiting_bytes)
        self._limits = limits
        self._hold = Hold(self._folder / "spool", disk, Memory(limits.buffered_bytes), limits.small_bytes)

    def open(self) -> None:
        """Take the folder for this process and tidy what a crash left half-written.

        Raises
        ------
        TemporaryError : another process writes this journal
        OSError : the disk does not take it
        """
        self._hold.spool.mkdir(parents=True, exist_ok=True)
        self._log.open()
        self._bell.open()
        named = {told.name for segment in segments(self._folder) for told, _ in spooled_in(segment)}
        for file in self._hold.spool.iterdir():
            if file.name not in named:
                log.info("removed what had come half-way", file=file.name)
                file.unlink(missing_ok=True)  # the filer, too, removes what it has filed
        self._log.append(started(self._clock.now()))
        with suppress(TemporaryError, OSError):  # on a full disk it starts all the same, and says so to those who send
            for size in range(self._limits.segment_bytes, self._limits.ready_bytes + 1, self._limits.segment_bytes):
                self._hold.disk.require(self._limits.segment_bytes)
                self._log.make_ready(size)

    def close(self) -> None:
        """Let go of the folder; nothing may be handed over any more."""
        self._ends.close()
        self._log.close()
        self._bell.close()

    def opened(self, association: str, caller: Caller) -> None:
        """An association is about to bring something."""
        self._log.append(opened(association, caller, self._clock.now()))

    def begin(self, arriving: Arriving) -> Coming:
        """An instance begins to come in.

        Raises
        ------
        DataError : its UIDs are none; they name files
        TemporaryError : too little space on the disk, or too much waits to be filed
        """
        if not all(map(is_uid, (arriving.sop_class_uid, arriving.sop_instance_uid, arriving.transfer_syntax_uid))):
            raise DataError("expected three UIDs of an instance; found something else")
        self._hold.disk.require()
        if self._log.is_full():
            raise TemporaryError("too much waits to be filed")
        return Coming(arriving, self._hold, self._keep)

    def notice(self, notice: Notice) -> None:
        """Keep what a peer told."""
        self._hold.disk.require(len(notice.dataset))
        self._log.append(noticed(notice, self._clock.now()))

    def closed(self, association: str, how: str) -> None:
        """An association that was opened has ended; told again where the disk does not take it now."""
        self._ends.tell(closed(association, how, self._clock.now()))

    def _keep(self, arriving: Arriving, whole: Small | Large) -> None:
        now = self._clock.now()
        if isinstance(whole, Small):
            self._log.append(arrived(arriving, now, whole.pieces, whole.checksum))
        else:
            self._log.append(spooled(arriving, now, whole.name, whole.size, whole.digest))
