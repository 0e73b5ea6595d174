"""Rims: the white matter within 2 mm outside a lesion, each voxel owned by the nearest lesion; and the grid fine enough for them.

On a T1 of 3 mm slices a shell of 2 mm is a part of a slice. So rims are drawn on a grid of about 1 mm, on which every voxel of the T1 is
cut into equal parts: the masks stay what they were, distances get finer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from node.domain.result import Segmentation, Tissue
from node.domain.volume import Array, Volume
from node.quantify.project import Projection

RIM_MM = 2.0
"""Width of a rim: Polvinen et al. 2023; measured as a distance, so that it does not depend on the voxel."""
FINE_MM = 1.0
DEEP_GRAY = ("thalamus", "deep_gm")
"""Regions whose uptake differs from the cortex's."""
TO_SURFACE = 0.42
"""A mask's surface lies this share of a voxel outside the centres of its voxels: half of one along an axis, less along a diagonal. With
it the rim of a voxelised sphere has the volume of the shell within 10 %; without it it is 20 % too
thin on 1 mm."""


@dataclass(frozen=True, eq=False)
class Rims:
    """The rims of all lesions.

    Parameters
    ----------
    segmentation : tissue, lesions and deep grey matter on the grid of about 1 mm
    way : from that grid onto the PET
    labels : (S, R, C) int32 on it: number of the lesion whose rim a voxel is, 0 elsewhere
    """

    segmentation: Segmentation
    way: Projection
    labels: Volume


def draw_rims(segmentation: Segmentation, projection: Projection) -> Rims:
    """The rims, on a grid of about 1 mm."""
    fine, way = refined(segmentation, projection)
    return Rims(fine, way, fine.lesions.like(rims(segmentation, fine)))


def refined(segmentation: Segmentation, projection: Projection) -> tuple[Segmentation, Projection]:
    """Tissue, lesions and deep grey matter on a grid of about 1 mm, and the way from it onto the PET."""
    parts = np.maximum(1, np.round(segmentation.lesions.spacing_mm / FINE_MM)).astype(int)
    if (parts == 1).all():
        return segmentation, projection
    regions = tuple(replace(region, mask=_cut_up(region.mask, parts)) for region in segmentation.regions if region.name in DEEP_GRAY)
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


def slack_mm(spacing_mm: Array) -> float:
    """How much further than from the surface it is from the centre of the nearest voxel inside."""
    return TO_SURFACE * float(np.min(spacing_mm))


def rims(drawn: Segmentation, fine: Segmentation) -> Array:
    """(S, R, C) int32: number of the lesion whose rim a voxel is, 0 elsewhere. Never other lesions, grey matter or CSF.

    The 2 mm are measured from the lesion's surface. Between thick slices that is interpolated, because the steps there are the grid's and
    not the lesion's. A voxel as near to two lesions belongs to the lower number.

    Parameters
    ----------
    drawn : on the T1 grid
    fine : the same `refined`; the grid of the answer

    References
    ----------
    Raya and Udupa, IEEE Trans Med Imaging 9:32 (1990), for the surface between slices.
    """
    labels = drawn.lesions
    parts = np.array(fine.lesions.shape) // labels.shape
    free = (fine.tissue.array == Tissue.WHITE_MATTER.value) & (fine.lesions.array == 0)  # cerebellum and brain stem included
    found = np.zeros(fine.lesions.shape, dtype=np.int32)
    nearest = np.full(found.shape, np.inf)
    margin = np.ceil(RIM_MM / labels.spacing_mm).astype(int) + 1
    limit_mm = RIM_MM + slack_mm(fine.lesions.spacing_mm)
    for number, own in enumerate(ndimage.find_objects(labels.array), start=1):
        if own is None:
            continue
        box = tuple(slice(max(0, part.start - int(m)), part.stop + int(m)) for part, m in zip(own, margin, strict=True))
        distance = _from_surface(labels.array[box] == number, labels.spacing_mm, parts)
        there = tuple(slice(b.start * int(n), b.start * int(n) + size) for b, n, size in zip(box, parts, distance.shape, strict=True))
        mine = free[there] & (distance <= limit_mm) & (distance < nearest[there])
        found[there][mine] = number
        nearest[there][mine] = distance[mine]
    return found


def _from_surface(inside: Array, spacing_mm: Array, parts: Array) -> Array:
    """Distance in mm to the inside on the fine grid; a lesion so thin that it gets lost between slices is taken as it is drawn."""
    if (parts > 1).any():
        signed = ndimage.distance_transform_edt(~inside, sampling=spacing_mm) - ndimage.distance_transform_edt(inside, sampling=spacing_mm)
        between = ndimage.zoom(signed, parts, order=1, mode="nearest", grid_mode=True) < 0
        drawn = np.kron(inside, np.ones(parts, dtype=bool))
        inside = between if between.any() else drawn
    return np.asarray(ndimage.distance_transform_edt(~inside, sampling=spacing_mm / parts))
