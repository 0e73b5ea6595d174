"""`Evidence`: what others say of images that are here or to come: the sender's lists, procedure steps, counts asked of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import sqlalchemy as sa

from node.domain.ports import Clock
from node.workflow.store.tables import evidence, instances, notices

CHUNK = 500
"""UIDs asked for at a time: databases limit the variables of one query."""


NO_ANSWER = "NO ANSWER"
"""The state of a word that stands for an answer which did not come."""


class EvidenceKind(Enum):
    """How somebody said it."""

    SENT = "sent"  #: a request for storage commitment lists what the sender believes that it has sent to us
    PERFORMED = "performed"  #: a modality performed procedure step lists what was made, and says when the scan has ended
    AVAILABLE = "available"  #: an Instance Availability Notification lists what an archive holds
    COUNTED = "counted"  #: the source was asked, by C-FIND or QIDO-RS


@dataclass(frozen=True)
class Said:
    """One word on one series, or on a study where `series_uid` is empty.

    Parameters
    ----------
    source : who said it: an AE title, or the site's name of a peer
    subject : the object or question that said it; a later word under the same subject takes the place of all earlier ones
    patient_key : empty where it is not told
    state : of a procedure step: "IN PROGRESS", "COMPLETED", "DISCONTINUED"; of a question that was not answered `NO_ANSWER` and why
    images : how many; None where it is not told
    instances : the SOP Instance UIDs, where they are told
    """

    kind: EvidenceKind
    source: str
    subject: str
    study_uid: str
    series_uid: str = ""
    patient_key: str = ""
    modality: str = ""
    description: str = ""
    state: str = ""
    images: int | None = None
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvidenceRow(Said):
    """The same as recorded."""

    id: int = 0
    said_at: datetime = datetime.min  # noqa: DTZ901 always given


class Evidence:
    """The rows of evidence."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def weigh(self, notice: int, subject: str, said: Sequence[Said], *, handled: str | None = None) -> None:
        """What a notice says, in the place of what its subject said before; marked as acted on, too, where `handled` tells how."""
        now = self._clock.now().isoformat()
        marks: dict[str, str] = {"weighed_at": now} | ({} if handled is None else {"handled_at": now, "told": handled})
        with self._engine.begin() as connection:
            self._replace(connection, subject, said, now)
            connection.execute(notices.update().where(notices.c.id == notice).values(marks))

    def answered(self, subject: str, said: Sequence[Said]) -> None:
        """What a source answered, in the place of what it answered before."""
        with self._engine.begin() as connection:
            self._replace(connection, subject, said, self._clock.now().isoformat())

    def of_subject(self, subject: str) -> tuple[EvidenceRow, ...]:
        """What stands under a subject."""
        return self._some(evidence.c.subject == subject)

    def about(self, *, studies: Sequence[str], series: Sequence[str], patient_key: str) -> tuple[EvidenceRow, ...]:
        """What was said of these studies, of these series, and of this patient, oldest first."""
        table = evidence.c
        return self._some(sa.or_(table.study_uid.in_(studies), table.series_uid.in_(series), table.patient_key == patient_key))

    def forget(self, before: datetime) -> int:
        """Remove what was said before then: its exams have begun or ended long ago. Returns how many words."""
        with self._engine.begin() as connection:
            return int(connection.execute(evidence.delete().where(evidence.c.said_at < before.isoformat())).rowcount)

    def here(self, uids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """SOP Instance UID → study and series of those of these instances that are here and were read."""
        found: dict[str, tuple[str, str]] = {}
        table = instances.c
        with self._reading.begin() as connection:
            for start in range(0, len(uids), CHUNK):
                some = table.sop_instance_uid.in_(uids[start : start + CHUNK])
                query = sa.select(table.sop_instance_uid, table.study_uid, table.series_uid).where(some, table.study_uid.is_not(None))
                found |= {row[0]: (row[1], row[2]) for row in connection.execute(query)}
        return found

    def _replace(self, connection: sa.Connection, subject: str, said: Sequence[Said], now: str) -> None:
        connection.execute(evidence.delete().where(evidence.c.subject == subject))
        rows = [vars(one) | {"kind": one.kind.value, "instances": list(one.instances), "said_at": now} for one in said]
        if rows:
            connection.execute(evidence.insert(), rows)

    def _some(self, condition: sa.ColumnElement[bool]) -> tuple[EvidenceRow, ...]:
        with self._reading.begin() as connection:
            rows = [dict(row._mapping) for row in connection.execute(sa.select(evidence).where(condition).order_by(evidence.c.id))]
        return tuple(EvidenceRow(**row | _read(row)) for row in rows)


def _read(row: dict[str, object]) -> dict[str, object]:
    listed = row["instances"]
    assert isinstance(listed, list)
    return {
        "kind": EvidenceKind(row["kind"]),
        "instances": tuple(listed),
        "said_at": datetime.fromisoformat(str(row["said_at"])),
    }
