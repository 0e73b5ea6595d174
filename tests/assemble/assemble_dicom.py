"""Tiny DICOM series for the tests of assembling: a PET of a few slices and frames, an MR in any orientation, an enhanced MR.

Pixels are 20 mm wide, so that 8 of them reach across a head. The stored value of a voxel tells its frame, slice, row and column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.assemble.header import header_of
from node.assemble.stored import StoredInstance
from node.domain.exam import Instance
from node.domain.tracer import TracerProfile
from node.settings import shipped_folder, tracers

PET_CLASS, MR_CLASS, ENHANCED_MR_CLASS = "1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
ROWS, COLUMNS, STEP_MM = 8, 9, 20.0
SCAN_START = datetime.fromisoformat("2024-03-05 11:20:00")
INJECTION = datetime.fromisoformat("2024-03-05 10:20:00")
HALF_LIFE_S = 6586.2
SLOPE = 0.5
PET_SERIES, MR_SERIES, STUDY = "1.2.3.1", "1.2.3.2", "1.2.3"


def profiles() -> dict[str, TracerProfile]:
    """The tracers that are shipped."""
    return tracers(shipped_folder() / "tracers")


def pet_series(
    *, starts_s: Sequence[float] = (0.0, 300.0), length_s: float = 300.0, slices: int = 6, scan_start: datetime = SCAN_START, **changes: Any
) -> list[Dataset]:
    """A DPA-714 PET, decay-corrected to its start; `changes` are attributes of every instance."""
    made = []
    for f, start_s in enumerate(starts_s):
        for s in range(slices):
            ds = _common(PET_CLASS, "PT", PET_SERIES, f"{PET_SERIES}.{f + 1}.{s + 1}")
            _pet_attributes(ds, len(starts_s), slices)
            _pet_times(ds, scan_start, start_s, length_s)
            ds.ImageIndex = f * slices + s + 1
            ds.ImagePositionPatient = [-80.0, -70.0, 1000.0 - STEP_MM * s]
            ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            _pixels(ds, f, slices - 1 - s)
            for keyword, value in changes.items():
                setattr(ds, keyword, value)
            made.append(ds)
    return made


def mr_series(
    *, slices: int = 6, normal_sign: int = 1, turn: np.ndarray | None = None, series: str = MR_SERIES, **changes: Any
) -> list[Dataset]:
    """An MPRAGE; `turn` (3, 3) has the row axis, the column axis and the normal as columns, LPS."""
    axes = np.eye(3) if turn is None else turn
    made = []
    for s in range(slices):
        ds = _common(MR_CLASS, "MR", series, f"{series}.{s + 1}")
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
        ds.ScanningSequence, ds.SequenceVariant, ds.MRAcquisitionType = ["GR", "IR"], ["SK", "SP", "MP"], "3D"
        ds.RepetitionTime, ds.EchoTime, ds.InversionTime, ds.FlipAngle = 2300, 2.98, 900, 9
        ds.SeriesDescription = "t1_mprage"
        ds.AcquisitionDate, ds.AcquisitionTime = "20240305", "090000"
        ds.FrameOfReferenceUID = "1.2.3.99"
        ds.ImagePositionPatient = [f"{x:.6f}" for x in 10.0 + axes @ np.array([0.0, 0.0, STEP_MM * s * normal_sign])]
        ds.ImageOrientationPatient = [f"{x:.8f}" for x in (*axes[:, 0], *axes[:, 1])]
        _pixels(ds, 0, s)
        for keyword, value in changes.items():
            setattr(ds, keyword, value)
        made.append(ds)
    return made


def flair_series(**changes: Any) -> list[Dataset]:
    """A 3-D FLAIR in the space of `mr_series`."""
    flair = {"ScanningSequence": ["SE", "IR"], "RepetitionTime": 5000, "EchoTime": 390, "InversionTime": 1800}
    return mr_series(**{"series": "1.2.3.3", "SeriesDescription": "t2_space_flair", **flair, **changes})


def enhanced_mr(*, slices: int = 6) -> Dataset:
    """The same MPRAGE as one enhanced object, its frames stored from the last to the first."""
    ds = _common(ENHANCED_MR_CLASS, "MR", MR_SERIES, f"{MR_SERIES}.1")
    ds.ImageType, ds.NumberOfFrames = ["ORIGINAL", "PRIMARY", "M", "NONE"], slices
    ds.AcquisitionDateTime, ds.MRAcquisitionType = "20240305090000", "3D"
    ds.EchoPulseSequence, ds.EchoPlanarPulseSequence = "GRADIENT", "NO"
    ds.SeriesDescription, ds.FrameOfReferenceUID = "t1_mprage", "1.2.3.99"
    timing, echo, modifier = _item(RepetitionTime=2300, FlipAngle=9), _item(EffectiveEchoTime=2.98), Dataset()
    modifier.InversionRecovery, modifier.InversionTimes, modifier.Spoiling = "YES", [900.0], "RF"
    ds.SharedFunctionalGroupsSequence = [Dataset()]
    (shared,) = ds.SharedFunctionalGroupsSequence
    shared.MRTimingAndRelatedParametersSequence, shared.MREchoSequence, shared.MRModifierSequence = [timing], [echo], [modifier]
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]
    ds.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(slices)]
    values = []
    for f, frame in enumerate(ds.PerFrameFunctionalGroupsSequence):
        s = slices - 1 - f
        frame.PlanePositionSequence = [_item(ImagePositionPatient=[10.0, 10.0, 10.0 + STEP_MM * s])]
        frame.PixelMeasuresSequence = [_item(PixelSpacing=[STEP_MM, STEP_MM], SliceThickness=STEP_MM)]
        frame.PixelValueTransformationSequence = [_item(RescaleSlope=2, RescaleIntercept=1)]
        values.append(stored_value(0, s))
    _pixels(ds, 0, 0)
    del ds.PixelSpacing
    ds.PixelData = np.stack(values).astype("<u2").tobytes()
    return ds


def stored_value(frame: int, slice_: int) -> np.ndarray:
    """(R, C) what is written as pixels."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    return np.asarray(10000 * frame + 1000 * slice_ + 10 * rows + columns)


