"""The order that an object's study answers to, and the step that it was performed in, as an IHE Evidence Creator hands them on.

What is made from images is evidence of the procedure that asked for them: Request Attributes and performed procedure step are copied
from the study (PS3.3 C.7.3.1, Table 10-16). Documents hold the same as Referenced Request Sequence (C.17.2), and of the step its reference
alone.
"""

from __future__ import annotations

from pydicom import Dataset

from node.encode.former import SELECTIONS
from node.encode.objects import Kind

STEP = (
    *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "PerformedProcedureStepID"),
    *("PerformedProcedureStepDescription", "ReferencedPerformedProcedureStepSequence", "RequestAttributesSequence"),
)
"""What a series takes from the images that it rests on."""

_TEXT_SERIES = frozenset((Kind.REPORT, *SELECTIONS))
"""Kinds whose series has no attributes of the step (PS3.3 C.17.1, C.17.6.1)."""

_REQUEST = (
    *("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest", "RequestedProcedureID"),
    "RequestedProcedureDescription",
)
_REQUEST_CODES = ("ReferencedStudySequence", "RequestedProcedureCodeSequence")
_REQUEST_OPTIONAL = (
    *("IssuerOfAccessionNumberSequence", "OrderPlacerIdentifierSequence", "OrderFillerIdentifierSequence"),
    *("ReasonForTheRequestedProcedure", "ReasonForRequestedProcedureCodeSequence"),
)


def copy_procedure(dataset: Dataset, study: Dataset, kind: Kind) -> None:
    """Take request and step from one image of the study that an object goes into, instead of any named before."""
    for keyword in STEP:
        if keyword in dataset:
            del dataset[keyword]
    if kind not in _TEXT_SERIES:
        for keyword in STEP:
            if keyword in study:
                dataset[keyword] = study[keyword]
        return
    dataset.ReferencedPerformedProcedureStepSequence = list(study.get("ReferencedPerformedProcedureStepSequence") or [])
    requests = [_request(item, study) for item in study.get("RequestAttributesSequence") or []]
    if requests:
        dataset.ReferencedRequestSequence = requests


def _request(attributes: Dataset, study: Dataset) -> Dataset:
    """An item of Request Attributes as one of Referenced Request: of the same study, which the item need not repeat."""
    item = Dataset()
    item.StudyInstanceUID = attributes.get("StudyInstanceUID") or study.StudyInstanceUID
    item.AccessionNumber = attributes.get("AccessionNumber") or study.get("AccessionNumber", "")
    for keyword in _REQUEST:
        setattr(item, keyword, attributes.get(keyword, ""))
    for keyword in _REQUEST_CODES:
        setattr(item, keyword, list(attributes.get(keyword) or []))
    for keyword in _REQUEST_OPTIONAL:
        if keyword in attributes:
            item[keyword] = attributes[keyword]
    return item
