"""History: the patient's earlier exams beside this one, and what has changed since.

Only like is compared with like: a visit whose tracer, window, reference, camera or method differ says so in `Visit.unlike`, is listed and
drawn apart, and gives no `Change`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from node.domain.exam import SeriesSource
from node.domain.result import Finding, Lesion, Phenotype, Quantity
from node.domain.transform import Transform


@dataclass(frozen=True, eq=False)
class Visit:
    """An earlier exam of the same person.

    Parameters
    ----------
    exam : our own number of it, "E00012"
    scanned_at : start of its PET, local time of the scanner
    study_uid : of its PET
    tracer : as printed
    method : quantity, window and reference as one phrase: "DVR, 0–60 min, relative to cerebellar grey matter"
    findings, lesions : of its result; a lesion that is the same at both visits has the same number and tracking UID
    unlike : why its numbers are not to be compared with this exam's, one sentence; empty where they are alike
    t1 : its T1 series; None where it was not aligned: lesions are followed from one visit alone, the latest that can be
    t1_from_t1 : LPS mm of its T1 → LPS mm of this exam's T1, rigid; None where it was not aligned
    report : SOP Class and SOP Instance UID of its structured report, where one was written
    report_series_uid : of that report; empty where nobody knows it, and then no report of ours names it
    """

    exam: str
    scanned_at: datetime | None
    study_uid: str
    tracer: str
    method: str
    findings: tuple[Finding, ...]
    lesions: tuple[Lesion, ...]
    unlike: str = ""
    t1: SeriesSource | None = None
    t1_from_t1: Transform | None = None
    report: tuple[str, str] | None = None
    report_series_uid: str = ""


@dataclass(frozen=True)
class Change:
    """One number of this exam against that of an earlier visit.

    Parameters
    ----------
    region : as in `Finding`; of one lesion "lesions" for its core and "rims" for its rim; for a count "rim-active lesions" and the like,
        by the phenotype's value
    before, now : in `unit` (UCUM)
    since : the visit's `exam`
    repeatability : what two scans of an unchanged person differ by in 19 of 20 cases at most, in `unit`; None where nobody has published it
    source : whose repeatability, of what, in how many people; or why there is none
    lesion : its number, None for a region
    """

    region: str
    quantity: Quantity
    before: float
    now: float
    unit: str
    since: str
    repeatability: float | None
    source: str
    lesion: int | None = None

    @property
    def difference(self) -> float:
        """now − before, in `unit`."""
        return self.now - self.before

    @property
    def exceeds(self) -> bool | None:
        """Whether the difference is larger than the repeatability; None where that is not known."""
        return None if self.repeatability is None else abs(self.difference) > self.repeatability


class Fate(Enum):
    """What has become of a lesion since a visit; value is what a reader sees."""

    NEW = "new"
    ENLARGED = "enlarged"
    SAME = "unchanged"
    SMALLER = "smaller"
    VANISHED = "no longer seen"


@dataclass(frozen=True)
class LesionChange:
    """One lesion against an earlier visit: volumes in mL on the T1; None where it was not there.

    Lesions that have grown together, or one that has parted, are one line under the number that lives on, with the volumes of all of
    them; `History.notes` says which they are.
    """

    number: int
    fate: Fate
    since: str
    before_ml: float | None
    now_ml: float | None
    phenotype_before: Phenotype | None = None
    phenotype_now: Phenotype | None = None


@dataclass(frozen=True, eq=False)
class History:
    """The earlier visits, oldest first, and what has changed since.

    Parameters
    ----------
    changes : of numbers, since the latest visit that is alike
    lesions : of lesions, since the latest visit whose T1 could be aligned, whatever its tracer: lesions are seen on MR; by number
    notes : what a reader must know beside it, one sentence each: a visit that could not be used, lesions that grew together
    """

    visits: tuple[Visit, ...] = ()
    changes: tuple[Change, ...] = ()
    lesions: tuple[LesionChange, ...] = ()
    notes: tuple[str, ...] = ()
