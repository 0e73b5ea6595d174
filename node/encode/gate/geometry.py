"""Whether a picture lies where it says: on the grid of the series that it is shown on, each slice in its place and none left out.

Positions are held against the volume that was analysed; where the source images lie off its even grid, by as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from node.domain.exam import MrSeries
from node.domain.volume import Array, Volume
from node.encode.gate.sheet import Finding, Sheet
from node.encode.material import Material, once
from node.encode.objects import Encoded, Kind

ON_GRID = 0.01
"""How far a position may lie from its first voxel, as a share of a voxel: Decimal Strings round."""

UNEVEN = 0.3
"""How far a source image may lie from its place on the grid, in slice steps: a little more than what is read as an even grid."""

DIRECTION = 2.5e-3
"""Headers round cosines, whose length may be wrong by 1e-3, and differ from image to image by as much."""

OFF_AXIS = 2e-3
"""How far that may move a picture that begins within a slice, as a share of the distance from the slice's own beginning."""

SPACING_MM = 2e-3

SLICE_BY_SLICE = (Kind.OVERLAY, Kind.OVERLAY_T1, Kind.MAP, Kind.MAP_SUVR, Kind.MAP_SUV)
"""Kinds that are a series with one image for each slice."""

FRAME_BY_FRAME = (Kind.LESIONS, Kind.RAISED, Kind.RIMS, Kind.REGIONS, Kind.PARAMETRIC_MAPS)
OVERLAYS = (Kind.OVERLAY, Kind.OVERLAY_T1)
ON_T1 = (Kind.OVERLAY_T1, Kind.REGIONS)


@dataclass(frozen=True, eq=False)
class Plane:
    """Where a picture lies: LPS mm as its header says."""

    position_mm: Array
    orientation: Array
    spacing_mm: Array


@dataclass(frozen=True, eq=False)
class Stack:
    """A grid, and where its source images really lie: objects copy their positions, and scanners do not place slices quite evenly.

    Parameters
    ----------
    grid : what was analysed
    off : (S, 3) voxels (slice, row, column) from each slice's place on the grid to its source image
    """

    grid: Volume
    off: Array


def stack_of(kind: Kind, material: Material) -> Stack:
    """What objects of a kind lie on."""
    if kind is Kind.PARAMETRIC_MAPS:
        grid = material.exam.pet.volume.frame(0)
        return Stack(grid, np.zeros((grid.shape[0], 3)))
    return _reading_stack(material.on(series_of(kind, material)))


@once
def _reading_stack(material: Material) -> Stack:
    """The reading series. An image too far off is in the wrong place, or is another slice's, which is left for the gate to find."""
    grid = material.reading.volume
    at = np.array([source.position_mm for source in material.slices.sources], dtype=np.float64)
    off = at @ grid.index_from_lps[:3, :3].T + grid.index_from_lps[:3, 3]
    off[:, 0] -= np.arange(len(off))
    off[np.linalg.norm(off * grid.spacing_mm, axis=1) > UNEVEN * grid.spacing_mm[0]] = 0.0
    return Stack(grid, off)


def series_of(kind: Kind, material: Material) -> MrSeries:
    """The MR series that objects of a kind are shown on."""
    return material.exam.t1 if kind in ON_T1 else material.reading


def planes(dataset: Dataset) -> list[Plane]:
    """The planes of an object's frames, or of its only one."""
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        return [_plane(dataset, dataset, dataset)]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    found = []
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        position, oriented, measured = (
            (frame if name in frame else shared)[name].value[0]
            for name in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
        )
        found.append(_plane(position, oriented, measured))
    return found


def begins_at(plane: Plane, stack: Stack) -> tuple[int, int, int] | None:
    """The voxel (slice, row, column) of a grid at which a plane begins; None where it begins at none."""
    grid = stack.grid
    index = (grid.index_from_lps @ np.append(plane.position_mm, 1.0))[:3]
    nearest = int(np.rint(index[0]))
    if not 0 <= nearest < grid.shape[-3]:
        return None
    index -= stack.off[nearest]
    voxel = np.rint(index)
    allowed = ON_GRID + OFF_AXIS * np.abs(voxel[1:]).max()
    if np.abs(index - voxel).max() >= allowed or (voxel < 0).any() or (voxel >= grid.shape[-3:]).any():
        return None
    return int(voxel[0]), int(voxel[1]), int(voxel[2])


def slice_of(plane: Plane, stack: Stack) -> int | None:
    """Which slice of a grid a plane is, or is a part of; None where it is none."""
    start = begins_at(plane, stack)
    return None if start is None else start[0]


def in_place(sheet: Sheet, material: Material) -> Iterator[Finding]:
    """Whether each plane of an object lies on its grid, with the grid's directions and distances, in its frame of reference."""
    kind, dataset = sheet.encoded.kind, sheet.dataset
    if kind not in SLICE_BY_SLICE + FRAME_BY_FRAME:
        return
    stack = stack_of(kind, material)
    grid = stack.grid
    if dataset.get("FrameOfReferenceUID") != grid.frame_of_reference_uid:
        yield Finding((), "FrameOfReferenceUID", str(grid.frame_of_reference_uid), str(dataset.get("FrameOfReferenceUID")))
    axes = grid.affine[:3, :3] / grid.spacing_mm
    orientation = np.concatenate((axes[:, 2], axes[:, 1]))
    for number, plane in enumerate(planes(dataset), start=1):
        if np.abs(plane.orientation - orientation).max() > DIRECTION:
            yield Finding((), f"ImageOrientationPatient of frame {number}", "that of its grid", "another")
        if np.abs(plane.spacing_mm - grid.spacing_mm[1:]).max() > SPACING_MM:
            yield Finding((), f"PixelSpacing of frame {number}", "that of its grid", "another")
        yield from _on_slice(plane, dataset, kind, stack, number)


def every_slice_once(sheets: Sequence[tuple[Encoded, int | None]], slices: int) -> Finding | None:
    """Whether a series has each slice of its grid once.

    Parameters
    ----------
    sheets : objects of one series, with the slice that each is
    slices : of the grid
    """
    found = sorted(-1 if number is None else number for _, number in sheets)
    if found == list(range(slices)):
        return None
    return Finding((), "slices of the series", f"each of {slices} once", f"{len(found)} images of {len(set(found) - {-1})} slices")


def _on_slice(plane: Plane, dataset: Dataset, kind: Kind, stack: Stack, number: int) -> Iterator[Finding]:
    """Whether a plane is a slice of its grid. An overlay shows the part of it that holds the brain, and words beside it."""
    start, size = begins_at(plane, stack), (int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0))
    grid = stack.grid
    if start is None or (start[1:] != (0, 0) and kind not in OVERLAYS):
        yield Finding((), f"ImagePositionPatient of frame {number}", "a slice of its grid", "none")
    elif kind not in OVERLAYS and size != tuple(grid.shape[-2:]):
        yield Finding((), "Rows and Columns", f"{grid.shape[-2]} and {grid.shape[-1]}", f"{size[0]} and {size[1]}")


def _plane(position: Dataset, oriented: Dataset, measured: Dataset) -> Plane:
    return Plane(
        np.array(position.ImagePositionPatient, dtype=np.float64),
        np.array(oriented.ImageOrientationPatient, dtype=np.float64),
        np.array(measured.PixelSpacing, dtype=np.float64),
    )
