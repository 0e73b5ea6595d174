"""`Updating`: images that come again under another patient or study, after somebody corrected them in the archive or on the console.

The register keeps the first bytes of a UID and the quarantine the others. Which of them is right only a person can say; until one has, no
result may stand or go out under what may be the wrong person, so that the exam is HELD; an exam too that comes to use such images later. A
corrected name alone, or another accession number, is told in the story.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from node.assemble.header import Header, from_json, read_header
from node.assemble.identity import identity_changes, patient_key
from node.errors import ConflictError, DataError
from node.workflow.states import PATH, State
from node.workflow.steps.planned import planned_series
from node.workflow.store.database import Store
from node.workflow.store.identity_changes import Concern, Duplicate, Effect
from node.workflow.store.rows import ExamRow

log = structlog.get_logger()

BATCH = 200
"""Duplicates that are looked at in one pass."""

UNDER_WAY = frozenset(state for state, _, _ in PATH)
"""States in which a version is being made or sent."""

HELD_FROM = (State.DELIVERED, State.HELD, State.FAILED)
"""States in which a result may stand at a destination, and nothing is under way."""


class Updating:
    """Looks at each changed duplicate once.

    Parameters
    ----------
    storage : folder that paths are relative to
    """

    def __init__(self, store: Store, storage: Path) -> None:
        self._store = store
        self._storage = storage

    def take(self) -> None:
        """Look at what nobody has looked at."""
        for one in self._store.identity_changes.unseen(BATCH):
            try:
                self._look(one)
            except ConflictError as error:  # the exam moved on between two looks, or owes a note first: look again
                log.info("a changed duplicate is looked at again", sop_instance_uid=one.sop_instance_uid, why=str(error))

    def _look(self, one: Duplicate) -> None:
        kept = from_json(one.header)
        try:
            came = read_header(self._storage / one.path)
        except DataError as error:
            self._store.identity_changes.file(one.quarantine, kept.series_uid, "", f"cannot be read: {error}", ())
            return
        grave, slight = identity_changes(kept, came)
        differs = " and ".join((*grave, *slight))
        told = f"images of {kept.modality} series {kept.series_uid} have come again with another {differs}, and are in the quarantine"
        if grave:
            told += ": release them there, or say with `ember rerun` that the former ones are right"
        concerns = [Concern(exam, _effect(exam) if grave else Effect.NOTE) for exam in self._exams(kept)] if differs else []
        self._store.identity_changes.file(
            one.quarantine, kept.series_uid, differs if grave else "", told if differs else "says the same of whose it is", concerns
        )

    def _exams(self, kept: Header) -> list[ExamRow]:
        """Those that the study belongs to, or that were made from the series."""
        number = self._store.register.exam_of(kept.study_uid)
        found = {} if number is None else {number: self._store.exams.get(number)}
        for exam in self._store.exams.of_patient(patient_key(kept)):
            if kept.series_uid in planned_series(exam).values():
                found[exam.number] = exam
        return [found[number] for number in sorted(found)]


def _effect(exam: ExamRow) -> Effect:
    if exam.plan is None and exam.state in (State.RECEIVED, State.WAITING, State.IGNORED):
        return Effect.HANG
    if exam.state in UNDER_WAY:
        return Effect.AGAIN
    return Effect.HOLD if exam.state in HELD_FROM else Effect.NOTE
