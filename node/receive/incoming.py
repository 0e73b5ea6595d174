"""`Coming`: one instance while it comes in. Small ones are held in memory until they are whole, large ones go to a file at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import uuid4
from zlib import crc32

from node.domain.arrivals import Arriving
from node.receive.part10 import head
from node.receive.records import Buffer
from node.receive.segments import sync_folder, write_all
from node.receive.space import Disk, Memory

FLUSH_BYTES = 16 * 2**20

PIECE_BYTES = 64
"""What holding a piece takes besides its bytes: a sender may bring an image in pieces of two."""

PART = ".part"
"""Ends the name of a file that is not whole; removed when the writer starts."""


@dataclass(frozen=True)
class Hold:
    """What all that comes in shares.

    Parameters
    ----------
    spool : folder of the large ones
    small_bytes : what is larger is no longer held in memory
    """

    spool: Path
    disk: Disk
    memory: Memory
    small_bytes: int


@dataclass(frozen=True)
class Small:
    """A whole data set in memory; `checksum` is its CRC-32."""

    pieces: list[bytes]
    checksum: int


@dataclass(frozen=True)
class Large:
    """A whole file in the spool, durable; `digest` is its SHA-256, `size` in bytes."""

    name: str
    size: int
    digest: str


class Coming:
    """Fulfils `node.domain.arrivals.Incoming`; used by one thread.

    Parameters
    ----------
    log : makes what is whole durable as a record
    """

    def __init__(self, arriving: Arriving, hold: Hold, log: Callable[[Arriving, Small | Large], None]) -> None:
        self._arriving = arriving
        self._hold = hold
        self._log = log
        self._pieces: list[bytes] = []
        self._checksum = 0
        self._held = self._taken = 0  # bytes that are held, and what they take of memory
        self._file: int | None = None
        self._name = ""
        self._size = 0
        self._ended = False

    def write(self, piece: memoryview) -> None:
        """The next bytes of the encoded data set.

        Raises
        ------
        TemporaryError : too little space on the disk
        OSError : the disk does not take them
        """
        self._hold.disk.require(len(piece))
        if self._file is None and self._fits(len(piece)):
            self._pieces.append(bytes(piece))
            self._checksum = crc32(piece, self._checksum)
            return
        if self._file is None:
            self._spill()
        self._append([piece])

    def keep(self) -> None:
        """Make it durable; see `Incoming.keep`."""
        if self._ended:
            return
        try:
            if self._file is None:
                self._log(self._arriving, Small(self._pieces, self._checksum))
            else:
                self._log(self._arriving, self._finish(self._file))
            self._name = ""  # the filer's from now on
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget it."""
        self._ended = True
        self._let_go()
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._name:
            (self._hold.spool / self._name).unlink(missing_ok=True)
            self._name = ""

    def _fits(self, size: int) -> bool:
        takes = size + PIECE_BYTES
        if self._held + size > self._hold.small_bytes or not self._hold.memory.take(takes):
            return False
        self._held += size
        self._taken += takes
        return True

    def _spill(self) -> None:
        """From now on to a file, which is what the inbox will hold: the filer only gives it its name there."""
        self._name = uuid4().hex + PART
        self._file = os.open(self._hold.spool / self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._digest = sha256()
        self._append([head(self._arriving), *self._pieces])
        self._let_go()

    def _append(self, parts: Sequence[Buffer]) -> None:
        assert self._file is not None
        write_all(self._file, parts, self._size)
        before = self._size
        for part in parts:
            self._digest.update(part)
            self._size += len(part)
        if self._size // FLUSH_BYTES > before // FLUSH_BYTES:
            # Begins to write it to disk and lets go of what is: the last fsync is short, and others keep their cache.
            os.posix_fadvise(self._file, 0, self._size, os.POSIX_FADV_DONTNEED)

    def _finish(self, file: int) -> Large:
        os.fsync(file)
        name = self._name.removesuffix(PART)
        (self._hold.spool / self._name).rename(self._hold.spool / name)
        self._name = name
        sync_folder(self._hold.spool)
        return Large(name, self._size, self._digest.hexdigest())

    def _let_go(self) -> None:
        self._pieces.clear()
        self._hold.memory.give(self._taken)
        self._held = self._taken = 0
