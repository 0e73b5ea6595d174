"""When the frames of a PET were measured, and whether each was corrected for decay as its header says.

A start comes from the acquisition's date and time; where a console has written one time over all frames, from FrameReferenceTime.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from node.assemble.decay import average_s, decay_constant, inside_factor, since_reference_s
from node.assemble.series import FrameGroup
from node.domain.exam import Check, Gravity
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError

LONGEST_SCAN = timedelta(days=1)
REFERENCE_TOLERANCE_S = 1.0
FACTOR_TOLERANCE = 2e-3
"""Relative, of a DecayFactor: below what any frame that counts would differ by if it were corrected otherwise, above rounding."""


@dataclass(frozen=True)
class Starts:
    """Start of each frame, local time of the scanner; `source` the attribute, or the rule that it was calculated by."""

    instants: tuple[datetime, ...]
    source: str
    checks: tuple[Check, ...]


def frame_starts(frames: Sequence[FrameGroup], decay_at: datetime | None, half_life_s: float, *, of: str, written: str) -> Starts:
    """Start of each frame.

    Parameters
    ----------
    frames : in order
    decay_at : what FrameReferenceTime counts from; needed where the acquisition times do not tell the frames apart
    written : the attribute that the acquisition times were read from

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
        return Starts(tuple(starts), written, _reference_checks(frames, starts, decay_at, half_life_s))
    if decay_at is None or any(frame.reference_s is None for frame in frames):
        raise DataError(f"{of}: the start of its {len(frames)} frames cannot be told: their acquisition times do not tell them apart")
    message = "the acquisition times do not tell the frames apart: their starts were taken from FrameReferenceTime"
    since, convention = _by_reference(frames, half_life_s)
    starts = [decay_at + timedelta(seconds=seconds) for seconds in since]
    rule = f"FrameReferenceTime (0054,1300), counted from the decay reference to {convention} of each frame"
    return Starts(tuple(starts), rule, (Check("frame_times", False, f"{message}, as {convention} of each frame", Gravity.NOTE),))


def _by_reference(frames: Sequence[FrameGroup], half_life_s: float) -> tuple[list[float], str]:
    """Starts of the frames in s after the decay reference, and what FrameReferenceTime means: by the standard the instant of the average
    count rate, at some vendors the middle or the start. The decay factors say which, where there are any."""
    ways = {name: [_reference(frame) - offset(_length(frame)) for frame in frames] for name, offset in _conventions(half_life_s).items()}
    by_factor = [since_reference_s(frame.decay_factor, _length(frame), half_life_s) for frame in frames]
    known = [(i, seconds) for i, seconds in enumerate(by_factor) if seconds is not None]
    best = min(ways, key=lambda name: max((abs(ways[name][i] - seconds) for i, seconds in known), default=0.0))
    return ways[best], best


def _conventions(half_life_s: float) -> dict[str, Callable[[float], float]]:
    """What FrameReferenceTime may point at → its distance from the start of a frame of some length, s; the standard's first."""
    return {
        "the average": lambda length: average_s(length, half_life_s),
        "the middle": lambda length: length / 2.0,
        "the start": lambda _: 0.0,
    }


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


@dataclass(frozen=True, eq=False)
class Audit:
    """What the decay factors of the frames say.

    Parameters
    ----------
    applied : (F,) what each frame must still be multiplied by, so that all refer to one instant; 1 where nothing is missing
    expected : (F,) the factor that START, the half-life and the times call for; None where there is no such instant
    """

    applied: Array
    expected: Array | None
    checks: tuple[Check, ...] = ()


def decay_audit(
    factors: Sequence[float | None],
    frames: Sequence[FrameGroup],
    starts: Sequence[datetime],
    decay_at: datetime | None,
    half_life_s: float,
) -> Audit:
    """Whether frames that say START were corrected to one instant.

    Some consoles correct each frame to its own start, or not inside the frame, and still say START; DecayFactor (0054,1321) gives
    it away. Nothing is multiplied unless several frames all have a factor and these fit one of the two faults throughout. What factors
    of 1 mean cannot be seen in the images: a console may have corrected them and not said so. They are believed, and that is told.

    Parameters
    ----------
    factors : F DecayFactor as written
    decay_at : instant to which values should refer; None where they are not corrected to a known one
    """
    nothing = np.ones(len(frames))
    if decay_at is None:
        return Audit(nothing, None)
    inside = np.array([inside_factor(_length(frame), half_life_s) for frame in frames])
    before = np.array([math.exp(decay_constant(half_life_s) * (start - decay_at).total_seconds()) for start in starts])
    expected = inside * before
    if any(factor is None for factor in factors):
        return Audit(nothing, expected)
    written = np.array(factors, dtype=np.float64)
    if _alike(written, expected):
        return Audit(nothing, expected, (Check("decay_factors", True, "the decay factors of all frames are as their times say"),))
    if len(frames) > 1 and _alike(written, inside):
        return Audit(
            before, expected, (_factors_check("each frame was decay-corrected to its own start only: the rest was added", before),)
        )
    if len(frames) > 1 and _alike(written, nothing):
        return Audit(expected, expected, (_factors_check(_ONES, expected),))
    return Audit(nothing, expected, (_unexplained(written, expected),))


_ONES = (
    "DecayFactor is 1 in every frame, though the header says START: the frames were taken as not decay-corrected, and corrected here. "
    "The images cannot tell; if this scanner corrects and writes 1 nevertheless, late frames are now too high"
)


def _factors_check(message: str, applied: Array) -> Check:
    most = float(applied.max())
    return Check("decay_factors", False, f"{message} (up to × {most:.3g})", value=most, limit=1.0, unit="1")


def _unexplained(written: Array, expected: Array) -> Check:
    worst = float(np.abs(written / expected - 1.0).max())
    message = f"decay factors differ by up to {100 * worst:.1f} % from what the frames' times say; the values were taken as they are"
    gravity = Gravity.WARNING if len(written) > 1 else Gravity.NOTE
    return Check("decay_factors", False, message, gravity, worst, FACTOR_TOLERANCE, "1")


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
    """Whether FrameReferenceTime lies at the average of its frame, or at its middle or start, as some vendors have it."""
    if decay_at is None or len(frames) < 2 or any(frame.reference_s is None for frame in frames):
        return ()
    since = [(start - decay_at).total_seconds() for start in starts]
    worst = min(_worst(frames, since, offset) for offset in _conventions(half_life_s).values())
    message = f"acquisition times and FrameReferenceTime of the frames {'agree' if worst <= REFERENCE_TOLERANCE_S else 'differ'}"
    return (Check("frame_times", worst <= REFERENCE_TOLERANCE_S, message, value=worst, limit=REFERENCE_TOLERANCE_S, unit="s"),)


def _worst(frames: Sequence[FrameGroup], since: Sequence[float], offset: Callable[[float], float]) -> float:
    return max(abs(_reference(frame) - start - offset(_length(frame))) for frame, start in zip(frames, since, strict=True))
