"""Questions to a peer, by C-FIND or QIDO-RS: which studies a patient has there, their series, their images.

Every answer is compared with what was asked: a peer that ignores a key, or takes a wildcard for one, tells us of others, who are left out.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from node.dimse import is_uid
from node.errors import DataError
from node.retrieve import answers, keys
from node.retrieve.find import find
from node.retrieve.found import ImageFound, Question, SeriesFound, StudyFound
from node.retrieve.source import Source, WebPeer
from node.retrieve.web import search

STUDIES_LIMIT = 500
SERIES_LIMIT = 500
IMAGES_LIMIT = 50_000
"""Answers to one question; with more, the question was no good."""


def find_studies(source: Source, question: Question) -> tuple[StudyFound, ...]:
    """The studies of a patient, latest first.

    Raises
    ------
    DataError : no patient can be told by that ID, or there are too many answers
    RefusedError, TemporaryError : the peer does not answer; see `find` and `web.get`
    """
    matching = keys.studies_of(question)
    found = answers.studies(_ask(source, "STUDY", "studies", matching), patient_id=question.patient_id)
    return tuple(one for one in found if _within(one, question))


def find_study(source: Source, study_uid: str) -> StudyFound | None:
    """One study; None where the peer has none of that UID. Raises as `find_studies`."""
    matching = {"StudyInstanceUID": _uid(study_uid)}
    return next(iter(answers.studies(_ask(source, "STUDY", "studies", matching), study_uid=study_uid)), None)


def find_series(source: Source, study_uid: str) -> tuple[SeriesFound, ...]:
    """The series of a study, by number. Raises as `find_studies`."""
    matching = {"StudyInstanceUID": _uid(study_uid)}
    return answers.series(_ask(source, "SERIES", f"studies/{study_uid}/series", matching), study_uid=study_uid)


def find_series_counts(source: Source, study_uid: str) -> dict[str, int]:
    """How many images each series of a study has there, by Series Instance UID; without those of which the peer does not say.

    Where it counts no series, its instances are counted one by one. Raises as `find_studies`.
    """
    found = find_series(source, study_uid)
    counted = {one.series_uid: one.images for one in found}
    if not any(counted.values()):
        counted = {one.series_uid: len(find_images(source, study_uid, one.series_uid)) or None for one in found}
    return {uid: count for uid, count in counted.items() if count is not None}


def find_images(source: Source, study_uid: str, series_uid: str) -> tuple[ImageFound, ...]:
    """The instances of a series. Raises as `find_studies`."""
    matching = {"StudyInstanceUID": _uid(study_uid), "SeriesInstanceUID": _uid(series_uid)}
    return answers.images(_ask(source, "IMAGE", f"studies/{study_uid}/series/{series_uid}/instances", matching), series_uid=series_uid)


_RETURNED = {
    "STUDY": (keys.STUDY_KEYS, STUDIES_LIMIT),
    "SERIES": (keys.SERIES_KEYS, SERIES_LIMIT),
    "IMAGE": (keys.IMAGE_KEYS, IMAGES_LIMIT),
}


def _ask(source: Source, level: str, path: str, matching: dict[str, str]) -> list[Dataset]:
    returned, limit = _RETURNED[level]
    asked = source.asked
    if not isinstance(asked, WebPeer):
        return find(asked, level, matching, returned, limit=limit)
    in_path = {keyword: value for keyword, value in matching.items() if value not in path.split("/")}
    return search(asked, path, in_path, returned, limit=limit)


def _uid(text: str) -> str:
    if not is_uid(text):
        raise DataError("expected a UID (PS3.5 9.1); found something else")
    return text


def _within(study: StudyFound, question: Question) -> bool:
    """A peer that ignores the days says so by its answers; a study without a date is let through, and told as such."""
    if study.at is None:
        return True
    day = study.at.date()
    return (question.first is None or question.first <= day) and (question.last is None or day <= question.last)
