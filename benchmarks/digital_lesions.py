"""Digital lesions: one lesion in a block of white matter, drawn on 1 mm, seen by a PET of known point spread, with noise and a mask.

Nothing here is shared with what it judges: the point spread is laid on by a Gaussian filter on 0.5 mm, not integrated over voxels.

*Truth* is what the tracer does, on the 1 mm grid; the *drawn mask* is what the node is given, which may be off: its border moved by
`border_mm`, the whole shifted by `shift_mm`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain import codes
from node.domain.result import LesionOrigin, Quantity, Region, Segmentation, Tissue
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.quantify.contrast import NawmScale, nawm_scale
from node.quantify.partial_volume.noise import noise_in
from node.quantify.phenotype import BlurredMap
from node.quantify.project import Projection, project

SIZE = 60
"""Voxels of 1 mm along each side of the block."""
NAWM = 1.15
UPTAKE = {"rim-active": (0.90, 1.60), "overall-active": (1.40, 1.0), "inactive": (0.77, 1.0)}
"""Core and rim of each class over NAWM, as the simulated exams have them."""
GRAY, FLUID = 0.95, 0.4
NOISE_WIDTH = 0.85
"""Width of the noise's grain over that of the point spread."""


@dataclass(frozen=True)
class Case:
    """One digital lesion.

    Parameters
    ----------
    kind : of `UPTAKE`
    radius_mm : of a sphere of the same volume, about
    irregular : 0 is a sphere; 1 a surface that varies by about a third of the radius
    noise : SD in a voxel of the PET over NAWM
    voxel_mm : of the PET, (slice, row, column)
    """

    kind: str
    radius_mm: float
    fwhm_mm: float
    noise: float = 0.0
    irregular: float = 0.0
    voxel_mm: tuple[float, float, float] = (2.0, 2.1, 2.1)
    border_mm: float = 0.0
    shift_mm: float = 0.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Scene:
    """What the node gets, and the truth: `core` and `rim` are true values."""

    segmentation: Segmentation
    projection: Projection
    values: Array
    scale: NawmScale
    blurred: BlurredMap
    core: float
    rim: float


def scene(case: Case) -> Scene:
    """Make a digital lesion."""
    random = np.random.default_rng([case.seed, round(10 * case.radius_mm), round(10 * case.fwhm_mm), len(case.kind)])
    white, gray = _block()
    lesion = _shape(case, random) & white
    # Within 2 mm of the lesion's surface, which lies some way outside the centres of its voxels.
    rim = white & ~lesion & (ndimage.distance_transform_edt(~lesion) <= 2.3)
    of_core, of_rim = UPTAKE[case.kind]
    truth = np.where(lesion, of_core * NAWM, np.where(rim, of_rim * NAWM, np.where(white, NAWM, np.where(gray, GRAY, FLUID))))
    grid = Volume(np.zeros((SIZE,) * 3, np.uint8), np.array([[0, 0, 1.0, 0], [0, 1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1]]))
    pet = _pet_grid(case, random)
    values = _seen(truth, pet, case) + _grain(pet, case, random)
    segmentation = _segmentation(grid, white, gray, _drawn(lesion, case, random) & white)
    projection = project(segmentation.region("brain").mask, pet, Transform.identity())
    nawm = projection.fractions({"nawm": segmentation.region("nawm").mask.array})["nawm"]
    values = projection.cut(pet.like(values))
    scale = nawm_scale(values, nawm)
    noise = noise_in(values, nawm, projection.grid.spacing_mm)
    blurred = BlurredMap(values, Quantity.SUVR, scale, noise, case.fwhm_mm, case.seed)
    return Scene(segmentation, projection, values, scale, blurred, of_core * NAWM, of_rim * NAWM)


def _block() -> tuple[Array, Array]:
    """White matter, and a slab of grey matter beside it; what is left is fluid."""
    column = np.broadcast_to(np.arange(SIZE), (SIZE,) * 3)
    return column >= 12, (column >= 7) & (column < 12)


