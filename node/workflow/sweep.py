"""The sweep: the worker's heartbeat. It reads new headers, opens exams, gathers facts, and does what `decide` says.

Every pass starts from the rows, so that a worker that died left nothing in its head: an exam whose work is not alive gets it again.
"""

from __future__ import annotations

from typing import Any, Protocol

import structlog

from node.domain.ports import Clock
from node.domain.priority import Priority
from node.errors import NodeError
from node.workflow.decide import Action, Decision, Facts, decide
from node.workflow.states import State, Verb
from node.workflow.store.exams import Exams
from node.workflow.store.rows import ExamRow

log = structlog.get_logger()

ARRIVING = "images are arriving"


class Intake(Protocol):
    """What the sweep asks of the steps that look at what came in."""

    def read_headers(self) -> int:
        """Read the headers of new images; returns how many."""
        ...

    def open_exams(self) -> None:
        """Give every study of interest its exam."""
        ...

    def facts(self, exam: ExamRow) -> Facts:
        """What is known of an exam now."""
        ...

    def plan(self, exam: ExamRow) -> dict[str, object]:
        """The series chosen for the version that begins now."""
        ...


class Runner(Protocol):
    """What the sweep asks of the engine."""

    def ensure(self, verb: Verb, exam: int, version: int, *, priority: Priority = Priority.NORMAL) -> None:
        """See to it that the work that begins with a verb is alive."""
        ...


class Sweep:
    """One pass is `once`."""

    def __init__(self, exams: Exams, intake: Intake, runner: Runner, clock: Clock, *, delivers: bool) -> None:
        self._exams = exams
        self._intake = intake
        self._runner = runner
        self._clock = clock
        self._delivers = delivers

    def once(self) -> None:
        """Look at everything once."""
        self._intake.read_headers()
        self._intake.open_exams()
        for exam in self._exams.unfinished():
            try:
                self._act(exam, decide(self._intake.facts(exam)))
            except NodeError as error:
                # One exam that cannot be looked at must not keep the others waiting.
                self._move(exam, State.FAILED, f"the exam could not be looked at: {error}", progress=None)

    def _act(self, exam: ExamRow, decision: Decision) -> None:
        number = exam.number
        match decision.action:
            case Action.WAIT if decision.passing:
                self._arriving(exam, decision.reason)
            case Action.WAIT if (exam.state, exam.reason, exam.progress) == (State.WAITING, decision.reason, None):
                pass  # nothing new: a write that is made durable, twice a second, for each exam that waits
            case Action.WAIT:
                self._move(exam, State.WAITING, decision.reason, progress=None)
            case Action.IGNORE:
                self._move(exam, State.IGNORED, decision.reason, progress=None)
            case Action.HOLD:
                self._begin(exam, State.HELD, decision.reason)
            case Action.REJECT:
                if priority := self._begin(exam, State.REJECTED, decision.reason, progress="page owed"):
                    self._runner.ensure(Verb.REFUSE, number, exam.version, priority=priority)
            case Action.BEGIN:
                if priority := self._begin(exam, State.RECEIVED, decision.reason):
                    self._runner.ensure(Verb.ASSEMBLE, number, exam.version, priority=priority)
            case Action.STEP:
                self._step(exam, decision)
            case Action.REST:
                pass

    def _arriving(self, exam: ExamRow, reason: str) -> None:
        if (exam.state, exam.reason) != (State.WAITING, ARRIVING):
            self._move(exam, State.WAITING, ARRIVING)
        if exam.progress != reason:
            self._exams.progress(exam.number, reason, of_version=exam.version)

    def _begin(self, exam: ExamRow, state: State, reason: str, *, progress: str | None = None) -> Priority | None:
        """Fix what this version is made from, and the one date that its objects carry; how soon it is wanted.

        None where a person has said something of its series since it was looked at: then nothing is fixed, and the next sweep looks.
        """
        plan, made_at = self._intake.plan(exam), self._clock.now().isoformat()
        routed = {"rule": plan.get("rule"), "priority": plan.get("priority", Priority.NORMAL.value)}
        fixed: dict[str, Any] = {"plan": plan, "made_at": made_at, "tries": 0, "progress": progress} | routed
        begun = self._exams.move(exam.number, state, reason, seen=exam, **fixed)
        return Priority(routed["priority"]) if begun else None

    def _step(self, exam: ExamRow, decision: Decision) -> None:
        assert decision.verb is not None
        if not self._delivers and exam.state is State.ENCODED:
            self._move(exam, State.ENCODED, "no destination is set: the objects stay in the storage folder")
            return
        self._runner.ensure(decision.verb, exam.number, exam.version, priority=exam.priority)

    def _move(self, exam: ExamRow, state: State, reason: str, **columns: Any) -> None:
        """Move the version that was looked at; a person may have begun the next one since."""
        self._exams.move(exam.number, state, reason, of_version=exam.version, **columns)
