"""Statuses and what they mean for an object."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pydicom.dataset import Dataset

from node.deliver.verdict import RANGES, Fate, verdict


def answer(status: int, comment: str = "") -> Dataset:
    dataset = Dataset()
    dataset.Status = status
    if comment:
        dataset.ErrorComment = comment
    return dataset


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (0x0000, Fate.STORED),
        (0xB000, Fate.STORED),
        (0xB006, Fate.STORED),
        (0xB007, Fate.STORED),
        (0x0111, Fate.STORED),
        (0xA700, Fate.POSTPONED),
        (0xA7FF, Fate.POSTPONED),
        (0x0110, Fate.POSTPONED),
        (0x0124, Fate.POSTPONED),
        (0x0122, Fate.REFUSED),
        (0xA900, Fate.REFUSED),
        (0xA9FF, Fate.REFUSED),
        (0xC000, Fate.REFUSED),
        (0xCFFF, Fate.REFUSED),
        (0x0117, Fate.REFUSED),
        (0xA800, Fate.REFUSED),
        (0xDEAD, Fate.REFUSED),
    ],
)
def test_a_status_decides_the_fate(status: int, fate: Fate) -> None:
    assert verdict(answer(status)).fate is fate


def test_no_answer_leaves_the_fate_unknown() -> None:
    assert verdict(Dataset()).fate is Fate.UNKNOWN


def test_the_reason_holds_status_meaning_and_the_peers_own_words() -> None:
    assert verdict(answer(0x0000)).reason == "answered 0x0000"
    assert verdict(answer(0xA700)).reason == "answered 0xA700 (out of resources)"
    assert verdict(answer(0xB000, "coerced ID ")).reason == "answered 0xB000 (warning: coerced ID)"


def test_no_two_lines_of_the_table_overlap() -> None:
    ranges = sorted((first, last) for first, last, _, _ in RANGES)

    assert all(first <= last for first, last in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))
