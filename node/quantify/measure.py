"""Region by region: means over volume fractions, their standard error, and the contrast with the NAWM.

The standard error is that of the mean over the frames of the window: the frames are independent measurements of one ratio, so their
scatter holds the noise, and what the ratio drifts meanwhile. With fewer than three frames it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array
from node.quantify.project import weighted_mean

FEWEST_FRAMES = 3
SMALLEST_VOXELS = 1.0
"""Less of a region in the PET's field of view than one whole voxel is not measured."""


@dataclass(frozen=True)
class Measured:
    """One region: its mean in the PET's unit, the ratio to the reference, its standard error (None where it is not known)."""

    mean: float
    suvr: float
    suvr_error: float | None


def measure(frames: Array, weights: Array, regions: Mapping[str, Array], reference: Array) -> dict[str, Measured]:
    """Means of regions.

    Parameters
    ----------
    frames : (F, S, R, C) on the part of the PET grid
    weights : (F,) that add up to 1
    regions : name → (S, R, C) volume fraction
    reference : (S, R, C) volume fraction of the reference region

    Returns
    -------
    by name; a region that the PET does not hold is left out
    """
    of_reference = np.array([weighted_mean(frame, reference) for frame in frames])
    found = {}
    for name, fraction in regions.items():
        if float(fraction.sum()) < SMALLEST_VOXELS:
            continue
        means = np.array([weighted_mean(frame, fraction) for frame in frames])
        mean = float(weights @ means)
        found[name] = Measured(mean, mean / float(weights @ of_reference), _error(means / of_reference, weights))
    return found


def _error(ratios: Array, weights: Array) -> float | None:
    """Standard error of a weighted mean of independent values (the weighted sample variance, Bessel's correction for weights)."""
    if ratios.size < FEWEST_FRAMES:
        return None
    squares = float(np.sum(weights**2))
    if np.ptp(ratios) < 1e-9:  # the reference against itself
        return None
    variance = float(weights @ (ratios - weights @ ratios) ** 2) / (1.0 - squares)
    return float(np.sqrt(variance * squares))
