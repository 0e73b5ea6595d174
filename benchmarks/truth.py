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
import SimpleITK as sitk
from scipy import ndimage

from node.domain.volume import Array, Volume

PARENCHYMA = ("cortex", "nawm", "deep_gm", "thalamus", "brainstem", "cereb_gm", "cereb_wm")
"""Labels that a brain mask must hold; lesions come on top."""

OTHER = ("soft", "bone", "sinus")
"""Labels on which no brain mask may lie."""

REGIONS = {"cortex": "cortex", "thalamus": "thalamus", "nawm": "nawm_eroded2mm_6mm_from_lesions", "cerebellar_gm": "cereb_gm_eroded1mm"}
"""The node's name of a region → the truth's."""

REFERENCE = "cerebellar_gm"

POINT_STEP_MM = 0.6
"""A mask's voxels are cut into points about this far apart when a mean over them is taken on another grid."""


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
    suvr_blurred : truth's region → mean of `blurred` over it, divided by the mean over the whole cerebellar grey matter
    """

    labels: Volume
    label_values: dict[str, int]
    lesions: Volume
    uncertain: Volume
    blurred: Volume
    pet_from_t1: Array
    suvr_blurred: dict[str, float]

    def where(self, *names: str) -> Array:
        """(S, R, C) bool: voxels of these labels."""
        return np.isin(self.labels.array, [self.label_values[name] for name in names])

    def parenchyma(self) -> Array:
        """(S, R, C) bool: grey and white matter, lesions included."""
        return self.where(*PARENCHYMA) | (self.lesions.array > 0)

    def reference_suv(self) -> float:
        """Mean blurred SUV over the truth's whole cerebellar grey matter."""
        points = _points(self.labels.affine, self.where("cereb_gm")) @ self.pet_from_t1.T
        return float(_sample(self.blurred, points, order=1).mean())


def read(folder: Path) -> Truth:
    """Read an exam's ``truth/``."""
    facts = json.loads((folder / "truth.json").read_text())
    labels = _nifti(folder / "tissue.nii.gz")
    uncertain = folder / "uncertain.nii.gz"
    late = facts.get("motion", {}).get("late_window_pet_from_mr") or facts["transform"]["pet_from_mr"]
    return Truth(
        labels=labels,
        label_values=facts["label_values"],
        lesions=_nifti(folder / "lesion_ids.nii.gz"),
        uncertain=_nifti(uncertain) if uncertain.is_file() else labels.like(np.zeros(labels.shape, dtype=bool)),
        blurred=_nifti(folder / "pet_noisefree_suv_late.nii.gz"),
        pet_from_t1=np.array(late, dtype=np.float64),
        suvr_blurred={name: region["suvr_psf"] for name, region in facts["regions"].items()},
    )


def brain(truth: Truth, mask: Volume) -> dict[str, float]:
    """How well a brain mask (S, R, C bool, T1 world) lies: share of grey and white matter inside it, share of it on other tissue (%)."""
    inside = _at_labels(truth, mask) > 0
    parenchyma = truth.parenchyma()
    return {
        "parenchyma_inside_percent": _percent(parenchyma & inside, parenchyma),
        "mask_on_other_tissue_percent": _percent(inside & truth.where(*OTHER) & ~parenchyma, inside),
        "mask_on_nothing_percent": _percent(inside & (truth.labels.array == 0) & ~parenchyma, inside),
    }


def pet_to_t1_mm(truth: Truth, t1_from_pet: Array) -> dict[str, float]:
    """Distance by which a registration misses, over the truth's grey and white matter: mean and largest (mm)."""
    points = _points(truth.labels.affine, truth.parenchyma())
    moved = points @ (t1_from_pet @ truth.pet_from_t1).T
    distance = np.linalg.norm((moved - points)[:, :3], axis=1)
    return {"mean": float(distance.mean()), "max": float(distance.max())}


def own_mask_suv(truth: Truth, mask: Volume, t1_from_pet: Array) -> float:
    """Mean blurred SUV over a mask of the node (S, R, C bool on the T1 grid), put on the PET grid by the node's own transform.

    With the node's mask and the node's transform, what remains is the measurement itself: units, window, decay, projection. Each voxel
    of the mask is cut into points, and each point takes the value of the PET voxel in which it lies, which is the mean weighted with
    volume fractions.
    """
    points = _fine_points(mask) @ np.linalg.inv(t1_from_pet).T
    return float(_sample(truth.blurred, points, order=0).mean())


def lesions(truth: Truth, labels: Volume) -> dict[str, Any]:
    """Found lesions (S, R, C labels, T1 world) beside the true ones.

    A true lesion is hit where a found one shares a voxel with it; a found one is false where it touches neither a true lesion nor an
    uncertain spot. Dice is over all voxels outside the uncertain spots.
    """
    found = _at_labels(truth, labels)
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


def _percent(part: Array, whole: Array) -> float:
    return 100.0 * float(part.sum()) / float(whole.sum()) if whole.any() else 0.0


def _nifti(path: Path) -> Volume:
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = (np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing()))[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), affine)


def _points(affine: Array, where: Array) -> Array:
    """(n, 4) LPS mm of the voxels that are set."""
    index = np.argwhere(where)
    return np.asarray(np.c_[index, np.ones(len(index))] @ affine.T)


def _fine_points(mask: Volume) -> Array:
    """(n, 4) LPS mm, points spread evenly through the voxels of a mask."""
    index = np.argwhere(mask.array > 0).astype(np.float64)
    for axis, spacing in enumerate(mask.spacing_mm):
        parts = max(1, round(float(spacing) / POINT_STEP_MM))
        offsets = (np.arange(parts) + 0.5) / parts - 0.5
        index = np.repeat(index, parts, axis=0)
        index[:, axis] += np.tile(offsets, len(index) // parts)
    return np.asarray(np.c_[index, np.ones(len(index))] @ mask.affine.T)


def _sample(volume: Volume, points: Array, *, order: int) -> Array:
    """(n,) values of a volume at points (n, 4) in its LPS mm."""
    index = (points @ volume.index_from_lps.T)[:, :3].T
    return np.asarray(ndimage.map_coordinates(volume.array, index, order=order, mode="grid-constant", output=np.float64))


def _at_labels(truth: Truth, volume: Volume) -> Array:
    """Values of a mask or of labels at the truth's voxel centres (nearest), on the grid of the truth's labels."""
    index = volume.index_from_lps @ truth.labels.affine
    array = volume.array.astype(np.int32)
    return np.asarray(
        ndimage.affine_transform(array, index[:3, :3], index[:3, 3], truth.labels.shape, order=0, mode="grid-constant", output=np.int32)
    )
