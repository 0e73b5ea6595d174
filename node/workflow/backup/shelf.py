"""`Shelf`: files by their digest: each once, whole or not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from node.errors import DataError

PIECE_BYTES = 1 << 20


class Shelf:
    """The folder ``objects`` of a target.

    Parameters
    ----------
    target : the backup's folder
    """

    def __init__(self, target: Path) -> None:
        self._objects = target / "objects"
        self._objects.mkdir(parents=True, exist_ok=True)

    def put(self, source: Path) -> tuple[str, int, bool]:
        """Keep a file durably; its SHA-256, its size, and whether it is new here."""
        arriving = self._objects / ".arriving"  # what an interrupted backup has left of it is written over
        with source.open("rb") as file, arriving.open("wb") as copy:
            digest, size = _copied(file, copy)
            copy.flush()
            os.fsync(copy.fileno())
        place = self._place(digest)
        if place.exists():
            arriving.unlink()
            return digest, size, False
        place.parent.mkdir(exist_ok=True)
        arriving.rename(place)
        return digest, size, True

    def has(self, digest: str) -> bool:
        """Whether a file of that digest is kept."""
        return self._place(digest).is_file()

    def get(self, digest: str, target: Path) -> None:
        """Copy a file out, durably.

        Raises
        ------
        DataError : it is not there, or is no longer what it was
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._place(digest).open("rb") as file, target.open("wb") as copy:
                found, _ = _copied(file, copy)
                copy.flush()
                os.fsync(copy.fileno())
        except FileNotFoundError:
            raise DataError(f"the backup is damaged: expected object {digest}; it is not there") from None
        if found != digest:
            raise DataError(f"the backup is damaged: object {digest} holds other bytes, of digest {found}")

    def digest_of(self, digest: str) -> str:
        """What the bytes under a digest have as digest now; empty where there are none."""
        try:
            with self._place(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return ""

    def all(self) -> Iterator[str]:
        """The digests of everything that is kept."""
        for folder in self._objects.glob("[0-9a-f][0-9a-f]"):
            yield from (item.name for item in folder.iterdir())

    def remove(self, digest: str) -> None:
        """Forget a file."""
        self._place(digest).unlink(missing_ok=True)

    def settle(self) -> None:
        """Make the names durable that were given since."""
        for folder in (self._objects, *self._objects.glob("[0-9a-f][0-9a-f]")):
            sync_folder(folder)

    def _place(self, digest: str) -> Path:
        return self._objects / digest[:2] / digest


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copied(file: IO[bytes], copy: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
        copy.write(piece)
        size += len(piece)
    return digest.hexdigest(), size
