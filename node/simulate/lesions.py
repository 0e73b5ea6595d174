"""Lesions of multiple sclerosis, drawn into the white matter of a head in template space.

Each is a union of a few lobes with an irregular surface, clipped to white matter. Coordinates are LPS mm of the template.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy import ndimage

from node.domain.volume import Array, Volume
from node.simulate.fields import smooth_noise
from node.simulate.head import LABELS, Head
from node.simulate.options import Stage, random_stream


class LesionKind(Enum):
    """How a lesion takes up a TSPO tracer."""

    OVERALL_ACTIVE = "overall-active"
    INACTIVE = "inactive"
    RIM_ACTIVE = "rim-active"


class Place(Enum):
    """Where a lesion is put."""

    PERIVENTRICULAR = "periventricular"
    JUXTACORTICAL = "juxtacortical"
    DEEP = "deep"
    INFRATENTORIAL = "infratentorial"


@dataclass(frozen=True, eq=False)
class DrawnLesions:
    """Lesions in template space: `ids` (S, R, C) uint8, 0 background, 1…n; `kinds[i]` belongs to number i + 1."""

    ids: Volume
    kinds: tuple[LesionKind, ...]


_PLAN = (
    (LesionKind.RIM_ACTIVE, Place.PERIVENTRICULAR, 8.0),
    (LesionKind.OVERALL_ACTIVE, Place.DEEP, 6.5),
    (LesionKind.INACTIVE, Place.PERIVENTRICULAR, 7.0),
    (LesionKind.RIM_ACTIVE, Place.DEEP, 7.0),
    (LesionKind.OVERALL_ACTIVE, Place.PERIVENTRICULAR, 5.5),
    (LesionKind.INACTIVE, Place.INFRATENTORIAL, 4.5),
    (LesionKind.INACTIVE, Place.JUXTACORTICAL, 4.5),
    (LesionKind.OVERALL_ACTIVE, Place.JUXTACORTICAL, 4.5),
    (LesionKind.RIM_ACTIVE, Place.PERIVENTRICULAR, 6.5),
)
"""Kind, place and radius (mm) of the first lesions; further ones are drawn at random: small, or rim-active and not so small, anywhere."""

SMALLEST_MM3 = 60.0
"""What is left smaller than this after clipping is not kept."""

_GAP_MM = 5.0
_WHITE = (LABELS["nawm"], LABELS["cereb_wm"], LABELS["brainstem"])


def draw_lesions(head: Head, *, seed: int, count: int) -> DrawnLesions:
    """Place lesions one after the other where they fit.

    Parameters
    ----------
    count : how many to try; one that finds no place is left out
    """
    random = random_stream(seed, "lesions")
    sites = _Sites(head)
    surface = smooth_noise(random, head.tissue, scale_mm=6.0)
    ids = np.zeros(head.tissue.shape, dtype=np.uint8)
    kinds: list[LesionKind] = []
    for kind, place, radius in _plan(random, count):
        centre = sites.take(random, place, radius)
        if centre is None:
            continue
        box, blob = _blob(random, head, centre, radius, surface)
        blob &= ids[box] == 0
        if blob.sum() * head.tissue.voxel_ml * 1000.0 < SMALLEST_MM3:
            continue
        kinds.append(kind)
        ids[box][blob] = len(kinds)
    return DrawnLesions(head.tissue.like(ids), tuple(kinds))


def at_stage(lesions: DrawnLesions, head: Head, stage: Stage) -> DrawnLesions:
    """The lesions as they are at one visit; they keep their numbers, and grow into white matter that is no other lesion's."""
    ids = np.where(np.isin(lesions.ids.array, stage.absent), 0, lesions.ids.array).astype(np.uint8)
    for number, moved_mm in stage.grown_mm:
        inside = ids == number
        if not inside.any():
            raise ValueError(f"a lesion that grows is there; found none of number {number}")
        outer = ndimage.distance_transform_edt(~inside, sampling=lesions.ids.spacing_mm)
        inner = ndimage.distance_transform_edt(inside, sampling=lesions.ids.spacing_mm)
        free = (ids == 0) & np.isin(head.tissue.array, _WHITE)
        ids[free & (outer <= moved_mm)] = number
        ids[inside & (inner <= -moved_mm)] = 0
    return DrawnLesions(lesions.ids.like(ids), lesions.kinds)


