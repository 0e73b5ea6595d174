"""`Exams`: the rows of exams and of what happened to them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from node.domain.ports import Clock
from node.errors import ConflictError
from node.workflow.states import ENDED, OWING, State
from node.workflow.store.rows import REJECTION, Event, ExamRow, event_row, exam_row
from node.workflow.store.tables import deliveries, events, exams


class Exams:
    """The rows of exams. A change of state or reason writes its event in the same transaction."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def create(self, *, anchor: str, patient_key: str, text: str, issuer: str = "") -> ExamRow:
        """A new exam, RECEIVED."""
        now = self._clock.now().isoformat()
        values = {
            "anchor": anchor,
            "patient_key": patient_key,
            "issuer": issuer,
            "state": State.RECEIVED.value,
            "reason": text,
            "version": 1,
            "tries": 0,
            "released": 0,
            "created_at": now,
            "updated_at": now,
        }
        with self._engine.begin() as connection:
            key = connection.execute(exams.insert().values(values)).inserted_primary_key
            assert key is not None
            self._event(connection, int(key[0]), 1, State.RECEIVED, text)
        return self.get(int(key[0]))

    def get(self, number: int) -> ExamRow:
        """The exam of that number; KeyError where there is none."""
        with self._reading.begin() as connection:
            row = connection.execute(sa.select(exams).where(exams.c.number == number)).one_or_none()
        if row is None:
            raise KeyError(number)
        return exam_row(row._mapping)

    def all(self) -> tuple[ExamRow, ...]:
        """Every exam, oldest first."""
        return self._some(sa.true())

    def unfinished(self) -> tuple[ExamRow, ...]:
        """Exams that have not ended, and those that have and owe the PACS an object, oldest first."""
        going = exams.c.state.in_([state.value for state in State if state not in ENDED])
        owing = sa.and_(exams.c.state.in_([state.value for state in OWING]), exams.c.progress.is_not(None))
        return self._some(sa.or_(going, owing))

    def of_patient(self, patient_key: str, issuer: str = "") -> tuple[ExamRow, ...]:
        """Exams of one patient ID, oldest first; with an issuer, not those of another one. An issuer that is not said fits any."""
        mine = exams.c.patient_key == patient_key
        return self._some(sa.and_(mine, exams.c.issuer.in_(["", issuer])) if issuer else mine)

    def move(
        self,
        number: int,
        state: State,
        reason: str,
        *,
        of_version: int | None = None,
        seen: ExamRow | None = None,
        detail: str | None = None,
        **columns: Any,
    ) -> bool:
        """Put an exam into a state for a reason, with other columns; the story gets a line where the state or the reason is new.

        With `of_version`, nothing happens where a person has begun another version since; with `seen`, nor where the row is no longer as
        it was seen then: a person's word may have come meanwhile. Returns whether the exam is in that state now by this.
        """
        with self._engine.begin() as connection:
            wanted = (exams.c.state, exams.c.reason, exams.c.version, exams.c.updated_at)
            row = connection.execute(sa.select(*wanted).where(exams.c.number == number)).one()
            if of_version is not None and row.version != of_version:
                return False
            if seen is not None and (row.version, row.updated_at) != (seen.version, seen.updated_at.isoformat()):
                return False
            same = (row.state, row.reason) == (state.value, reason)
            if same and not columns:
                return True
            version = columns.get("version", row.version)
            values = {"state": state.value, "reason": reason, "updated_at": self._clock.now().isoformat(), **columns}
            connection.execute(exams.update().where(exams.c.number == number).values(values))
            if not same:
                self._event(connection, number, version, state, reason, detail)
        return True

    def reached(self, number: int, state: State, text: str, *, of_version: int) -> None:
        """A step of the path was done for a version: the state, and the count of tries starts anew."""
        self.move(number, state, text, of_version=of_version, tries=0, progress=None)

    def again(self, number: int, text: str) -> int:
        """Analyse an exam again from what is here then, as the next version; returns its number; see `begin_again`."""
        with self._engine.begin() as connection:
            return begin_again(connection, number, text, at=self._clock.now().isoformat())

    def adopt(self, number: int, *, anchor: str, issuer: str, text: str) -> None:
        """An exam that waited for a PET is from now on known by the PET's study."""
        row = self.get(number)
        with self._engine.begin() as connection:
            connection.execute(exams.update().where(exams.c.number == number).values(anchor=anchor, issuer=issuer or row.issuer))
            self._event(connection, number, row.version, row.state, text)

    def note(self, number: int, text: str, *, detail: str | None = None) -> None:
        """A line in the story that changes nothing."""
        row = self.get(number)
        with self._engine.begin() as connection:
            self._event(connection, number, row.version, row.state, text, detail)

    def progress(self, number: int, text: str, *, of_version: int) -> None:
        """What is being done right now for a version; nothing where another has begun, whose state may take it for something owed."""
        mine = sa.and_(exams.c.number == number, exams.c.version == of_version)
        with self._engine.begin() as connection:
            connection.execute(exams.update().where(mine).values(progress=text))

    def tried(self, number: int) -> int:
        """Count one more end of the compute process; returns how many there were since the last progress."""
        with self._engine.begin() as connection:
            connection.execute(exams.update().where(exams.c.number == number).values(tries=exams.c.tries + 1))
            return int(connection.execute(sa.select(exams.c.tries).where(exams.c.number == number)).scalar_one())

    def events(self, number: int) -> tuple[Event, ...]:
        """The story of one exam, oldest first."""
        query = sa.select(events).where(events.c.exam == number).order_by(events.c.id)
        with self._reading.begin() as connection:
            rows = connection.execute(query).all()
        return tuple(event_row(row._mapping) for row in rows)

    def _some(self, condition: sa.ColumnElement[bool]) -> tuple[ExamRow, ...]:
        with self._reading.begin() as connection:
            rows = connection.execute(sa.select(exams).where(condition).order_by(exams.c.number)).all()
        return tuple(exam_row(row._mapping) for row in rows)

    def _event(self, connection: sa.Connection, number: int, version: int, state: State, text: str, detail: str | None = None) -> None:
        write_event(connection, number, version, state, text, at=self._clock.now().isoformat(), detail=detail)


