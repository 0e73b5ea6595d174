"""Low-contrast TSPO-like PET painted from a known exam's tissue labels, in any pose: what the alignment is asked to find.

The anatomy is that of the exam's own T1; the tissue labels of its truth get an uptake each, grey and white matter some 10 % apart, then
a Gaussian blur, the pose, and correlated noise. Nothing of `node.simulate` or `node.align` is used: what is judged is not its judge.
Reading a T1 goes by SimpleITK and not by the node.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from benchmarks.images import centres, read_image
from benchmarks.truth import PARENCHYMA
from node.domain.transform import Transform
from node.domain.volume import Array, Volume

UPTAKE = {
    "csf": 0.25,
    "cortex": 1.02,
    "nawm": 0.95,
    "deep_gm": 1.05,
    "thalamus": 1.20,
    "brainstem": 1.08,
    "cereb_gm": 1.00,
    "cereb_wm": 0.93,
    "soft": 0.55,
    "bone": 0.35,
    "sinus": 0.6,
}
"""SUVR-like, each changed by up to ±6 % from one painting to the next; invented, of the contrast of late second-generation images."""

LESION_UPTAKE = 1.25
SPREAD = 0.06
FWHM_MM, NOISE = 6.0, 0.10
"""Blur, and relative standard deviation of a voxel where the uptake is 1."""

PET_SPACING_MM = 2.2
PET_SHAPE = (109, 112, 112)
FWHM_PER_SIGMA = 2.3548


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A known head.

    Parameters
    ----------
    t1 : (S, R, C) as the scanner sent it
    labels : (S, R, C) tissue classes in T1 world coordinates, numbered by `values`
    lesions : (S, R, C) bool on that grid
    """

    name: str
    t1: Volume
    labels: Volume
    values: Mapping[str, int]
    lesions: Array

    def parenchyma_mm(self, *, every: int = 29) -> Array:
        """(n, 4) LPS mm of grey and white matter, each n-th voxel."""
        return centres(self.labels.affine, self.where(*PARENCHYMA))[::every]

    def where(self, *names: str) -> Array:
        """(S, R, C) bool: voxels of these labels."""
        return np.isin(self.labels.array, [self.values[name] for name in names])


def read_anatomy(exam: Path) -> Anatomy:
    """The T1 and the labels of an exam folder with ``dicom/`` and ``truth/``."""
    facts = json.loads((exam / "truth" / "truth.json").read_text())
    labels = read_image(exam / "truth" / "tissue.nii.gz")
    lesions = read_image(exam / "truth" / "lesion_ids.nii.gz").array > 0
    t1 = _read_series(exam / "dicom", facts["dicom"]["t1"]["series_uid"])
    return Anatomy(exam.name, t1, labels.like(np.rint(labels.array).astype(np.uint8)), facts["label_values"], lesions)


def _read_series(folder: Path, series_uid: str) -> Volume:
    for place in sorted({path.parent for path in folder.rglob("*") if path.is_file()}):
        if series_uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(place)):
            image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(place), series_uid))
            affine = np.eye(4)
            affine[:3, :3] = (np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing()))[:, ::-1]
            affine[:3, 3] = image.GetOrigin()
            return Volume(sitk.GetArrayFromImage(image).astype(np.float32), affine)
    raise FileNotFoundError(f"{folder}: expected a series {series_uid}; found none")


def painted(anatomy: Anatomy, *, seed: int) -> Volume:
    """(S, R, C) uptake on the grid of the labels, after the blur and before pose and noise."""
    random = np.random.default_rng([seed, 1])
    table = np.zeros(256, dtype=np.float32)
    for name, value in UPTAKE.items():
        table[anatomy.values[name]] = value * (1.0 + random.uniform(-SPREAD, SPREAD))
    values = np.where(anatomy.lesions, np.float32(LESION_UPTAKE), table[anatomy.labels.array])
    return anatomy.labels.like(ndimage.gaussian_filter(values, FWHM_MM / FWHM_PER_SIGMA / anatomy.labels.spacing_mm, truncate=3.0))


def scanned(uptake: Volume, pet_from_t1: Transform, *, seed: int, noise: float = NOISE, grid: Volume | None = None) -> Volume:
    """(S, R, C) what a scanner shows of a painted head in a pose, in thousands of Bq/mL.

    Parameters
    ----------
    grid : of the scanner; by default axial, isotropic, its middle at the middle of the labels
    """
    grid = grid if grid is not None else scanner_grid(uptake)
    index = uptake.index_from_lps @ pet_from_t1.inverse().matrix @ grid.affine
    clean = ndimage.affine_transform(uptake.array, index[:3, :3], index[:3, 3], grid.shape, order=1, output=np.float32)
    grain = np.random.default_rng([seed, 2]).standard_normal(grid.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(grain, 0.85 * FWHM_MM / FWHM_PER_SIGMA / grid.spacing_mm, truncate=3.0)
    noisy = clean + np.float32(noise / grain.std()) * grain * np.sqrt(np.maximum(clean, 0.02))
    return replace(grid, array=np.maximum(5000.0 * noisy, 0.0).astype(np.float32), unit="Bq/mL")


def scanner_grid(head: Volume) -> Volume:
    """An empty axial PET grid around the middle of a head."""
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = PET_SPACING_MM
    affine[:3, 3], affine[3, 3] = head.centre_mm() - PET_SPACING_MM * (np.array(PET_SHAPE[::-1]) - 1.0) / 2.0, 1.0
    return Volume(np.broadcast_to(np.uint8(0), PET_SHAPE), affine, "", "1.2.3.4")


def turned(turn_deg: Array, shift_mm: Array, centre_mm: Array) -> Transform:
    """Turns about LPS x, then y, then z through a point, then a shift."""
    x, y, z = np.radians(turn_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_y @ about_x
    matrix[:3, 3] = centre_mm + shift_mm - matrix[:3, :3] @ centre_mm
    return Transform(matrix)


def miss_mm(points: Array, t1_from_pet: Transform, pet_from_t1: Transform) -> Array:
    """(n,) mm by which a found transform carries points (n, 4) of the T1 past themselves."""
    moved = points @ (t1_from_pet.matrix @ pet_from_t1.matrix).T
    return np.asarray(np.linalg.norm((moved - points)[:, :3], axis=1))
