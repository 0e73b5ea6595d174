"""From the data sets of an answer to nouns. What a peer writes wrongly is left out, and never guessed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from node.dimse import is_uid
from node.retrieve.found import ImageFound, PersonFound, SeriesFound, StudyFound

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, UnicodeError, OverflowError)
"""What pydicom raises on a value that is not what its VR says."""


def studies(answers: Iterable[Dataset], *, patient_id: str | None = None, study_uid: str | None = None) -> tuple[StudyFound, ...]:
    """The studies that were asked for, each once, latest first; those that differ from what was asked for are left out."""
    found = {one.study_uid: one for one in map(_study, answers) if is_uid(one.study_uid)}
    mine = [
        one
        for one in found.values()
        if (patient_id is None or one.person.patient_id == patient_id.strip()) and study_uid in (None, one.study_uid)
    ]
    return tuple(sorted(mine, key=lambda one: (str(one.at or ""), one.study_uid), reverse=True))


def series(answers: Iterable[Dataset], *, study_uid: str) -> tuple[SeriesFound, ...]:
    """The series of a study, each once, by number; series of other studies are left out."""
    found = {one.series_uid: one for one in (_series(answer, study_uid) for answer in answers) if one is not None}
    return tuple(sorted(found.values(), key=lambda one: (one.number is None, one.number or 0, one.series_uid)))


def images(answers: Iterable[Dataset], *, series_uid: str) -> tuple[ImageFound, ...]:
    """The instances of a series, each once; those of other series are left out."""
    mine = [answer for answer in answers if text(answer, "SeriesInstanceUID") in ("", series_uid)]
    found = {uid: ImageFound(uid, text(answer, "SOPClassUID")) for answer in mine if is_uid(uid := text(answer, "SOPInstanceUID"))}
    return tuple(found.values())


def text(dataset: Dataset, keyword: str) -> str:
    """The first value as text; empty where there is none, or none that can be read."""
    return next(iter(_texts(dataset, keyword)), "")


def _texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    try:
        value = dataset.get(keyword)
    except _UNREADABLE:
        return ()
    values = value if isinstance(value, MultiValue) else [value]
    return tuple(found for one in values if one is not None and (found := str(one).strip(" \0")))


def _whole(dataset: Dataset, keyword: str) -> int | None:
    try:
        return int(text(dataset, keyword))
    except ValueError:
        return None


def _study(answer: Dataset) -> StudyFound:
    return StudyFound(
        study_uid=text(answer, "StudyInstanceUID"),
        person=PersonFound(
            text(answer, "PatientID"), text(answer, "IssuerOfPatientID"), _date(answer, "PatientBirthDate"), text(answer, "PatientSex")
        ),
        at=_moment(answer),
        description=text(answer, "StudyDescription"),
        modalities=_texts(answer, "ModalitiesInStudy"),
        series=_whole(answer, "NumberOfStudyRelatedSeries"),
        images=_whole(answer, "NumberOfStudyRelatedInstances"),
    )


def _series(answer: Dataset, study_uid: str) -> SeriesFound | None:
    uid = text(answer, "SeriesInstanceUID")
    if not is_uid(uid) or text(answer, "StudyInstanceUID") not in ("", study_uid):
        return None
    return SeriesFound(
        study_uid=study_uid,
        series_uid=uid,
        modality=text(answer, "Modality"),
        description=text(answer, "SeriesDescription"),
        body_part=text(answer, "BodyPartExamined"),
        number=_whole(answer, "SeriesNumber"),
        images=_whole(answer, "NumberOfSeriesRelatedInstances"),
    )


def _date(dataset: Dataset, keyword: str) -> date | None:
    try:
        return datetime.strptime(text(dataset, keyword), "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _moment(dataset: Dataset) -> datetime | None:
    """Local time of the hospital; midnight where the time cannot be read."""
    day, time = text(dataset, "StudyDate"), text(dataset, "StudyTime")[:6]
    for words, form in ((day + time, "%Y%m%d%H%M%S"), (day, "%Y%m%d")):
        try:
            return datetime.strptime(words, form)  # noqa: DTZ007 - the hospital's local time
        except ValueError:
            continue
    return None
