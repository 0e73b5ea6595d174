"""The PET and MR of `assemble_dicom` as multi-frame objects: converted by highdicom, and Enhanced PET as PS3.3 A.56 has it, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from assemble_dicom import SCAN_START, pet_series
from highdicom.legacy import LegacyConvertedEnhancedMRImage, LegacyConvertedEnhancedPETImage
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from node.assemble.attributes import parse_date_time

ENHANCED_PET_CLASS = "1.2.840.10008.5.1.4.1.1.130"
SERIES = "1.2.3.77"


def converted(datasets: Sequence[Dataset], *, series: str = SERIES, number: int = 1) -> Dataset:
    """One Legacy Converted Enhanced object of classic images, by highdicom."""
    made = LegacyConvertedEnhancedMRImage if datasets[0].Modality == "MR" else LegacyConvertedEnhancedPETImage
    ready = [_ready(dataset, i) for i, dataset in enumerate(datasets)]
    return Dataset(made(ready, series, 9, f"{series}.{number}", number))


def _ready(dataset: Dataset, index: int) -> Dataset:
    ready = deepcopy(dataset)
    ready.InstanceNumber = index + 1
    ready.StudyID, ready.AccessionNumber, ready.ReferringPhysicianName = "1", "", ""
    ready.ContentDate, ready.ContentTime = "20240305", "120000"
    ready.PositionReferenceIndicator, ready.BodyPartExamined, ready.DeviceSerialNumber, ready.SoftwareVersions = "", "BRAIN", "1", "1"
    ready.file_meta = Dataset()
    ready.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return ready


def enhanced_pet(
    classic: Sequence[Dataset], *, series: str = SERIES, number: int = 1, unit: str = "Bq/ml", scan_start: datetime = SCAN_START, **top: Any
) -> Dataset:
    """The same images as one Enhanced PET, last frame first; values by the real world value mapping, units in UCUM."""
    first, order = classic[0], list(reversed(classic))
    ds = Dataset()
    for keyword in _AS_IS:
        if keyword in first:
            setattr(ds, keyword, deepcopy(first[keyword].value))
    ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID = ENHANCED_PET_CLASS, f"{series}.{number}", series
    ds.ImageType, ds.NumberOfFrames = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], len(order)
    ds.AcquisitionDateTime = f"{scan_start:%Y%m%d%H%M%S}"
    ds.DecayCorrected, ds.DecayCorrectionDateTime = "YES", f"{scan_start:%Y%m%d%H%M%S}"
    ds.AttenuationCorrected = ds.ScatterCorrected = ds.RandomsCorrected = "YES"
    ds.SharedFunctionalGroupsSequence = Items([_shared(first)])
    ds.PerFrameFunctionalGroupsSequence = Items([_frame(dataset, unit, scan_start) for dataset in order])
    ds.PixelData = b"".join(dataset.PixelData for dataset in order)
    for keyword, value in top.items():
        setattr(ds, keyword, value)
    return ds


_AS_IS = (
    "SpecificCharacterSet",
    "StudyInstanceUID",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientWeight",
    "PatientSize",
    "StudyDate",
    "StudyTime",
    "SeriesNumber",
    "FrameOfReferenceUID",
    "RadiopharmaceuticalInformationSequence",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
)


def _shared(first: Dataset) -> Dataset:
    shared = Dataset()
    shared.PlaneOrientationSequence = Items([_item(ImageOrientationPatient=first.ImageOrientationPatient)])
    shared.PixelMeasuresSequence = Items([_item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)])
    shared.PETReconstructionSequence = Items([_item(ReconstructionAlgorithm="OSEM", NumberOfIterations=4, NumberOfSubsets=21)])
    return shared


def _frame(dataset: Dataset, unit: str, scan_start: datetime) -> Dataset:
    began = parse_date_time(f"{dataset.AcquisitionDate}{dataset.AcquisitionTime}")
    assert began is not None
    reference = scan_start + timedelta(milliseconds=float(dataset.FrameReferenceTime))
    frame = Dataset()
    content = _item(FrameAcquisitionDateTime=f"{began:%Y%m%d%H%M%S}", FrameReferenceDateTime=f"{reference:%Y%m%d%H%M%S.%f}")
    content.FrameAcquisitionDuration = float(dataset.ActualFrameDuration)
    content.TemporalPositionIndex = 1 + round((began - scan_start).total_seconds() / 300)
    frame.FrameContentSequence = Items([content])
    frame.PlanePositionSequence = Items([_item(ImagePositionPatient=dataset.ImagePositionPatient)])
    frame.PETFrameCorrectionFactorsSequence = Items([_item(DecayFactor=float(dataset.DecayFactor))])
    mapping = _item(RealWorldValueSlope=float(dataset.RescaleSlope), RealWorldValueIntercept=0.0)
    mapping.MeasurementUnitsCodeSequence = Items([_item(CodeValue=unit, CodingSchemeDesignator="UCUM", CodeMeaning=unit)])
    frame.RealWorldValueMappingSequence = Items([mapping])
    # What a display would use; it is not the mapping that has the unit.
    frame.PixelValueTransformationSequence = Items([_item(RescaleSlope=1.0, RescaleIntercept=0.0, RescaleType="US")])
    return frame


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def uneven_slopes(**changes: Any) -> list[Dataset]:
    """The PET with another slope on every slice of every frame."""
    datasets = pet_series(**changes)
    for i, dataset in enumerate(datasets):
        dataset.RescaleSlope = f"{0.25 * math.sqrt(i + 1):.8f}"
    return datasets
