"""Two small axial pictures of each lesion: the MR being read, and the same with the map in colour; the outline in the lesion's colour.

Everything is cut to the lesion's surroundings before it is resampled, so that ninety pictures cost about as much as a page's planes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage

from node import imaging
from node.domain.result import Lesion
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.encode.colour import blend, colours, display_limits, grey
from node.encode.material import Material, brain_on_reading
from node.encode.planes import FINE, outline, smooth_labels

LEAST_MM = 56.0
"""Width of the smallest picture: enough around a small lesion to see where it lies."""

AROUND_MM = 14.0
"""Kept free on each side of a large lesion."""

OUTLINE = 2
"""Width of the coloured line, fine pixels: one pixel of the page, about half a millimetre."""


@dataclass(frozen=True, eq=False)
class Sources:
    """What the pictures are cut from, each with its transform from the T1's LPS mm; `limits` window the MR."""

    mr: Volume
    mr_from_t1: Transform
    brain: Volume
    labels: Volume
    values: Volume
    values_from_t1: Transform
    limits: tuple[float, float]


def draw_thumbnails(material: Material, lesions: Iterable[Lesion], size: int) -> dict[int, tuple[Array, Array]]:
    """Two pictures (size, size, 3) uint8 by the lesion's number, the patient's right on the left."""
    sources, boxes = _sources(material), ndimage.find_objects(material.segmentation.lesions.array)
    return {lesion.number: _thumbnails(material, sources, lesion.number, boxes[lesion.number - 1], size) for lesion in lesions}


def _sources(material: Material) -> Sources:
    mr, lesions = material.reading.volume, material.lesions.labels.array > 0
    low, high = display_limits(mr.array, brain_on_reading(material).array)
    # Lesions are the brightest of the brain on a FLAIR: what is inside them shall be seen.
    brightest = float(np.percentile(mr.array[lesions], 95.0)) if lesions.any() else high
    return Sources(
        mr,
        material.t1_from_reading.inverse(),
        material.alignment.brain,
        material.segmentation.lesions,
        material.result.primary.volume,
        material.alignment.t1_from_pet.inverse(),
        (low, max(high, brightest)),
    )


def _thumbnails(material: Material, sources: Sources, number: int, box: tuple[slice, ...], size: int) -> tuple[Array, Array]:
    grid = _grid(sources.labels, number, box, size)
    under = grey(_cut(sources.mr, grid, sources.mr_from_t1), sources.limits)
    values = _cut(sources.values, grid, sources.values_from_t1, outside=np.nan)
    brain = _cut(sources.brain, grid) >= 0.5
    over = blend(under, colours(values, material.maker.options.map_range), brain & np.isfinite(values))
    labels = smooth_labels(_near(sources.labels, grid, None), grid)
    return _finished(under, material, labels), _finished(over, material, labels)


def _finished(picture: Array, material: Material, labels: Array) -> Array:
    outline(picture, material, labels, OUTLINE)
    return np.asarray(Image.fromarray(picture).reduce(FINE))


def _grid(labels: Volume, number: int, box: tuple[slice, ...], size: int) -> Volume:
    """The picture's fine pixels as a grid of one axial slice in the T1's space, through the voxel nearest to the lesion's middle."""
    start = np.array([side.start for side in box])
    inside = np.argwhere(labels.array[box] == number) + start
    places = inside @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    low, high = places.min(0), places.max(0)
    nearest = places[np.square(places - places.mean(0)).sum(1).argmin()]
    centre = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, nearest[2]])
    wide = max(LEAST_MM, float((high - low)[:2].max()) + 2 * AROUND_MM)
    step = wide / (size * FINE)
    affine = np.eye(4)
    affine[:3, :3] = np.array([(0, 0, 1), (0, step, 0), (step, 0, 0)]).T
    affine[:3, 3] = centre - affine[:3, :3] @ [0, (size * FINE - 1) / 2, (size * FINE - 1) / 2]
    return Volume(np.broadcast_to(np.uint8(0), (1, size * FINE, size * FINE)), affine, "", labels.frame_of_reference_uid)


def _cut(volume: Volume, grid: Volume, volume_from_grid: Transform | None = None, *, outside: float = 0.0) -> Array:
    near = _near(volume, grid, volume_from_grid)
    return np.asarray(imaging.resample(near, grid, volume_from_grid, outside=outside).array[0])


def _near(volume: Volume, grid: Volume, volume_from_grid: Transform | None) -> Volume:
    """The part of a volume that a grid can reach, and two voxels more; the whole where it reaches none of it."""
    corners = np.array([[0, r, c, 1] for r in (0, grid.shape[1]) for c in (0, grid.shape[2])], dtype=np.float64)
    index_from_grid = volume.index_from_lps @ (volume_from_grid or Transform.identity()).matrix @ grid.affine
    index = (corners @ index_from_grid.T)[:, :3]
    low = np.maximum(np.floor(index.min(0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(index.max(0)).astype(int) + 3, volume.shape)
    if (low >= high).any():
        return volume
    array = volume.array[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    affine = volume.affine.copy()
    affine[:3, 3] += volume.affine[:3, :3] @ low
    return replace(volume, array=array, affine=affine)
