"""`Keeping`: which exams have had their time, and what was removed of them. Files are the business of `steps.keeping`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from node.domain.ports import Clock
from node.errors import ConflictError
from node.workflow.states import ENDED, State
from node.workflow.store.exams import still_so, write_event
from node.workflow.store.rows import ExamRow, exam_row
from node.workflow.store.tables import assignments, exams, instances, quarantine, removals, studies

GOING = frozenset(State) - {State.DELIVERED, State.IGNORED, State.REJECTED, State.WITHDRAWN}
"""States in which an exam still needs its images, or a person may: also FAILED and HELD."""


@dataclass(frozen=True)
class Kept:
    """A received instance whose file is here; `path` is relative to the storage folder."""

    sop_instance_uid: str
    path: str
    size: int
    received_at: datetime
    patient_key: str


@dataclass(frozen=True)
class Removal:
    """What was removed of an exam: `ended_at` is none while files of its results may still be there."""

    id: int
    exam: int
    version: int
    images: int
    size: int
    removed_at: datetime
    ended_at: datetime | None


class Keeping:
    """The rows by which files are kept and removed."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def old(self, before: datetime) -> tuple[ExamRow, ...]:
        """Exams that ended before a time, owe nothing, and were not removed since, oldest first."""
        done = sa.select(removals.c.id).where(removals.c.exam == exams.c.number, removals.c.removed_at >= exams.c.updated_at)
        ended = exams.c.state.in_([state.value for state in ENDED - GOING])
        query = sa.select(exams).where(ended, exams.c.progress.is_(None), exams.c.updated_at < before.isoformat(), ~done.exists())
        with self._reading.begin() as connection:
            return tuple(exam_row(row._mapping) for row in connection.execute(query.order_by(exams.c.updated_at)))

    def images(self, exam: ExamRow) -> tuple[Kept, ...]:
        """The instances of an exam whose files are here: of its studies, and of the series that its versions were made from."""
        planned = [entry["series_uid"] for entry in (exam.plan or {}).get("series", {}).values()]
        mine = sa.select(studies.c.study_uid).where(studies.c.exam == exam.number)
        which = sa.or_(instances.c.study_uid.in_(mine), instances.c.series_uid.in_(planned))
        columns = [instances.c[name] for name in Kept.__dataclass_fields__]
        with self._reading.begin() as connection:
            rows = connection.execute(sa.select(*columns).where(which, instances.c.removed_at.is_(None))).all()
        return tuple(Kept(row[0], row[1], row[2], datetime.fromisoformat(row[3]), row[4] or "") for row in rows)

    def patients(self, patient_keys: Iterable[str]) -> frozenset[str]:
        """These patients, and those whose exams took images of theirs by a person's word, also where that was taken back."""
        own = frozenset(patient_keys)
        numbers = sa.select(exams.c.number).where(exams.c.patient_key.in_(own))
        series = sa.select(instances.c.series_uid).where(instances.c.patient_key.in_(own))
        taken = sa.or_(assignments.c.other.in_(numbers), assignments.c.series_uid.in_(series))
        query = sa.select(exams.c.patient_key).join(assignments, assignments.c.exam == exams.c.number).where(taken)
        with self._reading.begin() as connection:
            return own | frozenset(connection.execute(query).scalars())

    def needed(self, patient_keys: Iterable[str], before: datetime) -> bool:
        """Whether anything of these patients is still going on, or younger: an exam that waits, is held, or ended since."""
        going = exams.c.state.in_([state.value for state in GOING])
        young = sa.or_(going, exams.c.progress.is_not(None), exams.c.updated_at >= before.isoformat())
        query = sa.select(exams.c.number).where(exams.c.patient_key.in_(list(patient_keys)), young).limit(1)
        with self._reading.begin() as connection:
            return connection.execute(query).first() is not None

    def quarantined(self, uids: Iterable[str]) -> frozenset[str]:
        """Those of some instances under whose UID something is kept in quarantine that nobody has let in."""
        with self._reading.begin() as connection:
            found = connection.execute(sa.select(quarantine.c.sop_instance_uid).where(quarantine.c.released_at.is_(None)))
            return frozenset(row[0] for row in found) & frozenset(uids)

    def remove(
        self,
        exam: ExamRow,
        kept: Iterable[Kept],
        text: str,
        *,
        still: Callable[[], bool],
        aside: Callable[[Kept], None],
        back: Callable[[str], str],
    ) -> None:
        """One exam's images are removed, in one transaction: nothing is recorded by anybody else meanwhile.

        Parameters
        ----------
        still : whether it may be removed; asked when nobody else can write any more
        aside : puts a file aside, to which nothing refers afterwards; it can be put back until the transaction has ended
        back : path → where the file comes to lie when the instance is sent again

        Raises
        ------
        ConflictError : the exam has become something else meanwhile, or it may not be removed any more
        """
        now = self._clock.now().isoformat()
        kept = tuple(kept)
        row = {"exam": exam.number, "version": exam.version, "images": len(kept), "size": sum(one.size for one in kept), "removed_at": now}
        with self._engine.begin() as connection:
            still_so(connection, exam)
            if not still():
                raise ConflictError(f"{exam.name} may not be removed any more")
            for one in kept:
                mine = sa.and_(instances.c.sop_instance_uid == one.sop_instance_uid, instances.c.path == one.path)
                if connection.execute(instances.update().where(mine).values(removed_at=now, path=back(one.path))).rowcount:
                    aside(one)
            connection.execute(removals.insert().values(row))
            write_event(connection, exam.number, exam.version, exam.state, text, at=now)

    def unfinished(self) -> tuple[Removal, ...]:
        """Removals of which files of results may still be there."""
        return self._removals(removals.c.ended_at.is_(None))

    def finished(self, removal: Removal) -> None:
        """The last file of its results is gone."""
        with self._engine.begin() as connection:
            connection.execute(removals.update().where(removals.c.id == removal.id).values(ended_at=self._clock.now().isoformat()))

    def removed(self, exam: ExamRow) -> tuple[int, datetime] | None:
        """How many images of an exam were removed and did not come again, and when; none where all are here."""
        planned = [entry["series_uid"] for entry in (exam.plan or {}).get("series", {}).values()]
        mine = sa.select(studies.c.study_uid).where(studies.c.exam == exam.number)
        which = sa.and_(sa.or_(instances.c.study_uid.in_(mine), instances.c.series_uid.in_(planned)), instances.c.removed_at.is_not(None))
        with self._reading.begin() as connection:
            count, at = connection.execute(sa.select(sa.func.count(), sa.func.max(instances.c.removed_at)).where(which)).one()
        return (int(count), datetime.fromisoformat(at)) if count else None

    def is_removed(self, sop_instance_uid: str) -> bool:
        """Whether the row of an instance says that its file was removed."""
        query = sa.select(instances.c.removed_at).where(instances.c.sop_instance_uid == sop_instance_uid)
        with self._reading.begin() as connection:
            return connection.execute(query).scalar() is not None

    def path(self, sop_instance_uid: str) -> str | None:
        """Where the file of an instance lies, or would."""
        query = sa.select(instances.c.path).where(instances.c.sop_instance_uid == sop_instance_uid)
        with self._reading.begin() as connection:
            path: str | None = connection.execute(query).scalar()
        return path

    def _removals(self, condition: sa.ColumnElement[bool]) -> tuple[Removal, ...]:
        with self._reading.begin() as connection:
            rows: list[dict[str, Any]] = [dict(row._mapping) for row in connection.execute(sa.select(removals).where(condition))]
        times = ("removed_at", "ended_at")
        return tuple(Removal(**row | {name: datetime.fromisoformat(row[name]) if row[name] else None for name in times}) for row in rows)
