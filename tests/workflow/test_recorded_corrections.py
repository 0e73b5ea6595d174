"""What a person corrects is kept for good, makes a version, and holds until it is taken back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from filed import record
from hypothesis import given
from hypothesis import strategies as st

import node.workflow.store
from node.domain.correction import Correctable, Correction
from node.domain.ports import Received
from node.errors import ConflictError, DataError
from node.workflow.states import State
from node.workflow.steps.correcting import correct
from node.workflow.store.database import Store
from node.workflow.store.register import HeaderRow
from node.workflow.store.rows import CorrectionRow, Said, standing
from node.workflow.store.snapshot import Snapshot
from node.workflow.store.tables import SCHEMA

MIGRATIONS = Path(node.workflow.store.__file__).with_name("migrations")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEIGHT, GENOTYPE, SEX = Correctable.WEIGHT, Correctable.GENOTYPE, Correctable.SEX


class StoppedClock:
    def now(self) -> datetime:
        return AT


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, StoppedClock())
    store.migrate()
    store.exams.create(anchor="1.2", patient_key="P", text="new")
    yield store
    store.close()


def begun(store: Store, state: State = State.DELIVERED) -> None:
    store.exams.move(1, state, "sent", plan={"series": {}}, made_at=AT.isoformat(), released=1, tries=2)


def receive_pet(store: Store, **changes: object) -> None:
    """A PET image in the exam's study, with the header that the worker would have read."""
    from node.assemble.header import header_of, to_json

    pt, explicit = "1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.1.2.1"
    record(
        store, Received("1.2.9.1", pt, explicit, "aa", 10, "inbox/x", "A", "PET", "EMBER", "127.0.0.1", datetime(2026, 5, 4, tzinfo=UTC))
    )
    header = json.loads(to_json(header_of(_pet_dataset()))) | changes
    store.register.headers_read([HeaderRow("1.2.9.1", "P", "1.2", "1.2.9", json.dumps(header), None)])


def _pet_dataset() -> object:
    from pydicom.dataset import Dataset

    dataset, dose = Dataset(), Dataset()
    dataset.SOPInstanceUID, dataset.SOPClassUID = "1.2.9.1", "1.2.840.10008.5.1.4.1.1.128"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2", "1.2.9", "PT"
    dataset.PatientID, dataset.PatientSex, dataset.PatientWeight = "P", "F", "75"
    dose.RadionuclideTotalDose, dose.RadiopharmaceuticalStartTime = "253100000", "093000"
    dataset.RadiopharmaceuticalInformationSequence = [dose]
    return dataset


def say(store: Store, values: dict[Correctable, str], **more: object) -> int:
    return correct(store, store.exams.get(1), values, **{"author": "A. Smith", "reason": "typing error"} | more).version  # type: ignore[arg-type]


def test_a_correction_makes_the_next_version_and_says_who_and_why(store: Store) -> None:
    receive_pet(store)
    begun(store)
    done = correct(store, store.exams.get(1), {WEIGHT: "71", SEX: "M"}, author="A. Smith", reason="typing error")
    exam = store.exams.get(1)
    assert (done.version, done.before) == (2, 1)
    assert (exam.state, exam.version, exam.plan, exam.made_at, exam.released, exam.tries) == (State.RECEIVED, 2, None, None, False, 0)
    (event,) = [event for event in store.exams.events(1) if event.version == 2]
    assert event.text == "corrected by A. Smith (typing error): weight 71 (header: 75 kg); sex M (header: F)"


def test_before_a_version_has_begun_a_correction_joins_it(store: Store) -> None:
    store.exams.move(1, State.WAITING, "waiting for the T1")
    done = correct(store, store.exams.get(1), {GENOTYPE: "HAB"}, author="A. Smith", reason="blood")
    assert (done.version, done.before) == (1, None)
    assert (store.exams.get(1).state, store.exams.get(1).version) == (State.WAITING, 1)
    assert [one.what for one in store.corrections.standing(1, 1)] == [GENOTYPE]


@pytest.mark.parametrize("state", [State.ALIGNED, State.HELD, State.REJECTED, State.FAILED, State.DELIVERED])
def test_a_begun_exam_is_corrected_in_any_state(store: Store, state: State) -> None:
    begun(store, state)
    assert say(store, {WEIGHT: "71"}) == 2
    assert store.exams.get(1).state is State.RECEIVED


def test_a_rejected_exam_without_a_plan_begins_again(store: Store) -> None:
    store.exams.move(1, State.FAILED, "could not be looked at")
    assert say(store, {WEIGHT: "71"}) == 2


def test_every_value_can_be_said_and_the_header_is_told_beside_it(store: Store) -> None:
    receive_pet(store)
    begun(store)
    values = {
        Correctable.WEIGHT: "71",
        Correctable.HEIGHT: "1.80",
        Correctable.SEX: "F",
        Correctable.ACTIVITY: "250",
        Correctable.RESIDUAL: "3.5",
        Correctable.INJECTED_AT: "2026-03-01T09:31:00",
        Correctable.KINETIC_ZERO: "2026-03-01T09:31:10",
        Correctable.GENOTYPE: "MAB",
    }
    assert set(values) == set(Correctable)
    say(store, values)
    told = {row.what: (row.text, row.header) for row in store.corrections.of_exam(1)}
    assert {what: text for what, (text, _) in told.items()} == values
    assert [told[what][1] for what in (Correctable.WEIGHT, Correctable.HEIGHT, Correctable.SEX)] == ["75 kg", "nothing", "F"]
    assert told[Correctable.ACTIVITY][1] == "253.1 MBq"
    assert told[Correctable.INJECTED_AT][1] == "09:30:00"
    assert told[Correctable.GENOTYPE][1] == "no attribute"


