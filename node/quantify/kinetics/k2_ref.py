"""k2′, the efflux constant of the reference, for this person: the median over regions of what MRTM finds on their curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.domain.exam import Check, Gravity
from node.domain.result import Curve
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError
from node.quantify.kinetics.mrtm_ichise_2003 import MrtmFit, mrtm
from node.quantify.region_words import region_words

R1_RANGE = (0.3, 3.0)
LARGEST_ERROR = 0.30
RANGE_PER_S = (0.02 / 60.0, 0.20 / 60.0)
"""Our defaults: a region with another R1 or a larger standard error (share of k2′) does not count; the median is kept in the range."""

FROM_S = 180.0
"""MRTM fits the frames from here on, s. Before, vessels hold tracer for which the model has no place; much later, R1 and k2′ are hardly
determined. Our default: on real [11C]PBR28 curves with a cerebellar reference it gave k2′ in 7 of 10 scans, all frames in 5."""

FEWEST_REGIONS = 3
"""With fewer, the median is what one or two regions say, and a Check says that. Our default."""


@dataclass(frozen=True)
class RegionK2Ref:
    """What one region says: `fit` of MRTM, and why it did not count; empty where it did."""

    region: str
    fit: MrtmFit
    refused: str


@dataclass(frozen=True)
class K2Ref:
    """k2′ of one scan.

    Parameters
    ----------
    k2_ref_per_s : what the maps use, 1/s
    basis : how it was found, one phrase for a reader
    regions : what each region said
    check : whether it rests on enough regions and lay within the range
    """

    k2_ref_per_s: float
    basis: str
    regions: tuple[RegionK2Ref, ...]
    check: Check


def estimate_k2_ref(curves: Sequence[Curve], reference: Curve, timing: FrameTiming, *, weights: Array, from_s: float = FROM_S) -> K2Ref:
    """Estimate k2′ from the curves of several regions.

    Parameters
    ----------
    curves : of F frames each; one that bears the reference's name is left out, since it cannot say anything
    reference : of F frames
    timing : of the F frames, s after time zero
    weights : (F,) inverse variance up to a factor
    from_s : MRTM fits the frames from here on, s

    Raises
    ------
    DataError : no region gives a usable value; k2′ is never guessed, nor left out

    Notes
    -----
    A region counts where R1 lies within `R1_RANGE` and the standard error of k2′ below `LARGEST_ERROR` of it. MRTM assumes one tissue
    compartment; where two are needed its k2′ is an effective one, which is what Logan's plot calls for too.
    """
    said = tuple(_of(curve, reference, timing, weights, from_s) for curve in curves if curve.region != reference.region)
    counted = [region for region in said if not region.refused]
    if not counted:
        reasons = "; ".join(f"{region_words(region.region)}: {region.refused}" for region in said) or "no region beside the reference"
        raise DataError(f"k2' could not be estimated from this scan ({reasons})")
    median = float(np.median([region.fit.k2_ref_per_s for region in counted]))
    kept = float(np.clip(median, *RANGE_PER_S))
    return K2Ref(kept, _basis(median, kept, len(counted), len(said)), said, _check(median, kept, len(counted)))


def _of(curve: Curve, reference: Curve, timing: FrameTiming, weights: Array, from_s: float) -> RegionK2Ref:
    fit = mrtm(curve.values, reference.values, timing, t_star_s=from_s, weights=weights)
    return RegionK2Ref(curve.region, fit, _why_not(fit))


def _why_not(fit: MrtmFit) -> str:
    if not R1_RANGE[0] <= fit.r1 <= R1_RANGE[1]:
        return f"R1 {fit.r1:.2f} outside {R1_RANGE[0]:g}–{R1_RANGE[1]:g}"
    if not (np.isfinite(fit.k2_ref_per_s) and fit.k2_ref_per_s > 0):
        return "k2' not above zero"
    if not fit.k2_ref_error < LARGEST_ERROR * fit.k2_ref_per_s:
        return f"standard error not below {100 * LARGEST_ERROR:.0f} %"
    return ""


def _basis(median: float, kept: float, counted: int, asked: int) -> str:
    clipped = (
        f", {60 * median:.4f} brought to the range of {60 * RANGE_PER_S[0]:g}–{60 * RANGE_PER_S[1]:g} per min" if kept != median else ""
    )
    return f"median of MRTM over {counted} of {asked} regions{clipped}"


def _check(median: float, kept: float, counted: int) -> Check:
    found = f"k2' is {60 * median:.4f} per min, the median of {counted} region{'s' if counted > 1 else ''}"
    if kept != median:
        text = f"{found}; that is outside {60 * RANGE_PER_S[0]:g}–{60 * RANGE_PER_S[1]:g} per min, and {60 * kept:.4f} was used."
    elif counted < FEWEST_REGIONS:
        text = f"{found}; at least {FEWEST_REGIONS} regions should agree on it."
    else:
        text = f"{found}."
    passed = kept == median and counted >= FEWEST_REGIONS
    return Check("k2_ref", passed, text, Gravity.WARNING, 60 * kept, None, "/min")
