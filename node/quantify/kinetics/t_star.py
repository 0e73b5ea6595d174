"""t*: does the answer depend on where the linear part is said to begin?"""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.exam import Check, Gravity
from node.domain.result import Curve
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError
from node.quantify.kinetics.logan_1996 import logan
from node.quantify.region_words import region_words

SHIFTS_S = (300.0, 600.0)
LARGEST_CHANGE = 0.03
"""Our defaults: t* is moved later by 5 and 10 min, and the DVR may change by 3 %."""


@dataclass(frozen=True)
class TStarCheck:
    """The self-check: `shifts` are (later by s, DVR), the first one (0, DVR); a shift that leaves too few frames is missing."""

    shifts: tuple[tuple[float, float], ...]
    check: Check


def t_star_check(
    curve: Curve, reference: Curve, timing: FrameTiming, *, t_star_s: float, k2_ref_per_s: float, weights: Array
) -> TStarCheck:
    """Move t* later and see whether the DVR by Logan's plot stays.

    Parameters
    ----------
    curve : of the region to judge by, the normal-appearing white matter: large, and slow to become linear
    reference, timing, t_star_s, k2_ref_per_s, weights : as for `logan`

    Raises
    ------
    DataError : as for `logan` at `t_star_s` itself
    """

    def dvr(later_s: float) -> float:
        fit = logan(curve.values, reference.values, timing, t_star_s=t_star_s + later_s, k2_ref_per_s=k2_ref_per_s, weights=weights)
        return float(fit.dvr)

    shifts = [(0.0, dvr(0.0))]
    for later_s in SHIFTS_S:
        try:
            shifts.append((later_s, dvr(later_s)))
        except DataError:  # the scan is too short for this shift: the Check says so
            break
    return TStarCheck(tuple(shifts), _check(shifts, t_star_s, curve.region))


def _check(shifts: list[tuple[float, float]], t_star_s: float, region: str) -> Check:
    at = shifts[0][1]
    change = max((abs(dvr / at - 1.0) for _, dvr in shifts[1:]), default=None)
    value = None if change is None else 100 * change
    minutes = f"t* = {t_star_s / 60:g} min"
    if len(shifts) <= len(SHIFTS_S):
        missing = f"{SHIFTS_S[len(shifts) - 1] / 60:g} min"
        text = f"The scan is too short to move {minutes} later by {missing}: whether the plot is straight was not fully tested."
        return Check("t_star", False, text, Gravity.NOTE, value, 100 * LARGEST_CHANGE, "%")
    assert change is not None
    moved = " and ".join(f"{later_s / 60:g}" for later_s in SHIFTS_S)
    found = f"With {minutes} moved later by {moved} min the DVR of {region_words(region)} changes by up to {100 * change:.1f} %"
    text = f"{found}; {100 * LARGEST_CHANGE:g} % is the limit."
    return Check("t_star", change <= LARGEST_CHANGE, text, Gravity.WARNING, value, 100 * LARGEST_CHANGE, "%")
