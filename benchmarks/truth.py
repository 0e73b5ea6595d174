"""A known exam, and what a node's answer is worth beside it.

A known exam is a folder ``truth/`` as the simulators write it: ``truth.json`` and NIfTI maps. *Labels* are the tissue classes on
about 1 mm in T1 world coordinates (LPS mm); *blurred* means after the scanner's point spread, free of noise, in SUV on the PET grid. A
*truth's region* is a label, or a part of one that ``truth.json`` names; the node's *own mask* is the one that it measured over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.images import centres, fine_points, on_grid, read_image, values_at
from node.domain.volume import Array, Volume

PARENCHYMA = ("cortex", "nawm", "deep_gm", "thalamus", "brainstem", "cereb_gm", "cereb_wm")
"""Labels that a brain mask must hold; lesions come on top."""

OTHER = ("soft", "bone", "sinus")
"""Labels on which no brain mask may lie."""

REGIONS = {"cortex": "cortex", "thalamus": "thalamus", "nawm": "nawm_eroded2mm_6mm_from_lesions", "cerebellar_gm": "cereb_gm_eroded1mm"}
"""The node's name of a region → the truth's."""

REFERENCE = "cerebellar_gm"


REFERENCE_DEPTH_MM = 1.0
REFERENCE_FROM_LESIONS_MM = 5.0
"""The node divides by the part of its reference region that lies this deep in it and this far from lesions."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of an exam.

    Parameters
    ----------
    labels : (S, R, C) tissue classes, numbered by `label_values`
    lesions : (S, R, C) lesion numbers, 0 background, on the grid of `labels`
    uncertain : (S, R, C) bool there: bright in FLAIR and not in the mask
    blurred : (S, R, C) SUV of the late window on the PET grid
    pet_from_t1 : (4, 4) LPS mm, mean pose of the late window
    t1_from_flair : (4, 4) LPS mm
    flair_series_uid : the FLAIR, empty where there is none
    suvr_blurred : truth's region → mean of `blurred` over it, divided by the mean over the whole cerebellar grey matter
    """

    labels: Volume
    label_values: dict[str, int]
    lesions: Volume
    uncertain: Volume
    blurred: Volume
    pet_from_t1: Array
    t1_from_flair: Array
    flair_series_uid: str
    suvr_blurred: dict[str, float]

    def where(self, *names: str) -> Array:
        """(S, R, C) bool: voxels of these labels."""
        return np.isin(self.labels.array, [self.label_values[name] for name in names])

    def parenchyma(self) -> Array:
        """(S, R, C) bool: grey and white matter, lesions included."""
        return self.where(*PARENCHYMA) | (self.lesions.array > 0)

    def reference_suv(self) -> float:
        """Mean blurred SUV over the truth's whole cerebellar grey matter."""
        points = centres(self.labels.affine, self.where("cereb_gm")) @ self.pet_from_t1.T
        return float(values_at(self.blurred, points, order=1).mean())


def read(folder: Path) -> Truth:
    """Read an exam's ``truth/``."""
    facts = json.loads((folder / "truth.json").read_text())
    labels = read_image(folder / "tissue.nii.gz")
    uncertain = folder / "uncertain.nii.gz"
    late = facts.get("motion", {}).get("late_window_pet_from_mr") or facts["transform"]["pet_from_mr"]
    return Truth(
        labels=labels,
        label_values=facts["label_values"],
        lesions=read_image(folder / "lesion_ids.nii.gz"),
        uncertain=read_image(uncertain) if uncertain.is_file() else labels.like(np.zeros(labels.shape, dtype=bool)),
        blurred=read_image(folder / "pet_noisefree_suv_late.nii.gz"),
        pet_from_t1=np.array(late, dtype=np.float64),
        t1_from_flair=np.array(facts.get("flair_to_t1") or np.eye(4), dtype=np.float64),
        flair_series_uid=(facts["dicom"].get("flair") or {}).get("series_uid", ""),
        suvr_blurred={name: region["suvr_psf"] for name, region in facts["regions"].items()},
    )


