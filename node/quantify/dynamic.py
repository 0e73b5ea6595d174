"""The dynamic scan: curves of regions, k2′ of this person, fits, and maps of the distribution volume ratio.

The DVR by MRTM2 is the primary outcome: as exact as Logan's plot with k2′ on curves without noise, and less biased by noise. The other
models are there to compare with the literature and with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from node.domain.exam import Check
from node.domain.result import Curve, Fit, Kinetics, Quantity
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics import (
    K2Ref,
    estimate_k2_ref,
    frame_weights,
    logan,
    logan_1996,
    mrtm2,
    mrtm_ichise_2003,
    regional_fits,
    srtm,
    srtm2,
    srtm2_wu_carson_2002,
    srtm_gunn_1997,
    t_star_check,
    zhou,
    zhou_2003,
)
from node.quantify.project import weighted_mean

PRIMARY = "mrtm2"
PRIMARY_FIT = "MRTM2"
PRIMARY_FIT_BASIS = "MRTM2 (Ichise 2003)"
K2_REF_REGIONS = ("thalamus", "deep_gm", "cortex", "brainstem", "nawm", "cerebellar_wm")
"""Regions that k2′ is estimated from: large ones that do not overlap, so that no tissue counts twice."""

PLAUSIBLE_DVR = (0.0, 10.0)
"""A voxel's DVR beyond this is noise, and is told as the nearer end: no tissue has it. Our default."""


@dataclass(frozen=True, eq=False)
class DynamicMap:
    """One map on the part of the PET grid; `values` (S, R, C) float32, 0 where the model has no answer."""

    values: Array
    quantity: Quantity
    method: str
    citation: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Dynamic:
    """What a dynamic scan gave; the primary map is the first of `maps`, `dvr` the primary fits by region."""

    kinetics: Kinetics
    maps: tuple[DynamicMap, ...]
    dvr: Mapping[str, Fit]
    checks: tuple[Check, ...]


@dataclass(frozen=True, eq=False)
class Scan:
    """The scan as it is modelled.

    Parameters
    ----------
    frames : (F, S, R, C) float32 on the part of the PET grid, in the reference pose
    timing : of the F frames, s after time zero
    half_life_s : of the radionuclide
    t_star_s : start of the linear part, s
    voxel_ml : of the PET grid
    """

    frames: Array
    timing: FrameTiming
    half_life_s: float
    t_star_s: float
    voxel_ml: float


@dataclass(frozen=True, eq=False)
class _Setting:
    reference: Array
    weights: Array
    k2_ref_per_s: float


def curve_of(scan: Scan, region: str, fraction: Array) -> Curve:
    """The curve of a region; `fraction` (S, R, C) is each voxel's weight."""
    values = np.array([weighted_mean(frame, fraction) for frame in scan.frames])
    return Curve(region, values, float(fraction.sum(dtype=np.float64)) * scan.voxel_ml)


def analyse(
    scan: Scan,
    reference: Curve,
    reference_basis: str,
    regions: Mapping[str, Array],
    *,
    brain: Array,
    nawm: Array,
    maps: Sequence[str],
) -> Dynamic:
    """Model a scan.

    Parameters
    ----------
    reference : curve of the reference, F frames
    reference_basis : how it was made, one phrase
    regions : name → (S, R, C) volume fraction
    brain : (S, R, C) volume fraction, for the weights of the frames
    nawm : (S, R, C) volume fraction of what t* is judged by
    maps : keys of `MAPS` to compute beside the primary one

    Raises
    ------
    DataError : the scan begins too late or ends too early, or k2′ cannot be estimated
    """
    weights = frame_weights(scan.timing, scan.half_life_s, curve_of(scan, "brain", brain).values)
    curves = tuple(curve_of(scan, name, fraction) for name, fraction in regions.items())
    others = [curve for curve in curves if curve.region != reference.region]
    k2_ref = estimate_k2_ref([curve for curve in others if curve.region in K2_REF_REGIONS], reference, scan.timing, weights=weights)
    rate = k2_ref.k2_ref_per_s
    fits = regional_fits(others, reference, scan.timing, t_star_s=scan.t_star_s, k2_ref_per_s=rate, weights=weights)
    judged = curve_of(scan, "nawm", nawm)
    shifts = t_star_check(judged, reference, scan.timing, t_star_s=scan.t_star_s, k2_ref_per_s=rate, weights=weights)
    setting = _Setting(reference.values, weights, rate)
    made = [one for key in dict.fromkeys((PRIMARY, *maps)) for one in MAPS[key](scan, setting)]
    kinetics = _kinetics(scan, reference, reference_basis, curves, fits, k2_ref, shifts.shifts)
    dvr = {fit.region: fit for fit in fits if fit.model.startswith(PRIMARY_FIT)}
    return Dynamic(kinetics, tuple(made), dvr, (k2_ref.check, shifts.check))


