"""Region-based voxelwise correction: each voxel scaled by what its surroundings should be over what the scanner makes of them.

``C = I s / (h * s)`` with ``s = sum_j t_j m_j`` and t from the geometric transfer matrix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.domain.volume import Array
from node.quantify.partial_volume.gtm_rousset_1998 import solve
from node.quantify.partial_volume.psf import blur

SMALLEST_SHARE = 1e-3
"""Where the blurred picture is below this share of its largest value, there is nothing to scale: the voxel stays as it is."""


def rbv(values: Array, parts: Sequence[Array], spacing_mm: Array, *, fwhm_mm: float) -> Array:
    """The corrected image (S, R, C); arguments and errors as in `gtm`.

    References
    ----------
    Thomas et al., Eur J Nucl Med Mol Imaging 38:1104 (2011).
    """
    blurred = [blur(part, spacing_mm, fwhm_mm=fwhm_mm) for part in parts]
    return scaled(values, parts, blurred, solve(values, parts, blurred).means)


def scaled(values: Array, parts: Sequence[Array], blurred: Sequence[Array], means: Array) -> Array:
    """``I s / (h * s)`` for given means (K,) of the parts."""
    sharp = np.tensordot(means, np.stack(list(parts)), axes=1)
    seen = np.tensordot(means, np.stack(list(blurred)), axes=1)
    enough = np.abs(seen) > SMALLEST_SHARE * float(np.abs(seen).max())
    return np.asarray(np.where(enough, values * sharp / np.where(enough, seen, 1.0), values))
