"""A node without network and sums: what comes in, the rows, and the sweep by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from filed import record
from pydicom.dataset import Dataset

from node import settings as settings_module
from node.domain.ports import Received
from node.domain.priority import Priority
from node.settings import Settings
from node.workflow.states import State, Verb
from node.workflow.steps.intake import ExamIntake
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow, Posting
from node.workflow.sweep import Sweep
from tests.assemble.assemble_dicom import write


class SlowClock:
    """A clock that stands until it is told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class Idle:
    """A runner that runs nothing."""

    def ensure(self, verb: Verb, exam: int, version: int, *, priority: Priority = Priority.NORMAL) -> None:
        pass


@dataclass
class Site:
    """A node without network and sums."""

    settings: Settings
    store: Store
    clock: SlowClock = field(default_factory=SlowClock)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A worker that starts, with nothing in its head."""
        intake = ExamIntake(self.settings, self.store, self.clock)
        self._sweep = Sweep(self.store.exams, intake, Idle(), self.clock, delivers=True)

    def receive(self, datasets: Sequence[Dataset], *, source: str = "MR", called: str = "EMBER") -> None:
        for dataset in datasets:
            uid = str(dataset.SOPInstanceUID)
            write(dataset, self.settings.node.storage / f"{uid}.dcm")
            syntax = "1.2.840.10008.1.2.1"
            record(
                self.store,
                Received(uid, dataset.SOPClassUID, syntax, "0" * 64, 10, f"{uid}.dcm", "A", source, called, "x", self.clock.now()),
            )
            self.clock.at += timedelta(milliseconds=1)

    def settle(self, *, minutes: float = 1.0) -> None:
        """Time enough for everything that begins by itself."""
        self._sweep.once()
        self.clock.at += timedelta(minutes=minutes)
        self._sweep.once()
        self._sweep.once()

    def exam(self, number: int = 1) -> ExamRow:
        return self.store.exams.get(number)

    def deliver(self, *uids: str) -> None:
        """The exam's present version was delivered with these objects."""
        version = self.exam().version
        self.store.deliveries.post([Posting(uid, "pacs", 1, version, "lesions", "1.2.3", "1.2.4", "x", "cc") for uid in uids])
        for uid in uids:
            self.store.deliveries.receipts("pacs").stored(uid, "answered 0x0000")
        self.store.exams.reached(1, State.DELIVERED, "sent", of_version=version)

    def told(self, number: int = 1) -> list[str]:
        return [event.text for event in self.store.exams.events(number)]


def small_site(folder: Path, *, more_rules: str = "", more_settings: str = "") -> Site:
    """A site with the shipped rules, and more."""
    shipped = settings_module.shipped_folder()
    rules = (shipped / "rules.toml").read_text(encoding="utf-8").replace("thickest_slice_mm = 6", "thickest_slice_mm = 20")
    (folder / "rules.toml").write_text(rules + more_rules, encoding="utf-8")
    places = f'rules = "rules.toml"\ntracers = "{shipped / "tracers"}"\n'
    (folder / "node.toml").write_text(f'[node]\nstorage = "storage"\n[analysis]\n{places}{more_settings}', encoding="utf-8")
    settings = settings_module.load(folder / "node.toml", {})
    settings.node.storage.mkdir()
    (settings.node.storage / "node.db").write_bytes(_empty_register())
    clock = SlowClock()
    return Site(settings, Store(settings.node.storage, clock), clock)


@cache
def _empty_register() -> bytes:
    """A migrated register, made once: the migrations take longer than most tests."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder), SlowClock())
        store.migrate()
        store.close()
        return store.path.read_bytes()
