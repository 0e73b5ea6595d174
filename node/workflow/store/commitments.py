"""`Commitments`: what we asked archives to commit to, and what scanners asked of us."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from node.domain.ports import Clock
from node.workflow.store.tables import commitments, instances, promises, quarantine


@dataclass(frozen=True)
class CommitmentRow:
    """One request for storage commitment that we made of a destination.

    Parameters
    ----------
    instances : SOP Instance UIDs
    until : how long its answer is waited for
    answered : whether a result came
    ended_at : when it was answered, or given up
    """

    transaction_uid: str
    destination: str
    exam: int
    version: int
    instances: tuple[str, ...]
    asked_at: datetime
    until: datetime
    answered: bool
    ended_at: datetime | None
    told: str | None


@dataclass(frozen=True)
class Promised:
    """One instance that a scanner asked us to commit to.

    Parameters
    ----------
    failure : Failure Reason (PS3.3 C.14.1.1) of what we can't promise; none where we can
    decided : whether it is settled which of the two
    why : one phrase
    """

    sop_class_uid: str
    sop_instance_uid: str
    decided: bool = False
    failure: int | None = None
    why: str = ""


@dataclass(frozen=True)
class PromiseRow:
    """One request for storage commitment that was made of us; `decided_at` once it is known what to answer, `ended_at` once answered."""

    id: int
    transaction_uid: str
    calling_ae: str
    instances: tuple[Promised, ...]
    asked_at: datetime
    until: datetime
    decided_at: datetime | None
    next_at: datetime | None
    tries: int
    ended_at: datetime | None
    told: str | None


@dataclass(frozen=True)
class Here:
    """An instance that we received.

    Parameters
    ----------
    place : its own, its series' and its study's UID; none until its header was read
    disputed : whether other bytes came under its UID, and lie in quarantine
    """

    sop_class_uid: str
    place: tuple[str, str, str] | None
    disputed: bool = False


class Commitments:
    """The rows of commitments and promises."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def ask(self, transaction_uid: str, destination: str, exam: int, version: int, uids: Sequence[str], *, until: datetime) -> None:
        """A destination is about to be asked; written before it is, since its answer may be here first."""
        row = {"transaction_uid": transaction_uid, "destination": destination, "exam": exam, "version": version, "instances": list(uids)}
        times = {"asked_at": self._clock.now().isoformat(), "until": until.isoformat()}
        with self._engine.begin() as connection:
            connection.execute(commitments.insert().values(row | times))

    def end(self, transaction_uid: str, told: str, *, answered: bool) -> None:
        """A request was answered, or is waited for no more."""
        values = {"answered": int(answered), "ended_at": self._clock.now().isoformat(), "told": told}
        with self._engine.begin() as connection:
            connection.execute(commitments.update().where(commitments.c.transaction_uid == transaction_uid).values(values))

    def forget(self, transaction_uid: str) -> None:
        """The destination was not asked after all."""
        with self._engine.begin() as connection:
            connection.execute(commitments.delete().where(commitments.c.transaction_uid == transaction_uid))

    def get(self, transaction_uid: str) -> CommitmentRow | None:
        """The request of that transaction; none where we made no such."""
        found = self._asked(commitments.c.transaction_uid == transaction_uid)
        return found[0] if found else None

    def of(self, exam: int, version: int, destination: str) -> tuple[CommitmentRow, ...]:
        """What a destination was asked for one version, oldest first."""
        table = commitments.c
        return self._asked(sa.and_(table.exam == exam, table.version == version, table.destination == destination))

    def last_ended(self, destination: str, count: int) -> tuple[CommitmentRow, ...]:
        """The last requests of a destination that were answered or given up, newest first."""
        table = commitments.c
        ended = sa.and_(table.destination == destination, table.ended_at.is_not(None))
        with self._reading.begin() as connection:
            query = sa.select(commitments).where(ended).order_by(table.asked_at.desc()).limit(count)
            return tuple(_commitment(row._mapping) for row in connection.execute(query))

    def promise(self, transaction_uid: str, calling_ae: str, wanted: Iterable[tuple[str, str]], *, until: datetime) -> bool:
        """A scanner asks us to commit to instances (SOP class and instance UIDs); false where the same was asked and is still open.

        Asked again after it was answered, it is decided anew, since the scanner may not have had our answer.
        """
        table, now = promises.c, self._clock.now().isoformat()
        mine = sa.and_(table.transaction_uid == transaction_uid, table.calling_ae == calling_ae)
        values = {
            "instances": [list(vars(Promised(*one)).values()) for one in wanted],
            "asked_at": now,
            "until": until.isoformat(),
            "next_at": now,
            "tries": 0,
        }
        fresh = values | dict.fromkeys(("decided_at", "ended_at", "told"))
        with self._engine.begin() as connection:
            known = connection.execute(sa.select(table.ended_at).where(mine)).first()
            if known is not None and known.ended_at is None:
                return False
            if known is not None:
                connection.execute(promises.update().where(mine).values(fresh))
            else:
                connection.execute(promises.insert().values(fresh | {"transaction_uid": transaction_uid, "calling_ae": calling_ae}))
        return True

    def open_promises(self) -> tuple[PromiseRow, ...]:
        """What was asked of us and is not answered, oldest first."""
        with self._reading.begin() as connection:
            query = sa.select(promises).where(promises.c.ended_at.is_(None)).order_by(promises.c.id)
            return tuple(_promise(row._mapping) for row in connection.execute(query))

    def get_promise(self, number: int) -> PromiseRow:
        """One request that was made of us."""
        with self._reading.begin() as connection:
            return _promise(connection.execute(sa.select(promises).where(promises.c.id == number)).one()._mapping)

    def promised(self) -> frozenset[str]:
        """SOP Instance UIDs under a request that is not answered yet: a scanner waits for our word on them, and nothing may delete them."""
        return frozenset(one.sop_instance_uid for row in self.open_promises() for one in row.instances)

    def here(self, uids: Iterable[str]) -> dict[str, Here]:
        """Those of these instances that we received."""
        table, found = instances.c, {}
        with self._reading.begin() as connection:
            for uid in uids:
                query = sa.select(table.sop_class_uid, table.series_uid, table.study_uid).where(table.sop_instance_uid == uid)
                row = connection.execute(query).first()
                if row is not None:
                    read = row.series_uid is not None and row.study_uid is not None
                    place = (uid, row.series_uid, row.study_uid) if read else None
                    found[uid] = Here(row.sop_class_uid, place, disputed=_is_disputed(connection, uid))
        return found

    def note_promise(self, number: int, instances: Sequence[Promised], next_at: datetime, *, decided: bool) -> None:
        """What was found out of the instances, and when to go on."""
        found = [list(vars(one).values()) for one in instances]
        decided_at = self._clock.now().isoformat() if decided else None
        self._promise_set(number, instances=found, decided_at=decided_at, next_at=next_at.isoformat())

    def retry_promise(self, number: int, told: str, next_at: datetime) -> None:
        """The scanner could not be told."""
        self._promise_set(number, told=told, tries=promises.c.tries + 1, next_at=next_at.isoformat())

    def end_promise(self, number: int, told: str) -> None:
        """It was answered, or can't be."""
        self._promise_set(number, told=told, ended_at=self._clock.now().isoformat(), next_at=None)

    def _promise_set(self, number: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(promises.update().where(promises.c.id == number).values(values))

    def _asked(self, condition: sa.ColumnElement[bool]) -> tuple[CommitmentRow, ...]:
        with self._reading.begin() as connection:
            query = sa.select(commitments).where(condition).order_by(commitments.c.asked_at)
            return tuple(_commitment(row._mapping) for row in connection.execute(query))


def _is_disputed(connection: sa.Connection, uid: str) -> bool:
    table = quarantine.c
    others = sa.and_(table.sop_instance_uid == uid, table.kind == "changed", table.released_at.is_(None))
    return connection.execute(sa.select(table.id).where(others)).first() is not None


def _commitment(row: sa.RowMapping) -> CommitmentRow:
    read = {"instances": tuple(_list(row["instances"])), "answered": bool(row["answered"])}
    return CommitmentRow(**dict(row) | read | _times(row, ("asked_at", "until", "ended_at")))


def _promise(row: sa.RowMapping) -> PromiseRow:
    read = {"instances": tuple(Promised(*one) for one in _list(row["instances"]))}
    return PromiseRow(**dict(row) | read | _times(row, ("asked_at", "until", "decided_at", "next_at", "ended_at")))


def _times(row: sa.RowMapping, names: Sequence[str]) -> dict[str, datetime | None]:
    return {name: datetime.fromisoformat(row[name]) if row[name] else None for name in names}


def _list(value: Any) -> list[Any]:
    return list(json.loads(value)) if isinstance(value, str) else list(value)
