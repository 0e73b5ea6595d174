"""`Deliveries`: every object on its way to every destination, and what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import sqlalchemy as sa

from node.domain.ports import Clock, DeliveryState, Parcel
from node.workflow.states import State
from node.workflow.store.exams import let_go
from node.workflow.store.rows import DeliveryRow, ExamRow, Posting, delivery_row
from node.workflow.store.tables import deliveries


class Deliveries:
    """The rows of deliveries."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def post(self, postings: Iterable[Posting], *, held: Mapping[str, str] | None = None) -> None:
        """Put objects into the outbox, all or none; those that are in it already stay as they are.

        Parameters
        ----------
        held : SOP Instance UIDs of those that did not pass the gate, and why: they are recorded, and never sent
        """
        held = held or {}
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            for posting in postings:
                known = connection.execute(sa.select(deliveries.c.state).where(self._key(posting.sop_instance_uid, posting.destination)))
                if known.first() is None:
                    why = held.get(posting.sop_instance_uid)
                    state = DeliveryState.QUEUED if why is None else DeliveryState.HELD
                    row = vars(posting) | {"state": state.value, "detail": why or "", "attempts": 0, "updated_at": now}
                    connection.execute(deliveries.insert().values(row))

    def of_exam(self, exam: int, version: int | None = None) -> tuple[DeliveryRow, ...]:
        """All deliveries of an exam (of one version, or of all)."""
        query = sa.select(deliveries).where(deliveries.c.exam == exam).order_by(deliveries.c.version, deliveries.c.path)
        if version is not None:
            query = query.where(deliveries.c.version == version)
        with self._reading.begin() as connection:
            return tuple(delivery_row(row._mapping) for row in connection.execute(query))

    def release(self, exam: ExamRow, to: State, text: str) -> None:
        """A person lets a version go on, in one transaction: what was refused for good, or not taken, is in the outbox again; what is held
        stays.

        Parameters
        ----------
        exam : as it was when the release was thought of
        to, text : what the exam is from then on, and why

        Raises
        ------
        ConflictError : the exam has become something else meanwhile
        """
        now = self._clock.now().isoformat()
        states = (DeliveryState.REFUSED.value, DeliveryState.NOT_TAKEN.value)
        refused = sa.and_(deliveries.c.exam == exam.number, deliveries.c.version == exam.version, deliveries.c.state.in_(states))
        queued = {"state": DeliveryState.QUEUED.value, "detail": "sent again by a person", "updated_at": now}
        with self._engine.begin() as connection:
            let_go(connection, exam, to, text, at=now)
            connection.execute(deliveries.update().where(refused).values(queued))

    def receipts(self, destination: str) -> DestinationReceipts:
        """Where the sender notes what one destination answered."""
        return DestinationReceipts(self._engine, self._clock, destination)

    @staticmethod
    def _key(sop_instance_uid: str, destination: str) -> sa.ColumnElement[bool]:
        return sa.and_(deliveries.c.sop_instance_uid == sop_instance_uid, deliveries.c.destination == destination)


def parcel(row: DeliveryRow, storage: Path, *, required: bool = True) -> Parcel:
    """A row as the sender wants it."""
    return Parcel(row.sop_instance_uid, row.sop_class_uid, row.transfer_syntax_uid, storage / row.path, row.state, required=required)


class DestinationReceipts:
    """Fulfils `node.domain.ports.Receipts` for one destination."""

    def __init__(self, engine: sa.Engine, clock: Clock, destination: str) -> None:
        self._engine = engine
        self._clock = clock
        self._destination = destination

    def sending(self, sop_instance_uid: str) -> None:
        """About to be handed to the network."""
        self._set(sop_instance_uid, DeliveryState.SENDING, "handed to the network")

    def stored(self, sop_instance_uid: str, how: str) -> None:
        """The destination has it."""
        self._set(sop_instance_uid, DeliveryState.STORED, how)

    def refused(self, sop_instance_uid: str, why: str) -> None:
        """Refused for good."""
        self._set(sop_instance_uid, DeliveryState.REFUSED, why)

    def not_taken(self, sop_instance_uid: str, why: str) -> None:
        """The destination takes no objects of its class, and need not."""
        self._set(sop_instance_uid, DeliveryState.NOT_TAKEN, why)

    def postponed(self, sop_instance_uid: str, why: str) -> None:
        """Did not work now; may work later."""
        self._set(sop_instance_uid, DeliveryState.QUEUED, why)

    def tried(self, exam: int, version: int) -> int:
        """Count one more attempt at what is still to be sent; returns how many there were, this one included."""
        table, waiting = deliveries.c, (DeliveryState.QUEUED.value, DeliveryState.SENDING.value)
        mine = sa.and_(table.exam == exam, table.version == version, table.destination == self._destination, table.state.in_(waiting))
        with self._engine.begin() as connection:
            connection.execute(deliveries.update().where(mine).values(attempts=table.attempts + 1))
            return int(connection.execute(sa.select(sa.func.max(table.attempts)).where(mine)).scalar() or 1)

    def _set(self, sop_instance_uid: str, state: DeliveryState, detail: str, **columns: object) -> None:
        values = {"state": state.value, "detail": detail, "updated_at": self._clock.now().isoformat(), **columns}
        key = sa.and_(deliveries.c.sop_instance_uid == sop_instance_uid, deliveries.c.destination == self._destination)
        with self._engine.begin() as connection:
            connection.execute(deliveries.update().where(key).values(values))
