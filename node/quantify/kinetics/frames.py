"""Frames: what the lengths and gaps of a scan's frames mean for every model: integrals, weights, and which frames a line uses.

A frame's value is the mean over the frame. All models here are linear in curves and their integrals, so that they hold for means over a
frame as they hold at an instant: with each value goes the mean over the frame of the integral, not the integral up to its middle. The
integral up to the start of a frame is exact (the sum of the frames before); within the frame a straight line is drawn. All that is a
matrix, the same for every voxel.
"""

from __future__ import annotations

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError

LATEST_START_S = 60.0
"""A scan that begins later after the injection has missed what the integrals need. Our default."""

FEWEST_FRAMES = 3
"""A line through fewer points has no residual to judge it by."""

TOLERANCE_S = 1.0


def mid_times(timing: FrameTiming) -> Array:
    """(F,) middle of each frame, s."""
    return np.asarray(timing.start_s + timing.duration_s / 2.0)


def integral_matrix(timing: FrameTiming) -> Array:
    """From curves to the mean over each frame of their integral from time zero.

    Parameters
    ----------
    timing : of the F frames, s after time zero; the first one starts at `LATEST_START_S` or before

    Returns
    -------
    (F, F) s: ``integral = matrix @ curve``

    Raises
    ------
    DataError : the scan begins too late

    Notes
    -----
    Within its own frame the curve is drawn as a straight line whose slope comes from the neighbours.
    """
    rows = integral_to_start(timing)
    rows[np.diag_indices(len(timing))] += timing.duration_s / 2.0
    rows -= timing.duration_s[:, None] ** 2 / 12.0 * _slopes(mid_times(timing))
    return rows


def integral_to_start(timing: FrameTiming) -> Array:
    """(F, F) s, from curves to their integrals from time zero to the start of each frame: exact, since a frame's value is its mean.

    Raises
    ------
    DataError : the scan begins too late

    Notes
    -----
    A gap between frames is filled with the straight line through the middles of its neighbours, whose integral is the gap times its
    value at the gap's middle; an overlap (up to 1 s is let in) counts as a negative gap. Before the first frame the line comes from
    zero at time zero.
    """
    first = float(timing.start_s[0])
    if first > LATEST_START_S + TOLERANCE_S:
        found = f"the first frame starts {first:.0f} s after time zero"
        raise DataError(f"kinetics need frames from the injection on; {found}, {LATEST_START_S:.0f} s is the limit")
    rows = np.zeros((len(timing), len(timing)))
    for i in range(len(timing)):
        rows[i] = _before(timing, i)
        if i:
            rows[i] += rows[i - 1]
            rows[i, i - 1] += timing.duration_s[i - 1]
    return rows


def _before(timing: FrameTiming, index: int) -> Array:
    """(F,) what the time between the frame before (or time zero) and this one adds to the integral."""
    row = np.zeros(len(timing))
    middle = mid_times(timing)
    start = float(timing.start_s[index])
    if index == 0:
        row[0] = max(start, 0.0) ** 2 / (2.0 * middle[0])
        return row
    end = float(timing.end_s[index - 1])
    gap = start - end
    share = ((start + end) / 2.0 - middle[index - 1]) / (middle[index] - middle[index - 1])
    row[index - 1], row[index] = gap * (1.0 - share), gap * share
    return row


def _slopes(times: Array) -> Array:
    """(F, F) from curves to their slopes at the middles of the frames, by the parabola through three neighbours."""
    count = len(times)
    rows = np.zeros((count, count))
    for i in range(count):
        near = np.arange(count)[max(0, min(i - 1, count - 3)) :][:3]
        if i == 0:
            near = near[:2]  # a bolus that rises is no parabola
        powers = np.vander(times[near] - times[i], increasing=True)
        rows[i, near] = np.linalg.inv(powers)[1] if len(near) > 1 else 0.0
    return rows


def frame_weights(timing: FrameTiming, half_life_s: float, activity: Array | None = None) -> Array:
    """Weights of the frames: inverse variance up to a factor.

    Parameters
    ----------
    timing : of the F frames
    half_life_s : of the radionuclide
    activity : (F,) mean of the head, decay-corrected, in any unit; noise is taken as independent of it where None

    Returns
    -------
    (F,) ``d·exp(−λ·t_mid) / activity``, their mean 1. 0 where the activity is not above zero.

    Raises
    ------
    DataError : no frame has activity above zero

    Notes
    -----
    Counts of a frame are in proportion to activity × d × exp(−λt), and the decay-corrected mean is counts × exp(λt) / d: its variance is
    activity × exp(λt) / d. Our default among the usual rules; scatter, randoms and dead time are left out.
    """
    weights = timing.duration_s * np.exp(-np.log(2.0) / half_life_s * mid_times(timing))
    if activity is not None:
        weights = np.where(activity > 0, weights / np.where(activity > 0, activity, 1.0), 0.0)
    total = float(weights.sum())
    if not np.isfinite(total) or total <= 0:
        raise DataError("expected frames with activity above zero; found none")
    return np.asarray(weights * len(timing) / total)


def linear_part(timing: FrameTiming, weights: Array, t_star_s: float) -> Array:
    """(n,) indices of the frames that start at `t_star_s` or later and count.

    Raises
    ------
    DataError : fewer than `FEWEST_FRAMES`
    """
    used = np.flatnonzero((timing.start_s >= t_star_s - TOLERANCE_S) & (weights > 0))
    if used.size < FEWEST_FRAMES:
        end_min = float(timing.end_s[-1]) / 60.0
        raise DataError(
            f"{used.size} frames start {t_star_s / 60:g} min after time zero or later (the scan ends at {end_min:.4g} min); "
            f"{FEWEST_FRAMES} are needed"
        )
    return used


def checked(reference: Array, weights: Array, timing: FrameTiming) -> tuple[Array, Array]:
    """Reference curve and weights as float64.

    Raises
    ------
    DataError : their lengths differ from the number of frames, values are not finite, the reference's integral is not above zero, or a
        weight is below zero
    """
    reference, weights = np.asarray(reference, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    expected = (len(timing),)
    if reference.shape != expected or weights.shape != expected:
        raise DataError(f"expected reference and weights of {expected[0]} frames; found {reference.shape} and {weights.shape}")
    if not (np.isfinite(reference).all() and np.isfinite(weights).all()) or (weights < 0).any():
        raise DataError("expected a reference curve and weights of finite values, weights not below zero")
    if float(reference @ timing.duration_s) <= 0:
        raise DataError("expected a reference curve with activity above zero")
    return reference, weights


def positive_rate(k2_ref_per_s: float) -> float:
    """The reference's efflux constant, if it is one.

    Raises
    ------
    DataError : not a finite value above zero
    """
    if not np.isfinite(k2_ref_per_s) or k2_ref_per_s <= 0:
        raise DataError(f"expected k2' above zero; found {k2_ref_per_s:g} 1/s")
    return float(k2_ref_per_s)
