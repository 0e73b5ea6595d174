"""What an exam lacks is asked of peers and fetched; an archive of DCMTK gives it, and the filer and the intake take it in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from benchmarks.peers import Orthanc, free_port, send
from node.assemble.rules import load_rules
from node.domain.arrivals import Arriving, Caller
from node.receive.contexts import STORAGE_CLASSES
from node.receive.filing import Filer
from node.receive.journal import Journal, Limits
from node.retrieve.get import MOST_CONTEXTS
from node.settings import Settings, read_toml, shipped_folder
from node.settings.network import PeerSection, RetrieveSection
from node.workflow.decide import Action, Decision, decide
from node.workflow.steps.fetching import TRIES, Fetcher
from node.workflow.steps.intake import ExamIntake
from node.workflow.steps.sources import storage
from node.workflow.store.database import Store
from node.workflow.store.retrievals import BY_HAND, Offer, RetrievalState
from tests.assemble.assemble_dicom import flair_series, mr_series, pet_series, write
from tests.network import dataset_bytes

PERSON = {"PatientBirthDate": "19800102", "PatientSex": "F"}


class MovedClock:
    """The machine's clock, set forward at will."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Node:
    """Journal, filer, intake and fetcher of one node, in one process."""

    folder: Path
    settings: Settings
    store: Store
    clock: MovedClock
    journal: Journal
    filer: Filer
    intake: ExamIntake
    fetcher: Fetcher

    def receive(self, datasets: Sequence[Dataset]) -> None:
        """As the receiver does, and as the filer and the worker then do."""
        (self.folder / "sent").mkdir(exist_ok=True)
        self.journal.opened("a1", Caller("PETCT", "EMBER", "127.0.0.1", 1))
        for number, dataset in enumerate(datasets):
            file = write(dataset, self.folder / "sent" / f"{number}.dcm")
            coming = self.journal.begin(
                Arriving("a1", dataset.SOPClassUID, dataset.SOPInstanceUID, str(dataset.file_meta.TransferSyntaxUID))
            )
            coming.write(memoryview(dataset_bytes(file)))
            coming.keep()
        self.journal.closed("a1", "released")
        self.take_in()

    def take_in(self) -> None:
        while self.filer.once():
            pass
        self.intake.read_headers()
        self.intake.open_exams()

    def decision(self) -> Decision:
        return decide(self.intake.facts(self.store.exams.get(1)))

    def later(self, seconds: float) -> Decision:
        self.clock.ahead += timedelta(seconds=seconds)
        return self.decision()


