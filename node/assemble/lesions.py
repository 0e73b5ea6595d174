"""An incoming DICOM SEG of lesions: labels on the grid of the SEG's own frames, planes that hold no lesion filled in.

We chose to read frames with highdicom, which knows every way that a SEG may say where its frames lie, instead of a reader of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from node.assemble.header import Header
from node.assemble.roles import is_lesion
from node.assemble.rules import Rules
from node.assemble.stored import StoredInstance, source_of
from node.domain.exam import LesionImport
from node.domain.volume import Array, Volume
from node.errors import DataError


def read_lesions(stored: Sequence[StoredInstance], rules: Rules, storage: Path) -> LesionImport:
    """Lesions of a SEG.

    Several segments of lesions are one lesion each, as their maker numbered them. A single one holds all lesions, and each connected
    part of it (26 neighbours) is one.

    Parameters
    ----------
    stored : the one SEG of a series

    Raises
    ------
    DataError : several SEGs, one that cannot be read, none or overlapping lesions, or frames on no common grid
    """
    if len(stored) != 1:
        raise DataError(f"SEG series {stored[0].header.series_uid}: expected one object; found {len(stored)}, and which counts is not said")
    (item,) = stored
    numbers = [segment.number for segment in item.header.segments if is_lesion(segment, rules)]
    of = f"SEG {item.instance.sop_instance_uid}"
    if not numbers:
        raise DataError(f"{of}: none of its segments is of lesions")
    labels, affine = _segments(storage / item.instance.path, numbers, of)
    if len(numbers) == 1:
        labels = connected_parts(labels > 0)
    if not labels.any():
        raise DataError(f"{of}: its segments of lesions are empty")
    volume = Volume(labels, affine, "1", item.header.frame_of_reference_uid)
    return LesionImport(volume, source_of([item], [item]), _creator(item.header))


def _creator(header: Header) -> str:
    """Which product drew them; never who, a name is not ours to print."""
    return " ".join(filter(None, (header.manufacturer, header.model, header.series_description)))


def _segments(path: Path, numbers: Sequence[int], of: str) -> tuple[Array, Array]:
    """(S, R, C) int32 with 1, 2, … for the segments in order, and the affine."""
    import highdicom  # heavy, and few exams bring a SEG

    try:
        segmentation: Any = highdicom.seg.segread(path)
        if segmentation.SegmentationType == "FRACTIONAL":
            raise DataError(f"{of}: expected lesions as BINARY or LABELMAP; found FRACTIONAL")
        volume = segmentation.get_volume(segment_numbers=list(numbers), combine_segments=True, relabel=True, allow_missing_positions=True)
    except (ValueError, RuntimeError, AttributeError, KeyError, OSError) as error:
        raise DataError(f"{of}: expected lesions on one grid without overlap; {error}") from error
    return np.asarray(volume.array, dtype=np.int32), np.asarray(volume.affine, dtype=np.float64)


def connected_parts(mask: Array) -> Array:
    """Connected parts of a mask, 26 neighbours.

    Every voxel takes the smallest index among itself and its neighbours until nothing changes, with short cuts; lesions are a few
    thousand voxels, so that this is quick without an image library.

    Parameters
    ----------
    mask : (S, R, C) bool

    Returns
    -------
    (S, R, C) int32, 0 outside, 1…n in the order of the parts' first voxels
    """
    voxels = np.argwhere(mask)
    labels = np.zeros(mask.shape, dtype=np.int32)
    if voxels.size == 0:
        return labels
    first = _smallest_of_part(voxels, mask.shape)
    labels[tuple(voxels.T)] = np.unique(first, return_inverse=True)[1].reshape(-1) + 1
    return labels


def _smallest_of_part(voxels: Array, shape: tuple[int, ...]) -> Array:
    """(n,) for each voxel, the row of the first voxel of its part."""
    edges = _edges(voxels, shape)
    parent = np.arange(len(voxels))
    while True:
        roots = parent[edges]
        lowest = parent.copy()
        np.minimum.at(lowest, roots[0], roots[1])
        np.minimum.at(lowest, roots[1], roots[0])
        while not np.array_equal(lowest, lowest[lowest]):
            lowest = lowest[lowest]
        if np.array_equal(lowest, parent):
            return parent
        parent = lowest


def _edges(voxels: Array, shape: tuple[int, ...]) -> Array:
    """(2, m) pairs of rows of neighbouring voxels, each pair once."""
    padded = tuple(n + 2 for n in shape)
    keys = np.ravel_multi_index(tuple((voxels + 1).T), padded)
    offsets = [(s, r, c) for s in (-1, 0, 1) for r in (-1, 0, 1) for c in (-1, 0, 1) if (s, r, c) > (0, 0, 0)]
    pairs = []
    for s, r, c in offsets:
        wanted = keys + (s * padded[1] + r) * padded[2] + c
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        here = np.flatnonzero(keys[at] == wanted)
        pairs.append(np.stack([here, at[here]]))
    return np.concatenate(pairs, axis=1)
