"""The iterative Yang method: as the region-based voxelwise correction, its regional means from the corrected image itself.

Begins with the means as measured; each turn takes the means of the image corrected so far. No transfer of blur is inverted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.domain.volume import Array
from node.quantify.partial_volume.gtm_rousset_1998 import solve
from node.quantify.partial_volume.psf import blur
from node.quantify.partial_volume.rbv_thomas_2011 import scaled

ITERATIONS = 10
"""What PETPVC takes."""


def iterative_yang(values: Array, parts: Sequence[Array], spacing_mm: Array, *, fwhm_mm: float, iterations: int = ITERATIONS) -> Array:
    """The corrected image (S, R, C); arguments as in `gtm`.

    Notes
    -----
    Departure: the mean of a part is taken without what other parts hold of its voxels (`solve`), because masks are volume fractions.
    After ten turns a small region is still some per cent on the side of its surroundings, where the matrix method is exact.

    References
    ----------
    Erlandsson et al., Phys Med Biol 57:R119 (2012), after Yang et al., IEEE Trans Nucl Sci 43:3322 (1996).
    """
    blurred = [blur(part, spacing_mm, fwhm_mm=fwhm_mm) for part in parts]
    known = np.nan_to_num(values).astype(np.float64)
    image = known
    for _ in range(iterations):
        image = scaled(known, parts, blurred, solve(image, parts, parts).means)
    return image
