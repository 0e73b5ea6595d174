"""Unmixing: the mean of each class from voxels in which the scanner has mixed them, by least squares, with its covariance.

A voxel's value is the sum over classes of the class's mean times its *share* of the point spread around the voxel (`psf.shares`), and
noise. That is Rousset's geometric transfer matrix written for voxels instead of regional means: the classes are the same, nothing is
averaged first.

We chose ordinary least squares with the noise's full covariance in the standard errors (the "sandwich"), instead of least squares
weighted with the inverse covariance: the latter is some 15 % more precise where the noise is exactly as supposed, but it undoes the
blur and multiplies what the masks get wrong, and it needs a matrix of voxels by voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array
from node.quantify.partial_volume.noise import Noise


@dataclass(frozen=True, eq=False)
class Mixture:
    """Means of K classes.

    Parameters
    ----------
    means : (K,)
    covariance : (K, K), for noise as it was supposed
    misfit : mean square of the residuals over the noise's variance; about 1 where model and noise hold
    """

    means: Array
    covariance: Array
    misfit: float


def unmix(values: Array, shares: Array, index: Array, noise: Noise, *, expected: float, spread: Array) -> Mixture:
    """Means of the classes.

    Parameters
    ----------
    values : (N,) of the map
    shares : (N, K) share of the point spread that each class has
    index : (N, 3) of the voxels on the map's grid
    expected, spread : what is known of class k beforehand, a normal distribution of this mean and (K,) standard deviation; infinite where
        nothing is. It keeps a class of which the voxels see next to nothing from running away.
    """
    precision = 1.0 / np.asarray(spread, dtype=np.float64) ** 2
    inverse = np.linalg.inv(shares.T @ shares / noise.sd**2 + np.diag(precision))
    means = inverse @ (shares.T @ values / noise.sd**2 + precision * expected)
    weights = inverse @ shares.T / noise.sd**2
    covariance = noise.sd**2 * weights @ _correlated(weights, index, noise).T + inverse @ np.diag(precision) @ inverse
    misfit = float(np.mean((values - shares @ means) ** 2)) / noise.sd**2
    return Mixture(means, (covariance + covariance.T) / 2.0, misfit)


def _correlated(weights: Array, index: Array, noise: Noise) -> Array:
    """(K, N) weights times the correlation matrix of the voxels."""
    low = index.min(axis=0)
    shape = index.max(axis=0) - low + 1
    place = tuple((index - low).T)
    out = np.empty_like(weights)
    for row, weight in zip(out, weights, strict=True):
        image = np.zeros(shape)
        image[place] = weight
        row[:] = noise.correlate(image)[place]
    return out
