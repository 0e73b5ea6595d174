"""`Gathering`: the facts of one exam for `decide`, and the series chosen for the version that begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from node.assemble.choice import Choice, Chosen
from node.domain.exam import Role
from node.domain.ports import Clock
from node.workflow.decide import Facts, reservations
from node.workflow.states import OWING, State
from node.workflow.steps.asking import Asking
from node.workflow.steps.belonging import Belonging, overruling
from node.workflow.steps.looking import Judged
from node.workflow.steps.planned import planned_series
from node.workflow.steps.reading_back import unclaimed
from node.workflow.steps.routing import Routing
from node.workflow.steps.weighing import Weighing, better, told_better
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow

LONG_AGO_S = 3600.0
"""A series of which images came longer ago than this, beyond the deadline, is coming no more, whatever associations are open."""


class Gathering:
    """What is known of an exam now."""

    def __init__(
        self, store: Store, belonging: Belonging, routing: Routing, weighing: Weighing, clock: Clock, *, asking: Asking | None = None
    ) -> None:
        self._store = store
        self._belonging = belonging
        self._routing = routing
        self._clock = clock
        self._weighing = weighing
        self._asking = asking
        self._ahead: dict[datetime, datetime] = {}

    def facts(self, exam: ExamRow) -> Facts:
        """What is known of an exam now."""
        owes = exam.state in OWING and exam.progress is not None
        if exam.plan is not None or owes:
            return Facts(exam.state, begun=True, owes=owes)
        return self.anew(exam)

    def anew(self, exam: ExamRow) -> Facts:
        """What would be known of an exam if its present version had not begun."""
        if self._asking is not None:
            self._asking.collect()
        items = self._belonging.series(exam)
        choice = self._belonging.choose(exam, items)
        near = relevant(exam, items, choice)
        rule = self._routing.rule(near)
        series_uids = [item.count.series_uid for item in near]
        last_at = max((item.count.last_at for item in near), default=exam.created_at)
        weighed = self._weighing.of(exam.patient_key, near, choice)
        facts = Facts(
            state=State.WAITING,
            chosen=weighed.candidates,
            unusable=choice.unusable,
            not_taken=choice.not_taken,
            conflicts=self._belonging.conflicts(exam, choice),
            open_from=self._store.register.open_associations(self._recent(items, self._routing.deadline_s(rule))),
            unread=self._store.register.unread_beside(series_uids),
            quiet_s=self._since(last_at),
            quiet_needed_s=self._routing.quiet_s(rule),
            uncounted_quiet_s=self._routing.uncounted_quiet_s(rule),
            deadline_s=self._routing.deadline_s(rule),
            unclaimed=self._unclaimed(exam, items),
            arriving=weighed.arriving,
            better=tuple(told_better(one) for one in self._better(exam, near, choice, self._routing.deadline_s(rule))),
            awaited=weighed.awaited,
            elsewhere=weighed.elsewhere,
            silent=weighed.silent,
            ignored_by="" if rule is None or rule.analyse else rule.name,
            rests=self._routing.rests(rule),
        )
        settled = not facts.open_from and facts.quiet_s >= facts.quiet_needed_s
        if self._asking is not None and settled and facts.chosen and not facts.certain:
            self._asking.consider(near)
        return facts

    def _unclaimed(self, exam: ExamRow, items: Sequence[Judged]) -> str:
        """Why a reader's lesions that came alone wait; of a patient whom no exam knows, they are nobody's answer."""
        alone = {item.summary.modality for item in items if item.summary.study_uid == exam.anchor} <= {"SEG", "KO"}
        seg = next((item for item in items if item.judgement.role is Role.LESION_SEG and item.summary.study_uid == exam.anchor), None)
        others = [other for other in self._store.exams.of_patient(exam.patient_key) if planned_series(other)]
        return unclaimed(seg.summary.header) if alone and seg is not None and others else ""

    def plan(self, exam: ExamRow) -> dict[str, object]:
        """The series chosen for the version that begins now; their studies belong to the exam from now on."""
        items = self._belonging.series(exam)
        if alone := self._unclaimed(exam, items):
            return {"series": {}, "unclaimed": alone}
        choice = self._belonging.choose(exam, items)
        routed = self._routing.planned(self._routing.rule(relevant(exam, items, choice)))
        judged = {item.summary.series_uid: item for item in items}
        series = {one.role.value: _planned(judged[one.summary.series_uid], one.why, one.among) for one in choice.chosen}
        unusable = next((item for item in items if item.judgement.wanted and item.judgement.role is None), None)
        if Role.PET.value not in series and unusable is not None:
            series[Role.PET.value] = _planned(unusable, "wanted, and cannot be used")
        # What a person merged stays where it is: the word may be taken back.
        merged = overruling(self._store, exam).merged
        ours = {one.summary.study_uid for one in choice.chosen if one.summary.series_uid not in merged}
        self._store.register.assign(ours | {exam.anchor}, exam.number)
        contradictions = list(self._belonging.conflicts(exam, choice))
        kept = {"series": series, "not_taken": list(choice.not_taken), "conflicts": contradictions}
        return kept | {"checks": list(reservations(self.anew(exam))), "short": _short(items)} | routed

    def choose_for(self, exam: ExamRow) -> Choice:
        """The series that would be chosen for an exam now."""
        return self._belonging.choose(exam, self._belonging.series(exam))

    def _better(self, exam: ExamRow, near: Sequence[Judged], choice: Choice, deadline_s: float) -> tuple[Chosen, ...]:
        """Series that came of late and would be chosen if they were whole."""
        recent = self._recent(near, deadline_s)
        coming = [item for item in near if not item.summary.complete and item.count.series_uid in recent]
        if not any(item.judgement.role for item in coming):
            return ()
        whole = [replace(item, summary=replace(item.summary, complete=True)) if item in coming else item for item in near]
        return better(choice, self._belonging.choose(exam, whole))

    def _recent(self, items: Sequence[Judged], deadline_s: float) -> list[str]:
        """Series, of whatever study of the patient, that an association which is still open may have brought."""
        return [item.count.series_uid for item in items if self._since(item.count.last_at) < deadline_s + LONG_AGO_S]

    def _since(self, at: datetime) -> float:
        """Seconds since then; of a time to come, since it was first seen: the clock was set back, and nobody waits for it to return."""
        now = self._clock.now()
        if at > now:
            at = min(self._ahead.setdefault(at, now), now)
        return (now - at).total_seconds()


def _short(items: Sequence[Judged]) -> list[str]:
    """Series that may fill a role and are not whole when a version begins: should they become so, they may be chosen."""
    return [item.count.series_uid for item in items if item.judgement.role and not item.summary.complete]


def _planned(item: Judged, why: str, among: int = 1) -> dict[str, object]:
    summary, judgement = item.summary, item.judgement
    return {
        "series_uid": summary.series_uid,
        "study_uid": summary.study_uid,
        "description": summary.header.series_description,
        "told": summary.completeness,
        "reason": judgement.reason,
        "why": why,
        "among": among,
        "images": item.count.images,
        "last_at": item.count.last_at.isoformat(),
    }


def relevant(exam: ExamRow, items: Sequence[Judged], choice: Choice) -> list[Judged]:
    """The series whose arrival the exam waits for: those of the anchor's study and of the studies chosen from."""
    studies = {exam.anchor} | {one.summary.study_uid for one in choice.chosen}
    return [item for item in items if item.summary.study_uid in studies]
