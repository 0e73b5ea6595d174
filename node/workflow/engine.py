"""The durable engine: runs an exam's steps so that a killed worker goes on where it stopped. DBOS is known in this file alone.

A *workflow* here is one of the functions below; its id names the exam, the version, the destination where there is one, and the run. Steps
are at least once: each verb writes its artefact whole or not at all, and sending asks the PACS before it repeats. What DBOS remembers is
a hint: `ensure` starts the work anew under the next run number wherever an exam has none alive, so that losing DBOS's tables would lose
no exam.

Decisions: JSON serialiser, so that nothing in the database can run code; the application version is the version of these workflows, not
a hash of the source, so that an update resumes what was begun, and what was begun under another version is begun anew; only the worker
launches DBOS. One workflow does one attempt at one destination and ends: what waits, waits in our rows, so that nothing sleeps in a place
that others need; and each destination has places of its own. What DBOS remembers of runs that ended is forgotten after a day, since a
destination that is down for weeks begins thousands of them. And a run whose end DBOS could not write (a disk that is full for a second)
is not waited for until the next start: what it calls pending, while nobody here works on it, is begun anew.
"""

from __future__ import annotations

import errno
import sqlite3
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Protocol

import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID, WorkflowStatus
from sqlalchemy.exc import OperationalError

from node.domain.priority import Priority
from node.errors import ConflictError, DataError, NodeError, QualityError, TemporaryError
from node.workflow.states import COMPUTE, ENDED, OWING, State, Verb
from node.workflow.store.exams import Exams

log = structlog.get_logger()

WORKFLOW_VERSION = "2"
"""Counts up when a workflow function changes so that what was begun under the old one could not go on."""

ALIVE = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
RECOVERIES = 50
"""Deaths of the worker during one run before DBOS gives that run up; `ensure` then starts the next."""

OWED = tuple((state, verb, state) for state, verb in OWING.items())
"""Verbs that leave the state as it is."""


OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
KEPT = timedelta(days=1)
"""How long DBOS remembers a run that has ended, from its beginning; our rows tell for good what it did."""

TIDY_EVERY_S, TIDIED_AT_ONCE = 3600.0, 500

ORPHANED_AFTER_S = 30.0
"""From when a run is seen that is pending, and that nobody here works on, until it is begun anew."""

FAULT_PAUSE_S, LONGEST_PAUSE_S = 5.0, 3600.0
"""Until sending is tried again that a fault of ours has ended, three times as long after each. A disk full for a second costs few."""

PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What the machine lacks for a while, whatever is sent."""

SENDS_AT_ONCE = 2
"""To one destination: an urgent exam need not wait for a large one, and no archive is asked for more than two associations of ours."""


class Work(Protocol):
    """What the engine runs."""

    def compute(self, exam: int, version: int, verb: Verb) -> str:
        """Do one compute verb; a sentence tells what was done."""
        ...

    def release(self, exam: int, version: int) -> None:
        """The version needs its compute process no more."""
        ...

    def is_made(self, verb: Verb, exam: int, version: int) -> bool:
        """Whether the page or the note that a verb makes is in the outbox."""
        ...

    def due(self, exam: int, version: int) -> tuple[str, ...]:
        """Destinations for which something is to be done now; where nothing ever will be, the exam ends."""
        ...

    def deliver(self, exam: int, version: int, destination: str) -> None:
        """One attempt at what is due for one destination; what is left is planned for later."""
        ...

    def promise(self, number: int) -> None:
        """One attempt at what a scanner asked of us; what is left is planned for later."""
        ...

    def put_off(self, exam: int, version: int, destination: str, delay_s: float | None) -> None:
        """Do nothing for a destination for a time, or, without one, never again by itself."""
        ...


class Engine:
    """Runs the work of exams.

    Parameters
    ----------
    url : database URL; DBOS keeps its tables beside ours
    attempts : ends of the compute process in one verb before the exam is FAILED
    """

    def __init__(self, url: str, exams: Exams, work: Work, *, attempts: int) -> None:
        self._exams = exams
        self._work = work
        self._attempts = attempts
        self._runs: dict[str, int] = {}
        self._busy: set[str] = set()  # runs that a thread of this process works on
        self._idle: dict[str, float] = {}  # runs that are pending, and that none works on: since when
        self._tidy_at = monotonic()
        self._faults: Counter[tuple[int, int, str]] = Counter()  # of sending; a worker that starts anew may try anew
        config: DBOSConfig = {
            "name": "ember",
            "system_database_url": url,
            "application_version": WORKFLOW_VERSION,
            "executor_id": "worker",
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
        }
        DBOS(config=config)
        self._functions: dict[str, Callable[..., None]] = {
            name: DBOS.workflow(name=name, max_recovery_attempts=RECOVERIES)(self._watched(function)) for name, function in self._named()
        }

    def _named(self) -> tuple[tuple[str, Callable[..., None]], ...]:
        ours = (("analyse", self._analyse), ("deliver", self._deliver), ("refuse", self._refuse), ("withdraw", self._withdraw))
        return (*ours, ("promise", self._promise))

    def launch(self) -> None:
        """Start running, beginning with what was cut off."""
        DBOS.launch()
        DBOS.register_queue("compute", worker_concurrency=1, polling_interval_sec=0.2, on_conflict="always_update")
        DBOS.register_queue("network", worker_concurrency=4, polling_interval_sec=0.2, on_conflict="always_update")
        DBOS.register_queue(
            "destinations", partition_worker_concurrency=SENDS_AT_ONCE, polling_interval_sec=0.2, on_conflict="always_update"
        )
        self._take_over()

    def stop(self) -> None:
        """Stop running; what is under way goes on at the next launch."""
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def ensure(self, verb: Verb, exam: int, version: int, *, priority: Priority = Priority.NORMAL) -> None:
        """See to it that the work that begins with a verb is alive: a verb's own, or that of each destination where something is due."""
        if verb is Verb.DELIVER or (verb in OWING.values() and self._work.is_made(verb, exam, version)):
            for destination in self._work.due(exam, version):
                with SetEnqueueOptions(priority=priority.rank, queue_partition_key=destination):
                    self._ensure("deliver", "destinations", exam, version, destination)
            return
        name = verb.value if verb in OWING.values() else "analyse"
        with SetEnqueueOptions(priority=priority.rank):
            self._ensure(name, "compute" if name == "analyse" else "network", exam, version)

    def ensure_promise(self, number: int) -> None:
        """See to it that somebody works on what a scanner asked of us."""
        self._enqueue(f"promise-{number}", "promise", "network", number)

    def _ensure(self, name: str, queue: str, exam: int, version: int, *more: str) -> None:
        self._enqueue("-".join((f"{name}-E{exam:05d}-v{version}", *more)), name, queue, exam, version, *more)

    def _enqueue(self, stem: str, name: str, queue: str, *arguments: int | str) -> None:
        run = self._runs.get(stem, 1)
        while (status := DBOS.get_workflow_status(f"{stem}-{run}")) is not None:
            if self._is_alive(status):
                return
            run += 1
        self._runs[stem] = run
        with SetWorkflowID(f"{stem}-{run}"):
            DBOS.enqueue_workflow(queue, self._functions[name], *arguments)

    def _is_alive(self, run: WorkflowStatus) -> bool:
        """Whether a run goes on; one whose end could not be written does not, although DBOS takes it for pending."""
        uid, now = run.workflow_id, monotonic()
        if run.status not in ALIVE or run.app_version != WORKFLOW_VERSION:
            return False
        if run.status != "PENDING" or uid in self._busy:
            self._idle.pop(uid, None)
            return True
        if now - self._idle.setdefault(uid, now) < ORPHANED_AFTER_S:
            return True
        del self._idle[uid]
        log.warning("a run has ended without a word, and is begun anew", run=uid)
        DBOS.cancel_workflow(uid)
        return False

    def _take_over(self) -> None:
        """What is alive keeps its number, which those before it may have lost; what was begun under another version of these workflows
        will not go on, and is begun anew when it is asked for."""
        for old in DBOS.list_workflows(status=sorted(ALIVE), load_input=False, load_output=False):
            if old.app_version != WORKFLOW_VERSION:
                DBOS.cancel_workflow(old.workflow_id)
                continue
            stem, _, run = old.workflow_id.rpartition("-")
            self._runs[stem] = max(int(run), self._runs.get(stem, 1))

    def tidy(self) -> None:
        """Now and then, let DBOS forget the runs that ended long ago."""
        if monotonic() < self._tidy_at:
            return
        before = (datetime.now(UTC) - KEPT).isoformat()
        ended = DBOS.list_workflows(status=list(OVER), end_time=before, limit=TIDIED_AT_ONCE, load_input=False, load_output=False)
        DBOS.delete_workflows([one.workflow_id for one in ended])
        if len(ended) < TIDIED_AT_ONCE:
            self._tidy_at = monotonic() + TIDY_EVERY_S

    def _analyse(self, exam: int, version: int) -> None:
        try:
            for _, verb, _ in COMPUTE:
                if not DBOS.run_step({"name": verb.value}, self._compute, exam, version, verb.value):
                    return
        finally:
            self._work.release(exam, version)

    def _deliver(self, exam: int, version: int, destination: str) -> None:
        DBOS.run_step({"name": "deliver"}, self._send, exam, version, destination)

    def _promise(self, number: int) -> None:
        DBOS.run_step({"name": "promise"}, self._work.promise, number)

    def _refuse(self, exam: int, version: int) -> None:
        self._make(Verb.REFUSE, exam, version)

    def _withdraw(self, exam: int, version: int) -> None:
        self._make(Verb.WITHDRAW, exam, version)

    def _watched(self, method: Callable[..., None]) -> Callable[..., None]:
        """A method as a function, since DBOS marks what it registers; and known to be worked on while it runs."""

        def function(*arguments: Any) -> None:
            uid = str(DBOS.workflow_id)
            self._busy.add(uid)
            try:
                method(*arguments)
            finally:
                self._busy.discard(uid)

        return function

    def _make(self, verb: Verb, exam: int, version: int) -> None:
        try:
            DBOS.run_step({"name": verb.value}, self._compute, exam, version, verb.value)
        finally:
            self._work.release(exam, version)

    def _send(self, exam: int, version: int, destination: str) -> None:
        """Deliver; a fault of ours is tried again a few times, and then told, instead of for ever and unseen."""
        this = (exam, version, destination)
        try:
            self._work.deliver(*this)
        except Exception as error:  # noqa: BLE001 - as in `_compute`: the node lives on
            self._faults[this] += 1
            if self._faults[this] < self._attempts or _may_pass(error):
                pause_s = min(FAULT_PAUSE_S * 3.0 ** min(self._faults[this] - 1, 20), LONGEST_PAUSE_S)
                self._work.put_off(*this, pause_s)
                what = f"version {version} could not be sent to {destination} by a fault of the node"
                self._exams.note(exam, f"{what}; again in {pause_s:.0f} s")
                return
            del self._faults[this]
            told = f"deliver failed at {destination} by a fault of the node; the traceback is kept"
            self._fail(exam, version, told, traceback.format_exc())
            self._work.put_off(*this, None)
        else:
            self._faults.pop(this, None)

    def _compute(self, exam: int, version: int, verb_name: str) -> bool:
        """One verb, tried again after an end of the compute process; whether the exam goes on."""
        verb = Verb(verb_name)
        before, after = next(((a, b) for a, v, b in (*COMPUTE, *OWED) if v is verb))
        while True:
            row = self._exams.get(exam)
            if row.version != version:
                return verb is Verb.WITHDRAW  # notes are in the outbox before the next version may begin, and must go out
            if row.state is not before and not (verb is Verb.ASSEMBLE and row.state is State.WAITING):
                return row.state not in ENDED - {State.DELIVERED}
            try:
                text = self._work.compute(exam, version, verb)
            except TemporaryError as error:
                if self._exams.tried(exam) >= self._attempts:
                    self._fail(exam, version, f"{verb.value} was given up after {self._attempts} tries: {error}", None)
                    return False
                self._exams.note(exam, f"{error}; trying again")
            except Exception as error:  # noqa: BLE001 - the one broad except: the node lives on
                self._end(exam, version, verb, error)
                return False
            else:
                if before is not after:
                    self._exams.reached(exam, after, text, of_version=version)
                return True

    def _end(self, exam: int, version: int, verb: Verb, error: Exception) -> None:
        """The exam stops here, unless a person has begun another version meanwhile: whose fault decides which end it is."""
        if verb in OWING.values() or not isinstance(error, NodeError):
            told = f"{verb.value} failed by a fault of the node; the traceback is kept"
            self._fail(exam, version, told, str(error) or traceback.format_exc())
        elif isinstance(error, DataError):
            self._exams.move(exam, State.REJECTED, str(error), of_version=version, progress="page owed")
        elif isinstance(error, (QualityError, ConflictError)):
            self._exams.move(exam, State.HELD, str(error), of_version=version, progress=None)
        else:
            self._fail(exam, version, f"{verb.value}: {error}", traceback.format_exc())

    def _fail(self, exam: int, version: int, text: str, detail: str | None) -> None:
        log.error("exam failed", exam=f"E{exam:05d}", version=version, text=text)
        self._exams.move(exam, State.FAILED, text, of_version=version, detail=detail, progress=None)


def _may_pass(error: Exception) -> bool:
    """Whether the machine lacked something, and nothing is wrong with what is sent; a statement that SQLite does not take is ours."""
    if isinstance(error, OperationalError):
        return getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_FULL) != sqlite3.SQLITE_ERROR
    return isinstance(error, OSError) and error.errno in PASSING
