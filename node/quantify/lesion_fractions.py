"""Cores and rims of all lesions on the PET grid: which part of which voxel is whose, looked up once and used for every map."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.volume import Array
from node.quantify.project import SAMPLES, Projection


@dataclass(frozen=True, eq=False)
class LesionFractions:
    """Volume fractions as a table, one row a voxel and label.

    Parameters
    ----------
    voxel : (n,) flat index on the part of the PET grid
    label : (n,) number of the lesion for its core, number + `count` for its rim
    fraction : (n,) of the voxel
    count : largest number of a lesion
    """

    voxel: Array
    label: Array
    fraction: Array
    count: int

    def core(self, number: int, values: Array) -> float | None:
        """Mean of a map (S, R, C) over a core; None where the PET does not hold it."""
        return self._mean(values, self.label == number)

    def rim(self, number: int, values: Array) -> float | None:
        """Mean over a rim; None where there is none or the PET does not hold it."""
        return self._mean(values, self.label == number + self.count)

    def both(self, number: int, values: Array) -> float | None:
        """Mean over core and rim together."""
        return self._mean(values, (self.label == number) | (self.label == number + self.count))

    def _mean(self, values: Array, chosen: Array) -> float | None:
        found = values.ravel()[self.voxel[chosen]].astype(np.float64)
        known = np.isfinite(found)
        weight = self.fraction[chosen][known]
        return float(weight @ found[known] / weight.sum()) if weight.size else None


def lesion_fractions(lesions: Array, rims: Array, projection: Projection) -> LesionFractions:
    """Look every point of every PET voxel up; `lesions` and `rims` (S, R, C) are numbers on the projection's T1 grid, nowhere both."""
    count = int(lesions.max())
    labels = np.where(lesions > 0, lesions, np.where(rims > 0, rims + count, 0)).astype(np.int32)
    many = 2 * count + 1
    voxel = _voxels_near(labels > 0, projection)
    centre = np.stack(np.unravel_index(voxel, projection.grid.shape), axis=1)
    matrix, origin = projection.t1_index_from_grid[:3, :3], projection.t1_index_from_grid[:3, 3]
    pairs = []
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    for offset in itertools.product(steps, repeat=3):
        found = _at(labels, (centre + offset) @ matrix.T + origin)
        pairs.append((voxel * many + found)[found > 0])
    pair, times = np.unique(np.concatenate(pairs), return_counts=True)
    return LesionFractions(pair // many, pair % many, times / SAMPLES**3, count)


def _voxels_near(mask: Array, projection: Projection) -> Array:
    """Flat indices of the voxels of the PET that a mask of the T1 can reach into."""
    half = np.abs(projection.t1_index_from_grid[:3, :3]).sum(axis=1) / 2.0
    reached = ndimage.maximum_filter(mask.astype(np.uint8), size=2 * np.ceil(half).astype(int) + 1)
    matrix, origin = projection.t1_index_from_grid[:3, :3], projection.t1_index_from_grid[:3, 3]
    return np.flatnonzero(ndimage.affine_transform(reached, matrix, origin, projection.grid.shape, order=0, output=np.uint8))


def _at(labels: Array, points: Array) -> Array:
    """Labels at points (n, 3) given as index; 0 outside the grid."""
    nearest = np.round(points).astype(int)
    held = ((nearest >= 0) & (nearest < labels.shape)).all(axis=1)
    found = np.zeros(len(points), dtype=labels.dtype)
    found[held] = labels[tuple(nearest[held].T)]
    return found
