"""Assignment: what a person says of which series are of an exam. Series are named by UID, exams by number; a person never is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Word(Enum):
    """What may be said."""

    MERGE = "merge"  #: the exam takes the MR of another one, whatever patient ID that has
    SPLIT = "split"  #: this series is not of the exam
    ASSIGN = "assign"  #: this series fills this role, whatever its physics say


@dataclass(frozen=True)
class Assignment:
    """One word of a person.

    Parameters
    ----------
    version : the first one of the exam that it is for
    series_uid : what it is about; empty for a merge
    role : by its DICOM word ("T1"); None but for `Word.ASSIGN`
    other : number of the exam that is merged; None for anything else
    holds : whether it holds from that version on; else it takes back what was said before
    """

    version: int
    word: Word
    series_uid: str
    role: str | None
    other: int | None
    holds: bool
    author: str
    reason: str
    made_at: datetime

    @property
    def subject(self) -> tuple[Word, str, int | None]:
        """What it is about: of one subject the last word counts."""
        return self.word, self.series_uid, self.other

    @property
    def told(self) -> str:
        """Who said it, and why."""
        return f"by {self.author}: {self.reason}"


def standing(said: Iterable[Assignment], version: int) -> tuple[Assignment, ...]:
    """What holds for a version: of each subject the last word, unless it took one back. `said` oldest first."""
    last = {one.subject: one for one in said if one.version <= version}
    return tuple(one for one in last.values() if one.holds)
