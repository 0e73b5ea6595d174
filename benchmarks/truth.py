"""A known exam, and what a node's answer is worth beside it: brain, poses, regions. `lesion_truth` does lesions.

A known exam is a folder ``truth/`` as the simulators write it: ``truth.json`` and NIfTI maps. *Labels* are the tissue classes on
about 1 mm in T1 world coordinates (LPS mm); *blurred* means after the scanner's point spread, free of noise, in SUV on the PET grid. A
*truth's region* is a label, or a part of one that ``truth.json`` names; the node's *own mask* is the one that it measured over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.images import centres, fine_points, on_grid, read_image, values_at
from node.domain.result import Alignment, Segmentation
from node.domain.volume import Array, Volume

PARENCHYMA = ("cortex", "nawm", "deep_gm", "thalamus", "brainstem", "cereb_gm", "cereb_wm")
"""Labels that a brain mask must hold; lesions come on top."""

OTHER = ("soft", "bone", "sinus")
"""Labels on which no brain mask may lie."""

REGIONS = {"cortex": "cortex", "thalamus": "thalamus", "nawm": "nawm_eroded2mm_6mm_from_lesions", "cerebellar_gm": "cereb_gm_eroded1mm"}
"""The node's name of a region → the truth's."""

BESIDE = {"brainstem": "brainstem", "deep_gm": "deep_gm", "cerebral_gm": "cortex", "cerebellar_wm": "cereb_wm"}
"""Further regions whose value is shown beside the truth's region, without a limit: the two are not drawn alike."""

SHAPES = {
    "thalamus": (("thalamus",), ("thalamus",)),
    "brainstem": (("brainstem",), ("brainstem",)),
    "cerebellum": (("cerebellum",), ("cereb_gm", "cereb_wm")),
    "cerebellar_gm": (("cerebellar_gm",), ("cereb_gm",)),
    "deep_gm": (("deep_gm",), ("deep_gm",)),
    "cerebral_gm": (("cerebral_gm",), ("cortex",)),
    "white_matter": (("white_matter",), ("nawm",)),
}
"""What is compared in shape → the node's regions, and the truth's labels, that make it up."""

REFERENCE = "cerebellar_gm"

DYNAMIC_FROM_S = 120.0
"""A PET that begins within this time of the injection is a dynamic one."""

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
    dvr_blurred : the same of the distribution volume ratio
    dvr : (S, R, C) blurred distribution volume ratio on the PET grid, mean pose of the late window; None where it is not known
    frames_from_t1 : F (4, 4) LPS mm, pose of each frame
    late_frames : indices of the late window's frames
    dynamic : whether the PET begins with the injection
    k2_ref_per_min : efflux constant of the reference
    psf_fwhm_mm : of the simulated camera
    classes : number of a lesion → its class
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
    dvr_blurred: dict[str, float] = field(default_factory=dict)
    dvr: Volume | None = None
    frames_from_t1: tuple[Array, ...] = ()
    late_frames: tuple[int, ...] = ()
    dynamic: bool = False
    k2_ref_per_min: float | None = None
    psf_fwhm_mm: float | None = None
    classes: dict[int, str] = field(default_factory=dict)

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
    uncertain, dvr = folder / "uncertain.nii.gz", folder / "dvr_noisefree_pet.nii.gz"
    motion = facts.get("motion", {})
    late = motion.get("late_window_pet_from_mr") or facts["transform"]["pet_from_mr"]
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
        dvr_blurred={name: region["dvr_psf"] for name, region in facts["regions"].items()},
        dvr=read_image(dvr) if dvr.is_file() else None,
        frames_from_t1=tuple(np.array(matrix, dtype=np.float64) for matrix in motion.get("per_frame_pet_from_mr", ())),
        late_frames=tuple(motion.get("late_window_frames", ())),
        dynamic=float(facts["frame_start_s"][0]) < DYNAMIC_FROM_S,
        k2_ref_per_min=facts.get("k2ref_per_min"),
        psf_fwhm_mm=facts.get("psf_fwhm_mm"),
        classes={lesion["id"]: lesion["class"] for lesion in facts["lesions"]},
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


def pet_to_t1_mm(truth: Truth, t1_from_pet: Array, pet_from_t1: Array) -> dict[str, float]:
    """Distance by which a registration misses, over the truth's grey and white matter: mean and largest (mm).

    Parameters
    ----------
    pet_from_t1 : (4, 4) the true pose that `t1_from_pet` belongs to, as `reference_pose` gives it
    """
    points = centres(truth.labels.affine, truth.parenchyma())
    moved = points @ (t1_from_pet @ pet_from_t1).T
    distance = np.linalg.norm((moved - points)[:, :3], axis=1)
    return {"mean": float(distance.mean()), "max": float(distance.max())}


