"""Images of other people's formats as volumes, and points in them; on its own, so that `node.imaging` is not its own judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from node.domain.volume import Array, Volume

POINT_STEP_MM = 0.6
"""A mask's voxels are cut into points about this far apart when they are looked up on another grid."""


def read_image(path: Path) -> Volume:
    """A NIfTI or NRRD file as (S, R, C) with its affine to LPS mm; the slope of the file is applied."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = (np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing()))[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), affine)


def as_mask(volume: Volume) -> Volume:
    """True where a volume is above zero."""
    return volume.like(volume.array > 0)


def centres(affine: Array, where: Array) -> Array:
    """(n, 4) LPS mm of the voxels that are set."""
    index = np.argwhere(where)
    return np.asarray(np.c_[index, np.ones(len(index))] @ affine.T)


def fine_points(mask: Volume) -> Array:
    """(n, 4) LPS mm of points spread evenly through the voxels of a mask."""
    index = np.argwhere(mask.array > 0).astype(np.float64)
    for axis, spacing in enumerate(mask.spacing_mm):
        parts = max(1, round(float(spacing) / POINT_STEP_MM))
        offsets = (np.arange(parts) + 0.5) / parts - 0.5
        index = np.repeat(index, parts, axis=0)
        index[:, axis] += np.tile(offsets, len(index) // parts)
    return np.asarray(np.c_[index, np.ones(len(index))] @ mask.affine.T)


def values_at(volume: Volume, points: Array, *, order: int) -> Array:
    """(n,) values of a volume at points (n, 4) in its LPS mm: nearest (0) or linear (1); 0 outside."""
    index = (points @ volume.index_from_lps.T)[:, :3].T
    return np.asarray(ndimage.map_coordinates(volume.array, index, order=order, mode="grid-constant", output=np.float64))


def on_grid(volume: Volume, grid: Volume) -> Array:
    """(S, R, C) of `grid`: labels of a volume at the grid's voxel centres (nearest); 0 outside."""
    index = volume.index_from_lps @ grid.affine
    array = volume.array.astype(np.int32)
    return np.asarray(
        ndimage.affine_transform(array, index[:3, :3], index[:3, 3], grid.shape, order=0, mode="grid-constant", output=np.int32)
    )
