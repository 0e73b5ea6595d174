"""`Quarantine`: what was kept and cannot be used, or not be used alone: why, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from node.domain.filing import Known
from node.domain.ports import Clock
from node.errors import ConflictError
from node.workflow.store.quarantined import QuarantineRow, quarantine_row
from node.workflow.store.tables import instances, quarantine

_COLUMNS = ("sop_instance_uid", "digest", "path", "association", "calling_ae", "called_ae", "address", "received_at")


@dataclass(frozen=True)
class Exchange:
    """Two files of one UID that change places.

    Parameters
    ----------
    number : of the quarantined one
    inbox, aside : where the quarantined one, and where the former one lies from now on
    """

    number: int
    former: Known
    inbox: str
    aside: str
    sop_class_uid: str
    transfer_syntax_uid: str
    size: int


class Quarantine:
    """The rows of what is quarantined."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def get(self, number: int) -> QuarantineRow:
        """One of them; KeyError where there is none of that number."""
        with self._reading.begin() as connection:
            row = connection.execute(sa.select(quarantine).where(quarantine.c.id == number)).one_or_none()
        if row is None:
            raise KeyError(number)
        return quarantine_row(row._mapping)

    def standing(self, sop_instance_uid: str) -> Known | None:
        """What a UID stands for now."""
        query = sa.select(instances.c.digest, instances.c.path).where(instances.c.sop_instance_uid == sop_instance_uid)
        with self._reading.begin() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Known(row.digest, row.path)

    def series_of(self, sop_instance_uid: str) -> str | None:
        """The series of an instance whose header was read."""
        query = sa.select(instances.c.series_uid).where(instances.c.sop_instance_uid == sop_instance_uid)
        with self._reading.begin() as connection:
            return connection.execute(query).scalar()

    def exchange(self, what: Exchange, *, author: str, told: str) -> None:
        """The quarantined file is what its UID stands for from now on, to be read by the worker; the former one takes its place.

        Raises
        ------
        ConflictError : somebody was quicker
        """
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(quarantine).where(quarantine.c.id == what.number)).one()
            same = instances.c.sop_instance_uid == row.sop_instance_uid
            former = connection.execute(sa.select(instances).where(same)).one_or_none()
            if row.released_at is not None or former is None or former.digest != what.former.digest:
                raise ConflictError(f"quarantine number {what.number} is no longer as it was: look at it again")
            if former.removed_at is None:  # what was removed after its time has no file that could take the place
                write_quarantined(connection, dict(former._mapping) | {"path": what.aside}, kind="changed", reason=told)
            came = {name: row._mapping[name] for name in _COLUMNS} | {"path": what.inbox}
            read = dict.fromkeys(("patient_key", "study_uid", "series_uid", "header", "problem", "removed_at"))
            head = {"sop_class_uid": what.sop_class_uid, "transfer_syntax_uid": what.transfer_syntax_uid, "size": what.size}
            connection.execute(instances.update().where(same).values(came | read | head))
            _release(connection, what.number, author=author, told=told, at=now)

    def read_again(self, number: int, *, author: str, told: str) -> None:
        """The worker reads its header again.

        Raises
        ------
        ConflictError : somebody was quicker
        """
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(quarantine).where(quarantine.c.id == number)).one()
            if row.released_at is not None:
                raise ConflictError(f"quarantine number {number} was released already")
            same = sa.and_(instances.c.sop_instance_uid == row.sop_instance_uid, instances.c.digest == row.digest)
            connection.execute(instances.update().where(same).values(problem=None))
            _release(connection, number, author=author, told=told, at=self._clock.now().isoformat())


def write_quarantined(connection: sa.Connection, row: Mapping[str, Any], *, kind: str, reason: str) -> None:
    """Within a transaction: quarantine an instance; the same bytes of it again are no news."""
    same = sa.and_(
        quarantine.c.sop_instance_uid == row["sop_instance_uid"], quarantine.c.digest == row["digest"], quarantine.c.released_at.is_(None)
    )
    if connection.execute(sa.select(quarantine.c.id).where(same)).first() is None:
        connection.execute(quarantine.insert().values({name: row[name] for name in _COLUMNS} | {"kind": kind, "reason": reason}))


def write_unreadable(connection: sa.Connection, sop_instance_uid: str, reason: str) -> None:
    """Within a transaction: quarantine a recorded instance whose header cannot be read."""
    row = connection.execute(sa.select(instances).where(instances.c.sop_instance_uid == sop_instance_uid)).one()
    write_quarantined(connection, dict(row._mapping), kind="unreadable", reason=reason)


def _release(connection: sa.Connection, number: int, *, author: str, told: str, at: str) -> None:
    values = {"released_at": at, "released_by": author, "told": told}
    connection.execute(quarantine.update().where(quarantine.c.id == number).values(values))
