"""`Gathering`: the facts of one exam for `decide`, and the series chosen for the version that begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from node.assemble.choice import Choice, choose
from node.assemble.identity import conflicts
from node.assemble.roles import Judgement
from node.assemble.rules import Rules
from node.assemble.series import SeriesSummary
from node.domain.exam import Role
from node.domain.ports import Clock
from node.workflow.decide import Candidate, Facts
from node.workflow.states import OWING
from node.workflow.steps.looking import Judged, Look
from node.workflow.steps.reading_back import planned_series, unclaimed
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow


class Gathering:
    """What is known of an exam now."""

    def __init__(self, store: Store, look: Look, rules: Rules, clock: Clock) -> None:
        self._store = store
        self._look = look
        self._rules = rules
        self._clock = clock

    def facts(self, exam: ExamRow) -> Facts:
        """What is known of an exam now."""
        owes = exam.state in OWING and exam.progress is not None
        if exam.plan is not None or owes:
            return Facts(exam.state, begun=True, owes=owes)
        items = self._of_exam(exam)
        choice = self._choose(items)
        relevant = self._relevant(exam, items, choice)
        series_uids = [item.count.series_uid for item in relevant]
        last_at = max((item.count.last_at for item in relevant), default=exam.created_at)
        return Facts(
            state=exam.state,
            chosen=tuple(_candidate(one.role, one.summary) for one in choice.chosen),
            unusable=choice.unusable,
            not_taken=choice.not_taken,
            conflicts=_conflicts(choice),
            open_from=self._store.register.open_associations(series_uids),
            unread=self._store.register.unread_beside(series_uids),
            quiet_s=self._since(last_at),
            quiet_needed_s=self._rules.quiet_s,
            deadline_s=self._rules.deadline_s,
            unclaimed=self._unclaimed(exam, items),
        )

    def _unclaimed(self, exam: ExamRow, items: Sequence[Judged]) -> str:
        """Why a reader's lesions that came alone wait; of a patient whom no exam knows, they are nobody's answer."""
        alone = {item.summary.modality for item in items if item.summary.study_uid == exam.anchor} <= {"SEG", "KO"}
        seg = next((item for item in items if item.judgement.role is Role.LESION_SEG and item.summary.study_uid == exam.anchor), None)
        others = [other for other in self._store.exams.of_patient(exam.patient_key) if planned_series(other)]
        return unclaimed(seg.summary.header) if alone and seg is not None and others else ""

    def plan(self, exam: ExamRow) -> dict[str, object]:
        """The series chosen for the version that begins now; their studies belong to the exam from now on."""
        items = self._of_exam(exam)
        if alone := self._unclaimed(exam, items):
            return {"series": {}, "unclaimed": alone}
        choice = self._choose(items)
        series = {one.role.value: _planned(one.summary, one.judgement, one.why, one.among) for one in choice.chosen}
        unusable = next((item for item in items if item.judgement.wanted and item.judgement.role is None), None)
        if Role.PET.value not in series and unusable is not None:
            series[Role.PET.value] = _planned(unusable.summary, unusable.judgement, "wanted, and cannot be used")
        self._store.register.assign({one.summary.study_uid for one in choice.chosen} | {exam.anchor}, exam.number)
        return {"series": series, "not_taken": list(choice.not_taken), "conflicts": list(_conflicts(choice))}

    def choose_for(self, exam: ExamRow) -> Choice:
        """The series that would be chosen for an exam now."""
        return self._choose(self._of_exam(exam))

    def _choose(self, items: Sequence[Judged]) -> Choice:
        return choose([(item.summary, item.judgement) for item in items], self._rules)

    def _of_exam(self, exam: ExamRow) -> list[Judged]:
        """All series of the patient and of the anchor's study, but for PET of other studies: each PET study is an exam."""
        counts = {count.series_uid: count for count in self._store.register.series_of_patient(exam.patient_key)}
        counts |= {count.series_uid: count for count in self._store.register.series_of_studies([exam.anchor])}
        items = self._look.at(counts.values())
        return [item for item in items if item.summary.modality != "PT" or item.summary.study_uid == exam.anchor]

    def _relevant(self, exam: ExamRow, items: Sequence[Judged], choice: Choice) -> list[Judged]:
        """The series whose arrival the exam waits for: those of the anchor's study and of the studies chosen from."""
        studies = {exam.anchor} | {one.summary.study_uid for one in choice.chosen}
        return [item for item in items if item.summary.study_uid in studies]

    def _since(self, at: datetime) -> float:
        return (self._clock.now() - at).total_seconds()


def _candidate(role: Role, summary: SeriesSummary) -> Candidate:
    return Candidate(role, summary.series_uid, summary.complete, summary.completeness)


def _planned(summary: SeriesSummary, judgement: Judgement, why: str, among: int = 1) -> dict[str, object]:
    return {
        "series_uid": summary.series_uid,
        "study_uid": summary.study_uid,
        "description": summary.header.series_description,
        "told": summary.completeness,
        "reason": judgement.reason,
        "why": why,
        "among": among,
    }


def _conflicts(choice: Choice) -> tuple[str, ...]:
    pet = choice.get(Role.PET)
    if pet is None:
        return ()
    others = [one.summary for one in choice.chosen if one.role is not Role.PET]
    return conflicts(pet.summary, others)
