"""`Seeking`: what an exam that waits lacks and may be fetched, and what its patient's earlier exams are; rows alone, no network here.

A question is a row of `searches`; the fetcher asks it (`searching`) and writes what the peers offer, best first. What is offered is wanted
one series after the other, until the role is filled: what a series is, its physics says once it is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from node.domain.exam import Role
from node.domain.ports import Clock
from node.settings import Settings
from node.workflow.decide import Facts
from node.workflow.states import ENDED
from node.workflow.steps.sources import may_ask
from node.workflow.store.database import Store
from node.workflow.store.retrievals import ACTIVE, PRIORS, RetrievalRow, RetrievalState, SearchRow
from node.workflow.store.rows import ExamRow

SETTLED_S = 5.0
LONGEST_FILING_S = 120.0
"""How long what was fetched may take until it shows in the register."""


class Seeking:
    """Completes the facts of an exam that waits by what is being fetched for it."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._section = settings.retrieve
        self._may = may_ask(settings)
        self._store = store
        self._clock = clock

    def complete(self, exam: ExamRow, facts: Facts) -> Facts:
        """The same facts with `fetching` and `rests`, and the questions that follow from them."""
        if not self._may or facts.begun or facts.state in ENDED or not _ours(facts):
            return facts
        arriving = facts.quiet_s < self._section.after_quiet_s or facts.unread or facts.open_from
        fetching = self._told_of_active(exam) if arriving else self._roles(exam, facts)
        # An exam that is complete begins at once: its earlier ones are sought as soon as there is a PET.
        rests = "; ".join(text for text in (facts.rests, self._priors(exam, facts)) if text)
        return replace(facts, fetching=fetching, rests=rests)

    def _roles(self, exam: ExamRow, facts: Facts) -> tuple[str, ...]:
        """What is being done for the roles that lack something, one sentence each."""
        prior = self._store.retrievals.is_prior(exam.anchor)
        if not (self._section.missing_roles or prior):
            return ()
        rows = self._store.retrievals.of_exam(exam.number, exam.version)
        return tuple(told for role in _lacking(facts) if (told := self._role(exam, role, rows)))

    def _role(self, exam: ExamRow, role: Role, rows: Sequence[RetrievalRow]) -> str:
        mine = [row for row in rows if row.purpose == role.value]
        active = next((row for row in mine if row.state in ACTIVE), None)
        if active is not None:
            return _told(active)
        if any(not self._is_settled(row) for row in mine):
            return f"looking at what was fetched as {role.value}"
        offered = next((row for row in mine if row.state is RetrievalState.OFFERED), None)
        if offered is not None:
            self._store.retrievals.want(offered.id)
            return _told(offered)
        search = self._store.retrievals.search(exam.number, exam.version, role.value)
        return f"asking peers for the {role.value}" if self._is_open(search) else ""

    def _priors(self, exam: ExamRow, facts: Facts) -> str:
        """Why the exam waits for earlier ones; empty where it need not, or no longer."""
        if not self._section.priors or facts.quiet_s > 60.0 * self._section.priors_wait_min or self._store.retrievals.is_prior(exam.anchor):
            return ""
        search = self._store.retrievals.search(exam.number, exam.version, PRIORS)
        if self._is_open(search):
            return "asking peers for earlier exams"
        mine = [row for row in self._store.retrievals.of_exam(exam.number, exam.version) if row.purpose == PRIORS]
        active = [row for row in mine if row.state in ACTIVE]
        fetching = f"{len(active)} series of earlier exams are being fetched" if active else ""
        came = {row.study_uid for row in mine if row.kept and row.state not in ACTIVE}
        going = [study for study in sorted(came) if self._is_going(study)]
        waiting = f"waiting for {len(going)} earlier exams to be analysed" if going else ""
        return "; ".join(text for text in (fetching, waiting) if text)

    def _is_going(self, study_uid: str) -> bool:
        """Whether the exam of a study that was fetched is still to end."""
        number = self._store.register.exam_of(study_uid)
        return number is None or self._store.exams.get(number).state not in ENDED

    def _told_of_active(self, exam: ExamRow) -> tuple[str, ...]:
        rows = self._store.retrievals.of_exam(exam.number, exam.version)
        return tuple(_told(row) for row in rows if row.state in ACTIVE and row.purpose != PRIORS)

    def _is_open(self, search: SearchRow) -> bool:
        """Whether a question is about to be asked for the first time; one that is asked again later holds nothing up."""
        return search.tries == 0 and search.next_at is not None

    def _is_settled(self, row: RetrievalRow) -> bool:
        """Whether what a fetch brought can be judged: it is in the register, or should have been long ago."""
        if row.state is RetrievalState.OFFERED or not row.kept:
            return True
        age = self._age(row.updated_at)
        here = sum(count.images for count in self._store.register.series(row.series_uid))
        return age > timedelta(seconds=LONGEST_FILING_S) or (here >= row.kept and age > timedelta(seconds=SETTLED_S))

    def _age(self, at: datetime) -> timedelta:
        return self._clock.now() - at


def _ours(facts: Facts) -> bool:
    """Whether it is an exam that would be analysed if nothing were missing; for anything else nothing is fetched."""
    return facts.candidate(Role.PET) is not None and not (facts.conflicts or facts.unusable or facts.ignored_by)


def _lacking(facts: Facts) -> tuple[Role, ...]:
    """Roles that no series fills, or that one fills which is not whole, in the order in which they are needed."""
    short = [role for role in (Role.PET, Role.T1) if (one := facts.candidate(role)) is None or not one.whole]
    flair = facts.candidate(Role.FLAIR)
    lesions = facts.candidate(Role.LESION_SEG) is not None or (flair is not None and flair.whole)
    return (*short, *(() if lesions else (Role.FLAIR,)))


def _told(row: RetrievalRow) -> str:
    count = f"{row.kept} of {row.expected} images" if row.expected else f"{row.kept} images"
    waits = f" ({row.told})" if row.told and row.state is RetrievalState.WANTED else ""
    return f"fetching the {row.purpose} from {row.peer}: {count}{waits}"
