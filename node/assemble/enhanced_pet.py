"""Enhanced and Legacy Converted Enhanced PET: functional groups in the words of a classic header (PS3.3 A.56, A.70, C.7.6.16, C.8.22).

A *classic view* is one dataset in which every attribute stands where a classic image has it: what a converter put into Unassigned
Converted Attributes, and what Enhanced PET says in other words. Only what differs from frame to frame is kept apart (`frame_times`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from node.assemble.attributes import date_time, items, moment, number, text, whole
from node.assemble.enhanced import functional_groups, functional_item
from node.assemble.parts import FrameTime

ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.130"
LEGACY_PET = "1.2.840.10008.5.1.4.1.1.128.1"

ENHANCED_PET_KEYWORDS = """
DecayCorrected DecayCorrectionDateTime AttenuationCorrected ScatterCorrected DeadTimeCorrected RandomsCorrected
CountLossNormalizationCorrected DetectorNormalizationCorrection SensitivityCalibrated
"""

_CORRECTED = {
    "AttenuationCorrected": "ATTN",
    "ScatterCorrected": "SCAT",
    "DeadTimeCorrected": "DTIM",
    "RandomsCorrected": "RAN",
    "DetectorNormalizationCorrection": "NORM",
    "SensitivityCalibrated": "DCAL",
    "DecayCorrected": "DECY",
}
"""Enhanced PET Corrections (PS3.3 C.8.22.4) → defined terms of CorrectedImage."""

_UNITS = {
    "Bq/ml": ("BQML", ""),
    "g/ml": ("GML", ""),
    "g/ml{SUVbw}": ("GML", "BW"),
    "{SUVbw}g/ml": ("GML", "BW"),
    "g/ml{SUVlbm}": ("GML", "LBM"),
    "{SUVlbm}g/ml": ("GML", "LBM"),
    "g/ml{SUVibw}": ("GML", "IBW"),
    "{SUVibw}g/ml": ("GML", "IBW"),
    "cm2/ml": ("CM2ML", ""),
    "cm2/ml{SUVbsa}": ("CM2ML", ""),
    "{SUVbsa}cm2/ml": ("CM2ML", ""),
    "{counts}": ("CNTS", ""),
    "{counts}/s": ("CPS", ""),
}
"""UCUM of CID 84 and CID 85 → Units (0054,1001) and SUVType (0054,1006)."""


def classic_view(dataset: Dataset) -> Dataset:
    """A dataset with the attributes of the first frame where a classic image has them. The dataset itself is not changed."""
    shared, frames = functional_groups(dataset)
    view = Dataset()
    view.update(dataset)
    for group in (shared, *frames[:1]):
        for macro in ("UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence"):
            for item in items(group, macro):
                _add(view, item)
    if text(dataset, "Modality") == "PT":
        _add(view, _in_classic_words(dataset, shared, frames[0] if frames else Dataset()))
        # Enhanced PET has its unit in the mapping alone; a converter that adds one to a classic image's Units does not change them.
        if text(dataset, "SOPClassUID") == ENHANCED_PET and (units := _units(shared, frames[0] if frames else Dataset()))[0]:
            for tag, word in zip((0x00541001, 0x00541006), units, strict=True):
                # The unit's own text where it is none that we know: no term of PS3.3, and meant for the refusal alone.
                view[tag] = DataElement(tag, "CS", word, validation_mode=IGNORE)
    return view


def _add(view: Dataset, more: Dataset) -> None:
    """What the object says at its top counts: a converter keeps the series number of its source below."""
    view.update({tag: element for tag, element in more.items() if tag not in view})


def _in_classic_words(dataset: Dataset, shared: Dataset, frame: Dataset) -> Dataset:
    words = Dataset()
    corrected = text(dataset, "DecayCorrected")
    if corrected:
        words.DecayCorrection = "START" if corrected == "YES" else "NONE"
        words.CorrectedImage = [term for keyword, term in _CORRECTED.items() if text(dataset, keyword) == "YES"]
    words.ReconstructionMethod = _reconstruction(functional_item(shared, frame, "PETReconstructionSequence"))
    return words


def _units(shared: Dataset, frame: Dataset) -> tuple[str, str]:
    """Units in the words of the PET Series module; the unit's own text where it is none that we know, so that a refusal can name it."""
    unit = mapped_unit(functional_item(shared, frame, "RealWorldValueMappingSequence"))
    return _UNITS.get(unit, (unit[:16], ""))


def mapped_unit(mapping: Dataset) -> str:
    """UCUM unit of a real world value mapping; empty where it has none."""
    return next((text(item, "CodeValue") for item in items(mapping, "MeasurementUnitsCodeSequence")), "")


def _reconstruction(item: Dataset) -> str:
    words = [text(item, key) for key in ("ReconstructionType", "ReconstructionAlgorithm", "IterativeReconstructionMethod")]
    counts = [(whole(item, "NumberOfIterations"), "i"), (whole(item, "NumberOfSubsets"), "s")]
    return " ".join([word for word in words if word and word != "YES"] + ["".join(f"{n}{letter}" for n, letter in counts if n)]).strip()[
        :64
    ]


def frame_times(dataset: Dataset) -> tuple[FrameTime, ...]:
    """When each frame was measured; times in s."""
    shared, frames = functional_groups(dataset)
    decay_at = date_time(dataset, "DecayCorrectionDateTime")
    return tuple(_frame_time(dataset, shared, frame, decay_at) for frame in frames)


def _frame_time(dataset: Dataset, shared: Dataset, frame: Dataset, decay_at: datetime | None) -> FrameTime:
    content = functional_item(shared, frame, "FrameContentSequence")
    factors = functional_item(shared, frame, "PETFrameCorrectionFactorsSequence")
    own = functional_item(Dataset(), frame, "UnassignedPerFrameConvertedAttributesSequence")
    common = functional_item(shared, Dataset(), "UnassignedSharedConvertedAttributesSequence")
    acquired = date_time(content, "FrameAcquisitionDateTime") or moment(own, "AcquisitionDate", "AcquisitionTime")
    return FrameTime(
        acquired_at=acquired or date_time(dataset, "AcquisitionDateTime"),
        duration_s=_seconds(_first(number(holder, key) for holder, key in _durations(content, own, common))),
        reference_s=_reference(content, own, common, decay_at),
        decay_factor=_first(number(holder, "DecayFactor") for holder in (factors, own, common, dataset)),
        temporal_index=whole(content, "TemporalPositionIndex"),
    )


def _durations(content: Dataset, own: Dataset, common: Dataset) -> list[tuple[Dataset, str]]:
    return [(content, "FrameAcquisitionDuration"), (own, "ActualFrameDuration"), (common, "ActualFrameDuration")]


def _reference(content: Dataset, own: Dataset, common: Dataset, decay_at: datetime | None) -> float | None:
    """FrameReferenceTime, or FrameReferenceDateTime counted from the instant of decay correction."""
    written = _seconds(_first(number(holder, "FrameReferenceTime") for holder in (own, common)))
    instant = date_time(content, "FrameReferenceDateTime")
    if written is not None or instant is None or decay_at is None:
        return written
    return (instant - decay_at).total_seconds()


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000.0
