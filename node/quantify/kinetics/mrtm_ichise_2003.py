"""Ichise 2003: the multilinear reference tissue model with k2′ (MRTM2) for maps, and without (MRTM) for single curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics.frames import checked, integral_matrix, linear_part, positive_rate
from node.quantify.kinetics.least_squares import ratio_error, solve
from node.quantify.kinetics.voxels import by_chunks, check_frames

CITATION = "Ichise et al., J Cereb Blood Flow Metab 23:1096 (2003)"


@dataclass(frozen=True, eq=False)
class Mrtm2Fit:
    """What MRTM2 gives: `dvr` and `r1` (...) unitless, `k2a_per_s` (...) 1/s; NaN where the equations have no solution."""

    dvr: Array
    r1: Array
    k2a_per_s: Array


@dataclass(frozen=True)
class MrtmFit:
    """What MRTM gives for one curve, with standard errors by propagation from the linear fit."""

    dvr: float
    r1: float
    k2_ref_per_s: float
    r1_error: float
    k2_ref_error: float


def mrtm2(curves: Array, reference: Array, timing: FrameTiming, *, t_star_s: float, k2_ref_per_s: float, weights: Array) -> Mrtm2Fit:
    """Distribution volume ratio, R1 and k2a by MRTM2: ``T = γ1·(∫R + R/k2′) + γ2·∫T``, DVR = −γ1/γ2.

    Parameters
    ----------
    curves : (F, ...) tissue, Bq/mL or any unit, decay-corrected to one instant
    reference : (F,) same unit
    timing : of the F frames, s after time zero
    t_star_s : start of the frames that are fitted, s; 0 where one tissue compartment is enough
    k2_ref_per_s : efflux constant of the reference, 1/s
    weights : (F,) inverse variance of T up to a factor; 0 leaves a frame out

    Raises
    ------
    DataError : shapes that do not fit, a scan that begins too late, fewer than three frames from t* on, k2′ not above zero

    Notes
    -----
    No division by T, so that noise biases it less than Logan's plot; the noise in ∫T that remains is small. R1 and k2a are those of the
    model with one tissue compartment and mean little where t* is late. Departure: integrals are exact for frame means.

    References
    ----------
    Ichise et al., J Cereb Blood Flow Metab 23:1096 (2003), MRTM2.
    """
    check_frames(curves, len(timing))
    reference, weights = checked(reference, weights, timing)
    k2_ref_per_s = positive_rate(k2_ref_per_s)
    used = linear_part(timing, weights, t_star_s)
    integrals = integral_matrix(timing)
    known = (integrals @ reference + reference / k2_ref_per_s)[used]
    root = np.sqrt(weights[used])
    # The known regressor as a unit vector: what is orthogonal to it needs two sums a voxel.
    length = float(np.linalg.norm(root * known))
    unit = root * known / length
    rows = root[:, None] * integrals[used]

    def fit(chunk: Array) -> Array:
        tissue = root[:, None] * chunk[used]
        integral = rows @ chunk
        along_tissue, along_integral = unit @ tissue, unit @ integral
        integral -= unit[:, None] * along_integral
        gamma2 = (integral * tissue).sum(axis=0) / (integral * integral).sum(axis=0)
        gamma1 = (along_tissue - gamma2 * along_integral) / length
        return np.stack([-gamma1 / gamma2, gamma1 / k2_ref_per_s, -gamma2])

    dvr, r1, k2a = by_chunks(fit, curves, 3)
    return Mrtm2Fit(dvr, r1, k2a)


def mrtm(curve: Array, reference: Array, timing: FrameTiming, *, t_star_s: float, weights: Array) -> MrtmFit:
    """k2′ and R1 of one curve by MRTM: ``T = γ1·∫R + γ2·∫T + γ3·R``; R1 = γ3, k2′ = γ1/γ3, DVR = −γ1/γ2.

    Parameters
    ----------
    curve, reference : (F,) same unit, decay-corrected to one instant
    timing, t_star_s, weights : as for `mrtm2`

    Raises
    ------
    DataError : as for `mrtm2`

    Notes
    -----
    For curves of whole regions: with three parameters a voxel's noise is too much. A curve that has the reference's shape cannot tell
    k2′: its errors come out infinite or larger than the value.

    References
    ----------
    Ichise et al., J Cereb Blood Flow Metab 23:1096 (2003), MRTM.
    """
    check_frames(curve, len(timing))
    reference, weights = checked(reference, weights, timing)
    used = linear_part(timing, weights, t_star_s)
    integrals = integral_matrix(timing)[used]
    curve = np.asarray(curve, dtype=np.float64)
    design = np.column_stack([integrals @ reference, integrals @ curve, reference[used]])
    fit = solve(design, curve[used], weights[used])
    g1, g2, g3 = fit.coefficients
    return MrtmFit(
        dvr=float(-g1 / g2) if g2 else float("nan"),
        r1=float(g3),
        k2_ref_per_s=float(g1 / g3) if g3 else float("nan"),
        r1_error=float(fit.errors[2]),
        k2_ref_error=ratio_error(fit, 0, 2),
    )
