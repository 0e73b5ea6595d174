"""The pixels of a PET series: slices sorted into frames on one grid, each with its own rescale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.assemble.geometry import SAME_PLANE_MM, Grid, depths_mm, grid_of, normal_of
from node.assemble.mr import position_of
from node.assemble.parts import Geometry
from node.assemble.series import FrameGroup
from node.assemble.stored import Pixels, StoredInstance, read_pixels
from node.domain.volume import Array
from node.errors import DataError


@dataclass(frozen=True, eq=False)
class Stack:
    """F·S slices, frame after frame, each in slice order, on one `grid` of `frames` frames."""

    slices: tuple[StoredInstance, ...]
    frames: int
    grid: Grid


@dataclass(frozen=True, eq=False)
class Activity:
    """(F, S, R, C) float32 values, and the smallest and largest slope that they were multiplied by."""

    values: Array
    slopes: tuple[float, float]


def stacked(slices: Sequence[StoredInstance], frames: Sequence[FrameGroup], geometry: Geometry, *, of: str) -> Stack:
    """Slices in order.

    Raises
    ------
    DataError : frames without an even grid, or on different ones
    """
    grids = [grid_of([position_of(slices[i]) for i in frame.indices], geometry, of=of) for frame in frames]
    ordered = [[slices[frame.indices[i]] for i in grid.order] for frame, grid in zip(frames, grids, strict=True)]
    normal = normal_of(geometry)
    depths = [depths_mm([position_of(item) for item in frame], normal) for frame in ordered]
    for number, depth in enumerate(depths[1:], 2):
        if depth.shape != depths[0].shape or np.abs(depth - depths[0]).max() > SAME_PLANE_MM:
            raise DataError(f"{of}: expected every frame on one grid; frame {number} lies elsewhere than frame 1")
    return Stack(tuple(item for frame in ordered for item in frame), len(ordered), grids[0])


def read_activity(stack: Stack, factors: Array, geometry: Geometry, *, storage: Path) -> Activity:
    """Values of a stack; one slice at a time, since a dynamic series fills the memory once and should not do so twice.

    Parameters
    ----------
    factors : (F,) what rescaled values of each frame are multiplied by

    Raises
    ------
    DataError : pixels that cannot be read, a slope that is not above zero, an intercept
    """
    slices = len(stack.slices) // stack.frames
    values = np.empty((stack.frames * slices, geometry.rows, geometry.columns), dtype=np.float32)
    least, most = np.inf, 0.0
    for pixels in read_pixels(stack.slices, storage):
        slope = _slope(pixels, stack.slices[pixels.index])
        np.multiply(pixels.values, slope * float(factors[pixels.index // slices]), out=values[pixels.index], casting="unsafe")
        least, most = min(least, slope), max(most, slope)
    return Activity(values.reshape(stack.frames, slices, geometry.rows, geometry.columns), (least, most))


def _slope(pixels: Pixels, item: StoredInstance) -> float:
    """Half of all real series have another slope on every slice."""
    uid = item.instance.sop_instance_uid
    if pixels.slope is None or pixels.slope <= 0:
        raise DataError(f"instance {uid}: expected a RescaleSlope above zero; found {pixels.slope}")
    if pixels.intercept:
        raise DataError(f"instance {uid}: expected a RescaleIntercept of 0 (PS3.3 C.8.9.4); found {pixels.intercept:g}")
    return pixels.slope
