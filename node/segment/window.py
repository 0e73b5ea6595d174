"""The box of the T1 grid that holds the brain: everything is computed inside it, because a head is mostly not brain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array, Volume
from node.errors import DataError


@dataclass(frozen=True)
class Window:
    """A box of a grid.

    Parameters
    ----------
    start, stop : (slice, row, column) index of the first voxel, and of the one after the last
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index of the box."""
        s, r, c = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return s, r, c

    def cut(self, volume: Volume) -> Volume:
        """(S′, R′, C′) the part of a volume inside the box, in the same place in space."""
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.array(self.start, dtype=np.float64)
        return Volume(np.ascontiguousarray(volume.array[self.slices]), affine, volume.unit, volume.frame_of_reference_uid)

    def paste(self, array: Array, grid: Volume, *, unit: str = "1") -> Volume:
        """(S, R, C) an array of the box on the whole grid, 0 around it."""
        whole = np.zeros(grid.shape, dtype=array.dtype)
        whole[self.slices] = array
        return grid.like(whole, unit=unit)


def around(mask: Volume, *, margin_mm: float) -> Window:
    """The box that holds a mask and a margin.

    Raises
    ------
    DataError : the mask is empty
    """
    if not mask.array.any():
        raise DataError("segment: expected a brain mask with voxels in it; found an empty one")
    margin = np.ceil(margin_mm / mask.spacing_mm).astype(int)
    start, stop = [], []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        hit = np.flatnonzero(mask.array.any(axis=others))
        start.append(max(0, int(hit[0]) - int(margin[axis])))
        stop.append(min(mask.shape[axis], int(hit[-1]) + int(margin[axis]) + 1))
    return Window((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
