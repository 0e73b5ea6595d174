"""TracerProfile and ScannerProfile: what the site's `config/tracers` and `config/scanners` say, as read by `settings`."""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.codes import Code


@dataclass(frozen=True)
class TracerProfile:
    """One TSPO tracer: one file of ``config/tracers``.

    Parameters
    ----------
    key : the file's name without ending, "dpa714"
    name : as printed, "[18F]DPA-714"
    code : of CID 4021, None where the standard has none
    pattern : regular expression, matched without regard to case against Radiopharmaceutical (0018,0031) and the code's meaning
    radionuclide : "F-18" or "C-11"
    half_life_s : of the radionuclide
    genotype_sensitive : whether rs6971 changes its affinity
    window_s : late window for SUVR, s after the injection
    shortest_window_s : shortest part of the window that may stand for it, with a Check
    reference : name of the reference region
    sources : number or fact → where it is from ("our default" where it is ours)
    """

    key: str
    name: str
    code: Code | None
    pattern: str
    radionuclide: str
    half_life_s: float
    genotype_sensitive: bool
    window_s: tuple[float, float]
    shortest_window_s: float
    reference: str
    sources: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ScannerProfile:
    """Point spread of one scanner model and reconstruction: one entry of ``config/scanners``.

    `manufacturer`, `model` and `reconstruction` are regular expressions matched without regard to case; `fwhm_mm` is isotropic.
    """

    manufacturer: str
    model: str
    reconstruction: str
    fwhm_mm: float
    source: str
