"""`News`: series of which images have come, until what follows from them for exams that have begun or ended is done.

A row is written with the headers, in one transaction, and removed when all that follows from it is done, which done twice is as done once:
a kill forgets nothing, and begins nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from node.domain.ports import Clock
from node.workflow.store.exams import begin_again, write_event
from node.workflow.store.rows import ExamRow
from node.workflow.store.tables import events, news, reopenings


@dataclass(frozen=True)
class SeriesNews:
    """A series of which images have come."""

    study_uid: str
    series_uid: str


class News:
    """The rows of news and of versions that began by themselves."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def pending(self) -> tuple[SeriesNews, ...]:
        """What nobody has dealt with, in order of study and series."""
        query = sa.select(news.c.study_uid, news.c.series_uid).order_by(news.c.study_uid, news.c.series_uid)
        with self._reading.begin() as connection:
            return tuple(SeriesNews(*row) for row in connection.execute(query))

    def done(self, item: SeriesNews) -> None:
        """All that follows is done."""
        with self._engine.begin() as connection:
            connection.execute(news.delete().where(news.c.study_uid == item.study_uid, news.c.series_uid == item.series_uid))

    def again(self, exam: ExamRow, text: str) -> int:
        """The exam begins again by itself as its next version; returns its number.

        Raises
        ------
        ConflictError : see `begin_again`
        """
        now = self._clock.now().isoformat()
        with self._engine.begin() as connection:
            version = begin_again(connection, exam.number, text, at=now)
            connection.execute(reopenings.insert().values(exam=exam.number, version=version, at=now, why=text))
        return version

    def note(self, exam: ExamRow, text: str) -> None:
        """A line in the story, once a version: a series that comes image by image is told once."""
        same = sa.and_(events.c.exam == exam.number, events.c.version == exam.version, events.c.text == text)
        with self._engine.begin() as connection:
            if connection.execute(sa.select(events.c.id).where(same)).first() is None:
                write_event(connection, exam.number, exam.version, exam.state, text, at=self._clock.now().isoformat())

    def versions_begun(self, exam: int) -> int:
        """How many versions of an exam began by themselves since images came late."""
        query = sa.select(sa.func.count()).select_from(reopenings).where(reopenings.c.exam == exam)
        with self._reading.begin() as connection:
            return int(connection.execute(query).scalar_one())


def write_news(connection: sa.Connection, items: Iterable[tuple[str, str]], *, at: str) -> None:
    """Within a transaction: images of these series, (study UID, series UID) each, have come."""
    for study_uid, series_uid in sorted(set(items)):
        row = {"study_uid": study_uid, "series_uid": series_uid, "at": at}
        connection.execute(news.insert().prefix_with("OR REPLACE", dialect="sqlite").values(row))
