"""Following: a study of which every image has come again under another patient is that patient's, and so is the exam known by it."""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa

from node.workflow.states import State
from node.workflow.store.exams import write_event
from node.workflow.store.tables import exams, instances, studies


class Whose(Protocol):
    """Who an image says it is of."""

    @property
    def study_uid(self) -> str | None: ...
    @property
    def patient_key(self) -> str | None: ...
    @property
    def issuer(self) -> str: ...
    @property
    def name_key(self) -> str: ...


def follow_patient(connection: sa.Connection, row: Whose, *, at: str) -> None:
    """Within a transaction, once a header was recorded: nothing where the study has an image of its former patient left."""
    known = connection.execute(sa.select(studies).where(studies.c.study_uid == row.study_uid)).one()
    if (known.patient_key, known.issuer) == (row.patient_key, row.issuer or known.issuer):
        return
    former = sa.and_(
        instances.c.study_uid == row.study_uid,
        instances.c.patient_key == known.patient_key,
        sa.func.json_extract(instances.c.header, "$.person.issuer") == known.issuer,
    )
    if connection.execute(sa.select(instances.c.sop_instance_uid).where(former).limit(1)).first() is not None:
        return
    whose = {"patient_key": row.patient_key, "issuer": row.issuer}
    connection.execute(studies.update().where(studies.c.study_uid == row.study_uid).values(whose | {"name_key": row.name_key}))
    mine = exams.c.anchor == row.study_uid
    for exam in connection.execute(sa.select(exams.c.number, exams.c.version, exams.c.state).where(mine)).all():
        connection.execute(exams.update().where(exams.c.number == exam.number).values(whose))
        told = "its study is another patient's since its images were corrected: this exam follows; `ember rerun` makes its results anew"
        write_event(connection, exam.number, exam.version, State(exam.state), told, at=at)
