"""Every frame of a multi-frame object as if it were a classic image, so that one path of code reads both.

What comes out of `slices_of` has one position and one time each, and `Header.frame` tells which frame of its file it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from node.assemble.header import Header
from node.assemble.parts import FrameTime, Geometry, PetPhysics, Point


def slices_of(headers: Iterable[Header]) -> list[Header]:
    """The slices of these objects, in their order; a header that is one slice already comes back as it is."""
    return [one for header in headers for one in frames_of(header)]


def frames_of(header: Header) -> list[Header]:
    """The slices of one object."""
    geometry = header.geometry
    if geometry is None or header.frame is not None or (len(geometry.positions) == 1 and not header.frames):
        return [header]
    if header.frames and len(header.frames) != len(geometry.positions):
        raise AssertionError("times and positions are read from the same functional groups")
    times = header.frames or (None,) * len(geometry.positions)
    return [_slice(header, geometry, i, position, time) for i, (position, time) in enumerate(zip(geometry.positions, times, strict=True))]


def _slice(header: Header, geometry: Geometry, frame: int, position: Point, time: FrameTime | None) -> Header:
    where = replace(geometry, positions=(position,))
    if time is None or header.pet is None:
        return replace(header, geometry=where, frame=frame, frames=())
    return replace(header, geometry=where, frame=frame, frames=(), acquired_at=time.acquired_at, pet=_timed(header.pet, time))


def _timed(pet: PetPhysics, time: FrameTime) -> PetPhysics:
    return replace(
        pet,
        frame_duration_s=time.duration_s,
        frame_reference_s=time.reference_s,
        decay_factor=time.decay_factor,
        temporal_index=time.temporal_index,
    )
