"""The NAWM contrast score: how far a value lies from the patient's own normal-appearing white matter, in robust standard deviations.

``c = (v - median) / (1.4826 · MAD)`` over voxels of the PET that NAWM fills almost wholly. It is no z-score: it compares with nobody else,
cannot see a diffuse rise of the NAWM itself, rises where the NAWM is homogeneous, and is blind to a shift of the whole brain. The spread
holds the noise of the image as well as the tissue's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array
from node.errors import DataError

MAD_TO_SD = 1.4826
FILLED = (0.95, 0.8, 0.5)
"""Least fraction of NAWM in a voxel, tried in this order until `ENOUGH` voxels are found; our defaults."""
ENOUGH = 200


@dataclass(frozen=True)
class NawmScale:
    """Median and robust standard deviation of a map in NAWM, and how much of a voxel had to be NAWM."""

    median: float
    sd: float
    filled: float
    voxels: int

    def score(self, values: Array) -> Array:
        """Contrast score of values of the same map."""
        return np.asarray((values - self.median) / self.sd)

    def score_of(self, value: float) -> float:
        """Contrast score of one value."""
        return (value - self.median) / self.sd


def nawm_scale(values: Array, nawm: Array) -> NawmScale:
    """Median and spread.

    Parameters
    ----------
    values : (S, R, C) a map
    nawm : (S, R, C) volume fraction of NAWM

    Raises
    ------
    DataError : too few voxels of NAWM, or no spread at all
    """
    for filled in FILLED:
        inside = values[nawm >= filled]
        if inside.size >= ENOUGH:
            break
    else:
        raise DataError(
            f"normal-appearing white matter: {inside.size} voxels of the PET are at least half filled by it; {ENOUGH} are needed"
        )
    median = float(np.median(inside))
    sd = MAD_TO_SD * float(np.median(np.abs(inside - median)))
    if sd <= 0:
        raise DataError("normal-appearing white matter: all its values are one; a contrast score has no meaning")
    return NawmScale(median, sd, filled, int(inside.size))
