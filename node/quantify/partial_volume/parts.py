"""Parts: the field of view divided among tissues, so that every voxel belongs to exactly one.

A correction for partial volume must know where every count comes from. Voxels go to the first of these that has them: lesions, thalamus,
deep grey matter, brain stem, cerebellar grey and white matter, cortex (as it is measured, inside the border), other cerebral grey
matter, NAWM, other white matter, CSF, what else is in the brain mask; then what lies within 4 mm outside the brain (dura, skull), and
all that is further off (scalp, air). Each is supposed to hold one value; the last three certainly do not, and what they hold is
nobody's finding.
"""

from __future__ import annotations

import numpy as np

from node.domain.result import Segmentation, Tissue
from node.domain.volume import Array
from node.imaging import distance_mm

ORDER = ("thalamus", "deep_gm", "brainstem", "cerebellar_gm", "cerebellar_wm", "cortex", "cerebral_gm", "nawm", "white_matter")
"""Regions of a Segmentation, each without what the ones before it have."""
CLOSE_MM = 4.0

GRAY = ("thalamus", "deep_gm", "cerebellar_gm", "cortex", "cerebral_gm")
WHITE = ("nawm", "white_matter", "cerebellar_wm", "brainstem", "lesions")


def parts_of(segmentation: Segmentation) -> dict[str, Array]:
    """Masks (S, R, C) bool on the T1 grid by name, disjoint, together the whole grid. Empty ones are left out."""
    held = {region.name: region.mask for region in segmentation.regions}
    brain = held["brain"]
    wanted = {"lesions": segmentation.lesions.array > 0} | {name: held[name].array for name in ORDER if name in held}
    wanted |= {"csf": segmentation.tissue.array == Tissue.CSF.value, "other_brain": brain.array}
    wanted |= {"around": distance_mm(brain) <= CLOSE_MM}
    taken = np.zeros(brain.shape, dtype=bool)
    parts = {}
    for name, mask in wanted.items():
        parts[name] = mask & ~taken
        taken |= mask
    parts["outside"] = ~taken
    return {name: mask for name, mask in parts.items() if mask.any()}
