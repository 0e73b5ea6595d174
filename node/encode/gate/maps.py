"""Whether a map holds the numbers that were meant: stored values times their slope are those of the result.

PET images are held at a sample of points against the result's map on the PET grid, interpolated anew by another library than the one that
made them; parametric maps voxel for voxel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from node.domain.result import ParametricMap, Quantity
from node.domain.volume import Array
from node.encode.gate.geometry import planes, slice_of, stack_of
from node.encode.gate.sheet import Finding, Sheet
from node.encode.material import Material
from node.encode.objects import Kind

STEP = 9
"""A sample has every ninth voxel of rows and columns, begun elsewhere on each slice: 800 points of a slice of 256 × 256."""

HALF_STEP = 0.5
ROUNDING = 1e-5
"""Of the largest value: single precision, and coordinates worked out in another order."""


def numbers_as_meant(sheet: Sheet, material: Material) -> Iterator[Finding]:
    """Where a map differs from the result."""
    kind = sheet.encoded.kind
    if kind is Kind.PARAMETRIC_MAPS:
        yield from _float_map(sheet, material)
    elif (made := _made(kind, material)) is not None:
        yield from _pet_image(sheet, made, material)


def _made(kind: Kind, material: Material) -> ParametricMap | None:
    result = material.result
    if kind is Kind.MAP_SUV:
        return next((made for made in result.maps if made.quantity is Quantity.SUV), None)
    return {Kind.MAP: result.primary, Kind.MAP_SUVR: result.suvr}.get(kind)


def _pet_image(sheet: Sheet, made: ParametricMap, material: Material) -> Iterator[Finding]:
    dataset = sheet.dataset
    mapping = (dataset.get("RealWorldValueMappingSequence") or [None])[0]
    slope, index = float(dataset.get("RescaleSlope") or 0), slice_of(planes(dataset)[0], stack_of(sheet.encoded.kind, material))
    if mapping is not None and not np.isclose(float(mapping.get("RealWorldValueSlope") or 0), slope, rtol=1e-6):
        yield Finding((), "RealWorldValueSlope", f"RescaleSlope {slope:g}", f"{mapping.get('RealWorldValueSlope')}")
    if index is None or slope <= 0:
        return  # told by others
    stored = np.frombuffer(dataset.PixelData, dtype="<i2").reshape(dataset.Rows, dataset.Columns)
    first = index % STEP
    points = np.indices(stored.shape)[:, first::STEP, first::STEP].reshape(2, -1)
    meant, known = _interpolated(made, material, np.vstack((np.full(points.shape[1], index), points)))
    limit = np.iinfo(np.int16).max * slope
    wrong = np.abs(stored[tuple(points)] * slope - np.clip(meant, -limit, limit)) > HALF_STEP * slope + ROUNDING * max(1.0, limit / 100)
    if count := int((wrong & known).sum()):
        yield Finding(
            (), "PixelData", "stored values that give the result's, within half a step", f"{count} of {len(meant)} points otherwise"
        )


def _interpolated(made: ParametricMap, material: Material, index: Array) -> tuple[Array, Array]:
    """The result's map at points of the reading grid, index (3, N): linear between PET voxels; and where all of them have a value."""
    reading, pet = material.reading.volume, made.volume
    pet_from_index = pet.index_from_lps @ material.pet_from_reading.matrix @ reading.affine
    at = pet_from_index[:3, :3] @ index + pet_from_index[:3, 3:]
    inside = np.all((at > 0) & (at < np.array(pet.shape)[:, None] - 1), axis=0)
    meant = ndimage.map_coordinates(pet.array, at, order=1)
    return meant, inside & np.isfinite(meant)


def _float_map(sheet: Sheet, material: Material) -> Iterator[Finding]:
    dataset, result = sheet.dataset, material.result
    stack = stack_of(Kind.PARAMETRIC_MAPS, material)
    where = [slice_of(plane, stack) for plane in planes(dataset)]
    frames = np.frombuffer(dataset.FloatPixelData, dtype="<f4").reshape(-1, dataset.Rows, dataset.Columns)
    if None in where or sorted(number or 0 for number in where) != list(range(len(frames))):
        yield Finding((), "frames", "each slice of the PET once", "others")
        return
    order = np.argsort([number or 0 for number in where])
    maps = (result.primary, result.suvr, *result.maps)
    if not any(np.array_equal(frames[order], made.volume.array.astype(np.float32), equal_nan=True) for made in maps):
        yield Finding((), "FloatPixelData", "a map of the result, voxel for voxel", "none of them")
