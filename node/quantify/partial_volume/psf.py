"""The scanner's point spread: a Gaussian, named by its full width at half maximum, on a grid and at points.

`fwhm_mm` is always that of the *reconstructed image as it came*: voxels, iterations and post-filter are in it, as a fit of a phantom's
image finds it. So a voxel's value is the point spread around its centre, and no box of the voxel is added to it.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage, special

from node.domain.volume import Array

FWHM_PER_SIGMA = float(2.0 * np.sqrt(2.0 * np.log(2.0)))
REACH_SIGMAS = 3.0
"""Where the Gaussian is cut, or a little beyond: less than 0.3 % of its weight along an axis lies further out, and is given back by
normalising."""


def blur(fraction: Array, spacing_mm: Array, *, fwhm_mm: float) -> Array:
    """Volume fractions as the scanner sees them, on their own grid.

    A volume fraction has the voxel's own box in it, a variance of step² / 12 along each axis, which the point spread as it is defined
    here has too: the Gaussian is made narrower by it (not below nothing). Outside the grid there is nothing.

    Parameters
    ----------
    fraction : (S, R, C)
    spacing_mm : (3,) mm between neighbours along slice, row and column

    Notes
    -----
    The kernel is the discrete analogue of the Gaussian, ``exp(-t) I_n(t)``, whose variance is t voxels² however small t is; a sampled
    Gaussian is wrong by per cents where sigma is less than a voxel.

    References
    ----------
    Lindeberg, IEEE Trans Pattern Anal Mach Intell 12:234 (1990), eq. 22.
    """
    blurred = np.asarray(fraction, dtype=np.float32)
    for axis, step in enumerate(spacing_mm):
        variance = (fwhm_mm / FWHM_PER_SIGMA / float(step)) ** 2 - 1.0 / 12.0
        if variance > 0:
            blurred = ndimage.correlate1d(blurred, _discrete_gaussian(variance), axis=axis, mode="constant")
    return blurred


def shares(labels: Array, count: int, points: Array, spacing_mm: Array, *, fwhm_mm: float) -> Array:
    """How much of the point spread around each point every class has.

    Exact for a Gaussian over boxes: each voxel of the labels counts with the Gaussian's integral over it, so that neither the step of
    the labels nor that of the PET limits how narrow the point spread may be. The axes of a grid are orthogonal, so that the integral is
    a product of three.

    Parameters
    ----------
    labels : (S, R, C) integers 0…count - 1; outside the grid counts as class 0
    points : (N, 3) index on the grid of the labels, any real number
    spacing_mm : (3,) of the grid of the labels

    Returns
    -------
    (N, count) float64; rows add up to 1
    """
    weights, corner, reach = _weights(points, spacing_mm, fwhm_mm=fwhm_mm)
    padded, corner = _padded(labels, corner, reach)
    rows, columns = (corner[:, axis, None] + np.arange(2 * reach[axis] + 1) for axis in (1, 2))
    flat = padded.reshape(padded.shape[0], -1)
    inplane = (rows[:, :, None] * padded.shape[2] + columns[:, None, :]).reshape(len(points), -1)
    weight = (weights[1][:, :, None] * weights[2][:, None, :]).reshape(len(points), -1)
    cell = (np.arange(len(points)) * count)[:, None]
    found = np.zeros(len(points) * count)
    for tap in range(2 * reach[0] + 1):
        near = cell + flat[(corner[:, 0] + tap)[:, None], inplane]
        found += np.bincount(near.ravel(), (weight * weights[0][:, tap, None]).ravel(), minlength=found.size)
    return found.reshape(len(points), count)


def _weights(points: Array, spacing_mm: Array, *, fwhm_mm: float) -> tuple[list[Array], Array, Array]:
    """Along each axis (N, 2 · reach + 1) integrals of the Gaussian over voxels; (N, 3) first voxel; (3,) reach in voxels."""
    sigma = fwhm_mm / FWHM_PER_SIGMA / np.asarray(spacing_mm, dtype=np.float64)
    reach = np.ceil(REACH_SIGMAS * sigma).astype(int) + 1
    corner = np.round(points).astype(int) - reach
    weights = []
    for axis in range(3):
        edges = corner[:, axis, None] + np.arange(2 * reach[axis] + 2) - 0.5 - points[:, axis, None]
        integral = np.diff(special.ndtr(edges / sigma[axis]), axis=1)
        weights.append(integral / integral.sum(axis=1, keepdims=True))
    return weights, corner, reach


def _padded(labels: Array, corner: Array, reach: Array) -> tuple[Array, Array]:
    """Labels with class 0 around them as far as the points reach, and where the corners lie there."""
    before = np.maximum(0, -corner.min(axis=0))
    after = np.maximum(0, corner.max(axis=0) + 2 * reach + 1 - labels.shape)
    return np.pad(labels.astype(np.intp), list(zip(before, after, strict=True))), corner + before


def _discrete_gaussian(variance: float) -> Array:
    reach = int(np.ceil(REACH_SIGMAS * np.sqrt(variance))) + 1
    kernel = special.ive(np.abs(np.arange(-reach, reach + 1)), variance)
    return np.asarray(kernel / kernel.sum())
