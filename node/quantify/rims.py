"""Rims: the white matter within 2 mm outside a lesion, each voxel owned by the nearest lesion; and the grid fine enough for them.

On a T1 of 3 mm slices a shell of 2 mm is a part of a slice. So rims are drawn on a grid of about 1 mm, on which every voxel of the T1 is
cut into equal parts: the masks stay what they were, distances get finer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from node.domain.result import Segmentation, Tissue
from node.domain.volume import Array, Volume
from node.quantify.project import Projection

RIM_MM = 2.0
"""Width of a rim: Polvinen et al. 2023; measured as a distance, so that it does not depend on the voxel."""
FINE_MM = 1.0
ROUNDING_MM = 0.05
"""Two voxels of 1.0000012 mm are not more than 2 mm."""


def refined(segmentation: Segmentation, projection: Projection) -> tuple[Segmentation, Projection]:
    """The same masks on a grid of about 1 mm, and the way from it onto the PET."""
    parts = np.maximum(1, np.round(segmentation.lesions.spacing_mm / FINE_MM)).astype(int)
    if (parts == 1).all():
        return segmentation, projection
    regions = tuple(replace(region, mask=_cut_up(region.mask, parts)) for region in segmentation.regions)
    fine = replace(segmentation, tissue=_cut_up(segmentation.tissue, parts), regions=regions, lesions=_cut_up(segmentation.lesions, parts))
    matrix = np.diag([*parts.astype(float), 1.0])
    matrix[:3, 3] = (parts - 1) / 2.0
    return fine, replace(projection, t1_index_from_grid=matrix @ projection.t1_index_from_grid, t1=fine.lesions)


def _cut_up(volume: Volume, parts: Array) -> Volume:
    array = volume.array
    for axis, n in enumerate(parts):
        array = np.repeat(array, n, axis=axis)
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, :3] / parts
    affine[:3, 3] -= affine[:3, :3] @ ((parts - 1) / 2.0)
    return Volume(array, affine, volume.unit, volume.frame_of_reference_uid)


def rims(segmentation: Segmentation) -> Array:
    """(S, R, C) int32: number of the lesion whose rim a voxel is, 0 elsewhere. Never other lesions, grey matter or CSF.

    A voxel as near to two lesions belongs to the lower number.
    """
    labels = segmentation.lesions
    free = (segmentation.tissue.array == Tissue.WHITE_MATTER.value) & (labels.array == 0)  # cerebellum and brain stem included
    found = np.zeros(labels.shape, dtype=np.int32)
    nearest = np.full(labels.shape, np.inf)
    margin = np.ceil(RIM_MM / labels.spacing_mm).astype(int) + 1
    for number, own in enumerate(ndimage.find_objects(labels.array), start=1):
        if own is None:
            continue
        box = tuple(slice(max(0, part.start - int(m)), part.stop + int(m)) for part, m in zip(own, margin, strict=True))
        distance = ndimage.distance_transform_edt(labels.array[box] != number, sampling=labels.spacing_mm)
        mine = free[box] & (distance <= RIM_MM + ROUNDING_MM) & (distance < nearest[box])
        found[box][mine] = number
        nearest[box][mine] = distance[mine]
    return found
