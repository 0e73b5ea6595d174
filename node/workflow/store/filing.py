"""`Filing`: a batch of what came in, recorded in one transaction; fulfils `node.domain.filing.Register`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from node.domain.arrivals import Caller
from node.domain.filing import Batch, Closed, Entry, Filed, Known, Noticed, Opened, Place, Position, Started
from node.domain.ports import Received
from node.errors import TemporaryError
from node.workflow.store.notices import write_notice
from node.workflow.store.quarantine import write_quarantined
from node.workflow.store.tables import associations, instances, journals

AT_A_TIME = 500
"""UIDs in one question: the database takes no more than some thousand."""

CHANGED = "its UID was here with other bytes"


class Filing:
    """Where the filer records. It is the only one that makes rows of instances and associations.

    Every method raises TemporaryError where the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    def position(self, writer: str) -> Position | None:
        """Up to where a writer's journal is filed; None where nothing of it is."""
        columns = [journals.c[name] for name in Position.__dataclass_fields__]
        with _told(), self._reading.begin() as connection:
            row = connection.execute(sa.select(*columns).where(journals.c.writer == writer)).one_or_none()
        return None if row is None else Position(**row._mapping)

    def known(self, uids: Sequence[str]) -> Mapping[str, Known]:
        """Those of some SOP Instance UIDs that stand for something."""
        with _told(), self._reading.begin() as connection:
            return _known(connection, uids)

    def callers(self, names: Sequence[str]) -> Mapping[str, Caller]:
        """Who opened these associations, as far as they are recorded."""
        found: dict[str, Caller] = {}
        with _told(), self._reading.begin() as connection:
            for some in _some(names):
                for row in connection.execute(sa.select(associations).where(associations.c.id.in_(some))):
                    host, _, port = row.address.rpartition(":")
                    found[row.id] = Caller(row.calling_ae, row.called_ae, host, int(port or 0), row.peer or "")
        return found

    def file(self, batch: Batch) -> None:
        """Record a batch in one transaction.

        Raises
        ------
        TemporaryError : what was known of the UIDs has changed since, or the database does not take it: nothing is recorded
        """
        with _told(), self._engine.begin() as connection:
            if _known(connection, batch.uids) != batch.known:
                raise TemporaryError("an instance was released from quarantine meanwhile")
            for kind, entries in _runs(batch.entries):
                _WRITE[kind](connection, entries, batch.writer)
            if batch.position is not None:
                _move(connection, batch.writer, batch.position)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the database as ours: the filer waits until it can be used again."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise TemporaryError(f"the register does not take what came in: {error.orig}") from error


def _known(connection: sa.Connection, uids: Sequence[str]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for some in _some(uids):
        query = sa.select(instances.c.sop_instance_uid, instances.c.digest, instances.c.path)
        found |= {uid: Known(digest, path) for uid, digest, path in connection.execute(query.where(instances.c.sop_instance_uid.in_(some)))}
    return found


def _some(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + AT_A_TIME] for start in range(0, len(names), AT_A_TIME))


def _runs(entries: Sequence[Entry]) -> list[tuple[type, list[Any]]]:
    """Entries of one kind that follow each other, together: the database takes many rows at a time, and the order stays."""
    runs: list[tuple[type, list[Any]]] = []
    for entry in entries:
        if not runs or runs[-1][0] is not type(entry):
            runs.append((type(entry), []))
        runs[-1][1].append(entry)
    return runs


def _filed(connection: sa.Connection, filed: Sequence[Filed], _writer: str) -> None:
    rows = [_row(one.received) for one in filed if one.place is Place.INBOX]
    if rows:
        connection.execute(instances.insert(), rows)
    for one in filed:
        if one.place is Place.RETURNED:
            mine = instances.c.sop_instance_uid == one.received.sop_instance_uid
            connection.execute(instances.update().where(mine).values(_row(one.received) | {"removed_at": None}))
        if one.place is Place.QUARANTINE:
            write_quarantined(connection, _row(one.received), kind="changed", reason=CHANGED)


def _opened(connection: sa.Connection, opened: Sequence[Opened], writer: str) -> None:
    rows = [
        {
            "id": one.association,
            "calling_ae": one.caller.calling_ae,
            "called_ae": one.caller.called_ae,
            "address": one.caller.address,
            "opened_at": one.at.isoformat(),
            "peer": one.caller.peer,
            "writer": writer,
        }
        for one in opened
    ]
    connection.execute(associations.insert().prefix_with("OR IGNORE", dialect="sqlite"), rows)


def _closed(connection: sa.Connection, closed: Sequence[Closed], _writer: str) -> None:
    for one in closed:
        _close(connection, associations.c.id == one.association, how=one.how, at=one.at)


def _started(connection: sa.Connection, started: Sequence[Started], writer: str) -> None:
    """What the writer had left open was lost; so was what the receiver of an earlier version had, which named no writer."""
    own = associations.c.writer == writer
    _close(connection, sa.or_(own, associations.c.writer.is_(None)) if writer == "receiver" else own, how="lost", at=started[0].at)


def _close(connection: sa.Connection, which: sa.ColumnElement[bool], *, how: str, at: datetime) -> None:
    still = sa.and_(which, associations.c.closed_at.is_(None))
    connection.execute(associations.update().where(still).values(closed_at=at.isoformat(), how=how))


def _noticed(connection: sa.Connection, noticed: Sequence[Noticed], _writer: str) -> None:
    for one in noticed:
        who = sa.select(associations.c.calling_ae, associations.c.address).where(associations.c.id == one.notice.association)
        row = connection.execute(who).one_or_none()
        calling_ae, address = ("", "") if row is None else row
        write_notice(connection, one.notice, calling_ae=calling_ae, address=address, at=one.at.isoformat())


def _move(connection: sa.Connection, writer: str, position: Position) -> None:
    connection.execute(journals.delete().where(journals.c.writer == writer))
    connection.execute(journals.insert().values(vars(position) | {"writer": writer}))


def _row(received: Received) -> dict[str, Any]:
    return {**vars(received), "received_at": received.received_at.isoformat()}


_WRITE: dict[type, Callable[[sa.Connection, Any, str], None]] = {
    Filed: _filed,
    Opened: _opened,
    Closed: _closed,
    Started: _started,
    Noticed: _noticed,
}
