"""Where the structured report points to: one voxel of the series that is scrolled for each lesion and region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from node.domain.volume import Array, Volume
from node.encode.material import Material
from node.encode.segments import Patch, patch_of, patches

Point = tuple[float, float, float]


def representative_point(patch: Patch, grid: Volume) -> Point:
    """The voxel of a patch that lies nearest to the patch's centroid; LPS mm of the grid."""
    inside = patch.share > 0
    counts = (inside.sum(axis=(1, 2)), inside.sum(axis=(0, 2)), inside.sum(axis=(0, 1)))
    centroid = np.array([np.average(np.arange(count.size), weights=count) for count in counts])
    index = _nearest(inside, centroid, grid.spacing_mm) + patch.start
    return _three(grid.affine[:3, :3] @ index + grid.affine[:3, 3])


def _nearest(inside: Array, index: Array, spacing_mm: Array) -> Array:
    """(3,) the voxel of a mask nearest to an index: looked for close by first, since a region that holds its centroid is the rule."""
    reach_mm = 4.0 * float(spacing_mm.max())
    while True:
        reach = reach_mm / spacing_mm
        low = np.maximum(np.ceil(index - reach), 0).astype(int)
        high = np.minimum(np.floor(index + reach) + 1, inside.shape).astype(int)
        found = np.argwhere(inside[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]) + low
        distance = np.linalg.norm((found - index) * spacing_mm, axis=1)
        if distance.size and (distance.min() <= reach_mm or distance.size == np.count_nonzero(inside)):
            return np.asarray(found[distance.argmin()])
        reach_mm *= 2.0


@dataclass(frozen=True, eq=False)
class Points:
    """The points of one exam, LPS mm of the reading series."""

    material: Material

    def of_lesion(self, number: int) -> Point:
        """In the lesion as it is drawn; where the reading series does not reach, in the lesion as it was found."""
        drawn = self._lesions.get(number)
        if drawn is not None:
            return representative_point(drawn, self.material.reading.volume)
        labels = self.material.segmentation.lesions
        return self._from_t1(labels.like(labels.array == number))

    def of_region(self, name: str) -> Point:
        """In the region; in the brain where it has no voxels of its own."""
        segmentation = self.material.segmentation
        raised = patch_of(self.material.raised.array) if name == "raised" else None
        if raised is not None:
            return representative_point(raised, self.material.reading.volume)
        regions = {region.name: region.mask for region in segmentation.regions}
        mask = self._any_lesion if name.startswith("lesions") else regions.get(name, regions["brain"])
        return self._from_t1(mask if mask.array.any() else regions["brain"])

    @cached_property
    def _any_lesion(self) -> Volume:
        return self.material.segmentation.lesions.like(self.material.segmentation.lesions.array > 0)

    @cached_property
    def _lesions(self) -> dict[int, Patch]:
        return patches(self.material.lesions.labels.array)

    def _from_t1(self, mask: Volume) -> Point:
        """The point of a mask on the T1, at the middle of the reading series' voxel that holds it, where one does."""
        patch = patch_of(mask.array)
        if patch is None:
            raise ValueError("expected a mask with voxels; it has none")
        grid = self.material.reading.volume
        point = self.material.t1_from_reading.inverse().apply(np.array(representative_point(patch, mask)))
        index = np.round(grid.index_from_lps[:3, :3] @ point + grid.index_from_lps[:3, 3])
        inside = bool(((index >= 0) & (index < grid.shape)).all())
        return _three(grid.affine[:3, :3] @ index + grid.affine[:3, 3] if inside else point)


def _three(point: Array) -> Point:
    x, y, z = (float(value) for value in point)
    return x, y, z
