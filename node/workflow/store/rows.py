"""The rows as the rooms see them, and how they come out of the database; without SQLAlchemy, so that a reader need not load it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.domain.assignment import Assignment, Word
from node.domain.correction import Correctable, Correction
from node.domain.ports import DeliveryState
from node.domain.priority import Priority
from node.domain.verdict import Verdict
from node.workflow.states import State

REJECTION = "rejection"
"""The kind of a rejection note, as deliveries name it."""


@dataclass(frozen=True)
class ExamRow:
    """One exam.

    Parameters
    ----------
    anchor : Study Instance UID that it is known by: the PET's study, or the only one there is
    issuer : of the patient ID, as that study says; empty where it does not
    version : counts up with every analysis
    made_at : when this version's analysis began; the date inside its objects
    tries : ends of the compute process since the last progress
    released : whether a person has released it from HELD in this version
    plan : the series chosen for this version, and why
    progress : what is being done right now
    rule : name of the site's rule that this version fits; None where it fits none, or has not begun
    """

    number: int
    anchor: str
    patient_key: str
    issuer: str
    state: State
    reason: str
    version: int
    made_at: datetime | None
    tries: int
    released: bool
    plan: dict[str, Any] | None
    progress: str | None
    rule: str | None
    priority: Priority
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """The exam's name for people, folders and objects."""
        return f"E{self.number:05d}"


@dataclass(frozen=True)
class Event:
    """One line of an exam's story; `detail` is for the administrator (a traceback)."""

    version: int
    at: datetime
    state: State
    text: str
    detail: str | None


@dataclass(frozen=True)
class Said:
    """One word of a person on a value: `text` as written, None to take back what was said before; `header` is what the header says."""

    what: Correctable
    text: str | None
    header: str


@dataclass(frozen=True)
class CorrectionRow:
    """What a person said of one value.

    Parameters
    ----------
    version : the first one that it is for
    text : the value as written; None takes the correction back that stood before
    header : what the header says, as a reader sees it
    """

    version: int
    what: Correctable
    text: str | None
    header: str
    author: str
    reason: str
    made_at: datetime


def standing(rows: Iterable[CorrectionRow], version: int) -> tuple[Correction, ...]:
    """The corrections that hold for a version: of each value the last one said, unless it was taken back. `rows` oldest first."""
    last = {row.what: row for row in rows if row.version <= version}
    return tuple(
        Correction(row.what, row.text, row.author, row.reason, row.made_at)
        for row in (last[what] for what in Correctable if what in last)
        if row.text is not None
    )


@dataclass(frozen=True)
class VerdictRow:
    """What a reader said of a version."""

    version: int
    verdict: Verdict
    author: str
    reason: str
    made_at: datetime


@dataclass(frozen=True)
class Posting:
    """One object to be sent to one destination; `path` is relative to the storage folder, `digest` SHA-256 of the file."""

    sop_instance_uid: str
    destination: str
    exam: int
    version: int
    kind: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    digest: str


@dataclass(frozen=True)
class DeliveryRow(Posting):
    """A posting, and where it stands.

    Parameters
    ----------
    next_at : when something is to be done for it; none where nothing is
    looks : how often the destination was asked for it in vain since it was last sent
    resent : how often it was sent again since the destination did not show it
    asked_in : Transaction UID of the last request for commitment
    proof, proven_at : how and when the destination said that it holds it; while it has not, `proof` says what is waited for
    """

    state: DeliveryState
    detail: str
    attempts: int
    updated_at: datetime
    next_at: datetime | None = None
    looks: int = 0
    resent: int = 0
    asked_in: str | None = None
    proof: str | None = None
    proven_at: datetime | None = None


def exam_row(row: Mapping[Any, Any]) -> ExamRow:
    """An exam from its columns."""
    plan = row["plan"]
    return ExamRow(
        **dict(row)
        | {
            "state": State(row["state"]),
            "released": bool(row["released"]),
            "priority": Priority(row["priority"]),
            "plan": json.loads(plan) if isinstance(plan, str) else plan,
            "made_at": datetime.fromisoformat(row["made_at"]) if row["made_at"] else None,
            "created_at": datetime.fromisoformat(row["created_at"]),
            "updated_at": datetime.fromisoformat(row["updated_at"]),
        }
    )


def correction_row(row: Mapping[Any, Any]) -> CorrectionRow:
    """A correction from its columns."""
    values = {name: row[name] for name in CorrectionRow.__dataclass_fields__}
    return CorrectionRow(**values | {"what": Correctable(row["what"]), "made_at": datetime.fromisoformat(row["made_at"])})


def assignment_row(row: Mapping[Any, Any]) -> Assignment:
    """An assignment from its columns."""
    values = {name: row[name] for name in Assignment.__dataclass_fields__}
    read = {"word": Word(row["word"]), "holds": bool(row["holds"]), "made_at": datetime.fromisoformat(row["made_at"])}
    return Assignment(**values | read)


def verdict_row(row: Mapping[Any, Any]) -> VerdictRow:
    """A verdict from its columns."""
    made_at = datetime.fromisoformat(row["made_at"])
    return VerdictRow(row["version"], Verdict(row["verdict"]), row["author"], row["reason"], made_at)


def event_row(row: Mapping[Any, Any]) -> Event:
    """An event from its columns."""
    return Event(row["version"], datetime.fromisoformat(row["at"]), State(row["state"]), row["text"], row["detail"])


def delivery_row(row: Mapping[Any, Any]) -> DeliveryRow:
    """A delivery from its columns."""
    times = {name: datetime.fromisoformat(row[name]) for name in ("updated_at", "next_at", "proven_at") if row.get(name)}
    return DeliveryRow(**dict(row) | {"state": DeliveryState(row["state"])} | times)
