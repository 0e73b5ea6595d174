"""The lobes: landmarks lie in theirs, left and right are alike, everything is in some lobe."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.atlas.lobes import Lobe, nearest_lobe


# LPS mm; gyri and sulcal banks as MNI coordinates are given for them in the literature, none of them a seed.
@pytest.mark.parametrize(
    ("lobe", "point"),
    [
        (Lobe.FRONTAL, (40.0, -24.0, 26.0)),  # middle frontal gyrus
        (Lobe.FRONTAL, (38.0, 20.0, 58.0)),  # hand knob, precentral
        (Lobe.PARIETAL, (42.0, 30.0, 54.0)),  # postcentral
        (Lobe.PARIETAL, (4.0, 56.0, 36.0)),  # precuneus
        (Lobe.OCCIPITAL, (8.0, 88.0, 2.0)),  # calcarine
        (Lobe.OCCIPITAL, (26.0, 92.0, 10.0)),  # middle occipital gyrus
        (Lobe.TEMPORAL, (50.0, 20.0, 6.0)),  # Heschl's gyrus
        (Lobe.TEMPORAL, (26.0, 20.0, -18.0)),  # hippocampus
        (Lobe.INSULAR, (38.0, -6.0, 2.0)),  # insula
    ],
)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_landmark_lies_in_its_lobe(lobe: Lobe, point: tuple[float, float, float], side: float) -> None:
    assert nearest_lobe(np.array([point]) * (side, 1.0, 1.0)) == [lobe]


@settings(deadline=None)  # a busy machine is no failure
@given(st.tuples(*(st.floats(-120.0, 120.0, width=32) for _ in range(3))))
def test_every_point_lies_in_a_lobe_and_its_mirror_image_in_the_same(point: tuple[float, float, float]) -> None:
    points = np.array([point, (-point[0], point[1], point[2])], dtype=np.float32)
    first, second = nearest_lobe(points)
    assert first == second
    assert first in list(Lobe)


def test_no_points_lie_in_no_lobe() -> None:
    assert nearest_lobe(np.zeros((0, 3))).shape == (0,)
