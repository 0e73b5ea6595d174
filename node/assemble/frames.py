"""When the frames of a PET were measured, and whether each was corrected for decay as its header says.

A start comes from the acquisition's date and time; where a console has written one time over all frames, from FrameReferenceTime.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np

from node.assemble.decay import average_s, decay_constant, inside_factor
from node.assemble.series import FrameGroup
from node.domain.exam import Check, Gravity
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError

LONGEST_SCAN = timedelta(days=1)
REFERENCE_TOLERANCE_S = 1.0
FACTOR_TOLERANCE = 2e-3
"""Relative, of a DecayFactor: below what any frame that counts would differ by if it were corrected otherwise, above rounding."""


def frame_starts(
    frames: Sequence[FrameGroup], decay_at: datetime | None, half_life_s: float, *, of: str
) -> tuple[list[datetime], tuple[Check, ...]]:
    """Start of each frame, local time of the scanner.

    Parameters
    ----------
    frames : in order
    decay_at : what FrameReferenceTime counts from; needed where the acquisition times do not tell the frames apart

    Raises
    ------
    DataError : a frame without length, starts that cannot be told, or that are further apart than any scan lasts
    """
    if any(not frame.duration_s for frame in frames):
        raise DataError(f"{of}: expected ActualFrameDuration above zero in every frame")
    acquired = [frame.acquired_at for frame in frames]
    starts = [instant for instant in acquired if instant is not None]
    if starts and max(starts) - min(starts) > LONGEST_SCAN:
        raise DataError(f"{of}: expected frames of one scan; found starts {(max(starts) - min(starts)) / timedelta(hours=1):.0f} h apart")
    if len(set(starts)) == len(frames):
        return starts, _reference_checks(frames, starts, decay_at, half_life_s)
    if decay_at is None or any(frame.reference_s is None for frame in frames):
        raise DataError(f"{of}: the start of its {len(frames)} frames cannot be told: their acquisition times do not tell them apart")
    message = "the acquisition times do not tell the frames apart: their starts were taken from FrameReferenceTime"
    starts = [decay_at + timedelta(seconds=_reference(frame) - average_s(_length(frame), half_life_s)) for frame in frames]
    return starts, (Check("frame_times", False, message, Gravity.NOTE),)


def timing_of(frames: Sequence[FrameGroup], starts: Sequence[datetime], zero: datetime, *, of: str) -> FrameTiming:
    """Timing in s after `zero`.

    Raises
    ------
    DataError : frames that overlap or do not rise
    """
    try:
        return FrameTiming(
            np.array([(start - zero).total_seconds() for start in starts]),
            np.array([_length(frame) for frame in frames]),
        )
    except ValueError as error:
        raise DataError(f"{of}: {error}") from error


def missing_decay(
    factors: Sequence[float | None], frames: Sequence[FrameGroup], starts: Sequence[datetime], decay_at: datetime, half_life_s: float
) -> tuple[Array, tuple[Check, ...]]:
    """What each frame must still be multiplied by, so that all refer to `decay_at`.

    Some consoles correct each frame to its own start, or not inside the frame, and still say START; DecayFactor (0054,1321) gives
    it away. It is only judged where there are several frames and all have a factor.

    Returns
    -------
    (F,) factors, 1 where nothing is missing; a Check where something was, or where the factors fit nothing that is known
    """
    nothing = np.ones(len(frames))
    if len(frames) < 2 or any(factor is None for factor in factors):
        return nothing, ()
    written = np.array(factors, dtype=np.float64)
    inside = np.array([inside_factor(_length(frame), half_life_s) for frame in frames])
    before = np.array([math.exp(decay_constant(half_life_s) * (start - decay_at).total_seconds()) for start in starts])
    if _alike(written, inside * before):
        return nothing, (Check("decay_factors", True, "the decay factors of all frames are as their times say"),)
    if _alike(written, inside):
        return before, (Check("decay_factors", False, "each frame was decay-corrected to its own start only: the rest was added"),)
    if _alike(written, nothing):
        return inside * before, (Check("decay_factors", False, "the frames were not decay-corrected, though they say so: it was added"),)
    worst = float(np.abs(written / (inside * before) - 1.0).max())
    message = f"decay factors differ by up to {100 * worst:.1f} % from what the frames' times say; the values were taken as they are"
    return nothing, (Check("decay_factors", False, message, value=worst, limit=FACTOR_TOLERANCE, unit="1"),)


def _alike(written: Array, expected: Array) -> bool:
    return bool((np.abs(written / expected - 1.0) < FACTOR_TOLERANCE).all())


def _length(frame: FrameGroup) -> float:
    assert frame.duration_s is not None
    return frame.duration_s


def _reference(frame: FrameGroup) -> float:
    assert frame.reference_s is not None
    return frame.reference_s


def _reference_checks(
    frames: Sequence[FrameGroup], starts: Sequence[datetime], decay_at: datetime | None, half_life_s: float
) -> tuple[Check, ...]:
    """Whether FrameReferenceTime lies at the average of its frame, or at its middle, as some vendors have it."""
    if decay_at is None or len(frames) < 2 or any(frame.reference_s is None for frame in frames):
        return ()
    since = [(start - decay_at).total_seconds() for start in starts]
    by_average = _worst(frames, since, lambda length: average_s(length, half_life_s))
    worst = min(by_average, _worst(frames, since, lambda length: length / 2.0))
    message = f"acquisition times and FrameReferenceTime of the frames {'agree' if worst <= REFERENCE_TOLERANCE_S else 'differ'}"
    return (Check("frame_times", worst <= REFERENCE_TOLERANCE_S, message, value=worst, limit=REFERENCE_TOLERANCE_S, unit="s"),)


def _worst(frames: Sequence[FrameGroup], since: Sequence[float], offset: Callable[[float], float]) -> float:
    return max(abs(_reference(frame) - start - offset(_length(frame))) for frame, start in zip(frames, since, strict=True))
