"""A node without network and sums, for the tests of gathering: associations that open and close, a clock that stands until it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filed import association_closed, association_opened, record
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from node import settings as settings_module
from node.domain.arrivals import Notice, NoticeKind
from node.domain.ports import Received
from node.settings import Settings
from node.workflow.states import State, Verb
from node.workflow.steps.intake import ExamIntake
from node.workflow.store.database import Store
from node.workflow.store.notices import write_notice
from node.workflow.store.rows import ExamRow, Posting
from node.workflow.sweep import Sweep
from tests.assemble.assemble_dicom import flair_series, mr_series, pet_series, write

EXPLICIT = "1.2.840.10008.1.2.1"


class Clock:
    """Stands until it is told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class Idle:
    """A runner that runs nothing."""

    def ensure(self, verb: Verb, exam: int, version: int, **_: object) -> None:
        pass


@dataclass
class Site:
    """One node; `title` is the AE title that sends."""

    settings: Settings
    store: Store
    clock: Clock
    title: str = "MR3T"
    _sent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A worker that starts, with nothing in its head."""
        self.intake = ExamIntake(self.settings, self.store, self.clock)
        self._sweep = Sweep(self.store.exams, self.intake, Idle(), self.clock, delivers=True)

    def sweep(self, *, after_s: float = 0.0) -> None:
        """Time passes, and the worker looks."""
        self.clock.at += timedelta(seconds=after_s)
        self._sweep.once()

    @contextmanager
    def association(self, title: str = "") -> Iterator[str]:
        """An association that is open in the block."""
        self._sent += 1
        name = f"A{self._sent}"
        association_opened(self.store, name, calling_ae=title or self.title)
        yield name
        association_closed(self.store, name, "released")

    def receive(self, datasets: Sequence[Dataset], association: str | None = None) -> None:
        """Images that came over an association, or over one of their own."""
        if association is None:
            with self.association() as name:
                return self.receive(datasets, name)
        for dataset in datasets:
            uid = str(dataset.SOPInstanceUID)
            write(dataset, self.settings.node.storage / f"{uid}.dcm")
            row = (
                uid,
                str(dataset.SOPClassUID),
                EXPLICIT,
                "0" * 64,
                10,
                f"{uid}.dcm",
                association,
                self.title,
                "EMBER",
                "x",
                self.clock.at,
            )
            record(self.store, Received(*row))
            self.clock.at += timedelta(milliseconds=1)
        return None

    def tell(self, kind: NoticeKind, dataset: Dataset, uid: str = "1.2.840.10008.1.20.1.1", *, encoded: bytes | None = None) -> None:
        """A notice that came in."""
        notice = Notice("A1", kind, "1.2.3", uid, 1, EXPLICIT, encode(dataset) if encoded is None else encoded)
        with self.store._engine.begin() as connection:
            write_notice(connection, notice, calling_ae=self.title, address="x", at=self.clock.at.isoformat())

    def exam(self, number: int = 1) -> ExamRow:
        return self.store.exams.get(number)

    @property
    def reason(self) -> str:
        """Why the exam waits, as the list shows it."""
        exam = self.exam()
        return f"{exam.reason} ({exam.progress})"

    @property
    def begun(self) -> bool:
        return self.exam().plan is not None

    def deliver(self) -> None:
        """The exam's present version was delivered."""
        version = self.exam().version
        self.store.deliveries.post([Posting(f"9.{version}", "pacs", 1, version, "summary", "1.2.3", "1.2.4", "x", "cc")])
        self.store.deliveries.receipts("pacs").stored(f"9.{version}", "answered 0x0000")
        self.store.exams.reached(1, State.DELIVERED, "sent", of_version=version)

    def told(self) -> list[str]:
        return [event.text for event in self.store.exams.events(1)]


def make_site(tmp_path: Path, *, network: str = "") -> Site:
    """With the shipped rules, but for thick slices; `network` is more of node.toml."""
    shipped = settings_module.shipped_folder()
    rules = (shipped / "rules.toml").read_text(encoding="utf-8").replace("thickest_slice_mm = 6", "thickest_slice_mm = 20")
    (tmp_path / "rules.toml").write_text(rules, encoding="utf-8")
    places = f'rules = "rules.toml"\ntracers = "{shipped / "tracers"}"\n'
    (tmp_path / "node.toml").write_text(f'[node]\nstorage = "storage"\n[analysis]\n{places}{network}', encoding="utf-8")
    settings = settings_module.load(tmp_path / "node.toml", {})
    settings.node.storage.mkdir()
    clock = Clock()
    store = Store(settings.node.storage, clock)
    store.migrate()
    return Site(settings, store, clock)


def encode(dataset: Dataset) -> bytes:
    """As it comes over the network, Explicit VR Little Endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def counted(datasets: list[Dataset], n: int | None = None) -> list[Dataset]:
    """An MR whose console counts: as many as there are, or another number."""
    for dataset in datasets:
        dataset.ImagesInAcquisition = len(datasets) if n is None else n
    return datasets


def pet() -> list[Dataset]:
    return pet_series()


def t1() -> list[Dataset]:
    return counted(mr_series())


def flair() -> list[Dataset]:
    return counted(flair_series())
