"""What has had its time is removed, file and row together; nothing else ever is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from node.domain.assignment import Word
from node.domain.filing import Batch, Filed, Place
from node.domain.ports import DeliveryState, Received
from node.errors import ConflictError
from node.settings import Settings
from node.workflow.states import State
from node.workflow.steps.keeping import ASIDE, Keeper, require_images
from node.workflow.steps.releasing import release
from node.workflow.store.assignments import Said
from node.workflow.store.database import Store
from node.workflow.store.register import HeaderRow
from node.workflow.store.rows import Posting
from node.workflow.store.tables import deliveries, quarantine
from tests.network import instance, write

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
UIDS = ("1.5.1", "1.5.2", "1.5.3")


class SetClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = BEGUN

    def now(self) -> datetime:
        return self.at


class Site:
    """A storage folder with exams that ended on the first of January."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, SetClock()
        self.store = Store(folder, self.clock)
        self.store.migrate()
        self.settings = Settings.model_validate(
            {
                "node": {"storage": str(folder)},
                "keeping": {"days": 30},
                "destination": [{"name": "pacs", "host": "h", "port": 104, "ae_title": "PACS"}],
            }
        )

    @property
    def keeper(self) -> Keeper:
        return Keeper(self.settings, self.store, self.clock)

    def exam(self, study: str = "1.5", patient: str = "P", state: State = State.DELIVERED, uids: tuple[str, ...] = UIDS) -> int:
        """With three images, results, and one proven object."""
        row = self.store.exams.create(anchor=study, patient_key=patient, text="new")
        self.receive(uids)
        series = f"{study}.9"
        self.store.register.headers_read([HeaderRow(uid, patient, study, series, "{}", None) for uid in uids])
        self.store.register.assign([study], row.number)
        folder = self.folder / "exams" / row.name / "v1" / "objects"
        folder.mkdir(parents=True)
        for name in ("result.json", "exam.npz", "objects/page.dcm"):
            (folder.parent / name).write_text(name)
        posting = Posting(f"{study}.100", "pacs", row.number, 1, "summary", "1.2", "1.2.1", f"exams/{row.name}/v1/objects/page.dcm", "d")
        self.store.deliveries.post([posting])
        self.delivery(row.number, DeliveryState.PROVEN)
        plan = {"series": {"PET": {"series_uid": series, "study_uid": study}}}
        self.store.exams.move(row.number, state, "done", plan=plan)
        return row.number

    def receive(self, uids: tuple[str, ...]) -> None:
        """As the filer does."""
        filed = []
        for uid in uids:
            file = self.folder / "inbox" / f"{uid}.dcm"
            file.parent.mkdir(exist_ok=True)
            file.write_text(uid)
            digest = hashlib.sha256(uid.encode()).hexdigest()
            received = Received(uid, "1.2", "1.2.1", digest, len(uid), f"inbox/{uid}.dcm", "a", "MR", "EMBER", "h:1", self.clock.now())
            filed.append(Filed(received, Place.INBOX))
        self.store.filing.file(Batch("receiver", filed, None, list(uids), {}))

    def delivery(self, exam: int, state: DeliveryState) -> None:
        self.change(deliveries.update().where(deliveries.c.exam == exam).values(state=state.value))

    def change(self, statement: sa.Executable) -> None:
        engine: Any = self.store.keeping._engine
        with engine.begin() as connection:
            connection.execute(statement)

    def files(self) -> set[str]:
        return {
            str(file.relative_to(self.folder))
            for place in ("inbox", "exams", ASIDE)
            for file in (self.folder / place).rglob("*.*")
            if file.is_file()
        }

    def later(self, days: float) -> int:
        """A pass so many days after the exams ended; returns how many exams were removed."""
        self.clock.at = BEGUN + timedelta(days=days)
        return self.keeper.once()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.store.close()


def test_an_exam_that_has_had_its_time_leaves_its_rows_and_what_was_measured(site: Site) -> None:
    site.exam()
    assert site.later(29) == 0
    assert site.later(31) == 1
    assert site.files() == {"exams/E00001/v1/result.json"}
    assert site.store.exams.events(1)[-1].text == "3 images (0 MiB) and the results were removed here after 30 days (keeping.days)"
    assert site.store.register.series_of_studies(["1.5"]) == ()
    assert site.store.filing.known(["1.5.1"])["1.5.1"].path == "inbox/1.5.1.again.dcm"
    assert site.later(32) == 0


@pytest.mark.parametrize(
    "state", [state for state in State if state not in (State.DELIVERED, State.IGNORED, State.REJECTED, State.WITHDRAWN)]
)
def test_what_is_not_at_its_end_is_never_removed(site: Site, state: State) -> None:
    site.exam(state=state)
    assert site.later(4000) == 0
    assert len(site.files()) == 6


@pytest.mark.parametrize(
    "state", [DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.STORED, DeliveryState.REFUSED, DeliveryState.HELD]
)
def test_what_is_not_proven_is_never_removed(site: Site, state: DeliveryState) -> None:
    site.delivery(site.exam(), state)
    assert site.later(4000) == 0


def test_stored_is_enough_where_the_site_says_that_no_proof_can_be_had(site: Site) -> None:
    site.delivery(site.exam(), DeliveryState.STORED)
    destination = site.settings.destination[0].model_copy(update={"proof": "none"})
    site.settings = site.settings.model_copy(update={"destination": (destination,)})
    assert site.later(31) == 1


def test_a_page_that_is_owed_keeps_the_exam(site: Site) -> None:
    number = site.exam(state=State.REJECTED)
    site.store.exams.move(number, State.REJECTED, "done", progress="page owed")
    assert site.later(4000) == 0


