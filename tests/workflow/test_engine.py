"""The engine takes an exam along the path, and every kind of error to its end."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from dbos import DBOS
from dbos._dbos import _get_dbos_instance as dbos_instance
from sqlalchemy.exc import OperationalError

from node.errors import DataError, QualityError, TemporaryError
from node.workflow.engine import ALIVE, Engine
from node.workflow.states import ENDED, State, Verb
from node.workflow.store.database import Store

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Script:
    """Work that does as it is told: a verb raises what stands for it, one after the other."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.errors: dict[Verb, list[Exception]] = {}
        self.done: list[Verb] = []
        self.released = 0
        self.stopped = False
        self.due_at: tuple[str, ...] = ()
        self.slow = threading.Event()
        self.stuck: list[int] = []
        self.overtaken_in: Verb | None = None
        self.fails_then: Exception | None = None

    def compute(self, exam: int, version: int, verb: Verb) -> str:
        if self.errors.get(verb):
            raise self.errors[verb].pop(0)
        self.done.append(verb)
        if verb is self.overtaken_in:
            self.store.exams.again(exam, "corrected by a person meanwhile")
        if verb is self.overtaken_in and self.fails_then is not None:
            raise self.fails_then
        return f"{verb.value} done"

    def release(self, exam: int, version: int) -> None:
        self.released += 1

    def is_made(self, verb: Verb, exam: int, version: int) -> bool:
        return verb in self.done

    def due(self, exam: int, version: int) -> tuple[str, ...]:
        """Two attempts are needed, and one after the last that fails."""
        if self.due_at:
            return self.due_at
        row = self.store.exams.get(exam)
        if (self.done.count(Verb.DELIVER) < 2 or self.errors.get(Verb.DELIVER)) and not self.stopped:
            return ("pacs",)
        if row.state in (State.REJECTED, State.WITHDRAWN):
            self.store.exams.move(exam, row.state, row.reason, progress=None)
        elif row.state is State.ENCODED:
            self.store.exams.reached(exam, State.DELIVERED, "sent", of_version=version)
        return ()

    def deliver(self, exam: int, version: int, destination: str) -> None:
        if destination == "slow":
            self.stuck.append(exam)
            self.slow.wait(30)
            return
        self.done.append(Verb.DELIVER)
        if self.errors.get(Verb.DELIVER):
            raise self.errors[Verb.DELIVER].pop(0)

    def put_off(self, exam: int, version: int, destination: str, delay_s: float | None) -> None:
        self.stopped |= delay_s is None


@pytest.fixture
def script(store: Store) -> Script:
    return Script(store)


@pytest.fixture
def engine(store: Store, script: Script) -> Iterator[Engine]:
    engine = Engine(store.url, store.exams, script, attempts=3)
    engine.launch()
    yield engine
    DBOS.destroy(destroy_registry=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def kept(engine: Engine, verb: Verb, condition: Callable[[], bool]) -> None:
    """As the sweep does it: see to it again and again."""

    def looked() -> bool:
        if not condition():
            engine.ensure(verb, 1, 1)
        return condition()

    until(looked)


def analysed(engine: Engine, store: Store) -> State:
    engine.ensure(Verb.ASSEMBLE, 1, 1)
    until(lambda: store.exams.get(1).state in ENDED | {State.ENCODED})
    return store.exams.get(1).state


def test_an_exam_goes_along_the_path(engine: Engine, store: Store, script: Script) -> None:
    assert analysed(engine, store) is State.ENCODED
    assert script.done == [Verb.ASSEMBLE, Verb.ALIGN, Verb.SEGMENT, Verb.QUANTIFY, Verb.ENCODE]
    until(lambda: script.released == 1)

    kept(engine, Verb.DELIVER, lambda: store.exams.get(1).state is State.DELIVERED)
    assert script.done[5:] == [Verb.DELIVER, Verb.DELIVER]


def test_work_that_is_alive_is_not_begun_twice(engine: Engine, store: Store, script: Script) -> None:
    for _ in range(5):
        engine.ensure(Verb.ASSEMBLE, 1, 1)
    until(lambda: store.exams.get(1).state is State.ENCODED)
    assert script.done.count(Verb.ALIGN) == 1


def test_what_may_pass_is_tried_again(engine: Engine, store: Store, script: Script) -> None:
    script.errors[Verb.ALIGN] = [TemporaryError("the process ended"), TemporaryError("the process ended")]
    assert analysed(engine, store) is State.ENCODED
    assert store.exams.get(1).tries == 0


def test_what_does_not_pass_is_given_up(engine: Engine, store: Store, script: Script) -> None:
    script.errors[Verb.ALIGN] = [TemporaryError("the process ended")] * 3
    assert analysed(engine, store) is State.FAILED
    assert "align was given up after 3 tries: the process ended" in store.exams.get(1).reason


def test_sending_that_fails_by_our_own_fault_is_tried_again_and_then_told(
    engine: Engine, store: Store, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.workflow.engine.FAULT_PAUSE_S", 0.1)
    script.errors[Verb.DELIVER] = [FileNotFoundError("exams/E00001/v1/objects/1.dcm")] * 3
    store.exams.move(1, State.ENCODED, "encoded")
    kept(engine, Verb.DELIVER, lambda: store.exams.get(1).state is State.FAILED)
    assert script.done == [Verb.DELIVER] * 3
    texts = [event.text for event in store.exams.events(1)]
    assert texts.count("version 1 could not be sent to pacs by a fault of the node; again in 0 s") == 2
    assert "FileNotFoundError" in (store.exams.events(1)[-1].detail or "")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), OperationalError("INSERT", {}, Exception("disk is full"))])
