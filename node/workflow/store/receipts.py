"""`DestinationReceipts`: where the sender notes what became of each object at one destination."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from node.domain.ports import Clock, DeliveryState
from node.workflow.store.tables import deliveries

UNSENT = (DeliveryState.QUEUED.value, DeliveryState.SENDING.value)


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
        """The destination has it; whether it keeps it is asked at once."""
        self._set(sop_instance_uid, DeliveryState.STORED, how, looks=0, proof=None, next_at=self._clock.now().isoformat())

    def refused(self, sop_instance_uid: str, why: str) -> None:
        """Refused for good."""
        self._set(sop_instance_uid, DeliveryState.REFUSED, why, next_at=None)

    def not_taken(self, sop_instance_uid: str, why: str) -> None:
        """The destination takes no objects of its class, and need not."""
        self._set(sop_instance_uid, DeliveryState.NOT_TAKEN, why, next_at=None)

    def postponed(self, sop_instance_uid: str, why: str) -> None:
        """Did not work now; may work later."""
        self._set(sop_instance_uid, DeliveryState.QUEUED, why)

    def tried(self, exam: int, version: int) -> int:
        """Count one more attempt at what is still to be sent; returns how many there were, this one included."""
        table = deliveries.c
        mine = sa.and_(table.exam == exam, table.version == version, table.destination == self._destination, table.state.in_(UNSENT))
        with self._engine.begin() as connection:
            connection.execute(deliveries.update().where(mine).values(attempts=table.attempts + 1))
            return int(connection.execute(sa.select(sa.func.max(table.attempts)).where(mine)).scalar() or 1)

    def _set(self, sop_instance_uid: str, state: DeliveryState, detail: str, **columns: object) -> None:
        with self._engine.begin() as connection:
            set_state(connection, sop_instance_uid, self._destination, state, detail, at=self._clock.now().isoformat(), **columns)


def set_state(
    connection: sa.Connection, sop_instance_uid: str, destination: str, state: DeliveryState, detail: str, *, at: str, **columns: object
) -> None:
    """Within a transaction: where one object stands with one destination. What is proven stays so: a late answer takes no proof away."""
    key = sa.and_(deliveries.c.sop_instance_uid == sop_instance_uid, deliveries.c.destination == destination)
    open_still = sa.and_(key, deliveries.c.state != DeliveryState.PROVEN.value)
    values = {"state": state.value, "detail": detail, "updated_at": at, **columns}
    connection.execute(deliveries.update().where(open_still).values(values))


def proven(connection: sa.Connection, destination: str, uids: Iterable[str], how: str, *, at: str) -> int:
    """Within a transaction: the destination holds these; how many were not known to be held."""
    news = 0
    for uid in uids:
        key = sa.and_(deliveries.c.sop_instance_uid == uid, deliveries.c.destination == destination)
        open_still = sa.and_(key, deliveries.c.state != DeliveryState.PROVEN.value)
        values = {"state": DeliveryState.PROVEN.value, "proof": how, "proven_at": at, "updated_at": at, "next_at": None}
        news += connection.execute(deliveries.update().where(open_still).values(values)).rowcount
    return news
