"""An MR series to a volume: classic slices or one enhanced multi-frame object, in the order of the geometry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from node.assemble.geometry import EVEN_STEPS, Grid, grid_of
from node.assemble.parts import Point
from node.assemble.series import summarise
from node.assemble.stored import Pixels, StoredInstance, read_pixels, source_of, stored_slices
from node.domain.exam import Check, MrSeries, Role
from node.domain.volume import Array, Volume
from node.errors import DataError


def read_mr(stored: Sequence[StoredInstance], contrast: Role, storage: Path) -> tuple[MrSeries, tuple[Check, ...]]:
    """An MR series with its pixels.

    Parameters
    ----------
    stored : every instance of the series, in any order
    contrast : what it is to the exam
    storage : folder that the instances' paths are relative to

    Raises
    ------
    DataError : no regular stack of slices, or pixels that cannot be read
    """
    summary = summarise([item.header for item in stored])
    of = f"MR series {summary.series_uid}"
    geometry = summary.header.geometry
    if summary.trouble or geometry is None:
        raise DataError(f"{of}: {summary.trouble or 'its images do not say where they lie'}")
    slices = stored_slices(stored)
    grid = grid_of([position_of(item) for item in slices], geometry, of=of)
    order = [slices[i] for i in grid.order]
    array = np.empty((len(order), geometry.rows, geometry.columns), dtype=np.float32)
    for pixels in read_pixels(order, storage):
        array[pixels.index] = _scaled(pixels)
    volume = Volume(array, grid.affine, "", summary.header.frame_of_reference_uid)
    return MrSeries(volume, contrast, source_of(stored, order)), evenness_checks(grid, contrast.value)


def evenness_checks(grid: Grid, name: str) -> tuple[Check, ...]:
    """A Check where slices lie off an even grid by more than rounding."""
    if grid.unevenness <= EVEN_STEPS:
        return ()
    message = f"slices of the {name} lie up to {grid.unevenness:.2f} slice steps from an even grid, and were read as if on it"
    return (Check(f"{name.lower()}_even_slices", False, message, value=grid.unevenness, limit=EVEN_STEPS, unit="1"),)


def position_of(item: StoredInstance) -> Point:
    """LPS mm of the first pixel of a slice."""
    geometry = item.header.geometry
    if geometry is None or len(geometry.positions) != 1:
        raise DataError(f"instance {item.instance.sop_instance_uid}: expected slices that say where they lie")
    return geometry.positions[0]


def _scaled(pixels: Pixels) -> Array:
    """(R, C) float32. MR values mean nothing by themselves, but slices may differ in slope, so that it must be applied."""
    scaled = pixels.values.astype(np.float32)
    if pixels.slope is not None and pixels.slope != 1.0:
        scaled *= np.float32(pixels.slope)
    if pixels.intercept:
        scaled += np.float32(pixels.intercept)
    return scaled
