"""Persistent numbers: which lesion of this exam is which of an earlier one, and what each is called.

Words: *before* and *now* are lesions of an earlier exam and of this one, each by its label; two of them *overlap* where at least
`LEAST_OVERLAP` of the smaller lies in the other, once the earlier exam has been laid onto this one. A *match* pairs lesions one to one; a
*family* is a match with those that have joined it or parted from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.imaging import resample

LEAST_OVERLAP = 0.1
"""Of the smaller of the two, after alignment: the 10 % that follow-ups of lesions commonly take. That it is of the smaller is our default:
a lesion that has grown tenfold holds what it was, and that is all of what it was."""


@dataclass(frozen=True, eq=False)
class Earlier:
    """Lesions of an earlier exam, or of an incoming SEG.

    Parameters
    ----------
    labels : (S, R, C) integers, 0 background
    t1_from_labels : LPS mm of their grid → LPS mm of this exam's T1, rigid
    """

    labels: Volume
    t1_from_labels: Transform


@dataclass(frozen=True)
class Overlap:
    """Two lesions that overlap: their labels, the volume (mL) that they share, and its share of the smaller one."""

    before: int
    now: int
    shared_ml: float
    share: float


@dataclass(frozen=True)
class Family:
    """Lesions that are one: `before` and `now` are the matched pair, `joined` others of before, `parted` others of now."""

    before: int
    now: int
    joined: tuple[int, ...] = ()
    parted: tuple[int, ...] = ()


def match_lesions(now: Volume, earlier: Earlier) -> tuple[Family, ...]:
    """Pair the lesions of two exams, the pair that shares most first; every lesion is in one family at most.

    What overlaps but found its partner taken has joined the partner, or parted from it: the one that it shares most with.

    Parameters
    ----------
    now : (S, R, C) integers on the T1 grid

    Returns
    -------
    by the label of before
    """
    found = [item for item in overlaps(now, earlier) if item.share >= LEAST_OVERLAP]
    order = sorted(found, key=lambda item: (-item.shared_ml, item.before, item.now))
    after: dict[int, int] = {}
    for item in order:
        if item.before not in after and item.now not in after.values():
            after[item.before] = item.now
    families = {one: Family(one, other) for one, other in after.items()}
    origin = {other: one for one, other in after.items()}
    # In this order the first overlap of a lesion is its largest; its partner is matched, or they would be a match.
    for item in _first_of(order, "before", known=after):
        family = families[origin[item.now]]
        families[family.before] = replace(family, joined=(*family.joined, item.before))
    for item in _first_of(order, "now", known=origin):
        family = families[item.before]
        families[family.before] = replace(family, parted=(*family.parted, item.now))
    return tuple(families[key] for key in sorted(families))


def _first_of(order: Iterable[Overlap], side: str, *, known: Mapping[int, int]) -> list[Overlap]:
    """The first overlap of each lesion of a side that has no match, by its label."""
    first: dict[int, Overlap] = {}
    for item in order:
        label = getattr(item, side)
        if label not in known:
            first.setdefault(label, item)
    return [first[label] for label in sorted(first)]


def overlaps(now: Volume, earlier: Earlier) -> tuple[Overlap, ...]:
    """Every pair of lesions that share anything; counted on the finer of the two grids, the other's nearest voxel deciding."""
    if not now.array.any() or not earlier.labels.array.any():
        return ()
    if now.voxel_ml <= earlier.labels.voxel_ml:
        grid = cut_to_lesions(now)
        new, old = grid.array, resample(earlier.labels, grid, earlier.t1_from_labels.inverse(), interpolation="nearest").array
    else:
        grid = cut_to_lesions(earlier.labels)
        new, old = resample(now, grid, earlier.t1_from_labels, interpolation="nearest").array, grid.array
    both = (new > 0) & (old > 0)
    pairs, counts = np.unique(np.stack([old[both], new[both]]), axis=1, return_counts=True)
    before_ml, now_ml = volumes_ml(earlier.labels), volumes_ml(now)
    found = []
    for (one, other), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        shared = count * grid.voxel_ml
        found.append(Overlap(one, other, shared, shared / min(before_ml[one], now_ml[other])))
    return tuple(found)


def lasting_numbers(labels: Array, given: Mapping[int, int], *, above: int) -> dict[int, int]:
    """Label → number of every lesion.

    Parameters
    ----------
    labels : (S, R, C) integers, 0 background
    given : label → number, of those that have one
    above : the others take the numbers after this one and after all that are given, in their order
    """
    free = max([above, *given.values()], default=0)
    others = [label for label in np.unique(labels).tolist() if label > 0 and label not in given]
    return {**given, **{label: free + place for place, label in enumerate(others, start=1)}}


def renumber(labels: Volume, numbers: Mapping[int, int]) -> Volume:
    """(S, R, C) int32 each label as its number; every label of the image is in `numbers`."""
    present = [label for label in np.unique(labels.array).tolist() if label > 0]
    table = np.zeros(max(present, default=0) + 1, dtype=np.int32)
    for label in present:
        table[label] = numbers[label]
    return labels.like(np.asarray(table[labels.array]))


def volumes_ml(labels: Volume) -> dict[int, float]:
    """Volume of each label."""
    names, counts = np.unique(labels.array[labels.array > 0], return_counts=True)
    return {int(name): float(count) * labels.voxel_ml for name, count in zip(names, counts, strict=True)}


def cut_to_lesions(labels: Volume) -> Volume:
    """The part of a label image that holds labels, with one voxel around it as far as the grid goes; all of it where there is none."""
    where = [np.flatnonzero(labels.array.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if not where[0].size:
        return labels
    low = [max(0, int(w[0]) - 1) for w in where]
    box = tuple(slice(start, int(w[-1]) + 2) for start, w in zip(low, where, strict=True))
    affine = labels.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return replace(labels, array=np.ascontiguousarray(labels.array[box]), affine=affine)
