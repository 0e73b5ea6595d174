"""`Ends`: the ends of associations, which are told again until the disk takes them.

An exam waits while an association is open that brought images of its patient. An end that was lost, because the disk was full for a moment,
would hold it until the site's deadline.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import structlog

from node.errors import TemporaryError
from node.receive.records import Record

log = structlog.get_logger()

PAUSE_S = 5.0


class Ends:
    """May be told from several threads.

    Parameters
    ----------
    append : makes a record durable; TemporaryError or OSError where that cannot be done now
    """

    def __init__(self, append: Callable[[Record], None], pause_s: float = PAUSE_S) -> None:
        self._append = append
        self._pause_s = pause_s
        self._waiting: deque[Record] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def tell(self, end: Record) -> None:
        """Make it durable, now or later."""
        try:
            self._append(end)
        except (TemporaryError, OSError):
            log.warning("the end of an association cannot be kept now; it is tried again")
            with self._lock:
                self._waiting.append(end)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._again, name="ends", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Try no more: whoever begins anew tells that all is over."""
        self._closed.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _again(self) -> None:
        while not self._closed.wait(self._pause_s):
            try:
                while self._waiting:
                    self._append(self._waiting[0])
                    self._waiting.popleft()
            except (TemporaryError, OSError):
                continue
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
