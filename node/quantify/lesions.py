"""Lesions one by one: core, 2 mm rim, place, and what the two say once the scanner's blur is taken out.

The *core* is the lesion's mask; the *rim* the white matter within 2 mm outside it. Both live on the T1 grid (cut up to about 1 mm) and
are measured as volume fractions of PET voxels, never made into voxels of their own there: a rim of 2 mm has no meaning as voxels of
2 mm. `core_suvr` and `rim_suvr` are means as measured, with the scanner's blur in them; `phenotype` looks behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from node.domain.result import Lesion, Phenotype, Segmentation, Unmixed
from node.domain.volume import Array
from node.quantify.contrast import NawmScale
from node.quantify.lesion_fractions import LesionFractions, lesion_fractions
from node.quantify.phenotype import CONFIDENT, BlurredMap, Fits, call, fit_lesion, unmixed
from node.quantify.places import Places
from node.quantify.project import Projection
from node.quantify.rims import Rims, draw_rims
from node.quantify.surroundings import surroundings

SMALLEST_ML = 0.027
"""Below 27 mm³ only the mean over core and rim is given; our default."""

TOO_SMALL = "smaller than 27 mm³: one mean over core and rim"
OUTSIDE = "outside the PET's field of view"
NO_RIM = "no white matter around it: no rim"
UNKNOWN_RESOLUTION = "not classed: the scanner's resolution is not known"
NOT_RESOLVED = "rim not resolvable: one mean over core and rim"
TOO_LITTLE = "not classed: too little of it lies in the PET"
LOW_CONFIDENCE = "low confidence"
"""What a lesion's note says."""

Pair = tuple[float | None, float | None]
"""Means of core and rim."""


def measure_lesions(
    segmentation: Segmentation,
    suvr: Array,
    projection: Projection,
    scale: NawmScale,
    *,
    exam: str,
    dvr: Array | None = None,
    blurred: BlurredMap | None = None,
    rims: Rims | None = None,
    tracking: Mapping[int, str] | None = None,
) -> tuple[Lesion, ...]:
    """Every lesion of the segmentation, by number.

    Parameters
    ----------
    suvr : (S, R, C) on the part of the PET grid
    scale : of the primary map in NAWM: of `dvr` where there is one, else of `suvr`
    exam : name of the exam, which makes tracking UIDs its own
    dvr : (S, R, C) of a dynamic scan, on the same part
    blurred : the map from which phenotypes are told, SUVR or DVR; None where the resolution is not known: then none is called
    rims : of this segmentation, where they were drawn already
    tracking : number → tracking UID of lesions that an earlier exam has named
    """
    if not segmentation.lesions.array.any():
        return ()
    rims = rims or draw_rims(segmentation, projection)
    fine, fine_projection, rim_labels = rims.segmentation, rims.way, rims.labels.array
    measured = _Measured(lesion_fractions(fine.lesions.array, rim_labels, fine_projection), suvr, dvr, scale)
    drawn = [measured.means(lesion) for lesion in _drawn(segmentation, exam, tracking or {})]
    if blurred is None:
        return tuple(replace(lesion, note=lesion.note or UNKNOWN_RESOLUTION) for lesion in drawn)
    boxes = ndimage.find_objects(fine.lesions.array)
    found = []
    for lesion in drawn:
        if lesion.core_suvr is not None and lesion.volume_ml >= SMALLEST_ML:
            around = surroundings(fine, rim_labels, lesion.number, boxes[lesion.number - 1])
            lesion = measured.called(lesion, fit_lesion(around, blurred, fine_projection), blurred)
        found.append(lesion)
    return tuple(found)


def tracking_uid(exam: str, centroid_mm: Array) -> str:
    """A UID under 2.25 (PS3.5 B.2) from the exam and the place, to the millimetre, so that a second run finds the same."""
    text = f"lesion {exam} {np.round(centroid_mm).astype(int).tolist()}"
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])}"


