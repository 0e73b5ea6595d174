"""Distances in mm, as every verb measures them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from node import imaging
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.imaging import depth_mm, distance_mm, resample

steps = st.floats(0.4, 4.0)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(spacing=st.tuples(steps, steps, steps), seed=st.integers(0, 1000))
def test_distances_are_those_of_another_implementation_on_any_voxel(spacing: tuple[float, ...], seed: int) -> None:
    inside = np.random.default_rng(seed).random((9, 11, 10)) > 0.95
    inside[4, 5, 5] = True
    mask = Volume(inside, np.diag([*spacing, 1.0]))

    expected = ndimage.distance_transform_edt(~inside, sampling=spacing)

    assert distance_mm(mask) == pytest.approx(expected, abs=6e-4)
    assert depth_mm(mask.like(~inside)) == pytest.approx(expected, abs=6e-4)


def test_a_neighbour_on_a_grid_of_a_millimetre_is_a_millimetre_away_and_no_more() -> None:
    inside = np.zeros((60, 60, 60), bool)
    inside[30, 30, 30] = True

    away = distance_mm(Volume(inside, np.eye(4)))

    assert (away[30, 30, 29:32] == [1.0, 0.0, 1.0]).all()
    assert (away > 1.0).sum() == inside.size - 7


def test_where_there_is_nothing_to_be_near_everything_is_infinitely_far() -> None:
    empty = Volume(np.zeros((3, 4, 5), bool), np.eye(4))

    assert np.isinf(distance_mm(empty)).all()
    assert np.isinf(depth_mm(empty.like(~empty.array))).all()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    place=st.tuples(*[st.floats(-20, 60)] * 3),
    degrees=st.floats(-180, 180),
    interpolation=st.sampled_from(["linear", "nearest"]),
    data=st.data(),
)
def test_a_small_grid_is_given_what_the_whole_volume_would_give_it(
    place: tuple[float, ...], degrees: float, interpolation: imaging.Interpolation, data: st.DataObject
) -> None:
    axis = data.draw(st.sampled_from([0, 1, 2]))
    volume = Volume(
        np.random.default_rng(3).random((30, 34, 38), np.float32),
        np.array([[1.3, 0, 0, 0], [0, -1.1, 0, 37], [0, 0, 1.2, 0], [0, 0, 0, 1]]),
    )
    turned = np.eye(4)
    one, two = [i for i in range(3) if i != axis]
    turned[np.ix_((one, two), (one, two))] = [[np.cos(degrees), -np.sin(degrees)], [np.sin(degrees), np.cos(degrees)]]
    turned[:3, 3] = place
    grid = Volume(np.zeros((1, 9, 7)), np.diag([2.0, 0.9, 1.6, 1.0]))

    got = resample(volume, grid, Transform(turned), interpolation=interpolation, outside=-9.0).array

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imaging, "_SMALL", 0.0)
        expected = resample(volume, grid, Transform(turned), interpolation=interpolation, outside=-9.0).array
    assert got == pytest.approx(expected, abs=1e-5)
