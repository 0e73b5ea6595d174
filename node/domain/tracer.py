"""TracerProfile and ScannerProfile: what the site's `config/tracers` and `config/scanners` say, as read by `settings`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from node.domain.codes import Code
from node.domain.result import Quantity


class Spread(Enum):
    """Which measure of test and retest was published, in % of the mean of the two scans."""

    COEFFICIENT = "repeatability coefficient"  #: 19 of 20 unchanged people differ by less
    DIFFERENCE = "mean absolute difference"
    WITHIN_SUBJECT = "within-subject standard deviation"


COEFFICIENT_OF = {
    Spread.COEFFICIENT: 1.0,
    Spread.WITHIN_SUBJECT: 1.96 * math.sqrt(2.0),
    Spread.DIFFERENCE: 1.96 * math.sqrt(math.pi) / math.sqrt(2.0),
}
"""By what each measure becomes a repeatability coefficient: that of the within-subject SD is 1.96 √2 = 2.77 (Bland and Altman); the mean
absolute difference of two scans is 2/√π = 1.128 times that SD where differences are Gaussian, which makes 2.46."""


@dataclass(frozen=True)
class Repeatability:
    """How well a number repeats in people who have not changed, as published: one ``[[repeatability]]`` of a tracer's file.

    Parameters
    ----------
    quantity : what was measured twice
    regions : names of the node's regions that it holds for; empty for every region
    references : names of the references that it holds for
    window_s : of an SUVR, s after the injection; None where it holds for any
    spread, percent : the measure as published, in % of the mean; `percent` is None where no limit for one person follows from it
    people : how many were scanned twice, None where it is not established
    source : whose, or why there is no limit
    """

    quantity: Quantity
    regions: tuple[str, ...]
    references: tuple[str, ...]
    window_s: tuple[float, float] | None
    spread: Spread
    percent: float | None
    people: int | None
    source: str

    @property
    def coefficient_percent(self) -> float | None:
        """What two scans of an unchanged person differ by in 19 of 20 cases at most, in % of their mean."""
        return None if self.percent is None else COEFFICIENT_OF[self.spread] * self.percent


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
    repeatability : what is published of it; empty where nothing is
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
    repeatability: tuple[Repeatability, ...] = ()


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
