"""`Seldom`: what a flood repeats ten thousand times is told once a minute, with how often it was."""

from __future__ import annotations

import threading
from time import monotonic

EVERY_S = 60.0
MOST_KEYS = 256
OTHERS = ("others",)


class Seldom:
    """Counts events by key, and says when one is due to be told. May be called from several threads."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._told: dict[tuple[str, ...], tuple[float, int]] = {}

    def due(self, *key: str) -> int:
        """How often it has happened since it was last told, this time included; 0 where that was less than a minute ago."""
        now = monotonic()
        with self._lock:
            if key not in self._told and len(self._told) >= MOST_KEYS:
                self._forget(now)
                key = key if len(self._told) < MOST_KEYS else OTHERS
            at, untold = self._told.get(key, (now - self._every_s, 0))
            due = now >= at + self._every_s
            self._told[key] = (now, 0) if due else (at, untold + 1)
            return untold + 1 if due else 0

    def _forget(self, now: float) -> None:
        self._told = {key: (at, untold) for key, (at, untold) in self._told.items() if untold or now < at + self._every_s}
