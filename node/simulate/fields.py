"""Grids, smooth random fields and blurs: what anatomy, appearance and uptake are made with.

A *grid* is a Volume whose values are not used.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from node.domain.volume import Array, Volume
from node.imaging import resample

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


def grid(shape: tuple[int, int, int], affine: Array, frame_of_reference_uid: str = "") -> Volume:
    """A grid that takes no memory: shape (S, R, C), affine index → LPS mm."""
    return Volume(np.broadcast_to(np.uint8(0), shape), affine, "", frame_of_reference_uid)


def centred_grid(extent_mm: tuple[float, float, float], steps: Array, centre_mm: Array, frame_of_reference_uid: str = "") -> Volume:
    """A grid of a given size around a point.

    Parameters
    ----------
    extent_mm : along slice, row and column; the number of voxels is rounded to an even one
    steps : (3, 3), columns are the LPS steps along slice, row and column, mm
    centre_mm : (3,) LPS mm
    """
    size = np.linalg.norm(steps, axis=0)
    shape = (2 * np.round(np.array(extent_mm) / size / 2.0)).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = steps
    # Header values have so many digits; on the rounded ones everything else is computed.
    affine[:3, 3] = np.round(centre_mm - steps @ ((shape - 1) / 2.0), 4)
    return grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, frame_of_reference_uid)


def lattice(on: Volume, step_mm: float) -> Volume:
    """A coarse grid along the same axes, two steps larger on every side: for what varies slowly."""
    size = np.array(on.shape) * on.spacing_mm
    shape = np.ceil(size / step_mm).astype(int) + 5
    affine = on.affine.copy()
    affine[:3, :3] = on.affine[:3, :3] / on.spacing_mm * step_mm
    affine[:3, 3] = on.affine[:3, 3] - 2.0 * affine[:3, :3].sum(axis=1)
    return grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def axial_coordinates(on: Volume) -> tuple[Array, Array, Array]:
    """LPS mm of the voxels of an axial grid, ready to broadcast: x (1, 1, C), y (1, R, 1), z (S, 1, 1), float32."""
    s, r, c = (np.arange(n) for n in on.shape)
    step, origin = on.spacing_mm, on.affine[:3, 3]
    x, y, z = (c * step[2] + origin[0], r * step[1] + origin[1], s * step[0] + origin[2])
    return x.astype(np.float32)[None, None, :], y.astype(np.float32)[None, :, None], z.astype(np.float32)[:, None, None]


def smooth_noise(random: np.random.Generator, on: Volume, *, scale_mm: float) -> Array:
    """(S, R, C) float32 smooth random field of mean 0 and SD about 1 that varies over `scale_mm`."""
    coarse = lattice(on, scale_mm / 2.0)
    values = ndimage.gaussian_filter(random.standard_normal(coarse.shape), 1.0)
    values /= max(float(values.std()), 1e-12)
    return resample(coarse.like(values.astype(np.float32)), on).array


def blur(array: Array, spacing_mm: Array, *, sigma_mm: float) -> Array:
    """Gaussian blur of (S, R, C), nothing outside."""
    return np.asarray(ndimage.gaussian_filter(array, sigma_mm / spacing_mm, mode="constant", truncate=4.0))
