"""`take`: a consistent copy of the storage folder while the node writes to it. Why in this order, the folder's page says."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node import __version__
from node.domain.ports import Clock
from node.errors import TemporaryError
from node.workflow.backup.manifest import REGISTER, Entry, Manifest, manifests, write_manifest
from node.workflow.backup.shelf import Shelf

TRIES = 4
"""How often the whole is done again where a file was moved between the register and the files."""

_LEFT = ("run", "removed", ".arriving", ".filing")
"""Folders that belong to running processes, or hold what is being written or about to be deleted."""

_APART = ("journal", REGISTER, f"{REGISTER}-wal", f"{REGISTER}-shm", "web")
"""What is copied in another way; and the web port's index, a database in use that is made anew where it is missing."""


@dataclass(frozen=True)
class Made:
    """A backup: `new` files of `new_bytes` were copied for it; `complaints` name what was found damaged on the node's own disk."""

    manifest: Manifest
    new: int
    new_bytes: int
    complaints: tuple[str, ...]


def take(storage: Path, target: Path, clock: Clock, *, keep: int = 7) -> Made:
    """Back up a storage folder into a target, which may hold earlier backups of it.

    Parameters
    ----------
    keep : how many backups the target holds at most; older ones, and files that they alone name, are removed

    Raises
    ------
    TemporaryError : there is no register, another backup is being written there, or files did not come to rest
    OSError : the disk does not take it
    """
    if not (storage / REGISTER).is_file():
        raise TemporaryError(f"no register in {storage}: expected the storage folder of a node that has run")
    if target.resolve().is_relative_to(storage.resolve()):
        raise TemporaryError(f"{target} lies in the storage folder that is to be backed up: expected another place, best another disk")
    with _alone(target):
        before = {entry.path: entry for one in manifests(target)[-1:] for entry in one.entries()}
        for _ in range(TRIES):
            copying = _Copying(storage, target, before)
            missing = copying.run()
            if not missing:
                made = copying.made(clock)
                _prune(target, made.manifest, keep)
                return made
            before |= copying.entries
    raise TemporaryError(f"{len(missing)} files of {storage} are named by the register and not there, the first: {missing[0]}")


class _Copying:
    """One try."""

    def __init__(self, storage: Path, target: Path, before: dict[str, Entry]) -> None:
        self._storage = storage
        self._target = target
        self._before = before
        self._shelf = Shelf(target)
        self.entries: dict[str, Entry] = {}
        self._new = self._new_bytes = 0
        self._complaints: list[str] = []
        self._schema = ""

    def run(self) -> list[str]:
        """Journals, register, files; returns paths that the register names and that are not there."""
        self._journals()
        with self._register() as register:
            self._files(register)
            self._shelf.settle()
            return self._missing(register)

    def made(self, clock: Clock) -> Made:
        """Write it down."""
        entries = sorted(self.entries.values(), key=lambda entry: entry.path)
        manifest = write_manifest(self._target, entries, taken_at=clock.now(), version=__version__, schema=self._schema)
        return Made(manifest, self._new, self._new_bytes, tuple(self._complaints))

    def _journals(self) -> None:
        """Segments before the spool: what a record names is there or was filed since. Always read, since they are written in place."""
        journal = self._storage / "journal"
        files = sorted(_regular(journal), key=lambda file: (file.parent.name == "spool", str(file)))
        for file in files:
            self._copy(file, always=True)

    @contextmanager
    def _register(self) -> Iterator[sqlite3.Connection]:
        """The copy of the register, consistent in itself, opened for questions."""
        copy = self._target / "register.part"
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._storage / REGISTER)) as live, closing(sqlite3.connect(copy)) as out:
            live.backup(out)
            out.execute("PRAGMA journal_mode=DELETE")
            verdict = out.execute("PRAGMA quick_check").fetchone()[0]
            if verdict != "ok":
                raise TemporaryError(f"the register {self._storage / REGISTER} is damaged: {verdict}")
            self._schema = str(out.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        digest, size, new = self._shelf.put(copy)
        self._count(size, new=new)
        self.entries[REGISTER] = Entry(REGISTER, digest, size, 0)
        with closing(sqlite3.connect(copy)) as opened:
            opened.execute("CREATE INDEX backup_by_path ON instances (path)")  # what is kept was put away above
            yield opened
        copy.unlink()

    def _files(self, register: sqlite3.Connection) -> None:
        for file in _regular(self._storage):
            path = file.relative_to(self._storage)
            if path.parts[0] in _APART:
                continue
            entry, read = self._copy(file, always=False)
            if entry is not None and read and path.parts[0] == "inbox":
                self._compare(register, entry)

    def _copy(self, file: Path, *, always: bool) -> tuple[Entry | None, bool]:
        """Keep a file; none where it is gone meanwhile. Whether it was read: what has neither changed size nor time was not."""
        path = file.relative_to(self._storage).as_posix()
        try:
            status = file.stat()
            known = self._before.get(path)
            same = known is not None and (known.size, known.changed_ns) == (status.st_size, status.st_mtime_ns)
            if known is not None and same and not always and self._shelf.has(known.digest):
                self.entries[path] = known
                return known, False
            digest, size, new = self._shelf.put(file)
        except FileNotFoundError:
            return None, False
        self._count(size, new=new)
        self.entries[path] = Entry(path, digest, size, status.st_mtime_ns)
        return self.entries[path], True

    def _count(self, size: int, *, new: bool) -> None:
        self._new += new
        self._new_bytes += size if new else 0

    def _compare(self, register: sqlite3.Connection, entry: Entry) -> None:
        row = register.execute("SELECT digest FROM instances WHERE path = ?", (entry.path,)).fetchone()
        if row is not None and row[0] != entry.digest:
            self._complaints.append(
                f"{entry.path}: expected digest {row[0]} as it was received; found {entry.digest}: the disk has changed it"
            )

    def _missing(self, register: sqlite3.Connection) -> list[str]:
        """Of received images, those in quarantine, and objects that are still to be sent."""
        query = (
            "SELECT path FROM instances WHERE removed_at IS NULL UNION SELECT path FROM quarantine WHERE released_at IS NULL "
            "UNION SELECT path FROM deliveries WHERE state IN ('queued', 'sending')"
        )
        return [path for (path,) in register.execute(query) if path not in self.entries]


def _regular(folder: Path) -> Iterator[Path]:
    """Whole files below a folder: no pipes, no locks, nothing half-written; what is gone meanwhile is left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT)
        for file in (Path(place) / name for name in sorted(names)):
            if file.suffix not in (".part", ".lock") and not file.name.startswith(".") and file.is_file() and not file.is_symlink():
                yield file


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TemporaryError(f"another backup is being written to {target}") from None
        yield


def _prune(target: Path, newest: Manifest, keep: int) -> None:
    """Remove the oldest backups, and the files that they alone name; never the one just made, whatever a clock that was set back says."""
    found = (*(one for one in manifests(target) if one.file != newest.file), newest)
    gone = found[: max(0, len(found) - max(1, keep))]
    for one in gone:
        one.file.unlink()
    if gone:
        shelf = Shelf(target)
        named = {entry.digest for one in found[len(gone) :] for entry in one.entries()}
        for digest in [digest for digest in shelf.all() if digest not in named]:
            shelf.remove(digest)
