"""SeriesSummary: what the headers of one series say together, as far as it has arrived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from node.assemble.counts import Promise, numbers_run, promise_of
from node.assemble.drawings import latest
from node.assemble.geometry import SAME_PLANE_MM, depths_mm, gaps_in, gaps_text, normal_of, planes_mm
from node.assemble.header import MULTI_FRAME, Header
from node.assemble.parts import Person
from node.assemble.slices import slices_of
from node.domain.volume import Array

SAME_AXIS = 1e-3
"""Largest difference between two direction cosines of one series: rounding in the header, no turn of the head."""


@dataclass(frozen=True)
class FrameGroup:
    """One time frame of a series: `acquired_at` its start, `indices` of its slices, as `slices_of` has them of the headers.

    `acquired_at`, `reference_s` and `decay_factor` are of one image, the first by time.
    """

    acquired_at: datetime | None
    reference_s: float | None
    duration_s: float | None
    indices: tuple[int, ...]
    decay_factor: float | None = None


@dataclass(frozen=True)
class SeriesSummary:
    """One series.

    Parameters
    ----------
    header : of one instance, the first by UID, for what is the same in all; of SEGs the one that counts (`drawings.latest`)
    people : every distinct Person among the instances; more than one is a conflict
    acquired_at : start of the first acquisition; the series' own time where no instance has one
    n_instances : files here
    n_expected : images that the headers promise (`counts`); None where they promise nothing that can be believed; a multi-frame file
        holds several
    frames : PET time frames in order; a single group for anything else
    n_slices : distinct slice positions
    spacing_mm : usual step along the normal; None for fewer than two slices
    extent_mm : along (slice normal, rows, columns); None without geometry
    complete : nothing is known to be missing, by count and by geometry
    sure : it is complete by a count that can be believed; where none is, only waiting or asking tells
    only_short : an MR of which nothing is missing but by the header's count, which may count what the scanner never sends
    completeness : the same as a sentence: "654 of 654 images, 6 frames of 109 slices"
    trouble : why the series cannot make a volume even when all of it is here; empty where it can
    """

    series_uid: str
    study_uid: str
    modality: str
    header: Header
    people: tuple[Person, ...]
    acquired_at: datetime | None
    n_instances: int
    n_expected: int | None
    frames: tuple[FrameGroup, ...]
    n_slices: int
    spacing_mm: float | None
    extent_mm: tuple[float, float, float] | None
    complete: bool
    sure: bool
    only_short: bool
    completeness: str
    trouble: str


def summarise(headers: Sequence[Header]) -> SeriesSummary:
    """What the headers of one series say together.

    Parameters
    ----------
    headers : of one series UID, in any order, at least one; of SEGs in order of arrival

    Raises
    ------
    ValueError : no header, or headers of several series
    """
    uids = {header.series_uid for header in headers}
    if len(uids) != 1:
        raise ValueError(f"expected headers of one series; found {len(uids)}")
    slices = slices_of(headers)
    first = _speaker(slices)
    trouble = _mixture(slices)
    depths = None if trouble or first.geometry is None else [_depths(header, first) for header in slices]
    frames = time_frames(slices, depths) if first.modality == "PT" and depths else (_frame(slices, range(len(slices))),)
    planes = planes_mm(np.concatenate(depths)) if depths else np.zeros(0)
    promise = promise_of(slices, n_frames=len(frames), n_planes=int(planes.size))
    short = promise is not None and len(slices) < promise.images
    missing = _missing_parts(headers) or _missing(frames, planes, depths)
    words = ", ".join(part for part in (missing, "" if promise and promise.sure else numbers_run(headers)) if part)
    return SeriesSummary(
        series_uid=first.series_uid,
        study_uid=first.study_uid,
        modality=first.modality,
        header=first,
        people=tuple(dict.fromkeys(header.person for header in sorted(headers, key=lambda h: h.sop_instance_uid))),
        acquired_at=min((h.acquired_at for h in slices if h.acquired_at), default=first.series_at),
        n_instances=len({header.sop_instance_uid for header in headers}),
        n_expected=promise.images if promise else None,
        frames=frames,
        n_slices=int(planes.size),
        spacing_mm=float(np.median(np.diff(planes))) if planes.size > 1 else None,
        extent_mm=_extent(first, planes),
        complete=not missing and not short,
        sure=promise is not None and promise.sure and not missing and not short,
        only_short=short and not missing and first.modality == "MR",
        completeness=_sentence(len(slices), promise, frames, planes.size, words),
        trouble=trouble or _several_mr(headers) or _repeats(first, depths, frames, planes.size),
    )


def _speaker(slices: Sequence[Header]) -> Header:
    """The instance that speaks for all."""
    if slices[0].modality == "SEG":
        return latest(slices)
    return min(slices, key=lambda header: (header.sop_instance_uid, header.frame or 0))


def _several_mr(headers: Sequence[Header]) -> str:
    """Objects of a multi-frame MR series are different images (another echo, another volume) more often than parts of one."""
    files = {header.sop_instance_uid for header in headers}
    several = headers[0].modality == "MR" and len(files) > 1 and headers[0].sop_class_uid in MULTI_FRAME
    return f"{len(files)} multi-frame objects in one MR series: expected one" if several else ""


def _missing_parts(headers: Sequence[Header]) -> str:
    """Which parts of a concatenation have not come; empty where none is known to be missing."""
    parts = [header.concatenation for header in headers if header.concatenation is not None]
    for uid in sorted({part.uid for part in parts}):
        here = {part.part for part in parts if part.uid == uid}
        total = max((part.parts for part in parts if part.uid == uid and part.parts), default=max(here))
        if len(here) < total:
            return f"{len(here)} of the {total} parts of a concatenation"
    return ""


def time_frames(headers: Sequence[Header], depths: Sequence[Array]) -> tuple[FrameGroup, ...]:
    """Time frames of a PET series, in order of time.

    Images of one frame share the start of the acquisition and its length. Where that leaves several images at one position, because a
    console wrote one time over all frames, FrameReferenceTime and TemporalPositionIndex tell them apart. A static series whose
    positions are all different is one frame, though its bed positions have times of their own. InstanceNumber is never asked.
    """
    everything = range(len(headers))
    dynamic = any("DYNAMIC" in header.pet.series_type for header in headers if header.pet)
    if not dynamic and not _overlap(everything, depths):
        return (_frame(headers, everything),)
    groups = _grouped(everything, lambda i: _time_key(headers[i], reference=False))
    if any(_overlap(group, depths) for group in groups):
        groups = _grouped(everything, lambda i: _time_key(headers[i], reference=True))
    frames = [_frame(headers, group) for group in groups]
    return tuple(sorted(frames, key=lambda f: (f.acquired_at or datetime.min, f.reference_s or 0.0, f.duration_s or 0.0)))  # noqa: DTZ901 only for the order


def _time_key(header: Header, *, reference: bool) -> Hashable:
    pet = header.pet
    if pet is None:
        return (header.acquired_at,)
    key = (header.acquired_at, pet.frame_duration_s)
    return (*key, pet.frame_reference_s, pet.temporal_index) if reference else key


def _grouped(indices: Iterable[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index in indices:
        groups[key(index)].append(index)
    return list(groups.values())


def _frame(headers: Sequence[Header], indices: Iterable[int]) -> FrameGroup:
    chosen = tuple(indices)
    first = min((headers[i] for i in chosen), key=lambda h: (h.acquired_at is None, h.acquired_at, h.sop_instance_uid))
    pet = first.pet
    if pet is None:
        return FrameGroup(first.acquired_at, None, None, chosen)
    return FrameGroup(first.acquired_at, pet.frame_reference_s, pet.frame_duration_s, chosen, pet.decay_factor)


def _overlap(indices: Iterable[int], depths: Sequence[Array]) -> bool:
    """Whether two images of a group lie in one plane."""
    rising = np.sort(np.concatenate([depths[i] for i in indices]))
    return bool((np.diff(rising) <= SAME_PLANE_MM).any())


def _depths(header: Header, first: Header) -> Array:
    if header.geometry is None or first.geometry is None:
        raise AssertionError("a mixture was let through")
    return depths_mm(header.geometry.positions, normal_of(first.geometry))


def _mixture(headers: Sequence[Header]) -> str:
    """Why these headers do not share one kind of slice; empty where they do."""
    if len({header.sop_class_uid for header in headers}) > 1:
        return "the series holds objects of different kinds"
    if len({header.study_uid for header in headers}) > 1:
        return "its images name different studies"
    geometries = [header.geometry for header in headers]
    known = [geometry for geometry in geometries if geometry is not None]
    if not known:
        several = " in one orientation and pixel spacing" if headers[0].sop_class_uid in MULTI_FRAME else ""
        return f"its images do not say where they lie{several}" if headers[0].modality in ("MR", "PT") else ""
    if len(known) < len(geometries):
        return f"{len(geometries) - len(known)} of {len(geometries)} images do not say where they lie"
    axes = np.array([geometry.row_axis + geometry.column_axis for geometry in known])
    if np.ptp(axes, axis=0).max() > SAME_AXIS:
        return "its images have different orientations"
    if len({(geometry.rows, geometry.columns) for geometry in known}) > 1:
        return "its images have different sizes"
    if np.ptp(np.array([geometry.pixel_spacing for geometry in known]), axis=0).max() > 1e-3:
        return "its images have different pixel spacings"
    if len({header.frame_of_reference_uid for header in headers}) > 1:
        return "its images have different frames of reference"
    return ""


def _missing(frames: Sequence[FrameGroup], planes: Array, depths: Sequence[Array] | None) -> str:
    """What is missing by where the slices lie; empty where nothing is."""
    if depths and len(frames) > 1:
        short = [number for number, frame in enumerate(frames, 1) if _planes(frame, depths) < planes.size]
        if short:
            return f"frame {short[0]} has {_planes(frames[short[0] - 1], depths)} of {planes.size} slices"
    gaps = gaps_in(planes)
    return gaps_text(gaps) if gaps else ""


def _planes(frame: FrameGroup, depths: Sequence[Array]) -> int:
    return int(planes_mm(np.concatenate([depths[i] for i in frame.indices])).size)


def _sentence(n_slices_here: int, promise: Promise | None, frames: Sequence[FrameGroup], n_planes: int, more: str) -> str:
    noun = "image" if n_planes else "object"
    told = (
        f"{n_slices_here} of {promise.images} images"
        if promise and n_planes
        else f"{n_slices_here} {noun}{'s' if n_slices_here > 1 else ''}"
    )
    shape = f"{len(frames)} frames of {n_planes} slices" if len(frames) > 1 else f"{n_planes} slices" if n_planes else ""
    return ", ".join(part for part in (told, shape, more) if part)


def _repeats(first: Header, depths: Sequence[Array] | None, frames: Sequence[FrameGroup], n_slices: int) -> str:
    """Trouble where several images lie at one position of one frame: echoes, phases, volumes in time, or a series sent twice."""
    if not depths:
        return ""
    most = max(sum(depths[i].size for i in frame.indices) for frame in frames)
    if most > n_slices and any(_overlap(frame.indices, depths) for frame in frames):
        return f"{most} images at {n_slices} slice positions: more than one volume"
    return ""


def _extent(first: Header, planes: Array) -> tuple[float, float, float] | None:
    geometry = first.geometry
    if geometry is None or planes.size == 0:
        return None
    step = float(np.median(np.diff(planes))) if planes.size > 1 else geometry.slice_thickness_mm or 0.0
    height, width = geometry.rows * geometry.pixel_spacing[0], geometry.columns * geometry.pixel_spacing[1]
    return (float(planes[-1] - planes[0]) + step, height, width)
