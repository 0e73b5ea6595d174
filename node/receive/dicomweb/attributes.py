"""Which attributes a search answers with (PS3.18 10.6.3.3), and how a header becomes them."""

from __future__ import annotations

from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag

Attributes = dict[str, Any]
"""A data set in the DICOM JSON model (PS3.18 F): tag in eight hexadecimal digits → {"vr": …, "Value": […]}."""

STUDY_KEYWORDS = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDescription",
)
SERIES_KEYWORDS = (
    "Modality",
    "TimezoneOffsetFromUTC",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDate",
    "SeriesTime",
    "BodyPartExamined",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "RequestAttributesSequence",
)
INSTANCE_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "TimezoneOffsetFromUTC",
    "InstanceNumber",
    "Rows",
    "Columns",
    "BitsAllocated",
    "NumberOfFrames",
    "ContentDate",
    "ContentTime",
)
ALL_KEYWORDS = tuple(dict.fromkeys((*STUDY_KEYWORDS, *SERIES_KEYWORDS, *INSTANCE_KEYWORDS)))

_COUNTS = {
    "NumberOfStudyRelatedSeries": "00201206",
    "NumberOfStudyRelatedInstances": "00201208",
    "NumberOfSeriesRelatedInstances": "00201209",
}


def tag_of(keyword: str) -> str:
    """The tag of a keyword in eight hexadecimal digits."""
    number = tag_for_keyword(keyword)
    assert number is not None
    return f"{Tag(number):08X}"


def attributes(header: Dataset, keywords: tuple[str, ...]) -> Attributes:
    """These attributes of a header, as far as it has them, in the DICOM JSON model: text as UTF-8, whatever the character set was."""
    kept = Dataset()
    for keyword in keywords:
        if keyword in header:
            kept[keyword] = header[keyword]
    told: Attributes = kept.to_json_dict(suppress_invalid_tags=True)
    return told


def value(told: Attributes, tag: str) -> Any:
    """The first value of an attribute; None where it is missing or empty."""
    return next(iter(told.get(tag, {}).get("Value", ())), None)


def count(keyword: str, number: int) -> Attributes:
    """A count that is in no header."""
    return {_COUNTS[keyword]: {"vr": "IS", "Value": [number]}}


def modalities(found: list[str]) -> Attributes:
    """Modalities in Study."""
    return {"00080061": {"vr": "CS", "Value": found}}


def place(url: str) -> Attributes:
    """Where it is retrieved from, and that it can be had at once."""
    return {"00081190": {"vr": "UR", "Value": [url]}, "00080056": {"vr": "CS", "Value": ["ONLINE"]}}
