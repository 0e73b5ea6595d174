"""The whole scan: every frame in the reference pose, on the part of the PET grid that holds the brain.

Values stay where they were measured: only a frame in which the head had moved is resampled, once, straight onto the part.
"""

from __future__ import annotations

import numpy as np

from node.domain.exam import PetSeries
from node.domain.transform import Transform
from node.domain.volume import Array
from node.imaging import resample
from node.quantify.project import Projection

DYNAMIC_FROM_S = 120.0
"""A scan that begins within this time of the injection is a dynamic one."""


def is_dynamic(pet: PetSeries) -> bool:
    """Whether a scan began with the injection, and has frames to model."""
    return len(pet.timing) > 1 and float(pet.timing.start_s[0]) < DYNAMIC_FROM_S


def whole_scan(pet: PetSeries, pet_from_frame: tuple[Transform, ...], decay: Array, way: Projection) -> Array:
    """Every frame of the scan.

    Parameters
    ----------
    pet_from_frame : F transforms, reference pose from each frame's pose
    decay : (F,) factor of each frame that brings all to one instant

    Returns
    -------
    (F, S, R, C) float32 in the series' unit on the part of the PET grid; 0 where a moved frame does not reach
    """
    frames = np.empty((len(pet.timing), *way.grid.shape), dtype=np.float32)
    for index, pose in enumerate(pet_from_frame):
        frame = pet.volume.frame(index)
        if np.array_equal(pose.matrix, np.eye(4)):
            frames[index] = way.cut(frame)
        else:
            frames[index] = resample(frame, way.grid, pose.inverse(), interpolation="cubic").array
        frames[index] *= np.float32(decay[index])
    return np.nan_to_num(frames, copy=False)
