"""What the verbs made of a known exam beside its truth: the numbers of the record that `exam_accuracy` prints.

`compare` takes the node's artefacts, wherever they were made: by a running node, or in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import lesion_truth, truth
from node.domain.result import Alignment, Quantity, Result, Segmentation
from node.domain.volume import Array, Volume

NO_REGION = dict.fromkeys(("own_mask_truth", "own_mask_bias_percent", "truth", "bias_percent", "volume_ml")) | {"judged": True}
"""A region of which the node says nothing."""


def compare(alignment: Alignment, segmentation: Segmentation, result: Result, known: truth.Truth) -> dict[str, Any]:
    """The same of what the verbs made."""
    t1_from_pet = alignment.t1_from_pet.matrix
    frames = [pose.matrix for pose in alignment.pet_from_frame]
    own = OwnMasks(known, segmentation, truth.late_from_t1(known, alignment))
    reference = result.tracer.reference
    own_reference, factor, whole = own.reference(known.blurred, reference), own.factor(known.suvr_blurred, reference), known.reference_suv()
    return {
        "brain": truth.brain(known, alignment.brain),
        "pet_to_t1_mm": truth.pet_to_t1_mm(known, t1_from_pet, truth.reference_pose(known, frames)),
        "frame_motion_mm": truth.frame_motion_mm(known, frames, compared(alignment)),
        "reference": {"region": reference, **_compared("suv_mean", _divisor(result), own_reference, factor * whole)},
        "reference_factor": {"truth": factor, "own": own_reference / whole},
        "regions": own.regions(result, Quantity.SUVR, "suvr", known.blurred, known.suvr_blurred, reference),
        "dvr_regions": dvr_regions(result, own),
        "kinetics": _kinetics(result, known),
        "dice": truth.shapes(known, segmentation),
        "lesions": lesion_truth.lesions(known, segmentation.lesions),
        "phenotypes": lesion_truth.phenotypes(known, segmentation.lesions, result.lesions),
        "checks_failed": [check.name for check in result.checks if not check.passed],
        "headline": result.headline,
    }


def compared(alignment: Alignment) -> list[bool]:
    """Frames whose motion the node measured: those with a number that is not 0 or NaN; all, where it gives no numbers."""
    if len(alignment.motion_mm) != len(alignment.pet_from_frame):
        return [True] * len(alignment.pet_from_frame)
    return [bool(np.isfinite(moved)) for moved in alignment.motion_mm]


@dataclass(frozen=True, eq=False)
class OwnMasks:
    """The node's masks on the truth's PET: `late_from_t1` (4, 4) as `truth.late_from_t1` gives it."""

    known: truth.Truth
    segmentation: Segmentation
    late_from_t1: Array

    def regions(
        self, result: Result, quantity: Quantity, key: str, image: Volume, true: dict[str, float], reference: str
    ) -> dict[str, dict[str, Any]]:
        """Every region of which the node says that quantity, but for the reference: over its own mask, and beside the truth's region.

        Parameters
        ----------
        image : (S, R, C) the quantity, noise-free and blurred, on the PET grid, up to a factor
        true : truth's region → the same, relative to the whole cerebellar grey matter
        """
        divisor, factor = self.reference(image, reference), self.factor(true, reference)
        rows = {name: dict(NO_REGION | {key: None}) for name in truth.REGIONS if name != truth.REFERENCE}
        for region in self.segmentation.regions:
            value = _value(result, region.name, quantity)
            if value is None or region.name == reference:
                continue
            own = truth.own_mask_mean(image, region.mask, self.late_from_t1) / divisor
            label = (truth.REGIONS | truth.BESIDE).get(region.name)
            known = true[label] / factor if label in true else None
            volume_ml = float(region.mask.array.sum()) * region.mask.voxel_ml
            rows[region.name] = _compared(key, value, own, known) | {"volume_ml": volume_ml, "judged": region.name in truth.REGIONS}
        return rows

    def reference(self, image: Volume, name: str) -> float:
        """Mean of an image over what the node divides by; a reference that is no region (a cluster) is taken for the cerebellar one."""
        names = [region.name for region in self.segmentation.regions]
        region = self.segmentation.region(name if name in names else truth.REFERENCE)
        return truth.own_mask_mean(image, truth.own_reference(region.mask, self.segmentation.lesions), self.late_from_t1)

    def factor(self, true: dict[str, float], name: str) -> float:
        """The truth's value of the reference region relative to the whole cerebellar grey matter."""
        return true[truth.REGIONS.get(name, truth.REGIONS[truth.REFERENCE])]


def dvr_regions(result: Result, own: OwnMasks) -> dict[str, dict[str, Any]]:
    """Regions with a DVR; empty where there is none."""
    known = own.known
    if known.dvr is None or not any(finding.quantity is Quantity.DVR for finding in result.findings):
        return {}
    reference = result.kinetics.reference.region if result.kinetics else result.tracer.reference
    return own.regions(result, Quantity.DVR, "dvr", known.dvr, known.dvr_blurred, reference)


def _kinetics(result: Result, known: truth.Truth) -> dict[str, Any] | None:
    kinetics = result.kinetics
    if kinetics is None:
        return None
    return {
        "k2_ref_per_min": 60.0 * kinetics.k2_ref_per_s,
        "truth_per_min": known.k2_ref_per_min,
        "k2_ref_basis": kinetics.k2_ref_basis,
        "reference": kinetics.reference_basis,
        "t_star_s": kinetics.t_star_s,
        "dvr_method": "; ".join(item.method for item in result.maps if item.quantity is Quantity.DVR) or "no map",
    }


def _value(result: Result, region: str, quantity: Quantity) -> float | None:
    finding = result.finding(region, quantity)
    return None if finding is None else finding.value


def _divisor(result: Result) -> float | None:
    """SUV of the reference as it was divided by, from what the node says of a region: SUV ÷ SUVR."""
    suv, suvr = _value(result, "cortex", Quantity.SUV), _value(result, "cortex", Quantity.SUVR)
    return suv / suvr if suv and suvr else None


def _compared(key: str, value: float | None, own: float, known: float | None) -> dict[str, Any]:
    return {
        key: value,
        "own_mask_truth": own,
        "own_mask_bias_percent": None if value is None else 100.0 * (value / own - 1.0),
        "truth": known,
        "bias_percent": None if value is None or known is None else 100.0 * (value / known - 1.0),
    }
