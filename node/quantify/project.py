"""Projection: masks of the T1 grid on the PET grid, as volume fractions, and means weighted with them.

Every voxel of the PET is sampled at n³ points on a regular pattern; the share of points that fall into a mask (nearest T1 voxel) is the
mask's fraction of it. All masks are looked up at once, and only in the part of the PET grid that holds the brain: a whole-body field of
view costs what a head does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.errors import DataError

SAMPLES = 4
"""Points along each axis of a PET voxel: 64 a voxel, so that a fraction is known within some per cent."""
MARGIN_MM = 12.0
AT_ONCE = 60
"""Masks whose bits fit into an integer."""


@dataclass(frozen=True, eq=False)
class Projection:
    """The way from the T1 grid onto the part of the PET grid that holds the brain.

    Parameters
    ----------
    box : that part: slices along (slice, row, column) of the PET grid
    grid : (S, R, C) the part as a grid of its own
    t1_index_from_grid : (4, 4) index of `grid` → index of the T1
    t1 : the T1 grid
    """

    box: tuple[slice, slice, slice]
    grid: Volume
    t1_index_from_grid: Array
    t1: Volume

    def cut(self, volume: Volume) -> Array:
        """(…, S, R, C) the part of a volume on the whole PET grid."""
        return volume.array[(..., *self.box)]

    def uncut(self, array: Array, pet: Volume) -> Array:
        """(S, R, C) on the whole PET grid, nothing outside the part."""
        whole = np.zeros(pet.shape, dtype=array.dtype)
        whole[self.box] = array
        return whole

    def fractions(self, masks: Mapping[str, Array]) -> dict[str, Array]:
        """(S, R, C) float32 volume fraction of each mask; masks are (S, R, C) bool on the T1 grid."""
        names = list(masks)
        used = np.logical_or.reduce([masks[name] for name in names])
        which, members = _combinations([masks[name][used] for name in names])
        index = np.zeros(self.t1.shape, dtype=np.int32)  # 0: no mask, or where the T1 grid does not reach
        index[used] = which + 1
        size = self.grid.array.size
        points = np.zeros((len(members) + 1) * size, dtype=np.uint8)
        everywhere = np.arange(size)
        for sample in self.samples(index):
            points[sample.ravel().astype(np.intp) * size + everywhere] += 1
        points = points.reshape(-1, size)[1:]
        return {
            name: points[inside].sum(axis=0, dtype=np.float32).reshape(self.grid.shape) / np.float32(SAMPLES**3)
            for name, inside in zip(names, members.T, strict=True)
        }

    def samples(self, labels: Array) -> Iterator[Array]:
        """SAMPLES³ arrays (S, R, C): the label at one point of each voxel; `labels` (S, R, C) integers on the T1 grid."""
        steps = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
        matrix, origin = self.t1_index_from_grid[:3, :3], self.t1_index_from_grid[:3, 3]
        for ds in steps:
            for dr in steps:
                for dc in steps:
                    offset = origin + matrix @ np.array([ds, dr, dc])
                    yield ndimage.affine_transform(labels, matrix, offset, self.grid.shape, order=0, output=labels.dtype)


def _combinations(masks: Sequence[Array]) -> tuple[Array, Array]:
    """Masks overlap in few ways: the way of each voxel, (n,) int, and which masks hold it, (ways, masks) bool; masks are (n,) bool."""
    which, members = np.zeros(masks[0].size, dtype=np.int64), np.zeros((1, 0), dtype=bool)
    for start in range(0, len(masks), AT_ONCE):
        group = masks[start : start + AT_ONCE]
        bits = np.zeros(which.size, dtype=np.int64)
        for bit, mask in enumerate(group):
            bits |= mask.astype(np.int64) << bit
        found, among = np.unique(bits, return_inverse=True)
        pairs, which = np.unique(which * len(found) + among, return_inverse=True)
        new = (found[pairs % len(found), None] >> np.arange(len(group))) & 1 > 0
        members = np.concatenate([members[pairs // len(found)], new], axis=1)
    return which, members


def project(brain: Volume, pet: Volume, t1_from_pet: Transform) -> Projection:
    """The way from the T1 grid onto a PET grid.

    Parameters
    ----------
    brain : (S, R, C) bool on the T1 grid
    pet : its grid is used
    t1_from_pet : LPS mm of the reference pose → LPS mm of the T1

    Raises
    ------
    DataError : the brain lies outside the PET
    """
    inside = np.argwhere(brain.array)
    if inside.size == 0:
        raise DataError("expected a brain to measure; found an empty mask")
    pet_index_from_t1_index = pet.index_from_lps @ t1_from_pet.inverse().matrix @ brain.affine
    points = inside @ pet_index_from_t1_index[:3, :3].T + pet_index_from_t1_index[:3, 3]
    margin = MARGIN_MM / pet.spacing_mm
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, pet.shape).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin) + 1, 0, pet.shape).astype(int)
    if (high <= low).any():
        raise DataError("the brain of the T1 lies outside the PET's field of view, as the two were aligned")
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    affine = pet.affine.copy()
    affine[:3, 3] += pet.affine[:3, :3] @ low
    grid = Volume(np.zeros(tuple(high - low), dtype=np.uint8), affine, "", pet.frame_of_reference_uid)
    return Projection(box, grid, brain.index_from_lps @ t1_from_pet.matrix @ affine, brain)


def weighted_mean(values: Array, fraction: Array) -> float:
    """Mean of values weighted with a volume fraction, both (S, R, C); NaN where the fraction is zero everywhere."""
    total = float(fraction.sum(dtype=np.float64))
    return float(np.sum(values * fraction, dtype=np.float64) / total) if total > 0 else float("nan")
