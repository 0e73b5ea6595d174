"""Segments: what one segment of a DICOM SEG is, where it lies, and how highdicom is told of it (PS3.3 C.8.20.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import highdicom as hd
import numpy as np
from pydicom.sr.coding import Code as DicomCode
from scipy import ndimage

from node.domain.codes import Code
from node.domain.volume import Array
from node.encode.headers import MANUFACTURER
from node.encode.phenotypes import Rgb
from node.encode.quantities import dicom, plain

MOST_SEGMENTS = 60
"""Segments in one object at most. Viewers were seen to fail above 90 (OHIF, 2023 to 2025), and nobody reads a longer list."""

LONGEST_NAME = 64
"""Of LO: labels, names and versions of algorithms."""


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of a grid that a segment lies in.

    Parameters
    ----------
    start : index (slice, row, column) of its first voxel
    share : (s, r, c) of each voxel that the segment fills: bool, or float 0…1
    """

    start: tuple[int, int, int]
    share: Array

    @property
    def where(self) -> tuple[slice, slice, slice]:
        """The patch on its grid."""
        s, r, c = (slice(a, a + n) for a, n in zip(self.start, self.share.shape, strict=True))
        return s, r, c

    def on_slice(self, index: int) -> Array | None:
        """(r, c) share on one slice of the grid, None where the patch does not reach."""
        inside = index - self.start[0]
        return self.share[inside] if 0 <= inside < self.share.shape[0] else None

    def meets(self, other: Patch) -> bool:
        """Whether both hold the same voxel."""
        low = [max(a.start, b.start) for a, b in zip(self.where, other.where, strict=True)]
        high = [min(a.stop, b.stop) for a, b in zip(self.where, other.where, strict=True)]
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return False
        first, second = (part.share[tuple(_relative(part, low, high))] > 0 for part in (self, other))
        return bool((first & second).any())


@dataclass(frozen=True)
class Method:
    """Who drew a segment, and how (PS3.3 C.8.20.2, Segment Algorithm Type).

    Parameters
    ----------
    name : of the algorithm, in ASCII; empty where a person drew by hand
    family : of the algorithm, CID 7162
    kind : MANUAL, SEMIAUTOMATIC or AUTOMATIC
    version : of the algorithm; empty for the node's own, whose version is the node's
    told : what else a reader should know of it, one sentence
    """

    name: str
    family: DicomCode
    kind: Literal["MANUAL", "SEMIAUTOMATIC", "AUTOMATIC"] = "AUTOMATIC"
    version: str = ""
    told: str = ""

    def identified(self, software: str) -> hd.AlgorithmIdentificationSequence | None:
        """The algorithm as highdicom wants it; None where there was none."""
        if self.kind == "MANUAL":
            return None
        name = self.name if self.version else f"{MANUFACTURER}: {self.name}"
        return hd.AlgorithmIdentificationSequence(one_line(name), self.family, one_line(self.version or software))


@dataclass(frozen=True)
class Tracking:
    """What follows a segment from object to object and from visit to visit: an SR names the same."""

    identifier: str
    uid: str


@dataclass(frozen=True, eq=False)
class Segment:
    """One segment.

    Parameters
    ----------
    label : as a viewer lists it; cut at 64 characters
    category, kind : coded property category and type
    modifier : of the type: a phenotype, or the side of a paired region
    part_of : the anatomic region that it lies in; None where `kind` is anatomy itself
    rgb : recommended display colour
    """

    label: str
    category: Code
    kind: Code
    patch: Patch
    how: Method
    rgb: Rgb
    tracking: Tracking | None = None
    modifier: Code | None = None
    part_of: Code | None = None

    def described(self, number: int, software: str) -> hd.seg.SegmentDescription:
        """The segment as highdicom wants it, under a number from 1."""
        description = hd.seg.SegmentDescription(
            number,
            one_line(self.label),
            dicom(self.category),
            dicom(self.kind),
            hd.seg.SegmentAlgorithmTypeValues(self.how.kind),
            self.how.identified(software),
            tracking_id=self.tracking.identifier if self.tracking else None,
            tracking_uid=self.tracking.uid if self.tracking else None,
            anatomic_regions=[dicom(self.part_of)] if self.part_of else None,
            display_color=hd.color.CIELabColor.from_rgb(*self.rgb),
        )
        if self.how.told:
            description.SegmentDescription = plain(self.how.told)
        if self.modifier:
            kind = description.SegmentedPropertyTypeCodeSequence[0]
            kind.SegmentedPropertyTypeModifierCodeSequence = [hd.sr.CodedConcept.from_code(dicom(self.modifier))]
        return description


def one_line(text: str) -> str:
    """Text as one value of LO: ASCII, 64 characters, and no backslash, which would make two values of it."""
    return plain(text).replace("\\", "/")[:LONGEST_NAME].strip()


def patches(labels: Array) -> dict[int, Patch]:
    """The patch of each number in a label image (S, R, C), 0 being background."""
    found = enumerate(ndimage.find_objects(labels), start=1)
    return {number: Patch(_start(box), labels[box] == number) for number, box in found if box is not None}


def patch_of(mask: Array) -> Patch | None:
    """The patch of a mask (S, R, C) bool, None where it is empty."""
    slices = _span(np.asarray(np.any(mask, axis=(1, 2))))
    if slices is None:
        return None
    # One pass over the slices that count, instead of one for each axis over all.
    plane = np.asarray(np.any(mask[slices], axis=0))
    rows, columns = _span(np.asarray(plane.any(axis=1))), _span(np.asarray(plane.any(axis=0)))
    if rows is None or columns is None:
        return None
    return Patch((slices.start, rows.start, columns.start), mask[slices, rows, columns])


def joined(parts: Sequence[Patch]) -> Patch:
    """Several patches as one; where they overlap, the larger share."""
    low = np.min([part.start for part in parts], axis=0)
    high = np.max([np.add(part.start, part.share.shape) for part in parts], axis=0)
    share = np.zeros(high - low, dtype=parts[0].share.dtype)
    for part in parts:
        inside = share[tuple(slice(w.start - int(a), w.stop - int(a)) for w, a in zip(part.where, low, strict=True))]
        np.maximum(inside, part.share, out=inside)
    return Patch((int(low[0]), int(low[1]), int(low[2])), share)


def overlap(segments: Sequence[Segment]) -> bool:
    """Whether two segments hold the same voxel."""
    return any(one.patch.meets(two.patch) for number, one in enumerate(segments) for two in segments[:number])


def _relative(part: Patch, low: Sequence[int], high: Sequence[int]) -> Iterator[slice]:
    for start, a, b in zip(part.start, low, high, strict=True):
        yield slice(a - start, b - start)


def _span(hit: Array) -> slice | None:
    where = np.flatnonzero(hit)
    return slice(int(where[0]), int(where[-1]) + 1) if where.size else None


def _start(box: tuple[slice, ...]) -> tuple[int, int, int]:
    return box[0].start, box[1].start, box[2].start
