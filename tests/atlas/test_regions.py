"""The surfaces in template space: where they lie, how large they are, that they are what the module says."""

from __future__ import annotations

import numpy as np
import pytest

from node.atlas.regions import OUTSIDE_MM, Body, Chain, Cut, Star, Structure, _powers, level_mm

STEP_MM = 2.0


def box() -> np.ndarray:
    """(N, 3) points of a 2 mm grid over the template, LPS mm."""
    axes = np.meshgrid(np.arange(-80, 81, STEP_MM), np.arange(-80, 115, STEP_MM), np.arange(-74, 84, STEP_MM), indexing="ij")
    return np.stack([a.ravel() for a in axes], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return box()


# Both sides together, measured on the Allen Human Reference Atlas; brain parts with the fluid that their surface bulges into.
@pytest.mark.parametrize(
    ("structure", "low_ml", "high_ml"),
    [
        (Structure.THALAMUS, 18.0, 24.0),
        (Structure.BRAIN_STEM, 30.0, 60.0),
        (Structure.CEREBELLUM, 170.0, 420.0),
        (Structure.LENTIFORM, 14.0, 20.0),
        (Structure.AMYGDALA, 3.5, 6.0),
        (Structure.HIPPOCAMPUS, 6.0, 12.0),
        (Structure.PALLIDUM, 2.0, 6.0),
    ],
)
def test_a_structure_has_the_volume_that_was_measured(points: np.ndarray, structure: Structure, low_ml: float, high_ml: float) -> None:
    volume_ml = (level_mm(structure, points) > 0).sum() * STEP_MM**3 / 1000
    assert low_ml <= volume_ml <= high_ml


@pytest.mark.parametrize("structure", list(Structure))
def test_left_and_right_are_mirror_images(points: np.ndarray, structure: Structure) -> None:
    mirrored = points * np.array([-1, 1, 1], dtype=np.float32)
    np.testing.assert_array_equal(level_mm(structure, points), level_mm(structure, mirrored))


def test_landmarks_lie_in_their_structures() -> None:
    inside = {
        Structure.THALAMUS: (12.0, 18.0, 6.0),
        Structure.LENTIFORM: (-26.0, 0.0, 2.0),
        Structure.CAUDATE: (13.0, -14.0, 8.0),
        Structure.BRAIN_STEM: (0.0, 28.0, -34.0),
        Structure.CEREBELLUM: (-25.0, 65.0, -40.0),
        Structure.LATERAL_VENTRICLE: (8.0, 0.0, 18.0),
        Structure.FOURTH_VENTRICLE: (0.0, 45.0, -34.0),
        Structure.HIPPOCAMPUS: (-27.0, 22.0, -16.0),
        Structure.PALLIDUM: (19.0, 3.0, -1.0),
        Structure.CORPUS_CALLOSUM: (-6.0, 36.0, 13.0),
        Structure.MIDDLE_PEDUNCLE: (21.0, 36.0, -38.0),
    }
    for structure, point in inside.items():
        assert level_mm(structure, np.array([point], dtype=np.float32))[0] > 0, structure


def test_no_point_of_the_frontal_lobe_lies_in_any_structure() -> None:
    point = np.array([[25.0, -50.0, 20.0]], dtype=np.float32)
    assert all(level_mm(structure, point)[0] < 0 for structure in Structure)


def test_a_star_with_a_constant_radius_is_a_sphere() -> None:
    powers = _powers(1, midline=False)
    constant = np.array([0.0, 0.0, 0.0, 5.0]) if (powers[-1] == 0).all() else np.array([5.0, 0.0, 0.0, 0.0])
    sphere = Star(np.zeros(3), powers, constant, reach_mm=20.0)
    points = np.array([[3.0, 0.0, 0.0], [0.0, 4.0, 3.0], [0.0, 0.0, 7.0], [30.0, 0.0, 0.0]])
    np.testing.assert_allclose(sphere.level_mm(points), [2.0, 0.0, -2.0, OUTSIDE_MM], atol=1e-12)


def test_a_chain_of_two_spheres_is_a_tapering_capsule() -> None:
    chain = Chain(np.array([[0.0, 0.0, 0.0, 2.0], [10.0, 0.0, 0.0, 4.0]]))
    points = np.array([[5.0, 1.0, 0.0], [-3.0, 0.0, 0.0], [10.0, 0.0, 5.0]])
    np.testing.assert_allclose(chain.level_mm(points), [2.0, -1.0, -1.0], atol=1e-12)


def test_polynomials_of_degree_l_span_the_spherical_harmonics_up_to_l() -> None:
    assert len(_powers(8, midline=False)) == (8 + 1) ** 2
    assert (_powers(10, midline=True)[:, 0] % 2 == 0).all()


def test_a_chain_with_a_width_is_a_slab() -> None:
    slab = Chain(np.array([[0.0, 0.0, 0.0, 2.0], [0.0, 10.0, 0.0, 2.0]]), half_width_mm=7.0)
    points = np.array([[0.0, 5.0, 1.0], [7.0, 5.0, 1.0], [8.0, 5.0, 0.0], [10.0, 5.0, 0.0]])
    np.testing.assert_allclose(slab.level_mm(points), [1.0, 1.0, 1.0, -1.0], atol=1e-12)


def test_a_body_is_the_union_of_its_shapes_behind_its_cuts() -> None:
    spheres = tuple(Chain(np.array([[x, 0.0, 0.0, 4.0], [x, 0.0, 0.1, 4.0]])) for x in (0.0, 6.0))
    cut = Cut(np.array([1.0, 0.0, 0.0]), 7.0, below_mm=2.0)
    points = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [8.0, 0.0, 0.0], [8.0, 0.0, 2.5]])
    np.testing.assert_allclose(Body(spheres, (cut,)).level_mm(points), [4.0, 1.0, -1.0, 4.0 - np.hypot(2.0, 2.4)], atol=1e-9)


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((13.0, 22.0, -36.0), True),  # pons, in front
        ((19.0, 26.0, -36.0), False),  # beyond the root of the trigeminal nerve: middle cerebellar peduncle
        ((14.0, 18.0, -16.0), True),  # crus cerebri
        ((14.0, 10.0, -6.0), False),  # before and above the plane from the posterior commissure to the mammillary bodies
        ((0.0, 46.0, -71.0), True),  # medulla
        ((0.0, 47.0, -75.0), False),  # spinal cord
    ],
)
def test_the_brain_stem_ends_where_convention_ends_it(point: tuple[float, float, float], inside: bool) -> None:
    assert (level_mm(Structure.BRAIN_STEM, np.array([point], dtype=np.float32))[0] > 0) == inside
