"""`Store`: opens the database, brings its schema up to date, and carries the rooms' parts of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from node.domain.ports import Clock
from node.errors import TemporaryError
from node.workflow.store.answers import Answers
from node.workflow.store.assignments import Assignments
from node.workflow.store.callers import Callers
from node.workflow.store.commitments import Commitments
from node.workflow.store.corrections import Corrections
from node.workflow.store.deliveries import Deliveries
from node.workflow.store.evidence import Evidence
from node.workflow.store.exams import Exams
from node.workflow.store.filing import Filing
from node.workflow.store.identity_changes import IdentityChanges
from node.workflow.store.keeping import Keeping
from node.workflow.store.news import News
from node.workflow.store.notices import Notices
from node.workflow.store.quarantine import Quarantine
from node.workflow.store.register import InstanceRegister
from node.workflow.store.rejections import Rejections
from node.workflow.store.retrievals import Retrievals
from node.workflow.store.verdicts import Verdicts

BUSY_TIMEOUT_S = 30.0
"""How long one writer waits for another."""


class Store:
    """The node's database.

    Parameters
    ----------
    folder : the node's storage folder; the database is ``node.db`` in it
    clock : stamps the rows
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.path = folder / "node.db"
        self.url = f"sqlite:///{self.path}"
        self.clock = clock
        self._engine = _open(self.url)
        self.register = InstanceRegister(self._engine, clock)
        self.filing = Filing(self._engine)
        self.quarantine = Quarantine(self._engine, clock)
        self.exams = Exams(self._engine, clock)
        self.corrections = Corrections(self._engine, clock)
        self.assignments = Assignments(self._engine, clock)
        self.identity_changes = IdentityChanges(self._engine, clock)
        self.rejections = Rejections(self._engine, clock)
        self.verdicts = Verdicts(self._engine, clock)
        self.answers = Answers(self._engine, clock)
        self.callers = Callers(self._engine, clock)
        self.notices = Notices(self._engine, clock)
        self.evidence = Evidence(self._engine, clock)
        self.news = News(self._engine, clock)
        self.retrievals = Retrievals(self._engine, clock)
        self.keeping = Keeping(self._engine, clock)
        self.deliveries = Deliveries(self._engine, clock)
        self.commitments = Commitments(self._engine, clock)

    def migrate(self) -> None:
        """Create the tables, or bring older ones up to date; nothing where they are."""
        from alembic import command
        from alembic.config import Config

        self.path.parent.mkdir(parents=True, exist_ok=True)
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def check(self) -> None:
        """Ask the database for its word that it is whole.

        Raises
        ------
        TemporaryError : it cannot be opened, or finds itself damaged
        """
        try:
            with self._engine.connect() as connection:
                verdict = connection.exec_driver_sql("PRAGMA quick_check").scalar()
        except sa.exc.DatabaseError as error:
            raise TemporaryError(f"the register {self.path} cannot be opened: {error.orig}") from error
        if verdict != "ok":
            raise TemporaryError(f"the register {self.path} is damaged: {verdict}")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _open(url: str) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, pool_size=32)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
