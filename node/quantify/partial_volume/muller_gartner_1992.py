"""The Müller-Gärtner method: grey matter with what white matter and fluid spill into it taken off, and what it loses given back.

``C = (I - t_WM (h * m_WM) - t_CSF (h * m_CSF)) / (h * m_GM)``, where the blurred grey matter is above 0.3.
"""

from __future__ import annotations

import numpy as np

from node.domain.volume import Array
from node.quantify.partial_volume.psf import blur

LEAST_GRAY = 0.3


def muller_gartner(
    values: Array, *, gray: Array, white: Array, fluid: Array, white_mean: float, fluid_mean: float, spacing_mm: Array, fwhm_mm: float
) -> Array:
    """Corrected grey matter.

    Parameters
    ----------
    values : (S, R, C) the image
    gray, white, fluid : (S, R, C) volume fractions; `fluid` may be all that is neither grey nor white
    white_mean, fluid_mean : what those hold, the image's unit

    Returns
    -------
    (S, R, C) the mean of grey matter in each voxel; NaN where the blurred grey matter is not above 0.3

    References
    ----------
    Müller-Gärtner et al., J Cereb Blood Flow Metab 12:571 (1992).
    """
    seen = blur(gray, spacing_mm, fwhm_mm=fwhm_mm)
    spilled = white_mean * blur(white, spacing_mm, fwhm_mm=fwhm_mm) + fluid_mean * blur(fluid, spacing_mm, fwhm_mm=fwhm_mm)
    inside = seen > LEAST_GRAY
    return np.asarray(np.where(inside, (values - spilled) / np.where(inside, seen, 1.0), np.nan))