def test_no_patients_images_go_while_another_exam_of_theirs_needs_them(site: Site) -> None:
    site.exam()
    site.exam("1.6", uids=("1.6.1",), state=State.WAITING)
    assert site.later(4000) == 0
    site.store.exams.move(2, State.IGNORED, "not ours")
    assert site.later(4000) == 0, "it ended just now"
    assert site.later(4031) == 2


def test_images_under_a_promise_or_with_a_quarantined_twin_stay(site: Site) -> None:
    site.exam()
    site.store.commitments.promise("1.99", "MR", [("1.2", "1.5.2")], until=BEGUN)
    assert site.later(4000) == 0
    site.store.commitments.end_promise(1, "answered")
    twin = dict.fromkeys(("digest", "path", "kind", "reason", "association", "calling_ae", "called_ae", "address", "received_at"), "x")
    site.change(quarantine.insert().values(twin | {"sop_instance_uid": "1.5.1"}))
    assert site.later(4000) == 0
    site.change(quarantine.update().values(released_at="now"))
    assert site.later(4000) == 1


def test_nothing_is_removed_where_the_site_says_no_days(site: Site) -> None:
    site.exam()
    site.settings = site.settings.model_copy(update={"keeping": site.settings.keeping.model_copy(update={"days": None})})
    assert site.later(4000) == 0


def test_a_kill_before_the_commit_puts_the_files_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.exam()
    before = site.files()
    monkeypatch.setattr("node.workflow.store.keeping.write_event", _killed)
    with pytest.raises(KeyboardInterrupt):
        site.later(31)
    assert {name for name in site.files() if name.startswith(ASIDE)} == {f"{ASIDE}/{uid}.dcm" for uid in UIDS}
    monkeypatch.undo()
    site.keeper._settle()
    assert site.files() == before


def test_a_kill_after_the_commit_is_finished_by_the_next_pass(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.exam()
    monkeypatch.setattr("node.workflow.steps.keeping.log.info", _killed)
    with pytest.raises(KeyboardInterrupt):
        site.later(31)
    assert f"{ASIDE}/1.5.1.dcm" in site.files()
    monkeypatch.undo()
    site.later(31)
    assert site.files() == {"exams/E00001/v1/result.json"}


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_another_version_needs_the_images_until_they_have_come_again(site: Site) -> None:
    site.exam()
    site.later(31)
    exam = site.store.exams.get(1)
    with pytest.raises(ConflictError, match="3 of its images were removed here on 2026-02-01"):
        require_images(site.store, exam)
    known = site.store.filing.known(UIDS)
    back = [
        Filed(Received(uid, "1.2", "1.2.1", one.digest, 5, one.path, "b", "MR", "EMBER", "h:1", site.clock.now()), Place.RETURNED)
        for uid, one in known.items()
    ]
    site.store.filing.file(Batch("receiver", back, None, list(UIDS), known))
    require_images(site.store, exam)
    assert [count.images for count in site.store.register.series_of_studies(["1.5"])] == [3]


def test_who_decided_on_what_was_there_before_must_decide_again(site: Site) -> None:
    from node.errors import TemporaryError

    site.exam()
    known = site.store.filing.known(UIDS)
    site.later(31)
    with pytest.raises(TemporaryError):
        site.store.filing.file(Batch("receiver", [], None, list(UIDS), known))


def test_other_bytes_of_a_removed_image_are_let_in_by_a_person(site: Site) -> None:
    site.exam()
    site.later(31)
    file = site.folder / "quarantine" / "1.5.1.dcm"
    file.parent.mkdir()
    small = instance()
    small.SOPInstanceUID = "1.5.1"
    file.write_bytes(write(small, site.folder / "sent").read_bytes())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    came = Received("1.5.1", "1.2", "1.2.1", digest, 9, "quarantine/1.5.1.dcm", "b", "PACS", "EMBER", "h:1", site.clock.now())
    site.store.filing.file(Batch("receiver", [Filed(came, Place.QUARANTINE)], None, ["1.5.1"], site.store.filing.known(["1.5.1"])))
    row = site.store.quarantine.get(1)
    release(site.store, site.folder, row, author="Dr. A", reason="the archive has coerced its names")
    with pytest.raises(KeyError):
        site.store.quarantine.get(2)  # nothing was there to take its place
    now = site.store.filing.known(["1.5.1"])["1.5.1"]
    assert (now.digest, (site.folder / now.path).is_file()) == (digest, True)
    with pytest.raises(ConflictError, match="2 of its images"):
        require_images(site.store, site.store.exams.get(1))


def test_what_another_patients_exam_took_by_a_persons_word_stays_while_that_goes_on(site: Site) -> None:
    site.exam(state=State.IGNORED)
    taker = site.store.exams.create(anchor="1.7", patient_key="Q", text="new").number
    site.store.assignments.record(taker, [Said(Word.MERGE, other=1)], author="A", reason="the same person", text="merged")
    assert site.later(4000) == 0
    site.store.exams.move(taker, State.DELIVERED, "done")
    assert site.later(8001) == 2


@pytest.mark.parametrize("asked", ["begins", "promise"])
def test_what_comes_between_the_look_and_the_removal_is_respected(site: Site, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    site.exam()
    remove = site.store.keeping.remove

    def later(*arguments: Any, **named: Any) -> None:
        if asked == "begins":
            site.store.exams.create(anchor="1.7", patient_key="P", text="new")
        else:
            until = site.clock.now() + timedelta(minutes=10)
            site.store.commitments.promise("1.3", "MR", [("1.2", UIDS[0])], until=until)
        remove(*arguments, **named)

    monkeypatch.setattr(site.store.keeping, "remove", later)
    assert site.later(31) == 0
    assert len(site.files()) == 6
