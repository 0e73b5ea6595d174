"""Noise of a map: how large it is in a voxel and how far it carries, found in the map's own normal-appearing white matter.

Noise of a reconstructed image is alike in neighbours, so that a mean over n voxels is worth far fewer than n. It is described by a
variance and a Gaussian correlation, ``exp(-d² / 4 s²)``: white noise smoothed by a Gaussian of sigma s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.volume import Array
from node.errors import DataError

TREND_SIGMA_MM = 8.0
"""What varies over more than this is the tissue's, not noise."""
FILLED = 0.95
ENOUGH = 200
"""Voxels of the PET that white matter fills, needed to tell its noise; our default."""
NO_CORRELATION = 0.01


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise of a map.

    Parameters
    ----------
    sd : standard deviation in a voxel, in the map's unit
    sigma_voxels : (3,) s of the correlation along slice, row and column, in voxels; 0 where neighbours are independent
    """

    sd: float
    sigma_voxels: Array

    def correlate(self, image: Array) -> Array:
        """The noise's correlation matrix times an image, (S, R, C)."""
        out = np.asarray(image, dtype=np.float64)
        for axis, sigma in enumerate(self.sigma_voxels):
            if sigma > 0:
                reach = int(np.ceil(6.0 * sigma))
                kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (4.0 * sigma**2))
                out = ndimage.correlate1d(out, kernel, axis=axis, mode="constant")
        return out

    @property
    def voxels_alike(self) -> float:
        """How many voxels are worth one independent value: the sum of the correlation of a voxel with all others."""
        total = 1.0
        for sigma in self.sigma_voxels:
            if sigma > 0:
                reach = np.arange(-int(np.ceil(6.0 * sigma)), int(np.ceil(6.0 * sigma)) + 1)
                total *= float(np.exp(-(reach**2) / (4.0 * sigma**2)).sum())
        return total


def noise_in(values: Array, fraction: Array, spacing_mm: Array) -> Noise:
    """Noise of a map in one tissue.

    Parameters
    ----------
    values : (S, R, C) a map
    fraction : (S, R, C) volume fraction of the tissue
    spacing_mm : (3,)

    Raises
    ------
    DataError : too few voxels that the tissue fills

    Notes
    -----
    White matter is taken instead of the reference region, because lesions lie in it and it has more whole voxels than grey matter has.
    The spread also holds what the tissue itself varies within `TREND_SIGMA_MM`: errors come out rather too large than too small.
    """
    inside = (fraction >= FILLED) & np.isfinite(values)
    if int(inside.sum()) < ENOUGH:
        raise DataError(f"noise of the map: {int(inside.sum())} voxels are filled by normal-appearing white matter; {ENOUGH} are needed")
    rest = _without_trend(values, inside, spacing_mm)
    variance = float(np.mean(rest[inside] ** 2))
    return Noise(float(np.sqrt(variance)), np.array([_sigma(rest, inside, variance, axis) for axis in range(3)]))


def _without_trend(values: Array, inside: Array, spacing_mm: Array) -> Array:
    sigma = TREND_SIGMA_MM / spacing_mm
    weight = ndimage.gaussian_filter(inside.astype(np.float64), sigma)
    trend = ndimage.gaussian_filter(np.where(inside, values, 0.0).astype(np.float64), sigma) / np.maximum(weight, 1e-9)
    return np.where(inside, values - trend, 0.0)


def _sigma(rest: Array, inside: Array, variance: float, axis: int) -> float:
    """s along an axis, in voxels, from the correlation of neighbours: ``r = exp(-1 / 4 s²)``."""
    first, second = np.moveaxis(rest, axis, 0)[:-1], np.moveaxis(rest, axis, 0)[1:]
    both = np.moveaxis(inside, axis, 0)[:-1] & np.moveaxis(inside, axis, 0)[1:]
    if variance == 0 or not both.any():
        return 0.0
    r = float(np.mean((first * second)[both])) / variance
    return 0.0 if r <= NO_CORRELATION else float(np.sqrt(-1.0 / (4.0 * np.log(min(r, 0.999)))))