def _shape(case: Case, random: np.random.Generator) -> Array:
    centre = np.array([SIZE / 2.0, SIZE / 2.0, SIZE / 2.0 + 3.0]) + random.uniform(-0.5, 0.5, 3)
    offset = np.indices((SIZE,) * 3) - centre[:, None, None, None]
    radius = np.sqrt((offset**2).sum(axis=0))
    bumps = ndimage.gaussian_filter(random.standard_normal((SIZE,) * 3), max(1.5, case.radius_mm / 2.0))
    found = radius < case.radius_mm * (1.0 + 0.33 * case.irregular * bumps / bumps.std())
    labels, _ = ndimage.label(found)
    return np.asarray(labels == np.bincount(labels[labels > 0]).argmax())


def _drawn(lesion: Array, case: Case, random: np.random.Generator) -> Array:
    """The mask that the node gets."""
    outwards = ndimage.distance_transform_edt(~lesion) - ndimage.distance_transform_edt(lesion)
    direction = random.standard_normal(3)
    moved = ndimage.shift(outwards, case.shift_mm * direction / np.linalg.norm(direction), order=1, mode="nearest")
    return np.asarray(moved <= case.border_mm)


def _pet_grid(case: Case, random: np.random.Generator) -> Volume:
    """A PET that holds the block with some millimetres around it, turned a little against it."""
    angle = np.deg2rad(random.uniform(-8.0, 8.0))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    axes = turn @ np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]]) * case.voxel_mm
    shape = np.ceil((SIZE - 4) / np.array(case.voxel_mm)).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = (SIZE - 1) / 2.0 + random.uniform(-1.0, 1.0, 3) - axes @ ((shape - 1) / 2.0)
    return Volume(np.zeros(tuple(shape), np.float32), affine)


def _seen(truth: Array, pet: Volume, case: Case) -> Array:
    """Truth (1 mm voxels, LPS mm = column, row, slice) after the point spread, at the centres of the PET's voxels."""
    fine = np.repeat(np.repeat(np.repeat(truth.astype(np.float32), 2, axis=0), 2, axis=1), 2, axis=2)
    # Linear interpolation on 0.5 mm adds a sixth of the squared step; so do not the boxes, which are the truth.
    sigma_mm = np.sqrt((case.fwhm_mm / 2.3548) ** 2 - 0.5**2 / 6.0)
    blurred = ndimage.gaussian_filter(fine, sigma_mm / 0.5, mode="nearest")
    index = np.indices(pet.shape).reshape(3, -1)
    points = (pet.affine[:3, :3] @ index + pet.affine[:3, 3:])[::-1]
    return ndimage.map_coordinates(blurred, 2.0 * points + 0.5, order=1, mode="nearest").reshape(pet.shape)


def _grain(pet: Volume, case: Case, random: np.random.Generator) -> Array:
    """Noise that carries as far as a reconstruction makes it; a hair of it where none is wanted, so that there is a spread."""
    grain = ndimage.gaussian_filter(random.standard_normal(pet.shape), NOISE_WIDTH * case.fwhm_mm / 2.3548 / pet.spacing_mm)
    return np.asarray(grain / grain.std() * max(case.noise, 1e-4) * NAWM)


def _segmentation(grid: Volume, white: Array, gray: Array, drawn: Array) -> Segmentation:
    tissue = np.where(white, Tissue.WHITE_MATTER.value, np.where(gray, Tissue.GRAY_MATTER.value, Tissue.CSF.value)).astype(np.uint8)
    clear = ndimage.distance_transform_edt(~drawn) > 6.0
    nawm = white & clear & (ndimage.distance_transform_edt(white) > 5.0)
    named = {"brain": np.ones_like(white), "white_matter": white, "nawm": nawm, "cortex": gray}
    regions = tuple(Region(name, codes.BRAIN, grid.like(mask)) for name, mask in named.items())
    return Segmentation(grid.like(tissue), regions, grid.like(drawn.astype(np.int32)), LesionOrigin.FOUND, ())
