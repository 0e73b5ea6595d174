"""Which point spread belongs to a series: one that the site has measured for it, or none."""

from __future__ import annotations

from dataclasses import replace

from node.domain.tracer import ScannerProfile
from node.quantify.resolution import resolution_of
from tests.quantify.phantom import pet

MCT = ScannerProfile("^SIEMENS$", "mCT", r"PSF\+TOF", 4.8, "measured")
ANY_MCT = ScannerProfile("siemens", "mCT", "", 6.0, "measured")


def series(manufacturer: str = "Siemens", model: str = "Biograph64_mCT", reconstruction: str = "PSF+TOF 4i21s Gauss 2 mm"):
    made = pet(frames=1)
    return replace(made, reconstruction=reconstruction, source=replace(made.source, manufacturer=manufacturer, model=model))


def test_the_first_entry_that_fits_counts() -> None:
    assert resolution_of(series(), (MCT, ANY_MCT)) is MCT
    assert resolution_of(series(reconstruction="OSEM3D"), (MCT, ANY_MCT)) is ANY_MCT


def test_what_fits_nothing_is_unknown() -> None:
    assert resolution_of(series(manufacturer="GE MEDICAL SYSTEMS"), (MCT, ANY_MCT)) is None
    assert resolution_of(series(model="Vision 600"), (MCT, ANY_MCT)) is None
    assert resolution_of(series(), ()) is None
