"""A head made from the template: its brain, a dark shell of fluid and bone, a bright shell of scalp; as points to compare with a T1.

The template has no head, and a brain alone may grow in a registration until its edge meets the scalp, or slip down into a neck. The two
shells are what every T1 has around a brain whatever its contrast; below the line from orbits to tentorium there is a face or a neck
instead, and no shell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from node.align.grid import grid_around, onto, upright_grid
from node.atlas.template import Template
from node.domain.volume import Array, Volume
from node.imaging import resample

CENTRE_MM = np.array([0.0, 18.0, 8.0])
"""LPS mm, about the middle of the template's brain: poses turn and scale about it."""

TOP_MM = 88.0
"""z of the head's top over the template's brain."""

CLIP = 1.5
"""Intensity, in units of brain tissue, above which scalp and fat are all alike."""

_STEP_MM = 4.0
_DARK_SHELL_MM, _SHELLS_MM, _NEAR_MM = 9.0, 15.0, 3.0
_DARK, _BRIGHT = 0.25, 1.3
_BRAIN_EDGE = 60.0 / 255.0


@dataclass(frozen=True, eq=False)
class Points:
    """Where the head model is compared with an image.

    Parameters
    ----------
    position : (N, 3) LPS mm in template space
    value : (N,) intensity, 1 for typical brain tissue
    weight : (N,) 1 in the brain, ½ in the shells
    design : (N, 10) value times 1, x, y, z and their six products, in units of 100 mm: a smooth bias is fitted along with the pose
    """

    position: Array
    value: Array
    weight: Array
    design: Array

    def thinned(self, every: int) -> Points:
        """Each n-th point."""
        part = slice(None, None, every)
        return Points(self.position[part], self.value[part], self.weight[part], self.design[part])


@lru_cache(maxsize=1)
def head_points(template: Template) -> tuple[Points, Points]:
    """The head model as points 8 mm and 4 mm apart; kept for the next exam with the same template."""
    model, counts, brain = _model(template)
    fine = _points(model, counts, brain, 1)
    return _points(model, counts, brain, 2), fine


def _model(template: Template) -> tuple[Volume, Array, Array]:
    coarse = template.t1.like((template.t1.array > 0).astype(np.uint8))
    grid = grid_around(_upright(coarse), _STEP_MM, margin_mm=6 * _STEP_MM)
    t1 = onto(template.t1, grid)
    brain = t1.array > _BRAIN_EDGE * float(template.t1.array.max())
    distance = ndimage.distance_transform_edt(~brain, sampling=_STEP_MM)
    typical = float(np.median(t1.array[brain]))
    values = np.where(brain, t1.array / typical, np.where(distance < _DARK_SHELL_MM, np.maximum(t1.array / typical, _DARK), _BRIGHT))
    smooth = np.minimum(ndimage.gaussian_filter(values, 0.5), CLIP)
    low = _below_the_vault(grid)
    counts = (distance < _SHELLS_MM) & ~(low & (distance > _NEAR_MM))
    return grid.like(smooth.astype(np.float32)), counts, brain


def _upright(mask: Volume) -> Volume:
    return resample(mask, upright_grid(mask, _STEP_MM), interpolation="nearest")


def _below_the_vault(grid: Volume) -> Array:
    """(S, R, 1) true below a plane that rises from the tentorium to the brow."""
    z = grid.affine[2, 3] + grid.affine[2, 0] * np.arange(grid.shape[0])
    y = grid.affine[1, 3] + grid.affine[1, 1] * np.arange(grid.shape[1])
    return np.asarray((z[:, None] < -10.0 - 0.35 * y[None, :])[:, :, None])


def _points(model: Volume, counts: Array, brain: Array, every: int) -> Points:
    index = np.argwhere(counts)
    index = index[(index % every == 0).all(axis=1)]
    position = index @ model.affine[:3, :3].T + model.affine[:3, 3]
    value = np.asarray(model.array[tuple(index.T)], dtype=np.float64)
    weight = np.where(brain[tuple(index.T)], 1.0, 0.5)
    return Points(position, value, weight, value[:, None] * _smooth_basis(position))


def _smooth_basis(position: Array) -> Array:
    x, y, z = ((position - CENTRE_MM) / 100.0).T
    return np.stack([np.ones_like(x), x, y, z, x * x, x * y, x * z, y * y, y * z, z * z], axis=1)
