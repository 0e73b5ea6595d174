"""`ExamIntake`: reads the headers of what came in and gives every study its exam; `Gathering` knows what each exam has.

An exam is *anchored* at a study: the PET's where there is one. MR that comes first waits under an exam of its own, which the PET's study
takes over when it arrives; MR that comes later belongs to its patient's open exam. So an exam keeps its number whichever comes first.
"""

from __future__ import annotations

from node import settings as settings_module
from node.assemble.drawings import is_own
from node.assemble.header import Header, read_header, to_json
from node.assemble.rules import load_rules
from node.domain.exam import Role
from node.domain.ports import Clock
from node.errors import DataError
from node.settings import Settings
from node.workflow.decide import Facts
from node.workflow.states import ENDED, State
from node.workflow.steps.gathering import Gathering
from node.workflow.steps.late import overtaken
from node.workflow.steps.looking import Look
from node.workflow.steps.reading_back import ANSWERING, ReadingBack
from node.workflow.store.database import Store
from node.workflow.store.register import HeaderRow
from node.workflow.store.rows import ExamRow

BATCH = 400
"""Headers read between two commits."""


class ExamIntake:
    """Fulfils `node.workflow.sweep.Intake`."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._store = store
        self._storage = settings.node.storage
        rules = load_rules(settings_module.read_toml(settings.analysis.rules))
        self._look = Look(store.register, rules, settings_module.tracers(settings.analysis.tracers))
        self._gathering = Gathering(store, self._look, rules, clock)
        self._touched: set[str] = set()
        self._answers = ReadingBack(store, self._look.at_series, self._gathering.choose_for)

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
                overtaken(self._store.exams, self._store.exams.get(number))

    def _open(self, study_uid: str, patient: str) -> None:
        exams = self._store.exams.of_patient(patient)
        waiting = [exam for exam in exams if exam.state not in ENDED and exam.plan is None]
        without_pet = next((exam for exam in waiting if not self._look.has_pet(exam.anchor)), None)
        own = next((exam for exam in exams if exam.anchor == study_uid), None)
        without_mr = next((exam for exam in exams if exam.state is State.REJECTED and Role.T1.value not in _roles(exam)), None)
        if own is not None:  # killed between opening it and giving it its study
            self._assign(study_uid, own)
        elif self._look.has_pet(study_uid):
            if without_pet is not None:
                self._store.exams.adopt(without_pet.number, anchor=study_uid, text="a TSPO PET has arrived for this patient's MR")
            self._assign(study_uid, without_pet or self._create(study_uid, patient))
        elif without_mr is not None and not waiting:
            self._assign(study_uid, without_mr)
            overtaken(self._store.exams, without_mr)
        elif not waiting:
            self._assign(study_uid, self._create(study_uid, patient))

    def _create(self, study_uid: str, patient: str) -> ExamRow:
        return self._store.exams.create(anchor=study_uid, patient_key=patient, text="images of a new study have arrived")

    def _assign(self, study_uid: str, exam: ExamRow) -> None:
        self._store.register.assign([study_uid], exam.number)

    def facts(self, exam: ExamRow) -> Facts:
        """What is known of an exam now."""
        return self._gathering.facts(exam)

    def plan(self, exam: ExamRow) -> dict[str, object]:
        """The series chosen for the version that begins now."""
        return self._gathering.plan(exam)


def patient_key(header: Header) -> str:
    """By what images may be of one patient: the ID; the study where there is none. Issuers are compared when series are chosen."""
    return header.person.patient_id or f"study {header.study_uid}"


def _roles(exam: ExamRow) -> frozenset[str]:
    return frozenset((exam.plan or {}).get("series", {}))
