"""The identifiers of questions, for C-FIND and QIDO-RS alike (PS3.4 C.6.2, Study Root)."""

from __future__ import annotations

from datetime import date

from pydicom.dataset import Dataset

from node.errors import DataError
from node.retrieve.found import Question, Wanted

STUDY_KEYS = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
SERIES_KEYS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "SeriesDescription",
    "BodyPartExamined",
    "SeriesNumber",
    "NumberOfSeriesRelatedInstances",
)
IMAGE_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


def studies_of(question: Question) -> dict[str, str]:
    """Matching keys of a question about a patient."""
    days = _days(question.first, question.last)
    return {"PatientID": only(question.patient_id)} | ({"StudyDate": days} if days else {})


def only(patient_id: str) -> str:
    """A patient ID as a matching key that means no more than it has to.

    DICOM has no way to write a ``*`` that is not a wildcard, so that ``?``, which stands for one character, takes its place; whoever asks
    compares the answers with the whole ID.

    Raises
    ------
    DataError : there is nothing in it by which anybody could be told from anybody else
    """
    if not patient_id.strip("*? ") or "\\" in patient_id:
        raise DataError("expected a patient ID that names one patient; found an empty one, one of wildcards alone, or a list")
    return patient_id.strip().replace("*", "?")


def find_identifier(level: str, matching: dict[str, str], returned: tuple[str, ...]) -> Dataset:
    """The identifier of a C-FIND request: what must match, and empty what is wanted back."""
    identifier = Dataset()
    if not "".join(matching.values()).isascii():
        identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.QueryRetrieveLevel = level
    for keyword in returned:
        setattr(identifier, keyword, matching.get(keyword, ""))
    return identifier


def fetch_identifier(wanted: Wanted) -> Dataset:
    """The identifier of a C-GET or C-MOVE request: a series, or a list of its images."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE" if wanted.images else "SERIES"
    identifier.StudyInstanceUID = wanted.study_uid
    identifier.SeriesInstanceUID = wanted.series_uid
    if wanted.images:
        identifier.SOPInstanceUID = list(wanted.images)
    return identifier


def _days(first: date | None, last: date | None) -> str:
    if first is None and last is None:
        return ""
    return "-".join("" if day is None else f"{day:%Y%m%d}" for day in (first, last))
