"""The rigid pose of one PET frame in another: least squares by Gauss and Newton.

One modality and one pose near the other: the residual is linearised, which ends in a few steps where descent on a correlation crawls.
Points are jittered off the voxel centres, since interpolation spares the noise there and would draw the pose towards a whole voxel.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from node.align.pose import Rung, rigid
from node.domain.transform import Transform
from node.domain.volume import Array

MOST_STEPS = 25
SMALLEST_STEP_MM = 0.005


def realign(rung: Rung, start: Transform, *, seed: int) -> Transform:
    """Moving-from-fixed that minimises Σ (fixed(x) − a · moving(pose x) − b)² over the points x of the mask, with a and b free.

    Parameters
    ----------
    start : moving-from-fixed; within some 15 mm
    seed : of the jitter
    """
    index = np.argwhere(rung.mask.array) + np.random.default_rng(seed).uniform(-0.5, 0.5, (int(rung.mask.array.sum()), 3))
    points = index @ rung.fixed.affine[:3, :3].T + rung.fixed.affine[:3, 3]
    arms = points - np.array(rung.centre_mm)
    reach_mm = float(np.linalg.norm(arms, axis=1).max())
    fixed = ndimage.map_coordinates(rung.fixed.array, index.T, order=1, mode="nearest").astype(np.float64)
    slopes = [slope.astype(np.float32) for slope in np.gradient(rung.moving.array)]
    pose = start
    for _ in range(MOST_STEPS):
        turn, shift = _step(rung, pose, points, arms, fixed, slopes)
        pose = pose @ rigid(tuple(np.rad2deg(turn)), tuple(shift), np.array(rung.centre_mm))
        if np.linalg.norm(turn) * reach_mm + np.linalg.norm(shift) < SMALLEST_STEP_MM:
            break
    return pose


def _step(rung: Rung, pose: Transform, points: Array, arms: Array, fixed: Array, slopes: list[Array]) -> tuple[Array, Array]:
    """Turn (rad) about x, y, z through the centre and shift (mm), in the fixed image."""
    to_index = rung.moving.index_from_lps @ pose.matrix
    where = to_index[:3, :3] @ points.T + to_index[:3, 3:]
    value = ndimage.map_coordinates(rung.moving.array, where, order=1, mode="nearest")
    by_index = np.stack([ndimage.map_coordinates(slope, where, order=1, mode="nearest") for slope in slopes])
    gradient = (to_index[:3, :3].T @ by_index).T
    design = np.concatenate([np.cross(arms, gradient), gradient, value[:, None], np.ones((len(points), 1))], axis=1)
    scale = np.linalg.norm(design, axis=0) + 1e-12
    fit = np.linalg.lstsq((design / scale).T @ (design / scale), (design / scale).T @ fixed, rcond=1e-10)[0] / scale
    step = fit[:6] / fit[6] if fit[6] > 0 else np.zeros(6)
    return _bounded(step[:3], np.deg2rad(4.0)), _bounded(step[3:], 4.0)


def _bounded(step: Array, most: float) -> Array:
    return np.asarray(step * min(1.0, most / max(float(np.linalg.norm(step)), 1e-12)))
