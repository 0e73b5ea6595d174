"""What T1 and FLAIR look like: intensity by tissue, the template's own texture, a receive field, noise.

Intensities are those of an MPRAGE and a 3-D FLAIR at 3 T, in the arbitrary numbers of one scanner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from node.domain.transform import Deformation
from node.domain.volume import Array, Volume
from node.imaging import resample
from node.simulate.fields import axial_coordinates, smooth_noise
from node.simulate.head import LABELS, SOLID, Head
from node.simulate.options import random_stream


@dataclass(frozen=True)
class Contrast:
    """Intensity of each tissue in one MR contrast.

    Parameters
    ----------
    tissue : name of the label and intensity
    fat, muscle, skin, marrow, eye : of what carries the label "soft" or "bone"
    lesion : mean of a lesion's middle
    texture : intensity a unit of the template's own T1 beyond the mean of its tissue
    noise : SD of each of the two channels
    """

    name: str
    tissue: tuple[tuple[str, float], ...]
    fat: float
    muscle: float
    skin: float
    marrow: float
    eye: float
    lesion: float
    texture: float
    noise: float


T1 = Contrast(
    "T1",
    (
        ("csf", 270.0),
        ("cortex", 790.0),
        ("nawm", 1090.0),
        ("cereb_gm", 810.0),
        ("cereb_wm", 1110.0),
        ("thalamus", 985.0),
        ("brainstem", 1080.0),
        ("deep_gm", 890.0),
        ("soft", 560.0),
        ("bone", 75.0),
        ("sinus", 460.0),
    ),
    fat=1330.0,
    muscle=560.0,
    skin=640.0,
    marrow=330.0,
    eye=250.0,
    lesion=760.0,
    texture=700.0,
    noise=20.0,
)

FLAIR = Contrast(
    "FLAIR",
    (
        ("csf", 95.0),
        ("cortex", 640.0),
        ("nawm", 535.0),
        ("cereb_gm", 640.0),
        ("cereb_wm", 535.0),
        ("thalamus", 570.0),
        ("brainstem", 550.0),
        ("deep_gm", 615.0),
        ("soft", 250.0),
        ("bone", 40.0),
        ("sinus", 90.0),
    ),
    fat=430.0,
    muscle=230.0,
    skin=330.0,
    marrow=150.0,
    eye=70.0,
    lesion=930.0,
    texture=-150.0,
    noise=12.0,
)

_EYE_MM = (33.0, -60.0, -37.0)
_ORBIT_MM = (30.0, -48.0, -37.0)


def paint(contrast: Contrast, head: Head, lesions: Array, *, seed: int) -> Volume:
    """Intensity in template space, without noise and receive field.

    Parameters
    ----------
    lesions : (S, R, C) lesion numbers on the head's grid, 0 background

    Returns
    -------
    (S, R, C) float32
    """
    table = np.zeros(256, dtype=np.float32)
    for name, value in contrast.tissue:
        table[LABELS[name]] = value
    image = table[head.tissue.array]
    # The same stream for every contrast: it is one head.
    random = random_stream(seed, "paint")
    _paint_soft(image, contrast, head, random)
    _paint_pia(image, contrast, head)
    _add_texture(image, contrast, head)
    image *= 1.0 + 0.025 * smooth_noise(random, head.tissue, scale_mm=5.0)
    _paint_lesions(image, contrast, head, lesions)
    # Half a voxel of partial volume at every border.
    return head.tissue.like(ndimage.gaussian_filter(image, 0.45 / head.tissue.spacing_mm, truncate=3.0), unit="")


def acquire(painted: Volume, mr: Volume, template_from_mr: Deformation, contrast: Contrast, *, seed: int, visit: str = "") -> Volume:
    """The image that the scanner stores, on its own grid: the mean over the thickness of a slice.

    Parameters
    ----------
    mr : the grid, slices that touch
    visit : tells the noise of a later visit from that of the first

    Returns
    -------
    (S, R, C) uint16, 12 bits
    """
    random = random_stream(seed, f"acquire {contrast.name}{visit}")
    signal = _over_slices(painted, mr, template_from_mr) * (1.0 + 0.10 * smooth_noise(random, mr, scale_mm=120.0)) * _coil(mr)
    real = signal + contrast.noise * random.standard_normal(mr.shape, dtype=np.float32)
    imaginary = contrast.noise * random.standard_normal(mr.shape, dtype=np.float32)
    magnitude = np.sqrt(real * real + imaginary * imaginary)
    return mr.like(np.clip(np.round(magnitude), 0, 4095).astype(np.uint16))


def _over_slices(painted: Volume, mr: Volume, template_from_mr: Deformation) -> Array:
    """Mean of planes about 1 mm apart in each slice; one plane where slices are as thin as voxels are wide."""
    thick = float(mr.spacing_mm[0])
    planes = 1 if thick <= 1.1 * mr.spacing_mm[1] else max(1, round(thick))
    total = np.zeros(mr.shape, dtype=np.float32)
    for offset in (np.arange(planes) + 0.5) / planes - 0.5:
        affine = mr.affine.copy()
        affine[:3, 3] += offset * affine[:3, 0]
        total += resample(painted, replace(mr, affine=affine), template_from_mr).array
    return total / np.float32(planes)


def _coil(mr: Volume) -> Array:
    """A head coil hears the neck less and less."""
    s, r, c = (step * np.arange(n) for step, n in zip(mr.affine[2, :3], mr.shape, strict=True))
    z = s[:, None, None] + r[None, :, None] + c[None, None, :] + mr.affine[2, 3]
    return np.asarray((1.0 / (1.0 + np.exp(-(z + 118.0) / 12.0))).astype(np.float32))


def _paint_soft(image: Array, contrast: Contrast, head: Head, random: np.random.Generator) -> None:
    """Skin, then fat, then muscle with planes of fat between; the eyes in their fat; marrow in the bone's middle."""
    x, y, z = axial_coordinates(head.tissue)
    soft = head.tissue.array == LABELS["soft"]
    depth = head.skin_mm.array
    image[soft & (depth < 1.8)] = contrast.skin
    temple = (np.abs(x) > 52.0) & (z < 28.0) & (head.hull_mm.array < 15.0)
    image[soft & (depth >= 1.8) & (depth < np.where(temple, 3.4, 6.0))] = contrast.fat
    image[soft & (depth >= np.where(temple, 3.4, 6.0))] = contrast.muscle
    planes = np.abs(smooth_noise(random, head.tissue, scale_mm=26.0)) < 0.09
    image[soft & (depth >= 8.0) & planes & (head.hull_mm.array > 16.0)] = contrast.fat
    _paint_eyes(image, contrast, soft, (x, y, z))
    bone = head.tissue.array == LABELS["bone"]
    hull = head.hull_mm.array
    image[bone & (hull > 5.4) & (hull < 7.2)] = contrast.marrow
    image[bone & (hull > 12.0)] = contrast.marrow


