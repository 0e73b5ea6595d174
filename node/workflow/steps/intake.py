"""`ExamIntake`: looks at what came in: reads headers, gives every study its exam, and gathers the facts for `decide`.

An exam is *anchored* at a study: the PET's where there is one. MR that comes first waits under an exam of its own, which the PET's study
takes over when it arrives; MR that comes later belongs to its patient's open exam. So an exam keeps its number whichever comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from node import settings as settings_module
from node.assemble.choice import Choice, choose
from node.assemble.drawings import is_own
from node.assemble.header import Header, from_json, read_header, to_json
from node.assemble.identity import conflicts
from node.assemble.roles import Judgement, judge
from node.assemble.rules import load_rules
from node.assemble.series import SeriesSummary, summarise
from node.domain.exam import Role
from node.domain.ports import Clock
from node.errors import DataError
from node.settings import Settings
from node.workflow.decide import Candidate, Facts
from node.workflow.states import ENDED, OWING, State
from node.workflow.steps.reading_back import ANSWERING, ReadingBack, planned_series, unclaimed
from node.workflow.store.database import Store
from node.workflow.store.register import HeaderRow, SeriesCount
from node.workflow.store.rows import ExamRow

BATCH = 400
"""Headers read between two commits."""


@dataclass(frozen=True)
class _Judged:
    """A series as it was when it had so many images."""

    count: SeriesCount
    summary: SeriesSummary
    judgement: Judgement


class ExamIntake:
    """Fulfils `node.workflow.sweep.Intake`."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._storage = settings.node.storage
        self._tracers = settings_module.tracers(settings.analysis.tracers)
        self._rules = load_rules(settings_module.read_toml(settings.analysis.rules))
        self._judged: dict[str, _Judged] = {}
        self._touched: set[str] = set()
        self._answers = ReadingBack(store, self._series, self._choose_for)

    def read_headers(self) -> int:
        """Read the headers of new images; returns how many."""
        total = 0
        while unread := self._store.register.unread(BATCH):
            rows = [self._read(uid, path) for uid, path in unread]
            self._store.register.headers_read(rows)
            total += len(rows)
        return total

    def _read(self, uid: str, path: str) -> HeaderRow:
        try:
            header = read_header(self._storage / path)
        except DataError as error:
            return HeaderRow(uid, None, None, None, None, str(error))
        self._notice(header)
        return HeaderRow(uid, patient_key(header), header.study_uid, header.series_uid, to_json(header), None)

    def _notice(self, header: Header) -> None:
        """What readers send back is looked at one by one; what we made ourselves and a PACS sends round is no news."""
        if header.sop_class_uid in ANSWERING:
            self._answers.notice()
        elif not is_own(header):
            self._touched.add(header.study_uid)

    def open_exams(self) -> None:
        """Give every study its exam, and open those again that a reader has answered, or whose end new images may have overtaken."""
        touched, self._touched = self._touched, set()
        self._answers.take(patient_key)
        for study_uid, patient in self._store.register.studies_without_exam():
            self._open(study_uid, patient)
        for study_uid in sorted(touched):
            number = self._store.register.exam_of(study_uid)
            if number is not None:
                self._overtaken(self._store.exams.get(number))

    def _open(self, study_uid: str, patient: str) -> None:
        exams = self._store.exams.of_patient(patient)
        waiting = [exam for exam in exams if exam.state not in ENDED and exam.plan is None]
        without_pet = next((exam for exam in waiting if not self._has_pet(exam.anchor)), None)
        own = next((exam for exam in exams if exam.anchor == study_uid), None)
        without_mr = next((exam for exam in exams if exam.state is State.REJECTED and Role.T1.value not in _roles(exam)), None)
        if own is not None:  # killed between opening it and giving it its study
            self._assign(study_uid, own)
        elif self._has_pet(study_uid):
            if without_pet is not None:
                self._store.exams.adopt(without_pet.number, anchor=study_uid, text="a TSPO PET has arrived for this patient's MR")
            self._assign(study_uid, without_pet or self._create(study_uid, patient))
        elif without_mr is not None and not waiting:
            self._assign(study_uid, without_mr)
            self._overtaken(without_mr)
        elif not waiting:
            self._assign(study_uid, self._create(study_uid, patient))

    def _create(self, study_uid: str, patient: str) -> ExamRow:
        return self._store.exams.create(anchor=study_uid, patient_key=patient, text="images of a new study have arrived")

    def _assign(self, study_uid: str, exam: ExamRow) -> None:
        self._store.register.assign([study_uid], exam.number)

    def _overtaken(self, exam: ExamRow) -> None:
        """New images of an exam that has ended: what was ended for want of images begins again, anything else is only told."""
        text = "new images have arrived"
        if exam.state is State.HELD and (exam.plan or {}).get("unclaimed"):
            self._store.exams.again(exam.number, f"{text}; looked at again as a new version")
        elif exam.state is State.IGNORED:
            self._store.exams.move(exam.number, State.RECEIVED, f"{text}; looked at again")
        elif exam.state is State.REJECTED and exam.progress is None:
            self._store.exams.again(exam.number, f"{text}; looked at again as a new version")
        elif exam.plan is not None:
            self._store.exams.note(exam.number, f"{text} that version {exam.version} does not hold; `ember rerun` takes them in")

    def _has_pet(self, study_uid: str) -> bool:
        items = self._look(self._store.register.series_of_studies([study_uid]))
        return any(item.judgement.wanted and item.summary.modality == "PT" for item in items)

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

    def _unclaimed(self, exam: ExamRow, items: Sequence[_Judged]) -> str:
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

    def _series(self, series_uid: str) -> tuple[SeriesSummary, Judgement]:
        """What a series is that is known to be here."""
        found = self._judge(self._store.register.series(series_uid)[0])
        return found.summary, found.judgement

    def _choose_for(self, exam: ExamRow) -> Choice:
        return self._choose(self._of_exam(exam))

    def _choose(self, items: Sequence[_Judged]) -> Choice:
        return choose([(item.summary, item.judgement) for item in items], self._rules)

    def _of_exam(self, exam: ExamRow) -> list[_Judged]:
        """All series of the patient and of the anchor's study, but for PET of other studies: each PET study is an exam."""
        counts = {count.series_uid: count for count in self._store.register.series_of_patient(exam.patient_key)}
        counts |= {count.series_uid: count for count in self._store.register.series_of_studies([exam.anchor])}
        items = self._look(counts.values())
        return [item for item in items if item.summary.modality != "PT" or item.summary.study_uid == exam.anchor]

    def _relevant(self, exam: ExamRow, items: Sequence[_Judged], choice: Choice) -> list[_Judged]:
        """The series whose arrival the exam waits for: those of the anchor's study and of the studies chosen from."""
        studies = {exam.anchor} | {one.summary.study_uid for one in choice.chosen}
        return [item for item in items if item.summary.study_uid in studies]

    def _look(self, counts: Iterable[SeriesCount]) -> list[_Judged]:
        return [self._judge(count) for count in counts]

    def _judge(self, count: SeriesCount) -> _Judged:
        """Judge a series anew only when images have come."""
        known = self._judged.get(count.series_uid)
        if known is None or known.count != count:
            rows = self._store.register.instances_of(count.series_uid)
            headers = [from_json(row.header) for row in rows if row.header is not None]
            summary = summarise(headers)
            known = _Judged(count, summary, judge(summary, self._rules, self._tracers, source=rows[0].calling_ae))
            self._judged[count.series_uid] = known
        return known

    def _since(self, at: datetime) -> float:
        return (self._clock.now() - at).total_seconds()


def patient_key(header: Header) -> str:
    """By what images may be of one patient: the ID; the study where there is none. Issuers are compared when series are chosen."""
    return header.person.patient_id or f"study {header.study_uid}"


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


def _roles(exam: ExamRow) -> frozenset[str]:
    return frozenset((exam.plan or {}).get("series", {}))


def _conflicts(choice: Choice) -> tuple[str, ...]:
    pet = choice.get(Role.PET)
    if pet is None:
        return ()
    others = [one.summary for one in choice.chosen if one.role is not Role.PET]
    return conflicts(pet.summary, others)
