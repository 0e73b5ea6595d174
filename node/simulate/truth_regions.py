"""Regions and lesions of the truth: voxel counts, volumes and mean values, a row each."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from node.domain.volume import Array, Volume
from node.imaging import depth_mm, distance_mm
from node.simulate.anatomy import Anatomy
from node.simulate.head import LABELS
from node.simulate.truth import Json, Measured

_LESION_GAP_MM = 6.0


def region_truth(anatomy: Anatomy, measured: Measured) -> Json:
    """One entry a tissue outside lesions and active rims, and the two eroded regions that the node measures."""
    outside = anatomy.lesion_zone.array == 0
    masks = {name: (anatomy.tissue.array == label) & outside for name, label in LABELS.items()}
    rows = {name: _statistics(mask, measured, anatomy.tissue) for name, mask in masks.items() if mask.any()}
    rows["cereb_gm_eroded1mm"] = _statistics(_eroded(masks["cereb_gm"], anatomy.tissue, 1.0), measured, anatomy.tissue)
    far = _eroded(masks["nawm"], anatomy.tissue, 2.0) & ~_near(anatomy)
    rows["nawm_eroded2mm_6mm_from_lesions"] = _statistics(far, measured, anatomy.tissue)
    return rows


def lesion_truth(anatomy: Anatomy, measured: Measured, psf_fwhm_mm: float) -> list[Json]:
    """One entry a lesion, largest first."""
    boxes = ndimage.find_objects(anatomy.lesion_ids.array)
    return [_one_lesion(anatomy, measured, psf_fwhm_mm, number, box) for number, box in enumerate(boxes, start=1)]


def _one_lesion(anatomy: Anatomy, measured: Measured, psf_fwhm_mm: float, number: int, box: tuple[slice, ...]) -> Json:
    grid = anatomy.tissue
    core, rim = anatomy.lesion_ids.array == number, anatomy.rim_ids.array == number
    around = _widened(box, 1, grid.shape)
    radius = float(depth_mm(Volume(core[around], grid.affine)).max())
    centroid = grid.affine @ np.append(np.argwhere(core).mean(axis=0), 1.0)
    return {
        "id": number,
        "class": anatomy.kinds[number - 1].value,
        "volume_mm3": round(float(core.sum() * grid.voxel_ml * 1000.0), 1),
        "inscribed_radius_mm": round(radius, 2),
        "centroid_lps_mm": [round(float(x), 2) for x in centroid[:3]],
        "rim_resolvable_at_psf": radius >= 0.75 * psf_fwhm_mm,
        "core": _statistics(core, measured, grid),
        "rim": _statistics(rim, measured, grid),
        "new": None,
        "prev_id": None,
    }


def _widened(box: tuple[slice, ...], margin: int, shape: tuple[int, int, int]) -> tuple[slice, ...]:
    """A box grown by a margin, within the grid."""
    return tuple(slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(box, shape, strict=True))


def _statistics(mask: Array, measured: Measured, grid: Volume) -> Json:
    count = int(mask.sum())
    row: Json = {"n_vox": count, "volume_ml": round(count * grid.voxel_ml, 4)}
    for name in ("suvr_true", "dvr_true", "suvr_psf", "dvr_psf", "suvr_noisy"):
        row[name] = round(float(getattr(measured, name)[mask].mean(dtype=np.float64)), 5) if count else None
    return row


def _eroded(mask: Array, grid: Volume, by_mm: float) -> Array:
    """Voxels that lie deeper than `by_mm`, measured to the middle of the nearest voxel outside."""
    out = np.zeros_like(mask)
    box = _widened(ndimage.find_objects(mask.astype(np.uint8))[0], 1, grid.shape)
    out[box] = depth_mm(Volume(mask[box], grid.affine)) > by_mm
    return out


def _near(anatomy: Anatomy) -> Array:
    """Voxels nearer than 6 mm to any lesion."""
    near = np.zeros(anatomy.tissue.shape, dtype=bool)
    margin = int(np.ceil(_LESION_GAP_MM / anatomy.tissue.spacing_mm.min())) + 1
    for number, found in enumerate(ndimage.find_objects(anatomy.lesion_ids.array), start=1):
        box = _widened(found, margin, anatomy.tissue.shape)
        near[box] |= distance_mm(Volume(anatomy.lesion_ids.array[box] == number, anatomy.tissue.affine)) < _LESION_GAP_MM
    return near
