"""A head made from the template at a known pose: its brain, fluid, skull, scalp and a neck, with a bias and a little noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.atlas.template import Template
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.imaging import resample

STEP_MM = 3.0
SIZE, NOD_DEG, TURN_DEG = 0.92, -12.0, 6.0


@dataclass(frozen=True, eq=False)
class MadeHead:
    """`brain` and `parenchyma` (S, R, C) bool on the grid of `t1`; `bias` the factor that was put on."""

    t1: Volume
    brain: Volume
    parenchyma: Volume
    white: Volume
    bias: np.ndarray
    t1_from_template: Transform


def make_head(template: Template) -> MadeHead:
    pose = _pose()
    grid = _sagittal_grid(pose)
    brain = resample(template.brain, grid, pose.inverse(), interpolation="nearest")
    gm, wm = (resample(volume, grid, pose.inverse()).array for volume in (template.gm, template.wm))
    clean = _head(resample(template.t1, grid, pose.inverse()).array / 200.0, brain, grid)
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in grid.shape), indexing="ij"))
    bias = np.exp(0.35 * place[0] - 0.25 * place[1] + 0.2 * place[2] ** 2)
    noise = np.random.default_rng(11).normal(0.0, 0.02, grid.shape)
    t1 = grid.like((900.0 * np.abs(clean * bias + noise)).astype(np.float32))
    return MadeHead(t1, brain, grid.like(brain.array & (gm + wm > 0.5)), grid.like(brain.array & (wm > 0.9)), bias, pose)


def _pose() -> Transform:
    nod, turn = np.radians([NOD_DEG, TURN_DEG])
    about_x = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = SIZE * about_z @ about_x
    matrix[:3, 3] = (7.0, -160.0, 35.0)
    return Transform(matrix)


def _sagittal_grid(pose: Transform) -> Volume:
    """Slices to the left, rows down, columns backwards, as a 3-D T1 often comes."""
    centre = pose.apply(np.array([0.0, 18.0, -12.0]))
    shape = (64, 80, 74)
    affine = np.eye(4)
    affine[:3, :3] = STEP_MM * np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Volume(np.zeros(shape, dtype=np.uint8), affine, "", "1.2.3")


def _head(brain_values: np.ndarray, brain: Volume, grid: Volume) -> np.ndarray:
    distance = ndimage.distance_transform_edt(~brain.array, sampling=STEP_MM)
    shells = np.select([brain.array, distance < 4.0, distance < 9.0, distance < 16.0], [brain_values, 0.25, 0.05, 1.4], 0.0)
    index = np.indices(grid.shape).reshape(3, -1)
    x, y, z = (grid.affine[:3, :3] @ index + grid.affine[:3, 3:]).reshape(3, *grid.shape)
    low = np.argwhere(brain.array) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    middle_x, middle_y, bottom = np.median(low[:, 0]), np.median(low[:, 1]) + 15.0, low[:, 2].min()
    neck = (np.hypot(x - middle_x, y - middle_y) < 55.0) & (z < bottom + 15.0) & (distance >= 9.0)
    return np.asarray(np.where(neck, 0.7, shells))
