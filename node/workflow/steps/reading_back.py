"""`ReadingBack`: what readers send back, looked at once: segmentations of lesions that they drew or corrected, and rejection notes.

A SEG belongs to the exams whose T1 or FLAIR it lies on, by frame of reference, and not to whatever its patient has; it begins a new version
of each when it would now be the one that counts. What fits no exam is told in the story of the patient's latest, and waits. A rejection
note of the PACS on our objects is a reader's verdict; we send none back, since the PACS has it already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from node.assemble.choice import Choice
from node.assemble.drawings import PATIENT_SAFETY, by_person, drawn_at, is_own, rejection
from node.assemble.header import Header, from_json
from node.assemble.names import readable
from node.assemble.roles import Judgement
from node.assemble.series import SeriesSummary
from node.domain.exam import Role
from node.domain.ports import ARRIVED
from node.domain.verdict import Verdict
from node.errors import ConflictError
from node.workflow.states import State
from node.workflow.steps.planned import planned_series
from node.workflow.steps.taking_back import take_back
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow
from node.workflow.store.verdicts import Said

log = structlog.get_logger()

KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
ANSWERING = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", KEY_OBJECTS)
"""SOP classes in which a reader may answer: Segmentation, Label Map Segmentation, Key Object Selection."""


class ReadingBack:
    """Looks at each object once, in order of arrival.

    Parameters
    ----------
    look : Series Instance UID → what that series is
    choose : the series that would be chosen for an exam now
    """

    def __init__(self, store: Store, look: Callable[[str], tuple[SeriesSummary, Judgement]], choose: Callable[[ExamRow], Choice]) -> None:
        self._store = store
        self._look = look
        self._choose = choose
        self._something_new = True  # a worker that starts does not know

    def notice(self) -> None:
        """An object of a class in which readers answer has come."""
        self._something_new = True

    def take(self, patient_key: Callable[[Header], str]) -> None:
        """Look at everything that nobody has looked at."""
        if not self._something_new:
            return
        self._something_new = False
        for _, header_json in self._store.answers.unanswered(ANSWERING):
            header = from_json(header_json)
            try:
                self._take(header, self._exams(header, patient_key(header)))
            except ConflictError as error:  # the exam moved on between two looks: look again
                log.info("an answer is looked at again", sop_instance_uid=header.sop_instance_uid, why=str(error))
                self._something_new = True

    def _exams(self, header: Header, patient: str) -> tuple[ExamRow, ...]:
        """The exams that it may be of, oldest first."""
        number = self._store.register.exam_of(header.study_uid)
        found = {exam.number: exam for exam in self._store.exams.of_patient(patient)}
        if number is not None and number not in found:
            found[number] = self._store.exams.get(number)
        return tuple(found[number] for number in sorted(found))

    def _take(self, header: Header, exams: Sequence[ExamRow]) -> None:
        uid = header.sop_instance_uid
        if is_own(header) or self._store.register.made_here([uid]):
            self._store.answers.file(uid, None, "made by this node")
        elif header.sop_class_uid == KEY_OBJECTS:
            self._rejected(header, exams)
        else:
            self._drawn(header, exams)

    def _sent(self, exam: ExamRow) -> set[str]:
        """What the node made for an exam, all versions: it stays ours, whatever an archive writes into it."""
        return {row.sop_instance_uid for row in self._store.deliveries.of_exam(exam.number)}

    # --- lesions ----------------------------------------------------------------------------------------------------------------------

    def _drawn(self, header: Header, exams: Sequence[ExamRow]) -> None:
        uid = header.sop_instance_uid
        if not self._store.register.series(header.series_uid):
            self._store.answers.file(uid, None, "taken back by a rejection note, or removed here, before it was looked at")
            return
        judgement = self._look(header.series_uid)[1]
        begun = [exam for exam in exams if planned_series(exam)]
        fitting = [exam for exam in begun if self._lies_on(header, exam)]
        counting = [exam for exam in fitting if self._counts(header, exam)]
        if judgement.role is not Role.LESION_SEG:
            self._store.answers.file(uid, None, judgement.reason)
        elif counting:
            self._claim(header.study_uid, counting[-1])
            self._store.answers.begin(uid, [exam.number for exam in counting], f"{_told(header)}; analysed again with them")
        elif fitting:
            self._claim(header.study_uid, fitting[-1])
            self._store.answers.file(
                uid, fitting[-1].number, f"{_told(header)}; not taken, since others count before them, or another MR would be taken now"
            )
        elif begun and not any(exam.plan is None for exam in exams):
            log.warning("a SEG of lesions fits no exam", series_uid=header.series_uid)
            self._store.answers.file(uid, begun[-1].number, f"{_told(header)}; {unclaimed(header)}")
        else:
            self._store.answers.file(uid, None, "looked at when its exam begins")

    def _claim(self, study_uid: str, exam: ExamRow) -> None:
        """A study of its own belongs to the exam that its lesions are of; one that belongs to an exam stays there."""
        if self._store.register.exam_of(study_uid) is None:
            self._store.register.assign([study_uid], exam.number)

    def _lies_on(self, header: Header, exam: ExamRow) -> bool:
        series = planned_series(exam)
        uids = [series[role.value] for role in (Role.T1, Role.FLAIR) if role.value in series]
        mrs = [self._look(uid)[0] for uid in uids if self._store.register.series(uid)]  # a rejection note may have taken one back
        return header.frame_of_reference_uid in {mr.header.frame_of_reference_uid for mr in mrs} - {""}

    def _counts(self, header: Header, exam: ExamRow) -> bool:
        chosen = self._choose(exam).get(Role.LESION_SEG)
        return chosen is not None and chosen.summary.header.sop_instance_uid == header.sop_instance_uid

    # --- rejection notes --------------------------------------------------------------------------------------------------------------

    def _rejected(self, header: Header, exams: Sequence[ExamRow]) -> None:
        uid, words, named = header.sop_instance_uid, rejection(header), set(header.selection.instances if header.selection else ())
        hit = [exam for exam in exams if words and named & self._sent(exam)]
        changed = take_back(self._store, header, words, exams) if words else ()
        if not hit:
            told = f"{words}: changes {' and '.join(changed) or 'no exam'}" if words else "a selection of objects that takes nothing back"
            self._store.answers.file(uid, None, told)
        for exam in hit:
            self._reject(exam, header, words, named)

    def _reject(self, exam: ExamRow, header: Header, words: str, named: set[str]) -> None:
        rows = self._store.deliveries.of_exam(exam.number)
        version = max(row.version for row in rows if row.sop_instance_uid in named)
        stored = {row.sop_instance_uid for row in rows if row.version == version and row.state in ARRIVED}
        text = f"{words} in the PACS: {len(stored & named)} of {len(stored)} objects of version {version}"
        destinations = sorted({row.destination for row in rows if row.sop_instance_uid in stored})
        if len(destinations) > 1:  # we send no note, and only one of them has this one
            text += f"; they were stored by {' and '.join(destinations)}: see that each takes them back"
        assert header.selection is not None
        verdict = Verdict.UNSAFE if header.selection.title.value == PATIENT_SAFETY else Verdict.REJECTED
        said = Said(verdict, "a rejection note in the PACS", words)
        whole = bool(stored) and stored <= named | self._named_before(exam)
        if whole and version == exam.version and exam.state in (State.DELIVERED, State.HELD):
            self._store.verdicts.record(exam, said, text, to=State.WITHDRAWN, answer=header.sop_instance_uid)
        else:
            self._store.verdicts.note(exam, said, text, version=version, answer=header.sop_instance_uid)

    def _named_before(self, exam: ExamRow) -> set[str]:
        """A PACS writes one note a study: together they may name everything."""
        headers = (from_json(text) for text in self._store.answers.of_exam(exam.number, KEY_OBJECTS))
        return {uid for header in headers if rejection(header) and header.selection for uid in header.selection.instances}


def unclaimed(header: Header) -> str:
    """Why a SEG waits."""
    cited = f"cites MR series {header.cites[0]}" if header.cites else "cites no series"
    return (
        f"SEG series {header.series_uid} {cited}, and lies in the frame of reference of no MR that an exam of this patient was made from: "
        "it waits for that MR; when it has come, run the exam again"
    )


def _told(header: Header) -> str:
    """Who drew, with what, when, as a reader of the story sees it."""
    who = (readable(header.content_creator) or "a reader") if by_person(header) else "a program"
    at = drawn_at(header)
    when = f"SEG of {at:%Y-%m-%d %H:%M}" if at else "SEG without a date"
    return f"lesions were drawn by {who} ({' '.join(filter(None, (header.manufacturer, header.model))) or 'unnamed product'}, {when})"
