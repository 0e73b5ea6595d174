"""The whole receiving end on a free port: receiver, journal, filer and register."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from journals import journal_in
from knocking import HERE, PLAIN

from node.app import SystemClock
from node.receive.association import AssociationSettings
from node.receive.filing import Filer
from node.receive.journal import Journal
from node.receive.receiver import Receiver, ReceiverSettings
from node.workflow.store.database import Store
from node.workflow.store.tables import associations, instances, quarantine


@dataclass
class Site:
    """A storage folder, its register, and what fills them."""

    storage: Path
    store: Store
    journal: Journal
    filer: Filer
    receiver: Receiver

    def file(self) -> None:
        """File all that came in."""
        while self.filer.once():
            pass

    def rows(self, table: sa.Table = instances) -> Sequence[sa.Row[tuple[object, ...]]]:
        """The rows of instances, quarantine or associations."""
        with self.store._engine.connect() as connection:
            return connection.execute(sa.select(table)).all()

    def kept(self) -> dict[str, Path]:
        """The file of each instance, by UID."""
        return {row.sop_instance_uid: self.storage / row.path for row in self.rows()}

    def aside(self) -> list[Path]:
        """The files in quarantine."""
        return [self.storage / row.path for row in self.rows(quarantine)]

    def ends(self) -> list[str | None]:
        """How the associations ended, after filing."""
        self.file()
        return [row.how for row in self.rows(associations)]


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """A receiving end, for the time of the block."""
    storage = folder / "storage"
    store = Store(storage, SystemClock())
    store.migrate()
    journal, filer = journal_in(storage), Filer(storage, store.filing)
    filer.open()
    settings = ReceiverSettings(PLAIN, AssociationSettings(("EMBER",), idle_timeout_s=10))
    receiver = Receiver(settings, HERE, journal, store.callers, SystemClock())
    receiver.start()
    try:
        yield Site(storage, store, journal, filer, receiver)
    finally:
        receiver.stop()
        journal.close()
        filer.close()
        store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same for all tests of a file."""
    with running(tmp_path_factory.mktemp("site")) as site:
        yield site
