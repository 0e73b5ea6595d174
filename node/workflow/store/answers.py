"""`Answers`: objects that readers sent back, and what became of each; looked at once, whatever is killed in between."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from node.domain.ports import Clock
from node.workflow.states import State
from node.workflow.store.exams import begin_again, write_event
from node.workflow.store.tables import answers, exams, instances


class Answers:
    """The rows of answers."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def unanswered(self, sop_class_uids: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """(SOP Instance UID, header as JSON) of instances of these classes that nobody has looked at, in order of arrival."""
        looked_at = sa.select(answers.c.sop_instance_uid)
        query = (
            sa.select(instances.c.sop_instance_uid, instances.c.header)
            .where(instances.c.sop_class_uid.in_(sop_class_uids), instances.c.header.is_not(None))
            .where(instances.c.sop_instance_uid.not_in(looked_at))
            .order_by(instances.c.received_at)
        )
        with self._reading.begin() as connection:
            return tuple((row[0], row[1]) for row in connection.execute(query))

    def of_exam(self, exam: int, sop_class_uid: str) -> tuple[str, ...]:
        """The headers, as JSON, of what readers sent back on an exam, of one class."""
        query = (
            sa.select(instances.c.header)
            .join(answers, answers.c.sop_instance_uid == instances.c.sop_instance_uid)
            .where(answers.c.exam == exam, instances.c.sop_class_uid == sop_class_uid)
        )
        with self._reading.begin() as connection:
            return tuple(row[0] for row in connection.execute(query))

    def begin(self, sop_instance_uid: str, numbers: Sequence[int], text: str) -> None:
        """Each of these exams begins again as its next version, since a reader sent this; `text` tells it in the story."""
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            for number in numbers:
                begin_again(connection, number, text, at=now)
                write_answer(connection, sop_instance_uid, number, text, at=now)

    def file(self, sop_instance_uid: str, exam: int | None, text: str) -> None:
        """Nothing follows from it but a line in the story of the exam that it is of, where it is of one."""
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            if exam is not None:
                row = connection.execute(sa.select(exams.c.version, exams.c.state).where(exams.c.number == exam)).one()
                write_event(connection, exam, row.version, State(row.state), text, at=now)
            write_answer(connection, sop_instance_uid, exam, text, at=now)


def write_answer(connection: sa.Connection, sop_instance_uid: str, exam: int | None, text: str, *, at: str) -> None:
    """Within a transaction: what became of an object."""
    values = {"sop_instance_uid": sop_instance_uid, "exam": exam, "told": text, "answered_at": at}
    connection.execute(answers.insert().values(values))
