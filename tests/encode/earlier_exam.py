"""An exam before the phantom's, by hand: changes of a region, a lesion and a count, and what has become of lesions."""

from __future__ import annotations

from datetime import datetime

from node.domain.history import Change, Fate, History, LesionChange, Visit
from node.domain.result import Quantity

REPORT = ("1.2.840.10008.5.1.4.1.1.88.34", "1.2.77.1")
EARLIER = Visit(
    "E-000000",
    datetime.fromisoformat("2022-03-01 10:00:00"),
    "1.2.77",
    "[18F]DPA-714",
    "SUVR, 60–90 min, relative to cerebellar grey matter",
    (),
    (),
    report=REPORT,
    report_series_uid="1.2.77.9",
)
CHANGES = (
    Change("thalamus", Quantity.SUVR, 1.50, 1.14, "1", "E-000000", 0.14, "Somebody 2020 (n = 9)"),
    Change("lesions", Quantity.SUVR, 1.1, 1.4, "1", "E-000000", None, "no limit for one lesion", 1),
    Change("rims", Quantity.SUVR, 1.3, 1.2, "1", "E-000000", None, "no limit for one lesion", 1),
    Change("rim-active lesions", Quantity.COUNT, 3, 1, "1", "E-000000", None, "no repeatability of this count is known"),
    Change("putamen", Quantity.SUVR, 1.0, 1.1, "1", "E-000000", None, "none is known"),
)
FATES = (
    LesionChange(1, Fate.ENLARGED, "E-000000", 0.5, 0.8),
    LesionChange(2, Fate.NEW, "E-000000", None, 0.2),
    LesionChange(9, Fate.VANISHED, "E-000000", 0.31, None),
)
HISTORY = History((EARLIER,), CHANGES, FATES, ("Lesions 3 and 7 of E-000000 have grown together: they are lesion 3 now.",))
