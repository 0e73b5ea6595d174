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
from node.imaging import depth_mm
from node.segment.parts import Parts
from node.segment.place import Place

SEED = 2.5
"""Belief at which a lesion is sure."""

GROW = 1.2
"""Belief down to which it grows."""

WHITE_PRIOR = 0.4
"""Least prior of white matter where a lesion may lie."""

EDGE_MM = 4.0
"""Nothing within this depth of the brain's surface is taken: flow, scalp and cortex are bright there."""

SEPTUM_MM = 4.0
"""Half width of the strip between the lateral ventricles in which nothing is taken."""

SMALLEST_MM3 = 15.0
THINNEST_MM = 0.9
"""A lesion is somewhere deeper than this: the lining of a ventricle is thinner."""

NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True, eq=False)
class Belief:
    """How bright the FLAIR is against grey matter: `values` (S, R, C) in grey matter's robust standard deviations."""

    values: Array


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
    allowed = _territory(labels, place, parts)
    liberal = allowed & (belief.values > GROW)
    seeds = allowed & (belief.values > SEED)
    grown = ndimage.binary_propagation(seeds, structure=NEIGHBOURS, mask=liberal)
    return keep_lesions(place.brain.like(grown))


def believe(flair: Volume, labels: Array, parts: Parts) -> Belief:
    """How bright each voxel is against grey matter."""
    values = flair.array
    gray = values[(labels == Tissue.GRAY_MATTER.value) & parts.cerebrum]
    white = values[(labels == Tissue.WHITE_MATTER.value) & parts.cerebrum]
    if min(len(gray), len(white)) == 0 or np.median(gray) <= 0 or np.median(white) <= 0:
        raise DataError("segment: expected the FLAIR to show grey and white matter; found no signal there")
    centre, sigma = _robust(gray)
    return Belief((values - centre) / np.float32(sigma))


def keep_lesions(found: Volume) -> Array:
    """(S, R, C) bool without components that are too small or too thin to be lesions."""
    labels, count = ndimage.label(found.array, structure=NEIGHBOURS)
    if count == 0:
        return np.asarray(found.array)
    numbers = np.arange(1, count + 1)
    volumes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * found.voxel_ml * 1000.0
    thickness = ndimage.maximum(depth_mm(found), labels, numbers)
    keep = np.concatenate([[False], (volumes >= SMALLEST_MM3) & (thickness > THINNEST_MM)])
    return np.asarray(keep[labels])


def number_lesions(mask: Volume) -> Array:
    """(S, R, C) int32 components (26 neighbours) numbered 1…n by falling volume; among equals, by place in the array."""
    labels, count = ndimage.label(mask.array, structure=NEIGHBOURS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    order = np.argsort(-sizes[1:], kind="stable") + 1
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[order] = np.arange(1, count + 1)
    return np.asarray(rank[labels])


def _robust(values: Array) -> tuple[float, float]:
    centre = float(np.median(values))
    return centre, max(1.4826 * float(np.median(np.abs(values - centre))), 1e-3 * centre)


def _territory(labels: Array, place: Place, parts: Parts) -> Array:
    """(S, R, C) bool where a lesion may lie."""
    brain = place.brain
    inside = depth_mm(brain) > EDGE_MM
    white = place.wm > WHITE_PRIOR
    midline = np.zeros(brain.shape, dtype=bool)
    midline[brain.array] = np.abs(place.points[:, 0]) < SEPTUM_MM
    return np.asarray(inside & white & (labels != Tissue.CSF.value) & ~(midline & parts.ventricle_zone) & ~parts.thalamus)
