"""PET and FLAIR of a made-up small head, put at known poses in its T1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.align.pose import mutual_information, rigid
from node.align.rigid import t1_from_flair, t1_from_pet
from node.align.rigid_checks import in_field, one_head
from node.domain.exam import Gravity
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.errors import DataError

SIZE = 0.8
"""Of the head: a smaller one is quicker."""

T1_VALUE = {"fluid": 30.0, "grey": 70.0, "white": 110.0, "scalp": 140.0, "air": 0.0}
PET_VALUE = {"fluid": 1000.0, "grey": 8000.0, "white": 6500.0, "scalp": 4000.0, "air": 0.0}


def grid(shape: tuple[int, int, int], spacing_mm: float, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = spacing_mm * np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    matrix[:3, 3] = np.array(shift_mm) - spacing_mm * (np.array(shape[::-1]) - 1) / 2
    return matrix


def tissue(points: np.ndarray) -> np.ndarray:
    """Names at LPS mm: an egg of folded grey around white, with two unlike ventricles, in fluid, skull and scalp."""
    x, y, z = points.T / SIZE
    egg = np.sqrt((x / 58) ** 2 + ((y - 0.08 * z) / 72) ** 2 + (z / (52 + 4 * (z > 0))) ** 2)
    angle = np.arctan2(y, x)
    fold = 0.06 * np.sin(9 * angle) * np.cos(z / 9) + 0.03 * np.sin(5 * angle + z / 14)
    out = np.full(len(points), "air", dtype="<U5")
    out[egg < 1.32] = "scalp"
    out[egg < 1.2] = "air"
    out[egg < 1.05] = "fluid"
    out[egg < 0.98 + fold] = "grey"
    out[egg < 0.84 + fold] = "white"
    out[((x - 14) / 8) ** 2 + ((y + 5) / 30) ** 2 + ((z - 8) / 12) ** 2 < 1] = "fluid"
    out[((x + 16) / 7) ** 2 + ((y - 4) / 24) ** 2 + ((z - 10) / 14) ** 2 < 1] = "fluid"
    out[((x - 22) / 9) ** 2 + ((y - 22) / 9) ** 2 + ((z + 6) / 9) ** 2 < 1] = "grey"
    return out


def picture(values: dict[str, float], shape, spacing_mm, pose: Transform, *, noise: float, shift_mm=(0.0, 0.0, 0.0)) -> Volume:
    """The head in a pose (grid's space from the head's) on a grid around `shift_mm`."""
    affine = grid(shape, spacing_mm, shift_mm)
    points = pose.inverse().apply(np.argwhere(np.ones(shape)) @ affine[:3, :3].T + affine[:3, 3])
    names, which = np.unique(tissue(points), return_inverse=True)
    array = np.array([values[name] for name in names])[which]
    array = array + noise * np.random.default_rng(2).standard_normal(array.shape)
    return Volume(array.reshape(shape).astype(np.float32), affine)


T1_SHAPE, PET_SHAPE = (68, 84, 70), (52, 66, 60)
BED_MM = (3.0, 20.0, -742.0)
POSE = rigid((7.0, -5.0, 6.0), (4.0, 14.0, -730.0), np.zeros(3))


@pytest.fixture(scope="module")
def t1():
    return picture(T1_VALUE, T1_SHAPE, 2.0, Transform.identity(), noise=3.0)


@pytest.fixture(scope="module")
def brain():
    affine = grid(T1_SHAPE, 2.0)
    points = np.argwhere(np.ones(T1_SHAPE)) @ affine[:3, :3].T + affine[:3, 3]
    x, y, z = points.T / SIZE
    inside = np.sqrt((x / 62) ** 2 + (y / 76) ** 2 + (z / 58) ** 2) < 1.0
    return Volume(inside.reshape(T1_SHAPE), affine, "1")


@pytest.fixture(scope="module")
def pet():
    return picture(PET_VALUE, PET_SHAPE, 3.0, POSE, noise=800.0, shift_mm=BED_MM)


@pytest.fixture(scope="module")
def aligned(t1, brain, pet):
    return t1_from_pet(t1, brain, pet, seed=3)


def brain_points() -> np.ndarray:
    points = np.random.default_rng(0).uniform(-40, 40, size=(500, 3))
    return points[np.linalg.norm(points, axis=1) < 38]


def test_pet_on_a_bed_far_from_the_magnet_is_found_within_half_a_millimetre(aligned):
    points = brain_points()
    off = np.linalg.norm(aligned[0].apply(POSE.apply(points)) - points, axis=1)
    assert off.mean() < 0.5
    assert off.max() < 1.0
    assert [check.name for check in aligned[1] if not check.passed] == []


def test_the_same_seed_gives_the_same_bits(t1, brain, pet, aligned):
    again, _ = t1_from_pet(t1, brain, pet, seed=3)
    assert np.array_equal(again.matrix, aligned[0].matrix)


def test_flair_lying_where_the_scanner_says_is_left_there(t1, brain):
    values = {**T1_VALUE, "fluid": 20.0, "grey": 120.0, "white": 90.0}
    flair = picture(values, (45, 56, 47), 3.0, Transform.identity(), noise=4.0)
    transform, checks = t1_from_flair(t1, brain, flair, seed=3)
    points = brain_points()
    assert np.linalg.norm(transform.apply(points) - points, axis=1).max() < 0.7
    assert all(check.passed for check in checks)


def test_a_pet_that_cuts_the_brain_off_is_told(t1, brain, pet):
    cut = Volume(pet.array[:24], pet.affine)
    _, checks = t1_from_pet(t1, brain, cut, seed=3)
    assert "pet_to_t1_brain_in_field" in [check.name for check in checks if not check.passed]


def test_slices_that_hold_one_value_alone_do_not_count_as_seen():
    values = np.random.default_rng(4).uniform(size=(8, 8, 8))
    image = Volume(values, np.eye(4))
    blank = values.copy()
    blank[6:] = 0.0
    points = np.indices((8, 8, 8)).reshape(3, -1).T.astype(float)
    assert in_field(image, Transform.identity(), points, "pet_to_t1", "PET").passed
    half = in_field(image.like(blank), Transform.identity(), points, "pet_to_t1", "PET")
    assert not half.passed
    assert half.value == pytest.approx(6 / 8)


@pytest.mark.parametrize(("axis", "what"), [(2, "sides"), (1, "optimum")])
def test_a_header_with_a_direction_the_wrong_way_round_is_noticed_and_named(t1, brain, pet, axis, what):
    flipped = pet.like(np.ascontiguousarray(np.flip(pet.array, axis=axis)))
    _, checks = t1_from_pet(t1, brain, flipped, seed=3)
    failed = {check.name: check for check in checks if not check.passed}
    assert f"pet_to_t1_{what}" in failed
    assert failed["pet_to_t1_orientation"].gravity is Gravity.HOLD


def test_images_of_one_session_are_looked_for_where_the_scanner_says(t1, brain, pet):
    session = "1.2.3.9"
    there = Volume(pet.array, POSE.inverse().matrix @ pet.affine, "", session)
    transform, checks = t1_from_pet(replace(t1, frame_of_reference_uid=session), brain, there, seed=3)
    points = brain_points()
    assert np.linalg.norm(transform.apply(points) - points, axis=1).mean() < 0.5
    assert [check.name for check in checks if not check.passed] == []


def test_one_head_is_told_by_either_sign():
    assert one_head(0.10, 0.0, "n", "PET").passed
    assert one_head(0.03, 0.10, "n", "PET").passed
    assert not one_head(0.05, 0.03, "n", "PET").passed


def test_noise_is_not_taken_for_an_aligned_pet(t1, brain, pet):
    noise = pet.like(np.random.default_rng(1).normal(1000, 300, pet.shape).astype(np.float32))
    _, checks = t1_from_pet(t1, brain, noise, seed=3)
    assert any(check.gravity is Gravity.HOLD for check in checks if not check.passed)


def test_an_empty_pet_is_refused(t1, brain, pet):
    with pytest.raises(DataError, match="PET holds one value only"):
        t1_from_pet(t1, brain, pet.like(np.zeros(pet.shape)), seed=3)


def test_mutual_information_of_an_image_with_itself_is_its_entropy():
    values = np.repeat(np.arange(4.0), 25)
    assert mutual_information(values, values, bins=4) == pytest.approx(np.log(4))
    assert mutual_information(values, np.tile(np.arange(4.0), 25), bins=4) == pytest.approx(0.0, abs=2e-2)
