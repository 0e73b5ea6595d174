"""When an attribute of type 1C or 2C is required: the conditions that the object itself can answer.

Conditions on the acquisition, or on what a site does, are not here: nothing in the object says whether they hold. An attribute of type 1C
that is there must hold a value whatever its condition.
"""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset

Condition = Callable[[Dataset, Dataset], bool]
"""(item that the attribute belongs in, whole object) → whether it is required."""


def _with(*keywords: str) -> Condition:
    return lambda item, whole: any(item.get(keyword) not in (None, "") for keyword in keywords)


def _without(*keywords: str) -> Condition:
    return lambda item, whole: not any(keyword in item for keyword in keywords)


def _of(keyword: str, *values: object) -> Condition:
    return lambda item, whole: whole.get(keyword) in values


def _is_placed(whole: Dataset) -> bool:
    return "ImageOrientationPatient" in whole or "SharedFunctionalGroupsSequence" in whole


REQUIRED: dict[str, Condition] = {
    # Code Sequence Macro, PS3.3 8.8
    "CodeValue": _without("LongCodeValue", "URNCodeValue"),
    "CodingSchemeDesignator": _with("CodeValue", "LongCodeValue"),
    # General Series, C.7.3.1: a body part that is not paired makes it needless
    "Laterality": _without("BodyPartExamined", "ImageLaterality"),
    # General Image, C.7.6.1
    "PatientOrientation": lambda item, whole: item is whole and not _is_placed(whole),
    "LossyImageCompressionRatio": _of("LossyImageCompression", "01"),
    "LossyImageCompressionMethod": _of("LossyImageCompression", "01"),
    # Image Pixel, C.7.6.3, Modality and VOI LUT, C.11
    "PlanarConfiguration": lambda item, whole: (item.get("SamplesPerPixel") or 1) > 1,
    "PixelData": _without("PixelDataProviderURL", "FloatPixelData", "DoubleFloatPixelData"),
    "RescaleSlope": _with("RescaleIntercept"),
    "RescaleIntercept": _with("RescaleSlope"),
    "WindowWidth": _with("WindowCenter"),
    # PET Image, C.8.9.4
    "DecayFactor": lambda item, whole: whole.get("DecayCorrection", "NONE") != "NONE",
    # Segmentation, C.8.20
    "SegmentAlgorithmName": lambda item, whole: item.get("SegmentAlgorithmType", "MANUAL") != "MANUAL",
    "SegmentationFractionalType": _of("SegmentationType", "FRACTIONAL"),
    "MaximumFractionalValue": _of("SegmentationType", "FRACTIONAL"),
    "TrackingUID": _with("TrackingID"),
    "TrackingID": _with("TrackingUID"),
    # Functional groups, C.7.6.16
    "PerFrameFunctionalGroupsSequence": _with("SharedFunctionalGroupsSequence"),
    "DimensionIndexValues": _of("Modality", "SEG"),
    "ImagePositionPatient": lambda item, whole: "FrameOfReferenceUID" in whole,
    "ImageOrientationPatient": lambda item, whole: "FrameOfReferenceUID" in whole,
    "PixelSpacing": lambda item, whole: "FrameOfReferenceUID" in whole,
    "SliceThickness": lambda item, whole: "FrameOfReferenceUID" in whole,
    # SR Document General, C.17.2
    "VerifyingObserverSequence": _of("VerificationFlag", "VERIFIED"),
    # Spatial Registration, C.20.2
    "ReferencedImageSequence": lambda item, whole: whole.get("Modality") == "REG" and "FrameOfReferenceUID" not in item,
}
"""Keyword → when it is required; keywords of type 1C and 2C that are not here are judged by their values alone."""

_VALUE_TYPE = 0x0040A040

_HOLDS = {
    "ContinuityOfContent": ("CONTAINER",),
    "TextValue": ("TEXT",),
    "ConceptCodeSequence": ("CODE",),
    "MeasuredValueSequence": ("NUM",),
    "UID": ("UIDREF",),
    "PersonName": ("PNAME",),
    "Date": ("DATE",),
    "Time": ("TIME",),
    "DateTime": ("DATETIME",),
    "ReferencedSOPSequence": ("IMAGE", "COMPOSITE"),
    "GraphicType": ("SCOORD", "SCOORD3D"),
    "GraphicData": ("SCOORD", "SCOORD3D"),
    "ReferencedFrameOfReferenceUID": ("SCOORD3D",),
    "TemporalRangeType": ("TCOORD",),
    "TabulatedValuesSequence": ("TABLE",),
    "ConceptNameCodeSequence": ("CONTAINER", "TEXT", "CODE", "NUM", "UIDREF", "PNAME", "DATE", "TIME", "DATETIME"),
}
"""Attribute of a content item → the value types that need it (C.17.3.2)."""


def _value_type(item: Dataset) -> str:
    """Value Type as it is encoded: a report has thousands of items, and decoding it took half of the gate's time."""
    element = item.get_item(_VALUE_TYPE) if _VALUE_TYPE in item.keys() else None  # noqa: SIM118 - quicker by far
    value = "" if element is None else element.value
    return value.decode("ascii", "replace").strip() if isinstance(value, bytes) else str(value)


def condition_of(module: str, keyword: str) -> Condition | None:
    """When a module needs an attribute; None where it always does, or where the object cannot say."""
    if module == "sr-document-content" and keyword in _HOLDS:
        kinds = _HOLDS[keyword]
        return lambda item, whole: _value_type(item) in kinds
    return REQUIRED.get(keyword)
