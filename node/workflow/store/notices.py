"""`Notices`: what peers told us by N-services, as it came, and what became of each.

Two readers, each with a mark of its own: who acts on a notice (`unhandled`, `handled`), and who weighs what it says of images to come
(`unweighed`, and `node.workflow.store.evidence` marks it). A request for storage commitment is for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from node.domain.arrivals import Notice, NoticeKind
from node.domain.ports import Clock
from node.workflow.store.tables import notices


@dataclass(frozen=True)
class NoticeRow(Notice):
    """A notice as recorded, from whom and when."""

    id: int
    calling_ae: str
    address: str
    received_at: datetime


class Notices:
    """The rows of notices."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def unhandled(self, kinds: Sequence[NoticeKind]) -> tuple[NoticeRow, ...]:
        """Notices of these kinds that nobody has acted on, in the order in which they came."""
        query = sa.select(notices).where(notices.c.handled_at.is_(None), notices.c.kind.in_([kind.value for kind in kinds]))
        with self._reading.begin() as connection:
            return tuple(_row(row) for row in connection.execute(query.order_by(notices.c.id)))

    def unweighed(self, kinds: Sequence[NoticeKind]) -> tuple[NoticeRow, ...]:
        """Notices of these kinds whose evidence nobody has taken, in the order in which they came."""
        query = sa.select(notices).where(notices.c.weighed_at.is_(None), notices.c.kind.in_([kind.value for kind in kinds]))
        with self._reading.begin() as connection:
            return tuple(_row(row) for row in connection.execute(query.order_by(notices.c.id)))

    def handled(self, number: int, told: str) -> None:
        """It was acted on; `told` says what was done, one sentence."""
        values = {"handled_at": self._clock.now().isoformat(), "told": told}
        with self._engine.begin() as connection:
            connection.execute(notices.update().where(notices.c.id == number).values(values))


def write_notice(connection: sa.Connection, notice: Notice, *, calling_ae: str, address: str, at: str) -> None:
    """Within a transaction: keep what a peer told."""
    row = vars(notice) | {"kind": notice.kind.value, "calling_ae": calling_ae, "address": address, "received_at": at}
    connection.execute(notices.insert().values(row))


def _row(row: sa.Row[tuple[object, ...]]) -> NoticeRow:
    columns = dict(row._mapping)
    for name in ("handled_at", "told", "weighed_at"):
        columns.pop(name)
    read = {"kind": NoticeKind(columns["kind"]), "received_at": datetime.fromisoformat(str(columns["received_at"]))}
    return NoticeRow(**columns | read)
