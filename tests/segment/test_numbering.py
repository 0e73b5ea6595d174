"""Which lesion is whose over two exams: on small grids, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from node.domain.transform import Transform
from node.domain.volume import Volume
from node.segment.numbering import (
    Earlier,
    Family,
    cut_to_lesions,
    lasting_numbers,
    match_lesions,
    overlaps,
    renumber,
    volumes_ml,
)

SHAPE = (6, 20, 30)


def labels(boxes: dict[int, tuple[slice, slice]], *, step_mm: float = 1.0, shape: tuple[int, int, int] = SHAPE) -> Volume:
    """Boxes in rows and columns, on the slices 1 to 3."""
    array = np.zeros(shape, dtype=np.int32)
    for number, (rows, columns) in boxes.items():
        array[1:4, rows, columns] = number
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:3, :3] = affine[:3, :3][:, ::-1]
    return Volume(array, affine, "1")


def earlier(boxes: dict[int, tuple[slice, slice]]) -> Earlier:
    return Earlier(labels(boxes), Transform.identity())


def test_an_overlap_is_told_as_a_share_of_the_smaller_lesion() -> None:
    before = earlier({7: (slice(0, 10), slice(0, 10))})
    (found,) = overlaps(labels({2: (slice(8, 10), slice(5, 15))}), before)
    assert (found.before, found.now) == (7, 2)
    assert found.shared_ml == pytest.approx(3 * 2 * 5 / 1000.0)
    assert found.share == pytest.approx(0.5)


@pytest.mark.parametrize(("columns", "matched"), [(slice(9, 19), True), (slice(10, 20), False)])
def test_a_tenth_of_the_smaller_is_a_match_and_less_is_none(columns: slice, matched: bool) -> None:
    now = labels({1: (slice(0, 10), columns)})
    assert bool(match_lesions(now, earlier({4: (slice(0, 10), slice(0, 10))}))) == matched


def test_the_pair_that_shares_most_is_matched_and_each_lesion_once() -> None:
    before = earlier({1: (slice(0, 10), slice(0, 10)), 2: (slice(0, 10), slice(12, 20))})
    now = labels({5: (slice(0, 10), slice(4, 14)), 6: (slice(0, 10), slice(16, 20))})
    assert match_lesions(now, before) == (Family(1, 5), Family(2, 6))


def test_lesions_that_have_grown_together_are_one_family() -> None:
    before = earlier({1: (slice(0, 10), slice(0, 10)), 2: (slice(0, 10), slice(12, 18))})
    now = labels({1: (slice(0, 10), slice(0, 18))})
    assert match_lesions(now, before) == (Family(1, 1, joined=(2,)),)


def test_a_lesion_that_has_come_apart_is_one_family() -> None:
    before = earlier({3: (slice(0, 10), slice(0, 18))})
    now = labels({1: (slice(0, 10), slice(0, 10)), 2: (slice(0, 10), slice(12, 18))})
    assert match_lesions(now, before) == (Family(3, 1, parted=(2,)),)


def test_the_head_may_lie_otherwise_and_the_grid_be_another() -> None:
    """Before on a 2 mm grid and shifted by 5 mm along the columns' axis, which is x here."""
    coarse = labels({9: (slice(1, 5), slice(2, 6))}, step_mm=2.0, shape=(3, 10, 15))
    shift = np.eye(4)
    shift[0, 3] = 5.0
    now = labels({1: (slice(2, 10), slice(9, 17))})
    found = match_lesions(now, Earlier(coarse, Transform(shift)))
    assert found == (Family(9, 1),)
    back = match_lesions(coarse, Earlier(now, Transform(shift).inverse()))
    assert back == (Family(1, 9),)


def test_nothing_matches_nothing() -> None:
    assert match_lesions(labels({}), earlier({1: (slice(0, 5), slice(0, 5))})) == ()
    assert match_lesions(labels({1: (slice(0, 5), slice(0, 5))}), earlier({})) == ()


def test_new_lesions_take_numbers_that_nobody_has_had() -> None:
    array = np.array([0, 1, 2, 3, 4])
    assert lasting_numbers(array, {2: 7}, above=9) == {2: 7, 1: 10, 3: 11, 4: 12}
    assert lasting_numbers(array, {2: 17}, above=9) == {2: 17, 1: 18, 3: 19, 4: 20}
    assert lasting_numbers(array, {}, above=0) == {1: 1, 2: 2, 3: 3, 4: 4}


def test_renumbering_keeps_every_voxel() -> None:
    now = labels({1: (slice(0, 4), slice(0, 4)), 2: (slice(6, 8), slice(6, 8))})
    after = renumber(now, {1: 12, 2: 3})
    assert volumes_ml(after) == {12: volumes_ml(now)[1], 3: volumes_ml(now)[2]}
    np.testing.assert_array_equal(after.array > 0, now.array > 0)


def test_a_cut_keeps_every_lesion_where_it_is() -> None:
    now = labels({1: (slice(3, 5), slice(7, 9)), 4: (slice(10, 20), slice(20, 30))})
    cut = cut_to_lesions(now)
    assert cut.array.size < now.array.size
    for number in (1, 4):
        for one in (now, cut):
            index = np.argwhere(one.array == number).mean(axis=0)
            np.testing.assert_allclose(one.affine[:3, :3] @ index + one.affine[:3, 3], _centre(now, number))
    assert cut_to_lesions(labels({})).shape == SHAPE


def _centre(volume: Volume, number: int) -> np.ndarray:
    index = np.argwhere(volume.array == number).mean(axis=0)
    return np.asarray(volume.affine[:3, :3] @ index + volume.affine[:3, 3])
