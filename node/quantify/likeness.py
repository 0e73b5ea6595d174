"""Whether the numbers of two exams may be compared: only like is compared with like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from node.domain.result import Quantity
from node.quantify.region_words import region_words
from node.quantify.window import minutes

WINDOW_TOLERANCE_S = 300.0
"""Two windows are alike when their starts and their ends differ by no more: what a norm is matched by."""

FAR_IN_THE_DAY_S = 3 * 3600.0
"""Scans this far apart in the hour of the day are told of. Our default; the binding of [11C]PBR28 rose from morning to afternoon (Collste
et al., Eur J Nucl Med Mol Imaging 43:173, 2016)."""

_DAY_S = 86400.0


@dataclass(frozen=True)
class Method:
    """How the numbers of an exam came about, as far as two exams must share it.

    Parameters
    ----------
    tracer : as printed
    quantity : of the primary map
    reference : name of the reference, that of the kinetics where `quantity` is DVR
    window_s : s after the injection: the late window of an SUVR; of a DVR from t* to the end of the scan
    scanner : manufacturer and model
    reconstruction : as the headers tell it, point spread and all
    corrections : CorrectedImage values
    at : start of the PET, local time of the scanner
    software : that made the result
    """

    tracer: str
    quantity: Quantity
    reference: str
    window_s: tuple[float, float]
    scanner: str
    reconstruction: str
    corrections: tuple[str, ...]
    at: datetime | None
    software: str

    @property
    def words(self) -> str:
        """Quantity, window and reference as one phrase: "SUVR, 60–90 min, relative to cerebellar grey matter"."""
        return f"{self.quantity.value}, {minutes(self.window_s)}, relative to {_reference(self)}"


def unlike(now: Method, then: Method) -> str:
    """Why the numbers of an earlier exam are not compared with this one's, one sentence; empty where they are alike.

    A partial-volume correction takes no part: what is compared is never corrected.
    """
    found = [
        f"{what} was {told(then) or 'not told'}, is {told(now) or 'not told'}" for what, told, same in _COMPARED if not same(now, then)
    ]
    return f"Not compared: {'; '.join(found)}." if found else ""


def remarks(now: Method, then: Method, *, since: str) -> tuple[str, ...]:
    """What stands in no comparison's way and a reader should know, one sentence each.

    Parameters
    ----------
    since : name of the earlier exam
    """
    found = []
    if now.at and then.at and _apart_in_the_day_s(now.at, then.at) > FAR_IN_THE_DAY_S:
        found.append(f"{since} was scanned at {then.at:%H:%M}, this exam at {now.at:%H:%M}: TSPO signal may change over the day.")
    if now.software != then.software:
        found.append(f"{since} was analysed by {then.software}, this exam by {now.software}.")
    return tuple(found)


def same_window(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two windows are alike, to `WINDOW_TOLERANCE_S`."""
    return all(abs(a - b) <= WINDOW_TOLERANCE_S for a, b in zip(one, other, strict=True))


def _reference(method: Method) -> str:
    return region_words(method.reference)


_COMPARED = (
    ("the tracer", lambda m: m.tracer, lambda a, b: a.tracer == b.tracer),
    ("the quantity", lambda m: m.quantity.value, lambda a, b: a.quantity is b.quantity),
    ("the reference", _reference, lambda a, b: a.reference == b.reference),
    ("the window", lambda m: minutes(m.window_s), lambda a, b: same_window(a.window_s, b.window_s)),
    ("the camera", lambda m: m.scanner, lambda a, b: a.scanner.casefold() == b.scanner.casefold()),
    ("the reconstruction", lambda m: m.reconstruction, lambda a, b: a.reconstruction.casefold() == b.reconstruction.casefold()),
    ("the corrections", lambda m: ", ".join(sorted(m.corrections)), lambda a, b: set(a.corrections) == set(b.corrections)),
)
"""What is compared: in words, how it is told, and when it is alike."""


def _apart_in_the_day_s(one: datetime, other: datetime) -> float:
    """Between two hours of the day, the shorter way round."""
    apart = abs((one - one.replace(hour=0, minute=0, second=0)) - (other - other.replace(hour=0, minute=0, second=0))).total_seconds()
    return min(apart, _DAY_S - apart)
