"""What a site chooses for the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from node.domain.tracer import ScannerProfile

Correction = Literal["none", "gtm", "rbv", "iterative-yang", "muller-gartner"]


@dataclass(frozen=True)
class QuantifyOptions:
    """A site's choices.

    Parameters
    ----------
    scanners : point spreads, in the order of the site's files; none leaves every resolution unknown
    reference : name of a reference, or "tracer" for the one of the tracer's file
    svca_classes : folder of the class curves that the site has trained for the clustered reference; None where there are none
    maps : keys of `node.quantify.dynamic.MAPS`, computed beside the primary map
    partial_volume : correction whose values are given beside the uncorrected ones
    """

    scanners: tuple[ScannerProfile, ...] = ()
    reference: str = "tracer"
    svca_classes: Path | None = None
    maps: tuple[str, ...] = ("mrtm2", "logan", "srtm2")
    partial_volume: Correction = "none"
