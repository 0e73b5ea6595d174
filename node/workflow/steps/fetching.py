"""`Fetcher`: asks and fetches what the rows say, one thing at a time, in a thread of the worker.

The rows are the truth: what a kill interrupts is due at the next start, and asks the peer for what is still missing. We chose a thread over
a workflow of the engine, because a fetch has nothing to resume but its row, and over a process, because it does nothing but wait for the
network; the images are durable in a journal of its own before the peer hears of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

import structlog

from node.assemble.rules import Rules
from node.domain.arrivals import Inlet
from node.domain.ports import Clock
from node.errors import NodeError, RefusedError, SettingsError, TemporaryError
from node.retrieve import Fetched, Wanted, fetch, find_images
from node.settings import Settings
from node.workflow.steps.searching import Searching
from node.workflow.steps.sources import source_named, storage
from node.workflow.store.database import Store
from node.workflow.store.retrievals import BY_HAND, RetrievalRow, RetrievalState, SearchRow

log = structlog.get_logger()

PAUSE_S = 1.0
TRIES = 5
FIRST_PAUSE_S = 30.0
"""Until a fetch that failed is tried again; doubled with each try."""
TELL_S = 0.5


@dataclass
class _Allowed:
    """How many images a fetch may bring; `most` is none where a person asked. A peer may send more than it has told of."""

    most: int | None
    came: int = 0
    told_at: float = field(default_factory=monotonic)

    @property
    def exceeded(self) -> bool:
        """Whether more have come: one more tells that there are."""
        return self.most is not None and self.came > self.most


class Fetcher:
    """One pass is `once`; `run` goes on until it is told to stop."""

    def __init__(self, settings: Settings, store: Store, rules: Rules, inlet: Inlet, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._inlet = inlet
        self._clock = clock
        self._searching = Searching(settings, store, rules)

    def run(self, stop: threading.Event) -> None:
        """Ask and fetch until told to stop."""
        while not stop.is_set():
            try:
                busy = self.once(stop.is_set)
            except Exception:
                log.exception("fetching failed by a fault of the node")
                busy = False
            if not busy:
                stop.wait(PAUSE_S)

    def once(self, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Ask one question, or fetch one series; whether there was anything to do. A fault of ours is told, and costs that one alone."""
        search = self._store.retrievals.due_search()
        if search is not None:
            self._ask(search)
            return True
        row = self._store.retrievals.due()
        if row is not None:
            self._fetch(row, stopped)
        return row is not None

    def _ask(self, search: SearchRow) -> None:
        try:
            self._searching.ask(search, self._clock.now())
        except NodeError as error:
            self._store.retrievals.searched(search, str(error), (), next_at=None)
        except Exception:
            log.exception("asking peers failed by a fault of the node", exam=search.exam, purpose=search.purpose)
            self._store.retrievals.searched(search, "failed by a fault of the node; see its log", (), next_at=None)

    def _fetch(self, row: RetrievalRow, stopped: Callable[[], bool]) -> None:
        try:
            self._try(row, stopped)
        except (RefusedError, SettingsError) as error:
            self._end(row, RetrievalState.FAILED, str(error))
        except (NodeError, OSError) as error:
            self._later(row, error, stopping=stopped())
        except Exception:
            log.exception("fetching failed by a fault of the node", peer=row.peer, series=row.series_uid)
            self._end(row, RetrievalState.FAILED, "failed by a fault of the node; see its log")

    def _try(self, row: RetrievalRow, stopped: Callable[[], bool]) -> None:
        if row.state is RetrievalState.RUNNING and row.tries >= TRIES:
            self._end(row, RetrievalState.FAILED, f"given up after {TRIES} tries: the node did not live to the end of the last")
            return
        wanted = self._wanted(row)
        left = "all its images are here already" if wanted is None else self._why_not(row, wanted)
        if wanted is None or left:
            self._end(row, RetrievalState.LEFT, left)
            return
        self._store.retrievals.begin(row.id)
        allowed = _Allowed(self._left(row))
        try:
            done = self._run(row, wanted, allowed, lambda: allowed.exceeded or stopped())
        except TemporaryError:
            if not allowed.exceeded:
                raise
        if allowed.exceeded:
            told = f"retrieve.images_an_exam = {self._settings.retrieve.images_an_exam} was reached: the peer has more than it told of"
            self._end(row, RetrievalState.PARTLY, told, kept=row.kept + allowed.came)
            return
        self._done(row, wanted, done)

    def _run(self, row: RetrievalRow, wanted: Wanted, allowed: _Allowed, stopped: Callable[[], bool]) -> Fetched:
        def tell(kept: int) -> None:
            allowed.came = kept
            if monotonic() - allowed.told_at > TELL_S:
                allowed.told_at = monotonic()
                self._store.retrievals.progress(row.id, row.kept + kept)

        source = source_named(self._settings, row.peer)
        return fetch(source, wanted, self._inlet, calling_ae=self._settings.node.ae_title, storage=storage(), tell=tell, stopped=stopped)

    def _left(self, row: RetrievalRow) -> int | None:
        """How many images the site still allows for the exam; none where a person asked."""
        if row.purpose == BY_HAND or row.exam is None or row.version is None:
            return None
        spent = sum(one.kept for one in self._store.retrievals.of_exam(row.exam, row.version))
        return self._settings.retrieve.images_an_exam - spent

    def _wanted(self, row: RetrievalRow) -> Wanted | None:
        """The whole series, or what is missing of it; None where nothing is."""
        whole = Wanted(row.study_uid, row.series_uid, row.patient_id)
        here = {one.sop_instance_uid for one in self._store.register.instances_of(row.series_uid)}
        if not here and row.expected is not None:
            return whole
        there = [one.sop_instance_uid for one in find_images(source_named(self._settings, row.peer), row.study_uid, row.series_uid)]
        missing = tuple(uid for uid in there if uid not in here)
        if not there:
            return whole  # it does not tell its images: what is here already is the same again, and does no harm
        return Wanted(row.study_uid, row.series_uid, row.patient_id, missing) if missing else None

    def _why_not(self, row: RetrievalRow, wanted: Wanted) -> str:
        """Why the site does not allow this fetch, one sentence; empty where it does."""
        left = self._left(row)
        if left is None:
            return ""
        limits = self._settings.retrieve
        if (len(wanted.images) or row.expected or 1) > left:
            spent = limits.images_an_exam - left
            return f"retrieve.images_an_exam = {limits.images_an_exam} would be exceeded: {spent} images were fetched for this exam"
        today = self._store.retrievals.studies_since(self._clock.now() - timedelta(days=1))
        if row.study_uid not in today and len(today) >= limits.studies_a_day:
            return f"retrieve.studies_a_day = {limits.studies_a_day} were fetched within a day"
        return ""

    def _done(self, row: RetrievalRow, wanted: Wanted, done: Fetched) -> None:
        asked = len(wanted.images) or row.expected or 0
        kept = row.kept + done.kept
        words = [f"{done.kept} of {asked} images" if asked else f"{done.kept} images"]
        words += [f"{done.failed} could not be sent"] if done.failed else []
        words += [f"{done.turned_away} turned away: they were not what was asked for"] if done.turned_away else []
        whole = done.kept > 0 and not done.failed and not done.turned_away and done.kept >= asked
        self._end(row, RetrievalState.FETCHED if whole else RetrievalState.PARTLY, ", ".join(words), kept=kept)

    def _later(self, row: RetrievalRow, error: Exception, *, stopping: bool) -> None:
        if row.tries + 1 >= TRIES and not stopping:
            self._end(row, RetrievalState.FAILED, f"given up after {TRIES} tries: {error}")
            return
        pause_s = 0.0 if stopping else FIRST_PAUSE_S * 2**row.tries
        self._store.retrievals.again(row.id, str(error), self._clock.now() + timedelta(seconds=pause_s))
        log.warning("not fetched now", peer=row.peer, series=row.series_uid, why=str(error), again_in_s=pause_s)

    def _end(self, row: RetrievalRow, state: RetrievalState, told: str, **columns: int) -> None:
        self._store.retrievals.end(row.id, state, told, **columns)
        log.info("fetched" if columns else "not fetched", peer=row.peer, series=row.series_uid, state=state.value, told=told)
        if row.exam is not None:
            self._store.exams.note(row.exam, f"{state.value} from {row.peer} as {row.purpose}: series {row.series_uid}, {told}")
