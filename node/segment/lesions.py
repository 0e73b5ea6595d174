"""Lesions found on the FLAIR, without trained weights: outliers against the cortex around them, inside white matter, grown from safe seeds.

After the belief map of Schmidt et al., NeuroImage 59:3774 (2012): belief says how far a voxel's FLAIR lies above typical grey matter, in
its standard deviations (`belief`); a conservative map seeds, a liberal one bounds the growth. We depart from it: cortex is taken
locally; a lesion ends part of the way from its own brightness down to white matter's, where two tissues of one spread are equally likely,
instead of by a random field over three fitted densities; and what looks alike by anatomy (cortex, the lining of the ventricles, the
septum, the choroid plexus) is kept out by geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.atlas.regions import Structure
from node.domain.result import Tissue
from node.domain.volume import Array, Volume
from node.imaging import depth_mm, distance_mm
from node.segment.belief import Belief, believe
from node.segment.parts import Parts
from node.segment.place import Place

# Our defaults, all of them; found on the exams of docs/validation.md, on simulated heads and on one real visit without a lesion.
SEED = 1.75
"""Belief, blurred by `SEED_BLUR_MM` against noise, at which a lesion is sure in deep white matter."""

SEED_IN_DOUBT = 3.0
"""The same where something else is often bright: beside cortex, where the prior is unsure of white matter, and in the brain stem."""

SEED_BLUR_MM = 0.7

GROW = 0.5
GROW_IN_CORTEX = 1.0
"""Belief down to which a lesion grows, and into voxels that the T1 shows as cortex: a lesion's own edge is as dark as cortex there."""

EDGE_SHARE = 0.4
"""A lesion ends at this share of the way from white matter up to its own brightest tenth. Half would be the edge of a sharp one under a
symmetric point spread; the margin of a lesion fades, and half drew simulated ones a fifth too small."""

SEED_WHITE_PRIOR = 0.6
DOUBT_WHITE_PRIOR = 0.4
WHITE_PRIOR = 0.3
EDGE_WHITE_PRIOR = 0.2
"""Least prior of white matter, blurred by `PRIOR_BLUR_MM`: where a lesion may begin, may begin in doubt, may grow to, and may end."""

PRIOR_BLUR_MM = 1.5
"""What the alignment may be wrong by, as a standard deviation."""

CORTEX_MM = 4.0
"""Grey matter this near to sulcal fluid lines it, and is sure cortex; so is what the prior does not hold for white matter."""

SULCUS_ML = 5.0
"""Fluid outside the ventricles in a part of this size is sulcal: a black hole is smaller, sulci hang together."""

SEED_FROM_CORTEX_MM = 2.0
FROM_CORTEX_MM = 1.0
"""Distance from sure cortex at which a lesion may begin, and to which it may grow: cortex is bright on a FLAIR."""

WIDEN_MM = 2.5
"""How far from there its edge may lie: what the T1 shows as cortex beside a lesion is in part the lesion."""

SEED_DEPTH_MM = 6.0
GROW_DEPTH_MM = 4.0
EDGE_DEPTH_MM = 3.0
"""Depth below the brain's surface from which a lesion may begin in doubt, may grow to, and may end: flow and scalp are bright outside."""

SEPTUM_MM = 4.0
SEPTUM_REACH_MM = 2.0
"""Half width of the strip between the lateral ventricles, and this much around them, in which nothing is taken."""

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
    land = find_land(labels, place, parts)
    white = (labels == Tissue.WHITE_MATTER.value) & parts.cerebrum
    belief = believe(flair, white & (place.wm > 0.5), land.cortex & parts.cerebrum)
    core = _core(place.brain.like(belief.value), land)
    if not core.any():
        return core
    return keep_lesions(place.brain.like(_trimmed(_widened(place.brain.like(core), belief, land), belief)))


@dataclass(frozen=True, eq=False)
class Land:
    """Where a lesion may lie: (S, R, C) bool.

    Parameters
    ----------
    cortex : sure cortex
    begin, doubtful : where a lesion may begin, and where it may if its belief is high
    grow, edge : the wider area into which it may grow, and the widest, up to which its edge may lie
    """

    cortex: Array
    begin: Array
    doubtful: Array
    grow: Array
    edge: Array


def find_land(labels: Array, place: Place, parts: Parts) -> Land:
    """White matter by the prior, away from the brain's edge, from sure cortex, from the septum and from inside the ventricles."""
    brain = place.brain
    white = ndimage.gaussian_filter(place.wm, PRIOR_BLUR_MM / brain.spacing_mm)
    cortex = _cortex(brain.like(labels), white, parts)
    from_cortex, depth = distance_mm(brain.like(cortex)), place.depth_mm
    allowed = ~parts.thalamus & ~_between(labels, white, place)
    near = allowed & (depth > GROW_DEPTH_MM) & (from_cortex > FROM_CORTEX_MM)
    doubtful = near & (depth > SEED_DEPTH_MM) & ((white > DOUBT_WHITE_PRIOR) | parts.brain_stem)
    return Land(
        cortex=cortex,
        begin=np.asarray(near & (white > SEED_WHITE_PRIOR) & (from_cortex > SEED_FROM_CORTEX_MM)),
        doubtful=doubtful,
        grow=near & ((white > WHITE_PRIOR) | doubtful),
        edge=allowed & (depth > EDGE_DEPTH_MM) & (white > EDGE_WHITE_PRIOR),
    )


