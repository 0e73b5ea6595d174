"""Motion between PET frames: each frame is laid rigidly onto the mean of late frames.

The *reference pose* is the pose of the frame that lies nearest to all others, not that of the mean: so a person who moved once keeps
the voxels of all frames before or after that as they were measured. Frames that are too short, too early or too empty to be compared
(their activity lies elsewhere, or nowhere) take the pose of the first compared frame after them. A displacement that cannot be told
from noise is taken as none, so that a person who lay still gets frames that were never interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from node.align.motion_checks import motion_checks
from node.align.pose import Rung, crop, displacement_mm, isotropic, pyramid, with_moving
from node.align.realign import realign
from node.domain.exam import Check, PetSeries
from node.domain.timing import FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.imaging import in_reference_pose, resample

SHORTEST_RELIABLE_S = 60.0
EARLIEST_RELIABLE_S = 180.0
REFERENCE_FRAMES = 5
"""Frames shorter or earlier are not compared; the reference is the mean of this many late ones (quantification, section H)."""

NO_MOTION_MM = 0.7
"""Largest displacement within the head that is taken as none: as much as noise alone shows."""

MOST_PASSES, SETTLED_MM = 4, 0.3
"""A blurred reference gets sharper from pass to pass; it ends when no pose changes by more than this anywhere in the head."""

EMPTY_SHARE = 0.05
"""A frame whose mean is a smaller share than this of the fullest frame's holds no head: before the injection, or lost."""


@dataclass(frozen=True, eq=False)
class Motion:
    """How the head moved between frames.

    Parameters
    ----------
    pet_from_frame : F rigid transforms, reference pose from the pose of each frame; the identity where nothing moved
    mean : (S, R, C) duration-weighted mean of the reliable frames in the reference pose, to align by
    displacement_mm : F largest displacements within the head against the reference pose, as measured; NaN for frames not compared
    """

    pet_from_frame: tuple[Transform, ...]
    mean: Volume
    displacement_mm: tuple[float, ...]
    checks: tuple[Check, ...]


def correct_motion(pet: PetSeries, *, seed: int) -> Motion:
    """Find the pose of each frame.

    Parameters
    ----------
    pet : volume (S, R, C) or (F, S, R, C)
    seed : of the jitter of sample points; the same seed gives the same bits
    """
    volume = replace(pet.volume, array=np.nan_to_num(pet.volume.array))
    if volume.frames == 1:
        only = volume if volume.array.ndim == 3 else volume.frame(0)
        return Motion((Transform.identity(),), only, (float("nan"),), ())
    reliable = reliable_frames(volume.array, pet.timing)
    head = _head(_mean(volume, _still(volume.frames), pet.timing, reliable[-REFERENCE_FRAMES:]))
    found = _poses(volume, head, pet.timing, reliable, seed)
    moved_mm = [_farthest_mm(pose, Transform.identity(), head) for pose in found]
    kept = [pose if far > NO_MOTION_MM else Transform.identity() for pose, far in zip(found, moved_mm, strict=True)]
    poses = _fill(kept, reliable, volume.frames)
    displacement = np.full(volume.frames, np.nan)
    displacement[reliable] = moved_mm
    checks = motion_checks(displacement, [_turn_deg(pose) for pose in poses], NO_MOTION_MM)
    return Motion(poses, _mean(volume, poses, pet.timing, reliable), tuple(displacement.tolist()), checks)


def reliable_frames(frames: Array, timing: FrameTiming) -> Array:
    """(n,) indices of the frames that can be compared: long, late and full enough; the fullest alone where none is.

    Parameters
    ----------
    frames : (F, S, R, C) without NaN
    """
    filling = frames.mean(axis=(1, 2, 3), dtype=np.float64)
    full = filling > EMPTY_SHARE * filling.max()
    # Where the scan began before the injection and its time is not known, time zero is the scan's: count from the first activity then.
    arrival_s = float(timing.start_s[int(full.argmax())]) if not full[0] else 0.0
    late = timing.start_s >= EARLIEST_RELIABLE_S + max(0.0, arrival_s)
    good = np.flatnonzero(full & late & (timing.duration_s >= SHORTEST_RELIABLE_S))
    return good if good.size else np.array([int(np.argmax(filling * timing.duration_s))])


