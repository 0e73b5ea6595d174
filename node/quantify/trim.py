"""Trim: a segmentation cut to the box around the brain, so that distances are not computed through the air around a head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from node.domain.result import Segmentation
from node.domain.volume import Volume
from node.errors import DataError

MARGIN_VOXELS = 3


def trim(segmentation: Segmentation, brain: Volume) -> tuple[Segmentation, Volume]:
    """The segmentation and the brain mask on the box around the brain; every voxel keeps its place in LPS mm.

    Raises
    ------
    DataError : there is no brain
    """
    found = [np.flatnonzero(brain.array.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if any(where.size == 0 for where in found):
        raise DataError("expected a brain to measure; found an empty mask")
    box = tuple(
        slice(max(0, int(where[0]) - MARGIN_VOXELS), min(size, int(where[-1]) + 1 + MARGIN_VOXELS))
        for where, size in zip(found, brain.shape, strict=True)
    )
    regions = tuple(replace(region, mask=_cut(region.mask, box)) for region in segmentation.regions)
    small = replace(segmentation, tissue=_cut(segmentation.tissue, box), regions=regions, lesions=_cut(segmentation.lesions, box))
    return small, _cut(brain, box)


def _cut(volume: Volume, box: tuple[slice, ...]) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] += volume.affine[:3, :3] @ [part.start for part in box]
    return Volume(volume.array[box], affine, volume.unit, volume.frame_of_reference_uid)
