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
    reference : name of the reference region of a static scan
    dynamic_reference : the same of a dynamic scan: a region, or "svca" for the clustered reference, where its classes are installed
    t_star_s : start of the linear part of the Logan plot and of MRTM2, s after the injection
    lab_interpretable : False where a low-affinity binder's image says nothing: its result is "not interpretable"
    affinity_ratio : of high- to low-affinity binders, None where it is not established
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
    dynamic_reference: str = "cerebellar_gm"
    t_star_s: float = 1800.0
    lab_interpretable: bool = True
    affinity_ratio: float | None = None


@dataclass(frozen=True)
class ScannerProfile:
    """Point spread of one scanner model and reconstruction: one entry of ``config/scanners``.

    `manufacturer`, `model` and `reconstruction` are regular expressions matched without regard to case; `fwhm_mm` is isotropic, of the
    reconstructed image as the node receives it.
    """

    manufacturer: str
    model: str
    reconstruction: str
    fwhm_mm: float
    source: str
