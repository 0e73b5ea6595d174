"""FrameTiming: when the frames of a PET series were measured.

Seconds after the injection, which is time zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from node.domain.volume import Array


@dataclass(frozen=True, eq=False)
class FrameTiming:
    """Start and length of each frame.

    Parameters
    ----------
    start_s : (F,) start of each frame, s after the injection
    duration_s : (F,) length of each frame, s

    Raises
    ------
    ValueError : lengths differ, no frame, a length not above zero, starts that do not rise, or frames that overlap by more than 1 s
    """

    start_s: Array
    duration_s: Array

    def __post_init__(self) -> None:
        start = np.array(self.start_s, dtype=np.float64)
        duration = np.array(self.duration_s, dtype=np.float64)
        if start.ndim != 1 or start.shape != duration.shape or start.size == 0:
            raise ValueError(f"expected as many frame starts as lengths, at least one; found {start.shape} and {duration.shape}")
        if not (np.isfinite(start).all() and np.isfinite(duration).all()) or (duration <= 0).any():
            raise ValueError("frame starts and lengths are finite, lengths above zero")
        if (np.diff(start) <= 0).any():
            raise ValueError("frame starts rise from frame to frame")
        if (start[:-1] + duration[:-1] > start[1:] + 1.0).any():
            raise ValueError("frames overlap by more than 1 s")
        for array in (start, duration):
            array.flags.writeable = False
        object.__setattr__(self, "start_s", start)
        object.__setattr__(self, "duration_s", duration)

    def __len__(self) -> int:
        return int(self.start_s.size)

    @property
    def end_s(self) -> Array:
        """(F,) end of each frame, s after the injection."""
        return np.asarray(self.start_s + self.duration_s)

    def inside(self, start_s: float, end_s: float, *, tolerance_s: float = 1.0) -> Array:
        """Indices of the frames that lie wholly between two times.

        Parameters
        ----------
        start_s, end_s : s after the injection
        tolerance_s : a frame may stick out by this much

        Returns
        -------
        (n,) frame indices, perhaps none
        """
        within = (self.start_s >= start_s - tolerance_s) & (self.end_s <= end_s + tolerance_s)
        return np.flatnonzero(within)


@dataclass(frozen=True)
class Administration:
    """What was injected, when.

    Parameters
    ----------
    tracer : name of the tracer's file in ``config/tracers``, for instance "dpa714"
    tracer_basis : how the tracer was told: "code", "text" (radiopharmaceutical free text) or "site rule"
    radionuclide : "C-11" or "F-18"
    half_life_s : half-life in the header, checked against the radionuclide's
    activity_bq : injected activity at `injected_at`; None where the header has none
    injected_at : instant to which `activity_bq` refers, local time of the scanner; None where the header has none
    """

    tracer: str
    tracer_basis: str
    radionuclide: str
    half_life_s: float
    activity_bq: float | None
    injected_at: datetime | None
