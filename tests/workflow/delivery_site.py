"""A site whose results are encoded, with archives that misbehave, and a clock that moves when told."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from faulty_archive import COMMITMENT, QUERY, STORAGE, FaultyArchive, report
from network import digest, instance, serving, write
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from node.domain.arrivals import Notice, NoticeKind
from node.domain.ports import DeliveryState
from node.settings import Destination, NodeSection, PeerSection, Settings
from node.settings.network import ReceiverSection
from node.workflow.states import State, Verb
from node.workflow.steps.delivering import Deliverer
from node.workflow.steps.dispatching import Dispatch
from node.workflow.store.database import Store
from node.workflow.store.notices import write_notice
from node.workflow.store.rows import Posting


class MovingClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Site:
    """Exam 1, version 1, ENCODED, with three objects for each destination; also what the engine is for the node's own parts."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.clock = MovingClock()
        self.store = Store(folder, self.clock)
        self.store.migrate()
        self.store.exams.create(anchor="1.2", patient_key="P", text="new")
        self.settings = Settings(node=NodeSection(storage=folder))
        self._stack = stack
        stack.callback(self.store.close)
        self.paths = [write(instance(number), folder / "objects") for number in range(3)]
        self.uids = [path.stem for path in self.paths]
        self.promises: list[int] = []

    def add(self, name: str, *, query: bool = True, commitment: bool = False, **said: Any) -> FaultyArchive:
        """A destination of kind dimse, and its archive."""
        archive = FaultyArchive()
        contexts = [*STORAGE, *([QUERY] if query else []), *([COMMITMENT] if commitment else [])]
        port = self._stack.enter_context(serving(contexts, archive.handlers(), ae_title=name.upper()))
        self.connect(name, port, **said)
        return archive

    def connect(self, name: str, port: int, **said: Any) -> None:
        """A destination at a port, with the objects posted to it."""
        section = Destination(name=name, host="127.0.0.1", port=port, ae_title=name.upper(), **{"timeout_s": 2, **said})
        self.set(destination=(*self.settings.destination, section))
        self.post(name)
        self.store.exams.move(1, State.ENCODED, "encoded", plan={"series": {}})

    def set(self, **sections: Any) -> None:
        """Other settings."""
        self.settings = self.settings.model_copy(update=sections)
        self.deliverer = Deliverer(self.settings, self.store)
        self.dispatch = Dispatch(self.settings, self.store, self)

    def post(self, name: str, version: int = 1) -> None:
        rows = zip(self.paths, ("overlay", "summary", "report"), strict=True)
        sop_class = str(instance().SOPClassUID)
        self.store.deliveries.post(
            Posting(
                path.stem, name, 1, version, kind, sop_class, str(ExplicitVRLittleEndian), f"objects/{path.name}", digest(path.read_bytes())
            )
            for path, kind in rows
        )

    def run(self, *, passes: int = 20) -> None:
        """What is due now, as the engine does it."""
        for _ in range(passes):
            due = self.deliverer.due(1, 1)
            for name in due:
                self.deliverer.deliver(1, 1, name)
            if not due:
                return

    def later(self, seconds: float) -> None:
        """Time passes, and what is due then is done."""
        self.clock.time += timedelta(seconds=seconds)
        self.dispatch.once()
        self.run()

    def ensure(self, verb: Verb, exam: int, version: int) -> None:
        """The engine's part, at once."""
        for name in self.deliverer.due(exam, version):
            self.deliverer.deliver(exam, version, name)

    def ensure_promise(self, number: int) -> None:
        self.promises.append(number)

    def told(self, dataset: Any, *, calling_ae: str = "PACS", address: str = "10.9.9.9:4711") -> str:
        """A report of commitment that came through the door; what became of it."""
        encoded = encode(dataset, is_implicit_vr=False, is_little_endian=True)
        assert encoded is not None
        return self.notice(NoticeKind.COMMITMENT_RESULT, encoded, calling_ae=calling_ae, address=address)

    def notice(self, kind: NoticeKind, encoded: bytes, *, calling_ae: str, address: str = "10.9.9.9:4711") -> str:
        notice = Notice("A1", kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance, 1, str(ExplicitVRLittleEndian), encoded)
        engine = sa.create_engine(self.store.url)
        with engine.begin() as connection:
            write_notice(connection, notice, calling_ae=calling_ae, address=address, at=self.clock.now().isoformat())
        engine.dispose()
        self.dispatch.once()
        with sa.create_engine(self.store.url).connect() as connection:
            told = str(connection.exec_driver_sql("SELECT told FROM notices ORDER BY id DESC").scalar())
        return told

    def commits(self, archive: FaultyArchive, request: int = -1, **said: Any) -> str:
        """The archive reports that it holds all that was asked in a request."""
        transaction, uids = archive.requests[request]
        return self.told(report(transaction, uids), **said)

    def states(self, name: str = "pacs") -> list[str]:
        """In the order of `uids`."""
        rows = {row.sop_instance_uid: row.state.value for row in self.store.deliveries.of_exam(1, 1, name)}
        return [rows[uid] for uid in self.uids]

    @property
    def exam(self) -> State:
        return self.store.exams.get(1).state

    @property
    def reason(self) -> str:
        return self.store.exams.get(1).reason


__all__ = ["DeliveryState", "PeerSection", "ReceiverSection", "Site"]
