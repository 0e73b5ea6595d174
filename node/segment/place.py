"""Where each voxel of the brain lies in template space: coordinates, tissue priors and the side of each surface that it is on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import ndimage

from node.atlas.lobes import nearest_lobe
from node.atlas.regions import OUTSIDE_MM, Structure, level_mm
from node.atlas.template import Template
from node.domain.transform import Deformation
from node.domain.volume import Array, Volume
from node.imaging import depth_mm, resample


@dataclass(frozen=True, eq=False)
class Place:
    """Where the voxels of a grid lie in template space.

    Parameters
    ----------
    brain : (S, R, C) bool, the voxels that are looked at
    points : (N, 3) float32 LPS mm in template space of the N voxels of `brain`, in array order
    gm, wm : (S, R, C) float32 prior probability
    """

    brain: Volume
    points: Array
    gm: Array
    wm: Array
    _levels: dict[Structure, Array] = field(default_factory=dict, init=False, repr=False)

    def level_mm(self, structure: Structure) -> Array:
        """(S, R, C) float32 mm inside a structure, positive inside; far outside the brain mask."""
        level = np.full(self.brain.shape, OUTSIDE_MM, dtype=np.float32)
        if structure not in self._levels:
            self._levels[structure] = level_mm(structure, self.points)
        level[self.brain.array] = self._levels[structure]
        return level

    @cached_property
    def depth_mm(self) -> Array:
        """(S, R, C) distance of each voxel of the brain to its outside, in mm; 0 outside."""
        return depth_mm(self.brain)

    @property
    def left(self) -> Array:
        """(S, R, C) bool: voxels of the brain on the patient's left of the template's middle plane, warped to the subject."""
        side = np.zeros(self.brain.shape, dtype=bool)
        side[self.brain.array] = self.points[:, 0] > 0
        return side

    def lobes(self, mask: Array) -> Array:
        """(S, R, C) uint8 values of `Lobe` where the mask (S, R, C) bool, part of the brain, is true; 0 elsewhere."""
        lobes = np.zeros(self.brain.shape, dtype=np.uint8)
        lobes[mask] = nearest_lobe(self.points[mask[self.brain.array]])
        return lobes


def find_place(brain: Volume, template: Template, template_from_t1: Deformation) -> Place:
    """Carry the template's priors and coordinates to a grid.

    Parameters
    ----------
    brain : (S, R, C) bool on the T1 grid, or a part of it
    """
    points = template_points(brain, template_from_t1)
    gm, wm = (_sample(prior, points, brain) for prior in (template.gm, template.wm))
    return Place(brain, points, gm, wm)


def template_points(brain: Volume, template_from_t1: Deformation) -> Array:
    """(N, 3) float32 LPS mm in template space of the N voxels of a mask (S, R, C) bool, in array order."""
    field = template_from_t1.displacement
    matrix = template_from_t1.affine.matrix @ brain.affine
    index = np.argwhere(brain.array)
    points = (index @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
    for axis in range(3):
        shift = resample(Volume(field.array[axis], field.affine), brain)
        points[:, axis] += shift.array[brain.array]
    return np.asarray(points)


def _sample(prior: Volume, points: Array, brain: Volume) -> Array:
    """(S, R, C) float32 a template map at the points, linearly; 0 beyond it and outside the mask."""
    index = points @ prior.index_from_lps[:3, :3].T + prior.index_from_lps[:3, 3]
    out = np.zeros(brain.shape, dtype=np.float32)
    out[brain.array] = ndimage.map_coordinates(prior.array, index.T, order=1, mode="constant", cval=0.0)
    return out
