"""Frames of a made-up head, moved by known amounts."""

from __future__ import annotations

import numpy as np
import pytest

from node.align.motion import correct_motion, reliable_frames
from node.align.motion_checks import motion_checks
from node.align.pose import rigid
from node.domain.exam import PetSeries, SeriesSource
from node.domain.timing import Administration, FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.imaging import in_reference_pose

SPACING_MM = 3.0
SHAPE = (44, 56, 50)


def head(pose: Transform | None = None, *, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """(S, R, C) activity of an egg with a bright band and two unlike spots, in a pose (new from old, LPS mm)."""
    where = np.argwhere(np.ones(SHAPE)) @ affine()[:3, :3].T + affine()[:3, 3]
    x, y, z = (where if pose is None else pose.inverse().apply(where)).T
    egg = np.sqrt((x / 60) ** 2 + (y / 72) ** 2 + (z / 54) ** 2)
    values = 8000.0 / (1 + np.exp((egg - 1) * 15)) + 3000.0 * np.exp(-((egg - 0.8) ** 2) / 0.01)
    values += 4000.0 * np.exp(-((x - 22) ** 2 + (y + 18) ** 2 + (z - 14) ** 2) / 150)
    values += 3000.0 * np.exp(-((x + 28) ** 2 + (y - 30) ** 2 + (z + 12) ** 2) / 250)
    generator = np.random.default_rng(seed)
    return (values + noise * generator.standard_normal(values.shape)).reshape(SHAPE).astype(np.float32)


def affine() -> np.ndarray:
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = SPACING_MM * np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    matrix[:3, 3] = -SPACING_MM * (np.array(SHAPE[::-1]) - 1) / 2
    matrix[3, 3] = 1.0
    return matrix


def series(frames: list[np.ndarray], start_s: list[float], duration_s: list[float]) -> PetSeries:
    return PetSeries(
        Volume(np.stack(frames), affine(), "Bq/mL"),
        FrameTiming(np.array(start_s), np.array(duration_s)),
        Administration("dpa714", "code", "F-18", 6586.2, None, None),
        "BQML",
        "START",
        None,
        ("ATTN", "DECY"),
        "",
        SeriesSource("1.2", "1.2.3", "PT", "", "", "", ()),
    )


def brain_mm() -> np.ndarray:
    return np.random.default_rng(5).uniform(-50, 50, size=(200, 3))


NOD = rigid((6.0, 2.0, -3.0), (2.0, -4.0, 3.0), np.zeros(3))


@pytest.fixture(scope="module")
def nodded():
    frames = [head(noise=300.0, seed=k) for k in range(3)] + [head(NOD, noise=300.0, seed=9)]
    return series(frames, [3600.0, 3900.0, 4200.0, 4500.0], [300.0] * 4)


@pytest.fixture(scope="module")
def motion(nodded):
    return correct_motion(nodded, seed=1)


def test_a_frame_that_moved_is_found_within_a_third_of_a_millimetre(motion):
    points = brain_mm()
    off = np.linalg.norm((motion.pet_from_frame[3] @ NOD).apply(points) - points, axis=1)
    assert off.mean() < 0.3
    assert not next(check for check in motion.checks if check.name == "frame_motion").passed


def test_frames_that_lay_still_are_left_as_they_were_measured(nodded, motion):
    for index in range(3):
        assert np.array_equal(motion.pet_from_frame[index].matrix, np.eye(4))
        frame = nodded.volume.frame(index)
        assert in_reference_pose(frame, motion.pet_from_frame[index]) is frame


def test_the_same_seed_gives_the_same_bits(nodded, motion):
    again = correct_motion(nodded, seed=1)
    assert np.array_equal(again.mean.array, motion.mean.array)
    assert all(np.array_equal(a.matrix, b.matrix) for a, b in zip(again.pet_from_frame, motion.pet_from_frame, strict=True))


def test_the_mean_is_sharper_after_correction(nodded, motion):
    still = head()
    moved = nodded.volume.array.mean(axis=0)
    corrected = motion.mean.array
    assert np.abs(corrected - still).mean() < np.abs(moved - still).mean()


def test_one_frame_has_the_identity_and_is_its_own_mean():
    pet = series([head()], [3600.0], [1800.0])
    motion = correct_motion(pet, seed=1)
    assert np.array_equal(motion.pet_from_frame[0].matrix, np.eye(4))
    assert np.array_equal(motion.mean.array, pet.volume.array[0])
    assert np.isnan(motion.displacement_mm).all()
    assert len(motion.displacement_mm) == 1


def test_early_and_short_frames_take_the_pose_of_the_first_reliable_one():
    blood = np.zeros(SHAPE, dtype=np.float32)
    blood[10:20, 20:30, 20:30] = 9000.0
    frames = [blood, head(NOD), head(NOD)] + [head()] * 3
    motion = correct_motion(series(frames, [0.0, 30.0, 300.0, 600.0, 900.0, 1200.0], [30.0, 40.0, 300.0, 300.0, 300.0, 300.0]), seed=1)
    assert np.array_equal(motion.pet_from_frame[0].matrix, motion.pet_from_frame[2].matrix)
    assert np.array_equal(motion.pet_from_frame[1].matrix, motion.pet_from_frame[2].matrix)
    assert not np.array_equal(motion.pet_from_frame[2].matrix, np.eye(4))
    assert np.isnan(motion.displacement_mm[:2]).all()
    assert not np.isnan(motion.displacement_mm[2:]).any()
    assert "early_frames_pose" in failed(motion.checks)


def failed(checks) -> set[str]:
    return {check.name for check in checks if not check.passed}


def away_mm(found: Transform, true: Transform) -> float:
    """Mean over the brain of how far a found pose (reference from frame) misses the true one (frame from reference)."""
    points = brain_mm()
    return float(np.linalg.norm((found @ true).apply(points) - points, axis=1).mean())


def test_a_jump_of_8_mm_is_found_although_it_blurs_the_reference():
    jump = rigid((0.0, 0.0, 0.0), (0.0, 0.0, 8.0), np.zeros(3))
    frames = [head(jump if k > 2 else None, noise=300.0, seed=k) for k in range(6)]
    motion = correct_motion(series(frames, [3600.0 + 300 * k for k in range(6)], [300.0] * 6), seed=1)
    # Frames before and after are three each: the reference pose may be either's.
    truth = [jump if k > 2 else Transform.identity() for k in range(6)]
    back = motion.pet_from_frame[0] @ truth[0]
    assert max(away_mm(back.inverse() @ pose, true) for pose, true in zip(motion.pet_from_frame, truth, strict=True)) < 0.3
    assert max(motion.displacement_mm) == pytest.approx(8.0, abs=0.4)
    assert {"frame_motion", "frames_realigned"} <= failed(motion.checks)


def test_a_drift_is_followed_frame_by_frame():
    poses = [rigid((0.5 * k, 0.0, 0.0), (0.0, 0.0, 1.2 * k), np.zeros(3)) for k in range(5)]
    frames = [head(pose, noise=300.0, seed=k) for k, pose in enumerate(poses)]
    motion = correct_motion(series(frames, [3600.0 + 300 * k for k in range(5)], [300.0] * 5), seed=1)
    back = motion.pet_from_frame[2] @ poses[2]
    assert max(away_mm(back.inverse() @ pose, true) for pose, true in zip(motion.pet_from_frame, poses, strict=True)) < 0.5


def test_empty_frames_before_the_injection_and_at_the_end_break_nothing():
    nothing = np.zeros(SHAPE, dtype=np.float32)
    missing = np.full(SHAPE, np.nan, dtype=np.float32)
    frames = [nothing, head(), head(), head(noise=300.0, seed=1), missing]
    motion = correct_motion(series(frames, [0.0, 300.0, 600.0, 900.0, 1200.0], [300.0] * 5), seed=1)
    assert [np.isnan(value) for value in motion.displacement_mm] == [True, True, False, False, True]
    assert all(np.array_equal(pose.matrix, np.eye(4)) for pose in motion.pet_from_frame)
    assert np.isfinite(motion.mean.array).all()


def test_frames_count_as_early_from_the_first_activity_where_the_scan_began_before_the_injection():
    frames = np.ones((6, 2, 2, 2))
    frames[:3] = 0.0
    timing = FrameTiming(np.arange(6) * 120.0 + 400.0, np.full(6, 120.0))
    assert reliable_frames(frames, timing).tolist() == [5]


def test_where_no_frame_can_be_compared_the_fullest_stands_alone():
    frames = np.ones((3, 2, 2, 2)) * np.array([1.0, 3.0, 2.0])[:, None, None, None]
    assert reliable_frames(frames, FrameTiming(np.array([0.0, 20.0, 40.0]), np.full(3, 20.0))).tolist() == [1]


def test_the_curve_of_displacements_is_told_frame_by_frame():
    checks = motion_checks(np.array([np.nan, 0.25, 3.5]), [0.0, 0.0, 2.5], 0.7)
    assert failed(checks) == {"frame_motion", "frame_turn", "frames_realigned"}
    told = {check.name: check for check in checks}
    assert "mm: – 0.2 3.5 (" in told["frames_realigned"].message
    assert told["frame_motion"].value == 3.5
    assert told["frame_turn"].value == 2.5