def _cortex(labels: Volume, white: Array, parts: Parts) -> Array:
    """(S, R, C) bool grey matter that lines sulci, or that the prior does not hold for white matter: the rest may be lesions."""
    gray = (labels.array == Tissue.GRAY_MATTER.value) & ~parts.thalamus & ~parts.deep & ~parts.brain_stem
    return np.asarray(gray & ((distance_mm(labels.like(_sulci(labels, parts))) < CORTEX_MM) | (white < 0.5)))


def _sulci(labels: Volume, parts: Parts) -> Array:
    """(S, R, C) bool fluid outside the ventricles, in parts large enough not to be black holes."""
    fluid = (labels.array == Tissue.CSF.value) & ~parts.ventricle_rim
    parts_of_fluid, _ = ndimage.label(fluid, structure=NEIGHBOURS)
    sizes = np.bincount(parts_of_fluid.ravel())
    sizes[0] = 0
    return np.asarray((sizes * labels.voxel_ml >= SULCUS_ML)[parts_of_fluid])


def _between(labels: Array, white: Array, place: Place) -> Array:
    """(S, R, C) bool the septum, and fluid of the ventricles with the choroid plexus in it; a black hole is as dark on the T1."""
    lateral = place.level_mm(Structure.LATERAL_VENTRICLE)
    midline = np.zeros(labels.shape, dtype=bool)
    midline[place.brain.array] = np.abs(place.points[:, 0]) < SEPTUM_MM
    fluid = (labels == Tissue.CSF.value) & ((lateral > 0.0) | (white < 0.5))
    return np.asarray((midline & (lateral > -SEPTUM_REACH_MM)) | fluid)


def _core(belief: Volume, land: Land) -> Array:
    """(S, R, C) bool grown by reconstruction: all that hangs together with a seed and exceeds `GROW`.

    What has no sure seed must be bright as a whole, not in a voxel or two that noise made so.
    """
    steady = ndimage.gaussian_filter(belief.array, SEED_BLUR_MM / belief.spacing_mm)
    sure = land.begin & (steady > SEED)
    doubtful = land.doubtful & (steady > SEED_IN_DOUBT)
    grown = ndimage.binary_propagation(sure | doubtful, structure=NEIGHBOURS, mask=land.grow & (belief.array > GROW))
    labels, _ = ndimage.label(grown, structure=NEIGHBOURS)
    keep = _bright_ends(labels, belief.array) > SEED_IN_DOUBT
    keep[np.unique(labels[sure])] = True
    return np.asarray(grown & keep[labels])


def _bright_ends(labels: Array, belief: Array) -> Array:
    """(n + 1,) float32 belief that the brightest tenth of each component exceeds; 0 for the background."""
    ends = [0.0]
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        ends.append(float(np.percentile(belief[box][labels[box] == number], 90.0)))
    return np.array(ends, dtype=np.float32)


def _widened(core: Volume, belief: Belief, land: Land) -> Array:
    """(S, R, C) bool with what belongs to it at the border of cortex."""
    likely = belief.value > np.where(land.grow, np.float32(GROW), np.float32(GROW_IN_CORTEX))
    mask = core.array | (land.edge & likely & _near(core, WIDEN_MM))
    return np.asarray(ndimage.binary_propagation(core.array, structure=NEIGHBOURS, mask=mask))


def _near(mask: Volume, reach_mm: float) -> Array:
    """(S, R, C) bool closer than this to a mask; box by box, because lesions are a small part of a brain."""
    labels, _ = ndimage.label(mask.array, structure=NEIGHBOURS)
    margin = np.ceil(reach_mm / mask.spacing_mm).astype(int)
    out = np.zeros(mask.shape, dtype=bool)
    for box in ndimage.find_objects(labels):
        wide = _wider(box, margin)
        out[wide] |= distance_mm(Volume(mask.array[wide], mask.affine)) < reach_mm
    return out


def _wider(box: tuple[slice, ...], margin: Array) -> tuple[slice, ...]:
    return tuple(slice(max(0, b.start - m), b.stop + m) for b, m in zip(box, margin.tolist(), strict=True))


def _trimmed(grown: Array, belief: Belief) -> Array:
    """(S, R, C) bool each component down to `EDGE_SHARE` of the way from white matter to its bright end."""
    labels, _ = ndimage.label(grown, structure=NEIGHBOURS)
    rise = _bright_ends(labels, belief.value)[labels] - belief.white
    return np.asarray(grown & (belief.value > belief.white + np.float32(EDGE_SHARE) * rise))


def keep_lesions(found: Volume) -> Array:
    """(S, R, C) bool without components that are too small or too thin to be lesions."""
    labels, count = ndimage.label(found.array, structure=NEIGHBOURS)
    if count == 0:
        return np.asarray(found.array)
    voxels = np.bincount(labels.ravel(), minlength=count + 1)
    keep = (voxels >= SMALLEST_VOXELS) & (voxels * found.voxel_ml * 1000.0 >= SMALLEST_MM3)
    keep[0] = False
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        around = _wider(box, np.ones(3, dtype=int))
        keep[number] &= float(depth_mm(Volume(labels[around] == number, found.affine)).max()) > THINNEST_MM
    return np.asarray(keep[labels])


def number_lesions(mask: Volume) -> Array:
    """(S, R, C) int32 components (26 neighbours) numbered 1…n by falling volume; among equals, by place in the array."""
    labels, count = ndimage.label(mask.array, structure=NEIGHBOURS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    order = np.argsort(-sizes[1:], kind="stable") + 1
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[order] = np.arange(1, count + 1)
    return np.asarray(rank[labels])
