"""Fits of single curves, as a physicist wants to see them: the points, the line, which points counted, and standard errors.

They use the same equations as the maps, solved by another piece of code (singular values), so that each checks the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from node.domain.result import Curve, Fit
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError
from node.quantify.kinetics.basis import convolved
from node.quantify.kinetics.frames import FEWEST_FRAMES, checked, integral_matrix, linear_part, mid_times, positive_rate
from node.quantify.kinetics.least_squares import ratio_error, solve
from node.quantify.kinetics.srtm_gunn_1997 import srtm

LOGAN = "Logan (1996)"
MRTM2 = "MRTM2 (Ichise 2003)"
SRTM = "SRTM (Lammertsma 1996)"


@dataclass(frozen=True, eq=False)
class Setting:
    """What all fits of a scan share: `reference` and `weights` (F,), the times, t* (s) and k2′ (1/s)."""

    reference: Array
    timing: FrameTiming
    t_star_s: float
    k2_ref_per_s: float
    weights: Array


def regional_fits(
    curves: Sequence[Curve], reference: Curve, timing: FrameTiming, *, t_star_s: float, k2_ref_per_s: float, weights: Array
) -> tuple[Fit, ...]:
    """Logan, MRTM2 and SRTM of each curve; a curve on which a model has no answer has no fit of that model.

    Parameters
    ----------
    curves, reference : of F frames, one unit, decay-corrected to one instant
    timing : of the F frames, s after time zero
    t_star_s, k2_ref_per_s, weights : as for `logan` and `mrtm2`; SRTM fits all frames and finds its own k2′

    Raises
    ------
    DataError : as for `logan`

    Notes
    -----
    Standard errors are those of least squares with independent residuals. Integrals make residuals depend on each other, so that the
    errors of Logan's plot are too small; those of SRTM are the most honest.
    """
    values, weights = checked(reference.values, weights, timing)
    setting = Setting(values, timing, t_star_s, positive_rate(k2_ref_per_s), weights)
    made = [fit(curve, setting) for curve in curves for fit in (logan_fit, mrtm2_fit, srtm_fit)]
    return tuple(fit for fit in made if np.isfinite(fit.dvr))


def logan_fit(curve: Curve, setting: Setting) -> Fit:
    """The plot: x = (∫R + R/k2′)/T (s), y = ∫T/T (s) at the frames where T is above zero."""
    tissue, integrals = _tissue(curve, setting), integral_matrix(setting.timing)
    shown = np.flatnonzero(tissue > 0)
    known = integrals @ setting.reference + setting.reference / setting.k2_ref_per_s
    x, y = known[shown] / tissue[shown], (integrals @ tissue)[shown] / tissue[shown]
    used = np.isin(shown, linear_part(setting.timing, setting.weights, setting.t_star_s))
    if used.sum() < FEWEST_FRAMES:
        return _fit(curve, LOGAN, float("nan"), None, x, y, np.full(x.size, np.nan), used)
    design = np.column_stack([x, np.ones(x.size)])
    fit = solve(design, y, setting.weights[shown] * used)
    return _fit(curve, LOGAN, float(fit.coefficients[0]), float(fit.errors[0]), x, y, fit.fitted, used)


def mrtm2_fit(curve: Curve, setting: Setting) -> Fit:
    """x = middle of each frame (s), y = T, and the T that the model gives."""
    tissue, integrals = _tissue(curve, setting), integral_matrix(setting.timing)
    known = integrals @ setting.reference + setting.reference / setting.k2_ref_per_s
    used = np.isin(np.arange(len(tissue)), linear_part(setting.timing, setting.weights, setting.t_star_s))
    fit = solve(np.column_stack([known, integrals @ tissue]), tissue, setting.weights * used)
    dvr = _ratio(-fit.coefficients[0], fit.coefficients[1])
    r1 = float(fit.coefficients[0] / setting.k2_ref_per_s)
    made = _fit(curve, MRTM2, dvr, ratio_error(fit, 0, 1), mid_times(setting.timing), tissue, fit.fitted, used)
    return replace(made, r1=r1, k2_ref_per_s=setting.k2_ref_per_s)


def srtm_fit(curve: Curve, setting: Setting) -> Fit:
    """x = middle of each frame (s), y = T, and the T that the model gives; no error where k2a ended at an edge of its range."""
    tissue, used = _tissue(curve, setting), setting.weights > 0
    found = srtm(tissue, setting.reference, setting.timing, weights=setting.weights)
    dvr, r1, k2a = float(found.dvr), float(found.r1), float(found.k2a_per_s)
    if not np.isfinite(dvr):
        return _fit(curve, SRTM, dvr, None, mid_times(setting.timing), tissue, np.full(tissue.size, np.nan), used)
    bases = convolved(setting.reference, setting.timing, k2a * np.array([1.0, 1.0 + 1e-4, 1.0 - 1e-4]))
    line = r1 * setting.reference + (dvr - r1) * k2a * bases[0]
    slope = (dvr - r1) * (bases[0] + (bases[1] - bases[2]) / 2e-4)  # by k2a
    fit = solve(np.column_stack([k2a * bases[0], setting.reference - k2a * bases[0], slope]), tissue - line, setting.weights)
    error = None if found.at_edge or not np.isfinite(fit.covariance).all() else float(fit.errors[0])
    made = _fit(curve, SRTM, dvr, error, mid_times(setting.timing), tissue, line, used)
    return replace(made, r1=r1, k2_ref_per_s=k2a * dvr / r1 if r1 > 0 else None)


def _tissue(curve: Curve, setting: Setting) -> Array:
    values = np.asarray(curve.values, dtype=np.float64)
    if values.shape != setting.reference.shape or not np.isfinite(values).all():
        raise DataError(f"curve of {curve.region}: expected {setting.reference.size} finite values; found shape {values.shape}")
    return values


def _fit(curve: Curve, model: str, dvr: float, error: float | None, x: Array, y: Array, line: Array, used: Array) -> Fit:
    known = error if error is not None and np.isfinite(error) else None
    return Fit(curve.region, model, dvr, known, None, None, x, y, line, used)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else float("nan")
