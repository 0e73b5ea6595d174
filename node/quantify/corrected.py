"""Partial-volume correction of regional values, where the site asks for it: beside the uncorrected ones, never in their place.

The primary map is corrected, and each value divided by the corrected reference, so that the reference is 1 again. Of a DVR map this takes
DVR as linear in the curves, which it is while k2′ and the reference are the same for all.
"""

from __future__ import annotations

import numpy as np

from node.domain.result import Finding
from node.domain.tracer import ScannerProfile
from node.domain.volume import Array
from node.errors import DataError
from node.quantify.late import Late
from node.quantify.options import Correction
from node.quantify.partial_volume import Method, corrected_means
from node.quantify.partial_volume.noise import noise_in
from node.quantify.partial_volume.parts import parts_of
from node.quantify.primary import Primary

METHODS = {
    "gtm": Method.GTM,
    "rbv": Method.RBV,
    "iterative-yang": Method.ITERATIVE_YANG,
    "muller-gartner": Method.MULLER_GARTNER,
}
TOLD = ("thalamus", "deep_gm", "brainstem", "cerebellar_gm", "cerebellar_wm", "cortex", "nawm", "lesions")
"""Parts that are a region of the table; the others are what regions leave over."""


def corrected_findings(late: Late, primary: Primary, scanner: ScannerProfile | None, wanted: Correction) -> tuple[tuple[Finding, ...], str]:
    """Corrected values of the primary map, and why there are none; the latter empty where there are, or none were asked for."""
    if wanted == "none":
        return (), ""
    if scanner is None:
        return (), "the scanner's point spread is not known to the node (config/scanners)"
    method, spacing_mm = METHODS[wanted], late.way.grid.spacing_mm
    try:
        noise = noise_in(primary.values, late.fractions["nawm"], spacing_mm)
        means = corrected_means(primary.values, _parts(late), spacing_mm, fwhm_mm=scanner.fwhm_mm, method=method, noise=noise)
    except DataError as error:
        return (), str(error)
    if late.choice.name not in means:
        return (), f"{method.value} gives no value of the reference, {late.choice.basis}"
    of_reference = means[late.choice.name][0]
    basis = f"{primary.quantity.value} relative to {late.choice.basis}, both corrected with {scanner.fwhm_mm:g} mm"
    return tuple(
        Finding(name, primary.quantity, mean / of_reference, "1", None if error is None else error / of_reference, basis, method.value)
        for name, (mean, error) in means.items()
        if name in TOLD
    ), ""


def _parts(late: Late) -> dict[str, Array]:
    """The parts as volume fractions on the part of the PET grid; what the T1 does not reach is outside."""
    parts = late.way.fractions(parts_of(late.segmentation))
    inside = np.sum([part for name, part in parts.items() if name != "outside"], axis=0)
    return parts | {"outside": np.asarray(1.0 - inside)}
