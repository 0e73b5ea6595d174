"""Wu and Carson 2002: the simplified reference tissue model with one k2′ for the whole brain (SRTM2)."""

from __future__ import annotations

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics.basis import K2A_PER_S, STEPS, family
from node.quantify.kinetics.frames import checked, linear_part, positive_rate
from node.quantify.kinetics.search import Search
from node.quantify.kinetics.srtm_gunn_1997 import EDGE, SrtmFit
from node.quantify.kinetics.voxels import by_chunks, check_frames

CITATION = "Wu and Carson, J Cereb Blood Flow Metab 22:1440 (2002)"


def srtm2(
    curves: Array,
    reference: Array,
    timing: FrameTiming,
    *,
    k2_ref_per_s: float,
    weights: Array,
    k2a_per_s: tuple[float, float] = K2A_PER_S,
    steps: int = STEPS,
) -> SrtmFit:
    """DVR (1 + BP_ND), R1 and k2a by ``T = R1·[R + (k2′ − k2a)·(R ⊗ exp(−k2a·t))]``, DVR = R1·k2′/k2a, over all frames.

    Parameters
    ----------
    curves : (F, ...) tissue, Bq/mL or any unit, decay-corrected to one instant
    reference : (F,) same unit
    timing : of the F frames, s after time zero
    k2_ref_per_s : efflux constant of the reference, 1/s
    weights : (F,) inverse variance of T up to a factor; 0 leaves a frame out
    k2a_per_s : range searched, 1/s
    steps : basis functions over the range

    Raises
    ------
    DataError : shapes that do not fit, a scan that begins too late, fewer than three frames that count, k2′ not above zero

    Notes
    -----
    Valid where one tissue compartment is enough. k2′ is one of the steps, so that a tissue like the reference has DVR = R1 to rounding.
    Departure: the paper takes k2′ as the median over voxels of a first SRTM fit; here it is given, see `estimate_k2_ref`.

    References
    ----------
    Wu and Carson, J Cereb Blood Flow Metab 22:1440 (2002).
    """
    check_frames(curves, len(timing))
    reference, weights = checked(reference, weights, timing)
    k2_ref_per_s = positive_rate(k2_ref_per_s)
    linear_part(timing, weights, float(timing.start_s[0]))
    basis = family(reference, timing, k2a_per_s=k2a_per_s, steps=steps, through=k2_ref_per_s)
    members = reference + (k2_ref_per_s - np.exp(basis.log_k2a))[:, None] * basis.curves
    search = Search(members, weights)

    def fit(chunk: Array) -> Array:
        found = search(chunk)
        k2a = np.exp(basis.log_k2a[0] + (basis.log_k2a[1] - basis.log_k2a[0]) * found.position)
        edge = (found.position < EDGE) | (found.position > len(members) - 1 - EDGE)
        return np.stack([found.coefficient * k2_ref_per_s / k2a, found.coefficient, k2a, edge])

    dvr, r1, k2a, edge = by_chunks(fit, curves, 4)
    return SrtmFit(dvr, r1, np.where(np.isnan(dvr), np.nan, k2a), edge > 0)
