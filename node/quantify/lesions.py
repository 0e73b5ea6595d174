"""Lesions one by one: core, 2 mm rim, place.

The *core* is the lesion's mask; the *rim* the white matter within 2.0 mm outside it, each voxel owned by the nearest lesion. Both live on
the T1 grid and are measured as volume fractions of PET voxels, never made into voxels of their own there: a rim of 2 mm has no
meaning as voxels of 2 mm. These are means as measured: the scanner's blur is in them, so that a rim is not yet told from its core.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.result import Lesion, Segmentation, Tissue
from node.domain.volume import Array, Volume
from node.quantify.contrast import NawmScale
from node.quantify.project import SAMPLES, Projection

RIM_MM = 2.0
SMALLEST_ML = 0.027
"""Below 27 mm³ only the mean over core and rim is given; our default."""
PERIVENTRICULAR_MM = 3.0
JUXTACORTICAL_MM = 1.5
"""A lesion that comes this close to the ventricles, or to the cortex, is called so; our defaults, a voxel above touching."""


@dataclass(frozen=True, eq=False)
class _Means:
    """Sums over sample points, by label: how many, and of the map."""

    points: Array
    sums: Array

    def mean(self, number: int) -> float | None:
        return float(self.sums[number] / self.points[number]) if self.points[number] > 0 else None


def measure_lesions(segmentation: Segmentation, suvr: Array, projection: Projection, scale: NawmScale, *, exam: str) -> tuple[Lesion, ...]:
    """Every lesion of the segmentation, by number.

    Parameters
    ----------
    suvr : (S, R, C) on the part of the PET grid
    scale : of the same map in NAWM
    exam : name of the exam, which makes tracking UIDs its own
    """
    labels = segmentation.lesions
    count = int(labels.array.max())
    if count == 0:
        return ()
    rims = _rims(segmentation)
    core, rim = _means(labels.array, suvr, projection, count), _means(rims, suvr, projection, count)
    places = _Places(segmentation)
    boxes = ndimage.find_objects(labels.array, max_label=count)
    return tuple(
        _lesion(number, labels, box, places, core, rim, scale, exam) for number, box in enumerate(boxes, start=1) if box is not None
    )


def _rims(segmentation: Segmentation) -> Array:
    """(S, R, C) int32: white matter outside the lesions, owned by the nearest lesion within `RIM_MM`."""
    labels = segmentation.lesions
    white = segmentation.tissue.array == Tissue.WHITE_MATTER.value  # cerebellum and brain stem included
    outside = labels.array == 0
    distance, nearest = ndimage.distance_transform_edt(outside, sampling=labels.spacing_mm, return_indices=True)
    owner = labels.array[tuple(nearest)]
    return np.where(outside & white & (distance <= RIM_MM), owner, 0).astype(np.int32)


def _means(labels: Array, values: Array, projection: Projection, count: int) -> _Means:
    points, sums = np.zeros(count + 1), np.zeros(count + 1)
    for sample in projection.samples(labels.astype(np.int32)):
        hit = sample > 0
        points += np.bincount(sample[hit], minlength=count + 1)
        sums += np.bincount(sample[hit], weights=values[hit], minlength=count + 1)
    return _Means(points / SAMPLES**3, sums / SAMPLES**3)


def _lesion(
    number: int, labels: Volume, box: tuple[slice, ...], places: _Places, core: _Means, rim: _Means, scale: NawmScale, exam: str
) -> Lesion:
    inside = labels.array[box] == number
    index = np.argwhere(inside).mean(axis=0) + [part.start for part in box]
    centroid = labels.affine[:3, :3] @ index + labels.affine[:3, 3]
    volume_ml = float(inside.sum()) * labels.voxel_ml
    small = volume_ml < SMALLEST_ML
    core_suvr, rim_suvr = core.mean(number), rim.mean(number)
    if small:
        core_suvr, rim_suvr = _together(core, rim, number), None
    return Lesion(
        number=number,
        tracking_uid=tracking_uid(exam, centroid),
        volume_ml=volume_ml,
        place=places.of(number, box),
        centroid_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
        inscribed_radius_mm=float(ndimage.distance_transform_edt(np.pad(inside, 1), sampling=labels.spacing_mm).max()),
        core_suvr=core_suvr,
        rim_suvr=rim_suvr,
        core_contrast=None if core_suvr is None else scale.score_of(core_suvr),
        rim_contrast=None if rim_suvr is None else scale.score_of(rim_suvr),
        note=_note(core_suvr, rim_suvr, small=small),
    )


def _together(core: _Means, rim: _Means, number: int) -> float | None:
    points = core.points[number] + rim.points[number]
    return float((core.sums[number] + rim.sums[number]) / points) if points > 0 else None


def _note(core_suvr: float | None, rim_suvr: float | None, *, small: bool) -> str:
    if core_suvr is None:
        return "outside the PET's field of view"
    if small:
        return "smaller than 27 mm³: one mean over core and rim"
    return "" if rim_suvr is not None else "no white matter around it: no rim"


def tracking_uid(exam: str, centroid_mm: Array) -> str:
    """A UID under 2.25 (PS3.5 B.2) from the exam and the place, to the millimetre, so that a second run finds the same."""
    text = f"lesion {exam} {np.round(centroid_mm).astype(int).tolist()}"
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])}"


class _Places:
    """Where a lesion lies, by what it comes close to."""

    def __init__(self, segmentation: Segmentation) -> None:
        self._labels = segmentation.lesions
        self._region = {region.name: region.mask.array for region in segmentation.regions}

    def of(self, number: int, box: tuple[slice, ...]) -> str:
        """ "periventricular", "juxtacortical", "infratentorial" or "deep white matter"."""
        wide = tuple(
            slice(max(0, part.start - reach), part.stop + reach)
            for part, reach in zip(box, np.ceil(PERIVENTRICULAR_MM / self._labels.spacing_mm).astype(int) + 1, strict=True)
        )
        inside = self._labels.array[wide] == number
        near = ndimage.distance_transform_edt(~inside, sampling=self._labels.spacing_mm)
        if self._reaches("cerebellar_wm", wide, near, 0.0) or self._reaches("brainstem", wide, near, 0.0) or self._below(wide, near):
            return "infratentorial"
        if self._reaches("ventricles", wide, near, PERIVENTRICULAR_MM):
            return "periventricular"
        return "juxtacortical" if self._reaches("cortex", wide, near, JUXTACORTICAL_MM) else "deep white matter"

    def _reaches(self, name: str, box: tuple[slice, ...], near: Array, within_mm: float) -> bool:
        region = self._region.get(name)
        return region is not None and bool((region[box] & (near <= within_mm)).any())

    def _below(self, box: tuple[slice, ...], near: Array) -> bool:
        """Within cerebellum or brain stem: most of what surrounds it belongs to them."""
        shell = (near > 0) & (near <= RIM_MM)
        lower = np.zeros(near.shape, dtype=bool)
        for name in ("cerebellar_gm", "cerebellar_wm", "brainstem"):
            if name in self._region:
                lower |= self._region[name][box]
        return bool(shell.any() and (lower & shell).sum() > 0.5 * shell.sum())
