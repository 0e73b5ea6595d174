"""The brain of a head made from the template, found again; and Checks that notice what is no brain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.align.affine import HeadFit
from node.align.bias import TissueMeans, tissue_level
from node.align.brain import Brain, extract_brain
from node.align.brain_checks import brain_checks
from node.align.grid import onto, upright_grid
from node.align.morphology import closed, dilated, eroded, filled, largest, outside_mm
from node.atlas.template import Template, load_template
from node.domain.exam import Gravity
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.errors import DataError
from tests.align.made_head import SIZE, MadeHead, make_head


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template()


@pytest.fixture(scope="module")
def head(template: Template) -> MadeHead:
    return make_head(template)


@pytest.fixture(scope="module")
def brain(head: MadeHead, template: Template) -> Brain:
    return extract_brain(head.t1, template)


def failed(brain: Brain, mask: np.ndarray, template: Template) -> set[str]:
    checks = brain_checks(brain.mask.like(mask), brain.t1, brain.means, brain.fit, template)
    return {check.name for check in checks if not check.passed}


def test_grey_and_white_matter_lie_inside_the_mask_and_little_else(brain: Brain, head: MadeHead) -> None:
    mask = brain.mask.array
    assert mask[head.parenchyma.array].mean() > 0.96  # a 3 mm voxel at the edge of an averaged brain is half fluid
    assert (mask & ~head.brain.array).sum() / mask.sum() < 0.03


def test_the_pose_of_the_head_is_found(brain: Brain, head: MadeHead) -> None:
    points = np.argwhere(head.brain.array)[::50] @ head.t1.affine[:3, :3].T + head.t1.affine[:3, 3]
    template_points = head.t1_from_template.inverse().apply(points)
    error = np.linalg.norm(brain.fit.t1_from_template.apply(template_points) - points, axis=1)
    assert error.max() < 2.5
    assert brain.fit.size == pytest.approx(SIZE, rel=0.02)


def test_the_bias_is_taken_out(brain: Brain, head: MadeHead) -> None:
    def spread(values: np.ndarray) -> float:
        white = values[head.white.array]
        return float(white.std() / white.mean())

    assert spread(brain.t1.array) < 0.35 * spread(head.t1.array)
    assert brain.t1.array[brain.mask.array].mean() == pytest.approx(head.t1.array[brain.mask.array].mean(), rel=0.1)


def test_a_good_brain_passes_all_its_checks(brain: Brain) -> None:
    assert [check.message for check in brain.checks if not check.passed] == []


def test_the_order_and_direction_of_the_axes_change_nothing(brain: Brain, head: MadeHead, template: Template) -> None:
    affine = head.t1.affine[:, [2, 0, 1, 3]].copy()
    array = head.t1.array.transpose(2, 0, 1)[::-1]
    affine[:3, 3] += affine[:3, 0] * (array.shape[0] - 1)
    affine[:3, 0] *= -1
    other = extract_brain(Volume(array * np.float32(37.0), affine), template)
    assert np.array_equal(other.mask.array[::-1].transpose(1, 2, 0), brain.mask.array)


def test_a_mask_that_ran_into_the_scalp_is_noticed(brain: Brain, template: Template) -> None:
    grown = dilated(brain.mask, 14.0).array
    assert failed(brain, grown, template) >= {"brain_volume", "brain_overlap"}


def test_a_mask_of_one_half_is_noticed(brain: Brain, template: Template) -> None:
    half = brain.mask.array.copy()
    half[: half.shape[0] // 2] = False
    assert failed(brain, half, template) >= {"brain_volume", "brain_overlap"}


def test_a_mask_in_the_neck_is_noticed(brain: Brain, template: Template) -> None:
    assert failed(brain, np.roll(brain.mask.array, 22, axis=1), template) >= {"brain_overlap", "brain_rim"}


def test_a_shrunken_mask_is_noticed(brain: Brain, template: Template) -> None:
    assert failed(brain, eroded(brain.mask, 6.0).array, template) >= {"brain_overlap", "brain_rim"}


def test_a_contrast_that_is_not_t1_and_a_pose_that_missed_hold_the_exam(brain: Brain, template: Template) -> None:
    fit = HeadFit(brain.fit.t1_from_template, 0.2, 1.3)
    checks = brain_checks(brain.mask, brain.t1, TissueMeans(csf=3.0, gm=2.0, wm=1.0), fit, template)
    held = {check.name for check in checks if not check.passed and check.gravity is Gravity.HOLD}
    assert held == {"head_likeness", "t1_contrast"}


def test_a_brain_cut_by_the_field_of_view_is_said(brain: Brain, template: Template) -> None:
    moved = Transform(np.array([[1, 0, 0, 60.0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    fit = replace(brain.fit, t1_from_template=moved @ brain.fit.t1_from_template)
    checks = brain_checks(brain.mask, brain.t1, brain.means, fit, template)
    cut = next(check for check in checks if check.name == "brain_in_view")
    assert not cut.passed
    assert cut.gravity is Gravity.HOLD  # about half of it is outside


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_image_without_signal_is_refused(value: float, template: Template) -> None:
    with pytest.raises(DataError, match="T1"):
        extract_brain(Volume(np.full((20, 20, 20), value, dtype=np.float32), np.diag([8.0, 8.0, 8.0, 1.0])), template)


def test_the_tissue_level_follows_a_bias() -> None:
    place = np.linspace(-1, 1, 40)
    bias = np.exp(0.6 * place)[:, None, None] * np.ones((40, 40, 40))
    ball = (np.indices((40, 40, 40)) - 19.5).astype(float)
    inside = (ball**2).sum(axis=0) < 17**2
    head = Volume(np.where(inside, 100.0 * bias, 1.0).astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    flat = head.array[inside] / tissue_level(head)[inside]
    assert flat.std() / flat.mean() < 0.3 * head.array[inside].std() / head.array[inside].mean()


def test_an_upright_grid_covers_a_tilted_volume_and_keeps_its_values() -> None:
    turn = np.radians(25)
    affine = np.eye(4)
    affine[:3, :3] = 2.0 * np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    values = np.zeros((30, 30, 30), dtype=np.float32)
    values[8:22, 8:22, 8:22] = 5.0
    volume = Volume(values, affine)
    moved = onto(volume, upright_grid(volume, 3.0))
    assert moved.array.sum() * moved.voxel_ml == pytest.approx(values.sum() * volume.voxel_ml, rel=0.02)
    assert np.count_nonzero(moved.affine[:3, :3]) == 3


def test_distances_are_in_mm_whatever_the_grid() -> None:
    array = np.zeros((9, 21, 21), dtype=bool)
    array[4, 10, 10] = True
    dot = Volume(array, np.diag([4.0, 1.0, 1.0, 1.0]), "1")
    assert outside_mm(dot)[6, 10, 10] == pytest.approx(8.0)
    assert dilated(dot, 3.0).array.sum() == 29  # the disc of radius 3 in its own slice: the neighbours lie 4 mm away
    assert np.array_equal(eroded(dilated(dot, 3.0), 2.9).array, array)


def test_closing_fills_a_cleft_and_the_largest_part_wins() -> None:
    array = np.zeros((16, 24, 24), dtype=bool)
    array[5:11, 6:18, 6:18] = True
    array[5:11, 13:15, 6:18] = False
    block = Volume(array, np.eye(4), "1")
    assert closed(block, 2.0).array[8, 13, 12]
    array = array.copy()
    array[1, 1, 1] = True
    array[7, 8, 8] = False  # a hole
    best = filled(largest(block.like(array)))
    assert not best.array[1, 1, 1]
    assert best.array[7, 8, 8]