def begin_again(connection: sa.Connection, number: int, text: str, *, at: str) -> int:
    """Within a transaction: the next version of an exam, RECEIVED and without a plan; returns its number.

    Raises
    ------
    ConflictError : the present version was withdrawn, and its rejection note is not in the outbox yet: it would never be made
    """
    row = connection.execute(sa.select(exams.c.version, exams.c.state, exams.c.progress).where(exams.c.number == number)).one()
    if row.state == State.WITHDRAWN.value and row.progress is not None and not _has_note(connection, number, row.version):
        raise ConflictError(
            f"E{number:05d} version {row.version} was withdrawn, and the running node has not made its rejection note yet: "
            "expected the note before another version; try again in a minute"
        )
    version = int(row.version) + 1
    fresh = {"plan": None, "made_at": None, "tries": 0, "released": 0, "progress": None, "rule": None, "priority": "normal"}
    values = {"state": State.RECEIVED.value, "reason": text, "version": version, "updated_at": at, **fresh}
    connection.execute(exams.update().where(exams.c.number == number).values(values))
    write_event(connection, number, version, State.RECEIVED, text, at=at)
    return version


def move_version(connection: sa.Connection, number: int, version: int, state: State, text: str, *, at: str) -> None:
    """Within a transaction: one version of an exam is put into a state, while nothing is planned for it; nothing where it has gone on."""
    mine = sa.and_(exams.c.number == number, exams.c.version == version, exams.c.plan.is_(None))
    values = {"state": state.value, "reason": text, "progress": None, "updated_at": at}
    if connection.execute(exams.update().where(mine).values(values)).rowcount:
        write_event(connection, number, version, state, text, at=at)


def let_go(connection: sa.Connection, exam: ExamRow, to: State, text: str, *, at: str) -> None:
    """Within a transaction: an exam is released to a state by a person who saw it as `exam`; ConflictError where it is no longer so."""
    still_so(connection, exam)
    values = {"state": to.value, "reason": text, "released": 1, "tries": 0, "updated_at": at}
    connection.execute(exams.update().where(exams.c.number == exam.number).values(values))
    write_event(connection, exam.number, exam.version, to, text, at=at)


def still_so(connection: sa.Connection, exam: ExamRow) -> None:
    """Within a transaction: ConflictError where an exam has become something else since it was read."""
    row = connection.execute(sa.select(exams.c.version, exams.c.state).where(exams.c.number == exam.number)).one()
    if (row.version, row.state) != (exam.version, exam.state.value):
        raise ConflictError(f"{exam.name} is no longer version {exam.version}, {exam.state.value}: look at it again")


def _has_note(connection: sa.Connection, number: int, version: int) -> bool:
    table = deliveries.c
    query = sa.select(table.sop_instance_uid).where(table.exam == number, table.version == version, table.kind == REJECTION)
    return connection.execute(query).first() is not None


def write_event(
    connection: sa.Connection, number: int, version: int, state: State, text: str, *, at: str, detail: str | None = None
) -> None:
    """Within a transaction: one line of an exam's story."""
    values = {"exam": number, "version": version, "at": at, "state": state.value, "text": text, "detail": detail}
    connection.execute(events.insert().values(values))
