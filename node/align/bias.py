"""Intensity bias of a T1: a first field from the image alone, then one that knows which tissue lies where.

*Bias* is the smooth factor that coils put on an image. The first field is the local level of tissue: good enough to find the brain.
The second is fitted in the brain against the template's tissue probabilities, and makes white matter equally bright everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.volume import Array, Volume

_LEVEL_SIGMA_MM = 20.0
_FIELD_SIGMA_MM = 18.0
_WINDOWS = ((0.2, 4.0), (0.3, 2.5), (0.4, 2.0), (0.5, 1.7), (0.5, 1.6), (0.5, 1.5))
"""Which ratios to the local level still count as tissue, round after round: fluid and bone fall out below, fat above."""


@dataclass(frozen=True)
class TissueMeans:
    """Typical intensity of fluid, grey and white matter in an image whose bias was taken out."""

    csf: float
    gm: float
    wm: float


def tissue_level(head: Volume) -> Array:
    """Local level of tissue, the first estimate of the bias.

    Parameters
    ----------
    head : (S, R, C) T1 on a grid of equal steps, about 4 mm

    Returns
    -------
    (S, R, C) above 0; the head divided by it has grey and white matter near 1
    """
    values = np.asarray(head.array, dtype=np.float32)
    tissue = values > _dark_limit(values)
    values = np.minimum(values, np.percentile(values[tissue], 98))
    logarithm = np.log(np.maximum(values, 1e-6))
    sigma = _LEVEL_SIGMA_MM / float(head.spacing_mm[0])
    weights = tissue.astype(np.float32)
    for low, high in _WINDOWS:
        ratio = values / np.exp(_local_mean(logarithm, weights, sigma))
        # Brighter voxels weigh more: the level follows white matter, not the fluid beside it.
        weights = np.where(tissue & (ratio > low) & (ratio < high), ratio, 0.0).astype(np.float32)
    return np.asarray(np.exp(_local_mean(logarithm, weights, sigma)))


def _dark_limit(values: Array) -> float:
    """Otsu's threshold between air or bone and tissue, on the logarithm, so that bright scalp does not set it."""
    positive = values[values > 0]
    top = float(np.percentile(positive, 99))
    counts, edges = np.histogram(np.log(np.clip(positive, 3e-3 * top, top)), 128)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    moment = np.cumsum(counts * centres)
    between = (moment[-1] * below / positive.size - moment[:-1]) ** 2 / np.maximum(below * (positive.size - below), 1)
    return float(np.exp(centres[between.argmax()]))


def _local_mean(values: Array, weights: Array, sigma: float) -> Array:
    """Weighted mean under a Gaussian; the nearest mean where there is no weight."""
    total = ndimage.gaussian_filter(weights, sigma, mode="constant", truncate=3.0)
    mean = ndimage.gaussian_filter(values * weights, sigma, mode="constant", truncate=3.0) / np.maximum(total, 1e-6)
    bare = total < 1e-3
    if bare.any() and not bare.all():
        mean = mean[tuple(ndimage.distance_transform_edt(bare, return_distances=False, return_indices=True))]
    return np.asarray(mean)


def tissue_field(flat: Volume, gm: Array, wm: Array, brain: Array, *, rounds: int = 4) -> Array:
    """What is left of the bias when the tissues are known.

    Parameters
    ----------
    flat : (S, R, C) T1 divided by its tissue level
    gm, wm : (S, R, C) template probabilities on the same grid
    brain : (S, R, C) bool

    Returns
    -------
    (S, R, C) factor near 1, smooth
    """
    values = np.maximum(flat.array[brain], 1e-3)
    share = tissue_share(gm[brain], wm[brain])
    sigma = _FIELD_SIGMA_MM / float(flat.spacing_mm[0])
    field = np.ones(flat.shape, dtype=np.float32)
    for _ in range(rounds):
        expected, weights = _expected(values / field[brain], share)
        excess, weight = np.zeros(flat.shape, np.float32), np.zeros(flat.shape, np.float32)
        weight[brain] = weights * (share[:, 0] < 0.3)
        excess[brain] = np.log(values / np.maximum(expected, 1e-3))
        field = np.exp(_local_mean(excess, weight, sigma)).astype(np.float32)
    return field


def tissue_share(gm: Array, wm: Array) -> Array:
    """(N, 3) share of fluid, grey and white matter."""
    return np.stack([np.clip(1.0 - gm - wm, 0.0, 1.0), gm, wm], axis=1)


def _expected(values: Array, share: Array) -> tuple[Array, Array]:
    """Intensity expected from the tissue shares, and a weight that lesions and vessels lose (Cauchy)."""
    weights = np.ones(len(values))
    for _ in range(5):
        root = np.sqrt(weights)[:, None]
        means = np.linalg.lstsq(share * root, values * root[:, 0], rcond=None)[0]
        residual = values - share @ means
        weights = 1.0 / (1.0 + (residual / (2.0 * 1.48 * np.median(np.abs(residual)) + 1e-6)) ** 2)
    return share @ means, weights


def tissue_means(values: Array, share: Array, *, rounds: int = 15) -> TissueMeans:
    """Class means by expectation maximisation, with the template's shares as prior.

    Parameters
    ----------
    values : (N,) intensities in the brain, bias taken out
    share : (N, 3) of `tissue_share`
    """
    prior = np.maximum(share, 0.02)
    prior = prior / prior.sum(axis=1, keepdims=True)
    means = np.array([np.average(values, weights=share[:, k] ** 4 + 1e-9) for k in range(3)])
    sigma = np.full(3, 0.12 * means[2])
    for _ in range(rounds):
        posterior = prior * np.exp(-0.5 * ((values[:, None] - means) / sigma) ** 2) / sigma
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-12)
        total = np.maximum(posterior.sum(axis=0), 1e-9)
        means = (posterior * values[:, None]).sum(axis=0) / total
        sigma = np.sqrt((posterior * (values[:, None] - means) ** 2).sum(axis=0) / total) + 0.01 * means[2]
    return TissueMeans(*(float(m) for m in means))
