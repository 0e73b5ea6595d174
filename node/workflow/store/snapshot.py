"""`Snapshot`: reads what `ember list` and `ember show` tell, and nothing else.

It opens the file read-only with the standard library, because the database library takes most of a second to load and an administrator
asks ten times in a row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.domain.assignment import Assignment
from node.errors import TemporaryError
from node.workflow.states import State
from node.workflow.store.quarantined import QuarantineRow, quarantine_row
from node.workflow.store.rows import (
    CorrectionRow,
    DeliveryRow,
    Event,
    ExamRow,
    VerdictRow,
    assignment_row,
    correction_row,
    delivery_row,
    event_row,
    exam_row,
    verdict_row,
)

BUSY_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class FetchRow:
    """A series that was fetched for an exam: `expected` is what the peer said of its images, `kept` what came."""

    version: int
    purpose: str
    peer: str
    state: str
    kept: int
    expected: int | None
    series_uid: str
    description: str
    told: str


class Snapshot:
    """The rows as they are now.

    Parameters
    ----------
    folder : the node's storage folder

    Raises
    ------
    TemporaryError : there is no register yet
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "node.db"
        if not self._path.is_file():
            raise TemporaryError(f"no register in {folder}: `ember serve` has not run with these settings yet")

    def exams(self) -> tuple[ExamRow, ...]:
        """Every exam, oldest first."""
        return tuple(exam_row(dict(row)) for row in self._rows("SELECT * FROM exams ORDER BY number"))

    def states(self) -> tuple[tuple[int, int, State], ...]:
        """Number, version and state of every exam, without reading the rest of its row."""
        return tuple((row["number"], row["version"], State(row["state"])) for row in self._rows("SELECT number, version, state FROM exams"))

    def exam(self, number: int) -> ExamRow:
        """The exam of that number; KeyError where there is none."""
        for row in self._rows("SELECT * FROM exams WHERE number = ?", number):
            return exam_row(dict(row))
        raise KeyError(number)

    def events(self, number: int) -> tuple[Event, ...]:
        """The story of one exam, oldest first."""
        return tuple(event_row(dict(row)) for row in self._rows("SELECT * FROM events WHERE exam = ? ORDER BY id", number))

    def corrections(self, number: int) -> tuple[CorrectionRow, ...]:
        """What people corrected in one exam, oldest first; nothing where the register is from before there were corrections."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'corrections'"):
            return ()
        return tuple(correction_row(dict(row)) for row in self._rows("SELECT * FROM corrections WHERE exam = ? ORDER BY id", number))

    def assignments(self, number: int) -> tuple[Assignment, ...]:
        """What people said of the series of one exam, oldest first; nothing where the register is from before they could."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'assignments'"):
            return ()
        return tuple(assignment_row(dict(row)) for row in self._rows("SELECT * FROM assignments WHERE exam = ? ORDER BY id", number))

    def verdicts(self, number: int) -> tuple[VerdictRow, ...]:
        """What readers said of one exam, oldest first; nothing where the register is from before there were verdicts."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'verdicts'"):
            return ()
        return tuple(verdict_row(dict(row)) for row in self._rows("SELECT * FROM verdicts WHERE exam = ? ORDER BY id", number))

    def last_verdicts(self) -> dict[int, VerdictRow]:
        """What was said last of each exam's present version, by exam."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'verdicts'"):
            return {}
        present = "verdicts JOIN exams ON exams.number = verdicts.exam AND exams.version = verdicts.version"
        return {row["exam"]: verdict_row(dict(row)) for row in self._rows(f"SELECT verdicts.* FROM {present} ORDER BY verdicts.id")}

    def fetches(self, number: int) -> tuple[FetchRow, ...]:
        """What was fetched for an exam, or is to be; nothing where the register is from before anything was fetched."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'retrievals'"):
            return ()
        names = ", ".join(FetchRow.__dataclass_fields__)
        query = f"SELECT {names} FROM retrievals WHERE exam = ? AND state != 'offered' ORDER BY id"
        return tuple(FetchRow(*row) for row in self._rows(query, number))

    def schema(self) -> str:
        """The last migration that was done."""
        return str(self._rows("SELECT version_num FROM alembic_version")[0][0])

    def deliveries(self, number: int) -> tuple[DeliveryRow, ...]:
        """All deliveries of an exam."""
        query = "SELECT * FROM deliveries WHERE exam = ? ORDER BY version, path"
        return tuple(delivery_row(dict(row)) for row in self._rows(query, number))

    def quarantined(self) -> tuple[QuarantineRow, ...]:
        """What is quarantined and what was, oldest first."""
        return tuple(quarantine_row(dict(row)) for row in self._rows("SELECT * FROM quarantine ORDER BY id"))

    def counts(self) -> dict[str, int]:
        """How many instances are here, not looked at yet, unreadable, kept aside, taken back by notes, and made by the node itself."""
        queries = {
            "instances": "SELECT count(*) FROM instances",
            "unread": "SELECT count(*) FROM instances WHERE study_uid IS NULL AND problem IS NULL",
            "unreadable": "SELECT count(*) FROM quarantine WHERE kind = 'unreadable' AND released_at IS NULL",
            "changed": "SELECT count(*) FROM quarantine WHERE kind = 'changed' AND released_at IS NULL",
            "rejected": "SELECT count(DISTINCT sop_instance_uid) FROM rejections JOIN instances USING (sop_instance_uid)",
            "returned": "SELECT count(DISTINCT sop_instance_uid) FROM deliveries JOIN instances USING (sop_instance_uid)",
        }
        return {name: int(self._rows(query)[0][0]) for name, query in queries.items()}

    def _rows(self, query: str, *values: int) -> list[sqlite3.Row]:
        with self._open() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
