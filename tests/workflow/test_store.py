"""The store: one transaction a method, durable, and the schema as the migrations make it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from filed import association_closed, association_opened, record

from node.domain.filing import Known
from node.domain.ports import DeliveryState, Received
from node.workflow.states import ENDED, OWING, State
from node.workflow.store.database import Store
from node.workflow.store.deliveries import parcel
from node.workflow.store.register import HeaderRow, StudyRow
from node.workflow.store.rows import Posting
from node.workflow.store.tables import metadata


class StoppedClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_s(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(tmp_path: Path, clock: StoppedClock) -> Iterator[Store]:
    store = Store(tmp_path, clock)
    store.migrate()
    yield store
    store.close()


def received(uid: str = "1.2.3", digest: str = "aa", association: str = "A1") -> Received:
    mr, explicit = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1"
    return Received(
        uid, mr, explicit, digest, 10, f"inbox/{uid}", association, "MR", "EMBER", "127.0.0.1", datetime(2026, 5, 4, tzinfo=UTC)
    )


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    engine = sa.create_engine(store.url)
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert difference == []


def test_migrating_twice_changes_nothing(store: Store) -> None:
    record(store, received())
    store.migrate()
    assert store.filing.known(["1.2.3"]) == {"1.2.3": Known("aa", "inbox/1.2.3")}
    store.check()


def test_the_first_bytes_of_a_uid_stay(store: Store) -> None:
    for digest in ("aa", "aa", "bb", "bb"):
        record(store, received(digest=digest))

    assert store.filing.known(["1.2.3"]) == {"1.2.3": Known("aa", "inbox/1.2.3")}
    assert store.register.counts() == {"instances": 1, "unread": 1, "unreadable": 0, "changed": 1}


def test_headers_make_series_and_open_associations_are_seen(store: Store, clock: StoppedClock) -> None:
    association_opened(store, "A1", calling_ae="MR")
    record(store, received("1.2.3"))
    clock.pass_s(5)
    record(store, received("1.2.4"))
    assert store.register.unread(10) == (("1.2.3", "inbox/1.2.3"), ("1.2.4", "inbox/1.2.4"))

    rows = [HeaderRow("1.2.3", "P", "1.2", "1.2.9", "{}", None), HeaderRow("1.2.4", None, None, None, None, "cut short")]
    store.register.headers_read(rows)

    assert store.register.unread(10) == ()
    (series,) = store.register.series_of_patient("P")
    assert (series.series_uid, series.images) == ("1.2.9", 1)
    assert store.register.instances_of("1.2.9")[0].header == "{}"
    assert store.register.open_associations(["1.2.9"]) == ("MR",)
    association_closed(store, "A1", "released")
    assert store.register.open_associations(["1.2.9"]) == ()
    assert store.register.studies_without_exam() == (StudyRow("1.2", "P", ""),)
    store.register.assign(["1.2"], 1)
    assert store.register.studies_without_exam() == ()
    assert store.register.exam_of("1.2") == 1


def test_an_unread_image_of_the_same_association_is_seen(store: Store) -> None:
    record(store, received("1.2.3"))
    record(store, received("1.2.4"))
    record(store, received("1.2.5", association="A2"))
    store.register.headers_read([HeaderRow("1.2.3", "P", "1.2", "1.2.9", "{}", None)])
    assert store.register.unread_beside(["1.2.9"]) == 1


def test_each_change_of_an_exam_is_told_once(store: Store) -> None:
    exam = store.exams.create(anchor="1.2", patient_key="P", text="images of a new study")
    assert (exam.name, exam.state) == ("E00001", State.RECEIVED)
    store.exams.move(1, State.WAITING, "waiting for the T1")
    store.exams.move(1, State.WAITING, "waiting for the T1")
    store.exams.move(1, State.RECEIVED, "complete", plan={"pet": "1.2.9"}, made_at="2026-03-01T12:00:00+00:00")
    assert [event.text for event in store.exams.events(1)] == ["images of a new study", "waiting for the T1", "complete"]
    assert store.exams.get(1).plan == {"pet": "1.2.9"}
    assert store.exams.get(1).made_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_tries_start_anew_when_a_step_is_done(store: Store) -> None:
    store.exams.create(anchor="1.2", patient_key="P", text="new")
    assert (store.exams.tried(1), store.exams.tried(1)) == (1, 2)
    store.exams.reached(1, State.ASSEMBLED, "assembled", of_version=1)
    assert store.exams.get(1).tries == 0
    with pytest.raises(KeyError):
        store.exams.get(2)


def test_what_is_in_the_outbox_stays_as_it_is_when_posted_again(store: Store, tmp_path: Path) -> None:
    store.exams.create(anchor="1.2", patient_key="P", text="new")
    posting = Posting("9.9", "pacs", 1, 1, "SEG", "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.1.2.1", "exams/x.dcm", "cc")
    store.deliveries.post([posting])
    receipts = store.deliveries.receipts("pacs")
    assert (receipts.tried(1, 1), receipts.tried(1, 1)) == (1, 2)
    receipts.sending("9.9")
    receipts.stored("9.9", "answered 0x0000")
    store.deliveries.post([posting])
    (row,) = store.deliveries.of_exam(1, 1)
    assert (row.state, row.detail, row.attempts) == (DeliveryState.STORED, "answered 0x0000", 2)
    assert parcel(row, tmp_path).path == tmp_path / "exams/x.dcm"


def test_what_has_ended_and_owes_nothing_is_not_looked_at_again(store: Store) -> None:
    for number, state in enumerate(State, start=1):
        store.exams.create(anchor=f"1.{number}", patient_key="P", text="new")
        store.exams.move(number, state, "why")
    assert {exam.state for exam in store.exams.unfinished()} == {state for state in State if state not in ENDED}

    for exam in store.exams.all():
        store.exams.move(exam.number, exam.state, "why", progress="owed")
    assert {exam.state for exam in store.exams.unfinished()} - {state for state in State if state not in ENDED} == set(OWING)


def test_readers_answers_are_found_without_looking_at_every_image(store: Store) -> None:
    plans: list[str] = []

    @sa.event.listens_for(store._engine, "before_cursor_execute")
    def _explain(_connection: Any, cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        if "answers" in statement:
            plans.extend(str(row[3]) for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    assert store.answers.unanswered(["1.2.840.10008.5.1.4.1.1.66.4"]) == ()
    assert any("instances_by_class" in line for line in plans)
    assert not any(line.startswith("SCAN instances") for line in plans)
