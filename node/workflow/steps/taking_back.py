"""Taking back: rejection notes on the images that exams are made from (IHE Imaging Object Change Management).

The named images count no longer, those too that come after the note. What was made from them and delivered is withdrawn; what was not
delivered yet is made again from what is left, or from what replaces it.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.assemble.drawings import PATIENT_SAFETY
from node.assemble.header import Header
from node.domain.ports import ARRIVED, DeliveryState
from node.domain.verdict import Verdict
from node.errors import ConflictError
from node.workflow.states import State
from node.workflow.steps.judging import JUDGED, lacks_proof_alone
from node.workflow.steps.planned import planned_series
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow
from node.workflow.store.verdicts import Said

IMAGES_REJECTED = "a rejection note on its images"
"""The author of a verdict that follows from such a note."""


def take_back(store: Store, note: Header, words: str, exams: Sequence[ExamRow]) -> tuple[str, ...]:
    """Have a note on images take effect; what was done twice is as done once. Returns the names of the exams that it changed.

    Parameters
    ----------
    words : how a reader is told of the note (`drawings.rejection`)
    exams : of the patient whom the note is of

    Raises
    ------
    ConflictError : an exam is being sent, or has moved on: look again later
    """
    assert note.selection is not None
    named = note.selection.instances
    store.rejections.record(note.sop_instance_uid, note.selection.title.value, named)
    series = store.rejections.series_of(named)
    numbers = {*store.rejections.exams_of(named), *(exam.number for exam in exams)}
    used = [exam for exam in map(store.exams.get, sorted(numbers)) if series & set(planned_series(exam).values())]
    for exam in used:  # all or none: the note is looked at again as a whole
        _require_at_rest(store, exam, words)
    verdict = Verdict.UNSAFE if note.selection.title.value == PATIENT_SAFETY else Verdict.REJECTED
    return tuple(exam.name for exam in used if _take_back(store, exam, Said(verdict, IMAGES_REJECTED, words), sorted(series)))


def _take_back(store: Store, exam: ExamRow, said: Said, series: Sequence[str]) -> bool:
    """Whether it changed anything."""
    _require_at_rest(store, exam, said.reason)  # again: sending may have begun since
    mine = [uid for uid in series if uid in planned_series(exam).values()]
    text = f"images of series {', '.join(mine)} were {said.reason}"
    rows = store.deliveries.of_exam(exam.number, exam.version)
    is_out = exam.state in JUDGED or lacks_proof_alone(exam, rows)
    stored = any(row.state in ARRIVED for row in rows)
    if exam.state in (State.WITHDRAWN, State.IGNORED):
        return False
    if is_out and stored:
        store.verdicts.record(exam, said, f"withdrawn: {text}", to=State.WITHDRAWN, progress="rejection note owed")
    else:
        store.exams.again(exam.number, f"{text}; made again without them")
    return True


def _require_at_rest(store: Store, exam: ExamRow, words: str) -> None:
    """ConflictError while an exam is being sent: what arrives must be known before it can be taken back."""
    rows = store.deliveries.of_exam(exam.number, exam.version)
    arriving = {row.state for row in rows} & {*ARRIVED, DeliveryState.SENDING}
    if exam.state is State.ENCODED and arriving and not lacks_proof_alone(exam, rows):
        raise ConflictError(f"{exam.name} is being sent; its images were {words}")