def _paint_eyes(image: Array, contrast: Contrast, soft: Array, axes: tuple[Array, Array, Array]) -> None:
    x, y, z = axes
    side = np.abs(x)
    orbit = ((side - _ORBIT_MM[0]) / 17.0) ** 2 + ((y - _ORBIT_MM[1]) / 26.0) ** 2 + ((z - _ORBIT_MM[2]) / 16.0) ** 2 < 1.0
    ball = (side - _EYE_MM[0]) ** 2 + (y - _EYE_MM[1]) ** 2 + (z - _EYE_MM[2]) ** 2
    image[soft & orbit] = contrast.fat
    image[soft & (ball < 12.5**2)] = contrast.muscle
    image[soft & (ball < 11.3**2)] = contrast.eye
    image[soft & ((side - _EYE_MM[0]) ** 2 + (y - _EYE_MM[1] + 9.0) ** 2 * 4.0 + (z - _EYE_MM[2]) ** 2 < 4.5**2)] = contrast.muscle


def _paint_pia(image: Array, contrast: Contrast, head: Head) -> None:
    """Fluid that borders on the brain shares its voxels with cortex."""
    values = dict(contrast.tissue)
    fluid = head.tissue.array == LABELS["csf"]
    share = np.clip((head.solid.array[fluid] - 0.3) / (SOLID - 0.2), 0.0, 1.0)
    image[fluid] += share * (values["cortex"] - values["csf"])


def _add_texture(image: Array, contrast: Contrast, head: Head) -> None:
    """The template's T1 relative to the mean of each tissue; less of its dark side, which is the average's blurred border."""
    for name in ("csf", "cortex", "nawm", "cereb_gm", "cereb_wm", "thalamus", "brainstem", "deep_gm"):
        inside = (head.tissue.array == LABELS[name]) & (head.t1.array > 0)
        if inside.any():
            values = head.t1.array[inside]
            image[inside] += contrast.texture * np.clip(values - values.mean(), -0.1, 0.2)


def _paint_lesions(image: Array, contrast: Contrast, head: Head, lesions: Array) -> None:
    """Strongest in the middle, fading over the outer millimetre."""
    inside = lesions > 0
    depth = ndimage.gaussian_filter(inside.astype(np.float32), 0.8 / head.tissue.spacing_mm, truncate=3.0)
    weight = np.clip(1.4 * depth, 0.0, 1.0) * inside
    image += weight * (contrast.lesion - image)
