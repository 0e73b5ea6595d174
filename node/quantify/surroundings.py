"""Around one lesion: to which class each voxel of the T1 belongs, and which voxels of the PET tell about the lesion.

Classes are a partition, so that no count is without an owner: *core* (the lesion's mask), *rim* (white matter within 2 mm outside it,
nearest lesion's), *background* (all other white matter), grey matter of the cortex, deep grey matter, CSF, core and rim of every other
lesion near by, and what is outside the brain.

The mask may be off by a voxel. So the lesion is also looked at with its border moved inwards and outwards, the rim moving with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.result import Segmentation, Tissue
from node.domain.volume import Array
from node.quantify.project import Projection
from node.quantify.rims import DEEP_GRAY, RIM_MM, slack_mm

OUTSIDE, BACKGROUND, CORE, RIM, CSF, GRAY, DEEP, OTHERS = range(8)
"""Classes; from OTHERS on core and rim of the other lesions, two classes each."""

SHELL_MM = (6.0, 10.0)
"""The local background lies this far from the lesion."""
MARGIN_MM = 10.0
"""The point spread reaches this far beyond the voxels that are fitted (3 sigma at 7.8 mm FWHM); what is further off counts as outside."""
MOST_VOXELS = 2000
"""Of more voxels around a lesion every second is taken, or every third …: noise carries over neighbours, so that little is lost."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """One lesion and what is around it, on a box of the T1 grid.

    Parameters
    ----------
    number : of the lesion
    corner : (3,) index of the box's first voxel on the T1 grid
    distance_mm : (s, r, c) to the mask outside it, minus the depth inside it
    white : (s, r, c) bool: where the lesion or its rim may lie
    rim : (s, r, c) bool: its rim with the border as drawn
    base : (s, r, c) class of each voxel as if this lesion were not there
    others : numbers of the other lesions in the box
    to_others_mm : (s, r, c) distance to the nearest other lesion
    """

    number: int
    corner: Array
    spacing_mm: Array
    distance_mm: Array
    white: Array
    rim: Array
    base: Array
    others: tuple[int, ...]
    to_others_mm: Array

    @property
    def count(self) -> int:
        """How many classes there are."""
        return OTHERS + 2 * len(self.others)

    def classes(self, moved_mm: float = 0.0) -> Array:
        """(s, r, c) class of each voxel with the lesion's border moved outwards by `moved_mm`, or inwards where it is below 0."""
        inside, slack = self.distance_mm < 0, slack_mm(self.spacing_mm)
        if moved_mm > 0:
            core = inside | (self.white & (self.distance_mm <= moved_mm + slack))
        else:  # the first layer inside lies one step deep
            core = inside & (self.distance_mm < moved_mm - slack * (moved_mm < 0))
        outwards = self.white & (self.distance_mm <= self.to_others_mm)
        rim = ~core & (inside | outwards) & (self.distance_mm <= RIM_MM + moved_mm + slack) if moved_mm else self.rim
        found = self.base.copy()
        found[rim] = RIM
        found[core] = CORE
        return found


def surroundings(segmentation: Segmentation, rims: Array, number: int, box: tuple[slice, ...]) -> Surroundings:
    """Cut one lesion out.

    Parameters
    ----------
    rims : (S, R, C) number of the lesion whose rim a voxel of the T1 is
    box : the lesion's own
    """
    spacing = segmentation.lesions.spacing_mm
    pad = np.ceil((SHELL_MM[1] + MARGIN_MM) / spacing).astype(int)
    wide = tuple(slice(max(0, part.start - int(p)), min(n, part.stop + int(p))) for part, p, n in zip(box, pad, rims.shape, strict=True))
    labels = segmentation.lesions.array[wide]
    inside, other = labels == number, (labels > 0) & (labels != number)
    outer = ndimage.distance_transform_edt(~inside, sampling=spacing)
    inner = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    others = tuple(int(n) for n in np.unique(labels[other]))
    return Surroundings(
        number=number,
        corner=np.array([part.start for part in wide]),
        spacing_mm=spacing,
        distance_mm=outer - inner,
        white=(segmentation.tissue.array[wide] == Tissue.WHITE_MATTER.value) & ~other,
        rim=rims[wide] == number,
        base=_base(segmentation, labels, rims[wide], wide, others),
        others=others,
        to_others_mm=np.asarray(ndimage.distance_transform_edt(~other, sampling=spacing)) if others else np.full(labels.shape, np.inf),
    )


def _base(segmentation: Segmentation, labels: Array, rims: Array, box: tuple[slice, ...], others: tuple[int, ...]) -> Array:
    tissue = segmentation.tissue.array[box]
    base = np.full(tissue.shape, OUTSIDE, dtype=np.int16)
    base[tissue == Tissue.CSF.value] = CSF
    base[tissue == Tissue.GRAY_MATTER.value] = GRAY
    for region in segmentation.regions:
        if region.name in DEEP_GRAY:
            base[region.mask.array[box] & (base == GRAY)] = DEEP
    base[(tissue == Tissue.WHITE_MATTER.value) | (labels > 0)] = BACKGROUND
    for place, number in enumerate(others):
        base[rims == number] = OTHERS + 2 * place + 1
        base[labels == number] = OTHERS + 2 * place
    return base


@dataclass(frozen=True, eq=False)
class Near:
    """Voxels of the PET around a lesion.

    Parameters
    ----------
    index : (N, 3) on the projection's grid
    points : (N, 3) the same on the box of the `Surroundings`
    distance_mm : (N,) to the lesion
    one_in : every how many-th voxel was taken
    """

    index: Array
    points: Array
    distance_mm: Array
    one_in: int

    def only(self, chosen: Array) -> Near:
        """The chosen ones (N,) bool."""
        return Near(self.index[chosen], self.points[chosen], self.distance_mm[chosen], self.one_in)


def voxels_near(around: Surroundings, projection: Projection) -> Near:
    """The voxels of the PET whose centre lies within the background shell's outer border, spread evenly where there are very many."""
    matrix = projection.t1_index_from_grid
    reached = np.argwhere(around.distance_mm <= SHELL_MM[1]) + around.corner
    corners = np.array([[reached[:, axis].min() if low else reached[:, axis].max() for axis, low in enumerate(each)] for each in _CORNERS])
    on_grid = np.c_[corners, np.ones(8)] @ np.linalg.inv(matrix).T
    first = np.maximum(0, np.floor(on_grid[:, :3].min(axis=0))).astype(int)
    last = np.minimum(np.array(projection.grid.shape) - 1, np.ceil(on_grid[:, :3].max(axis=0))).astype(int)
    index = np.argwhere(np.ones(np.maximum(0, last - first + 1), dtype=bool)) + first
    points = index @ matrix[:3, :3].T + matrix[:3, 3] - around.corner
    nearest = np.round(points).astype(int)
    held = ((nearest >= 0) & (nearest < around.base.shape)).all(axis=1)
    distance = np.full(len(index), np.inf)
    distance[held] = around.distance_mm[tuple(nearest[held].T)]
    near = distance <= SHELL_MM[1]
    one_in = max(1, int(np.ceil(near.sum() / MOST_VOXELS)))
    return Near(index, points, distance, one_in).only(near & (index.sum(axis=1) % one_in == 0))


_CORNERS = [(a, b, c) for a in (True, False) for b in (True, False) for c in (True, False)]