def brain(truth: Truth, mask: Volume) -> dict[str, float]:
    """How well a brain mask (S, R, C bool, T1 world) lies: share of grey and white matter inside it, share of it on other tissue (%)."""
    inside = on_grid(mask, truth.labels) > 0
    parenchyma = truth.parenchyma()
    return {
        "parenchyma_inside_percent": _percent(parenchyma & inside, parenchyma),
        "mask_on_other_tissue_percent": _percent(inside & truth.where(*OTHER) & ~parenchyma, inside),
        "mask_on_nothing_percent": _percent(inside & (truth.labels.array == 0) & ~parenchyma, inside),
    }


def pet_to_t1_mm(truth: Truth, t1_from_pet: Array) -> dict[str, float]:
    """Distance by which a registration misses, over the truth's grey and white matter: mean and largest (mm)."""
    points = centres(truth.labels.affine, truth.parenchyma())
    moved = points @ (t1_from_pet @ truth.pet_from_t1).T
    distance = np.linalg.norm((moved - points)[:, :3], axis=1)
    return {"mean": float(distance.mean()), "max": float(distance.max())}


def own_reference(region: Volume, found_lesions: Volume) -> Volume:
    """The mask over which the node took its reference: the region (S, R, C bool) without its rim and without what is near lesions."""
    kept = ndimage.distance_transform_edt(region.array, sampling=region.spacing_mm) > REFERENCE_DEPTH_MM
    if found_lesions.array.any():
        kept &= ndimage.distance_transform_edt(found_lesions.array == 0, sampling=region.spacing_mm) > REFERENCE_FROM_LESIONS_MM
    return region.like(kept)


def own_mask_suv(truth: Truth, mask: Volume, t1_from_pet: Array) -> float:
    """Mean blurred SUV over a mask of the node (S, R, C bool on the T1 grid), put on the PET grid by the node's own transform.

    With the node's mask and the node's transform, what remains is the measurement itself: units, window, decay, projection. Each voxel
    of the mask is cut into points, and each point takes the value of the PET voxel in which it lies, which is the mean weighted with
    volume fractions.
    """
    points = fine_points(mask) @ np.linalg.inv(t1_from_pet).T
    return float(values_at(truth.blurred, points, order=0).mean())


def lesions(truth: Truth, labels: Volume) -> dict[str, Any]:
    """Found lesions (S, R, C labels, T1 world) beside the true ones.

    A true lesion is hit where a found one shares a voxel with it; a found one is false where it touches neither a true lesion nor an
    uncertain spot. Dice is over all voxels outside the uncertain spots.
    """
    found = on_grid(labels, truth.labels)
    true = truth.lesions.array
    uncertain = truth.uncertain.array > 0
    all_found = np.unique(labels.array[labels.array > 0])
    touching = np.unique(found[(found > 0) & ((true > 0) | uncertain)])
    a, b = (found > 0) & ~uncertain, (true > 0) & ~uncertain
    total = int(a.sum() + b.sum())
    return {
        "found": int(all_found.size),
        "true": int(np.unique(true[true > 0]).size),
        "hit": int(np.unique(true[(true > 0) & (found > 0)]).size),
        "false": int(np.setdiff1d(all_found, touching).size),
        "dice": 2 * int((a & b).sum()) / total if total else None,
    }


def overlap(truth: Truth, masks: list[Volume], t1_from_mask: Array) -> float | None:
    """Dice of masks (S, R, C bool) with the true lesions, outside the uncertain spots; None where both are empty.

    The masks' voxels are cut into points, so that grids of any spacing can be compared.

    Parameters
    ----------
    masks : on one grid
    t1_from_mask : (4, 4) LPS mm
    """
    point_ml = inside_ml = 0.0
    for mask in masks:
        points = fine_points(mask) @ t1_from_mask.T
        each_ml = mask.voxel_ml * float(mask.array.sum()) / max(1, len(points))
        certain = values_at(truth.uncertain, points, order=0) == 0
        point_ml += each_ml * float(certain.sum())
        inside_ml += each_ml * float((certain & (values_at(truth.lesions, points, order=0) > 0)).sum())
    true_ml = truth.lesions.voxel_ml * float(((truth.lesions.array > 0) & ~(truth.uncertain.array > 0)).sum())
    return 2.0 * inside_ml / (point_ml + true_ml) if point_ml + true_ml else None


def _percent(part: Array, whole: Array) -> float:
    return 100.0 * float(part.sum()) / float(whole.sum()) if whole.any() else 0.0
