"""A receiver on a free port, with a register in SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from network import SqliteRegister

from node.receive import Inbox, Receiver, ReceiverSettings


@dataclass
class Site:
    """A storage folder, its register, and the receiver that fills them."""

    storage: Path
    register: SqliteRegister
    receiver: Receiver

    def files(self, folder: str = "inbox") -> list[str]:
        """The files below a folder of the storage, relative to it."""
        root = self.storage / folder
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.name != ".lock")


@pytest.fixture
def register(tmp_path: Path) -> Iterator[SqliteRegister]:
    register = SqliteRegister(tmp_path / "register.db")
    yield register
    register.close()


@pytest.fixture
def inbox(tmp_path: Path, register: SqliteRegister) -> Iterator[Inbox]:
    inbox = Inbox(tmp_path / "storage", min_free_bytes=0)
    inbox.open(register)
    yield inbox
    inbox.close()


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """A receiver that listens, for the time of the block."""
    register = SqliteRegister(folder / "register.db")
    storage = folder / "storage"
    receiver = Receiver(ReceiverSettings("EMBER", "127.0.0.1", 0, max_associations=4), register, Inbox(storage, min_free_bytes=0))
    receiver.start()
    try:
        yield Site(storage, register, receiver)
    finally:
        receiver.stop()
        register.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same for all tests of a file."""
    with running(tmp_path_factory.mktemp("site")) as site:
        yield site
