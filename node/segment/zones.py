"""The zones of cerebral white matter that MS is counted in: along the lateral ventricles, below the cortex, and between them.

A zone says where tissue lies; where a *lesion* lies is said by what the lesion touches, which is another question with nearer limits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from node.domain import codes
from node.domain.volume import Array, Volume
from node.imaging import distance_mm
from node.segment.structures import Row

PERIVENTRICULAR_MM = 6.0
JUXTACORTICAL_MM = 4.0
"""Distance from the lateral ventricle, and from the cerebral mantle, up to which white matter belongs to a zone: about a point spread of
PET, because a thinner zone cannot be measured. Our own defaults; where both hold, white matter is periventricular."""


def white_matter_zones(white: Volume, gray: Volume, lateral: Volume) -> Iterator[Row]:
    """Three zones that together are all cerebral white matter, lesions included.

    Parameters
    ----------
    white, gray, lateral : (S, R, C) bool cerebral white matter, mantle, lateral ventricles
    """
    near_ventricle = white.array & _within(lateral, PERIVENTRICULAR_MM)
    near_cortex = white.array & _within(gray, JUXTACORTICAL_MM) & ~near_ventricle
    yield Row("periventricular_wm", codes.PERIVENTRICULAR_WHITE_MATTER, near_ventricle)
    yield Row("juxtacortical_wm", codes.JUXTACORTICAL_WHITE_MATTER, near_cortex)
    yield Row("deep_wm", codes.DEEP_WHITE_MATTER, white.array & ~near_ventricle & ~near_cortex)


def _within(mask: Volume, limit_mm: float) -> Array:
    """(S, R, C) bool within a distance of a mask; looked for in the box around it alone."""
    near = np.zeros(mask.shape, dtype=bool)
    boxes = ndimage.find_objects(mask.array.view(np.uint8))
    if not boxes or boxes[0] is None:
        return near
    margin = np.ceil(limit_mm / mask.spacing_mm).astype(int)
    box = tuple(slice(max(0, side.start - m), side.stop + m) for side, m in zip(boxes[0], margin, strict=True))
    near[box] = distance_mm(Volume(mask.array[box], mask.affine)) <= limit_mm
    return near
