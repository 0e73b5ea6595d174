"""How much brighter than grey matter each voxel of a FLAIR is: the belief that it is a lesion.

The FLAIR is first divided by the local level of white matter, which takes out the coils. *Belief* is then how far a voxel lies above the
cortex around it, in that cortex' own standard deviations (Schmidt et al., NeuroImage 59:3774 (2012), who take one mean and one deviation
for the whole brain). We take them locally because cortex is not equally bright everywhere: on a real 2-D FLAIR frontal cortex lay 0.8 of
its own deviations above the mean, and every false lesion was there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array, Volume
from node.errors import DataError
from node.segment.local import local_mean

FIELD_MM = 25.0
"""Standard deviation of the window in which white matter's level is taken: as wide as what is left of a coil's shading."""

FIELD_ROUNDS = 3
FIELD_OUTLIER = 2.5
"""White matter further than this from its level, in robust deviations, is not normal-appearing: lesions must not bend the field."""

CORTEX_WINDOW_MM = 15.0
TRUST = 0.01
"""Where hardly a hundredth of the window is cortex, deep in the brain, half of what is expected comes from the whole brain's cortex."""

CORTEX_MOST = 4.0
"""Cortex is sampled from white matter's level up to this many times the contrast between the two: darker holds fluid, which a FLAIR
suppresses, and brighter is a lesion in it."""

LEAST_SPREAD = 0.02
"""Least standard deviation of cortex, as a share of white matter: an image without noise has none."""


@dataclass(frozen=True, eq=False)
class Belief:
    """Belief on a grid.

    Parameters
    ----------
    value : (S, R, C) float32 standard deviations above the cortex around; 0 is typical cortex
    white : (S, R, C) float32 where white matter lies on the same scale, below 0 on most FLAIRs
    """

    value: Array
    white: Array


def believe(flair: Volume, white: Array, cortex: Array) -> Belief:
    """Belief in each voxel.

    Parameters
    ----------
    flair : (S, R, C)
    white, cortex : (S, R, C) bool white matter and cortex of the cerebrum by the T1; a few lesions may be among them

    Raises
    ------
    DataError : the FLAIR has no signal in white matter or cortex
    """
    flat = flatten(flair, white)
    pure = flat[cortex & (flat > 1.0)]
    if len(pure) == 0:
        raise DataError("segment: expected the FLAIR to show grey matter brighter than white matter somewhere; found none")
    most = 1.0 + CORTEX_MOST * max(float(np.median(pure)) - 1.0, LEAST_SPREAD)
    sample = cortex & (flat > 1.0) & (flat < most)
    mean, square = (local_mean(values, sample, flair.spacing_mm, sigma_mm=CORTEX_WINDOW_MM, trust=TRUST) for values in (flat, flat * flat))
    spread = np.sqrt(np.maximum(square - mean * mean, np.float32(LEAST_SPREAD**2)))
    return Belief((flat - mean) / spread, (np.float32(1.0) - mean) / spread)


def flatten(flair: Volume, white: Array) -> Array:
    """(S, R, C) float32 the FLAIR over the local level of its white matter (bool, as large), which becomes 1.

    Raises
    ------
    DataError : no signal in white matter
    """
    values = np.asarray(flair.array, dtype=np.float32)
    level = float(np.median(values[white])) if white.any() else 0.0
    if not level > 0.0:
        raise DataError("segment: expected the FLAIR to show grey and white matter; found no signal there")
    flat = values / np.float32(level)
    for _ in range(FIELD_ROUNDS):
        spread = 1.4826 * float(np.median(np.abs(flat[white] - 1.0)))
        normal = white & (np.abs(flat - 1.0) <= FIELD_OUTLIER * spread)
        field = local_mean(values, normal, flair.spacing_mm, sigma_mm=FIELD_MM, trust=TRUST)
        flat = values / np.maximum(field, np.float32(1e-3 * level))
    return flat
