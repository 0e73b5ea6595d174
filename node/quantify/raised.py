"""The region of raised TSPO signal: white matter, lesions and their rims included, that stands out from the patient's own NAWM.

The map is smoothed lightly first, because a single voxel is mostly noise. Grey matter and the thalamus are brighter than white
matter in everybody, and the scanner's blur carries them some millimetres into it: that border is not looked at, except in and around
lesions. Islands below a smallest volume are dropped. All numbers are our defaults; docs/methods.md has them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from node.domain.result import Segmentation
from node.domain.volume import Array, Volume
from node.imaging import distance_mm
from node.quantify.contrast import NawmScale, nawm_scale
from node.quantify.project import Projection

SMOOTHING_FWHM_MM = 4.0
LIMIT = 2.0
"""Contrast score, of the smoothed map: the NAWM's median and two robust standard deviations."""
SMALLEST_ML = 0.2
FROM_GRAY_MM = 4.0
RIM_MM = 2.0
MOSTLY = 0.5
FWHM_TO_SIGMA = 1.0 / 2.3548200450309493


def searched(segmentation: Segmentation) -> Array:
    """(S, R, C) bool on the T1 grid: where raised signal is looked for."""
    white = segmentation.region("white_matter").mask
    others = np.zeros(white.shape, dtype=bool)
    for name in ("cortex", "thalamus", "deep_gm", "cerebellar_gm"):
        others |= _mask(segmentation, name, white.shape)
    deep = white.array & (distance_mm(white.like(others)) > FROM_GRAY_MM)
    lesions = segmentation.lesions.array > 0
    around = white.array & (distance_mm(white.like(lesions)) <= RIM_MM) if lesions.any() else lesions
    return np.asarray(deep | around | lesions)


def _mask(segmentation: Segmentation, name: str, shape: tuple[int, int, int]) -> Array:
    try:
        return segmentation.region(name).mask.array
    except KeyError:
        return np.zeros(shape, dtype=bool)


def smooth(values: Array, projection: Projection) -> Array:
    """(S, R, C) the map smoothed by a Gaussian of `SMOOTHING_FWHM_MM`."""
    sigma = SMOOTHING_FWHM_MM * FWHM_TO_SIGMA / projection.grid.spacing_mm
    return np.asarray(ndimage.gaussian_filter(values, sigma))


def find_raised(suvr: Array, *, nawm: Array, search: Array, projection: Projection) -> tuple[Array, NawmScale]:
    """The region.

    Parameters
    ----------
    suvr : (S, R, C) on the part of the PET grid
    nawm, search : (S, R, C) volume fractions there

    Returns
    -------
    (S, R, C) bool, and the scale of the smoothed map that it was judged by
    """
    smoothed = smooth(suvr, projection)
    scale = nawm_scale(smoothed, nawm)
    candidate = (search >= MOSTLY) & (scale.score(smoothed) >= LIMIT)
    labels, count = ndimage.label(candidate, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * projection.grid.voxel_ml
    kept = np.flatnonzero(sizes >= SMALLEST_ML)
    return np.isin(labels, kept[kept > 0]), scale


def volume_ml(raised: Volume) -> float:
    """Volume of the region (mL)."""
    return float(raised.array.sum()) * raised.voxel_ml
