"""Gunn 1997: the simplified reference tissue model of Lammertsma and Hume, solved with basis functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics.basis import K2A_PER_S, STEPS, family
from node.quantify.kinetics.frames import checked, linear_part
from node.quantify.kinetics.search import Search
from node.quantify.kinetics.voxels import by_chunks, check_frames

CITATION = "Lammertsma and Hume, NeuroImage 4:153 (1996); Gunn et al., NeuroImage 6:279 (1997)"

EDGE = 1e-6


@dataclass(frozen=True, eq=False)
class SrtmFit:
    """What the model gives.

    Parameters
    ----------
    dvr, r1 : (...) unitless
    k2a_per_s : (...) 1/s
    at_edge : (...) bool: k2a ended at an edge of the range searched, so that it is not a fit but a limit
    """

    dvr: Array
    r1: Array
    k2a_per_s: Array
    at_edge: Array


def srtm(
    curves: Array,
    reference: Array,
    timing: FrameTiming,
    *,
    weights: Array,
    k2a_per_s: tuple[float, float] = K2A_PER_S,
    steps: int = STEPS,
) -> SrtmFit:
    """DVR (1 + BP_ND), R1 and k2a by ``T = R1·R + (k2 − R1·k2a)·(R ⊗ exp(−k2a·t))``, k2a = k2/DVR, over all frames.

    Parameters
    ----------
    curves : (F, ...) tissue, Bq/mL or any unit, decay-corrected to one instant
    reference : (F,) same unit
    timing : of the F frames, s after time zero
    weights : (F,) inverse variance of T up to a factor; 0 leaves a frame out
    k2a_per_s : range searched, 1/s
    steps : basis functions over the range

    Raises
    ------
    DataError : shapes that do not fit, a scan that begins too late, fewer than three frames that count

    Notes
    -----
    Valid where one tissue compartment is enough for tissue and reference; TSPO tracers need two, so that this serves as a check of Logan
    and MRTM2 rather than as the result. Departures: basis functions are averaged over the frames as the scanner does, k2a is refined
    between two of them, and coefficients may have any sign.

    References
    ----------
    Lammertsma and Hume, NeuroImage 4:153 (1996), eq. 7; Gunn et al., NeuroImage 6:279 (1997).
    """
    check_frames(curves, len(timing))
    reference, weights = checked(reference, weights, timing)
    linear_part(timing, weights, float(timing.start_s[0]))
    basis = family(reference, timing, k2a_per_s=k2a_per_s, steps=steps)
    # Taken orthogonal to R, a basis function explains what R does not, whatever R1 is.
    square = float(weights @ reference**2)
    along = basis.curves @ (weights * reference) / square
    search = Search(basis.curves - along[:, None] * reference, weights)
    project = weights * reference / square

    def fit(chunk: Array) -> Array:
        found = search(chunk)
        k2a = np.exp(basis.log_k2a[0] + (basis.log_k2a[1] - basis.log_k2a[0]) * found.position)
        r1 = project @ chunk - found.coefficient * found.between(along)
        edge = (found.position < EDGE) | (found.position > len(along) - 1 - EDGE)
        return np.stack([r1 + found.coefficient / k2a, r1, k2a, edge])

    dvr, r1, k2a, edge = by_chunks(fit, curves, 4)
    return SrtmFit(dvr, r1, np.where(np.isnan(dvr), np.nan, k2a), edge > 0)