def _kinetics(
    scan: Scan,
    reference: Curve,
    basis: str,
    curves: tuple[Curve, ...],
    fits: tuple[Fit, ...],
    k2_ref: K2Ref,
    shifts: tuple[tuple[float, float], ...],
) -> Kinetics:
    return Kinetics(scan.timing, reference, basis, curves, fits, k2_ref.k2_ref_per_s, k2_ref.basis, scan.t_star_s, shifts)


def _mrtm2(scan: Scan, setting: _Setting) -> tuple[DynamicMap, ...]:
    rate, weights = setting.k2_ref_per_s, setting.weights
    fit = mrtm2(scan.frames, setting.reference, scan.timing, t_star_s=scan.t_star_s, k2_ref_per_s=rate, weights=weights)
    return (_dvr(fit.dvr, "MRTM2", mrtm_ichise_2003.CITATION, _parameters(scan, setting)),)


def _logan(scan: Scan, setting: _Setting) -> tuple[DynamicMap, ...]:
    rate, weights = setting.k2_ref_per_s, setting.weights
    fit = logan(scan.frames, setting.reference, scan.timing, t_star_s=scan.t_star_s, k2_ref_per_s=rate, weights=weights)
    return (_dvr(fit.dvr, "Logan plot with k2′", logan_1996.CITATION, _parameters(scan, setting)),)


def _srtm(scan: Scan, setting: _Setting) -> tuple[DynamicMap, ...]:
    fit = srtm(scan.frames, setting.reference, scan.timing, weights=setting.weights)
    return _delivery_and_binding(fit.dvr, fit.r1, "SRTM, basis functions", srtm_gunn_1997.CITATION, (("frames", "all"),))


def _srtm2(scan: Scan, setting: _Setting) -> tuple[DynamicMap, ...]:
    fit = srtm2(scan.frames, setting.reference, scan.timing, k2_ref_per_s=setting.k2_ref_per_s, weights=setting.weights)
    parameters = (("frames", "all"), ("k2′", f"{60 * setting.k2_ref_per_s:.4f} /min"))
    return _delivery_and_binding(fit.dvr, fit.r1, "SRTM2, basis functions", srtm2_wu_carson_2002.CITATION, parameters)


def _zhou(scan: Scan, setting: _Setting) -> tuple[DynamicMap, ...]:
    fit = zhou(scan.frames, setting.reference, scan.timing, weights=setting.weights)
    return (_dvr(fit.dvr, "SRTM, linear form", zhou_2003.CITATION, (("frames", "all"),)),)


MAPS: Mapping[str, Callable[[Scan, _Setting], tuple[DynamicMap, ...]]] = {
    "mrtm2": _mrtm2,
    "logan": _logan,
    "srtm": _srtm,
    "srtm2": _srtm2,
    "zhou": _zhou,
}
"""Every model that makes maps, by its name in the settings."""


def _parameters(scan: Scan, setting: _Setting) -> tuple[tuple[str, str], ...]:
    return (("t*", f"{scan.t_star_s / 60:g} min"), ("k2′", f"{60 * setting.k2_ref_per_s:.4f} /min"))


def _dvr(values: Array, method: str, citation: str, parameters: tuple[tuple[str, str], ...]) -> DynamicMap:
    kept = np.clip(np.nan_to_num(values), *PLAUSIBLE_DVR).astype(np.float32)
    return DynamicMap(kept, Quantity.DVR, method, citation, parameters)


def _delivery_and_binding(
    dvr: Array, r1: Array, method: str, citation: str, parameters: tuple[tuple[str, str], ...]
) -> tuple[DynamicMap, ...]:
    low, high = PLAUSIBLE_DVR
    binding = np.clip(np.nan_to_num(dvr - 1.0, nan=0.0), low - 1.0, high - 1.0).astype(np.float32)
    delivery = np.clip(np.nan_to_num(r1), low, high).astype(np.float32)
    return (
        DynamicMap(binding, Quantity.BP_ND, method, citation, parameters),
        DynamicMap(delivery, Quantity.R1, method, citation, parameters),
    )
