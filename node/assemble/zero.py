"""Time zero of the kinetics: a person's word, else the bolus as it arrives in the head, else the injection in the header, else the scan.

Many consoles keep the time at which the dose was measured as the time of injection. With the dose it belongs together, so that SUV does
not care; as the start of the kinetics it is minutes off. Where a dynamic scan shows frames that are still empty, the arrival can be seen.

We chose to let the header stand where both agree as well as frames and circulation allow, because it is finer than a frame; instead of
moving time zero to the start of the frame in which the bolus was first seen, which would put every later frame a little too early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from node.assemble.corrections import Amendments, by_whom
from node.domain.correction import Correctable
from node.domain.exam import Check, Gravity
from node.domain.volume import Array
from node.errors import DataError

ARRIVED = 0.05
"""Share of the peak of the whole-head mean above which the bolus has arrived."""

HEAD = 0.1
"""Share of the 99th percentile of the summed image above which a voxel counts as head. Ours."""

CIRCULATION = timedelta(seconds=60)
"""The bolus is seen in the head at most this long after it entered the vein: circulation, and rise to `ARRIVED`. Ours."""

FILLED = 0.3
"""Share of the peak that a head holds at least, two minutes after the injection and later. Ours."""

MEASURED_BEFORE = timedelta(minutes=15)
"""A dose is measured at most this long before it is given; later scans are late ones. Ours; ten minutes have been seen."""

LONGEST_BEFORE = timedelta(hours=6)
"""Kinetics begin at most this long before the scan."""


@dataclass(frozen=True)
class Zero:
    """Time zero, what it is (`PetSeries.time_zero_basis`), and what was assumed."""

    instant: datetime
    basis: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, eq=False)
class Course:
    """The frames of a series in time: F starts and lengths (s), and the mean of each over the head, in any unit."""

    starts: Sequence[datetime]
    lengths_s: Sequence[float]
    head: Array

    def end(self, frame: int) -> datetime:
        """End of a frame."""
        return self.starts[frame] + timedelta(seconds=self.lengths_s[frame])

    @property
    def arrival(self) -> int:
        """The first frame whose mean is above `ARRIVED` of the peak; 0 where nothing rises."""
        peak = float(self.head.max())
        return int(np.argmax(self.head > ARRIVED * peak)) if peak > 0 else 0


def head_means(frames: Array, lengths_s: Sequence[float]) -> Array:
    """(F,) mean of each frame over what is bright in their sum; every second row and column is enough for that.

    Parameters
    ----------
    frames : (F, S, R, C) decay-corrected activity
    """
    thin = frames[:, :, ::2, ::2]
    total = np.tensordot(np.asarray(lengths_s, dtype=np.float32), thin, axes=1)
    head = total > HEAD * np.percentile(total, 99)
    if not head.any():
        return np.zeros(len(frames))
    return np.array([frame[head].mean(dtype=np.float64) for frame in thin])


def time_zero(course: Course, injected_at: datetime | None, amended: Amendments, *, of: str) -> Zero:
    """Time zero of a series.

    Parameters
    ----------
    injected_at : the injection as it is used for the dose

    Raises
    ------
    DataError : a person's time zero after the scan, or more than `LONGEST_BEFORE` before it
    """
    for what in (Correctable.KINETIC_ZERO, Correctable.INJECTED_AT):
        entry = amended.get(what)
        if entry is not None and isinstance(entry[1], datetime):
            return _by_hand(course, entry[1], by_whom(entry[0]), what, of)
    frame = course.arrival
    if injected_at is None:
        return _without_header(course, frame)
    if (frame == 0 and injected_at <= course.end(0)) or course.starts[frame] - CIRCULATION <= injected_at <= course.end(frame):
        return Zero(injected_at, "injection in the header", _filling(course, injected_at))
    apart_s = (course.starts[frame] - injected_at).total_seconds()
    side = "after" if apart_s > 0 else "before"
    message = f"the bolus was seen in the head {abs(apart_s):.0f} s {side} the injection of the header: kinetics count from the bolus"
    told = Check("time_zero", False, message, value=apart_s, limit=CIRCULATION.total_seconds(), unit="s")
    return Zero(course.starts[frame], "bolus seen in the head", (told,))


def _filling(course: Course, injected_at: datetime) -> tuple[Check, ...]:
    """A head that is still nearly empty minutes after the injection was not injected then; when it was, long first frames cannot show."""
    share = float(course.head[0] / course.head.max()) if course.head.max() > 0 else 1.0
    waited_s = (course.starts[0] - injected_at).total_seconds()
    if not 2 * CIRCULATION.total_seconds() < waited_s <= MEASURED_BEFORE.total_seconds() or share >= FILLED:
        return ()
    message = (
        f"the scan began {waited_s:.0f} s after the injection of the header, yet its first frame holds {100 * share:.0f} % of the peak: "
        "the tracer may have been injected later, and the header may hold when the dose was measured"
    )
    return (Check("time_zero", False, message, value=share, limit=FILLED, unit="1"),)


def _by_hand(course: Course, instant: datetime, basis: str, what: Correctable, of: str) -> Zero:
    first, last = course.starts[0] - LONGEST_BEFORE, course.end(len(course.starts) - 1)
    if not first <= instant < last:
        expected = f"expected it from {LONGEST_BEFORE / timedelta(hours=1):.0f} h before the scan to its end"
        raise DataError(f"{of}: the {what.value} given by a person is {instant}; {expected}, {first} to {last}")
    checks: tuple[Check, ...] = ()
    if what is Correctable.KINETIC_ZERO:
        checks = (Check("corrected_kinetic_zero", False, f"time zero of the kinetics set to {instant}, {basis}"),)
    return Zero(instant, basis, checks)


def _without_header(course: Course, frame: int) -> Zero:
    if frame > 0:
        message = "the header has no time of injection: kinetics count from the bolus as it was seen in the head"
        return Zero(course.starts[frame], "bolus seen in the head", (Check("time_zero", False, message, Gravity.NOTE),))
    return Zero(course.starts[0], "scan start", (Check("time_zero", False, "times are counted from the start of the scan"),))