def _plan(random: np.random.Generator, count: int) -> list[tuple[LesionKind, Place, float]]:
    plan = list(_PLAN[:count])
    kinds, places = tuple(LesionKind), tuple(Place)
    for _ in range(count - len(plan)):
        kind, place = kinds[random.integers(len(kinds))], places[random.integers(len(places))]
        radius = random.uniform(4.0, 7.0) if kind is LesionKind.RIM_ACTIVE else random.uniform(2.5, 5.5)
        plan.append((kind, place, float(radius)))
    return plan


class _Sites:
    """Where lesions of each place may have their centre, and which centres are taken."""

    def __init__(self, head: Head) -> None:
        self._affine = head.tissue.affine
        step = max(1, round(2.0 / head.tissue.spacing_mm[0]))
        self._step = step
        tissue, hull = head.tissue.array[::step, ::step, ::step], head.hull_mm.array[::step, ::step, ::step]
        spacing = head.tissue.spacing_mm * step
        white = tissue == LABELS["nawm"]
        ventricle = (tissue == LABELS["csf"]) & (hull < -22.0)
        ventricle = ndimage.binary_opening(ventricle)
        to_ventricle = ndimage.distance_transform_edt(~ventricle, sampling=spacing)
        to_cortex = ndimage.distance_transform_edt(tissue != LABELS["cortex"], sampling=spacing)
        self._masks = {
            Place.PERIVENTRICULAR: white & (to_ventricle < 7.0) & (to_cortex > 4.0),
            Place.JUXTACORTICAL: white & (to_cortex < 4.5) & (to_cortex > 2.0) & (to_ventricle > 12.0),
            Place.DEEP: white & (to_ventricle > 8.0) & (to_cortex > 4.5),
            Place.INFRATENTORIAL: np.isin(tissue, (LABELS["cereb_wm"], LABELS["brainstem"])) & (to_cortex > 6.0) & (hull < -8.0),
        }
        self._taken: list[tuple[Array, float]] = []

    def take(self, random: np.random.Generator, place: Place, radius: float) -> Array | None:
        """(3,) LPS mm of a free centre; None where there is none."""
        candidates = np.argwhere(self._masks[place]) * self._step
        points = candidates @ self._affine[:3, :3].T + self._affine[:3, 3]
        free = np.ones(len(points), dtype=bool)
        for centre, other in self._taken:
            free &= np.linalg.norm(points - centre, axis=1) > radius + other + _GAP_MM
        points = points[free]
        if len(points) == 0:
            return None
        centre = points[random.integers(len(points))]
        self._taken.append((centre, radius))
        return np.asarray(centre)


def _blob(random: np.random.Generator, head: Head, centre: Array, radius: float, surface: Array) -> tuple[tuple[slice, ...], Array]:
    """Box of the grid around a centre, and which of its voxels belong to the lesion."""
    index = (head.tissue.index_from_lps @ np.append(centre, 1.0))[:3]
    reach = np.ceil(1.8 * radius / head.tissue.spacing_mm).astype(int) + 1
    box = tuple(slice(max(0, int(i) - r), int(i) + r + 1) for i, r in zip(index, reach, strict=True))
    ranges = (np.arange(b.start, b.start + n) for b, n in zip(box, surface[box].shape, strict=True))
    offsets = np.stack(np.meshgrid(*ranges, indexing="ij"), -1)
    points = (offsets - index) * head.tissue.spacing_mm
    level = np.full(points.shape[:3], -np.inf)
    for lobe in range(int(random.integers(2, 4))):
        shift = random.normal(0.0, 0.4 * radius, 3) if lobe else np.zeros(3)
        radii = radius * random.uniform(0.75, 1.05, 3) * (0.7 if lobe else 1.0)
        level = np.maximum(level, 1.0 - np.linalg.norm((points - shift) / radii, axis=-1))
    white = np.isin(head.tissue.array[box], _WHITE)
    return box, (level + 0.12 * surface[box] > 0.0) & white
