"""A reader accepts or rejects a result; what was stored is withdrawn by notes on just that, made once."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.domain.ports import DeliveryState
from node.domain.verdict import Verdict
from node.errors import ConflictError, DataError
from node.settings import Destination, NodeSection, Settings
from node.workflow import artefacts
from node.workflow.decide import Facts, decide
from node.workflow.states import State, Verb
from node.workflow.steps.compute import ComputeSteps
from node.workflow.steps.formers import formers
from node.workflow.steps.judging import accept, reject
from node.workflow.steps.outbox import Frozen, Outbox
from node.workflow.steps.sending import Worker
from node.workflow.store.database import Store
from node.workflow.store.rows import REJECTION, Posting
from node.workflow.store.snapshot import Snapshot
from node.workflow.story import listing

SC, EXPLICIT = "1.2.840.10008.5.1.4.1.1.7", str(ExplicitVRLittleEndian)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = {"author": "A. Smith", "reason": "wrong side"}


class StoppedClock:
    def now(self) -> datetime:
        return AT


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    pacs = [Destination(name=name, host="127.0.0.1", port=104, ae_title=name.upper()) for name in ("pacs", "vna")]
    return Settings(node=NodeSection(storage=tmp_path), destination=pacs)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, StoppedClock())
    store.migrate()
    store.exams.create(anchor="1.2", patient_key="P", text="new")
    store.exams.move(1, State.DELIVERED, "sent", plan={"series": {"PET": {"series_uid": "1"}}}, made_at=AT.isoformat())
    yield store
    store.close()


def send(store: Store, storage: Path, uid: str, *destinations: str, study: str = "1.2", refused: str = "") -> None:
    """An object of version 1 that these destinations stored, and one refused."""
    path = Path("exams/E00001/v1/objects") / f"{uid}.dcm"
    (storage / path).parent.mkdir(parents=True, exist_ok=True)
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID, d.StudyInstanceUID, d.SeriesInstanceUID = SC, uid, study, f"{uid}.1"
    d.PatientName = d.PatientID = d.PatientBirthDate = d.PatientSex = d.StudyDate = d.StudyTime = ""
    d.StudyID = d.AccessionNumber = d.ReferringPhysicianName = ""
    d.Rows = d.Columns = 1
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.save_as(storage / path, enforce_file_format=True)
    names = [*destinations, *([refused] if refused else [])]
    store.deliveries.post([Posting(uid, name, 1, 1, "summary", SC, EXPLICIT, path.as_posix(), "cc") for name in names])
    for name in destinations:
        store.deliveries.receipts(name).stored(uid, "answered 0x0000")
    if refused:
        store.deliveries.receipts(refused).refused(uid, "0x0122")


def posted(store: Store) -> dict[str, set[str]]:
    """Destination → SOP Instance UIDs of the rejection notes posted to it."""
    rows = [row for row in store.deliveries.of_exam(1) if row.kind == REJECTION]
    return {name: {row.sop_instance_uid for row in rows if row.destination == name} for name in {row.destination for row in rows}}


def named(storage: Path, uid: str) -> set[str]:
    note = dcmread(storage / "exams/E00001/v1/objects" / f"{uid}.dcm")
    series = [item for study in note.CurrentRequestedProcedureEvidenceSequence for item in study.ReferencedSeriesSequence]
    return {str(one.ReferencedSOPInstanceUID) for item in series for one in item.ReferencedSOPSequence}


def withdraw(store: Store, settings: Settings) -> str:
    return ComputeSteps(settings, store, lambda text: None).run(Verb.WITHDRAW, 1, 1)


# --- verdicts -----------------------------------------------------------------------------------------------------------------------------


def test_an_accepted_result_stays_what_it_is_and_says_who_has_looked(store: Store) -> None:
    for _ in range(2):
        accept(store, store.exams.get(1), author="A. Smith", reason="looks right")
    exam = store.exams.get(1)
    assert (exam.state, exam.reason) == (State.DELIVERED, "sent")
    (said,) = store.verdicts.of_exam(1)
    assert (said.verdict, said.version, said.author, said.reason, said.made_at) == (Verdict.ACCEPTED, 1, "A. Smith", "looks right", AT)
    assert [event.text for event in store.exams.events(1)][-1] == "accepted by A. Smith: looks right"


@pytest.mark.parametrize("state", [State.DELIVERED, State.HELD, State.FAILED])
def test_what_a_destination_stored_is_withdrawn(store: Store, tmp_path: Path, state: State) -> None:
    send(store, tmp_path, "9.1", "pacs", refused="vna")
    store.exams.move(1, state, "why")
    assert reject(store, store.exams.get(1), verdict=Verdict.UNSAFE, **WHO) is State.WITHDRAWN
    exam = store.exams.get(1)
    assert (exam.state, exam.progress) == (State.WITHDRAWN, "rejection note owed")
    assert exam.reason == "withdrawn, rejected for patient safety by A. Smith: wrong side"
    assert store.verdicts.of_exam(1)[0].verdict is Verdict.UNSAFE


def test_where_nothing_was_stored_a_page_is_owed_and_no_note(store: Store, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", refused="pacs")
    store.exams.move(1, State.HELD, "the head moved")
    assert reject(store, store.exams.get(1), **WHO) is State.REJECTED
    exam = store.exams.get(1)
    assert (exam.state, exam.progress, exam.reason) == (State.REJECTED, "page owed", "rejected by A. Smith: wrong side")


def test_lesions_that_wait_for_images_are_turned_down_without_a_page(store: Store) -> None:
    store.exams.move(1, State.HELD, "waits", plan={"series": {}, "unclaimed": "waits"})
    assert reject(store, store.exams.get(1), **WHO) is State.IGNORED
    assert store.exams.get(1).progress is None


@pytest.mark.parametrize("state", [State.ALIGNED, State.REJECTED, State.WITHDRAWN, State.IGNORED])
def test_what_is_under_way_or_was_no_result_is_not_judged(store: Store, tmp_path: Path, state: State) -> None:
    send(store, tmp_path, "9.1", "pacs")
    store.exams.move(1, state, "why")
    with pytest.raises(ConflictError, match="no result to reject"):
        reject(store, store.exams.get(1), **WHO)
    with pytest.raises(ConflictError, match="no result to accept"):
        accept(store, store.exams.get(1), **WHO)
    assert store.verdicts.of_exam(1) == ()


@pytest.mark.parametrize("words", [{"author": " ", "reason": "x"}, {"author": "x", "reason": ""}])
def test_a_verdict_has_an_author_and_a_reason(store: Store, words: dict[str, str]) -> None:
    with pytest.raises(DataError, match="an author and a reason"):
        accept(store, store.exams.get(1), **words)
    with pytest.raises(DataError, match="an author and a reason"):
        reject(store, store.exams.get(1), **words)


def test_an_exam_that_became_another_version_meanwhile_is_not_judged(store: Store, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    seen = store.exams.get(1)
    store.exams.again(1, "corrected lesions came")
    with pytest.raises(ConflictError, match="look at it again"):
        reject(store, seen, **WHO)
    assert (store.exams.get(1).state, store.verdicts.of_exam(1)) == (State.RECEIVED, ())


def test_the_database_itself_keeps_verdicts_and_answers(store: Store, tmp_path: Path) -> None:
    accept(store, store.exams.get(1), **WHO)
    store.answers.file("1.2.3", None, "none of ours")
    with closing(sqlite3.connect(tmp_path / "node.db")) as connection:
        for table in ("verdicts", "answers"):
            for query in (f"UPDATE {table} SET exam = 7", f"DELETE FROM {table}"):
                with pytest.raises(sqlite3.IntegrityError, match="as it was"):
                    connection.execute(query)


# --- withdrawing --------------------------------------------------------------------------------------------------------------------------


def test_each_destination_gets_a_note_on_what_it_stored(store: Store, settings: Settings, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs", "vna", study="1.2")
    send(store, tmp_path, "9.2", "pacs", study="1.3", refused="vna")
    reject(store, store.exams.get(1), **WHO)

    assert withdraw(store, settings) == "withdrawn: 3 rejection notes"
    found = posted(store)
    assert {name: sorted(map(sorted, (named(tmp_path, uid) for uid in uids))) for name, uids in found.items()} == {
        "pacs": [["9.1"], ["9.2"]],
        "vna": [["9.1"]],
    }
    assert not found["pacs"] & found["vna"]


def test_destinations_that_stored_the_same_share_their_notes(store: Store, settings: Settings, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs", "vna")
    reject(store, store.exams.get(1), **WHO)
    withdraw(store, settings)
    found = posted(store)
    assert found["pacs"] == found["vna"]
    assert {row.state for row in store.deliveries.of_exam(1) if row.kind == REJECTION} == {DeliveryState.QUEUED}


def test_notes_that_are_made_again_are_the_same_and_posted_once(store: Store, settings: Settings, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    reject(store, store.exams.get(1), **WHO)
    withdraw(store, settings)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.dcm")}
    for artefact in (tmp_path / "exams/E00001/v1").glob("withdrawal.*"):
        artefact.unlink()
    withdraw(store, settings)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.dcm")} == before
    assert len(posted(store)["pacs"]) == 1


def test_nobody_withdraws_what_nobody_rejected(store: Store, settings: Settings, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    with pytest.raises(DataError, match="nobody has rejected version 1"):
        withdraw(store, settings)


def test_a_withdrawn_exam_owes_its_note_until_it_was_answered(store: Store, settings: Settings, tmp_path: Path) -> None:
    assert decide(Facts(State.WITHDRAWN, owes=True)).verb is Verb.WITHDRAW
    assert decide(Facts(State.WITHDRAWN)).verb is None
    send(store, tmp_path, "9.1", "pacs", "vna")
    reject(store, store.exams.get(1), **WHO)
    withdraw(store, settings)
    for name, uids in posted(store).items():
        receipts = store.deliveries.receipts(name)
        for uid in uids:
            receipts.stored(uid, "answered 0x0000") if name == "pacs" else receipts.refused(uid, "0x0122")

    for row in store.deliveries.of_exam(1):  # nothing more to prove
        store.deliveries.plan(row.destination, [row.sop_instance_uid], None)
    assert Worker([sys.executable], settings, store).due(1, 1) == ()

    exam = store.exams.get(1)
    assert (exam.state, exam.progress) == (State.WITHDRAWN, None)
    assert exam.reason.endswith("by A. Smith: wrong side; vna did not take the rejection note: take the objects out there by hand")
    assert (
        store.exams.events(1)[-1].text
        == "the rejection note: 1 of 1 objects stored by pacs, not proven; 0 of 1 objects stored by vna, 1 refused"
    )
    assert [row.state for row in store.deliveries.of_exam(1, 1) if row.kind != REJECTION] == [DeliveryState.STORED] * 2


def test_a_version_that_was_rejected_in_the_pacs_is_replaced_by_none(store: Store, tmp_path: Path) -> None:
    from node.workflow.store.verdicts import Said

    send(store, tmp_path, "9.1", "pacs")
    exam = store.exams.get(1)
    store.verdicts.record(exam, Said(Verdict.REJECTED, "a note", "why"), "rejected in the PACS", to=State.WITHDRAWN, answer="1.9")
    assert formers(store, tmp_path, replace(exam, version=2)) == ()


def test_another_version_waits_until_the_note_on_this_one_is_made(store: Store, settings: Settings, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    reject(store, store.exams.get(1), **WHO)
    with pytest.raises(ConflictError, match="has not made its rejection note yet"):
        store.exams.again(1, "run again by a person")
    with pytest.raises(ConflictError, match="has not made its rejection note yet"):
        store.answers.begin("1.9", [1], "corrected lesions came")
    assert (store.exams.get(1).version, store.answers.of_exam(1, SC)) == (1, ())

    withdraw(store, settings)

    assert store.exams.again(1, "run again by a person") == 2
    assert posted(store).keys() == {"pacs"}


def test_a_destination_that_took_no_note_is_named_once(store: Store, settings: Settings, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    reject(store, store.exams.get(1), **WHO)
    withdraw(store, settings)
    for uid in posted(store)["pacs"]:
        store.deliveries.receipts("pacs").refused(uid, "0x0122")
    for _ in range(2):  # killed before the engine knew that it was done
        for row in store.deliveries.of_exam(1):
            store.deliveries.plan(row.destination, [row.sop_instance_uid], None)
        Worker([sys.executable], settings, store).due(1, 1)
    assert store.exams.get(1).reason.count("by hand") == 1


def test_the_last_word_on_a_version_says_whether_another_takes_its_place(store: Store, tmp_path: Path) -> None:
    from node.workflow.store.verdicts import Said

    send(store, tmp_path, "9.1", "pacs")
    artefacts.save(tmp_path / "exams/E00001/v1", "objects", Outbox((Frozen("summary", "9.1", SC, EXPLICIT, "objects/9.1.dcm", "cc"),)))
    exam = store.exams.get(1)
    store.verdicts.note(exam, Said(Verdict.REJECTED, "a note", "one page"), "one page was rejected", version=1, answer="1.9")
    assert store.verdicts.rejected(1) == {1}
    assert formers(store, tmp_path, replace(exam, version=2)) == ()

    accept(store, exam, author="A. Smith", reason="the page was sent twice")

    assert store.verdicts.rejected(1) == frozenset()
    assert [one.version for one in formers(store, tmp_path, replace(exam, version=2))] == [1]
    assert listing(Snapshot(tmp_path))[0]["verdict"]["verdict"] == "accepted"
    assert [said.verdict for said in Snapshot(tmp_path).verdicts(1)] == [Verdict.REJECTED, Verdict.ACCEPTED]
    store.exams.again(1, "run again")
    assert listing(Snapshot(tmp_path))[0]["verdict"] is None


def test_what_one_destination_has_and_another_waits_for_is_not_called_nothing(store: Store, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    store.deliveries.post([Posting("9.1", "vna", 1, 1, "summary", SC, EXPLICIT, "exams/E00001/v1/objects/9.1.dcm", "cc")])
    store.exams.move(1, State.ENCODED, "vna is down")
    with pytest.raises(ConflictError, match="still being sent, and a part is stored"):
        reject(store, store.exams.get(1), **WHO)
    assert store.verdicts.of_exam(1) == ()


def test_what_every_destination_has_may_be_judged_before_it_is_proven(store: Store, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    store.exams.move(1, State.ENCODED, "commitment asked")
    accept(store, store.exams.get(1), **WHO)
    assert store.exams.get(1).state is State.ENCODED
    assert reject(store, store.exams.get(1), **WHO) is State.WITHDRAWN


def test_the_note_of_an_exam_that_was_given_up_has_all_its_tries(store: Store, tmp_path: Path) -> None:
    send(store, tmp_path, "9.1", "pacs")
    store.exams.move(1, State.FAILED, "given up after 3 tries", tries=3)
    reject(store, store.exams.get(1), **WHO)
    assert (store.exams.get(1).state, store.exams.get(1).tries) == (State.WITHDRAWN, 0)
