"""`Late`: what images do that come after an exam has begun or ended without them.

Images of a series that the present version is made from, or of a role that it lacks, make a new version: at once while the old one is
still being computed, since nothing of it was sent; else as soon as the exam as it is now would begin by the same rules as any other. So
what comes image by image makes one version and not many, and what would make the exam worse makes none. Anything else is told in the
story, once. What a reader has rejected is left to readers.
"""

from __future__ import annotations

from datetime import datetime

from node.assemble.identity import patient_key
from node.domain.exam import Role
from node.errors import NodeError
from node.workflow.decide import Action, decide
from node.workflow.states import COMPUTE, OWING, State
from node.workflow.steps.gathering import Gathering
from node.workflow.steps.keeping import require_images
from node.workflow.steps.looking import Look
from node.workflow.steps.planned import planned_series
from node.workflow.steps.taking_back import IMAGES_REJECTED
from node.workflow.store.database import Store
from node.workflow.store.news import SeriesNews
from node.workflow.store.rows import ExamRow

COMPUTING = frozenset(state for state, _, _ in COMPUTE)
"""States in which a version that has begun is being computed, and nothing of it has been sent."""

MR_ROLES = (Role.T1, Role.FLAIR)


class Late:
    """Deals with news of series.

    Parameters
    ----------
    limit : how often an exam may begin again by itself
    """

    def __init__(self, store: Store, look: Look, gathering: Gathering, *, limit: int) -> None:
        self._store = store
        self._look = look
        self._gathering = gathering
        self._limit = limit

    def take(self) -> None:
        """Look at all news; what cannot be decided yet stays."""
        for item in self._store.news.pending():
            concerned = [exam for exam in self._exams(item) if exam.plan is not None or exam.state is State.IGNORED]
            settled = [self._look_at(exam, item) for exam in concerned]
            if all(settled):
                self._store.news.done(item)

    def _exams(self, item: SeriesNews) -> list[ExamRow]:
        """The exam that a series belongs to by its study, by a person's word or by its plan, or whose empty role it would fill."""
        if not self._store.register.series(item.series_uid):
            return []  # taken back since by a rejection note
        found = {exam.number: exam for exam in self._of_study(item.study_uid)}
        summary, judgement = self._look.at_series(item.series_uid)
        for exam in self._store.exams.of_patient(patient_key(summary.header), summary.people[0].issuer):
            used = item.series_uid in planned_series(exam).values()
            lacking = exam.plan is not None and judgement.role in MR_ROLES and judgement.role.value not in self._here(exam)
            if used or (lacking and self._fills(exam, item)):
                found[exam.number] = exam
        return [found[number] for number in sorted(found)]

    def _of_study(self, study_uid: str) -> list[ExamRow]:
        """The exam that a study belongs to, and those that take its MR by a person's word: then it has nothing to do itself."""
        number = self._store.register.exam_of(study_uid)
        if number is None:
            return []
        owner, takers = self._store.exams.get(number), [self._store.exams.get(one) for one in self._store.assignments.takers(number)]
        return takers if takers and owner.state is State.IGNORED else [owner, *takers]

    def _look_at(self, exam: ExamRow, item: SeriesNews) -> bool:
        """The same for one exam; one that cannot be looked at must not keep the others waiting."""
        try:
            return self._overtaken(exam, item)
        except NodeError as error:
            self._store.news.note(exam, f"new images have arrived, and nothing follows by itself: {error}")
            return True

    def _overtaken(self, exam: ExamRow, item: SeriesNews) -> bool:
        """Do what follows for one exam; whether that is all."""
        if exam.state is State.IGNORED:
            self._store.exams.move(exam.number, State.RECEIVED, "new images have arrived; looked at again")
        elif (exam.plan or {}).get("unclaimed"):
            self._store.exams.again(exam.number, "new images have arrived; looked at again as a new version")
        elif self._is_used_whole(exam, item):
            return True
        elif what := self._what_it_changes(exam, item):
            return self._changed(exam, what)
        elif self._came_after(exam, item):
            text = f"new images have arrived that version {exam.version} does not use (series {item.series_uid}); `ember rerun` looks again"
            self._store.news.note(exam, text)
        return True

    def _is_used_whole(self, exam: ExamRow, item: SeriesNews) -> bool:
        """Whether the version uses all of a series that is here: then a kill came between its beginning and this look."""
        entries = (exam.plan or {}).get("series", {}).values()
        entry = next((entry for entry in entries if entry["series_uid"] == item.series_uid and "images" in entry), None)
        counts = self._store.register.series(item.series_uid)
        # By number, too: the clock may have been set back since.
        return entry is not None and all(
            count.images <= entry["images"] and count.last_at <= datetime.fromisoformat(entry["last_at"]) for count in counts
        )

    def _came_after(self, exam: ExamRow, item: SeriesNews) -> bool:
        """Whether images of a series have come since the version began; for the story alone, since clocks are set."""
        counts = self._store.register.series(item.series_uid)
        return exam.made_at is None or any(count.last_at > exam.made_at for count in counts)

    def _what_it_changes(self, exam: ExamRow, item: SeriesNews) -> str:
        """In words; empty where it changes nothing."""
        planned = planned_series(exam)
        role = next((role for role, uid in planned.items() if uid == item.series_uid), None)
        if role is not None:
            return f"images of the {role} came late"
        if self._fills(exam, item):
            return f"series {item.series_uid} came late, for a role that was empty"
        if item.series_uid in (exam.plan or {}).get("short", ()) and self._chosen(exam, item):
            return f"series {item.series_uid}, which was not whole and not used, came late"
        return "new images have arrived" if exam.state is State.REJECTED and self._came_after(exam, item) else ""

    def _fills(self, exam: ExamRow, item: SeriesNews) -> bool:
        """Whether a series would be chosen for a role that the version lacks."""
        planned = self._here(exam)
        choice = self._gathering.choose_for(exam)
        return any(one.summary.series_uid == item.series_uid and one.role.value not in planned for one in choice.chosen)

    def _here(self, exam: ExamRow) -> dict[str, str]:
        """Role → series of the plan, but for those that rejection notes have taken back whole: such a role is empty."""
        return {role: uid for role, uid in planned_series(exam).items() if self._store.register.series(uid)}

    def _chosen(self, exam: ExamRow, item: SeriesNews) -> bool:
        return any(one.summary.series_uid == item.series_uid for one in self._gathering.choose_for(exam).chosen)

    def _changed(self, exam: ExamRow, what: str) -> bool:
        news = self._store.news
        if exam.state in COMPUTING:
            # Not one of those that are limited: nobody has seen the version that is given up.
            self._store.exams.again(exam.number, f"{what}, while version {exam.version} was computed; begun again as a new version")
        elif self._left_to_readers(exam):
            news.note(exam, f"{what}; a reader has rejected version {exam.version}: `ember rerun` takes them in")
        elif news.versions_begun(exam.number) >= self._limit:
            news.note(exam, f"{what}; {self._limit} versions have begun by themselves already: `ember rerun` takes them in")
        elif exam.state in OWING and exam.progress is not None:
            return False  # the page or the note that it owes is made first
        else:
            return self._when_settled(exam, what)
        return True

    def _left_to_readers(self, exam: ExamRow) -> bool:
        """Whether a reader has rejected the result; where only its images were taken back, what replaces them is awaited."""
        said = [row for row in self._store.verdicts.of_exam(exam.number) if row.version == exam.version and row.verdict.rejects]
        return any(row.author != IMAGES_REJECTED for row in said) or (exam.state is State.WITHDRAWN and not said)

    def _when_settled(self, exam: ExamRow, what: str) -> bool:
        """A new version when the exam would begin as it is now; also when a person must look at what was not analysed so far."""
        require_images(self._store, exam)
        news, decision = self._store.news, decide(self._gathering.anew(exam))
        if decision.action is Action.BEGIN or (decision.action is Action.HOLD and exam.state is State.REJECTED):
            news.again(exam, f"{what}; analysed again as a new version")
        elif decision.action is Action.WAIT:
            news.note(exam, f"{what}; a new version begins when they are whole")
        else:
            news.note(exam, f"{what}, and make no better version: {decision.reason}")
        return decision.action is not Action.WAIT
