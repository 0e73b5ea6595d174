"""An incoming DICOM SEG of lesions: labels on the grid of the SEG's own frames, planes that hold no lesion filled in.

We chose to read frames with highdicom, which knows every way that a SEG may say where its frames lie, instead of a reader of our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from node.assemble.drawings import by_person, drawn_at, latest
from node.assemble.header import Header
from node.assemble.parts import SegmentLabel
from node.assemble.roles import is_lesion
from node.assemble.rules import Rules
from node.assemble.stored import StoredInstance, source_of
from node.domain.exam import LesionImport, Role
from node.domain.volume import Array, Volume
from node.errors import DataError

NOWHERE: Mapping[Role, Header] = MappingProxyType({})


def read_lesions(stored: Sequence[StoredInstance], rules: Rules, storage: Path, *, mrs: Mapping[Role, Header] = NOWHERE) -> LesionImport:
    """Lesions of a SEG.

    Several segments of lesions are one lesion each, as their maker numbered them; where two hold the same voxel, it is the later one's. A
    single one holds all lesions, and each connected part of it (26 neighbours) is one. A SEG without a voxel is a reader's word that there
    is no lesion, and a program's fault.

    Parameters
    ----------
    stored : the SEGs of a series, in order of arrival; that drawn last counts
    mrs : one header each of the T1 and the FLAIR that it may have been drawn on

    Raises
    ------
    DataError : it cannot be read, none of its segments is of lesions, a program drew none, or its frames have no common grid
    """
    item = counting(stored)
    segments = [segment for segment in item.header.segments if is_lesion(segment, rules)]
    of = f"SEG {item.instance.sop_instance_uid}"
    if not segments:
        raise DataError(f"{of}: none of its segments is of lesions")
    drawn = _separate(_segments(storage / item.instance.path, segments, of))
    if not drawn.labels.any() and not by_person(item.header):
        raise DataError(f"{of}: its segments of lesions are empty")
    header = item.header
    cited = [role for role, mr in mrs.items() if mr.series_uid in header.cites]
    return LesionImport(
        Volume(drawn.labels, drawn.affine, "1", header.frame_of_reference_uid),
        source_of([item], [item]),
        _creator(header),
        drawn_at=drawn_at(header),
        by_reader=by_person(header),
        drawn_on=cited[0] if len(cited) == 1 else None,
        tracking=tuple(drawn.tracking()),
    )


def counting(stored: Sequence[StoredInstance]) -> StoredInstance:
    """The SEG of a series that counts; `stored` in order of arrival."""
    chosen = latest([item.header for item in stored])
    return next(item for item in stored if item.header is chosen)


def _creator(header: Header) -> str:
    """Which product drew them; never who, a name is not ours to print."""
    return " ".join(filter(None, (header.manufacturer, header.model, header.series_description)))


@dataclass(frozen=True, eq=False)
class _Drawn:
    """`labels` (S, R, C) int32, what they are segments of in order of the labels, and the (4, 4) affine."""

    labels: Array
    segments: tuple[SegmentLabel, ...]
    affine: Array

    def tracking(self) -> Iterator[tuple[int, str]]:
        """Label and tracking UID of the labels that have voxels; a UID that several have goes to the largest."""
        voxels = np.bincount(self.labels.ravel(), minlength=len(self.segments) + 1)[1:]
        seen: set[str] = set()
        for index in np.argsort(-voxels, kind="stable").tolist():
            uid = self.segments[index].tracking_uid
            if uid and voxels[index] and uid not in seen:
                seen.add(uid)
                yield index + 1, uid


def _separate(drawn: _Drawn) -> _Drawn:
    """A single segment falls apart into its connected parts."""
    if len(drawn.segments) > 1:
        return drawn
    labels = connected_parts(drawn.labels > 0)
    return _Drawn(labels, drawn.segments * int(labels.max()), drawn.affine)


def _segments(path: Path, segments: Sequence[SegmentLabel], of: str) -> _Drawn:
    """The segments as labels 1, 2, … in order."""
    import highdicom  # heavy, and few exams bring a SEG

    numbers = [segment.number for segment in segments]
    try:
        segmentation: Any = highdicom.seg.segread(path)
        if segmentation.SegmentationType == "FRACTIONAL":
            raise DataError(f"{of}: expected lesions as BINARY or LABELMAP; found FRACTIONAL")
        volume = segmentation.get_volume(
            segment_numbers=numbers, combine_segments=True, relabel=True, skip_overlap_checks=True, allow_missing_positions=True
        )
    except (ValueError, RuntimeError, AttributeError, KeyError, OSError) as error:
        raise DataError(f"{of}: expected lesions on one grid; {error}") from error
    return _Drawn(np.asarray(volume.array, dtype=np.int32), tuple(segments), np.asarray(volume.affine, dtype=np.float64))


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
