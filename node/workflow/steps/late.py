"""Late images: what their coming does to an exam that has begun or ended without them."""

from __future__ import annotations

from node.workflow.states import State
from node.workflow.store.exams import Exams
from node.workflow.store.rows import ExamRow


def overtaken(exams: Exams, exam: ExamRow) -> None:
    """New images of an exam that has ended: what was ended for want of images begins again, anything else is only told."""
    text = "new images have arrived"
    if exam.state is State.HELD and (exam.plan or {}).get("unclaimed"):
        exams.again(exam.number, f"{text}; looked at again as a new version")
    elif exam.state is State.IGNORED:
        exams.move(exam.number, State.RECEIVED, f"{text}; looked at again")
    elif exam.state is State.REJECTED and exam.progress is None:
        exams.again(exam.number, f"{text}; looked at again as a new version")
    elif exam.plan is not None:
        exams.note(exam.number, f"{text} that version {exam.version} does not hold; `ember rerun` takes them in")
