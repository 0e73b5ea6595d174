"""What the tests of journal and filer share: journals of small segments, images to bring, and a register that is migrated once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from node.app import SystemClock
from node.domain.arrivals import Arriving, Caller, Notice, NoticeKind
from node.domain.filing import Position
from node.receive.filing import Filer
from node.receive.journal import Journal, Limits
from node.receive.reading import read_on
from node.receive.records import Told
from node.workflow.store.database import Store

MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT = "1.2.840.10008.1.2.1"
CALLER = Caller("MR3T", "EMBER", "10.1.2.3", 50000, "mr3t")
SEGMENT = 16384


def journal_in(storage: Path, writer: str = "receiver", **limits: int) -> Journal:
    """A journal of small segments, open."""
    journal = Journal(storage / "journal", writer, SystemClock(), Limits(**{"segment_bytes": SEGMENT, "small_bytes": 8192} | limits))
    journal.open()
    return journal


def arriving(uid: str, association: str = "A1") -> Arriving:
    return Arriving(association, MR, uid, EXPLICIT)


def bring(journal: Journal, uid: str, dataset: bytes, *, association: str = "A1", piece: int = 1000) -> None:
    """One instance, in pieces; kept when this returns."""
    incoming = journal.begin(arriving(uid, association))
    try:
        for start in range(0, len(dataset), piece):
            incoming.write(memoryview(dataset)[start : start + piece])
        incoming.keep()
    finally:
        incoming.drop()


def notice(uid: str, dataset: bytes = b"said") -> Notice:
    return Notice("A1", NoticeKind.COMMITMENT_REQUEST, "1.2.840.10008.1.20.1", uid, 1, EXPLICIT, dataset)


def stands_in(folder: Path, position: Position | None = None) -> Sequence[Told]:
    """Everything that stands in a writer's journal."""
    return read_on(folder, position, most_records=10**6, most_bytes=10**9).told


def dataset_of(uid: str, size: int = 500) -> bytes:
    """Bytes that differ from UID to UID."""
    return (uid.encode() * (size // len(uid) + 1))[:size]


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ember-register-"))
    store = Store(folder, SystemClock())
    store.migrate()
    with sa.create_engine(store.url).connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return folder / "node.db"


def register_in(storage: Path) -> Store:
    """The node's own register."""
    storage.mkdir(parents=True, exist_ok=True)
    if not (storage / "node.db").exists():
        shutil.copy(_migrated(), storage / "node.db")
    return Store(storage, SystemClock())


def file_all(storage: Path, store: Store) -> None:
    """What a filer does, until nothing is left."""
    filer = Filer(storage, store.filing)
    filer.open()
    try:
        while filer.once():
            pass
    finally:
        filer.close()


def rows(store: Store, table: str) -> list[dict[str, object]]:
    """All rows of a table."""
    with sa.create_engine(store.url).connect() as connection:
        return [dict(row._mapping) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
