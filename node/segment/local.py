"""Means in a wide window around each voxel: what a tissue's level is here, where coils and anatomy make it differ from elsewhere."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from node.domain.volume import Array

GRID_MM = 4.0
"""Means over centimetres are taken on a grid of about this step."""


def local_mean(values: Array, weights: Array, spacing_mm: Array, *, sigma_mm: float, trust: float) -> Array:
    """(S, R, C) float32 weighted mean in a Gaussian window, drawn to the mean over all where there is little weight.

    Parameters
    ----------
    values, weights : (S, R, C); weights 0…1
    sigma_mm : standard deviation of the window
    trust : share of the window that must be filled for the local mean to weigh as much as the overall one
    """
    weights = weights.astype(np.float32)
    weighted = weights * values
    everywhere = float(weighted.sum(dtype=np.float64) / max(float(weights.sum(dtype=np.float64)), 1.0))
    step = tuple(max(1, round(GRID_MM / s)) for s in spacing_mm)
    sigma = [sigma_mm / (s * n) for s, n in zip(spacing_mm, step, strict=True)]
    weight = ndimage.gaussian_filter(_shrink(weights, step), sigma)
    value = ndimage.gaussian_filter(_shrink(weighted, step), sigma)
    return _enlarge((value + trust * everywhere) / (weight + trust), step, values.shape)


def _shrink(array: Array, step: tuple[int, ...]) -> Array:
    """Means over blocks; the last ones may be padded with 0."""
    pad = [(0, -n % s) for n, s in zip(array.shape, step, strict=True)]
    a = np.pad(array, pad)
    s, r, c = (n // k for n, k in zip(a.shape, step, strict=True))
    return np.asarray(a.reshape(s, step[0], r, step[1], c, step[2]).mean(axis=(1, 3, 5)))


def _enlarge(coarse: Array, step: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Back to the fine grid, linearly, block centres in their place; axis by axis, as products with thin matrices."""
    fine = np.asarray(coarse, dtype=np.float32)
    for axis in range(3):
        place = np.clip((np.arange(shape[axis]) + 0.5) / step[axis] - 0.5, 0.0, coarse.shape[axis] - 1.0)
        weights = np.maximum(1.0 - np.abs(place[:, None] - np.arange(coarse.shape[axis])), 0.0).astype(np.float32)
        fine = np.moveaxis(np.tensordot(weights, fine, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(fine)
