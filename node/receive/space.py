"""What is left: of the disk, and of the memory for images that are coming in.

Both are asked for each piece of each image, so that neither may cost anything: the disk is looked at again after a quarter of a second or
64 MiB, whichever is first.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from node.errors import TemporaryError

LOOK_AGAIN_S = 0.25
LOOK_AGAIN_BYTES = 64 * 2**20


class Disk:
    """The free space of the disk under a folder.

    Parameters
    ----------
    min_free_bytes : less than this is refused
    owed : bytes that will yet be taken by what is here already
    """

    def __init__(self, folder: Path, *, min_free_bytes: int, owed: Callable[[], int]) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._owed = owed
        self._looked = -LOOK_AGAIN_S
        self._left = 0

    def require(self, size: int = 0) -> None:
        """Take so many bytes more.

        Raises
        ------
        TemporaryError : less would stay free than must
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_AGAIN_S:
            self._look(now)
        if self._left < size:
            self._look(now)
        self._left -= size
        if self._left < 0:
            raise TemporaryError(f"too little space on the disk: {self._min_free_bytes / 2**30:.1f} GiB must stay free")

    def _look(self, now: float) -> None:
        found = os.statvfs(self._folder)
        left = found.f_bavail * found.f_frsize - self._owed() - self._min_free_bytes
        self._looked = now
        # What others write meanwhile is not counted here: near the limit it is looked at more often.
        self._left = min(left, LOOK_AGAIN_BYTES) if left >= 0 else left


class Memory:
    """The bytes that may be buffered, for all that is coming in together."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take some, if there is as much."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Give some back."""
        with self._lock:
            self._left += size
