"""Which part of the brain each voxel belongs to: cerebrum, cerebellum, brain stem, thalamus, deep grey matter, ventricles.

The template's surfaces, warped to the subject, say where a part lies; the subject's own tissue says where it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.atlas.regions import Structure
from node.domain.result import Tissue
from node.domain.volume import Array
from node.segment.place import Place

DEEP = (Structure.CAUDATE, Structure.LENTIFORM, Structure.AMYGDALA)
HINDBRAIN = (Structure.CEREBELLUM, Structure.MIDDLE_PEDUNCLE)
VENTRICLES = (Structure.LATERAL_VENTRICLE, Structure.OCCIPITAL_HORN, Structure.THIRD_VENTRICLE, Structure.FOURTH_VENTRICLE)
VENTRICLE_RIM_MM = 2.5
"""Round the ventricles, voxels shared by fluid and white matter look grey; none of them is cortex."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Masks (S, R, C) bool, made of geometry alone; no voxel lies in two of the first five.

    Parameters
    ----------
    cerebellum, brain_stem, thalamus, deep : with all tissue inside their surfaces
    cerebrum : the rest of the brain
    ventricle_zone : some mm wider than the ventricles
    ventricle_rim : the zone and what lies within `VENTRICLE_RIM_MM` of it
    place : where the voxels lie in template space
    """

    cerebellum: Array
    brain_stem: Array
    thalamus: Array
    deep: Array
    cerebrum: Array
    ventricle_zone: Array
    ventricle_rim: Array
    place: Place


def find_parts(place: Place) -> Parts:
    """Put each voxel of the brain into the part whose surface it lies deepest under."""
    brain = place.brain.array
    stem, thalamus = (place.level_mm(s) for s in (Structure.BRAIN_STEM, Structure.THALAMUS))
    cerebellum, deep, zone = (deepest(place, s) for s in (HINDBRAIN, DEEP, VENTRICLES))
    winner = np.argmax(np.stack([np.zeros_like(deep), cerebellum, stem, thalamus, deep]), axis=0)
    return Parts(
        cerebellum=brain & (winner == 1),
        brain_stem=brain & (winner == 2),
        thalamus=brain & (winner == 3),
        deep=brain & (winner == 4),
        cerebrum=brain & (winner == 0),
        ventricle_zone=brain & (zone > 0),
        ventricle_rim=brain & (zone > -VENTRICLE_RIM_MM),
        place=place,
    )


def deepest(place: Place, structures: tuple[Structure, ...]) -> Array:
    """(S, R, C) float32 mm inside the union of structures."""
    level = place.level_mm(structures[0])
    for structure in structures[1:]:
        np.maximum(level, place.level_mm(structure), out=level)
    return level


def parenchyma(labels: Array) -> Array:
    """(S, R, C) bool grey or white matter."""
    return np.asarray(labels >= Tissue.GRAY_MATTER.value)
