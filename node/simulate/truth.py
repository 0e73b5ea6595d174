"""The truth beside an exam: truth.json, and label and value volumes as NIfTI in the T1's world coordinates.

``*_true`` is before the scanner, mean of the reference region 1; ``*_psf`` is from the noise-free PET, linearly resampled to the T1 and
divided by its own mean over the reference region; ``*_noisy`` is the same from the PET as written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from node.domain.timing import FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.imaging import depth_mm, resample, to_sitk
from node.simulate.anatomy import Anatomy
from node.simulate.head import LABELS
from node.simulate.kinetics import REFERENCE_CLASS, TracerKinetics
from node.simulate.lesions import LesionKind
from node.simulate.uptake import Uptake, reference_mean, through_scanner

Json = dict[str, Any]
"""The border: what json.dump takes."""

_LESION_GAP_MM = 6.0
_STEP = 0.00025


@dataclass(frozen=True, eq=False)
class Measured:
    """The values that regions are judged by, each (S, R, C) on the T1 grid and 1 over the reference region."""

    suvr_true: Array
    dvr_true: Array
    suvr_psf: Array
    dvr_psf: Array
    suvr_noisy: Array


@dataclass(frozen=True, eq=False)
class PetTruth:
    """What the PET was made of.

    Parameters
    ----------
    clean, written : (F, S, R, C) SUV on the PET grid, without and with noise
    """

    clean: Volume
    written: Volume
    timing: FrameTiming
    tracer: TracerKinetics
    pet_from_mr: Transform
    psf_fwhm_mm: float

    @property
    def late(self) -> Array:
        """Indices of the frames in the late window."""
        return self.timing.inside(*self.tracer.window_s)

    def late_mean(self, suv: Volume) -> Volume:
        """(S, R, C) mean over the late window, weighted with the frames' lengths."""
        return suv.like(np.average(suv.array[self.late], axis=0, weights=self.timing.duration_s[self.late]).astype(np.float32))


def judge(anatomy: Anatomy, uptake: Uptake, pet: PetTruth) -> Measured:
    """Bring truth, noise-free and written PET to the T1 grid."""
    late_suv = np.average(uptake.tacs[:, pet.late], axis=1, weights=pet.timing.duration_s[pet.late])
    suv_true = uptake.map(late_suv).array / np.float32(reference_mean(uptake, late_suv))
    dvr = uptake.map(uptake.dvr)
    dvr_psf = through_scanner(dvr, pet.clean, pet.pet_from_mr, psf_fwhm_mm=pet.psf_fwhm_mm)
    reference = anatomy.tissue.array == LABELS[REFERENCE_CLASS]
    blurred = [resample(v, anatomy.tissue, pet.pet_from_mr).array for v in (pet.late_mean(pet.clean), dvr_psf, pet.late_mean(pet.written))]
    suvr_psf, dvr_psf_t1, noisy = (b / b[reference].mean(dtype=np.float64) for b in blurred)
    return Measured(suv_true, dvr.array / np.float32(reference_mean(uptake, uptake.dvr)), suvr_psf, dvr_psf_t1, noisy)


def write_volumes(folder: Path, anatomy: Anatomy, uptake: Uptake, pet: PetTruth, measured: Measured) -> None:
    """The NIfTI files."""
    _save(folder / "tissue.nii.gz", anatomy.tissue)
    _save(folder / "lesion_ids.nii.gz", anatomy.lesion_ids)
    _save(folder / "rim_ids.nii.gz", anatomy.rim_ids)
    _save(folder / "lesion_zone.nii.gz", anatomy.lesion_zone)
    _save(folder / "suvr_true_t1.nii.gz", anatomy.tissue.like(_rounded(measured.suvr_true)))
    _save(folder / "dvr_true_t1.nii.gz", anatomy.tissue.like(_rounded(measured.dvr_true)))
    late = pet.late_mean(pet.clean)
    _save(folder / "pet_noisefree_suv_late.nii.gz", late.like(_rounded(late.array)))
    dvr = through_scanner(uptake.map(uptake.dvr), pet.clean, pet.pet_from_mr, psf_fwhm_mm=pet.psf_fwhm_mm)
    scale = np.float32(reference_mean(uptake, uptake.dvr))
    _save(folder / "dvr_noisefree_pet.nii.gz", dvr.like(_rounded(dvr.array / scale)))


def _rounded(values: Array) -> Array:
    """Rounded as far as compression needs it."""
    return np.asarray((np.round(values / _STEP) * _STEP).astype(np.float32))


def _save(path: Path, volume: Volume) -> None:
    sitk.WriteImage(to_sitk(volume), str(path), True)


