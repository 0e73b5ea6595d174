"""Lesions found on the FLAIR, without trained weights: outliers against grey matter inside white matter, grown from a safe seed.

After the belief map of Schmidt et al., NeuroImage 59:3774 (2012): how far a voxel's FLAIR lies above the typical grey matter, in its
standard deviations, is the belief; a conservative threshold seeds, a liberal one bounds the growth. We depart from it: the belief
is taken against local grey matter, growth is by reconstruction instead of a random field, and what looks alike by anatomy (cortex,
the lining of the ventricles, the septum, the choroid plexus) is kept out by geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.result import Tissue
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.imaging import depth_mm, distance_mm
from node.segment.parts import Parts
from node.segment.place import Place

SEED = 1.5
"""Belief, blurred by `SEED_BLUR_MM` against noise, at which a lesion is sure."""

SEED_BLUR_MM = 0.7

GROW = 1.0
"""Belief down to which it grows."""

EDGE_SHARE = 0.25
"""A lesion ends where belief falls below this share of its own brightest tenth: round a bright one, half lesion half healthy tissue
still exceeds `GROW`."""

SEED_WHITE_PRIOR = 0.6
WHITE_PRIOR = 0.3
"""Least prior of white matter, blurred by `PRIOR_BLUR_MM`, where a lesion may begin, and to which it may grow."""

PRIOR_BLUR_MM = 1.5
"""What the alignment may be wrong by, as a standard deviation."""

CORTEX_MM = 4.0
"""Grey matter this near to sulcal fluid lines it, and is sure cortex; so is what the prior does not hold for white matter."""

SULCUS_ML = 5.0
"""Fluid outside the ventricles in a part of this size is sulcal: a black hole is smaller, sulci hang together."""

SEED_FROM_CORTEX_MM = 2.0
FROM_CORTEX_MM = 1.0
"""Distance from sure cortex at which a lesion may begin, and to which it may grow: cortex is bright on a FLAIR."""

EDGE_MM = 4.0
"""Nothing within this depth of the brain's surface is taken: flow, scalp and cortex are bright there."""

SEPTUM_MM = 4.0
"""Half width of the strip between the lateral ventricles in which nothing is taken."""

SMALLEST_MM3 = 15.0
SMALLEST_VOXELS = 3
THINNEST_MM = 0.9
"""A lesion is somewhere deeper than this: the lining of a ventricle is thinner."""

NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def find_lesions(flair: Volume, labels: Array, place: Place, parts: Parts) -> Array:
    """(S, R, C) bool lesions.

    Parameters
    ----------
    flair : (S, R, C) on the grid of `place`
    labels : (S, R, C) values of `Tissue`, before lesions are put into white matter

    Raises
    ------
    DataError : the FLAIR has no signal in grey or white matter
    """
    belief = believe(flair, labels, parts)
    land = find_land(labels, place, parts)
    steady = ndimage.gaussian_filter(belief, SEED_BLUR_MM / flair.spacing_mm)
    grown = ndimage.binary_propagation(land.begin & (steady > SEED), structure=NEIGHBOURS, mask=land.grow & (belief > GROW))
    return keep_lesions(place.brain.like(_trimmed(grown, belief)))


def _trimmed(grown: Array, belief: Array) -> Array:
    """(S, R, C) bool each component down to `EDGE_SHARE` of its bright end."""
    labels, _ = ndimage.label(grown, structure=NEIGHBOURS)
    bright = [0.0]
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        bright.append(float(np.percentile(belief[box][labels[box] == number], 90.0)))
    return np.asarray(grown & (belief > EDGE_SHARE * np.array(bright)[labels]))


