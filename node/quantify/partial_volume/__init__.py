"""Partial volume: what the scanner's blur mixes, separated again. `corrected_means` is the door for regions.

The *point spread* is a Gaussian whose width the site knows for its scanner and reconstruction (`config/scanners`); it is never guessed.
*Parts* divide the whole field among tissues. A *share* is how much of the point spread around a point lies in a part.

Two tasks, one model. For **regions** (`gtm_rousset_1998`, `rbv_thomas_2011`, `iterative_yang_erlandsson_2012`, `muller_gartner_1992`)
volume fractions on the PET grid are blurred there: regions are large. For **lesions** (`psf.shares`, `unmix`) a rim of 2 mm is
smaller than a voxel of the PET, and the Gaussian is integrated over the voxels of the T1, which is exact.

Decisions
---------
Off by default, and beside the uncorrected value where it is on, because a correction multiplies what the masks and the alignment get
wrong; instead of replacing the measured value by a modelled one.

What a person is told is a mean over a region. Images corrected voxel by voxel are a means to it and are not sent: their noise and their
edges are those of the masks.

Whatever the mask does not know (choroid plexus, sinus, vessels) is put on the nearest part: a region that borders on them is not
better corrected than not corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import numpy as np

from node.domain.volume import Array
from node.errors import DataError
from node.quantify.partial_volume.gtm_rousset_1998 import Corrected, gtm, solve
from node.quantify.partial_volume.iterative_yang_erlandsson_2012 import iterative_yang
from node.quantify.partial_volume.muller_gartner_1992 import muller_gartner
from node.quantify.partial_volume.noise import Noise
from node.quantify.partial_volume.parts import GRAY, WHITE
from node.quantify.partial_volume.rbv_thomas_2011 import rbv

WHOLE = 0.02
"""How far the fractions of a voxel may add up to something else than 1."""


class Method(Enum):
    """How partial volume is corrected; value is what a reader sees."""

    GTM = "geometric transfer matrix (Rousset 1998)"
    RBV = "region-based voxelwise (Thomas 2011)"
    ITERATIVE_YANG = "iterative Yang (Erlandsson 2012)"
    MULLER_GARTNER = "Müller-Gärtner (1992)"


def corrected_means(
    values: Array, parts: Mapping[str, Array], spacing_mm: Array, *, fwhm_mm: float, method: Method, noise: Noise | None = None
) -> dict[str, tuple[float, float | None]]:
    """Mean of every part with partial volume corrected, and its standard error where the method gives one and the noise is known.

    Parameters
    ----------
    values : (S, R, C) a map on the part of the PET grid
    parts : name → volume fraction (S, R, C), which add up to 1 (`parts.parts_of`, projected); one that the PET does not hold is left out
    spacing_mm : (3,)

    Returns
    -------
    by name, in the map's unit; Müller-Gärtner corrects grey matter alone

    Raises
    ------
    DataError : the parts are no partition, or cannot be told apart
    """
    held = {name: part for name, part in parts.items() if float(part.sum(dtype=np.float64)) >= 1.0}
    total = np.sum(list(parts.values()), axis=0)
    if (off := float(np.abs(total - 1.0).max())) > WHOLE:
        raise DataError(f"partial volume: the fractions of a voxel add up to 1; found {1.0 + off:.3f} or {1.0 - off:.3f}")
    stack = list(held.values())
    if method is Method.GTM:
        return _with_errors(gtm(values, stack, spacing_mm, fwhm_mm=fwhm_mm, noise=noise), tuple(held))
    if method is Method.MULLER_GARTNER:
        return _gray_means(_gray_image(values, held, spacing_mm, fwhm_mm=fwhm_mm), held)
    correct = rbv if method is Method.RBV else iterative_yang
    image = correct(values, stack, spacing_mm, fwhm_mm=fwhm_mm)
    return {name: (float(mean), None) for name, mean in zip(held, solve(image, stack, stack).means, strict=True)}


def _with_errors(corrected: Corrected, names: tuple[str, ...]) -> dict[str, tuple[float, float | None]]:
    errors = [None] * len(names) if corrected.covariance is None else [float(x) for x in np.sqrt(np.diag(corrected.covariance))]
    return {name: (float(mean), error) for name, mean, error in zip(names, corrected.means, errors, strict=True)}


def _gray_image(values: Array, parts: Mapping[str, Array], spacing_mm: Array, *, fwhm_mm: float) -> Array:
    """Departure: white matter's mean and the rest's are those of the geometric transfer matrix, not of a region drawn for them."""
    if not (set(parts) & set(GRAY) and set(parts) & set(WHITE) and set(parts) - {*GRAY, *WHITE}):
        raise DataError(f"Müller-Gärtner: expected grey matter, white matter and something else; found {', '.join(sorted(parts))}")
    kinds = {name: "gray" if name in GRAY else "white" if name in WHITE else "fluid" for name in parts}
    summed = {kind: np.sum([parts[name] for name in parts if kinds[name] == kind], axis=0) for kind in ("gray", "white", "fluid")}
    means = gtm(values, list(summed.values()), spacing_mm, fwhm_mm=fwhm_mm).means
    white_mean, fluid_mean = float(means[1]), float(means[2])
    return muller_gartner(values, **summed, white_mean=white_mean, fluid_mean=fluid_mean, spacing_mm=spacing_mm, fwhm_mm=fwhm_mm)


def _gray_means(image: Array, parts: Mapping[str, Array]) -> dict[str, tuple[float, float | None]]:
    """Means where the image is known, weighted with fractions; a part of which nothing is known is left out."""
    known = np.isfinite(image)
    weights = {name: part[known].astype(np.float64) for name, part in parts.items() if name in GRAY}
    return {name: (float(weight @ image[known] / weight.sum()), None) for name, weight in weights.items() if weight.sum() > 0}
