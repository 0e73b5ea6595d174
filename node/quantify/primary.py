"""The primary map read: how it lies to the patient's own NAWM, and where it is raised."""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.result import Quantity
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.quantify.contrast import NawmScale, nawm_scale
from node.quantify.dynamic import Dynamic
from node.quantify.late import Late
from node.quantify.partial_volume.noise import noise_in
from node.quantify.phenotype import BlurredMap
from node.quantify.raised import find_raised, volume_ml


@dataclass(frozen=True, eq=False)
class Primary:
    """The primary map.

    Parameters
    ----------
    quantity : DVR, else SUVR
    values : (S, R, C) float32 on the part of the PET grid
    scale : of `values` in the NAWM
    raised : (S, R, C) bool on the whole PET grid
    raised_ml : its volume
    blurred : what lesions are unmixed from, None where that cannot be done
    no_phenotype : why not, empty where it can
    """

    quantity: Quantity
    values: Array
    scale: NawmScale
    raised: Volume
    raised_ml: float
    blurred: BlurredMap | None
    no_phenotype: str


def read_primary(late: Late, dynamic: Dynamic | None, *, fwhm_mm: float | None, seed: int) -> Primary:
    """Read the DVR map where there is one, else the SUVR map.

    Raises
    ------
    DataError : the NAWM cannot be measured
    """
    quantity, values = (Quantity.SUVR, late.suvr) if dynamic is None else (Quantity.DVR, dynamic.maps[0].values)
    nawm = late.fractions["nawm"]
    scale = nawm_scale(values, nawm)
    found, _ = find_raised(values, nawm=nawm, search=late.fractions["search"], projection=late.way)
    raised = late.window.mean.like(late.way.uncut(found, late.window.mean), unit="1")
    blurred, why_not = _blurred(quantity, values, scale, late, fwhm_mm, seed)
    return Primary(quantity, values, scale, raised, volume_ml(raised), blurred, why_not)


def _blurred(
    quantity: Quantity, values: Array, scale: NawmScale, late: Late, fwhm_mm: float | None, seed: int
) -> tuple[BlurredMap | None, str]:
    if fwhm_mm is None:
        return None, "the scanner's point spread is not known to the node (config/scanners)"
    try:
        noise = noise_in(values, late.fractions["nawm"], late.way.grid.spacing_mm)
    except DataError as error:
        return None, str(error)
    return BlurredMap(values, quantity, scale, noise, fwhm_mm, seed), ""
