"""An earlier T1 of the same made-up head is found; another head's, and one without a head, are refused."""

from __future__ import annotations

import numpy as np
import pytest

from node.align.pose import rigid
from node.align.prior import t1_from_prior
from node.domain.exam import Check
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.errors import DataError
from tests.align.test_rigid import SIZE, T1_SHAPE, T1_VALUE, brain_points, grid, tissue

EARLIER_FROM_NOW = rigid((6.0, -4.0, 5.0), (7.0, -9.0, 14.0), np.zeros(3))
COARSE = (45, 56, 47)


def head(values: dict[str, float], shape: tuple[int, int, int], spacing_mm: float, pose: Transform, *, person: int = 1) -> Volume:
    """The made-up head in a pose, with folds and patches of its own: waves of 10 to 25 mm that a person has and another has not."""
    affine = grid(shape, spacing_mm)
    points = pose.inverse().apply(np.argwhere(np.ones(shape)) @ affine[:3, :3].T + affine[:3, 3])
    names, which = np.unique(tissue(points), return_inverse=True)
    array = np.array([values[name] for name in names])[which]
    random = np.random.default_rng(person)
    for _ in range(16):
        way = random.standard_normal(3)
        way *= 2.0 * np.pi / (random.uniform(10.0, 25.0) * np.linalg.norm(way))
        array = array + np.where(array > 0, 10.0 * np.cos(points @ way + random.uniform(0.0, 6.0)), 0.0)
    array = array + 4.0 * np.random.default_rng(int(100 * spacing_mm)).standard_normal(array.shape)
    return Volume(array.reshape(shape).astype(np.float32), affine)


@pytest.fixture(scope="module")
def t1() -> Volume:
    return head(T1_VALUE, T1_SHAPE, 2.0, Transform.identity())


@pytest.fixture(scope="module")
def earlier() -> Volume:
    return head(T1_VALUE, COARSE, 3.0, EARLIER_FROM_NOW)


@pytest.fixture(scope="module")
def brain() -> Volume:
    affine = grid(T1_SHAPE, 2.0)
    x, y, z = (np.argwhere(np.ones(T1_SHAPE)) @ affine[:3, :3].T + affine[:3, 3]).T / SIZE
    inside = np.sqrt((x / 62) ** 2 + (y / 76) ** 2 + (z / 58) ** 2) < 1.0
    return Volume(inside.reshape(T1_SHAPE), affine, "1")


def off_mm(found: Transform) -> float:
    points = brain_points()
    return float(np.linalg.norm(found.apply(EARLIER_FROM_NOW.apply(points)) - points, axis=1).max())


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def test_an_earlier_t1_in_another_pose_is_found(t1: Volume, brain: Volume, earlier: Volume) -> None:
    found, checks = t1_from_prior(t1, brain, earlier, seed=3)
    assert failed(checks) == []
    assert off_mm(found) < 0.5
    again, _ = t1_from_prior(t1, brain, earlier, seed=3)
    np.testing.assert_array_equal(again.matrix, found.matrix)


def test_an_earlier_image_of_another_contrast_is_found(t1: Volume, brain: Volume) -> None:
    values = {**T1_VALUE, "fluid": 20.0, "grey": 120.0, "white": 90.0}
    found, checks = t1_from_prior(t1, brain, head(values, COARSE, 3.0, EARLIER_FROM_NOW), seed=3)
    assert failed(checks) == []
    assert off_mm(found) < 1.0


def test_another_head_is_refused(t1: Volume, brain: Volume) -> None:
    _, checks = t1_from_prior(t1, brain, head(T1_VALUE, COARSE, 3.0, EARLIER_FROM_NOW, person=2), seed=3)
    assert "prior_to_t1_same_head" in failed(checks)


def test_a_head_with_the_sides_exchanged_is_refused(t1: Volume, brain: Volume, earlier: Volume) -> None:
    _, checks = t1_from_prior(t1, brain, earlier.like(np.ascontiguousarray(earlier.array[:, :, ::-1])), seed=3)
    assert "prior_to_t1_same_head" in failed(checks)


def test_an_empty_image_is_a_data_error(t1: Volume, brain: Volume) -> None:
    with pytest.raises(DataError, match="one value only"):
        t1_from_prior(t1, brain, t1.like(np.zeros(t1.shape, dtype=np.float32)), seed=3)