def reference_pose(truth: Truth, pet_from_frame: Sequence[Array]) -> Array:
    """(4, 4) where the T1 truly lies in the pose to which the node moved the frames: the mean of what its late frames say.

    A node that moved no frame is in the mean pose of the late window.
    """
    if len(truth.frames_from_t1) != len(pet_from_frame) or not truth.late_frames:
        return truth.pet_from_t1
    return np.asarray(np.mean([pet_from_frame[k] @ truth.frames_from_t1[k] for k in truth.late_frames], axis=0))


def frame_motion_mm(truth: Truth, pet_from_frame: Sequence[Array], compared: Sequence[bool]) -> dict[str, Any]:
    """What is left of the motion between frames after the node's correction, against `reference_pose`, over grey and white matter (mm).

    *mean* is over the frames that the node compared, *worst* the worst of them, *worst_of_all* with the early and short frames that it
    gave the pose of another; *moved* is the largest true displacement from the late pose.

    Parameters
    ----------
    pet_from_frame : F (4, 4) reference pose from the pose of each frame
    compared : F, whether the node looked at the frame itself
    """
    nothing = {"mean": None, "worst": None, "worst_of_all": None, "moved": None, "frames": 0}
    if len(truth.frames_from_t1) != len(pet_from_frame) or not any(compared):
        return nothing
    points = centres(truth.labels.affine, truth.parenchyma())[::97]
    reference = points @ reference_pose(truth, pet_from_frame).T
    left = np.array([_apart_mm(points @ (a @ b).T, reference) for a, b in zip(pet_from_frame, truth.frames_from_t1, strict=True)])
    moved = [_apart_mm(points @ pose.T, points @ truth.pet_from_t1.T) for pose in truth.frames_from_t1]
    seen = left[np.array(compared)]
    return {"mean": seen.mean(), "worst": seen.max(), "worst_of_all": left.max(), "moved": max(moved), "frames": len(seen)}


def _apart_mm(first: Array, second: Array) -> float:
    return float(np.linalg.norm((first - second)[:, :3], axis=1).mean())


def late_from_t1(truth: Truth, alignment: Alignment) -> Array:
    """(4, 4) LPS mm of the T1 → where the node puts it in the truth's PET images, which are in the late window's mean pose."""
    pose = reference_pose(truth, [frame.matrix for frame in alignment.pet_from_frame])
    return np.asarray(truth.pet_from_t1 @ np.linalg.inv(pose) @ np.linalg.inv(alignment.t1_from_pet.matrix))


def own_reference(region: Volume, found_lesions: Volume) -> Volume:
    """The mask over which the node took its reference: the region (S, R, C bool) without its rim and without what is near lesions."""
    kept = ndimage.distance_transform_edt(region.array, sampling=region.spacing_mm) > REFERENCE_DEPTH_MM
    if found_lesions.array.any():
        kept &= ndimage.distance_transform_edt(found_lesions.array == 0, sampling=region.spacing_mm) > REFERENCE_FROM_LESIONS_MM
    return region.like(kept)


def own_mask_mean(image: Volume, mask: Volume, pet_from_t1: Array) -> float:
    """Mean of a truth's PET image over a mask of the node (S, R, C bool on the T1 grid), put on the PET grid by the node's own transform.

    With the node's mask and the node's transform, what remains is the measurement itself: units, window, decay, projection, model. Each
    voxel of the mask is cut into points, and each point takes the value of the PET voxel in which it lies, which is the mean weighted
    with volume fractions.
    """
    return float(values_at(image, fine_points(mask) @ pet_from_t1.T, order=0).mean())


def shapes(truth: Truth, segmentation: Segmentation) -> dict[str, float | None]:
    """Dice of the node's regions with the truth's labels; None for a shape of which the node has no region.

    The truth has fluid as one label, so that ventricles cannot be judged by it.
    """
    masks = {region.name: region.mask for region in segmentation.regions}
    found: dict[str, float | None] = {}
    for name, (own, labels) in SHAPES.items():
        if any(part not in masks for part in own):
            found[name] = None
            continue
        mine = np.any([on_grid(masks[part], truth.labels) > 0 for part in own], axis=0)
        true = truth.where(*labels)
        found[name] = 2.0 * float((mine & true).sum()) / max(1.0, float(mine.sum() + true.sum()))
    return found


def _percent(part: Array, whole: Array) -> float:
    return 100.0 * float(part.sum()) / float(whole.sum()) if whole.any() else 0.0