def rules(folder: Path) -> Path:
    """The shipped rules, which take the phantom's thick slices."""
    shipped = (shipped_folder() / "rules.toml").read_text()
    file = folder / "rules.toml"
    file.write_text(shipped.replace("thickest_slice_mm = 6", "thickest_slice_mm = 20"))
    return file


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An archive with the T1, the FLAIR and a localizer of the patient of the PET, an earlier PET, and an MR of another birth date."""
    folder = tmp_path_factory.mktemp("archive")
    earlier = pet_series(
        PatientID="P1",
        scan_start=datetime.fromisoformat("2023-03-05 11:20:00"),
        SeriesInstanceUID="1.9.1",
        StudyInstanceUID="1.9",
        **PERSON,
    )
    other = mr_series(series="1.8.1", StudyInstanceUID="1.8", PatientID="P1", PatientBirthDate="19500101", StudyDate="20240304")
    (folder / "files").mkdir()
    files = []
    for dataset in (*_mrs(), *earlier, *other):
        if dataset.StudyInstanceUID == "1.9":
            dataset.SOPInstanceUID = f"1.9.{dataset.SOPInstanceUID}"
            dataset.StudyDate = "20230305"
        files.append(write(dataset, folder / "files" / f"{len(files)}.dcm"))
    with Orthanc(folder / "pacs") as archive:
        send(files, archive.dicom_port, called=archive.ae_title)
        yield archive.dicom_port


def _mrs() -> list[Dataset]:
    values = {"StudyInstanceUID": "1.7", "PatientID": "P1", "StudyDate": "20240305", **PERSON}
    localizer = mr_series(slices=3, series="1.7.1", **values, SeriesNumber=1)
    for one in localizer:
        one.SeriesDescription, one.ImageType = "localizer", ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    t1 = mr_series(series="1.7.2", **values, SeriesNumber=2)
    flair = flair_series(series="1.7.3", **values, SeriesNumber=3)
    return [*localizer, *t1, *flair]


@pytest.fixture
def node(tmp_path: Path, port: int) -> Iterator[Node]:
    peer = PeerSection(name="pacs", ae_titles=("TESTPACS",), host="127.0.0.1", port=port, ae_title="TESTPACS", ask="images", timeout_s=5)
    retrieve = RetrieveSection(missing_roles=True, after_quiet_s=60)
    settings = Settings.model_validate({"node": {"storage": str(tmp_path / "storage")}})
    analysis = settings.analysis.model_copy(update={"rules": rules(tmp_path), "tracers": shipped_folder() / "tracers"})
    settings = settings.model_copy(update={"peer": (peer,), "retrieve": retrieve, "analysis": analysis})
    yield from made(tmp_path, settings)


def made(folder: Path, settings: Settings) -> Iterator[Node]:
    storage, clock = settings.node.storage, MovedClock()
    storage.mkdir(exist_ok=True)
    store = Store(storage, clock)
    store.migrate()
    journal, fetched = (Journal(storage / "journal", name, clock, Limits()) for name in ("receiver", "fetch"))
    filer = Filer(storage, store.filing)
    for one in (journal, fetched, filer):
        one.open()
    yield Node(
        folder,
        settings,
        store,
        clock,
        journal,
        filer,
        ExamIntake(settings, store, clock),
        Fetcher(settings, store, load_rules(read_toml(settings.analysis.rules)), fetched, clock),
    )
    for one in (filer, fetched, journal, store):
        one.close()


def pet(**changes: str) -> list[Dataset]:
    return pet_series(PatientID="P1", StudyDate="20240305", **PERSON, **changes)


@pytest.mark.peer("Orthanc", "storescu")
def test_missing_roles_are_fetched_one_series_after_the_other_until_they_are_filled(node: Node) -> None:
    node.receive(pet())
    assert not node.store.retrievals.due_search(), "nothing is asked while images may still be on their way"
    first = node.later(61)
    assert (first.action, first.passing) == (Action.WAIT, True)
    assert first.reason.startswith("asking peers for the T1")

    told = set()
    for _ in range(12):
        told.add(decide_and_fetch(node).reason.split(";")[0])
    assert "fetching the T1 from pacs: 0 of 6 images" in told or any(text.startswith("fetching the T1 from pacs: 0") for text in told)
    rows = node.store.retrievals.of_exam(1, 1)
    assert {row.series_uid for row in rows if row.state is RetrievalState.FETCHED} == {"1.7.2", "1.7.3"}, "the localizer was not needed"
    final = node.later(61)
    assert final.action is Action.BEGIN, final.reason
    assert "differs in birth date: not fetched" in " ".join(event.text for event in node.store.exams.events(1))
    assert not any(row.study_uid == "1.8" for row in rows)


def decide_and_fetch(node: Node) -> Decision:
    """A pass of the sweep, one of the fetcher, and what follows, some seconds later."""
    decision = node.decision()
    node.fetcher.once()
    node.take_in()
    node.clock.ahead += timedelta(seconds=10)
    return decision


@pytest.mark.peer("Orthanc", "storescu")
def test_nothing_is_asked_where_the_site_does_not_say_so(tmp_path: Path, node: Node) -> None:
    off = node.settings.model_copy(update={"retrieve": RetrieveSection()})
    for quiet in made(tmp_path / "off", off.model_copy(update={"node": off.node.model_copy(update={"storage": tmp_path / "off"})})):
        quiet.receive(pet())
        assert quiet.later(120).reason.startswith("waiting, deadline")
        assert quiet.store.retrievals.due_search() is None


@pytest.mark.peer("Orthanc", "storescu")
def test_a_budget_ends_the_fetching_and_the_deadline_counts_again(node: Node) -> None:
    node.fetcher._settings = node.settings.model_copy(update={"retrieve": RetrieveSection(missing_roles=True, images_an_exam=5)})
    node.receive(pet())
    node.later(61)
    for _ in range(8):
        last = decide_and_fetch(node)
    assert last.reason.startswith("waiting, deadline")
    assert {row.state for row in node.store.retrievals.of_exam(1, 1)} == {RetrievalState.LEFT}
    assert "images_an_exam = 5 would be exceeded" in node.store.retrievals.of_exam(1, 1)[0].told


@pytest.mark.peer("Orthanc", "storescu")
def test_a_peer_that_has_more_than_it_told_of_is_stopped_at_the_budget(node: Node) -> None:
    node.fetcher._settings = node.settings.model_copy(update={"retrieve": RetrieveSection(missing_roles=True, images_an_exam=3)})
    offer = Offer(None, None, "T1", "the node", "pacs", "P1", "1.7", "1.7.2", "MR", "", expected=2)
    node.receive(pet())
    (number,) = node.store.retrievals.ask([replace(offer, exam=1, version=1)])
    node.fetcher.once()
    (row,) = node.store.retrievals.some([number])
    assert (row.state, row.kept, row.next_at) == (RetrievalState.PARTLY, 4, None)
    assert "images_an_exam = 3 was reached" in row.told


@pytest.mark.peer("Orthanc", "storescu")
def test_a_fetch_that_the_node_does_not_survive_is_given_up(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    (number,) = node.store.retrievals.ask([Offer(None, None, BY_HAND, "A", "pacs", "P1", "1.7", "1.7.2", "MR", "", expected=6)])

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    monkeypatch.setattr("node.workflow.steps.fetching.fetch", killed)
    for _ in range(TRIES):
        with pytest.raises(SystemExit):
            node.fetcher.once()
    node.fetcher.once()
    (row,) = node.store.retrievals.some([number])
    assert (row.state, row.next_at) == (RetrievalState.FAILED, None)
    assert "did not live" in row.told


@pytest.mark.peer("Orthanc", "storescu")
def test_only_what_is_missing_of_a_series_is_fetched(node: Node) -> None:
    half = [one for one in _mrs() if one.SeriesInstanceUID == "1.7.2"][:4]
    for one in half:
        one.ImagesInAcquisition = 6
    node.receive(pet())
    node.receive(half)
    node.later(61)
    for _ in range(10):
        decide_and_fetch(node)
    row = next(row for row in node.store.retrievals.of_exam(1, 1) if row.series_uid == "1.7.2")
    assert (row.kept, row.state, row.told) == (2, RetrievalState.FETCHED, "2 of 2 images")
    assert sum(count.images for count in node.store.register.series("1.7.2")) == 6


@pytest.mark.peer("Orthanc", "storescu")
def test_an_earlier_exam_is_fetched_and_waited_for_no_longer_than_the_site_says(node: Node) -> None:
    both = RetrieveSection(priors=True, priors_wait_min=10)
    settings = node.settings.model_copy(update={"retrieve": both})
    node.intake, node.fetcher._settings = ExamIntake(settings, node.store, node.clock), settings
    node.fetcher._searching._settings = settings
    node.receive([*pet(), *_mrs()])
    assert node.intake.facts(node.store.exams.get(1)).rests == "asking peers for earlier exams", "also of an exam that begins at once"
    assert "asking peers for earlier exams" in node.later(61).reason
    for _ in range(6):
        decide_and_fetch(node)
    assert "waiting for 1 earlier exams to be analysed" in node.decision().reason
    assert node.store.exams.get(2).anchor == "1.9"
    assert node.store.retrievals.is_prior("1.9")
    assert node.later(600).action is Action.BEGIN


@pytest.mark.peer("Orthanc", "storescu")
def test_a_peer_that_is_down_is_tried_again_later_and_told(node: Node) -> None:
    away = node.settings.model_copy(update={"peer": (node.settings.peer[0].model_copy(update={"port": free_port(), "timeout_s": 0.5}),)})
    node.fetcher._settings = node.fetcher._searching._settings = away
    node.receive(pet())
    node.later(61)
    decide_and_fetch(node)
    search = node.store.retrievals.search(1, 1, "T1")
    assert (search.tries, search.next_at is not None) == (1, True)
    assert "pacs has not answered" in search.told
    assert node.decision().action is Action.WAIT
    assert replace(search, tries=0) != search


@pytest.mark.peer("Orthanc", "storescu")
def test_a_fault_of_ours_costs_one_fetch_and_is_told(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.receive(pet())
    node.later(61)
    decide_and_fetch(node)
    monkeypatch.setattr("node.workflow.steps.fetching.fetch", lambda *_, **__: 1 / 0)
    for _ in range(3):
        decide_and_fetch(node)
    failed = [row for row in node.store.retrievals.of_exam(1, 1) if row.state is RetrievalState.FAILED]
    assert {(row.told, row.next_at) for row in failed} == {("failed by a fault of the node; see its log", None)}


def test_what_we_take_fits_into_one_association() -> None:
    assert len(storage()) < MOST_CONTEXTS
    assert {one.sop_class_uid for one in storage()} == {str(uid) for uid in STORAGE_CLASSES}
