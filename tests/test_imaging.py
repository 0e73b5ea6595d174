"""Distances in mm, as every verb measures them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from node.domain.volume import Volume
from node.imaging import depth_mm, distance_mm

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
