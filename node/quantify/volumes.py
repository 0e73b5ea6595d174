"""Volumes: the brain and its parts, lesions by zone, and shares of the brain instead of a correction for head size.

A share divides by grey matter, white matter and fluid inside the brain mask: the brain parenchymal fraction is that of "whole_brain". The
mask ends at the brain's outer fluid, so that a share is not one of the intracranial volume, and is not to be compared with such. Nothing
here has a standard error: what a segmentation repeats to is not known from one scan.

Decisions
---------
We chose shares of the brain mask, because no intracranial volume is measured, and a volume in mL says little without the size of the head;
instead of scaling to a template's head, whose affine map knows the brain rather than the skull.

We chose the mean of the cerebral grey matter as the level below which a lesion is dark on the T1, because it holds for any coil and
protocol; instead of a number of standard deviations below white matter, which grows and shrinks with the image's noise. The T1 may have
been taken after a contrast agent, which headers seldom tell: what takes it up is then not dark.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import numpy as np

from node.domain.result import Alignment, Finding, Lesion, LesionOrigin, Quantity, Segmentation, Tissue
from node.domain.volume import Array

TISSUES = (("csf", Tissue.CSF), ("gray_matter", Tissue.GRAY_MATTER), ("all_white_matter", Tissue.WHITE_MATTER))
"""A tissue class inside the brain mask, by its name as a region; lesions are white matter."""

STRUCTURES = (
    *("whole_brain", "cerebral_gm", "white_matter", "deep_gm", "thalamus", "caudate", "putamen", "pallidum", "hippocampus"),
    *("corpus_callosum", "cerebellum", "brainstem", "ventricles", "lateral_ventricle", "third_ventricle", "fourth_ventricle"),
)
"""Regions whose volume and share are told, and the volumes of left and right where the segmentation has them."""

ZONES = {
    "lesions_periventricular": "periventricular",
    "lesions_juxtacortical": "juxtacortical",
    "lesions_deep": "deep white matter",
    "lesions_infratentorial": "infratentorial",
}
"""The lesions of one place, by the name that their sum has."""

_ORIGIN = {
    LesionOrigin.IMPORTED: "drawn elsewhere, imported",
    LesionOrigin.FOUND: "found by the node on the FLAIR",
    LesionOrigin.PROGRAM: "found by the site's own program",
}
ON_T1 = "segmented on the T1"
SHARE = "of grey matter, white matter and fluid inside the brain mask"
T1_DARK = "voxels of lesions that are darker on the T1 than cerebral grey matter on average"


def volume_findings(segmentation: Segmentation, alignment: Alignment, raised_ml: float, lesions: Sequence[Lesion]) -> tuple[Finding, ...]:
    """Volumes (mL), counts, and shares of the brain (1).

    Parameters
    ----------
    raised_ml : volume of the region of raised signal
    """
    return (
        *_brain(segmentation, alignment),
        *_structures(segmentation, _whole_ml(segmentation, alignment)),
        _volume("raised", raised_ml, "white matter that stands out from the patient's own NAWM"),
        *_lesions(segmentation, alignment, lesions),
    )


def _brain(segmentation: Segmentation, alignment: Alignment) -> Iterator[Finding]:
    yield _volume("brain", _ml(alignment.brain.array, alignment.brain.voxel_ml), "brain mask on the T1")
    whole = _whole_ml(segmentation, alignment)
    for name, tissue in TISSUES:
        volume_ml = _tissue_ml(segmentation, alignment, tissue)
        yield _volume(name, volume_ml, f"inside the brain mask, {ON_T1}")
        yield from _share(name, volume_ml, whole)


def _structures(segmentation: Segmentation, whole_ml: float) -> Iterator[Finding]:
    masks = {region.name: region.mask for region in segmentation.regions}
    sized = {name: _ml(masks[name].array, masks[name].voxel_ml) for name in _told(masks)}
    for name, volume_ml in sized.items():
        yield _volume(name, volume_ml, ON_T1)
        yield from _share(name, volume_ml, whole_ml) if name in STRUCTURES else ()


def _told(masks: Container[str]) -> Iterator[str]:
    """Each structure that there is, then its sides."""
    return (name for structure in STRUCTURES for name in (structure, f"{structure}_left", f"{structure}_right") if name in masks)


def _lesions(segmentation: Segmentation, alignment: Alignment, lesions: Sequence[Lesion]) -> Iterator[Finding]:
    origin = segmentation.lesion_origin
    if origin is LesionOrigin.NONE:
        return
    yield from _sum("lesions", lesions, _ORIGIN[origin])
    for name, place in ZONES.items():
        yield from _sum(name, [lesion for lesion in lesions if lesion.place == place], _ORIGIN[origin])
    dark_ml = _t1_dark_ml(segmentation, alignment)
    if dark_ml is not None:
        yield _volume("lesions_t1_dark", dark_ml, T1_DARK)


def _sum(name: str, lesions: Sequence[Lesion], basis: str) -> tuple[Finding, Finding]:
    count = Finding(name, Quantity.COUNT, float(len(lesions)), "1", None, basis)
    return count, _volume(name, sum(lesion.volume_ml for lesion in lesions), basis)


def _t1_dark_ml(segmentation: Segmentation, alignment: Alignment) -> float | None:
    """mL of lesions darker than cerebral grey matter; None where no grey matter was found to compare with."""
    named = {region.name: region.mask.array for region in segmentation.regions}
    gray = named.get("cerebral_gm", segmentation.tissue.array == Tissue.GRAY_MATTER.value)
    if not gray.any():
        return None
    level = float(alignment.t1.array[gray].mean(dtype=np.float64))
    dark = alignment.t1.array[segmentation.lesions.array > 0] < level
    return _ml(dark, segmentation.lesions.voxel_ml)


def _whole_ml(segmentation: Segmentation, alignment: Alignment) -> float:
    return sum(_tissue_ml(segmentation, alignment, tissue) for _, tissue in TISSUES)


def _tissue_ml(segmentation: Segmentation, alignment: Alignment, tissue: Tissue) -> float:
    inside = (segmentation.tissue.array == tissue.value) & alignment.brain.array
    return _ml(inside, segmentation.tissue.voxel_ml)


def _share(name: str, volume_ml: float, whole_ml: float) -> tuple[Finding, ...]:
    return (Finding(name, Quantity.FRACTION, volume_ml / whole_ml, "1", None, SHARE),) if whole_ml > 0 else ()


def _volume(name: str, volume_ml: float, basis: str) -> Finding:
    return Finding(name, Quantity.VOLUME, volume_ml, "ml", None, basis)


def _ml(mask: Array, voxel_ml: float) -> float:
    return float(np.count_nonzero(mask)) * voxel_ml