def believe(flair: Volume, labels: Array, parts: Parts) -> Array:
    """(S, R, C) how far each voxel lies above typical grey matter, in white matter's robust standard deviations.

    Grey matter darker than typical white matter holds fluid, which a FLAIR suppresses: it is left out of what is typical, and grey
    matter's own spread, which would measure that fluid, is not used.
    """
    gray = flair.array[(labels == Tissue.GRAY_MATTER.value) & parts.cerebrum]
    white = flair.array[(labels == Tissue.WHITE_MATTER.value) & parts.cerebrum]
    if min(len(gray), len(white)) == 0 or np.median(gray) <= 0 or np.median(white) <= 0:
        raise DataError("segment: expected the FLAIR to show grey and white matter; found no signal there")
    level = float(np.median(white))
    spread = max(1.4826 * float(np.median(np.abs(white - level))), 1e-3 * level)
    pure = gray[gray > level]
    typical = float(np.median(pure)) if len(pure) else level
    return np.asarray((flair.array - np.float32(typical)) / np.float32(spread))


@dataclass(frozen=True, eq=False)
class Land:
    """Where a lesion may lie: (S, R, C) bool where it may `begin`, and the wider area into which it may `grow`."""

    begin: Array
    grow: Array


def find_land(labels: Array, place: Place, parts: Parts) -> Land:
    """White matter by the prior, away from the brain's edge, from sure cortex, from the septum and from inside the ventricles."""
    brain = place.brain
    sigma = PRIOR_BLUR_MM / brain.spacing_mm
    white = ndimage.gaussian_filter(place.wm, sigma)
    gray = (labels == Tissue.GRAY_MATTER.value) & ~parts.thalamus & ~parts.deep & ~parts.brain_stem
    lining = distance_mm(brain.like(_sulci(brain.like(labels), parts))) < CORTEX_MM
    from_cortex = distance_mm(brain.like(gray & (lining | (white < 0.5))))
    midline = np.zeros(brain.shape, dtype=bool)
    midline[brain.array] = np.abs(place.points[:, 0]) < SEPTUM_MM
    allowed = (depth_mm(brain) > EDGE_MM) & ~(midline & parts.ventricle_zone) & ~parts.thalamus & ~_ventricles(labels, white, parts)
    return Land(
        begin=np.asarray(allowed & (white > SEED_WHITE_PRIOR) & (from_cortex > SEED_FROM_CORTEX_MM)),
        grow=np.asarray(allowed & (white > WHITE_PRIOR) & (from_cortex > FROM_CORTEX_MM)),
    )


def _sulci(labels: Volume, parts: Parts) -> Array:
    """(S, R, C) bool fluid outside the ventricles, in parts large enough not to be black holes."""
    fluid = (labels.array == Tissue.CSF.value) & ~parts.ventricle_rim
    parts_of_fluid, _ = ndimage.label(fluid, structure=NEIGHBOURS)
    sizes = np.bincount(parts_of_fluid.ravel())
    sizes[0] = 0
    return np.asarray((sizes * labels.voxel_ml >= SULCUS_ML)[parts_of_fluid])


def _ventricles(labels: Array, white: Array, parts: Parts) -> Array:
    """(S, R, C) bool fluid of the ventricles, with the choroid plexus in it; a black hole in white matter is as dark on the T1."""
    return np.asarray((labels == Tissue.CSF.value) & (parts.ventricle_zone | (white < 0.5)))


def keep_lesions(found: Volume) -> Array:
    """(S, R, C) bool without components that are too small or too thin to be lesions."""
    labels, count = ndimage.label(found.array, structure=NEIGHBOURS)
    if count == 0:
        return np.asarray(found.array)
    numbers = np.arange(1, count + 1)
    voxels = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    large = (voxels >= SMALLEST_VOXELS) & (voxels * found.voxel_ml * 1000.0 >= SMALLEST_MM3)
    thickness = ndimage.maximum(depth_mm(found), labels, numbers)
    keep = np.concatenate([[False], large & (thickness > THINNEST_MM)])
    return np.asarray(keep[labels])


def number_lesions(mask: Volume) -> Array:
    """(S, R, C) int32 components (26 neighbours) numbered 1…n by falling volume; among equals, by place in the array."""
    labels, count = ndimage.label(mask.array, structure=NEIGHBOURS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    order = np.argsort(-sizes[1:], kind="stable") + 1
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[order] = np.arange(1, count + 1)
    return np.asarray(rank[labels])
