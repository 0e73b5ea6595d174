"""The reference region: made clean, measured, and judged before anything is divided by it.

There is no TSPO-free region; every reference is a pseudo-reference, and every page says so. Cerebellar grey matter is eroded by 1 mm, so
that folia mixed with white matter and the sinus that runs along it count less; the cortex is measured well inside the brain's border
already, and the NAWM inside white matter, so that nothing is left to erode. All are kept 5 mm from lesions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.exam import Check, Gravity
from node.domain.result import Segmentation
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.imaging import depth_mm, distance_mm
from node.quantify.project import weighted_mean
from node.quantify.region_words import region_words

EROSION_MM = {"cerebellar_gm": 1.0}
"""How much of the border is left out; nothing of a region that is not here."""
FROM_LESION_MM = 5.0
SMALLEST_ML = 2.0
LARGEST_COV = 0.35
"""Our defaults."""
MOSTLY = 0.5


@dataclass(frozen=True, eq=False)
class Reference:
    """What everything is divided by.

    Parameters
    ----------
    name : of the region
    fraction : (S, R, C) float32 on the part of the PET grid
    mean : in the PET's unit
    volume_ml : of the fraction
    """

    name: str
    fraction: Array
    mean: float
    volume_ml: float
    checks: tuple[Check, ...]


def clean_reference(segmentation: Segmentation, name: str) -> Volume:
    """The mask that is measured, (S, R, C) bool on the T1 grid.

    Raises
    ------
    DataError : the region is missing or less than `SMALLEST_ML` is left of it
    """
    try:
        region = segmentation.region(region_of(name)).mask
    except KeyError:
        raise DataError(f"expected the reference region {region_words(name)}; the segmentation has none") from None
    kept = depth_mm(region) > EROSION_MM[name] if name in EROSION_MM else region.array.astype(bool)
    if segmentation.lesions.array.any():
        kept &= distance_mm(region.like(segmentation.lesions.array > 0)) > FROM_LESION_MM
    volume_ml = float(kept.sum()) * region.voxel_ml
    if volume_ml < SMALLEST_ML:
        raise DataError(
            f"reference region {region_words(name)}: {volume_ml:.2f} mL are left after cleaning; at least {SMALLEST_ML:g} mL are needed"
        )
    return region.like(kept)


def region_of(name: str) -> str:
    """The region that a reference is, by its name in the segmentation: the site's own mask is a label of the site's atlas."""
    return "atlas:user_mask" if name == "user_mask" else name


def measure_reference(name: str, values: Array, fraction: Array, voxel_ml: float) -> Reference:
    """Measure the reference.

    Parameters
    ----------
    values, fraction : (S, R, C) on the part of the PET grid; of a clustered reference the fraction is each voxel's weight
    voxel_ml : of that grid

    Raises
    ------
    DataError : the mean is not above zero, or the PET does not cover the region
    """
    mean = weighted_mean(values, fraction)
    volume_ml = float(fraction.sum(dtype=np.float64)) * voxel_ml
    if not np.isfinite(mean) or mean <= 0:
        raise DataError(f"reference region {region_words(name)}: its mean is {mean:.4g}; expected a value above zero")
    return Reference(name, fraction, mean, volume_ml, (_spread(values, fraction, mean, name),))


def _spread(values: Array, fraction: Array, mean: float, name: str) -> Check:
    inside = values[fraction >= MOSTLY]
    cov = float(inside.std() / mean) if inside.size else float("inf")
    found = f"The values in the reference region, {region_words(name)}, vary by {100 * cov:.0f} %"
    text = f"{found}; up to {100 * LARGEST_COV:.0f} % is usual."
    return Check("reference_spread", cov <= LARGEST_COV, text, Gravity.HOLD, cov, LARGEST_COV, "1")
