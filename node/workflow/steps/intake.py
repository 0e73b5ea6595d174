"""`ExamIntake`: reads the headers of what came in and gives every study its exam; `Gathering` knows what each exam has.

An exam is *anchored* at a study: the PET's where there is one. MR that comes first waits under an exam of its own, which the PET's study
takes over when it arrives; MR that comes later belongs to its patient's open exam. So an exam keeps its number whichever comes first.
"""

from __future__ import annotations

from dataclasses import replace

from node import settings as settings_module
from node.assemble.drawings import is_own
from node.assemble.header import Header, read_header, to_json
from node.assemble.identity import patient_key
from node.assemble.rules import load_rules
from node.domain.exam import Role
from node.domain.ports import Clock
from node.errors import DataError
from node.settings import Settings
from node.workflow.decide import Facts
from node.workflow.states import ENDED, State
from node.workflow.steps.announcing import Announcing
from node.workflow.steps.asking import asking
from node.workflow.steps.belonging import Belonging
from node.workflow.steps.gathering import Gathering
from node.workflow.steps.late import Late
from node.workflow.steps.looking import Look
from node.workflow.steps.reading_back import ANSWERING, ReadingBack
from node.workflow.steps.routing import routing
from node.workflow.steps.seeking import Seeking
from node.workflow.steps.swapped import Swapped
from node.workflow.steps.updating import Updating
from node.workflow.steps.weighing import Weighing
from node.workflow.store.database import Store
from node.workflow.store.register import HeaderRow, StudyRow
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
        belonging = Belonging(store, self._look, rules)
        weighing, asked = Weighing(store.evidence, rules), asking(settings, store.evidence, clock)
        self._gathering = Gathering(store, belonging, routing(settings, rules, clock), weighing, clock, asking=asked)
        self._announcing = Announcing(store, clock)
        self._seeking = Seeking(settings, store, clock)
        self._late = Late(store, self._look, self._gathering, limit=rules.automatic_versions)
        self._updating = Updating(store, self._storage)
        self._swapped = Swapped(store, belonging)
        self._answers = ReadingBack(store, self._look.at_series, self._gathering.choose_for)

    def read_headers(self) -> int:
        """Read the headers of new images, and what peers told of them; returns how many images."""
        total = 0
        while unread := self._store.register.unread(BATCH):
            ours = self._store.register.made_here([uid for uid, _ in unread])
            rows = [self._read(uid, path) for uid, path in unread]
            self._store.register.headers_read([replace(row, news=False) if row.sop_instance_uid in ours else row for row in rows])
            total += len(rows)
        self._announcing.take()
        return total

    def _read(self, uid: str, path: str) -> HeaderRow:
        try:
            header = read_header(self._storage / path)
        except DataError as error:
            return HeaderRow(uid, None, None, None, None, str(error))
        if header.sop_instance_uid != uid:
            told = f"expected instance {uid}, as it was sent; found {header.sop_instance_uid} in the data set"
            return HeaderRow(uid, None, None, None, None, told)
        if header.sop_class_uid in ANSWERING:
            self._answers.notice()
        return HeaderRow(
            uid,
            patient_key(header),
            header.study_uid,
            header.series_uid,
            to_json(header),
            None,
            issuer=header.person.issuer,
            name_key=header.person.name_key,
            news=_is_news(header),
        )

    def open_exams(self) -> None:
        """Give every study its exam, and open those again that a reader has answered, or whose end new images may have overtaken."""
        self._answers.take(patient_key)
        self._updating.take()
        new = self._store.register.studies_without_exam()
        self._swapped.look(new)  # before they have exams: after a kill they are new still
        for study in new:
            self._open(study)
        self._late.take()

    def _open(self, study: StudyRow) -> None:
        exams = self._of_same_patient(study)
        waiting = [exam for exam in exams if exam.state not in ENDED and exam.plan is None]
        without_pet = next((exam for exam in waiting if not self._look.has_pet(exam.anchor)), None)
        own = next((exam for exam in exams if exam.anchor == study.study_uid), None)
        without_mr = next((exam for exam in exams if exam.state is State.REJECTED and Role.T1.value not in _roles(exam)), None)
        if own is not None:  # killed between opening it and giving it its study
            self._assign(study, own)
        elif self._look.has_pet(study.study_uid):
            if without_pet is not None:
                text = "a TSPO PET has arrived for this patient's MR"
                self._store.exams.adopt(without_pet.number, anchor=study.study_uid, issuer=study.issuer, text=text)
            self._assign(study, without_pet or self._create(study))
        elif without_mr is not None and not waiting:
            self._assign(study, without_mr)
        elif not waiting:
            self._assign(study, self._create(study))

    def _of_same_patient(self, study: StudyRow) -> list[ExamRow]:
        """Exams that the study may be of. One that does not say who issued its ID, where two have given it out, is of nobody else's."""
        exams = self._store.exams.of_patient(study.patient_key, study.issuer)
        alone = not study.issuer and len(self._store.register.issuers(study.patient_key)) > 1
        return [exam for exam in exams if not (alone and exam.issuer)]

    def _create(self, study: StudyRow) -> ExamRow:
        text = "images of a new study have arrived"
        return self._store.exams.create(anchor=study.study_uid, patient_key=study.patient_key, issuer=study.issuer, text=text)

    def _assign(self, study: StudyRow, exam: ExamRow) -> None:
        self._store.register.assign([study.study_uid], exam.number)

    def facts(self, exam: ExamRow) -> Facts:
        """What is known of an exam now."""
        return self._seeking.complete(exam, self._gathering.facts(exam))

    def plan(self, exam: ExamRow) -> dict[str, object]:
        """The series chosen for the version that begins now."""
        return self._gathering.plan(exam)


def _is_news(header: Header) -> bool:
    """What readers send back is looked at one by one; what we made ourselves and a PACS sends round is no news."""
    return header.sop_class_uid not in ANSWERING and not is_own(header)


def _roles(exam: ExamRow) -> frozenset[str]:
    return frozenset((exam.plan or {}).get("series", {}))
