"""Zhou 2003: the simplified reference tissue model in linear form, solved for DVR directly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics.frames import checked, integral_matrix, linear_part
from node.quantify.kinetics.voxels import by_chunks, check_frames

CITATION = "Zhou et al., NeuroImage 18:975 (2003)"

PARALLEL = 1e-14
"""A curve whose square has less than this share outside the plane of R and ∫R has the reference's shape."""


@dataclass(frozen=True, eq=False)
class ZhouFit:
    """What the linear form gives.

    Parameters
    ----------
    dvr, r1 : (...) unitless
    k2a_per_s : (...) 1/s; like `r1` NaN where the curve has the reference's shape
    """

    dvr: Array
    r1: Array
    k2a_per_s: Array


def zhou(curves: Array, reference: Array, timing: FrameTiming, *, weights: Array) -> ZhouFit:
    """DVR, R1 and k2a by ``∫T = DVR·∫R + (R1/k2a)·R − (1/k2a)·T``, over all frames.

    Parameters
    ----------
    curves : (F, ...) tissue, Bq/mL or any unit, decay-corrected to one instant
    reference : (F,) same unit
    timing : of the F frames, s after time zero
    weights : (F,) of the frames; 0 leaves a frame out

    Raises
    ------
    DataError : shapes that do not fit, a scan that begins too late, fewer than three frames that count

    Notes
    -----
    Valid where one tissue compartment is enough, for curves of whole regions: T stands among the regressors, so that noise lowers DVR
    (by 9 % in voxels with 10 % noise in a late frame; `benchmarks/kinetics.py`). Needs no k2′. Where T has the shape of R the last term
    is not determined and is left out: DVR is then the ratio. Departures: neither the smoothed T that the paper
    recommends as regressor nor its spatial ridge; integrals exact for frame means.

    References
    ----------
    Zhou et al., NeuroImage 18:975 (2003), eq. 9.
    """
    check_frames(curves, len(timing))
    reference, weights = checked(reference, weights, timing)
    used = linear_part(timing, weights, float(timing.start_s[0]))
    root = np.sqrt(weights[used])[:, None]
    integrals = integral_matrix(timing)
    known = root * np.column_stack([(integrals @ reference)[used], reference[used]])
    basis, triangle = np.linalg.qr(known)
    back = np.linalg.solve(triangle, basis.T)
    rows = root * integrals[used]

    def fit(chunk: Array) -> Array:
        tissue, integral = root * chunk[used], rows @ chunk
        outside = tissue - basis @ (basis.T @ tissue)
        square = (outside * outside).sum(axis=0)
        parallel = square <= PARALLEL * (tissue * tissue).sum(axis=0)
        last = np.where(parallel, 0.0, (outside * integral).sum(axis=0) / square)
        dvr, delivery = back @ (integral - last * tissue)
        return np.stack([dvr, np.where(parallel, np.nan, -delivery / last), np.where(parallel, np.nan, -1.0 / last)])

    dvr, r1, k2a = by_chunks(fit, curves, 3)
    return ZhouFit(dvr, r1, k2a)
