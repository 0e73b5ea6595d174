"""Logan 1996: distribution volume ratio by the reference plot with k2′."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics.frames import FEWEST_FRAMES, checked, integral_matrix, linear_part, positive_rate
from node.quantify.kinetics.voxels import by_chunks, check_frames

CITATION = "Logan et al., J Cereb Blood Flow Metab 16:834 (1996)"


@dataclass(frozen=True, eq=False)
class LoganFit:
    """What the plot gives: `dvr` (...) unitless, `intercept_s` (...) s; NaN where a curve leaves fewer than three points."""

    dvr: Array
    intercept_s: Array


def logan(curves: Array, reference: Array, timing: FrameTiming, *, t_star_s: float, k2_ref_per_s: float, weights: Array) -> LoganFit:
    """Distribution volume ratio by the reference Logan plot.

    The slope of ``∫T/T`` over ``(∫R + R/k2′)/T`` in the frames from t* on.

    Parameters
    ----------
    curves : (F, ...) tissue, Bq/mL or any unit, decay-corrected to one instant
    reference : (F,) same unit
    timing : of the F frames, s after time zero
    t_star_s : start of the linear part, s
    k2_ref_per_s : efflux constant of the reference, 1/s
    weights : (F,) of the frames; 0 leaves a frame out

    Raises
    ------
    DataError : shapes that do not fit, a scan that begins too late, fewer than three frames from t* on, k2′ not above zero

    Notes
    -----
    Valid for reversible tracers once the plot is straight. Noise in T stands on both axes and lowers the slope; MRTM2 is less biased.
    Points where T is not above zero are left out. Departures: integrals are exact for frame means instead of trapezoids; the form
    without k2′ is not offered, because it may be wrong by a third within the physiological range.

    References
    ----------
    Logan et al., J Cereb Blood Flow Metab 16:834 (1996), eq. 6.
    """
    check_frames(curves, len(timing))
    reference, weights = checked(reference, weights, timing)
    used = linear_part(timing, weights, t_star_s)
    integrals = integral_matrix(timing)
    numerator = (integrals @ reference + reference / positive_rate(k2_ref_per_s))[used, None]
    integrals, weights = integrals[used], weights[used, None]

    def fit(chunk: Array) -> Array:
        tissue = chunk[used]
        above = tissue > 0
        inverse = above / np.where(above, tissue, 1.0)
        found = _line(numerator * inverse, (integrals @ chunk) * inverse, weights * above)
        found[:, above.sum(axis=0) < FEWEST_FRAMES] = np.nan
        return found

    dvr, intercept_s = by_chunks(fit, curves, 2)
    return LoganFit(dvr, intercept_s)


def _line(x: Array, y: Array, weights: Array) -> Array:
    """(2, n) slope and intercept of n weighted lines through (f, n) points."""
    total = weights.sum(axis=0)
    mean_x = (weights * x).sum(axis=0) / total
    mean_y = (weights * y).sum(axis=0) / total
    x = x - mean_x
    weighted = weights * x
    slope = (weighted * (y - mean_y)).sum(axis=0) / (weighted * x).sum(axis=0)
    return np.stack([slope, mean_y - slope * mean_x])
