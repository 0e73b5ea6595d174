"""Motion of the head over the frames of a PET, as lines of a plot: the physicist's page and the page of quality draw the same."""

from __future__ import annotations

import numpy as np

from node.encode.material import Material
from node.encode.plot import PALETTE, Line


def motion_lines(material: Material) -> list[Line]:
    """Largest displacement within the head (mm) over the middle of each frame (min after time zero), and the limit of its check.

    Frames that were not compared have no point.
    """
    timing = material.exam.pet.timing
    middle = (timing.start_s + timing.end_s) / 120.0
    moved = np.array(material.alignment.motion_mm or np.full(len(timing), np.nan))
    limits = [check.limit for check in material.alignment.checks if check.name == "frame_motion" and check.limit is not None]
    return [
        Line(middle, moved, "", PALETTE[1], "circle"),
        *(Line(middle[[0, -1]], np.full(2, limit), "", PALETTE[2]) for limit in limits),
    ]
