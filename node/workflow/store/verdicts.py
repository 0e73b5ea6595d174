"""`Verdicts`: what readers say of results. Rows are added, never changed; the database refuses anything else."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from node.domain.ports import Clock
from node.domain.verdict import Verdict
from node.workflow.states import State
from node.workflow.store.answers import write_answer
from node.workflow.store.exams import still_so, write_event
from node.workflow.store.rows import ExamRow, VerdictRow, verdict_row
from node.workflow.store.tables import exams, verdicts


@dataclass(frozen=True)
class Said:
    """A verdict, by whom and why."""

    verdict: Verdict
    author: str
    reason: str


class Verdicts:
    """The rows of verdicts."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def record(self, exam: ExamRow, said: Said, text: str, *, to: State, progress: str | None = None, answer: str | None = None) -> None:
        """Record a verdict on the present version, and have it take effect, all in one transaction.

        Parameters
        ----------
        exam : as it was when the verdict was thought of
        text : tells it in the story, and is the reason of the state that it leads to
        to, progress : what the exam is from then on; where the state stays, so do its reason and progress
        answer : SOP Instance UID of the object that said it, where one did

        Raises
        ------
        ConflictError : the exam has become something else meanwhile
        """
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            still_so(connection, exam)
            if to is not exam.state:
                values = {"state": to.value, "reason": text, "progress": progress, "tries": 0, "updated_at": now}
                connection.execute(exams.update().where(exams.c.number == exam.number).values(values))
            _write(connection, exam, said, exam.version, text, now, to, answer)

    def note(self, exam: ExamRow, said: Said, text: str, *, version: int, answer: str) -> None:
        """Record a verdict by an object that changes no state: one on an earlier version, or on a part of what was sent."""
        with self._engine.begin() as connection:
            _write(connection, exam, said, version, text, self._clock.now().isoformat(), exam.state, answer)

    def of_exam(self, number: int) -> tuple[VerdictRow, ...]:
        """Every verdict on an exam, oldest first."""
        query = sa.select(verdicts).where(verdicts.c.exam == number).order_by(verdicts.c.id)
        with self._reading.begin() as connection:
            return tuple(verdict_row(row._mapping) for row in connection.execute(query))

    def rejected(self, number: int) -> frozenset[int]:
        """The versions of an exam that no reader wants used: of each, the last word counts."""
        last = {row.version: row.verdict for row in self.of_exam(number)}
        return frozenset(version for version, verdict in last.items() if verdict.rejects)


def _write(
    connection: sa.Connection, exam: ExamRow, said: Said, version: int, text: str, at: str, state: State, answer: str | None
) -> None:
    row = {"exam": exam.number, "version": version, "verdict": said.verdict.value, "author": said.author, "reason": said.reason}
    connection.execute(verdicts.insert().values(row | {"made_at": at}))
    write_event(connection, exam.number, version, state, text, at=at)
    if answer is not None:
        write_answer(connection, answer, exam.number, text, at=at)