@pytest.mark.parametrize(
    ("values", "more", "words"),
    [
        ({WEIGHT: "heavy"}, {}, "weight"),
        ({WEIGHT: "7100"}, {}, "weight"),
        ({GENOTYPE: "HIGH"}, {}, "genotype"),
        ({}, {}, "at least one value"),
        ({WEIGHT: "71"}, {"author": " "}, "an author and a reason"),
        ({WEIGHT: "71"}, {"reason": ""}, "an author and a reason"),
        ({WEIGHT: "71"}, {"undo": [WEIGHT]}, "one of the two"),
        ({}, {"undo": [WEIGHT]}, "no correction of weight to take back"),
    ],
)
def test_what_cannot_be_taken_changes_nothing(store: Store, values: dict[Correctable, str], more: dict[str, object], words: str) -> None:
    begun(store)
    with pytest.raises(DataError, match=words):
        say(store, values, **more)
    assert (store.exams.get(1).version, store.corrections.of_exam(1)) == (1, ())


@pytest.mark.parametrize(("state", "plan"), [(State.IGNORED, None), (State.HELD, {"series": {}, "conflicts": ["birth dates differ"]})])
def test_an_exam_that_no_value_could_mend_is_not_corrected(store: Store, state: State, plan: dict[str, object] | None) -> None:
    store.exams.move(1, state, "why", plan=plan)
    with pytest.raises(ConflictError, match="E00001"):
        say(store, {WEIGHT: "71"})


def test_a_correction_holds_until_it_is_taken_back(store: Store) -> None:
    begun(store)
    say(store, {WEIGHT: "71", GENOTYPE: "HAB"})
    begun(store)
    say(store, {WEIGHT: "72"})
    begun(store)
    say(store, {}, undo=[WEIGHT])
    texts = {version: {one.what: one.text for one in store.corrections.standing(1, version)} for version in (1, 2, 3, 4)}
    assert texts == {1: {}, 2: {WEIGHT: "71", GENOTYPE: "HAB"}, 3: {WEIGHT: "72", GENOTYPE: "HAB"}, 4: {GENOTYPE: "HAB"}}
    begun(store)
    with pytest.raises(DataError, match="no correction of weight"):
        say(store, {}, undo=[WEIGHT])


ROWS = st.lists(st.tuples(st.sampled_from(Correctable), st.one_of(st.none(), st.text(min_size=1, max_size=3)), st.booleans()), max_size=12)


@given(ROWS)
def test_what_stands_is_what_a_reader_of_the_list_would_say(said: list[tuple[Correctable, str | None, bool]]) -> None:
    rows, version, by_hand = [], 1, {}
    for n, (what, text, next_version) in enumerate(said):
        version += next_version
        rows.append(CorrectionRow(version, what, text, "", "a", "b", AT + timedelta(seconds=n)))
        if text is None:
            by_hand.pop(what, None)
        else:
            by_hand[what] = text
    found = standing(rows, version)
    assert {one.what: one.text for one in found} == by_hand
    assert all(isinstance(one, Correction) for one in found)
    assert standing(rows, 0) == ()


def test_the_database_itself_keeps_what_was_said(store: Store, tmp_path: Path) -> None:
    begun(store)
    say(store, {WEIGHT: "71"})
    with closing(sqlite3.connect(tmp_path / "node.db")) as connection:
        for query in ("UPDATE corrections SET text = '99'", "DELETE FROM corrections"):
            with pytest.raises(sqlite3.IntegrityError, match="stays as it was made"):
                connection.execute(query)
    assert store.corrections.of_exam(1)[0].text == "71"


def test_a_correction_that_cannot_be_written_begins_no_version(store: Store) -> None:
    begun(store)
    with pytest.raises(sa.exc.IntegrityError):
        store.corrections.record(1, [Said(WEIGHT, "71", None)], author="a", reason="b", text="t")  # type: ignore[arg-type]
    assert store.exams.get(1).version == 1


def test_the_snapshot_reads_the_same(store: Store, tmp_path: Path) -> None:
    begun(store)
    say(store, {WEIGHT: "71"})
    assert Snapshot(tmp_path).corrections(1) == store.corrections.of_exam(1)
    assert Snapshot(tmp_path).corrections(2) == ()


def test_the_schema_that_the_code_needs_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_a_register_from_before_there_were_corrections_is_read_and_brought_up_to_date(tmp_path: Path) -> None:
    store = Store(tmp_path, StoppedClock())
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with store._engine.begin() as connection:  # as the version of then wrote it
        connection.exec_driver_sql(
            "INSERT INTO exams (anchor, patient_key, state, reason, version, tries, released, created_at, updated_at) "
            "VALUES ('1.2', 'P', 'RECEIVED', 'new', 1, 0, 0, '2026-03-01T12:00:00+00:00', '2026-03-01T12:00:00+00:00')"
        )
    assert Snapshot(tmp_path).schema() == "0001"
    assert Snapshot(tmp_path).corrections(1) == ()

    store.migrate()

    assert Snapshot(tmp_path).schema() == SCHEMA
    assert store.exams.get(1).anchor == "1.2"
    begun(store)
    assert say(store, {WEIGHT: "71"}) == 2
    store.close()
