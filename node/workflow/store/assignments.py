"""`Assignments`: what people say of which series are of an exam. Rows are added, never changed; the database refuses anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from node.domain.assignment import Assignment, Word, standing
from node.domain.ports import Clock
from node.workflow.states import State
from node.workflow.store.exams import begin_again, move_version, write_event
from node.workflow.store.rows import assignment_row
from node.workflow.store.tables import assignments, exams


@dataclass(frozen=True)
class Said:
    """One word that a person says now; as `Assignment`."""

    word: Word
    series_uid: str = ""
    role: str | None = None
    other: int | None = None
    holds: bool = True


@dataclass(frozen=True)
class Follows:
    """What becomes of another exam by the same word, unless its version has ended or another has begun since."""

    number: int
    version: int
    state: State
    text: str


class Assignments:
    """The rows of assignments."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def record(self, number: int, said: Sequence[Said], *, author: str, reason: str, text: str, follows: Follows | None = None) -> int:
        """Record what a person said, begin the version that it is for, and have another exam follow, all in one transaction; returns that
        version.

        `text` tells it in the story. A version that waits to begin takes it; else the next one begins, whatever the state.
        """
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(exams.c.version, exams.c.state, exams.c.plan).where(exams.c.number == number)).one()
            if row.plan is None and row.state in (State.RECEIVED.value, State.WAITING.value):
                version = int(row.version)
                # So that a sweep which chose the series a moment ago does not begin without this word.
                connection.execute(exams.update().where(exams.c.number == number).values(updated_at=now))
                write_event(connection, number, version, State(row.state), text, at=now)
            else:
                version = begin_again(connection, number, text, at=now)
            common = {"exam": number, "version": version, "author": author, "reason": reason, "made_at": now}
            for one in said:
                values = common | vars(one) | {"word": one.word.value, "holds": int(one.holds)}
                connection.execute(assignments.insert().values(values))
            if follows is not None:
                move_version(connection, follows.number, follows.version, follows.state, follows.text, at=now)
        return version

    def of_exam(self, number: int) -> tuple[Assignment, ...]:
        """Everything that was ever said of an exam, oldest first."""
        return self._some(assignments.c.exam == number)

    def standing(self, number: int, version: int) -> tuple[Assignment, ...]:
        """What holds for one version of an exam."""
        return standing(self.of_exam(number), version)

    def takers(self, other: int) -> tuple[int, ...]:
        """The exams that take the MR of another one now, by a person's word."""
        about = sa.and_(assignments.c.other == other, assignments.c.word == Word.MERGE.value)
        query = sa.select(assignments.c.exam, assignments.c.holds).where(about).order_by(assignments.c.id)
        with self._reading.begin() as connection:
            last = {row.exam: bool(row.holds) for row in connection.execute(query)}
        return tuple(sorted(exam for exam, holds in last.items() if holds))

    def _some(self, condition: sa.ColumnElement[bool]) -> tuple[Assignment, ...]:
        query = sa.select(assignments).where(condition).order_by(assignments.c.id)
        with self._reading.begin() as connection:
            return tuple(assignment_row(row._mapping) for row in connection.execute(query))
