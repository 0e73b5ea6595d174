"""An MR series to a volume: classic slices or one enhanced multi-frame object, in the order of the geometry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from node.assemble.attributes import items
from node.assemble.geometry import EVEN_STEPS, Grid, grid_of
from node.assemble.series import summarise
from node.assemble.stored import StoredInstance, read_pixels, rescale, source_of
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
    if len(stored) == 1:
        (only,) = stored
        grid = grid_of(geometry.positions, geometry, of=of)
        array, order = _multi_frame(only, storage)[grid.order], [only]
    else:
        grid = grid_of([position for item in stored for position in _positions(item)], geometry, of=of)
        order = [stored[i] for i in grid.order]
        array = np.stack([_slice(item, storage) for item in order])
    volume = Volume(array, grid.affine, "", summary.header.frame_of_reference_uid)
    return MrSeries(volume, contrast, source_of(stored, order)), evenness_checks(grid, contrast.value)


def evenness_checks(grid: Grid, name: str) -> tuple[Check, ...]:
    """A Check where slices lie off an even grid by more than rounding."""
    if grid.unevenness <= EVEN_STEPS:
        return ()
    message = f"slices of the {name} lie up to {grid.unevenness:.2f} slice steps from an even grid, and were read as if on it"
    return (Check(f"{name.lower()}_even_slices", False, message, value=grid.unevenness, limit=EVEN_STEPS, unit="1"),)


def _positions(item: StoredInstance) -> Sequence[tuple[float, float, float]]:
    geometry = item.header.geometry
    if geometry is None or len(geometry.positions) != 1:
        raise DataError(f"instance {item.instance.sop_instance_uid}: expected one slice a file in a series of several files")
    return geometry.positions


def _slice(item: StoredInstance, storage: Path) -> Array:
    """(R, C) float32. MR values mean nothing by themselves, but slices may differ in slope, so that it must be applied."""
    dataset, values = read_pixels(item, storage)
    slope, intercept = rescale(dataset)
    return _scaled(values, slope, intercept)


def _multi_frame(item: StoredInstance, storage: Path) -> Array:
    """(F, R, C) float32, each frame with its own rescale (PS3.3 C.7.6.16.2.9)."""
    dataset, values = read_pixels(item, storage)
    if values.ndim != 3:
        raise DataError(f"instance {item.instance.sop_instance_uid}: expected several frames; found one")
    shared, frames = items(dataset, "SharedFunctionalGroupsSequence"), items(dataset, "PerFrameFunctionalGroupsSequence")
    if len(frames) != len(values):
        raise DataError(f"instance {item.instance.sop_instance_uid}: expected {len(frames)} frames; found {len(values)}")
    return np.stack([_scaled(values[i], *_frame_rescale(shared, frame)) for i, frame in enumerate(frames)])


def _frame_rescale(shared: Sequence[Dataset], frame: Dataset) -> tuple[float | None, float | None]:
    for group in (*shared, frame):
        for item in items(group, "PixelValueTransformationSequence"):
            return rescale(item)
    return None, None


def _scaled(values: Array, slope: float | None, intercept: float | None) -> Array:
    scaled = values.astype(np.float32)
    if slope is not None and slope != 1.0:
        scaled *= np.float32(slope)
    if intercept:
        scaled += np.float32(intercept)
    return scaled
