"""Where the tracer goes, and what the scanner makes of it: classes on the MR grid, then blur, pose and noise on the PET grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.timing import FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.imaging import resample
from node.simulate.anatomy import ZONES, Anatomy
from node.simulate.fields import FWHM_PER_SIGMA, blur, smooth_noise
from node.simulate.head import LABELS
from node.simulate.kinetics import REFERENCE_CLASS, TracerKinetics, curves, decay_constant_per_s
from node.simulate.options import SimulationOptions, random_stream

VOXEL_NOISE = 0.09
"""Relative SD in a voxel of SUV 1.2 in a 5 min frame in the middle of the late window, at `noise` 1."""


@dataclass(frozen=True, eq=False)
class Uptake:
    """The truth before the scanner.

    Parameters
    ----------
    classes : (S, R, C) uint8 on the MR grid, index into `names` + 1; 0 is air
    factor : (S, R, C) float32, smooth individual variation and each lesion's own
    tacs : (K, F) SUV
    """

    names: tuple[str, ...]
    classes: Volume
    factor: Volume
    tacs: Array
    dvr: Array

    def map(self, values: Array) -> Volume:
        """(S, R, C) float32 of one value a class (K,), times the factor."""
        table = np.append(0.0, values).astype(np.float32)
        return self.classes.like(table[self.classes.array] * self.factor.array, unit="1")


def distribute(anatomy: Anatomy, tracer: TracerKinetics, timing: FrameTiming, *, seed: int) -> Uptake:
    """Give every voxel of the MR grid its class and its factor."""
    names = tuple(kinetics.name for kinetics in tracer.classes)
    lut = np.zeros(256, dtype=np.uint8)
    for name, label in LABELS.items():
        lut[label] = names.index(name) + 1
    classes = lut[anatomy.tissue.array]
    for name, zone in ZONES.items():
        classes[anatomy.lesion_zone.array == zone] = names.index(name) + 1
    dvr = np.array([kinetics.dvr for kinetics in tracer.classes])
    factor = _factor(anatomy, seed)
    return Uptake(names, anatomy.tissue.like(classes, unit="1"), factor, curves(tracer, timing), dvr)


def _factor(anatomy: Anatomy, seed: int) -> Volume:
    random = random_stream(seed, "uptake")
    factor = 1.0 + 0.03 * smooth_noise(random, anatomy.tissue, scale_mm=60.0)
    jitter = np.append(1.0, random.uniform(0.95, 1.05, len(anatomy.kinds))).astype(np.float32)
    rims = np.where(anatomy.lesion_zone.array == ZONES["rim"], anatomy.rim_ids.array, 0)
    owner = np.where(anatomy.lesion_ids.array > 0, anatomy.lesion_ids.array, rims)
    return anatomy.tissue.like((factor * jitter[owner]).astype(np.float32), unit="1")


def measure(uptake: Uptake, pet: Volume, poses: Sequence[Transform], *, psf_fwhm_mm: float) -> Volume:
    """(F, S, R, C) float32 SUV on the PET grid: blurred, moved, without noise.

    Parameters
    ----------
    poses : F, `pet_from_mr` of each frame; frames that share one share its object

    The curves of all classes are combinations of a few shapes; each shape is blurred and moved once, and the frames are put together
    from them. The shapes that are left out hold less than 1e-5 of the signal.
    """
    shapes, weights = _shapes(uptake.tacs)
    frames = np.zeros((weights.shape[1], *pet.shape), dtype=np.float32)
    for shape, weight in zip(shapes.T, weights, strict=True):
        blurred = _blurred(uptake.map(shape), psf_fwhm_mm)
        images = {id(pose): resample(blurred, pet, pose.inverse()).array for pose in poses}
        for frame, share, pose in zip(frames, weight, poses, strict=True):
            frame += np.float32(share) * images[id(pose)]
    # Leaving shapes out can leave an early frame a hair below nothing.
    return pet.like(np.maximum(frames, 0.0, out=frames), unit="g/mL")


def _shapes(tacs: Array) -> tuple[Array, Array]:
    """`tacs` (K, F) ≈ shapes (K, N) @ weights (N, F)."""
    u, s, vt = np.linalg.svd(tacs, full_matrices=False)
    keep = int((s > 1e-5 * s[0]).sum())
    return u[:, :keep] * s[:keep], vt[:keep]


def through_scanner(source: Volume, pet: Volume, pet_from_mr: Transform, *, psf_fwhm_mm: float) -> Volume:
    """One image on the MR grid as the PET sees it: Gaussian blur on the MR grid, then linear interpolation at the PET's voxels.

    The interpolation blurs too, by a sixth of the squared step in every direction; the Gaussian is made narrower by that.
    """
    return resample(_blurred(source, psf_fwhm_mm), pet, pet_from_mr.inverse())


def _blurred(source: Volume, psf_fwhm_mm: float) -> Volume:
    variance = (psf_fwhm_mm / FWHM_PER_SIGMA) ** 2 - float(np.mean(source.spacing_mm**2)) / 6.0
    return source.like(blur(source.array, source.spacing_mm, sigma_mm=float(np.sqrt(variance))))


def add_noise(suv: Volume, timing: FrameTiming, tracer: TracerKinetics, options: SimulationOptions) -> Volume:
    """(F, S, R, C) float32 with Gaussian noise of Poisson-like variance, correlated as by a reconstruction; never below 0."""
    if options.noise == 0:
        return suv
    random = random_stream(options.seed, f"pet noise{options.stage.suffix}")
    late = decay_constant_per_s(tracer) * (timing.start_s + timing.duration_s / 2.0 - np.mean(tracer.window_s))
    sd = options.noise * VOXEL_NOISE * np.sqrt(1.2 * np.exp(late) * 300.0 / timing.duration_s)
    sigma = 0.85 * options.psf_fwhm_mm / FWHM_PER_SIGMA / suv.spacing_mm
    noisy = np.empty_like(suv.array)
    for out, clean, scale in zip(noisy, suv.array, sd, strict=True):
        grain = ndimage.gaussian_filter(random.standard_normal(suv.shape, dtype=np.float32), sigma, truncate=3.0)
        out[...] = np.maximum(clean + np.float32(scale / grain.std()) * grain * np.sqrt(clean), 0.0)
    return suv.like(noisy)


def reference_mean(uptake: Uptake, tacs: Array) -> float:
    """Mean over the reference region of one value a class (K,), before the scanner."""
    inside = uptake.classes.array == uptake.names.index(REFERENCE_CLASS) + 1
    return float(tacs[uptake.names.index(REFERENCE_CLASS)] * uptake.factor.array[inside].mean(dtype=np.float64))
