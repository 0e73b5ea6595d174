"""The scanner's resolution: which entry of ``config/scanners`` fits a PET series. None fits: the resolution is not known, and stays so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from node.domain.exam import PetSeries
from node.domain.tracer import ScannerProfile


def resolution_of(pet: PetSeries, scanners: Sequence[ScannerProfile]) -> ScannerProfile | None:
    """The first entry whose three patterns are all found, without regard to case, in Manufacturer, Manufacturer's Model Name and the text
    of the reconstruction. An empty pattern fits anything."""
    seen = (pet.source.manufacturer, pet.source.model, pet.reconstruction)
    for scanner in scanners:
        patterns = (scanner.manufacturer, scanner.model, scanner.reconstruction)
        if all(re.search(pattern, text, re.IGNORECASE) for pattern, text in zip(patterns, seen, strict=True)):
            return scanner
    return None
