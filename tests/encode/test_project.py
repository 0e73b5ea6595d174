"""project_labels: masks on the grid that is read, by halves, and none lost."""

from __future__ import annotations

import numpy as np
import pytest
from encode_phantom import AXIAL, SAGITTAL, T1_FROM_FLAIR, ball, grid, rigid
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.encode.project import project_labels

T1 = grid((20, 24, 22), SAGITTAL, (8, 8, 8), "1.2")
FLAIR = grid((12, 26, 24), AXIAL, (14, 7, 7), "1.2")


def labels_on_t1(*balls: tuple[float, tuple[float, float, float]]) -> Volume:
    array = np.zeros(T1.shape, np.int32)
    for number, (radius, centre) in enumerate(balls, start=1):
        array[ball(T1, radius, centre)] = number
    return T1.like(array)


def nearest(labels: Volume, points: Array) -> Array:
    """Label at LPS points, looked up voxel by voxel: the second way to the same answer."""
    index = np.rint(points @ labels.index_from_lps[:3, :3].T + labels.index_from_lps[:3, 3]).astype(int)
    inside = ((index >= 0) & (index < labels.shape)).all(axis=-1)
    values = labels.array[tuple(np.clip(index, 0, np.array(labels.shape) - 1).reshape(-1, 3).T)].reshape(inside.shape)
    return np.where(inside, values, 0)


def test_a_mask_on_its_own_grid_stays_as_it_is() -> None:
    labels = labels_on_t1((20, (0, 0, 0)), (10, (40, 0, 0)))

    projection = project_labels(labels, T1, Transform.identity())

    assert np.array_equal(projection.labels.array, labels.array)
    assert projection.outside == ()


def test_a_voxel_belongs_to_a_mask_that_fills_half_of_it() -> None:
    labels = labels_on_t1((30, (0, 5, 0)))

    out = project_labels(labels, FLAIR, T1_FROM_FLAIR).labels.array

    steps = (np.arange(4) + 0.5) / 4 - 0.5
    probes = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    index = np.indices(FLAIR.shape).reshape(3, -1).T[:, None] + probes
    points = T1_FROM_FLAIR.apply(index @ FLAIR.affine[:3, :3].T + FLAIR.affine[:3, 3])
    share = (nearest(labels, points) > 0).mean(axis=1).reshape(FLAIR.shape)

    assert np.array_equal(out > 0, share >= 0.5)


@given(st.tuples(*[st.floats(-50, 50)] * 3), st.floats(-20, 20), st.integers(0, 2))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_lesion_of_one_voxel_is_never_lost(centre: tuple[float, float, float], degrees: float, axis: int) -> None:
    labels = T1.like(np.zeros(T1.shape, np.int32))
    array = labels.array.copy()
    index = np.rint(T1.index_from_lps[:3, :3] @ centre + T1.index_from_lps[:3, 3]).astype(int)
    array[tuple(index)] = 5

    projection = project_labels(T1.like(array), FLAIR, rigid(degrees, axis, (0, 0, 0)))

    assert 5 in projection.labels.array
    assert projection.outside == ()


def test_lesions_that_touch_keep_their_numbers() -> None:
    labels = labels_on_t1((20, (-10, 0, 0)), (20, (25, 0, 0)))

    out = project_labels(labels, FLAIR, T1_FROM_FLAIR).labels

    for number, centre in ((1, (-20.0, 0.0, 0.0)), (2, (30.0, 0.0, 0.0))):
        point = T1_FROM_FLAIR.inverse().apply(np.array(centre))
        assert nearest(out, point[None])[0] == number


def test_a_lesion_beyond_the_field_of_view_is_named() -> None:
    short = grid((3, 26, 24), AXIAL, (14, 7, 7), "1.2")

    projection = project_labels(labels_on_t1((12, (0, 0, 0)), (12, (0, 0, 60))), short, Transform.identity())

    assert projection.outside == (2,)
    assert set(np.unique(projection.labels.array)) == {0, 1}


def test_volume_is_kept_within_a_tenth() -> None:
    labels = labels_on_t1((40, (0, 0, 0)))

    out = project_labels(labels, FLAIR, T1_FROM_FLAIR).labels

    assert (out.array > 0).sum() * out.voxel_ml == pytest.approx((labels.array > 0).sum() * labels.voxel_ml, rel=0.1)
