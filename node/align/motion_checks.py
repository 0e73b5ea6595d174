"""What frame motion means for the numbers: how far, when, and what could not be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.domain.exam import Check, Gravity
from node.domain.volume import Array

LARGE_MOTION_MM, LARGE_TURN_DEG = 3.0, 2.0
"""From here the attenuation map no longer fits the frame, which no re-alignment mends (quantification, section H). Our defaults."""


def motion_checks(moved_mm: Array, turned_deg: Sequence[float], no_motion_mm: float) -> tuple[Check, ...]:
    """Checks of a dynamic or multi-frame PET.

    Parameters
    ----------
    moved_mm : (F,) largest displacement within the head against the reference pose; NaN where a frame was not compared
    turned_deg : F angles of the poses that were taken
    no_motion_mm : displacement that is taken as none
    """
    first = int(np.flatnonzero(~np.isnan(moved_mm))[0])
    early = (_early(first, float(moved_mm[first]), no_motion_mm),) if first else ()
    return (_largest(moved_mm), _turn(turned_deg), _curve(moved_mm, no_motion_mm), *early, _compared(moved_mm))


def _largest(moved_mm: Array) -> Check:
    worst = int(np.nanargmax(moved_mm))
    value = float(moved_mm[worst])
    return Check(
        "frame_motion",
        value <= LARGE_MOTION_MM,
        f"Largest displacement between PET frames: {value:.1f} mm, in frame {worst + 1} "
        f"(expected {LARGE_MOTION_MM:.0f} mm at most: beyond it attenuation and emission no longer fit, and frames are only re-aligned).",
        Gravity.WARNING,
        value,
        LARGE_MOTION_MM,
        "mm",
    )


def _turn(turned_deg: Sequence[float]) -> Check:
    worst = int(np.argmax(turned_deg))
    message = f"Largest turn of a PET frame: {turned_deg[worst]:.1f}°, in frame {worst + 1} (expected {LARGE_TURN_DEG:.0f}° at most)."
    return Check(
        "frame_turn", turned_deg[worst] <= LARGE_TURN_DEG, message, Gravity.WARNING, float(turned_deg[worst]), LARGE_TURN_DEG, "deg"
    )


def _curve(moved_mm: Array, no_motion_mm: float) -> Check:
    """The displacement curve, in words."""
    steps = " ".join("–" if np.isnan(value) else f"{value:.1f}" for value in moved_mm)
    moved = int(np.count_nonzero(np.nan_to_num(moved_mm) > no_motion_mm))
    return Check(
        "frames_realigned",
        moved == 0,
        f"{moved} of {moved_mm.size} PET frames were re-aligned, which interpolates them. Displacement frame by frame, mm: {steps} "
        f"(up to {no_motion_mm:.1f} mm is taken as none; – was not compared).",
        Gravity.NOTE,
        float(moved),
        0.0,
        "1",
    )


def _early(frames: int, moved_mm: float, no_motion_mm: float) -> Check:
    """Where the first compared frame is not in the reference pose, the head moved, and of the frames before it nobody knows when."""
    return Check(
        "early_frames_pose",
        moved_mm <= no_motion_mm,
        f"The {frames} PET frames before the first one that could be compared took its pose, {moved_mm:.1f} mm from the reference pose "
        f"(expected {no_motion_mm:.1f} mm at most: the head has moved, and whether before or after those frames is not known).",
        Gravity.WARNING,
        moved_mm,
        no_motion_mm,
        "mm",
    )


def _compared(moved_mm: Array) -> Check:
    compared = int(np.count_nonzero(~np.isnan(moved_mm)))
    return Check(
        "frames_compared",
        compared > 1,
        f"{compared} of {moved_mm.size} PET frames were compared for motion; the others were too short, too early or too empty and took "
        "the pose of the next one.",
        Gravity.NOTE,
        float(compared),
        2.0,
        "1",
    )
