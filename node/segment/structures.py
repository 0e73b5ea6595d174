"""Single structures: the cerebellum, the basal ganglia, the hippocampus, each ventricle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.atlas.regions import Structure
from node.domain import codes
from node.domain.codes import Code
from node.domain.volume import Array, Volume
from node.imaging import depth_mm, distance_mm
from node.segment.parts import Parts, deepest

LATERAL = (Structure.LATERAL_VENTRICLE, Structure.OCCIPITAL_HORN)

FOLIA_MM = 1.0
"""Half the widest gap between folia that still belongs to the cerebellum. Our own default, chosen with the exams of docs/validation.md in
view: of 1, 1.5, 2 and 3 mm it agreed best with the one on which it was tried."""


@dataclass(frozen=True, eq=False)
class Row:
    """A region in the making: `mask` (S, R, C) bool inside the window."""

    name: str
    code: Code
    mask: Array


def basal_ganglia(gray: Array, solid: Array, parts: Parts) -> Iterator[Row]:
    """Caudate, putamen, striatum, pallidum, amygdala.

    Of the caudate, grey matter alone is taken, because its zone is wider than the nucleus and the internal capsule runs through it; the
    putamen and the pallidum, which is nearly as bright as white matter, are bounded by their surfaces.

    Parameters
    ----------
    gray, solid : (S, R, C) bool grey matter, and grey or white, without lesions
    """
    caudate, lentiform, amygdala, pallidum = (
        parts.place.level_mm(s) for s in (Structure.CAUDATE, Structure.LENTIFORM, Structure.AMYGDALA, Structure.PALLIDUM)
    )
    of_lentiform = solid & parts.deep & (lentiform > np.maximum(caudate, amygdala))
    masks = {
        "caudate": gray & parts.deep & (caudate > np.maximum(lentiform, amygdala)),
        "putamen": of_lentiform & (pallidum <= 0),
    }
    yield Row("caudate", codes.CAUDATE_NUCLEUS, masks["caudate"])
    yield Row("putamen", codes.PUTAMEN, masks["putamen"])
    yield Row("striatum", codes.CORPUS_STRIATUM, masks["caudate"] | masks["putamen"])
    yield Row("pallidum", codes.GLOBUS_PALLIDUS, of_lentiform & (pallidum > 0))
    yield Row("amygdala", codes.AMYGDALA, solid & parts.deep & (amygdala > np.maximum(caudate, lentiform)))


def hippocampus(solid: Array, parts: Parts) -> Row:
    """The hippocampus, where no nucleus lies: cortex for the volumes of the mantle, and a region of its own."""
    level = parts.place.level_mm(Structure.HIPPOCAMPUS)
    return Row("hippocampus", codes.HIPPOCAMPUS, solid & parts.cerebrum & (level > 0))


def ventricles(fluid: Array, parts: Parts) -> Iterator[Row]:
    """All ventricles together, then lateral, third and fourth: fluid in a zone belongs to the ventricle whose zone it lies deepest in."""
    lateral = deepest(parts.place, LATERAL)
    third, fourth = (parts.place.level_mm(s) for s in (Structure.THIRD_VENTRICLE, Structure.FOURTH_VENTRICLE))
    inside = fluid & parts.ventricle_zone
    yield Row("ventricles", codes.BRAIN_VENTRICLE, inside)
    yield Row("lateral_ventricle", codes.LATERAL_VENTRICLE, inside & (lateral > np.maximum(third, fourth)))
    yield Row("third_ventricle", codes.THIRD_VENTRICLE, inside & (third >= lateral) & (third >= fourth))
    yield Row("fourth_ventricle", codes.FOURTH_VENTRICLE, inside & (fourth >= lateral) & (fourth > third))


def cerebellum(solid: Volume, parts: Parts) -> Row:
    """The whole cerebellum: its tissue (S, R, C) bool, and the fluid between folia, which no other tool leaves out of its volume."""
    return Row("cerebellum", codes.CEREBELLUM, closed(solid, FOLIA_MM) & parts.place.brain.array & ~parts.brain_stem)


def closed(mask: Volume, radius_mm: float) -> Array:
    """(S, R, C) bool a mask with its gaps narrower than twice a radius; looked for in the box around it alone."""
    out = mask.array.copy()
    boxes = ndimage.find_objects(mask.array.view(np.uint8))
    if not boxes or boxes[0] is None:
        return out
    margin = np.ceil(radius_mm / mask.spacing_mm).astype(int) + 1
    inside = Volume(np.pad(mask.array[boxes[0]], [(n, n) for n in margin]), mask.affine)
    near = inside.like(distance_mm(inside) <= radius_mm)
    kept = depth_mm(near) > radius_mm
    out[boxes[0]] |= kept[tuple(slice(n, -n) for n in margin)]
    return out


def without_holes(mask: Array) -> Array:
    """(S, R, C) bool with what it encloses: a lesion of the brain stem may be as dark on the T1 as fluid."""
    boxes = ndimage.find_objects(mask.view(np.uint8))
    filled = mask.copy()
    if boxes and boxes[0] is not None:
        filled[boxes[0]] = ndimage.binary_fill_holes(mask[boxes[0]])
    return filled
