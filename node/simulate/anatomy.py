"""The individual's anatomy on the MR grid: tissue, lesions, zones and rims, with the same labels as the truth has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.transform import Deformation
from node.domain.volume import Array, Volume
from node.imaging import resample
from node.simulate.head import LABELS, Head
from node.simulate.lesions import DrawnLesions, LesionKind

RIM_MM = 2.0
"""Width of the shell outside a lesion's mask that is its rim."""

ZONES = {"overall-active": 1, "inactive": 2, "rim": 3, "rim-core": 4}
"""Values of the lesion zone volume."""

WHITE = ("nawm", "cereb_wm", "brainstem")
"""Tissue in which lesions and rims may lie."""

_CORE_ZONE = {LesionKind.OVERALL_ACTIVE: "overall-active", LesionKind.INACTIVE: "inactive", LesionKind.RIM_ACTIVE: "rim-core"}


@dataclass(frozen=True, eq=False)
class Anatomy:
    """All (S, R, C) on the MR grid.

    Parameters
    ----------
    tissue : uint8, values of `LABELS`; a lesion carries the label of the white matter that it lies in
    lesion_ids, rim_ids : int16, 1…n by falling volume
    lesion_zone : uint8, values of `ZONES`; the rim has a value only where the lesion is rim-active
    kinds : of lesions 1…n
    """

    tissue: Volume
    lesion_ids: Volume
    rim_ids: Volume
    lesion_zone: Volume
    kinds: tuple[LesionKind, ...]


def individual_anatomy(head: Head, lesions: DrawnLesions, mr: Volume, template_from_mr: Deformation) -> Anatomy:
    """Carry tissue and lesions to the MR grid, and draw the rims there."""
    tissue = resample(head.tissue, mr, template_from_mr, interpolation="nearest")
    drawn = resample(lesions.ids, mr, template_from_mr, interpolation="nearest").array
    white = np.isin(tissue.array, [LABELS[name] for name in WHITE])
    order = _by_falling_volume(np.where(white, drawn, 0), len(lesions.kinds))
    number = np.zeros(256, dtype=np.int16)
    number[order] = np.arange(1, len(order) + 1)
    ids = number[np.where(white, drawn, 0)]
    kinds = tuple(lesions.kinds[old - 1] for old in order)
    rims = _rims(ids, white & (ids == 0), mr.spacing_mm)
    return Anatomy(tissue, mr.like(ids, unit="1"), mr.like(rims, unit="1"), mr.like(_zones(ids, rims, kinds), unit="1"), kinds)


def _by_falling_volume(drawn: Array, count: int) -> Array:
    """Old numbers of the lesions that are left, largest first."""
    sizes = np.bincount(drawn.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    return np.asarray(order[sizes[order] > 0] + 1)


def _rims(ids: Array, free: Array, spacing: Array) -> Array:
    """Shell of `RIM_MM` around every lesion, in white matter outside all lesions, each voxel owned by the nearest lesion."""
    rims = np.zeros(ids.shape, dtype=np.int16)
    nearest = np.full(ids.shape, np.inf, dtype=np.float32)
    margin = np.ceil(RIM_MM / spacing).astype(int) + 1
    for number, found in enumerate(ndimage.find_objects(ids), start=1):
        box = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(found, margin, strict=True))
        distance = ndimage.distance_transform_edt(ids[box] != number, sampling=spacing)
        mine = free[box] & (distance <= RIM_MM) & (distance < nearest[box])
        rims[box][mine] = number
        nearest[box][mine] = distance[mine]
    return rims


def _zones(ids: Array, rims: Array, kinds: tuple[LesionKind, ...]) -> Array:
    core = np.append(0, [ZONES[_CORE_ZONE[kind]] for kind in kinds]).astype(np.uint8)
    rim = np.append(0, [ZONES["rim"] if kind is LesionKind.RIM_ACTIVE else 0 for kind in kinds]).astype(np.uint8)
    return np.asarray(np.where(ids > 0, core[ids], rim[rims]))