def _mean(volume: Volume, poses: tuple[Transform, ...], timing: FrameTiming, which: Array) -> Volume:
    total = np.zeros(volume.shape, dtype=np.float32)
    for index in which:
        total += float(timing.duration_s[index]) * in_reference_pose(volume.frame(int(index)), poses[index]).array
    return volume.like(total / float(timing.duration_s[which].sum()))


def _still(frames: int) -> tuple[Transform, ...]:
    return tuple(Transform.identity() for _ in range(frames))


def _poses(volume: Volume, head: Volume, timing: FrameTiming, which: Array, seed: int) -> list[Transform]:
    """Reference pose from the pose of each of some frames. Where any moved, the mean was blurred: then again on the better mean."""
    late = which[-REFERENCE_FRAMES:]
    poses = list(_still(volume.frames))
    for _ in range(MOST_PASSES):
        reference = _mean(volume, tuple(poses), timing, late)
        rungs = pyramid(reference, head, reference, spacings_mm=(8.0, 4.0))
        found = [_pose(rungs, crop(volume.frame(int(k)), head, margin_mm=30.0), poses[k], seed) for k in which]
        middle = _middle(found, timing.duration_s[which], head)
        found = [middle.inverse() @ pose for pose in found]
        still = max(_farthest_mm(pose, Transform.identity(), head) for pose in found[-late.size :]) <= NO_MOTION_MM
        changed = max(_farthest_mm(pose, poses[k], head) for k, pose in zip(which, found, strict=True))
        if still or changed <= SETTLED_MM:
            break
        for k, pose in zip(which, found, strict=True):
            poses[k] = pose
    return found


def _pose(rungs: tuple[Rung, ...], frame: Volume, start: Transform, seed: int) -> Transform:
    frame_from_reference = start.inverse()
    for rung in with_moving(rungs, frame):
        frame_from_reference = realign(rung, frame_from_reference, seed=seed)
    return frame_from_reference.inverse()


def _middle(poses: list[Transform], weights: Array, head: Volume) -> Transform:
    """The pose that lies nearest to all others."""
    points = _points_mm(head)
    apart = np.array([[displacement_mm(one, other, points).mean() for other in poses] for one in poses])
    return poses[int(np.argmin(apart @ weights))]


def _farthest_mm(first: Transform, second: Transform, head: Volume) -> float:
    return float(displacement_mm(first, second, _points_mm(head)).max())


def _points_mm(head: Volume) -> Array:
    index = np.argwhere(head.array)
    index = index[:: max(1, len(index) // 2000)]
    return np.asarray(index @ head.affine[:3, :3].T + head.affine[:3, 3])


def _head(reference: Volume) -> Volume:
    """(S, R, C) bool: the largest bright part, which in TSPO PET of the head is the brain and what lies around it."""
    small = resample(reference, isotropic(reference, 4.0))
    bright = ndimage.gaussian_filter(small.array, 1.0) > 0.25 * np.percentile(small.array, 99.0)
    labels, _ = ndimage.label(bright)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = ndimage.binary_fill_holes(labels == int(sizes.argmax()))
    return resample(small.like(largest), reference, interpolation="nearest")


def _fill(found: list[Transform], reliable: Array, frames: int) -> tuple[Transform, ...]:
    """Frames that were not compared take the pose of the next frame that was, or of the last."""
    following = np.minimum(np.searchsorted(reliable, np.arange(frames)), reliable.size - 1)
    return tuple(found[int(k)] for k in following)


def _turn_deg(pose: Transform) -> float:
    """Angle of a rigid transform's rotation."""
    return float(np.degrees(np.arccos(np.clip((np.trace(pose.matrix[:3, :3]) - 1.0) / 2.0, -1.0, 1.0))))
