"""What an answer to C-STORE means for the object: the status codes of PS3.4 B.2.3 and PS3.7 C as a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pydicom.dataset import Dataset


class Fate(Enum):
    """What becomes of an object after an answer."""

    STORED = "stored"
    REFUSED = "refused"  #: for good: the same bytes will be refused again
    NOT_TAKEN = "not taken"  #: no objects of this class, and none is required
    POSTPONED = "postponed"  #: may pass
    UNKNOWN = "unknown"  #: no answer: the peer may have it or not


@dataclass(frozen=True)
class Verdict:
    """A fate, and the answer that led to it as one phrase."""

    fate: Fate
    reason: str


RANGES: tuple[tuple[int, int, Fate, str], ...] = (
    (0x0000, 0x0000, Fate.STORED, "Success"),
    (0x0001, 0x0001, Fate.STORED, "warning"),
    (0xB000, 0xBFFF, Fate.STORED, "warning"),
    (0x0107, 0x0107, Fate.STORED, "warning, attribute list error"),
    (0x0116, 0x0116, Fate.STORED, "warning, attribute value out of range"),
    (0x0111, 0x0111, Fate.STORED, "it has the instance already"),
    (0x0110, 0x0110, Fate.POSTPONED, "processing failure"),
    (0x0124, 0x0124, Fate.POSTPONED, "not authorised"),
    (0x0210, 0x0210, Fate.POSTPONED, "duplicate invocation"),
    (0x0213, 0x0213, Fate.POSTPONED, "resource limitation"),
    (0xA700, 0xA7FF, Fate.POSTPONED, "out of resources"),
    (0xFE00, 0xFE00, Fate.POSTPONED, "cancelled"),
    (0x0122, 0x0122, Fate.REFUSED, "SOP class not supported"),
    (0xA900, 0xA9FF, Fate.REFUSED, "data set does not match its SOP class"),
    (0xC000, 0xCFFF, Fate.REFUSED, "cannot understand"),
)
"""First and last status, fate, meaning. 0x0124, 0x0110 are failures of the peer's configuration or state, not of the object."""


def verdict(answer: Dataset) -> Verdict:
    """What a C-STORE answer means.

    Parameters
    ----------
    answer : as pynetdicom gives it: empty where none came

    Notes
    -----
    A failure that the standard does not list is refused: nothing says that it will pass.
    """
    if "Status" not in answer:
        return Verdict(Fate.UNKNOWN, "no answer")
    status = int(answer.Status)
    fate, meaning = _meaning(status)
    comment = str(answer.get("ErrorComment") or "").strip()
    return Verdict(fate, f"answered 0x{status:04X}" + (f" ({meaning}{': ' + comment if comment else ''})" if status else ""))


def _meaning(status: int) -> tuple[Fate, str]:
    for first, last, fate, meaning in RANGES:
        if first <= status <= last:
            return fate, meaning
    return Fate.REFUSED, "failure"
