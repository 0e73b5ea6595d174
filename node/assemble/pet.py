"""A PET series to frames of activity: pixels with the slope of each slice, timing, administration, decay reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from node.assemble.decay import checked_decay_correction, decay_reference
from node.assemble.frames import frame_starts, missing_decay, timing_of
from node.assemble.geometry import SAME_PLANE_MM, Grid, depths_mm, grid_of, normal_of
from node.assemble.header import Header
from node.assemble.injection import Scan, administration
from node.assemble.mr import evenness_checks
from node.assemble.parts import Geometry, PetPhysics
from node.assemble.roles import Judgement
from node.assemble.series import FrameGroup, SeriesSummary, summarise
from node.assemble.stored import StoredInstance, read_pixels, rescale, source_of
from node.domain.exam import Check, PetSeries
from node.domain.tracer import TracerProfile
from node.domain.volume import Array, Volume
from node.errors import DataError


@dataclass(frozen=True)
class _Scale:
    """`units` and UCUM `unit` of the values after they were multiplied by `factor`."""

    units: str
    unit: str
    factor: float
    checks: tuple[Check, ...] = ()


def read_pet(
    stored: Sequence[StoredInstance], judgement: Judgement, profile: TracerProfile, storage: Path
) -> tuple[PetSeries, tuple[Check, ...]]:
    """A PET series with its pixels.

    Parameters
    ----------
    stored : every instance of the series, in any order
    judgement : of the series, for how its tracer was told
    profile : of that tracer
    storage : folder that the instances' paths are relative to

    Raises
    ------
    DataError : incomplete, frames on different grids, values that cannot be turned into activity, times that contradict each other
    """
    summary = summarise([item.header for item in stored])
    of = f"PET series {summary.series_uid}"
    header, geometry, physics = _usable(summary, of)
    scale = _scale_of(physics, of)
    grid, ordered = _sorted(stored, summary.frames, geometry, of)
    half_life_s = physics.half_life_s or profile.half_life_s

    correction = checked_decay_correction(physics, of)
    decay_at, decay_checks = decay_reference(header, summary.frames[0], half_life_s) if correction == "START" else (None, ())
    starts, time_checks = frame_starts(summary.frames, decay_at, half_life_s, of=of)
    given, given_checks = administration(header, judgement, profile, Scan(starts[0], len(starts) > 1), of=of)
    timing = timing_of(summary.frames, starts, given.injected_at or starts[0], of=of)
    more, factor_checks = _missing_decay(ordered, summary.frames, starts, decay_at, half_life_s)

    frames = _frames(ordered, scale.factor * more, geometry, storage)
    pet = PetSeries(
        volume=Volume(frames, grid.affine, scale.unit, header.frame_of_reference_uid),
        timing=timing,
        administration=given,
        units=scale.units,
        decay_correction=correction,
        decay_reference=decay_at,
        corrections=physics.corrections,
        reconstruction=physics.reconstruction,
        source=source_of(stored, [item for frame in ordered for item in frame]),
    )
    return pet, (*scale.checks, *evenness_checks(grid, "PET"), *decay_checks, *time_checks, *given_checks, *factor_checks)


def _usable(summary: SeriesSummary, of: str) -> tuple[Header, Geometry, PetPhysics]:
    header = summary.header
    if header.unread or header.pet is None or header.geometry is None:
        raise DataError(f"{of}: {header.unread or 'expected a classic PET image with its geometry'}")
    if summary.trouble or not summary.complete:
        raise DataError(f"{of}: {summary.trouble or summary.completeness}")
    return header, header.geometry, header.pet


def _scale_of(pet: PetPhysics, of: str) -> _Scale:
    """Units (0054,1001) to Bq/mL, or to g/mL (SUV by body weight) where a scanner has divided already."""
    if pet.units == "BQML":
        return _Scale("BQML", "Bq/mL", 1.0)
    if pet.units == "GML" and pet.suv_type in ("", "BW"):
        return _Scale("GML", "g/mL", 1.0)
    if pet.units == "CNTS" and pet.philips_suv_factor:
        message = "counts were turned into SUV by the scanner's own factor (7053,1000)"
        return _Scale("GML", "g/mL", pet.philips_suv_factor, (Check("units", True, message),))
    if pet.units == "CNTS" and pet.philips_activity_factor:
        message = "counts were turned into activity by the scanner's own factor (7053,1009)"
        return _Scale("BQML", "Bq/mL", pet.philips_activity_factor, (Check("units", True, message),))
    found = f"{pet.units or 'none'}{' of type ' + pet.suv_type if pet.suv_type else ''}"
    raise DataError(f"{of}: expected Units BQML, GML by body weight, or CNTS with a Philips factor (7053,1000); found {found}")


def _sorted(
    stored: Sequence[StoredInstance], frames: Sequence[FrameGroup], geometry: Geometry, of: str
) -> tuple[Grid, list[list[StoredInstance]]]:
    """The one grid, and the instances frame by frame, each in slice order."""
    grids = [grid_of([_position(stored[i]) for i in frame.indices], geometry, of=of) for frame in frames]
    ordered = [[stored[frame.indices[i]] for i in grid.order] for frame, grid in zip(frames, grids, strict=True)]
    normal = normal_of(geometry)
    depths = [depths_mm([_position(item) for item in frame], normal) for frame in ordered]
    for number, depth in enumerate(depths[1:], 2):
        if depth.shape != depths[0].shape or np.abs(depth - depths[0]).max() > SAME_PLANE_MM:
            raise DataError(f"{of}: expected every frame on one grid; frame {number} lies elsewhere than frame 1")
    return grids[0], ordered


def _position(item: StoredInstance) -> tuple[float, float, float]:
    geometry = item.header.geometry
    if geometry is None or len(geometry.positions) != 1:
        raise DataError(f"instance {item.instance.sop_instance_uid}: expected one slice a file")
    return geometry.positions[0]


def _missing_decay(
    ordered: Sequence[Sequence[StoredInstance]],
    frames: Sequence[FrameGroup],
    starts: Sequence[datetime],
    decay_at: datetime | None,
    half_life_s: float,
) -> tuple[Array, tuple[Check, ...]]:
    if decay_at is None:
        return np.ones(len(frames)), ()
    physics = [frame[0].header.pet for frame in ordered]
    return missing_decay([pet.decay_factor if pet else None for pet in physics], frames, starts, decay_at, half_life_s)


def _frames(ordered: Sequence[Sequence[StoredInstance]], factors: Array, geometry: Geometry, storage: Path) -> Array:
    """(F, S, R, C) float32; one slice at a time, since a dynamic series fills the memory once and should not do so twice."""
    frames = np.empty((len(ordered), len(ordered[0]), geometry.rows, geometry.columns), dtype=np.float32)
    for f, frame in enumerate(ordered):
        for s, item in enumerate(frame):
            _fill(frames[f, s], item, float(factors[f]), storage)
    return frames


def _fill(out: Array, item: StoredInstance, factor: float, storage: Path) -> None:
    """One slice: stored value × its own RescaleSlope (half of all real series have another slope on every slice)."""
    dataset, values = read_pixels(item, storage)
    slope, intercept = rescale(dataset)
    if slope is None or slope <= 0:
        raise DataError(f"instance {item.instance.sop_instance_uid}: expected a RescaleSlope above zero; found {slope}")
    if intercept:
        raise DataError(f"instance {item.instance.sop_instance_uid}: expected a RescaleIntercept of 0 (PS3.3 C.8.9.4); found {intercept:g}")
    np.multiply(values, slope * factor, out=out, casting="unsafe")
