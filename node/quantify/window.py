"""The late window: which frames stand for it, each in the reference pose, and their mean.

Values are measured on the PET's own grid. A frame is resampled only if the head moved; a frame in the reference pose is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.exam import Check, Gravity, PetSeries
from node.domain.timing import FrameTiming
from node.domain.tracer import TracerProfile
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.imaging import in_reference_pose
from node.quantify.scan import is_dynamic

IN_FULL_S = 30.0
"""A window that is covered but for this much counts as covered."""


@dataclass(frozen=True, eq=False)
class LateWindow:
    """The part of the scan that is measured.

    Parameters
    ----------
    frames : (F, S, R, C) float32 in the series' unit, in the reference pose, corrected to one instant
    mean : (S, R, C) float32, weighted with the frames' lengths
    weights : (F,) length of each frame as a share of the whole
    window_s : from the first frame's start to the last one's end, s after the injection
    resampled : how many frames had moved
    """

    frames: Volume
    mean: Volume
    weights: Array
    window_s: tuple[float, float]
    resampled: int
    checks: tuple[Check, ...]


def late_window(pet: PetSeries, pet_from_frame: tuple[Transform, ...], tracer: TracerProfile, decay: Array) -> LateWindow:
    """Frames that lie wholly in the tracer's window; of a dynamic scan that ends before it, those of as long a part at its end.

    Parameters
    ----------
    pet_from_frame : F transforms, reference pose from each frame's pose
    decay : (F,) factor of each frame that brings all to one instant

    Raises
    ------
    DataError : too little of the window was measured
    """
    wanted_s = _wanted(pet, tracer)
    chosen = pet.timing.inside(*wanted_s)
    timing = _timing(pet, chosen, tracer)
    frames = np.stack([_in_reference_pose(pet, int(i), pet_from_frame[int(i)]) * np.float32(decay[int(i)]) for i in chosen])
    weights = timing.duration_s / timing.duration_s.sum()
    mean = np.tensordot(weights, frames, axes=1).astype(np.float32)
    resampled = sum(not _still(pet_from_frame[int(i)]) for i in chosen)
    covered = (float(timing.start_s[0]), float(timing.end_s[-1]))
    base = pet.volume
    return LateWindow(base.like(frames), base.like(mean), weights, covered, resampled, _coverage(timing, tracer))


def minutes(window_s: tuple[float, float]) -> str:
    """A window in words: "60–90 min"."""
    start, end = (f"{second / 60.0:.4g}" for second in window_s)
    return f"{start}–{end} min"


def _wanted(pet: PetSeries, tracer: TracerProfile) -> tuple[float, float]:
    """The window, or the end of a dynamic scan: its result is the DVR, and a Check says that the SUVR is of another time."""
    start_s, end_s = tracer.window_s
    last_s = float(pet.timing.end_s[-1])
    early = is_dynamic(pet) and last_s < start_s + tracer.shortest_window_s - 1.0
    return (last_s - (end_s - start_s), last_s) if early else (start_s, end_s)


def _timing(pet: PetSeries, chosen: Array, tracer: TracerProfile) -> FrameTiming:
    measured_s = float(pet.timing.duration_s[chosen].sum())
    if measured_s + 1.0 < tracer.shortest_window_s:
        whole = minutes((float(pet.timing.start_s[0]), float(pet.timing.end_s[-1])))
        needed = (
            f"{tracer.name} is measured at {minutes(tracer.window_s)}, of which at least {tracer.shortest_window_s / 60:g} min are needed"
        )
        found = f"its frames cover {whole} after the injection, {measured_s / 60:.3g} min of them in that window"
        raise DataError(f"PET series {pet.source.series_uid}: {needed}; {found}")
    return FrameTiming(pet.timing.start_s[chosen], pet.timing.duration_s[chosen])


def _in_reference_pose(pet: PetSeries, index: int, pet_from_frame: Transform) -> Array:
    volume = pet.volume.frame(index) if pet.volume.array.ndim == 4 else pet.volume
    volume = in_reference_pose(volume, pet_from_frame)
    return np.nan_to_num(volume.array.astype(np.float32, copy=False))


def _still(pet_from_frame: Transform) -> bool:
    return bool(np.array_equal(pet_from_frame.matrix, np.eye(4)))


def _coverage(timing: FrameTiming, tracer: TracerProfile) -> tuple[Check, ...]:
    measured_s = float(timing.duration_s.sum())
    wanted_s = tracer.window_s[1] - tracer.window_s[0]
    whole = measured_s >= wanted_s - IN_FULL_S
    found = minutes((float(timing.start_s[0]), float(timing.end_s[-1])))
    text = f"The whole window of {minutes(tracer.window_s)} was measured."
    elsewhere = float(timing.start_s[0]) < tracer.window_s[0] - IN_FULL_S
    if elsewhere:
        text = (
            f"The scan ends before the window of {minutes(tracer.window_s)}: SUVR is of {found} instead, and not to be compared with "
            "other scans' SUVR; a ratio depends on the time after the injection."
        )
    elif not whole:
        part = f"Of the window of {minutes(tracer.window_s)} only {measured_s / 60:.3g} min were measured ({found})"
        text = f"{part}: a ratio depends on the time after the injection."
    return (Check("window", whole and not elsewhere, text, Gravity.WARNING, measured_s / 60, wanted_s / 60, "min"),)
