"""What all written objects share: identifiers from the options alone, patient and study, one slice's geometry, the file itself.

Nothing here asks the clock or a random source, so that the same options give the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRLittleEndian

from node.domain.codes import Code
from node.domain.volume import Array, Volume
from node.simulate.options import SimulationOptions, Stage, StudyLayout

COMMENT = "SIMULATED - NOT A PATIENT - RESEARCH TEST DATA"
"""ImageComments of everything that is written here."""

_IMPLEMENTATION = UID("2.25.121532413411905062573946353846190311953")


@dataclass(frozen=True)
class Identifiers:
    """UIDs (PS3.5 B.2, "2.25") that follow from a key and a name."""

    key: str

    @classmethod
    def of(cls, options: SimulationOptions) -> Identifiers:
        """Those of one exam: any other option gives other UIDs."""
        return cls(repr(options) + ("" if options.stage == Stage() else repr(options.stage)))

    def uid(self, name: str) -> str:
        """The UID of what is called `name` in this exam."""
        digest = hashlib.sha256(f"{self.key}|{name}".encode()).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"


@dataclass(frozen=True)
class Study:
    """One study as the header tells it."""

    uid: str
    study_id: str
    accession: str
    description: str
    started: datetime


def studies(options: SimulationOptions) -> tuple[Study, Study]:
    """The MR's and the PET's study; twice the same where they are one."""
    ids = Identifiers.of(options)
    mr = Study(ids.uid("MR study"), "1", f"A{options.seed:06d}1", "Brain MR and TSPO PET", options.start)
    if options.layout is StudyLayout.ONE_STUDY:
        return mr, mr
    return mr, Study(ids.uid("PET study"), "2", f"A{options.seed:06d}2", "Brain PET", options.injected_at)


@dataclass(frozen=True)
class Series:
    """One series as the header tells it."""

    uid: str
    number: int
    modality: str
    description: str
    started: datetime
    frame_of_reference_uid: str


def series_dataset(options: SimulationOptions, study: Study, series: Series, birth_date: date) -> Dataset:
    """Patient, study, series, equipment and frame of reference modules (PS3.3 C.7)."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    _patient(ds, options, study, birth_date)
    ds.StudyInstanceUID, ds.StudyID, ds.AccessionNumber = study.uid, study.study_id, study.accession
    ds.StudyDescription, ds.ReferringPhysicianName = study.description, ""
    ds.StudyDate, ds.StudyTime = f"{study.started:%Y%m%d}", f"{study.started:%H%M%S}"
    ds.SeriesInstanceUID, ds.SeriesNumber, ds.Modality = series.uid, series.number, series.modality
    ds.SeriesDescription, ds.ProtocolName = series.description, series.description
    ds.SeriesDate, ds.SeriesTime = f"{series.started:%Y%m%d}", f"{series.started:%H%M%S}"
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = series.frame_of_reference_uid, ""
    ds.Manufacturer, ds.InstitutionName, ds.DeviceSerialNumber, ds.SoftwareVersions = "EMBER SIMULATOR", "Simulated Hospital", "0", "1"
    ds.BodyPartExamined, ds.ImageComments = "BRAIN", COMMENT
    return ds


def _patient(ds: Dataset, options: SimulationOptions, study: Study, birth_date: date) -> None:
    patient = options.patient
    ds.PatientName, ds.PatientID, ds.PatientSex = patient.name, patient.patient_id, patient.sex
    ds.PatientBirthDate = f"{birth_date:%Y%m%d}"
    days = (study.started.date() - birth_date).days
    ds.PatientAge = f"{int(days / 365.25):03d}Y"
    if options.with_weight:
        ds.PatientWeight = decimal(patient.weight_kg)
    if patient.height_m is not None:
        ds.PatientSize = decimal(patient.height_m)


def pixel_module(ds: Dataset, shape: tuple[int, int, int], *, bits: int) -> None:
    """Image pixel module (PS3.3 C.7.6.3) of unsigned values in 16-bit cells."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.Rows, ds.Columns = shape[1], shape[2]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits, bits - 1


def plane_module(ds: Dataset, on: Volume) -> None:
    """What all slices of a grid share of the image plane module (PS3.3 C.7.6.2)."""
    step = on.spacing_mm
    axes = on.affine[:3, :3] / step
    ds.PixelSpacing = [decimal(step[1]), decimal(step[2])]
    ds.ImageOrientationPatient = [decimal(x) for x in (*axes[:, 2], *axes[:, 1])]
    ds.SliceThickness = decimal(step[0])


def place_slice(ds: Dataset, on: Volume, index: int) -> None:
    """Position of one slice of a grid."""
    position = on.affine[:3, 3] + index * on.affine[:3, 0]
    normal = on.affine[:3, 0] / on.spacing_mm[0]
    ds.ImagePositionPatient = [decimal(x) for x in position]
    ds.SliceLocation = decimal(float(normal @ position))


def stamp(ds: Dataset, acquired: datetime) -> None:
    """Acquisition and content time of one image."""
    ds.AcquisitionDate, ds.AcquisitionTime = f"{acquired:%Y%m%d}", f"{acquired:%H%M%S.%f}"
    ds.ContentDate, ds.ContentTime = ds.AcquisitionDate, ds.AcquisitionTime


def pixels(ds: Dataset, stored: Array) -> None:
    """(R, C) uint16 into PixelData."""
    ds.PixelData = np.ascontiguousarray(stored.astype("<u2")).tobytes()
    ds["PixelData"].VR = "OW"


class SliceWriter:
    """Writes the files of one series, Explicit VR Little Endian: what they share is encoded once, which is most of the time."""

    def __init__(self, shared: Dataset) -> None:
        self._sop_class = shared.SOPClassUID
        self._shared = _encoded(shared)

    def write(self, slice_alone: Dataset, path: Path) -> Path:
        """One object: the shared elements, and those of this slice in their place among them."""
        elements = self._shared | _encoded(slice_alone)
        meta = DicomBytesIO()
        write_file_meta_info(meta, self._meta(slice_alone.SOPInstanceUID))
        body = b"".join(elements[tag] for tag in sorted(elements))
        path.write_bytes(bytes(128) + b"DICM" + meta.getvalue() + body)
        return path

    def _meta(self, sop_instance_uid: str) -> FileMetaDataset:
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = self._sop_class, UID(sop_instance_uid)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID, meta.ImplementationVersionName = _IMPLEMENTATION, "EMBER_SIM_1"
        return meta


def _encoded(ds: Dataset) -> dict[BaseTag, bytes]:
    """Each element in its bytes."""
    elements: dict[BaseTag, bytes] = {}
    for element in ds:
        out = DicomBytesIO()
        out.is_little_endian, out.is_implicit_VR = True, False
        write_data_element(out, element, ["latin_1"])
        elements[element.tag] = out.getvalue()
    return elements


def coded(code: Code) -> Sequence:
    """A code sequence of one item (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return Sequence([item])


def decimal(value: float) -> str:
    """A number as Decimal String of at most 16 characters."""
    text = f"{value:.10g}"
    return "0" if text == "-0" else text
