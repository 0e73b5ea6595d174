"""`Corrections`: what people put right in the headers of exams. Rows are added, never changed; the database refuses anything else."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from node.domain.correction import Correction
from node.domain.ports import Clock
from node.workflow.states import State
from node.workflow.store.exams import begin_again, write_event
from node.workflow.store.rows import CorrectionRow, Said, correction_row, standing
from node.workflow.store.tables import corrections, exams


class Corrections:
    """The rows of corrections."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def record(self, number: int, said: Iterable[Said], *, author: str, reason: str, text: str) -> int:
        """Record what a person said, and have it take effect, all in one transaction; returns the version that it is for.

        That is the version which waits to begin, where one does; else the exam begins again as the next one, whatever its state.
        `text` tells it in the story.
        """
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(exams.c.version, exams.c.state, exams.c.plan).where(exams.c.number == number)).one()
            if row.plan is None and row.state in (State.RECEIVED.value, State.WAITING.value):
                version = int(row.version)
                write_event(connection, number, version, State(row.state), text, at=now)
            else:
                version = begin_again(connection, number, text, at=now)
            common = {"exam": number, "version": version, "author": author, "reason": reason, "made_at": now}
            for one in said:
                values = common | {"what": one.what.value, "text": one.text, "header": one.header}
                connection.execute(corrections.insert().values(values))
        return version

    def of_exam(self, number: int) -> tuple[CorrectionRow, ...]:
        """Everything that was ever said of an exam, oldest first."""
        query = sa.select(corrections).where(corrections.c.exam == number).order_by(corrections.c.id)
        with self._reading.begin() as connection:
            return tuple(correction_row(row._mapping) for row in connection.execute(query))

    def standing(self, number: int, version: int) -> tuple[Correction, ...]:
        """The corrections that hold for one version of an exam."""
        return standing(self.of_exam(number), version)
