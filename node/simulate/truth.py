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

from node.domain.timing import FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.imaging import resample, to_sitk
from node.simulate.anatomy import Anatomy
from node.simulate.head import LABELS
from node.simulate.kinetics import REFERENCE_CLASS
from node.simulate.pet_series import PetScan
from node.simulate.uptake import Uptake, reference_mean

Json = dict[str, Any]
"""The border: what json.dump takes."""

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
    clean : (F, S, R, C) SUV on the PET grid, without noise, all frames in the pose `pet_from_mr`
    written : the same with noise, each frame in its own pose
    dvr : (S, R, C) distribution volume ratio on the PET grid, blurred, in the pose `pet_from_mr`
    pet_from_mr : mean pose of the late window
    poses : F, `pet_from_mr` of each frame
    """

    clean: Volume
    written: Volume
    dvr: Volume
    scan: PetScan
    pet_from_mr: Transform
    poses: tuple[Transform, ...]

    @property
    def late(self) -> Array:
        """Indices of the frames in the late window."""
        return self.scan.timing.inside(*self.scan.tracer.window_s)

    @property
    def late_lengths_s(self) -> Array:
        """Lengths of those frames."""
        return np.asarray(self.scan.timing.duration_s[self.late])

    def late_mean(self, suv: Volume) -> Volume:
        """(S, R, C) mean over the late window, weighted with the frames' lengths."""
        return suv.like(np.average(suv.array[self.late], axis=0, weights=self.late_lengths_s).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Simulation:
    """All that is known of one exam."""

    anatomy: Anatomy
    uptake: Uptake
    pet: PetTruth
    measured: Measured


def late_curve(uptake: Uptake, pet: PetTruth) -> Array:
    """(K,) SUV of each class, mean over the late window, before the scanner."""
    return np.asarray(np.average(uptake.tacs[:, pet.late], axis=1, weights=pet.late_lengths_s))


def judge(anatomy: Anatomy, uptake: Uptake, pet: PetTruth) -> Measured:
    """Bring truth, noise-free and written PET to the T1 grid."""
    reference = anatomy.tissue.array == LABELS[REFERENCE_CLASS]
    blurred = [resample(v, anatomy.tissue, pet.pet_from_mr).array for v in (pet.late_mean(pet.clean), pet.dvr, pet.late_mean(pet.written))]
    suvr_psf, dvr_psf, noisy = (b / b[reference].mean(dtype=np.float64) for b in blurred)
    return Measured(_relative(uptake, late_curve(uptake, pet)), _relative(uptake, uptake.dvr), suvr_psf, dvr_psf, noisy)


def _relative(uptake: Uptake, values: Array) -> Array:
    """One value a class as a map that is 1 over the reference region."""
    return uptake.map(values).array / np.float32(reference_mean(uptake, values))


def write_volumes(folder: Path, simulation: Simulation) -> None:
    """The NIfTI files."""
    anatomy, pet, measured = simulation.anatomy, simulation.pet, simulation.measured
    _save(folder / "tissue.nii.gz", anatomy.tissue)
    _save(folder / "lesion_ids.nii.gz", anatomy.lesion_ids)
    _save(folder / "rim_ids.nii.gz", anatomy.rim_ids)
    _save(folder / "lesion_zone.nii.gz", anatomy.lesion_zone)
    _save(folder / "suvr_true_t1.nii.gz", anatomy.tissue.like(_rounded(measured.suvr_true)))
    _save(folder / "dvr_true_t1.nii.gz", anatomy.tissue.like(_rounded(measured.dvr_true)))
    late = pet.late_mean(pet.clean)
    _save(folder / "pet_noisefree_suv_late.nii.gz", late.like(_rounded(late.array)))
    scale = np.float32(reference_mean(simulation.uptake, simulation.uptake.dvr))
    _save(folder / "dvr_noisefree_pet.nii.gz", pet.dvr.like(_rounded(pet.dvr.array / scale)))


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


def save_json(path: Path, truth: Json) -> None:
    """Write truth.json."""
    path.write_text(json.dumps(truth, indent=1) + "\n")