def _drawn(segmentation: Segmentation, exam: str, tracking: Mapping[int, str]) -> Iterator[Lesion]:
    """Every lesion as it is drawn, nothing measured yet."""
    labels, places = segmentation.lesions, Places(segmentation)
    for number, box in enumerate(ndimage.find_objects(labels.array), start=1):
        if box is None:
            continue
        inside = labels.array[box] == number
        index = np.argwhere(inside).mean(axis=0) + [part.start for part in box]
        centroid = labels.affine[:3, :3] @ index + labels.affine[:3, 3]
        yield Lesion(
            number=number,
            tracking_uid=tracking.get(number) or tracking_uid(exam, centroid),
            volume_ml=float(inside.sum()) * labels.voxel_ml,
            place=places.of(number, box),
            centroid_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
            inscribed_radius_mm=float(ndimage.distance_transform_edt(np.pad(inside, 1), sampling=labels.spacing_mm).max()),
            core_suvr=None,
            rim_suvr=None,
            core_contrast=None,
            rim_contrast=None,
        )


@dataclass(frozen=True, eq=False)
class _Measured:
    """The SUVR, and the DVR where there is one, in cores and rims."""

    fractions: LesionFractions
    suvr: Array
    dvr: Array | None
    scale: NawmScale

    def means(self, lesion: Lesion) -> Lesion:
        """With its means as measured."""
        if lesion.volume_ml < SMALLEST_ML:
            return self._together(lesion, TOO_SMALL)
        has_rim = self.fractions.rim(lesion.number, self.suvr) is not None
        return self._with(lesion, lambda values: self._apart(lesion.number, values), "" if has_rim else NO_RIM)

    def called(self, lesion: Lesion, fits: Fits | None, blurred: BlurredMap) -> Lesion:
        """With its phenotype."""
        told = None if fits is None else self._unmixed(lesion.number, fits, blurred)
        if fits is None or told is None:
            return replace(lesion, phenotype=Phenotype.NOT_RESOLVABLE, note=lesion.note or TOO_LITTLE)
        answer = call(fits, blurred, number=lesion.number)
        if answer.phenotype is Phenotype.NOT_RESOLVABLE:
            lesion = self._together(lesion, NOT_RESOLVED)
        elif answer.confidence is not None and answer.confidence < CONFIDENT:
            lesion = replace(lesion, note=LOW_CONFIDENCE)
        return replace(lesion, phenotype=answer.phenotype, confidence=answer.confidence, unmixed=told)

    def _unmixed(self, number: int, fits: Fits, blurred: BlurredMap) -> Unmixed | None:
        active = np.where(np.isfinite(blurred.values), blurred.values >= blurred.active_level, np.nan)
        core, rim = self.fractions.core(number, blurred.values), self.fractions.rim(number, blurred.values)
        core_active, rim_active = self.fractions.core(number, active), self.fractions.rim(number, active)
        if core is None or rim is None or core_active is None or rim_active is None:
            return None
        return unmixed(fits, blurred, core=core, rim=rim, core_active=core_active, rim_active=rim_active)

    def _together(self, lesion: Lesion, note: str) -> Lesion:
        """With one mean over core and rim, because a mean of either would say what cannot be seen."""
        return self._with(lesion, lambda values: (self.fractions.both(lesion.number, values), None), note)

    def _apart(self, number: int, values: Array) -> Pair:
        return self.fractions.core(number, values), self.fractions.rim(number, values)

    def _with(self, lesion: Lesion, means: Callable[[Array], Pair], note: str) -> Lesion:
        core, rim = means(self.suvr)
        core_dvr, rim_dvr = (None, None) if self.dvr is None else means(self.dvr)
        primary_core, primary_rim = (core, rim) if self.dvr is None else (core_dvr, rim_dvr)
        return replace(
            lesion,
            core_suvr=core,
            rim_suvr=rim,
            core_dvr=core_dvr,
            rim_dvr=rim_dvr,
            core_contrast=None if primary_core is None else self.scale.score_of(primary_core),
            rim_contrast=None if primary_rim is None else self.scale.score_of(primary_rim),
            note=OUTSIDE if core is None else note,
        )
