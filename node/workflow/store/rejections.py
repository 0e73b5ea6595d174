"""`Rejections`: instances that a rejection note has taken back. They stay on disk, and count no longer."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from node.domain.ports import Clock
from node.workflow.store.tables import instances, rejections, studies

AT_ONCE = 500
"""UIDs in one statement."""


class Rejections:
    """The rows of rejected instances."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def record(self, note: str, title: str, named: Sequence[str]) -> None:
        """A note takes these instances back, those too that have not come yet; all in one transaction, and the same note twice is once."""
        common = {"note": note, "title": title, "noted_at": self._clock.now().isoformat()}
        with self._engine.begin() as connection:
            for uids in _portions(named):
                connection.execute(insert(rejections).on_conflict_do_nothing(), [common | {"sop_instance_uid": uid} for uid in uids])
                here = sa.and_(instances.c.sop_instance_uid.in_(uids), instances.c.rejected_by.is_(None))
                connection.execute(instances.update().where(here).values(rejected_by=note))

    def series_of(self, named: Sequence[str]) -> frozenset[str]:
        """The series of those instances that are here."""
        found: set[str] = set()
        with self._reading.begin() as connection:
            for uids in _portions(named):
                query = sa.select(instances.c.series_uid).distinct().where(instances.c.sop_instance_uid.in_(uids))
                found |= {row[0] for row in connection.execute(query) if row[0] is not None}
        return frozenset(found)

    def exams_of(self, named: Sequence[str]) -> tuple[int, ...]:
        """The exams that the studies of those instances belong to, in order of their numbers."""
        found: set[int] = set()
        with self._reading.begin() as connection:
            for uids in _portions(named):
                query = sa.select(studies.c.exam).distinct().join(instances, instances.c.study_uid == studies.c.study_uid)
                found |= {row[0] for row in connection.execute(query.where(instances.c.sop_instance_uid.in_(uids))) if row[0] is not None}
        return tuple(sorted(found))


def _portions(uids: Sequence[str]) -> list[Sequence[str]]:
    return [uids[start : start + AT_ONCE] for start in range(0, len(uids), AT_ONCE)]
