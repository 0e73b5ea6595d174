"""place_numbers: beside the lesion that it names, over nothing that a reader wants to see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from node.domain.volume import Array
from node.encode.overlay_numbers import STROKE, _room_for, largest_slices, number_size, place_numbers, write_numbers

SHAPE = (160, 180)


def slice_of(*discs: tuple[int, int, int]) -> Array:
    """(R, C) lesions 1, 2 … as discs of (row, column, radius)."""
    labels = np.zeros(SHAPE, np.int32)
    rows, columns = np.indices(SHAPE)
    for number, (row, column, radius) in enumerate(discs, start=1):
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = number
    return labels


def boxes(labels: Array, *, first: frozenset[int] = frozenset(), taken: Array | None = None) -> list[tuple[int, Array]]:
    """Each number with the pixels (R, C) bool that it covers."""
    found = []
    for number, row, column in place_numbers(labels, first=first, taken=np.zeros(SHAPE, bool) if taken is None else taken):
        high, wide = _room_for(number, number_size(SHAPE))
        mask = np.zeros(SHAPE, bool)
        mask[row - STROKE : row - STROKE + high, column - STROKE : column - STROKE + wide] = True
        assert mask.sum() == high * wide
        found.append((number, mask))
    return found


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 159), st.integers(0, 179), st.integers(0, 14)), min_size=1, max_size=25))
def test_no_number_covers_a_lesion_its_outline_or_another_number(discs: list[tuple[int, int, int]]) -> None:
    labels = slice_of(*discs)
    outlined = ndimage.binary_dilation(labels > 0)

    placed = boxes(labels)

    covered = np.sum([mask for _, mask in placed], axis=0, dtype=int) if placed else np.zeros(SHAPE, int)
    assert covered.max() <= 1
    assert not (covered.astype(bool) & outlined).any()


def test_a_lone_lesion_has_its_number_above_and_close() -> None:
    labels = slice_of((80, 90, 6))

    ((number, mask),) = boxes(labels)

    distance = ndimage.distance_transform_edt(labels == 0)[mask].min()
    assert number == 1
    assert np.argwhere(mask).mean(0)[0] < 80
    assert 1 < distance <= 3


def test_a_number_stands_nearer_to_its_own_lesion_than_to_another() -> None:
    labels = slice_of((60, 60, 8), (60, 84, 8), (84, 72, 8))

    for number, mask in boxes(labels):
        own = ndimage.distance_transform_edt(labels != number)[mask].min()
        others = ndimage.distance_transform_edt((labels == number) | (labels == 0))[mask].min()
        assert own < others


def test_parts_of_a_lesion_that_lie_apart_are_numbered_each() -> None:
    labels = slice_of((40, 40, 5), (40, 140, 5), (100, 60, 4), (100, 70, 4))
    labels[labels == 2] = 1
    labels[labels == 4] = 3

    assert sorted(number for number, _ in boxes(labels)) == [1, 1, 3]


def test_a_lesion_that_must_be_numbered_is_even_where_there_is_no_room() -> None:
    labels = np.ones(SHAPE, np.int32)
    labels[70:90, 80:100] = 2

    assert boxes(labels) == []
    assert [number for number, _ in boxes(labels, first=frozenset({2}))] == [2]


def test_nothing_is_written_where_something_stands_already() -> None:
    labels = slice_of((8, 90, 3))
    taken = np.zeros(SHAPE, bool)
    taken[:, :120] = True

    ((_, mask),) = boxes(labels, taken=taken)

    assert not (mask & taken).any()


def test_each_lesion_has_one_slice_of_its_largest_section() -> None:
    labels = np.zeros((4, 6, 6), np.int32)
    labels[0, 0, 0], labels[1, :2, 0], labels[2, :2, 0] = 1, 1, 1
    labels[1, 4, 4] = 3

    assert largest_slices(labels) == {1: frozenset({1, 3})}


@pytest.mark.parametrize("count", [1, 12])
def test_digits_are_written_in_the_colour_of_their_lesion(count: int) -> None:
    labels = slice_of(*[(20 + 40 * (k // 4), 20 + 44 * (k % 4), 4) for k in range(count)])
    table = {number: (10 * number, 255 - 10 * number, 40) for number in range(1, count + 1)}
    page = np.zeros((*SHAPE, 3), np.uint8)

    written = write_numbers(page, labels, table, first=frozenset(), taken=np.zeros(SHAPE, bool))

    assert not page.any()
    for number, mask in boxes(labels):
        assert (written[mask] == table[number]).all(-1).sum() > 5
