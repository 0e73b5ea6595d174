"""`ResultIndex`: the headers of our own results in a small database of the web's process, so that a search reads no files.

It may be deleted at any time: what is in it follows from the frozen files. Each version of an exam goes in when its objects may be asked
for, and out when they no longer may.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydicom import dcmread

from node.domain.shown import Results, Shown
from node.errors import NodeError
from node.receive.dicomweb.attributes import ALL_KEYWORDS, INSTANCE_KEYWORDS, Attributes, attributes, tag_of

log = structlog.get_logger()

LOOK_AGAIN_S = 1.0
PATIENCE_S = 5.0
"""A new version is read in less; a large site's first look, which is not waited for, takes minutes."""
_FORM = 1
"""Of the tables; a file of another form is made anew."""

_INSTANCE_TAGS = tuple(tag_of(keyword) for keyword in INSTANCE_KEYWORDS)

_TABLES = """
CREATE TABLE versions (version TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE series (series TEXT PRIMARY KEY, study TEXT NOT NULL, version TEXT NOT NULL, instances INTEGER NOT NULL,
    attributes TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX series_by_study ON series (study);
CREATE INDEX series_by_version ON series (version);
CREATE TABLE instances (uid TEXT PRIMARY KEY, series TEXT NOT NULL, class TEXT NOT NULL, syntax TEXT NOT NULL, path TEXT NOT NULL,
    attributes TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX instances_by_series ON instances (series);
"""


@dataclass(frozen=True)
class SeriesEntry:
    """One series: its study's and its own attributes, from the header of one of its instances."""

    study_uid: str
    series_uid: str
    instances: int
    attributes: Attributes


@dataclass(frozen=True)
class InstanceEntry:
    """One instance, where it lies, and its own attributes."""

    study_uid: str
    series_uid: str
    shown: Shown
    attributes: Attributes


class ResultIndex:
    """What may be asked for now. May be called from several threads.

    Parameters
    ----------
    file : made where it is missing
    """

    def __init__(self, file: Path, results: Results) -> None:
        self._file = file
        self._results = results
        self._lock = threading.Lock()
        self._looked = -LOOK_AGAIN_S
        self._prepare()

    def refresh(self) -> None:
        """Take in what is new and put out what has gone, unless it was done a moment ago; who else is at it is waited for."""
        if not self._lock.acquire(timeout=PATIENCE_S):
            return
        try:
            if time.monotonic() - self._looked >= LOOK_AGAIN_S:
                self._look()
                self._looked = time.monotonic()
        finally:
            self._lock.release()

    def series(self, *, study: str | None = None, series: str | None = None) -> Iterator[SeriesEntry]:
        """All series, or those of a study, or one; sorted by study and series."""
        where, values = _where({"study": study, "series": series})
        query = f"SELECT study, series, instances, attributes FROM series{where} ORDER BY study, series"
        with self._open() as connection:
            for row in connection.execute(query, values):
                yield SeriesEntry(row[0], row[1], row[2], json.loads(row[3]))

    def instances(self, *, study: str | None = None, series: str | None = None, uid: str | None = None) -> Iterator[InstanceEntry]:
        """All instances, or those of a study or series, or one; sorted by study, series and UID."""
        where, values = _where({"series.study": study, "instances.series": series, "uid": uid})
        query = (
            "SELECT series.study, instances.series, uid, class, syntax, path, instances.attributes FROM instances "
            f"JOIN series ON series.series = instances.series{where} ORDER BY series.study, instances.series, uid"
        )
        with self._open() as connection:
            for row in connection.execute(query, values):
                yield InstanceEntry(row[0], row[1], Shown(row[2], row[3], row[4], Path(row[5])), json.loads(row[6]))

    def _look(self) -> None:
        wanted = self._results.versions()
        with self._open() as connection:
            known = {str(row[0]) for row in connection.execute("SELECT version FROM versions")}
        for version in sorted(known - wanted):
            self._put_out(version)
        for version in sorted(wanted - known):
            try:
                self._take_in(version)
            except (NodeError, OSError, sqlite3.Error) as error:  # tried again with the next look; the others must not wait for it
                log.error("results cannot be read", version=version, why=str(error))

    def _take_in(self, version: str) -> None:
        rows = [_read(shown) for shown in self._results.objects(version)]
        by_series: dict[str, list[InstanceEntry]] = {}
        for entry in rows:
            by_series.setdefault(entry.series_uid, []).append(entry)
        with self._open() as connection, connection:
            connection.execute("INSERT INTO versions VALUES (?)", (version,))
            for series, entries in by_series.items():
                first = entries[0]
                row = (series, first.study_uid, version, len(entries), json.dumps(first.attributes))
                connection.execute("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?)", row)
                connection.executemany("INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?)", map(_row, entries))
        log.info("results can be asked for", version=version, objects=len(rows))

    def _put_out(self, version: str) -> None:
        with self._open() as connection, connection:
            connection.execute("DELETE FROM instances WHERE series IN (SELECT series FROM series WHERE version = ?)", (version,))
            connection.execute("DELETE FROM series WHERE version = ?", (version,))
            connection.execute("DELETE FROM versions WHERE version = ?", (version,))
        log.info("results can no longer be asked for", version=version)

    def _prepare(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._open() as connection:
                if connection.execute("PRAGMA user_version").fetchone()[0] == _FORM:
                    return
        except sqlite3.DatabaseError:
            log.warning("the index of results was damaged, and is made anew")
        for suffix in ("", "-wal", "-shm", "-journal"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        with self._open() as connection:
            connection.executescript(f"PRAGMA journal_mode=WAL; BEGIN; {_TABLES} PRAGMA user_version={_FORM}; COMMIT;")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._file, timeout=30.0)
        try:
            yield connection
        finally:
            connection.close()


def _read(shown: Shown) -> InstanceEntry:
    wanted = ["SpecificCharacterSet", *ALL_KEYWORDS]
    header = dcmread(shown.path, stop_before_pixels=True, specific_tags=wanted)
    return InstanceEntry(str(header.StudyInstanceUID), str(header.SeriesInstanceUID), shown, attributes(header, ALL_KEYWORDS))


def _row(entry: InstanceEntry) -> Sequence[str]:
    own = {tag: entry.attributes[tag] for tag in _INSTANCE_TAGS if tag in entry.attributes}
    shown = entry.shown
    uids = (shown.sop_instance_uid, entry.series_uid, shown.sop_class_uid, shown.transfer_syntax_uid)
    return (*uids, str(shown.path), json.dumps(own))


def _where(conditions: dict[str, str | None]) -> tuple[str, tuple[str, ...]]:
    given = {column: value for column, value in conditions.items() if value is not None}
    return (" WHERE " + " AND ".join(f"{column} = ?" for column in given) if given else ""), tuple(given.values())
