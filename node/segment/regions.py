"""The named regions: where a part and a tissue meet, whole and by side.

The regions of both sides together come first; what is paired follows as ``<name>_left`` and ``<name>_right``, divided by the template's
middle plane as it is warped to the subject. Regions overlap on purpose: "brain" holds "whole_brain" (its grey and white matter), which
holds "cerebral_gm", "white_matter", "cerebellum", "brainstem", "thalamus" and "deep_gm"; "cerebral_gm" holds "cortex", of which the five
lobes are the parts; "white_matter" is the three zones; "striatum" is caudate and putamen; "ventricles" are lateral, third and fourth.

Decisions
---------
We chose to make the lobes parts of the measured cortex, because they are measured (and divided by, where a lobe is the reference) for the
same reason and under the same threat from scalp and sinuses; instead of the whole mantle, whose lobes would read lower than "cortex".

We chose to give left and right as masks of their own, because whoever measures a region need not know of sides; instead of a second
field that each would have to apply. A mask costs the memory of its box alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.atlas.lobes import Lobe
from node.atlas.regions import Structure
from node.domain import codes
from node.domain.result import Region, Tissue
from node.domain.volume import Array, Volume, blank_mask
from node.imaging import depth_mm, distance_mm
from node.segment.parts import Parts, parenchyma
from node.segment.structures import Row, basal_ganglia, cerebellum, hippocampus, ventricles, without_holes
from node.segment.window import Window
from node.segment.zones import white_matter_zones

NAWM_DEPTH_MM = 2.0
"""How deep inside white matter normal-appearing white matter begins."""

NAWM_FROM_LESION_MM = 6.0
"""How far from a lesion normal-appearing white matter begins."""

CORTEX_DEPTH_MM = 4.0
"""How far inside the brain's outer border measured cortex begins, somewhat less than the point spread of a PET scanner: scalp, marrow,
sinuses and meninges take up TSPO tracers too, and fluid takes none up, and neither must be measured as cortex. Our own choice, made
with the exams of docs/validation.md in view: on heads whose labels are sure it reads some 5 % above the whole mantle, which the fluid
outside dilutes and which is given beside it."""

SMALLEST_CORTEX_ML = 1.0
"""Grey islands smaller than this are fluid–white mixtures, vessels or undetected lesions, not cortex."""

LOBES = (
    ("frontal_gm", codes.FRONTAL_LOBE, Lobe.FRONTAL),
    ("parietal_gm", codes.PARIETAL_LOBE, Lobe.PARIETAL),
    ("temporal_gm", codes.TEMPORAL_LOBE, Lobe.TEMPORAL),
    ("occipital_gm", codes.OCCIPITAL_LOBE, Lobe.OCCIPITAL),
    ("insular_gm", codes.INSULA, Lobe.INSULAR),
)
"""Parts of "cortex", and so measured as deep inside the brain; together they are all of it."""

UNPAIRED = frozenset(
    ("brain", "whole_brain", "brainstem", "ventricles", "third_ventricle", "fourth_ventricle", "corpus_callosum", "infratentorial")
)
"""What is not given by side as well."""


def find_regions(labels: Volume, lesions: Array, parts: Parts, *, window: Window, grid: Volume) -> tuple[Region, ...]:
    """The regions, on the whole T1 grid: those of both sides together first, then left and right of each paired one.

    Parameters
    ----------
    labels : (S, R, C) values of `Tissue` inside the window, lesions already white matter
    lesions : (S, R, C) bool inside the window
    """
    whole: list[Region] = []
    sided: list[Region] = []
    left = parts.place.left
    for row in _rows(labels, lesions, parts):
        box = _box_of(row.mask)
        inside, at = row.mask[box.slices], _moved(box, window)
        whole.append(Region(row.name, row.code, _paste(inside, at, grid)))
        if row.name not in UNPAIRED:
            on_left = left[box.slices]
            sided.append(Region(f"{row.name}_left", row.code, _paste(inside & on_left, at, grid), codes.LEFT))
            sided.append(Region(f"{row.name}_right", row.code, _paste(inside & ~on_left, at, grid), codes.RIGHT))
    return (*whole, *sided)


def _box_of(mask: Array) -> Window:
    """The box that a mask fills; an empty one where it is empty."""
    start, stop = [0, 0, 0], [0, 0, 0]
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if hit.size:
            start[axis], stop[axis] = int(hit[0]), int(hit[-1]) + 1
    return Window((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def _moved(box: Window, window: Window) -> Window:
    """A box of the window as a box of the whole grid."""
    (s, r, c), (s0, r0, c0), (s1, r1, c1) = window.start, box.start, box.stop
    return Window((s + s0, r + r0, c + c0), (s + s1, r + r1, c + c1))


def _paste(inside: Array, box: Window, grid: Volume) -> Volume:
    """(S, R, C) bool; only the box is written, because memory that is never written costs nothing, and there are dozens of masks."""
    whole = blank_mask(grid.shape)
    whole[box.slices] = inside
    return grid.like(whole, unit="1")


@dataclass(frozen=True, eq=False)
class _Cerebrum:
    """Grey mantle, measured cortex and white matter of the cerebrum, (S, R, C) bool."""

    gray: Array
    cortex: Array
    white: Array


def _rows(labels: Volume, lesions: Array, parts: Parts) -> Iterator[Row]:
    gray, white = (labels.array == t.value for t in (Tissue.GRAY_MATTER, Tissue.WHITE_MATTER))
    solid = parenchyma(labels.array)
    cerebrum = _cerebrum(labels, lesions, parts)
    stem = without_holes(solid & parts.brain_stem) & parts.brain_stem
    yield Row("brain", codes.BRAIN, labels.array > 0)
    yield Row("whole_brain", codes.BRAIN_PARENCHYMA, solid)
    yield Row("white_matter", codes.CEREBRAL_WHITE_MATTER, cerebrum.white)
    yield Row("cerebral_gm", codes.CEREBRAL_GRAY_MATTER, cerebrum.gray)
    yield Row("cortex", codes.CEREBRAL_GRAY_MATTER, cerebrum.cortex)
    yield Row("cerebellar_gm", codes.CEREBELLAR_CORTEX, gray & parts.cerebellum)
    yield Row("cerebellar_wm", codes.CEREBELLAR_WHITE_MATTER, white & parts.cerebellum)
    yield Row("thalamus", codes.THALAMUS, solid & parts.thalamus & ~lesions)
    yield Row("deep_gm", codes.SUBCORTICAL_GRAY_MATTER, solid & parts.deep & ~lesions)
    yield Row("brainstem", codes.BRAIN_STEM, stem)
    yield Row("nawm", codes.NORMAL_APPEARING_WHITE_MATTER, normal_appearing(labels.like(cerebrum.white), lesions))
    whole_cerebellum = cerebellum(labels.like(solid & parts.cerebellum), parts)
    yield whole_cerebellum
    yield Row("infratentorial", codes.INFRATENTORIAL, whole_cerebellum.mask | stem)
    yield from basal_ganglia(gray & ~lesions, solid & ~lesions, parts)
    yield hippocampus(solid & ~lesions, parts)
    fluids = tuple(ventricles(labels.array == Tissue.CSF.value, parts))
    yield from fluids
    yield from _lobes(cerebrum.cortex, parts)
    lateral = next(row.mask for row in fluids if row.name == "lateral_ventricle")
    yield from white_matter_zones(labels.like(cerebrum.white), labels.like(cerebrum.gray), labels.like(lateral))
    callosum = parts.place.level_mm(Structure.CORPUS_CALLOSUM) > 0
    yield Row("corpus_callosum", codes.CORPUS_CALLOSUM, cerebrum.white & callosum)


def _cerebrum(labels: Volume, lesions: Array, parts: Parts) -> _Cerebrum:
    gray = mantle(labels.like((labels.array == Tissue.GRAY_MATTER.value) & parts.cerebrum & ~parts.ventricle_rim))
    white = (labels.array == Tissue.WHITE_MATTER.value) & (parts.cerebrum | (parts.deep & lesions))
    return _Cerebrum(gray, gray & (depth_mm(labels.like(labels.array > 0)) > CORTEX_DEPTH_MM), white)


def _lobes(cortex: Array, parts: Parts) -> Iterator[Row]:
    lobes = parts.place.lobes(cortex)
    for name, code, lobe in LOBES:
        yield Row(name, code, lobes == lobe.value)


def mantle(gray: Volume) -> Array:
    """(S, R, C) bool grey matter of the cerebral mantle, without small islands."""
    parts, count = ndimage.label(gray.array)
    if count == 0:
        return np.asarray(gray.array)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes * gray.voxel_ml >= SMALLEST_CORTEX_ML)[parts])


def normal_appearing(white: Volume, lesions: Array) -> Array:
    """(S, R, C) bool white matter `NAWM_DEPTH_MM` inside, lesions counting as outside, and `NAWM_FROM_LESION_MM` from any lesion."""
    healthy = white.like(white.array & ~lesions)
    far = distance_mm(white.like(lesions)) >= NAWM_FROM_LESION_MM
    return np.asarray((depth_mm(healthy) > NAWM_DEPTH_MM) & far)
