"""Working grids: axis-parallel in LPS, equal steps, so that every orientation and slice thickness is treated alike."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from node.domain.volume import Array, Volume
from node.imaging import from_sitk, resample, to_sitk

_SMOOTHING = 0.4
"""Standard deviation, in steps of the coarser grid, of the blur that keeps fine structure from aliasing into it."""


def upright_grid(volume: Volume, spacing_mm: float) -> Volume:
    """An empty axis-parallel grid of equal steps that covers a volume.

    Returns
    -------
    (S, R, C) uint8 zeros; slices run towards superior, rows towards posterior, columns towards the patient's left
    """
    corners = np.array([[s, r, c, 1.0] for s in (0, 1) for r in (0, 1) for c in (0, 1)]) * [*(np.array(volume.shape) - 1.0), 1.0]
    points = (volume.affine @ corners.T)[:3]
    low, high = points.min(axis=1), points.max(axis=1)
    return _grid(low, high, spacing_mm, volume.frame_of_reference_uid)


def _grid(low: Array, high: Array, spacing_mm: float, frame_of_reference_uid: str) -> Volume:
    shape = (np.ceil((high - low) / spacing_mm - 1e-6).astype(int) + 1)[::-1]
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing_mm
    affine[:3, 3], affine[3, 3] = low, 1.0
    return Volume(np.broadcast_to(np.uint8(0), tuple(int(n) for n in shape)), affine, "", frame_of_reference_uid)


def grid_around(mask: Volume, spacing_mm: float, *, margin_mm: float) -> Volume:
    """An empty axis-parallel grid that covers the true voxels of an upright mask and a margin."""
    index = np.argwhere(mask.array)
    low = mask.affine[:3, :3] @ index.min(axis=0) + mask.affine[:3, 3] - margin_mm
    high = mask.affine[:3, :3] @ index.max(axis=0) + mask.affine[:3, 3] + margin_mm
    return _grid(low, high, spacing_mm, mask.frame_of_reference_uid)


def onto(volume: Volume, grid: Volume) -> Volume:
    """Values of a volume on a grid, float32, 0 where the volume does not reach; blurred first along axes that get coarser."""
    step = float(grid.spacing_mm[0])
    # Blocks of half a step: the two grids lie anyhow to each other, and interpolating between whole steps would blur again.
    return resample(blurred(volume, np.where(volume.spacing_mm < 0.9 * step, _SMOOTHING * step, 0.0), step_mm=step / 2.0), grid)


def blurred(volume: Volume, sigma_mm: Array, *, step_mm: float) -> Volume:
    """A volume under a Gaussian, on a grid that is thinned as far as a step allows.

    Averaging whole blocks is part of the blur and leaves few voxels to blur the rest: a block of n voxels of h has variance
    (n² − 1) h² / 12.

    Parameters
    ----------
    sigma_mm : (3,) standard deviation along slice, row and column; at least 0.29 × `step_mm` where it is not 0
    step_mm : blocks are no longer than this
    """
    blocks = np.where(sigma_mm > 0, np.clip((step_mm / volume.spacing_mm + 1e-6).astype(int), 1, volume.shape), 1)
    rest_mm = np.sqrt(np.maximum(sigma_mm**2 - (blocks**2 - 1) * volume.spacing_mm**2 / 12.0, 0.0))
    image = sitk.BinShrink(sitk.Cast(to_sitk(volume), sitk.sitkFloat32), [int(n) for n in blocks[::-1]])
    for axis, sigma in enumerate(rest_mm[::-1]):
        if sigma > 0.1 and image.GetSize()[axis] >= 4:
            image = sitk.RecursiveGaussian(image, float(sigma), False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)
    return from_sitk(image, unit=volume.unit, frame_of_reference_uid=volume.frame_of_reference_uid)
