"""The sweep does what `decide` says, and one bad exam does not keep the others waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.app import SystemClock
from node.domain.exam import Role
from node.domain.priority import Priority
from node.errors import DataError
from node.workflow.decide import Candidate, Facts
from node.workflow.states import State, Verb
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow
from node.workflow.sweep import Sweep

CHOSEN = tuple(Candidate(role, f"1.{n}", True, "whole") for n, role in enumerate((Role.PET, Role.T1, Role.FLAIR)))
WHOLE = Facts(State.RECEIVED, CHOSEN, quiet_s=9.0, quiet_needed_s=5.0, deadline_s=3600.0)


class Scripted:
    """Intake and runner in one: facts by exam number, and what was asked to run."""

    def __init__(self) -> None:
        self.of: dict[int, Facts] = {}
        self.ensured: list[tuple[Verb, int, int]] = []

    def read_headers(self) -> int:
        return 0

    def open_exams(self) -> None:
        pass

    def facts(self, exam: ExamRow) -> Facts:
        if exam.number not in self.of:
            raise DataError("series 1.9 cannot be looked at")
        owes = exam.state is State.REJECTED and exam.progress is not None
        return replace(self.of[exam.number], state=exam.state, begun=exam.plan is not None, owes=owes)

    def plan(self, exam: ExamRow) -> dict[str, object]:
        return {"series": {}}

    def ensure(self, verb: Verb, exam: int, version: int, *, priority: Priority) -> None:
        self.ensured.append((verb, exam, version))


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def sweep(store: Store, scripted: Scripted) -> Sweep:
    return Sweep(store.exams, scripted, scripted, SystemClock(), delivers=True)


def test_a_whole_exam_is_begun_once_with_its_plan_and_date(sweep: Sweep, store: Store, scripted: Scripted) -> None:
    scripted.of[1] = WHOLE
    sweep.once()
    begun = store.exams.get(1)
    assert (begun.state, begun.plan) == (State.RECEIVED, {"series": {}})
    assert begun.made_at is not None

    sweep.once()
    assert store.exams.get(1).made_at == begun.made_at
    assert scripted.ensured == [(Verb.ASSEMBLE, 1, 1), (Verb.ASSEMBLE, 1, 1)]


def test_what_passes_is_shown_and_not_kept_in_the_story(sweep: Sweep, store: Store, scripted: Scripted) -> None:
    for unread in (3, 2, 1):
        scripted.of[1] = replace(WHOLE, unread=unread)
        sweep.once()
    exam = store.exams.get(1)
    assert (exam.state, exam.reason, exam.progress) == (State.WAITING, "images are arriving", "reading the headers of 1 new images")
    assert [event.text for event in store.exams.events(1)] == ["new", "images are arriving"]


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (replace(WHOLE, chosen=()), State.IGNORED),
        (replace(WHOLE, conflicts=("birth dates differ",)), State.HELD),
        (replace(WHOLE, chosen=CHOSEN[:1]), State.WAITING),
    ],
)
def test_every_decision_finds_its_state(sweep: Sweep, store: Store, scripted: Scripted, facts: Facts, state: State) -> None:
    scripted.of[1] = facts
    sweep.once()
    assert store.exams.get(1).state is state
    assert store.exams.get(1).progress is None
    assert scripted.ensured == []


def test_a_rejected_exam_is_looked_after_until_its_page_is_delivered(sweep: Sweep, store: Store, scripted: Scripted) -> None:
    scripted.of[1] = replace(WHOLE, unusable="PET series 1.0: Units are CNTS")
    sweep.once()
    sweep.once()
    assert store.exams.get(1).state is State.REJECTED
    assert scripted.ensured == [(Verb.REFUSE, 1, 1), (Verb.REFUSE, 1, 1)]

    store.exams.move(1, State.REJECTED, store.exams.get(1).reason, progress=None)
    sweep.once()
    assert len(scripted.ensured) == 2


def test_without_a_destination_the_objects_stay_here(store: Store, scripted: Scripted) -> None:
    scripted.of[1] = WHOLE
    store.exams.move(1, State.ENCODED, "encoded", plan={})
    Sweep(store.exams, scripted, scripted, SystemClock(), delivers=False).once()
    assert store.exams.get(1).reason == "no destination is set: the objects stay in the storage folder"
    assert scripted.ensured == []


def test_an_exam_that_cannot_be_looked_at_fails_alone(sweep: Sweep, store: Store, scripted: Scripted) -> None:
    store.exams.create(anchor="1.3", patient_key="Q", text="new")
    scripted.of[2] = WHOLE
    sweep.once()
    assert store.exams.get(1).state is State.FAILED
    assert scripted.ensured == [(Verb.ASSEMBLE, 2, 1)]
