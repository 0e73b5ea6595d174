"""`Swapped`: a study that comes late and shows that an exam may have been made from two people.

Until the other patient's images are here, an MR under the wrong ID is only a name that is written otherwise, and an ID that two issuers
have given out looks like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.errors import ConflictError
from node.workflow.states import State
from node.workflow.steps.belonging import Belonging
from node.workflow.steps.updating import UNDER_WAY
from node.workflow.store.database import Store
from node.workflow.store.register import StudyRow
from node.workflow.store.rows import ExamRow


class Swapped:
    """Looks at exams that have begun when a study of somebody else bears the name of one of theirs, or their ID.

    A study is looked at once: what begins after that is held by `Belonging.conflicts`. After a kill it is looked at again.
    """

    def __init__(self, store: Store, belonging: Belonging) -> None:
        self._store = store
        self._belonging = belonging
        self._seen: set[StudyRow] = set()

    def look(self, new: Sequence[StudyRow]) -> None:
        """What studies that belong to no exam yet mean for exams that have begun."""
        for study in new:
            if study not in self._seen:
                for exam in self._concerned(study):
                    self._hold(exam)
        self._seen = set(new)

    def _concerned(self, study: StudyRow) -> list[ExamRow]:
        register = self._store.register
        numbers = {register.exam_of(uid) for uid in register.named_alike(study.name_key, study.patient_key)}
        found = {number: self._store.exams.get(number) for number in numbers if number is not None}
        if study.issuer and len(register.issuers(study.patient_key)) > 1:
            found |= {exam.number: exam for exam in self._store.exams.of_patient(study.patient_key)}
        return [found[number] for number in sorted(found) if (plan := found[number].plan) is not None and not plan.get("conflicts")]

    def _hold(self, exam: ExamRow) -> None:
        choice = self._belonging.choose(exam, self._belonging.series(exam))
        found = self._belonging.conflicts(exam, choice)
        if not found:
            return
        text = f"the series may belong to different people: {'; '.join(found)}"
        if exam.state in UNDER_WAY:
            self._again(exam, text)
        elif exam.state in (State.DELIVERED, State.FAILED):
            self._store.exams.move(exam.number, State.HELD, text, of_version=exam.version, progress=None)
        else:
            self._store.news.note(exam, text)

    def _again(self, exam: ExamRow, text: str) -> None:
        """What has begun is overtaken, and the version that follows is held by the same facts."""
        try:
            self._store.exams.again(exam.number, text)
        except ConflictError as error:
            self._store.news.note(exam, f"{text}; {error}")
