"""`IdentityChanges`: duplicates that say something else of whose they are, once each was looked at; one may hold its exams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import sqlalchemy as sa

from node.domain.ports import Clock
from node.workflow.states import State
from node.workflow.store.exams import begin_again, write_event
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


class Effect(Enum):
    """What a changed duplicate does to an exam."""

    NOTE = "note"  #: its story tells it
    HANG = "hang"  #: its version, which has not begun, will be held
    HOLD = "hold"  #: it is HELD now
    AGAIN = "again"  #: it begins again, and that version will be held


@dataclass(frozen=True)
class Concern:
    """An exam as it was looked at, and what becomes of it."""

    exam: ExamRow
    effect: Effect


class IdentityChanges:
    """The rows of changed identities."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def unseen(self, limit: int) -> tuple[Duplicate, ...]:
        """Duplicates that nobody has looked at, oldest first; not what gave its place to them when a person released them."""
        seen = sa.select(identity_changes.c.quarantine)
        query = (
            sa.select(quarantine.c.id, quarantine.c.sop_instance_uid, quarantine.c.path, instances.c.header)
            .join(instances, instances.c.sop_instance_uid == quarantine.c.sop_instance_uid)
            .where(quarantine.c.kind == CHANGED, quarantine.c.released_at.is_(None), instances.c.header.is_not(None))
            .where(quarantine.c.received_at >= instances.c.received_at, quarantine.c.id.not_in(seen))
            .order_by(quarantine.c.id)
            .limit(limit)
        )
        with self._reading.begin() as connection:
            return tuple(Duplicate(*row) for row in connection.execute(query))

    def file(self, number: int, series_uid: str, differs: str, told: str, concerns: Sequence[Concern]) -> None:
        """Keep what was seen and have it take effect, all in one transaction; of what was told of a version before, nothing is told again.

        Parameters
        ----------
        number : of the duplicate in the quarantine
        differs : the attributes in words; empty where nothing differs that matters

        Raises
        ------
        ConflictError : see `begin_again`
        """
        row = {"quarantine": number, "series_uid": series_uid, "differs": differs, "told": told, "seen_at": self._clock.now().isoformat()}
        with self._engine.begin() as connection:
            if not concerns:
                connection.execute(identity_changes.insert().values(row))
            for concern in concerns:
                version = self._take_effect(connection, concern, told, row["seen_at"])
                hanging = {"exam": concern.exam.number, "version": version}
                differing = {"differs": "" if concern.effect is Effect.NOTE else differs}
                connection.execute(identity_changes.insert().values(row | hanging | differing))

    def _take_effect(self, connection: sa.Connection, concern: Concern, told: str, now: object) -> int:
        exam, at = concern.exam, str(now)
        if self._is_told(connection, exam, told):
            return exam.version
        if concern.effect is Effect.AGAIN:
            return begin_again(connection, exam.number, told, at=at)
        state = State.HELD if concern.effect is Effect.HOLD else exam.state
        write_event(connection, exam.number, exam.version, state, told, at=at)
        if concern.effect is Effect.HOLD:
            held = {"state": state.value, "reason": told, "progress": None, "updated_at": at}
            connection.execute(exams.update().where(exams.c.number == exam.number, exams.c.version == exam.version).values(held))
        return exam.version

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

    def hang(self, exam: ExamRow, series_uids: Sequence[str]) -> None:
        """What is unsettled of these series hangs over an exam, too, that was not there, or did not use them, when it was seen; once."""
        table, mine = identity_changes.c, identity_changes.alias()
        told = sa.select(mine.c.quarantine).where(mine.c.exam == exam.number)
        columns = (table.quarantine, table.series_uid, table.differs, table.told)
        query = (
            sa.select(*columns)
            .distinct()
            .join(quarantine, quarantine.c.id == table.quarantine)
            .where(table.series_uid.in_(series_uids), table.differs != "", quarantine.c.released_at.is_(None))
            .where(table.quarantine.not_in(told))
        )
        with self._reading.begin() as connection:
            found = [dict(row._mapping) for row in connection.execute(query)]
        if found:
            common = {"exam": exam.number, "version": exam.version, "seen_at": self._clock.now().isoformat()}
            with self._engine.begin() as connection:
                connection.execute(identity_changes.insert(), [row | common for row in found])

    @staticmethod
    def _is_told(connection: sa.Connection, exam: ExamRow, told: str) -> bool:
        """The images of one series say the same, hundreds of times."""
        table = identity_changes.c
        query = sa.select(table.id).where(table.exam == exam.number, table.version == exam.version, table.told == told)
        return connection.execute(query).first() is not None
