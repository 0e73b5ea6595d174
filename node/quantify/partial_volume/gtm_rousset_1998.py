"""The geometric transfer matrix: regional means with what the regions spill into each other taken out.

What is measured over region i is the sum over all regions j of their true mean times the share of it that the scanner carries into i,
``w_ij = sum_x m_i(x) (h * m_j)(x) / sum_x m_i(x)``; solving ``W t = observed`` gives the means t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array
from node.errors import DataError
from node.quantify.partial_volume.noise import Noise
from node.quantify.partial_volume.psf import blur

WORST_CONDITION = 1e4
"""A matrix whose condition is worse than this has regions that the scanner cannot tell apart; our default."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """Regional means: `observed` and `means` (K,) in the image's unit, `covariance` (K, K) of `means`, None where the noise is unknown."""

    observed: Array
    means: Array
    covariance: Array | None


def gtm(values: Array, parts: Sequence[Array], spacing_mm: Array, *, fwhm_mm: float, noise: Noise | None = None) -> Corrected:
    """Regional means by the geometric transfer matrix.

    Parameters
    ----------
    values : (S, R, C) the image
    parts : K volume fractions (S, R, C) that add up to 1 in every voxel, what is outside the head included
    spacing_mm : (3,)
    noise : of the image, for the covariance

    Raises
    ------
    DataError : a part is empty, or two cannot be told apart

    Notes
    -----
    Departure: masks are volume fractions, not whole voxels. Exact where every part is of one value and the point spread is as said.

    References
    ----------
    Rousset, Ma, Evans, J Nucl Med 39:904 (1998).
    """
    blurred = [blur(part, spacing_mm, fwhm_mm=fwhm_mm) for part in parts]
    return solve(values, parts, blurred, noise=noise)


def solve(values: Array, parts: Sequence[Array], blurred: Sequence[Array], *, noise: Noise | None = None) -> Corrected:
    """The same from parts that are blurred already; from the parts themselves it is the means of a sharp image.

    A voxel that several parts share holds a mixture even without blur: a mean weighted with fractions would carry a neighbour's value in.
    """
    sizes = np.array([float(part.sum(dtype=np.float64)) for part in parts])
    if (sizes <= 0).any():
        raise DataError(f"geometric transfer matrix: part {int(np.argmin(sizes))} of {len(parts)} is empty on the PET")
    over = np.stack([part.ravel() for part in parts]).astype(np.float64) / sizes[:, None]
    matrix = over @ np.stack([each.ravel() for each in blurred], axis=1)
    if (worst := float(np.linalg.cond(matrix))) > WORST_CONDITION:
        raise DataError(
            f"geometric transfer matrix: condition {worst:.3g}, at most {WORST_CONDITION:g} is solved; regions cannot be told apart"
        )
    observed = over @ np.nan_to_num(values).ravel().astype(np.float64)
    inverse = np.linalg.inv(matrix)
    return Corrected(observed, inverse @ observed, None if noise is None else inverse @ _covariance(over, noise, values.shape) @ inverse.T)


def _covariance(over: Array, noise: Noise, shape: tuple[int, ...]) -> Array:
    """(K, K) of the observed means."""
    carried = np.stack([noise.correlate(row.reshape(shape)).ravel() for row in over])
    return np.asarray(noise.sd**2 * over @ carried.T)
