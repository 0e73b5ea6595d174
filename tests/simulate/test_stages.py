"""One simulated head at several visits: the same person, lying otherwise, with lesions that grow, shrink, come and go."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume
from node.imaging import resample
from node.simulate.head import LABELS
from node.simulate.headers import Identifiers
from node.simulate.lesions import DrawnLesions, LesionKind, at_stage
from node.simulate.options import Pose, SimulationOptions, Stage
from node.simulate.warp import lying, pet_from_mr

SHAPE = (24, 24, 24)
GRID = Volume(np.zeros(SHAPE, dtype=np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))


def lesions() -> tuple[Any, DrawnLesions]:
    """Two balls of 4 mm in white matter that ends at the last six planes."""
    index = np.indices(SHAPE)
    tissue = np.full(SHAPE, LABELS["nawm"], dtype=np.uint8)
    tissue[:, :, 18:] = LABELS["csf"]
    ids = np.zeros(SHAPE, dtype=np.uint8)
    for number, centre in ((1, (7, 8, 8)), (2, (17, 16, 13))):
        ids[np.sqrt(((index - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0)) <= 4.0] = number
    return SimpleNamespace(tissue=GRID.like(tissue)), DrawnLesions(GRID.like(ids), (LesionKind.INACTIVE, LesionKind.RIM_ACTIVE))


def radius_mm(ids: Volume, number: int) -> float:
    return float((3.0 * (ids.array == number).sum() / (4.0 * np.pi)) ** (1.0 / 3.0))


@pytest.mark.parametrize("moved_mm", [2.0, -2.0])
def test_a_lesions_border_moves_by_what_is_asked(moved_mm: float) -> None:
    head, drawn = lesions()
    before, after = drawn.ids, at_stage(drawn, head, Stage(2, grown_mm=((1, moved_mm),))).ids
    assert radius_mm(after, 1) - radius_mm(before, 1) == pytest.approx(moved_mm, abs=0.4)
    np.testing.assert_array_equal(after.array == 2, before.array == 2)


def test_a_lesion_grows_into_white_matter_alone() -> None:
    head, drawn = lesions()
    grown = at_stage(drawn, head, Stage(2, grown_mm=((2, 3.0),))).ids.array
    assert set(np.unique(head.tissue.array[grown == 2])) == {LABELS["nawm"]}


def test_a_lesion_that_is_absent_leaves_the_others_their_numbers() -> None:
    head, drawn = lesions()
    later = at_stage(drawn, head, Stage(2, absent=(1,)))
    assert set(np.unique(later.ids.array)) == {0, 2}
    assert later.kinds == drawn.kinds
    with pytest.raises(ValueError, match="none of number 1"):
        at_stage(drawn, head, Stage(2, absent=(1,), grown_mm=((1, 1.0),)))


def test_a_head_that_lies_otherwise_is_the_same_head() -> None:
    """What the first visit shows on a grid, the second shows on the grid moved along with the head."""
    random = np.random.default_rng(2)
    lattice = Volume(np.zeros((6, 6, 6)), np.diag([5.0, 5.0, 5.0, 1.0]))
    warp = Deformation(Transform(np.diag([1.1, 0.9, 1.0, 1.0])), lattice.like(random.normal(0.0, 0.5, (3, 6, 6, 6)), unit="mm"))
    picture = GRID.like(random.uniform(size=SHAPE).astype(np.float32))
    pose = Pose((5.0, -4.0, 7.0), (6.0, -9.0, 12.0))
    moved = replace(GRID, affine=pet_from_mr(pose).matrix @ GRID.affine)
    first, second = resample(picture, GRID, warp).array, resample(picture, moved, lying(warp, pose)).array
    np.testing.assert_allclose(second, first, atol=1e-4)


def test_the_first_visit_is_what_an_exam_always_was_and_a_later_one_has_other_uids() -> None:
    plain = SimulationOptions()
    assert Identifiers.of(plain).uid("PET study") == Identifiers.of(replace(plain, stage=Stage())).uid("PET study")
    assert Identifiers.of(plain).uid("PET study") != Identifiers.of(replace(plain, stage=Stage(2))).uid("PET study")
    assert Stage().suffix == ""
