"""A brain that is a bent template, carried back."""

from __future__ import annotations

import numpy as np
import pytest

from node.align.affine import HeadFit
from node.align.bias import TissueMeans
from node.align.brain import Brain
from node.align.grid import upright_grid
from node.align.template import template_from_t1
from node.atlas.template import Template, load_template
from node.domain.exam import Check
from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume
from node.imaging import resample

POSE = np.array([[0.9, 0.06, 0, 5.0], [-0.06, 0.9, 0, -40.0], [0, 0, 0.88, 20.0], [0, 0, 0, 1]])
MEANS = TissueMeans(csf=150.0, gm=420.0, wm=600.0)


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template()


@pytest.fixture(scope="module")
def bend(template: Template) -> Deformation:
    """Template from T1: affine, and shifts of up to 5 mm that vary over 80 mm."""
    grid = upright_grid(Volume(np.zeros((60, 70, 60)), np.diag([3.0, 3.0, 3.0, 1.0]) @ np.eye(4)), 8.0)
    affine = np.array(grid.affine)
    affine[:3, 3] = Transform(POSE).apply(np.array([-110.0, -120.0, -90.0]))
    z, y, x = (np.indices(grid.shape) * 8.0) / 25.0
    shift = 5.0 * np.stack([np.sin(y), np.sin(z + 1.0), np.sin(x + 2.0)])
    return Deformation(Transform(POSE).inverse(), Volume(shift, affine, "mm"))


@pytest.fixture(scope="module")
def brain(template: Template, bend: Deformation) -> Brain:
    shape = (64, 76, 64)
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = 3.0
    affine[:3, 3], affine[3, 3] = Transform(POSE).apply(np.array([-98.0, -95.0, -85.0])), 1.0
    grid = Volume(np.zeros(shape, dtype=np.uint8), affine)
    inside = resample(template.brain, grid, bend, interpolation="nearest")
    values = np.interp(resample(template.t1, grid, bend).array, [0, 90, 160, 215], [0, MEANS.csf, MEANS.gm, MEANS.wm])
    return Brain(inside, grid.like(values.astype(np.float32)), MEANS, HeadFit(Transform(POSE), 0.8, 0.9), ())


@pytest.fixture(scope="module")
def carried(brain: Brain, template: Template) -> tuple[Deformation, tuple[Check, ...]]:
    return template_from_t1(brain, template)


def test_a_bent_brain_comes_closer_than_by_the_affine_alone(
    brain: Brain, bend: Deformation, carried: tuple[Deformation, tuple[Check, ...]]
) -> None:
    found, checks = carried
    assert all(check.passed for check in checks), [check.message for check in checks]
    errors = [distance_mm(estimate, bend, brain) for estimate in (Deformation(found.affine, still(found)), found)]
    assert errors[1] < 0.65 * errors[0]


def still(found: Deformation) -> Volume:
    return Volume(np.zeros_like(found.displacement.array), found.displacement.affine, "mm")


def distance_mm(estimate: Deformation, truth: Deformation, brain: Brain) -> float:
    """Mean over the brain of how far both carry a point apart, by what they do to the coordinates of template space."""
    total = np.zeros(brain.mask.shape)
    for axis in range(3):
        reach = [shift(deformation, brain, axis) for deformation in (estimate, truth)]
        total += (reach[0] - reach[1]) ** 2
    return float(np.sqrt(total)[brain.mask.array].mean())


def shift(deformation: Deformation, brain: Brain, axis: int) -> np.ndarray:
    component = Volume(np.asarray(deformation.displacement.array[axis], dtype=np.float32), deformation.displacement.affine)
    return resample(component, brain.mask).array


def test_the_same_brain_gives_the_same_bits(brain: Brain, template: Template, carried: tuple[Deformation, tuple[Check, ...]]) -> None:
    first, second = carried[0], template_from_t1(brain, template)[0]
    assert np.array_equal(first.displacement.array, second.displacement.array)
    assert np.array_equal(first.affine.matrix, second.affine.matrix)


def test_a_template_that_does_not_fit_is_noticed(brain: Brain, template: Template) -> None:
    aside = np.eye(4)
    aside[:3, 3] = (0.0, 45.0, 30.0)
    missed = HeadFit(Transform(POSE) @ Transform(aside), 0.3, 0.9)
    _, checks = template_from_t1(Brain(brain.mask, brain.t1, brain.means, missed, ()), template)
    assert "template_similarity" in {check.name for check in checks if not check.passed}
