"""Which regions are drawn, and in which SEG each is: layers, in which no two regions overlap.

Regions overlap by what they are: normal-appearing white matter runs through zones that are measured as well, and a template's callosum or
hippocampus reaches into tissue of others. OHIF 3.13 loses voxels of a SEG in which segments overlap, even of segments that overlap nothing,
and a label map cannot hold them. So a region goes into the first layer where it overlaps nothing, both sides of a pair together; three
layers hold the atlas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from node.domain.result import Quantity, Region, Result, Segmentation
from node.domain.volume import Array
from node.encode.segments import MOST_SEGMENTS, Patch, patch_of

WHOLES = frozenset(("brain", "whole_brain", "white_matter", "cerebral_gm", "cortex", "deep_gm", "striatum", "cerebellum", "infratentorial"))
"""Regions that others are parts of."""


@dataclass(frozen=True, eq=False)
class DrawnRegion:
    """A region and where it is drawn.

    Parameters
    ----------
    patch : the part of the T1's grid that it lies in
    layer : the place of its SEG among those of regions, from 0
    segment : its number in that SEG, from 1
    """

    region: Region
    patch: Patch
    layer: int
    segment: int


def placed_regions(segmentation: Segmentation, result: Result) -> tuple[DrawnRegion, ...]:
    """The regions that are drawn, by layer and segment: measured, no wholes, no more than `MOST_SEGMENTS` in all."""
    layers: list[_Layer] = []
    for group in _groups(_chosen(segmentation, result)):
        layer = next((one for one in layers if one.has_room(group)), None)
        if layer is None:
            layer = _Layer(segmentation.tissue.shape)
            layers.append(layer)
        layer.add(group)
    return tuple(
        DrawnRegion(region, patch, place, number)
        for place, layer in enumerate(layers)
        for number, (region, patch) in enumerate(layer.held, start=1)
    )


def whole_name(region: Region) -> str:
    """The name of both sides together."""
    return region.name.removesuffix("_left").removesuffix("_right") if region.side is not None else region.name


_Placed = tuple[Region, Patch]


class _Layer:
    """What one SEG holds, and which voxels (S, R, C) it has filled."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.held: list[_Placed] = []
        self._filled: Array = np.zeros(shape, dtype=bool)

    def has_room(self, group: Sequence[_Placed]) -> bool:
        return not any((self._filled[patch.where] & patch.share).any() for _, patch in group)

    def add(self, group: Sequence[_Placed]) -> None:
        for region, patch in group:
            self._filled[patch.where] |= patch.share
            self.held.append((region, patch))


def _chosen(segmentation: Segmentation, result: Result) -> list[_Placed]:
    measured = {finding.region for finding in result.findings if finding.quantity is Quantity.SUVR}
    found = ((region, patch_of(region.mask.array)) for region in segmentation.regions if region.name in measured)
    drawn = [(region, patch) for region, patch in found if patch is not None]
    halved = {whole_name(region) for region, _ in drawn if region.side is not None}
    parts = [(region, patch) for region, patch in drawn if region.name not in halved and whole_name(region) not in WHOLES]
    return parts[:MOST_SEGMENTS]


def _groups(placed: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """Both sides of a region together; each alone where they overlap one another."""
    pairs: dict[str, list[_Placed]] = {}
    for region, patch in placed:
        pairs.setdefault(whole_name(region), []).append((region, patch))
    for pair in pairs.values():
        yield from [[one] for one in pair] if _meet([patch for _, patch in pair]) else [pair]


def _meet(patches: Sequence[Patch]) -> bool:
    return any(one.meets(two) for number, one in enumerate(patches) for two in patches[:number])
