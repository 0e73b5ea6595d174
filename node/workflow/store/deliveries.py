"""`Deliveries`: every object on its way to every destination, what was answered, what is planned for it, and how it was proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from node.domain.ports import Clock, DeliveryState, Parcel
from node.workflow.states import OWING, State
from node.workflow.store.exams import let_go
from node.workflow.store.receipts import UNSENT, DestinationReceipts, proven, set_state
from node.workflow.store.rows import DeliveryRow, ExamRow, Posting, delivery_row
from node.workflow.store.tables import deliveries, exams

__all__ = ["Deliveries", "DestinationReceipts", "parcel"]

OWE = tuple(state.value for state in OWING)
"""States in which the sweep itself sees to an exam's deliveries while something is owed, as it does in ENCODED."""


class Deliveries:
    """The rows of deliveries."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def post(self, postings: Iterable[Posting], *, held: Mapping[str, str] | None = None, perhaps_sent: bool = False) -> None:
        """Put objects into the outbox, all or none; those that are in it already stay as they are.

        Parameters
        ----------
        held : SOP Instance UIDs of those that did not pass the gate, and why: they are recorded, and never sent
        perhaps_sent : the destination is asked first whether it has them
        """
        held = held or {}
        ready = DeliveryState.SENDING if perhaps_sent else DeliveryState.QUEUED
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            for posting in postings:
                known = connection.execute(sa.select(deliveries.c.state).where(_key(posting.sop_instance_uid, posting.destination)))
                if known.first() is None:
                    why = held.get(posting.sop_instance_uid)
                    state = ready if why is None else DeliveryState.HELD
                    row = vars(posting) | {"state": state.value, "detail": why or "", "attempts": 0, "updated_at": now}
                    connection.execute(deliveries.insert().values(row | {"next_at": now if why is None else None}))

    def of_exam(self, exam: int, version: int | None = None, destination: str | None = None) -> tuple[DeliveryRow, ...]:
        """All deliveries of an exam (of one version, or of all; to one destination, or to all)."""
        query = sa.select(deliveries).where(deliveries.c.exam == exam).order_by(deliveries.c.version, deliveries.c.path)
        if version is not None:
            query = query.where(deliveries.c.version == version)
        if destination is not None:
            query = query.where(deliveries.c.destination == destination)
        with self._reading.begin() as connection:
            return tuple(delivery_row(row._mapping) for row in connection.execute(query))

    def planned(self, exam: int, version: int) -> dict[str, datetime]:
        """Destination → when something is to be done next for what goes there; destinations where nothing is are left out."""
        table = deliveries.c
        mine = sa.and_(table.exam == exam, table.version == version, table.next_at.is_not(None))
        query = sa.select(table.destination, sa.func.min(table.next_at)).where(mine).group_by(table.destination)
        with self._reading.begin() as connection:
            return {name: datetime.fromisoformat(at) for name, at in connection.execute(query)}

    def unattended(self, destinations: Iterable[str]) -> tuple[tuple[int, int], ...]:
        """Exams and versions for which something is due at one of these destinations that the sweep does not see to: of an earlier version,
        or of an exam that ended."""
        table, now = deliveries.c, self._clock.now().isoformat()
        going = sa.or_(exams.c.state == State.ENCODED.value, sa.and_(exams.c.state.in_(OWE), exams.c.progress.is_not(None)))
        seen_to = sa.and_(table.version == exams.c.version, going)
        due = sa.and_(table.next_at.is_not(None), table.next_at <= now, table.destination.in_(list(destinations)), ~seen_to)
        query = sa.select(table.exam, table.version).distinct().join_from(deliveries, exams, table.exam == exams.c.number).where(due)
        with self._reading.begin() as connection:
            return tuple((row.exam, row.version) for row in connection.execute(query.order_by(table.exam, table.version)))

    def plan(self, destination: str, uids: Iterable[str], at: datetime | None, *, looked: int = 0, why: str = "") -> None:
        """When something is to be done next for these; none: never. What was proven meanwhile stays as it is.

        Parameters
        ----------
        looked : questions that brought nothing, to be counted
        why : what they are waiting for, or why nothing more is done
        """
        values = {"next_at": None if at is None else at.isoformat(), "looks": deliveries.c.looks + looked, "proof": why or None}
        with self._engine.begin() as connection:
            for uid in uids:
                open_ = deliveries.c.state != DeliveryState.PROVEN.value
                connection.execute(deliveries.update().where(_key(uid, destination), open_).values(values))

    def asked_in(self, destination: str, uids: Iterable[str], transaction_uid: str) -> None:
        """These were asked for in a request for commitment."""
        with self._engine.begin() as connection:
            for uid in uids:
                connection.execute(deliveries.update().where(_key(uid, destination)).values(asked_in=transaction_uid))

    def proven(self, destination: str, uids: Iterable[str], how: str) -> int:
        """The destination has said that it holds these, whatever was thought of them before; how many that is news of."""
        with self._engine.begin() as connection:
            return proven(connection, destination, uids, how, at=self._clock.now().isoformat())

    def lost(self, destination: str, uids: Iterable[str], why: str) -> None:
        """The destination answered Success and does not have these: the same bytes again, at once."""
        values = {"looks": 0, "resent": deliveries.c.resent + 1, "next_at": self._clock.now().isoformat(), "asked_in": None}
        self._set(destination, uids, DeliveryState.QUEUED, why, values)

    def refused(self, destination: str, uids: Iterable[str], why: str) -> None:
        """The destination will not keep these, whatever it answered when they were sent."""
        self._set(destination, uids, DeliveryState.REFUSED, why, {"next_at": None})

    def drop(self, destination: str, uids: Iterable[str], why: str) -> None:
        """These are not sent any more."""
        self._set(destination, uids, DeliveryState.DROPPED, why, {"next_at": None})

    def away(self, destination: str, until: datetime) -> None:
        """A destination cannot be spoken with: nothing that is to be sent there is tried before, of any exam."""
        table, at = deliveries.c, until.isoformat()
        waiting = sa.and_(table.destination == destination, table.state.in_(UNSENT), table.next_at < at)
        with self._engine.begin() as connection:
            connection.execute(deliveries.update().where(waiting).values(next_at=at))

    def hasten(self, destination: str | None = None) -> None:
        """A destination is back: all that is to be sent there may be tried at once. Without one, the node has started: all that is to be
        sent anywhere, and all that is to be asked after, since the question may have died with the process that was about to put it."""
        table, now = deliveries.c, self._clock.now().isoformat()
        states = UNSENT if destination is not None else (*UNSENT, DeliveryState.STORED.value)
        waiting = sa.and_(table.state.in_(states), table.next_at > now)
        if destination is not None:
            waiting = sa.and_(waiting, table.destination == destination)
        with self._engine.begin() as connection:
            connection.execute(deliveries.update().where(waiting).values(next_at=now))

    def proven_anywhere(self, uids: Iterable[str]) -> frozenset[str]:
        """Those of these objects, results of ours, that some destination is proven to hold."""
        table = deliveries.c
        found: set[str] = set()
        with self._reading.begin() as connection:
            for uid in uids:
                query = sa.select(table.sop_instance_uid).where(table.sop_instance_uid == uid, table.state == DeliveryState.PROVEN.value)
                found |= {uid} if connection.execute(query).first() is not None else set()
        return frozenset(found)

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
        queued = {"state": DeliveryState.QUEUED.value, "detail": "sent again by a person", "updated_at": now, "next_at": now}
        with self._engine.begin() as connection:
            let_go(connection, exam, to, text, at=now)
            connection.execute(deliveries.update().where(refused).values(queued | {"looks": 0, "resent": 0}))

    def receipts(self, destination: str) -> DestinationReceipts:
        """Where the sender notes what one destination answered."""
        return DestinationReceipts(self._engine, self._clock, destination)

    def _set(self, destination: str, uids: Iterable[str], state: DeliveryState, detail: str, values: Mapping[str, object]) -> None:
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            for uid in uids:
                set_state(connection, uid, destination, state, detail, at=now, **values)


def parcel(row: DeliveryRow, storage: Path, *, required: bool = True) -> Parcel:
    """A row as the sender wants it."""
    return Parcel(row.sop_instance_uid, row.sop_class_uid, row.transfer_syntax_uid, storage / row.path, row.state, required=required)


def _key(sop_instance_uid: str, destination: str) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.sop_instance_uid == sop_instance_uid, deliveries.c.destination == destination)
