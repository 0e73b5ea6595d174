"""Priority: how soon a site wants an exam."""

from __future__ import annotations

from enum import Enum


class Priority(Enum):
    """Which exam is computed and delivered first; the earlier one among equals."""

    URGENT = "urgent"  #: before all others
    NORMAL = "normal"
    OFF_PEAK = "off-peak"  #: when nothing else waits, and only in the site's off-peak hours where it has set them

    @property
    def rank(self) -> int:
        """The smaller, the sooner; from 1, as the engine's queue has it."""
        return {Priority.URGENT: 1, Priority.NORMAL: 5, Priority.OFF_PEAK: 9}[self]
