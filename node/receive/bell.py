"""`Bell`: a named pipe by which those who write journals wake the one who files them. That it rang says nothing but "look"."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path


class Bell:
    """The pipe ``bell`` in a folder; for both ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bell"
        self._descriptor: int | None = None

    def open(self) -> None:
        """Make the pipe where there is none, and hold it."""
        with suppress(FileExistsError):
            os.mkfifo(self._path)
        # Held for reading and writing by everybody: it opens at once, and never ends.
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def ring(self) -> None:
        """Wake who waits. A full pipe has been rung often enough."""
        if self._descriptor is not None:
            with suppress(BlockingIOError):
                os.write(self._descriptor, b"!")

    def wait(self, timeout_s: float) -> bool:
        """Wait until it rings; whether it did."""
        assert self._descriptor is not None
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return False
        with suppress(BlockingIOError):
            os.read(self._descriptor, 1 << 16)
        return True
