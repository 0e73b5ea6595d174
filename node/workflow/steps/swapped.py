"""`Swapped`: a study that comes late and shows that an exam was made from two people, whose IDs somebody swapped.

Until the other patient's images are here, an MR under the wrong ID is only a name that is written otherwise.
"""

from __future__ import annotations

from node.errors import ConflictError
from node.workflow.states import State
from node.workflow.steps.belonging import Belonging
from node.workflow.steps.updating import UNDER_WAY
from node.workflow.store.database import Store
from node.workflow.store.register import StudyRow
from node.workflow.store.rows import ExamRow


class Swapped:
    """Looks at exams that have begun when a study of somebody else bears the name of one of theirs."""

    def __init__(self, store: Store, belonging: Belonging) -> None:
        self._store = store
        self._belonging = belonging

    def look(self, study: StudyRow) -> None:
        """What a study that is new means for exams of other patient IDs."""
        named = self._store.register.named_alike(study.name_key, study.patient_key)
        numbers = {self._store.register.exam_of(uid) for uid in named} - {None}
        for number in sorted(number for number in numbers if number is not None):
            exam = self._store.exams.get(number)
            if exam.plan is not None and not exam.plan.get("conflicts"):
                self._hold(exam)

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
            self._store.exams.note(exam.number, text)

    def _again(self, exam: ExamRow, text: str) -> None:
        """What has begun is overtaken, and the version that follows is held by the same facts."""
        try:
            self._store.exams.again(exam.number, text)
        except ConflictError as error:
            self._store.exams.note(exam.number, f"{text}; {error}")
