"""The named regions: where a part and a tissue meet."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from node.domain import codes
from node.domain.codes import Code
from node.domain.result import Region, Tissue
from node.domain.volume import Array, Volume
from node.imaging import depth_mm, distance_mm
from node.segment.parts import Parts, parenchyma
from node.segment.window import Window

NAWM_DEPTH_MM = 2.0
"""How deep inside white matter normal-appearing white matter begins."""

NAWM_FROM_LESION_MM = 6.0
"""How far from a lesion normal-appearing white matter begins."""

CORTEX_DEPTH_MM = 4.0
"""How far inside the brain's outer border measured cortex begins, somewhat less than the point spread of a PET scanner: scalp, marrow,
sinuses and meninges take up TSPO tracers too, and fluid takes none up, and neither must be measured as cortex. Our own choice, made
with the exams of docs/validation.md in view: on heads whose labels are sure it reads some 5 % above the whole mantle, which the fluid
outside dilutes and which is given beside it."""

SMALLEST_CORTEX_ML = 1.0
"""Grey islands smaller than this are fluid–white mixtures, vessels or undetected lesions, not cortex."""


def find_regions(labels: Volume, lesions: Array, parts: Parts, *, window: Window, grid: Volume) -> tuple[Region, ...]:
    """The regions, on the whole T1 grid.

    Parameters
    ----------
    labels : (S, R, C) values of `Tissue` inside the window, lesions already white matter
    lesions : (S, R, C) bool inside the window
    """
    gray, white = (labels.array == t.value for t in (Tissue.GRAY_MATTER, Tissue.WHITE_MATTER))
    fluid = labels.array == Tissue.CSF.value
    solid = parenchyma(labels.array)
    cerebral_white = white & (parts.cerebrum | (parts.deep & lesions))
    cerebral_gray = mantle(labels.like(gray & parts.cerebrum & ~parts.ventricle_rim))
    masks: tuple[tuple[str, Code, Array], ...] = (
        ("brain", codes.BRAIN, labels.array > 0),
        ("white_matter", codes.CEREBRAL_WHITE_MATTER, cerebral_white),
        ("cerebral_gm", codes.CEREBRAL_GRAY_MATTER, cerebral_gray),
        ("cortex", codes.CEREBRAL_GRAY_MATTER, cerebral_gray & (depth_mm(labels.like(labels.array > 0)) > CORTEX_DEPTH_MM)),
        ("cerebellar_gm", codes.CEREBELLAR_CORTEX, gray & parts.cerebellum),
        ("cerebellar_wm", codes.CEREBELLAR_WHITE_MATTER, white & parts.cerebellum),
        ("thalamus", codes.THALAMUS, solid & parts.thalamus & ~lesions),
        ("deep_gm", codes.SUBCORTICAL_GRAY_MATTER, solid & parts.deep & ~lesions),
        ("brainstem", codes.BRAIN_STEM, solid & parts.brain_stem),
        ("ventricles", codes.BRAIN_VENTRICLE, fluid & parts.ventricle_zone),
        ("nawm", codes.NORMAL_APPEARING_WHITE_MATTER, normal_appearing(labels.like(cerebral_white), lesions)),
    )
    return tuple(Region(name, code, window.paste(mask, grid)) for name, code, mask in masks)


def mantle(gray: Volume) -> Array:
    """(S, R, C) bool grey matter of the cerebral mantle, without small islands."""
    parts, count = ndimage.label(gray.array)
    if count == 0:
        return np.asarray(gray.array)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes * gray.voxel_ml >= SMALLEST_CORTEX_ML)[parts])


def normal_appearing(white: Volume, lesions: Array) -> Array:
    """(S, R, C) bool white matter `NAWM_DEPTH_MM` inside, lesions counting as outside, and `NAWM_FROM_LESION_MM` from any lesion."""
    healthy = white.like(white.array & ~lesions)
    far = distance_mm(white.like(lesions)) >= NAWM_FROM_LESION_MM
    return np.asarray((depth_mm(healthy) > NAWM_DEPTH_MM) & far)
