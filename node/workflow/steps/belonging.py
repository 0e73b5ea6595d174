"""`Belonging`: which series are of an exam, which of them are chosen, and whether they are of one person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from node.assemble.choice import Choice, choose
from node.assemble.identity import conflicts, other_names, unsure_issuer
from node.assemble.overruling import Overruling, overruled
from node.assemble.rules import Rules
from node.assemble.series import SeriesSummary
from node.domain.assignment import Word
from node.domain.exam import Role
from node.workflow.steps.looking import Judged, Look
from node.workflow.store.database import Store
from node.workflow.store.register import SeriesCount
from node.workflow.store.rows import ExamRow


class Belonging:
    """What the rules and a person say of whose the series are."""

    def __init__(self, store: Store, look: Look, rules: Rules) -> None:
        self._store = store
        self._look = look
        self._rules = rules

    def series(self, exam: ExamRow) -> list[Judged]:
        """All series of the patient, of the anchor's study and of exams that were merged, with what a person said in their judgements.

        PET of other studies is left out: each PET study is an exam.
        """
        said = overruling(self._store, exam)
        items = [item for item in self._look.at(self._counts(exam, said)) if self._may_be(item, exam, said)]
        judged = overruled([(item.summary, item.judgement) for item in items], said)
        return [replace(item, judgement=judgement) for item, (_, judgement) in zip(items, judged, strict=True)]

    def choose(self, exam: ExamRow, items: Sequence[Judged]) -> Choice:
        """One series for each role."""
        said = overruling(self._store, exam)
        return choose([(item.summary, item.judgement) for item in items], self._rules, trusted=said.trusted)

    def conflicts(self, exam: ExamRow, choice: Choice) -> tuple[str, ...]:
        """How the chosen series contradict each other about whose they are, and what has come since that says otherwise."""
        self._store.identity_changes.hang(exam, [one.summary.series_uid for one in choice.chosen])
        changed = self._store.identity_changes.of_version(exam.number, exam.version)
        pet = choice.get(Role.PET)
        if pet is None:
            return changed
        merged = overruling(self._store, exam).merged
        others = [one.summary for one in choice.chosen if one.role is not Role.PET]
        unsaid = [other for other in others if other.series_uid not in merged]
        return (
            *conflicts(pet.summary, others, waived=merged),
            *unsure_issuer(pet.summary, unsaid, self._store.register.issuers(exam.patient_key)),
            *self._swapped(exam, pet.summary, unsaid),
            *changed,
        )

    def _counts(self, exam: ExamRow, said: Overruling) -> Iterable[SeriesCount]:
        register = self._store.register
        counts = {count.series_uid: count for count in register.series_of_patient(exam.patient_key)}
        counts |= {count.series_uid: count for count in register.series_of_studies([exam.anchor])}
        return (counts | {count.series_uid: count for uid in said.trusted if uid not in counts for count in register.series(uid)}).values()

    @staticmethod
    def _may_be(item: Judged, exam: ExamRow, said: Overruling) -> bool:
        issuer = item.summary.people[0].issuer
        ours = item.summary.study_uid == exam.anchor
        same = ours or not (issuer and exam.issuer) or issuer == exam.issuer or item.summary.series_uid in said.trusted
        return same and (ours or item.summary.modality != "PT")

    def _swapped(self, exam: ExamRow, pet: SeriesSummary, mrs: Sequence[SeriesSummary]) -> tuple[str, ...]:
        """MR under this patient's ID that bears the name of another patient here: two IDs were swapped, of which both exams are held."""
        return tuple(
            f"{mr.modality} series {mr.series_uid} bears the name of another patient ID here, and not that of PET series {pet.series_uid}"
            for mr, name in other_names(pet, mrs)
            if self._store.register.named_alike(name, exam.patient_key)
        )


def overruling(store: Store, exam: ExamRow) -> Overruling:
    """What a person says of the series of an exam's present version."""
    said = store.assignments.standing(exam.number, exam.version)
    merges = [(one.told, store.exams.get(one.other)) for one in said if one.word is Word.MERGE and one.other is not None]
    merged = {uid: told for told, other in merges for uid in _of_its_patient(store, other)}
    split = {one.series_uid: one.told for one in said if one.word is Word.SPLIT}
    roles = {one.series_uid: (Role(one.role), one.told) for one in said if one.word is Word.ASSIGN and one.role is not None}
    return Overruling(merged, split, roles)


def _of_its_patient(store: Store, exam: ExamRow) -> list[str]:
    """The series of an exam that a person could mean: what lies in its studies under another patient ID, they never spoke of."""
    return [uid for uid in series_of_exam(store, exam.number) if store.register.is_of(uid, exam.patient_key)]


def series_of_exam(store: Store, number: int) -> tuple[str, ...]:
    """The series of the studies that belong to an exam."""
    studies = {store.exams.get(number).anchor, *store.register.studies_of_exam(number)}
    return tuple(count.series_uid for count in store.register.series_of_studies(sorted(studies)))