def write_tacs(path: Path, uptake: Uptake, timing: FrameTiming) -> None:
    """The true curves, SUV, a row a frame."""
    lines = ["# start_s,dur_s," + ",".join(uptake.names)]
    for start, length, values in zip(timing.start_s, timing.duration_s, uptake.tacs.T, strict=True):
        lines.append(",".join(f"{x:.5f}" for x in (start, length, *values)))
    path.write_text("\n".join(lines) + "\n")


def region_truth(anatomy: Anatomy, measured: Measured) -> Json:
    """One entry a tissue outside lesions and active rims, and the two eroded regions that the node measures."""
    outside = anatomy.lesion_zone.array == 0
    masks = {name: (anatomy.tissue.array == label) & outside for name, label in LABELS.items()}
    rows = {name: _statistics(mask, measured, anatomy.tissue) for name, mask in masks.items() if mask.any()}
    rows["cereb_gm_eroded1mm"] = _statistics(_eroded(masks["cereb_gm"], anatomy.tissue, 1.0), measured, anatomy.tissue)
    far = _eroded(masks["nawm"], anatomy.tissue, 2.0) & ~_near(anatomy)
    rows["nawm_eroded2mm_6mm_from_lesions"] = _statistics(far, measured, anatomy.tissue)
    return rows


def lesion_truth(anatomy: Anatomy, measured: Measured, psf_fwhm_mm: float) -> list[Json]:
    """One entry a lesion, largest first."""
    return [_one_lesion(anatomy, measured, psf_fwhm_mm, number, kind) for number, kind in enumerate(anatomy.kinds, start=1)]


def _one_lesion(anatomy: Anatomy, measured: Measured, psf_fwhm_mm: float, number: int, kind: LesionKind) -> Json:
    grid = anatomy.tissue
    box = _around(ndimage.find_objects((anatomy.lesion_ids.array == number).astype(np.uint8))[0], RIM_VOXELS, grid.shape)
    core, rim = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    core[box] = anatomy.lesion_ids.array[box] == number
    rim[box] = anatomy.rim_ids.array[box] == number
    depth = ndimage.distance_transform_edt(core[box], sampling=grid.spacing_mm)
    centroid = grid.affine @ np.append(np.argwhere(core).mean(axis=0), 1.0)
    return {
        "id": number,
        "class": kind.value,
        "volume_mm3": round(float(core.sum() * grid.voxel_ml * 1000.0), 1),
        "inscribed_radius_mm": round(float(depth.max()), 2),
        "centroid_lps_mm": [round(float(x), 2) for x in centroid[:3]],
        "rim_resolvable_at_psf": bool(depth.max() >= 0.75 * psf_fwhm_mm),
        "core": _statistics(core, measured, grid),
        "rim": _statistics(rim, measured, grid) if rim.any() else None,
        "new": None,
        "prev_id": None,
    }


RIM_VOXELS = 4


def _around(box: tuple[slice, ...], margin: int, shape: tuple[int, int, int]) -> tuple[slice, ...]:
    return tuple(slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(box, shape, strict=True))


def _statistics(mask: Array, measured: Measured, grid: Volume) -> Json:
    count = int(mask.sum())
    row: Json = {"n_vox": count, "volume_ml": round(count * grid.voxel_ml, 4)}
    for name in ("suvr_true", "dvr_true", "suvr_psf", "dvr_psf", "suvr_noisy"):
        row[name] = round(float(getattr(measured, name)[mask].mean(dtype=np.float64)), 5) if count else None
    return row


def _eroded(mask: Array, grid: Volume, by_mm: float) -> Array:
    """Voxels that lie deeper than `by_mm`, measured to the middle of the nearest voxel outside."""
    out = np.zeros_like(mask)
    box = _around(ndimage.find_objects(mask.astype(np.uint8))[0], 1, grid.shape)
    out[box] = depth_mm(Volume(mask[box], grid.affine)) > by_mm
    return out


def _near(anatomy: Anatomy) -> Array:
    """Voxels nearer than 6 mm to any lesion."""
    near = np.zeros(anatomy.tissue.shape, dtype=bool)
    margin = int(np.ceil(_LESION_GAP_MM / anatomy.tissue.spacing_mm.min())) + 1
    for number, found in enumerate(ndimage.find_objects(anatomy.lesion_ids.array), start=1):
        box = _around(found, margin, anatomy.tissue.shape)
        away = ndimage.distance_transform_edt(anatomy.lesion_ids.array[box] != number, sampling=anatomy.tissue.spacing_mm)
        near[box] |= away < _LESION_GAP_MM
    return near


def save_json(path: Path, truth: Json) -> None:
    """Write truth.json."""
    path.write_text(json.dumps(truth, indent=1) + "\n")
