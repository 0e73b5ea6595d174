"""Masks and maps brought onto the grid of the MR series that the radiologist scrolls.

A mask fills a voxel of that grid when at least half of the voxel's volume lies in it. A lesion, or a piece of the region of raised
signal, that is too thin to fill any voxel by half gets the one voxel that it fills most: on the grid being read it must not vanish.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from node import imaging
from node.domain.transform import Transform
from node.domain.volume import Array, Volume

HALF = 0.5

SAMPLES = 4
"""Points along each side of a voxel that decide how much of it is filled."""

MOST_POINTS = 16_000_000
"""Points looked up at once: one byte each."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Labels on another grid.

    Parameters
    ----------
    labels : (S, R, C) int32 on the new grid, 0 background
    outside : labels of which no part lies on the new grid
    """

    labels: Volume
    outside: tuple[int, ...]


def project_labels(labels: Volume, grid: Volume, labels_from_grid: Transform) -> Projection:
    """Labels on another grid, half a voxel or more deciding, and none lost that lies on it at all.

    Parameters
    ----------
    labels : (S, R, C) integers, 0 background
    grid : its grid alone is used
    labels_from_grid : LPS mm of the grid → LPS mm of the labels
    """
    if labels.same_grid(grid) and np.allclose(labels_from_grid.matrix, np.eye(4)):
        return Projection(grid.like(labels.array.astype(np.int32, copy=False), unit="1"), ())
    out = np.zeros(grid.shape, dtype=np.int32)
    # Points of a voxel, of `SAMPLES`³, that lie in the label in `out`, and in any. Whole numbers need a quarter of the memory of shares.
    most, union = np.zeros(grid.shape, dtype=np.uint8), np.zeros(grid.shape, dtype=np.uint8)
    best: dict[int, tuple[int, ...]] = {}
    for label, window, part in label_shares(labels, grid, labels_from_grid):
        best[label] = tuple(int(i) + w.start for i, w in zip(np.unravel_index(part.argmax(), part.shape), window, strict=True))
        points = np.rint(part * SAMPLES**3).astype(np.uint8)
        union[window] += points
        mine = points > most[window]
        out[window][mine] = label
        most[window][mine] = points[mine]
    out[union < HALF * SAMPLES**3] = 0
    for label in sorted(set(best) - set(np.unique(out).tolist())):
        out[best[label]] = label
    outside = tuple(label for label, _ in _boxes(labels.array) if label not in best)
    return Projection(grid.like(out, unit="1"), outside)


Box = tuple[slice, slice, slice]


def label_shares(labels: Volume, grid: Volume, labels_from_grid: Transform) -> Iterator[tuple[int, Box, Array]]:
    """Each label that lies on a grid at all, the part of the grid that it can touch, and there the share of each voxel that it fills.

    Parameters
    ----------
    labels : (S, R, C) integers, 0 background
    grid : its grid alone is used
    labels_from_grid : LPS mm of the grid → LPS mm of the labels
    """
    for label, box in _boxes(labels.array):
        window = _window(labels, box, grid, labels_from_grid)
        if window is None:
            continue
        part = _shares(_crop(labels, box, label), grid, window, labels_from_grid)
        if part.any():
            yield label, window, part


def _shares(mask: Volume, grid: Volume, window: Box, mask_from_grid: Transform) -> Array:
    """(s, r, c) float32: the share of each voxel of a window that a mask fills, by `SAMPLES`³ points a voxel.

    The numbers are those of `imaging.fractions`; ITK looks the points up at once, in 0.4 of the time, a few slices after the other.
    """
    shape = tuple(w.stop - w.start for w in window)
    step = max(1, MOST_POINTS // (shape[1] * shape[2] * SAMPLES**3))
    first, last = window[0].start, window[0].stop
    parts = [(slice(a, min(a + step, last)), window[1], window[2]) for a in range(first, last, step)]
    return np.concatenate([_filled(mask, _refined(_sub_grid(grid, part)), mask_from_grid) for part in parts])


def _filled(mask: Volume, fine: Volume, mask_from_fine: Transform) -> Array:
    hit = imaging.resample(mask, fine, mask_from_fine, interpolation="nearest").array
    s, r, c = (size // SAMPLES for size in hit.shape)
    count = hit.reshape(s, SAMPLES, r, SAMPLES, c, SAMPLES).sum(axis=(1, 3, 5), dtype=np.uint8)
    return np.asarray(count.astype(np.float32) / SAMPLES**3)


def _refined(grid: Volume) -> Volume:
    """The grid with `SAMPLES` voxels for one along each axis."""
    affine = grid.affine.copy()
    affine[:3, :3] /= SAMPLES
    affine[:3, 3] += grid.affine[:3, :3] @ np.full(3, (1 / SAMPLES - 1) / 2)
    shape = tuple(size * SAMPLES for size in grid.shape)
    return replace(grid, array=np.broadcast_to(np.uint8(0), shape), affine=affine)


def part_of(volume: Volume, box: Box) -> Volume:
    """The part of a volume in a box, where it lies."""
    return _moved(volume, volume.array[box], [b.start for b in box])


def _boxes(labels: Array) -> list[tuple[int, Box]]:
    """Each label with the smallest box that holds it."""
    return [(number, box) for number, box in enumerate(ndimage.find_objects(labels), start=1) if box is not None]


def _slices(low: Array, high: Array) -> Box:
    s, r, c = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return s, r, c


def _crop(labels: Volume, box: Box, label: int) -> Volume:
    """One label in its box, with a rim of nothing: SciPy takes the outer half of the outermost voxels as outside."""
    mask = np.pad(labels.array[box] == label, 1)
    return _moved(labels, mask, [b.start - 1 for b in box])


def _sub_grid(grid: Volume, window: Box) -> Volume:
    shape = tuple(w.stop - w.start for w in window)
    return _moved(grid, np.broadcast_to(np.uint8(0), shape), [w.start for w in window])


def _moved(volume: Volume, array: Array, start: list[int]) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ start
    return replace(volume, array=array, affine=affine)


def _window(labels: Volume, box: Box, grid: Volume, labels_from_grid: Transform) -> Box | None:
    """The part of the grid that a box of the labels can touch; None where they do not meet."""
    corners = np.array([[s, r, c, 1] for s in _ends(box[0]) for r in _ends(box[1]) for c in _ends(box[2])], dtype=np.float64)
    grid_from_labels = grid.index_from_lps @ labels_from_grid.inverse().matrix @ labels.affine
    points = (corners @ grid_from_labels.T)[:, :3]
    low = np.maximum(np.floor(points.min(0)), 0)
    high = np.minimum(np.ceil(points.max(0)) + 1, grid.shape)
    return _slices(low, high) if (low < high).all() else None


def _ends(part: slice) -> tuple[float, float]:
    return part.start - 0.5, part.stop - 0.5