def test_sending_waits_for_a_disk_that_is_full_however_often_it_was_tried(
    engine: Engine, store: Store, script: Script, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("node.workflow.engine.FAULT_PAUSE_S", 0.01)
    script.errors[Verb.DELIVER] = [error] * 5
    store.exams.move(1, State.ENCODED, "encoded")
    kept(engine, Verb.DELIVER, lambda: store.exams.get(1).state is State.DELIVERED)


def test_a_run_whose_end_could_not_be_written_is_begun_anew(
    engine: Engine, store: Store, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.workflow.engine.ORPHANED_AFTER_S", 0.3)
    database = type(dbos_instance()._sys_db)
    real, full = database.update_workflow_outcome, [True]

    def once_full(*arguments: Any, **named: Any) -> Any:
        if full and full.pop():
            raise OperationalError("UPDATE", {}, Exception("disk is full"))
        return real(*arguments, **named)

    monkeypatch.setattr(database, "update_workflow_outcome", once_full)
    store.exams.move(1, State.ENCODED, "encoded")
    kept(engine, Verb.DELIVER, lambda: store.exams.get(1).state is State.DELIVERED)
    assert full == []


def test_runs_that_ended_long_ago_are_forgotten_and_the_live_one_is_not_begun_twice(
    engine: Engine, store: Store, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.workflow.engine.KEPT", timedelta(0))
    script.due_at = ("pacs",)
    for count in range(1, 4):
        kept(engine, Verb.DELIVER, lambda count=count: script.done.count(Verb.DELIVER) >= count)
    until(lambda: not DBOS.list_workflows(status=sorted(ALIVE)))
    former = len(script.done)
    engine.tidy()
    assert DBOS.list_workflows() == []

    script.deliver = lambda *this: (script.stuck.append(1), script.slow.wait(30))  # type: ignore[method-assign, assignment]
    engine._runs = {"deliver-E00001-v1-pacs": 7}
    engine.ensure(Verb.DELIVER, 1, 1)
    until(lambda: script.stuck == [1])
    engine._runs = {}
    engine._take_over()
    engine.ensure(Verb.DELIVER, 1, 1)
    assert [run.workflow_id for run in DBOS.list_workflows()] == ["deliver-E00001-v1-pacs-7"]
    script.slow.set()
    assert len(script.done) == former


def test_destinations_that_are_stuck_take_nobody_elses_place(engine: Engine, script: Script) -> None:
    script.due_at = ("slow", "pacs")
    for exam in range(1, 9):
        engine.ensure(Verb.DELIVER, exam, 1)
    until(lambda: script.done.count(Verb.DELIVER) == 8)
    assert len(script.stuck) == 2
    script.slow.set()
    until(lambda: sorted(script.stuck) == list(range(1, 9)))


def test_what_was_begun_under_another_version_of_the_workflows_is_begun_anew(
    engine: Engine, store: Store, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.due_at = ("slow",)
    engine.ensure(Verb.DELIVER, 1, 1)
    until(lambda: script.stuck == [1])
    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)
    script.slow.set()

    monkeypatch.setattr("node.workflow.engine.WORKFLOW_VERSION", "later")
    script.due_at = ("pacs",)
    again = Engine(store.url, store.exams, script, attempts=3)
    again.launch()
    script.due_at = ("slow",)
    again.ensure(Verb.DELIVER, 1, 1)
    until(lambda: script.stuck == [1, 1])


def test_a_failed_check_is_held(engine: Engine, store: Store, script: Script) -> None:
    script.errors[Verb.QUANTIFY] = [QualityError("the brain has 300 mL")]
    assert analysed(engine, store) is State.HELD
    assert store.exams.get(1).reason == "the brain has 300 mL"


def test_our_own_fault_keeps_its_traceback(engine: Engine, store: Store, script: Script) -> None:
    script.errors[Verb.SEGMENT] = [ZeroDivisionError("a line of a traceback")]
    assert analysed(engine, store) is State.FAILED
    assert store.exams.events(1)[-1].detail == "a line of a traceback"


def test_data_that_cannot_be_used_is_rejected_with_a_page(engine: Engine, store: Store, script: Script) -> None:
    script.errors[Verb.ASSEMBLE] = [DataError("PET series 1.2: no dose")]
    assert analysed(engine, store) is State.REJECTED
    kept(engine, Verb.REFUSE, lambda: store.exams.get(1).progress is None)
    assert script.done == [Verb.REFUSE, Verb.DELIVER, Verb.DELIVER]
    assert store.exams.get(1).reason == "PET series 1.2: no dose"


def test_a_withdrawn_result_gets_its_note_and_stays_withdrawn(engine: Engine, store: Store, script: Script) -> None:
    store.exams.move(1, State.WITHDRAWN, "rejected by a reader", progress="rejection note owed")
    kept(engine, Verb.WITHDRAW, lambda: store.exams.get(1).progress is None)
    assert script.done == [Verb.WITHDRAW, Verb.DELIVER, Verb.DELIVER]
    assert (store.exams.get(1).state, store.exams.get(1).reason) == (State.WITHDRAWN, "rejected by a reader")


def test_what_is_due_of_an_earlier_version_goes_out_though_another_has_begun(engine: Engine, store: Store, script: Script) -> None:
    store.exams.move(1, State.RECEIVED, "again", version=2)
    kept(engine, Verb.DELIVER, lambda: script.done == [Verb.DELIVER, Verb.DELIVER])
    assert (store.exams.get(1).state, store.exams.get(1).version) == (State.RECEIVED, 2)


def test_a_note_that_cannot_be_made_is_our_fault_and_told(engine: Engine, store: Store, script: Script) -> None:
    script.errors[Verb.WITHDRAW] = [DataError("exam E00001: nobody has rejected version 1")]
    store.exams.move(1, State.WITHDRAWN, "rejected by a reader", progress="rejection note owed")
    kept(engine, Verb.WITHDRAW, lambda: store.exams.get(1).state is State.FAILED)


def test_a_version_that_was_overtaken_is_left_alone(engine: Engine, store: Store, script: Script) -> None:
    store.exams.move(1, State.RECEIVED, "again", version=2)
    engine.ensure(Verb.ASSEMBLE, 1, 1)
    until(lambda: script.released == 1)
    assert script.done == []


@pytest.mark.parametrize("error", [None, DataError("no dose"), QualityError("moved"), ZeroDivisionError()])
def test_a_version_that_is_overtaken_in_the_middle_leaves_the_next_one_alone(
    engine: Engine, store: Store, script: Script, error: Exception | None
) -> None:
    script.overtaken_in, script.fails_then = Verb.ALIGN, error
    engine.ensure(Verb.ASSEMBLE, 1, 1)
    until(lambda: script.released == 1)
    exam = store.exams.get(1)
    assert (exam.state, exam.version, exam.reason) == (State.RECEIVED, 2, "corrected by a person meanwhile")
    assert script.done == [Verb.ASSEMBLE, Verb.ALIGN]
