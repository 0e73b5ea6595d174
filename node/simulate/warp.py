"""An individual out of the template: a random affine map and a smooth random deformation, and the MR's grid.

Names read target-from-source: `template_from_mr` takes LPS mm of the MR to LPS mm of the template, as resampling needs it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from node.domain.timing import FrameTiming
from node.domain.transform import Deformation, Transform
from node.domain.volume import Array, Volume
from node.simulate.fields import centred_grid, lattice, smooth_noise
from node.simulate.options import Pose, SimulationOptions, random_stream

MR_EXTENT_MM = (192.0, 256.0, 256.0)
"""Field of view of the sagittal MR, mm along slice, row and column."""

AXIAL_EXTENT_MM = (192.0, 240.0, 216.0)
"""Field of view of an axial MR, mm along slice, row and column."""

PET_EXTENT_MM = (216.0, 288.0, 288.0)
"""Field of view of the PET, mm along slice, row and column."""

BRAIN_CENTRE_MM = np.array([0.0, 18.0, 5.0])
"""Middle of the template's brain."""

_FIELD_CENTRE_MM = np.array([0.0, 8.0, -22.0])


def individual(seed: int, mr: Volume) -> Deformation:
    """A random head's `template_from_mr`: scales 0.87–1, tilt up to 6°, a deformation of about 2.5 mm SD."""
    random = random_stream(seed, "individual")
    # The template is larger than most people's brains.
    scales = random.uniform(0.87, 1.0, 3)
    turn = Rotation.from_euler("xyz", random.uniform(-6.0, 6.0, 3), degrees=True).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(scales)
    matrix[:3, 3] = BRAIN_CENTRE_MM + random.uniform(-4.0, 4.0, 3) - matrix[:3, :3] @ BRAIN_CENTRE_MM
    return Deformation(Transform(matrix).inverse(), _displacement(random, mr))


def lying(template_from_mr: Deformation, pose: Pose) -> Deformation:
    """`template_from_mr` of the same head when it lies otherwise in the MR: turned and shifted by a pose."""
    first_from_now = pet_from_mr(pose).inverse()
    field = template_from_mr.displacement
    moved = replace(field, affine=first_from_now.inverse().matrix @ field.affine)
    return Deformation(template_from_mr.affine @ first_from_now, moved)


def _displacement(random: np.random.Generator, mr: Volume) -> Volume:
    on = lattice(mr, 8.0)
    wide = [smooth_noise(random, on, scale_mm=60.0) for _ in range(3)]
    fine = [smooth_noise(random, on, scale_mm=24.0) for _ in range(3)]
    return on.like(np.stack([2.2 * a + 1.1 * b for a, b in zip(wide, fine, strict=True)]).astype(np.float32), unit="mm")


def mr_grid(seed: int, spacing_mm: float, frame_of_reference_uid: str) -> Volume:
    """The sagittal, slightly oblique grid of the MR: slices to the left, rows down, columns back."""
    random = random_stream(seed, "mr grid")
    sagittal = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    turn = Rotation.from_euler("xyz", random.uniform(-3.0, 3.0, 3), degrees=True).as_matrix()
    centre = _FIELD_CENTRE_MM + random.uniform(-3.0, 3.0, 3)
    return centred_grid(MR_EXTENT_MM, turn @ sagittal * spacing_mm, centre, frame_of_reference_uid)


def axial_mr_grid(seed: int, spacing_mm: float, slice_mm: float, frame_of_reference_uid: str) -> Volume:
    """The axial, slightly oblique grid of a 2-D MR: slices up, rows back, columns to the left. Another one for each slice thickness."""
    random = random_stream(seed, f"axial mr grid {slice_mm:g}")
    turn = Rotation.from_euler("xyz", random.uniform(-4.0, 4.0, 3), degrees=True).as_matrix()
    centre = BRAIN_CENTRE_MM + np.array([0.0, -6.0, -12.0]) + random.uniform(-3.0, 3.0, 3)
    steps = turn @ _axial((slice_mm, spacing_mm, spacing_mm))
    return centred_grid(AXIAL_EXTENT_MM, steps, centre, frame_of_reference_uid)


def pet_from_mr(pose: Pose) -> Transform:
    """Rigid: turn about the middle of the brain, shift, then the bed."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", pose.rotation_deg, degrees=True).as_matrix()
    shift = BRAIN_CENTRE_MM + np.array(pose.shift_mm) + np.array(pose.bed_mm)
    turn[:3, 3] = shift - turn[:3, :3] @ BRAIN_CENTRE_MM
    return Transform(turn)


def frame_poses(options: SimulationOptions, timing: FrameTiming) -> tuple[Transform, ...]:
    """`pet_from_mr` of each frame; frames between two nods share one object."""
    poses = [options.pose_at(float(start)) for start in timing.start_s]
    placed = {pose: pet_from_mr(pose) for pose in poses}
    return tuple(placed[pose] for pose in poses)


def late_pose(options: SimulationOptions, timing: FrameTiming, window_s: tuple[float, float]) -> Transform:
    """`pet_from_mr` of the mean pose over the late window, weighted with the frames' lengths."""
    late = timing.inside(*window_s)
    poses = [options.pose_at(float(start)) for start in timing.start_s[late]]
    turn, shift = (
        np.average([getattr(pose, name) for pose in poses], axis=0, weights=timing.duration_s[late])
        for name in ("rotation_deg", "shift_mm")
    )
    mean = replace(options.pose, rotation_deg=(turn[0], turn[1], turn[2]), shift_mm=(shift[0], shift[1], shift[2]))
    return pet_from_mr(mean)


def pet_grid(pose: Pose, spacing_mm: tuple[float, float, float], frame_of_reference_uid: str) -> Volume:
    """The axial grid of the PET, around where the brain would lie unshifted."""
    centre = BRAIN_CENTRE_MM + np.array(pose.bed_mm) + np.array([0.0, -6.0, -18.0])
    return centred_grid(PET_EXTENT_MM, _axial(spacing_mm), centre, frame_of_reference_uid)


def _axial(spacing_mm: tuple[float, float, float]) -> Array:
    slices, rows, columns = spacing_mm
    return np.array([[0.0, 0.0, columns], [0.0, rows, 0.0], [slices, 0.0, 0.0]])