def headers(datasets: Sequence[Dataset]) -> list:
    """Their headers."""
    return [header_of(dataset) for dataset in datasets]


def store(datasets: Sequence[Dataset], folder: Path) -> list[StoredInstance]:
    """Write them as files; what `read_exam` is given."""
    stored = []
    for dataset in datasets:
        path = write(dataset, folder / f"{dataset.SOPInstanceUID}.dcm")
        instance = Instance(str(dataset.SOPInstanceUID), str(dataset.SOPClassUID), path.name, "0" * 64)
        stored.append(StoredInstance(header_of(dataset), instance))
    return stored


def write(dataset: Dataset, path: Path, *, implicit: bool = False) -> Path:
    """Write one as a DICOM file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def inside_factor(length_s: float, half_life_s: float = HALF_LIFE_S) -> float:
    """x / (1 − e^−x) by its series, independent of the node's own."""
    x = math.log(2.0) * length_s / half_life_s
    return 1.0 / sum((-x) ** n / math.factorial(n + 1) for n in range(20))


def _common(sop_class: str, modality: str, series: str, uid: str) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = sop_class, uid, STUDY, series
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = modality, "SIEMENS", "Phantom"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Müller^Erika", "P-1", "19800102", "F"
    ds.PatientWeight, ds.PatientSize = 70, 1.7
    ds.StudyDate, ds.StudyTime, ds.SeriesNumber, ds.InstanceNumber = "20240305", "080000", 4, 1
    return ds


def _pet_attributes(ds: Dataset, frames: int, slices: int) -> None:
    ds.ImageType, ds.SeriesType = ["ORIGINAL", "PRIMARY"], ["DYNAMIC" if frames > 1 else "STATIC", "IMAGE"]
    ds.Units, ds.DecayCorrection, ds.CorrectedImage = "BQML", "START", ["NORM", "ATTN", "SCAT", "DECY"]
    ds.NumberOfSlices, ds.NumberOfTimeSlices = slices, frames
    ds.RescaleSlope, ds.RescaleIntercept = SLOPE, 0
    ds.ReconstructionMethod, ds.ConvolutionKernel = "OSEM 4i21s", "Gauss2"
    ds.FrameOfReferenceUID = "1.2.3.98"
    drug = _item(Radiopharmaceutical="DPA-714", RadionuclideTotalDose="200000000", RadionuclideHalfLife="6586.2")
    drug.RadiopharmaceuticalStartDateTime, drug.RadiopharmaceuticalStartTime = f"{INJECTION:%Y%m%d%H%M%S}", f"{INJECTION:%H%M%S}"
    drug.RadionuclideCodeSequence = [_item(CodeValue="77004003", CodingSchemeDesignator="SCT", CodeMeaning="^18^Fluorine")]
    drug.RadiopharmaceuticalCodeSequence = [_item(CodeValue="126766", CodingSchemeDesignator="DCM", CodeMeaning="DPA-714 ^18^F")]
    ds.RadiopharmaceuticalInformationSequence = [drug]


def _pet_times(ds: Dataset, scan_start: datetime, start_s: float, length_s: float) -> None:
    began = scan_start + timedelta(seconds=start_s)
    decay = math.log(2.0) / HALF_LIFE_S
    average_s = math.log(inside_factor(length_s)) / decay
    ds.SeriesDate, ds.SeriesTime = f"{scan_start:%Y%m%d}", f"{scan_start:%H%M%S}"
    ds.AcquisitionDate, ds.AcquisitionTime = f"{began:%Y%m%d}", f"{began:%H%M%S}"
    ds.ActualFrameDuration = round(1000 * length_s)
    ds.FrameReferenceTime = f"{1000 * (start_s + average_s):.6f}"
    ds.DecayFactor = f"{inside_factor(length_s) * math.exp(decay * start_s):.8f}"


def _pixels(ds: Dataset, frame: int, slice_: int) -> None:
    ds.Rows, ds.Columns, ds.PixelSpacing, ds.SliceThickness = ROWS, COLUMNS, [STEP_MM, STEP_MM], STEP_MM
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelData = stored_value(frame, slice_).astype("<u2").tobytes()


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
