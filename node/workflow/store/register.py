"""`InstanceRegister`: what came in, from whom, and what its header says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from node.domain.ports import Clock
from node.workflow.store.following import follow_patient
from node.workflow.store.news import write_news
from node.workflow.store.quarantine import write_unreadable
from node.workflow.store.tables import associations, deliveries, instances, quarantine, rejections, studies


@dataclass(frozen=True)
class Row:
    """One instance as recorded; `header` is None until the worker has read it."""

    sop_instance_uid: str
    sop_class_uid: str
    path: str
    digest: str
    association: str
    calling_ae: str
    called_ae: str
    received_at: datetime
    header: str | None


@dataclass(frozen=True)
class HeaderRow:
    """What the worker read of one instance: `problem` where it could not be read. `issuer` and `name_key` are empty where it says none.

    `news` is whether it may change what follows from its series: not what we made ourselves, nor what is looked at one by one.
    """

    sop_instance_uid: str
    patient_key: str | None
    study_uid: str | None
    series_uid: str | None
    header: str | None
    problem: str | None
    issuer: str = ""
    name_key: str = ""
    news: bool = False


@dataclass(frozen=True)
class StudyRow:
    """A study, and who it says it is of."""

    study_uid: str
    patient_key: str
    issuer: str
    name_key: str = ""


@dataclass(frozen=True)
class SeriesCount:
    """How much of a series is here: enough to know whether anything changed."""

    series_uid: str
    study_uid: str
    images: int
    last_at: datetime


class InstanceRegister:
    """The rows of instances and associations; whose images they are and what they hold."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def unread(self, limit: int) -> tuple[tuple[str, str], ...]:
        """(SOP Instance UID, path) of instances whose header the worker has not read yet, oldest first."""
        query = (
            sa.select(instances.c.sop_instance_uid, instances.c.path)
            .where(instances.c.study_uid.is_(None), instances.c.problem.is_(None))
            .order_by(instances.c.received_at)
            .limit(limit)
        )
        with self._reading.begin() as connection:
            return tuple((row[0], row[1]) for row in connection.execute(query))

    def headers_read(self, rows: Sequence[HeaderRow]) -> None:
        """Record headers, and of which series there is news, all in one transaction."""
        query = (
            instances.update()
            .where(instances.c.sop_instance_uid == sa.bindparam("uid"))
            .values({name: sa.bindparam(f"new_{name}") for name in ("patient_key", "study_uid", "series_uid", "header", "problem")})
        )
        values = [
            {
                "uid": row.sop_instance_uid,
                "new_patient_key": row.patient_key,
                "new_study_uid": row.study_uid,
                "new_series_uid": row.series_uid,
                "new_header": row.header,
                "new_problem": row.problem,
            }
            for row in rows
        ]
        seen: dict[str, HeaderRow] = {}  # each study once, by its first image here, in order of arrival
        for row in rows:
            if row.study_uid:
                seen.setdefault(row.study_uid, row)
        with self._engine.begin() as connection:
            if values:
                connection.execute(query, values)
                for row in rows:
                    if row.problem is not None:
                        write_unreadable(connection, row.sop_instance_uid, row.problem)
                self._apply_rejections(connection, [value["uid"] for value in values])
            for row in seen.values():
                connection.execute(_whose(row))
                follow_patient(connection, row, at=self._now())
            arrived = [(row.study_uid, row.series_uid) for row in rows if row.news and row.study_uid and row.series_uid]
            write_news(connection, arrived, at=self._now())

    @staticmethod
    def _apply_rejections(connection: sa.Connection, uids: Sequence[str | None]) -> None:
        """A rejection note may have come before what it takes back."""
        found = connection.execute(
            sa.select(rejections.c.sop_instance_uid, rejections.c.note).where(rejections.c.sop_instance_uid.in_(uids))
        )
        for uid, note in found.all():
            connection.execute(instances.update().where(instances.c.sop_instance_uid == uid).values(rejected_by=note))

    def series_of_patient(self, patient_key: str) -> tuple[SeriesCount, ...]:
        """What is here of one patient, by series."""
        return self._series(instances.c.patient_key == patient_key)

    def series_of_studies(self, study_uids: Sequence[str]) -> tuple[SeriesCount, ...]:
        """What is here of some studies, whoever's they say they are, by series."""
        return self._series(instances.c.study_uid.in_(study_uids))

    def series(self, series_uid: str) -> tuple[SeriesCount, ...]:
        """What is here of one series; one entry a study that it is said to lie in."""
        return self._series(instances.c.series_uid == series_uid)

    def _series(self, condition: sa.ColumnElement[bool]) -> tuple[SeriesCount, ...]:
        query = (
            sa.select(instances.c.series_uid, instances.c.study_uid, sa.func.count(), sa.func.max(instances.c.received_at))
            .where(condition, instances.c.rejected_by.is_(None), instances.c.removed_at.is_(None))
            .group_by(instances.c.series_uid, instances.c.study_uid)
            .order_by(sa.func.min(instances.c.received_at))
        )
        with self._reading.begin() as connection:
            return tuple(SeriesCount(a, b, int(n), datetime.fromisoformat(at)) for a, b, n, at in connection.execute(query))

    def is_of(self, series_uid: str, patient_key: str) -> bool:
        """Whether every image of a series is of one patient."""
        other = sa.and_(instances.c.series_uid == series_uid, instances.c.patient_key != patient_key, instances.c.rejected_by.is_(None))
        with self._reading.begin() as connection:
            return connection.execute(sa.select(instances.c.sop_instance_uid).where(other).limit(1)).first() is None

    def instances_of(self, series_uid: str) -> tuple[Row, ...]:
        """The instances of one series whose headers were read, in order of arrival; without those rejected by a note, or removed here."""
        mine = sa.and_(instances.c.series_uid == series_uid, instances.c.rejected_by.is_(None), instances.c.removed_at.is_(None))
        query = sa.select(*(instances.c[name] for name in Row.__dataclass_fields__)).where(mine).order_by(instances.c.received_at)
        with self._reading.begin() as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        return tuple(Row(**row | {"received_at": datetime.fromisoformat(row["received_at"])}) for row in rows)

    def studies_without_exam(self) -> tuple[StudyRow, ...]:
        """Studies that belong to no exam yet, oldest first."""
        return self._studies(studies.c.exam.is_(None))

    def studies_of_exam(self, exam: int) -> tuple[str, ...]:
        """The studies that belong to an exam."""
        return tuple(row.study_uid for row in self._studies(studies.c.exam == exam))

    def made_here(self, uids: Sequence[str]) -> frozenset[str]:
        """Which of these instances the node made itself, whatever an archive has written into them since."""
        query = sa.select(deliveries.c.sop_instance_uid).distinct().where(deliveries.c.sop_instance_uid.in_(uids))
        with self._reading.begin() as connection:
            return frozenset(row[0] for row in connection.execute(query))

    def is_series_made_here(self, series_uid: str) -> bool:
        """Whether an image of a series was made by the node itself."""
        query = sa.select(deliveries.c.sop_instance_uid).join(instances, instances.c.sop_instance_uid == deliveries.c.sop_instance_uid)
        with self._reading.begin() as connection:
            return connection.execute(query.where(instances.c.series_uid == series_uid).limit(1)).first() is not None

    def issuers(self, patient_key: str) -> frozenset[str]:
        """Who issued a patient ID, as far as the studies here say."""
        query = sa.select(studies.c.issuer).distinct().where(studies.c.patient_key == patient_key, studies.c.issuer != "")
        with self._reading.begin() as connection:
            return frozenset(row[0] for row in connection.execute(query))

    def named_alike(self, name_key: str, patient_key: str) -> tuple[str, ...]:
        """Studies of another patient ID that bear this name."""
        found = self._studies(sa.and_(studies.c.name_key == name_key, studies.c.patient_key != patient_key)) if name_key else ()
        return tuple(row.study_uid for row in found)

    def _studies(self, condition: sa.ColumnElement[bool]) -> tuple[StudyRow, ...]:
        columns = (studies.c[name] for name in StudyRow.__dataclass_fields__)
        query = sa.select(*columns).where(condition).order_by(sa.text("rowid"))
        with self._reading.begin() as connection:
            return tuple(StudyRow(*row) for row in connection.execute(query))

    def assign(self, study_uids: Iterable[str], exam: int) -> None:
        """These studies belong to an exam from now on."""
        with self._engine.begin() as connection:
            connection.execute(studies.update().where(studies.c.study_uid.in_(list(study_uids))).values(exam=exam))

    def exam_of(self, study_uid: str) -> int | None:
        """The exam that a study belongs to."""
        with self._reading.begin() as connection:
            return connection.execute(sa.select(studies.c.exam).where(studies.c.study_uid == study_uid)).scalar()

    def unread_beside(self, series_uids: Sequence[str]) -> int:
        """Images not looked at yet that came over the associations which brought these series."""
        beside = sa.select(instances.c.association).distinct().where(instances.c.series_uid.in_(series_uids))
        query = sa.select(sa.func.count()).where(
            instances.c.study_uid.is_(None), instances.c.problem.is_(None), instances.c.association.in_(beside)
        )
        with self._reading.begin() as connection:
            return int(connection.execute(query).scalar_one())

    def open_associations(self, series_uids: Sequence[str]) -> tuple[str, ...]:
        """Calling AE titles of associations that are still open and have sent images of these series."""
        query = (
            sa.select(associations.c.calling_ae)
            .distinct()
            .join(instances, instances.c.association == associations.c.id)
            .where(associations.c.closed_at.is_(None), instances.c.series_uid.in_(series_uids))
        )
        with self._reading.begin() as connection:
            return tuple(row[0] for row in connection.execute(query))

    def counts(self) -> dict[str, int]:
        """How many instances are here, unread, unreadable and kept aside, for `check` and `list`."""
        columns = {
            "instances": sa.select(sa.func.count()).select_from(instances),
            "unread": sa.select(sa.func.count())
            .select_from(instances)
            .where(instances.c.study_uid.is_(None), instances.c.problem.is_(None)),
            "unreadable": _quarantined("unreadable"),
            "changed": _quarantined("changed"),
        }
        with self._reading.begin() as connection:
            return {name: int(connection.execute(query).scalar_one()) for name, query in columns.items()}

    def _now(self) -> str:
        return self._clock.now().isoformat()


def _whose(row: HeaderRow) -> sa.Insert:
    """Record a study; one that is known keeps what it says, and takes what it did not say."""
    statement = sqlite_insert(studies).values(
        study_uid=row.study_uid, patient_key=row.patient_key, issuer=row.issuer, name_key=row.name_key
    )
    new = statement.excluded
    filled = {name: sa.case((studies.c[name] == "", new[name]), else_=studies.c[name]) for name in ("issuer", "name_key")}
    return statement.on_conflict_do_update(index_elements=["study_uid"], set_=filled)


def _quarantined(kind: str) -> sa.Select[int]:
    held = sa.and_(quarantine.c.kind == kind, quarantine.c.released_at.is_(None))
    return sa.select(sa.func.count()).select_from(quarantine).where(held)
