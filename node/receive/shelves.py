"""The shelves: where the files of received instances lie under the storage folder, and how they get there.

::

    inbox/<2 hex digits>/<SOP Instance UID>.dcm               what the UID stands for
    quarantine/<2 hex digits>/<UID>.<16 hex digits>.dcm       other bytes under the same UID
    inbox/.filing/                                            being written; removed when the filer starts

The two hex digits are the start of the SHA-256 of the UID, those before ``.dcm`` the start of the file's digest.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

from node.receive.records import Buffer
from node.receive.segments import sync_folder, write_all

AT_ONCE = 8
"""Synchronisations at a time: those that wait together share one commit of the file system and one flush of the disk."""

_NO_LINKS = frozenset((errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP))
"""What a file system says that knows no second name of a file, or none there."""


def inbox_path(sop_instance_uid: str) -> str:
    """Where the file of a UID lies, relative to the storage folder."""
    return f"inbox/{_shard(sop_instance_uid)}/{sop_instance_uid}.dcm"


def quarantine_path(sop_instance_uid: str, digest: str) -> str:
    """Where other bytes under a UID lie."""
    return f"quarantine/{_shard(sop_instance_uid)}/{sop_instance_uid}.{digest[:16]}.dcm"


class Shelves:
    """Puts a batch of files where they belong. `settle` makes all of them durable at once, which costs little more than one."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        self._arriving = storage / "inbox" / ".filing"
        self._open: list[tuple[int, Path, str]] = []
        self._linked: list[tuple[Path, str]] = []

    def tidy(self) -> None:
        """Remove what was being written when a filer was killed."""
        self._arriving.mkdir(parents=True, exist_ok=True)
        for folder in (self._arriving, self._storage / "inbox" / ".arriving"):  # the second one is that of earlier versions
            for leftover in folder.glob("*"):
                leftover.unlink()

    def put(self, path: str, parts: Sequence[Buffer]) -> None:
        """Write a file; it has its name and is durable after `settle`."""
        arriving = self._arriving / str(len(self._open))
        descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._open.append((descriptor, arriving, path))
        write_all(descriptor, parts, 0)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # begins to write it to disk, so that the fsync below is short

    def link(self, path: str, source: Path) -> None:
        """Give a durable file another name; it stays under its own too, so that this can be done again.

        It is copied where there are no second names: else it would hold up everything behind it.
        """
        arriving = self._arriving / f"link-{len(self._linked)}"
        arriving.unlink(missing_ok=True)
        try:
            arriving.hardlink_to(source)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(source, arriving)
        self._linked.append((arriving, path))

    def has(self, path: str) -> bool:
        """Whether a file lies there, or will after `settle`."""
        put = any(path == one for _, _, one in self._open) or any(path == one for _, one in self._linked)
        return put or (self._storage / path).exists()

    def settle(self) -> None:
        """File, then name, then folder: a name that is there stands for bytes that are there.

        Raises
        ------
        OSError : the disk does not take it; some files may have their names, whole
        """
        try:
            _together(os.fsync, (descriptor for descriptor, _, _ in self._open))
            named = [(arriving, path) for _, arriving, path in self._open] + self._linked
            targets = [self._storage / path for _, path in named]
            folders = sorted({target.parent for target in targets})
            _make(folders)
            for (arriving, _), target in zip(named, targets, strict=True):
                arriving.rename(target)
                arriving.unlink(missing_ok=True)  # two names of one file are not renamed
            _together(sync_folder, folders)
        finally:
            self.forget()

    def forget(self) -> None:
        """Leave what was put and not settled."""
        for descriptor, _, _ in self._open:
            os.close(descriptor)
        self._open.clear()
        self._linked.clear()


def _shard(sop_instance_uid: str) -> str:
    return sha256(sop_instance_uid.encode()).hexdigest()[:2]


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())


def _make(folders: Sequence[Path]) -> None:
    """Those that are not there, durable."""
    missing = [folder for folder in folders if not folder.exists()]
    for folder in missing:
        folder.mkdir(parents=True, exist_ok=True)
    _together(sync_folder, sorted({above for folder in missing for above in (folder.parent, folder.parent.parent)}))


def _together(sync: Callable[[Any], None], those: Iterable[Any]) -> None:
    """Raises the first error, after all have ended."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for done in [threads.submit(sync, one) for one in those]:
            done.result()
