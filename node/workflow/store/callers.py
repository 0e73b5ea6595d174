"""`Callers`: who called and was turned away, and whom a person has let in since. One row a title and host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from node.domain.callers import AcceptedCaller, TurnedAway
from node.domain.ports import Clock
from node.errors import DataError, TemporaryError
from node.workflow.store.tables import callers

MOST = 1000
"""Rows that are kept of callers whom nobody has let in; the ones that have been silent longest go first."""


@dataclass(frozen=True)
class CallerRow(TurnedAway):
    """A caller as recorded; the last four where a person has let it in."""

    accepted_as: str | None
    accepted_by: str | None
    accepted_at: datetime | None
    reason: str | None


class Callers:
    """The rows of callers; fulfils `node.domain.callers.CallerBook`."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def turned_away(self, callers: Sequence[TurnedAway]) -> None:
        """Remember them, added to what is known of the same title and host; TemporaryError where the database does not answer."""
        with _told(), self._engine.begin() as connection:
            for caller in callers:
                connection.execute(_added(caller))
            connection.execute(_too_many())

    def accepted(self) -> tuple[AcceptedCaller, ...]:
        """Those who have been let in; TemporaryError where the database does not answer."""
        query = sa.select(callers).where(callers.c.accepted_as.is_not(None)).order_by(callers.c.id)
        with _told(), self._reading.begin() as connection:
            return tuple(AcceptedCaller(row.accepted_as, row.calling_ae, row.host, row.certificate) for row in connection.execute(query))

    def all(self) -> tuple[CallerRow, ...]:
        """Everyone, the last to call first."""
        with self._reading.begin() as connection:
            return tuple(_row(row) for row in connection.execute(sa.select(callers).order_by(callers.c.last_at.desc())))

    def accept(self, calling_ae: str, host: str, *, name: str, author: str, reason: str) -> CallerRow:
        """Let a caller in from now on, with the certificate that it showed, if any.

        Raises
        ------
        DataError : nobody of that title and host has called
        """
        now = self._clock.now().isoformat()
        values = {"accepted_as": name, "accepted_by": author, "accepted_at": now, "reason": reason}
        with self._engine.begin() as connection:
            connection.execute(callers.update().where(_is(calling_ae, host)).values(values))
            return _row(_found(connection, calling_ae, host))

    def forget(self, calling_ae: str, host: str) -> CallerRow:
        """Remove a caller, whom nobody lets in any more; DataError where there is none."""
        with self._engine.begin() as connection:
            row = _found(connection, calling_ae, host)
            connection.execute(callers.delete().where(_is(calling_ae, host)))
            return _row(row)


def _added(caller: TurnedAway) -> sa.Insert:
    values = vars(caller) | {"first_at": caller.first_at.isoformat(), "last_at": caller.last_at.isoformat()}
    statement = insert(callers).values(values)
    # The certificate with which a caller was let in stays, whatever it shows afterwards.
    kept = sa.case((callers.c.accepted_as.is_not(None), callers.c.certificate), else_=statement.excluded.certificate)
    later = {name: statement.excluded[name] for name in ("called_ae", "why", "last_at")}
    changes = later | {"certificate": kept, "times": callers.c.times + statement.excluded.times}
    return statement.on_conflict_do_update(index_elements=["calling_ae", "host"], set_=changes)


def _too_many() -> sa.Delete:
    unknown = sa.select(callers.c.id).where(callers.c.accepted_as.is_(None)).order_by(callers.c.last_at.desc(), callers.c.id.desc())
    return callers.delete().where(callers.c.id.in_(unknown.offset(MOST)))


def _is(calling_ae: str, host: str) -> sa.ColumnElement[bool]:
    return sa.and_(callers.c.calling_ae == calling_ae, callers.c.host == host)


def _found(connection: sa.Connection, calling_ae: str, host: str) -> sa.Row[tuple[object, ...]]:
    row = connection.execute(sa.select(callers).where(_is(calling_ae, host))).one_or_none()
    if row is None:
        raise DataError(f"nobody called {calling_ae} has called from {host}; `ember callers` lists those who have")
    return row


def _row(row: sa.Row[tuple[object, ...]]) -> CallerRow:
    columns = dict(row._mapping)
    columns.pop("id")
    for name in ("first_at", "last_at", "accepted_at"):
        columns[name] = None if columns[name] is None else datetime.fromisoformat(str(columns[name]))
    return CallerRow(**columns)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the database as ours: the receiver lives on without it."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise TemporaryError(f"the register does not answer: {type(error).__name__}") from error
