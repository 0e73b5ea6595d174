"""What tells a good segmentation from a failed one, as Checks."""

from __future__ import annotations

import numpy as np

from node.domain.exam import Check, Gravity
from node.domain.result import LesionOrigin, Region, Tissue
from node.domain.volume import Array, Volume
from node.segment.tissue import TissueModel

# Limits for adults, wide enough for atrophy and a small head; our own choice, not published ones.
CONTRAST_LEAST = 1.5
"""Distance of the means of grey and white matter on the T1, in standard deviations of white matter."""

RATIO = (0.7, 2.5)
"""Cortical and cerebellar grey matter over cerebral and cerebellar white matter."""

VOLUMES_ML = (
    ("thalamus", "thalamus", 6.0, 30.0, Gravity.WARNING),
    ("cerebellar_gm", "cerebellar grey matter", 40.0, 180.0, Gravity.HOLD),
    ("cerebral_gm", "cerebral grey matter", 200.0, 900.0, Gravity.HOLD),
    ("white_matter", "cerebral white matter", 150.0, 800.0, Gravity.HOLD),
)

NAWM_LEAST_ML = 5.0
"""Normal-appearing white matter from which a mean is still worth naming."""

LESIONS_MOST = 150
LESION_LOAD_MOST_ML = 100.0


def judge(labels: Volume, tissue: TissueModel, regions: tuple[Region, ...], lesions: Array, origin: LesionOrigin) -> tuple[Check, ...]:
    """Judge a segmentation.

    Parameters
    ----------
    labels : (S, R, C) values of `Tissue`
    lesions : (S, R, C) int32 numbers, on the same grid
    """
    volumes = {region.name: float(region.mask.array.sum()) * region.mask.voxel_ml for region in regions}
    return (
        _contrast(tissue),
        _ratio(labels),
        *(_volume(name, words, volumes[name], (low, high), gravity) for name, words, low, high, gravity in VOLUMES_ML),
        _nawm(volumes["nawm"]),
        _origin(origin),
        *_load(lesions, labels.voxel_ml, origin),
    )


def _contrast(tissue: TissueModel) -> Check:
    _, gray, white = tissue.means
    value = (white - gray) / tissue.noise if tissue.noise > 0 else float("inf")
    return Check(
        "tissue_contrast",
        value >= CONTRAST_LEAST,
        f"White matter is {value:.1f} standard deviations brighter than grey matter on the T1 (expected at least {CONTRAST_LEAST:g}).",
        value=value,
        limit=CONTRAST_LEAST,
        unit="1",
    )


def _ratio(labels: Volume) -> Check:
    gray, white = (int((labels.array == t.value).sum()) for t in (Tissue.GRAY_MATTER, Tissue.WHITE_MATTER))
    value = gray / max(white, 1)
    return Check(
        "gray_to_white",
        RATIO[0] <= value <= RATIO[1],
        f"Grey matter is {value:.2f} times white matter (expected {RATIO[0]:g} to {RATIO[1]:g}).",
        value=value,
        limit=RATIO[0] if value < RATIO[0] else RATIO[1],
        unit="1",
    )


def _volume(name: str, words: str, value: float, limits: tuple[float, float], gravity: Gravity) -> Check:
    low, high = limits
    return Check(
        f"{name}_volume",
        low <= value <= high,
        f"The {words} measures {value:.1f} mL (expected {low:g} to {high:g} mL).",
        gravity,
        value=value,
        limit=low if value < low else high,
        unit="mL",
    )


def _nawm(value: float) -> Check:
    return Check(
        "nawm_volume",
        value >= NAWM_LEAST_ML,
        f"{value:.1f} mL of normal-appearing white matter are left (expected at least {NAWM_LEAST_ML:g} mL).",
        value=value,
        limit=NAWM_LEAST_ML,
        unit="mL",
    )


def _origin(origin: LesionOrigin) -> Check:
    sentence = {
        LesionOrigin.IMPORTED: "Lesions were drawn elsewhere and came with the exam.",
        LesionOrigin.PROGRAM: "Lesions were drawn by a program of the site; nobody has looked at them yet.",
        LesionOrigin.FOUND: "Lesions were found automatically on the FLAIR; nobody has looked at them yet.",
        LesionOrigin.NONE: "Analysed without lesions: there was neither a FLAIR nor lesions drawn elsewhere.",
    }[origin]
    return Check("lesion_origin", origin is LesionOrigin.IMPORTED, sentence, Gravity.NOTE)


def _load(lesions: Array, voxel_ml: float, origin: LesionOrigin) -> tuple[Check, ...]:
    if origin is LesionOrigin.NONE:
        return ()
    count, load = int(lesions.max(initial=0)), float(np.count_nonzero(lesions)) * voxel_ml
    return (
        Check(
            "lesion_count",
            count <= LESIONS_MOST,
            f"{count} lesions (expected at most {LESIONS_MOST}).",
            value=float(count),
            limit=float(LESIONS_MOST),
            unit="1",
        ),
        Check(
            "lesion_load",
            load <= LESION_LOAD_MOST_ML,
            f"Lesions fill {load:.1f} mL (expected at most {LESION_LOAD_MOST_ML:g} mL).",
            value=load,
            limit=LESION_LOAD_MOST_ML,
            unit="mL",
        ),
    )
