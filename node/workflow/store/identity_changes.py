"""`IdentityChanges`: duplicates that say something else of whose they are, once each was looked at; one may hold its exam."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from node.domain.ports import Clock
from node.workflow.states import State
from node.workflow.store.exams import write_event
from node.workflow.store.rows import ExamRow
from node.workflow.store.tables import exams, identity_changes, instances, quarantine

CHANGED = "changed"
"""The kind of a duplicate with other bytes, as the quarantine names it."""


@dataclass(frozen=True)
class Duplicate:
    """A quarantined duplicate, and the instance that is kept: `path` of its file, `header` as JSON of the kept one."""

    quarantine: int
    sop_instance_uid: str
    path: str
    header: str


class IdentityChanges:
    """The rows of changed identities."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def unseen(self, limit: int) -> tuple[Duplicate, ...]:
        """Duplicates that nobody has looked at, oldest first."""
        seen = sa.select(identity_changes.c.quarantine)
        query = (
            sa.select(quarantine.c.id, quarantine.c.sop_instance_uid, quarantine.c.path, instances.c.header)
            .join(instances, instances.c.sop_instance_uid == quarantine.c.sop_instance_uid)
            .where(quarantine.c.kind == CHANGED, quarantine.c.released_at.is_(None), instances.c.header.is_not(None))
            .where(quarantine.c.id.not_in(seen))
            .order_by(quarantine.c.id)
            .limit(limit)
        )
        with self._reading.begin() as connection:
            return tuple(Duplicate(*row) for row in connection.execute(query))

    def file(self, number: int, series_uid: str, differs: str, told: str, *, exam: ExamRow | None = None, hold: bool = False) -> None:
        """Keep what was seen, all in one transaction: with an exam, its story tells it once a version; with `hold`, the exam is HELD."""
        now = self._clock.now().isoformat()
        row = {"quarantine": number, "series_uid": series_uid, "differs": differs, "told": told, "seen_at": now}
        with self._engine.begin() as connection:
            known = exam is not None and self._is_told(connection, exam, told)
            values = row | {"exam": exam.number if exam else None, "version": exam.version if exam else None}
            connection.execute(identity_changes.insert().values(values))
            if exam is not None and not known:
                state = State.HELD if hold else exam.state
                write_event(connection, exam.number, exam.version, state, told, at=now)
                if hold:
                    held = {"state": State.HELD.value, "reason": told, "progress": None, "updated_at": now}
                    connection.execute(exams.update().where(exams.c.number == exam.number).values(held))

    def of_version(self, exam: int, version: int) -> tuple[str, ...]:
        """What hangs over a version of an exam, one sentence each; what was released since, and what came before it, hangs over nothing."""
        query = (
            sa.select(identity_changes.c.told)
            .distinct()
            .join(quarantine, quarantine.c.id == identity_changes.c.quarantine)
            .where(identity_changes.c.exam == exam, identity_changes.c.version == version, identity_changes.c.differs != "")
            .where(quarantine.c.released_at.is_(None))
        )
        with self._reading.begin() as connection:
            return tuple(row[0] for row in connection.execute(query))

    @staticmethod
    def _is_told(connection: sa.Connection, exam: ExamRow, told: str) -> bool:
        """The images of one series say the same, hundreds of times."""
        table = identity_changes.c
        query = sa.select(table.quarantine).where(table.exam == exam.number, table.version == exam.version, table.told == told)
        return connection.execute(query).first() is not None
