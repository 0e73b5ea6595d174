"""Small things for the judges to judge."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from benchmarks.truth import Truth
from node.domain.volume import Array, Volume

LABELS = {
    "csf": 1,
    "cortex": 2,
    "nawm": 3,
    "cereb_gm": 4,
    "cereb_wm": 5,
    "thalamus": 6,
    "brainstem": 7,
    "deep_gm": 8,
    "soft": 10,
    "bone": 11,
    "sinus": 12,
}


def grid(step_mm: float) -> Array:
    """(4, 4) index → LPS mm: columns along x, rows along y, slices along z, first voxel at the origin."""
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:3, :3] = affine[:3, :3][:, ::-1]
    return affine


def small_truth() -> Truth:
    """A ball of cortex and white matter in scalp, with two lesions and an uncertain spot, moved by 3 mm in the PET."""
    index = np.indices((24, 24, 24)) - 11.5
    radius = np.sqrt((index**2).sum(axis=0))
    labels = np.select(
        [radius < 6, radius < 8, radius < 9, radius < 11], [LABELS["nawm"], LABELS["cortex"], LABELS["csf"], LABELS["soft"]], 0
    )
    lesions = np.zeros(labels.shape, dtype=np.int32)
    lesions[11:13, 11:13, 9:11] = 1
    lesions[11:13, 11:13, 14:15] = 2
    uncertain = np.zeros(labels.shape, dtype=bool)
    uncertain[8, 11, 11] = True
    volume = Volume(labels.astype(np.uint8), grid(1.0))
    moved = np.eye(4)
    moved[:3, 3] = (3.0, 0.0, 0.0)
    return Truth(
        labels=volume,
        label_values=LABELS,
        lesions=volume.like(lesions),
        uncertain=volume.like(uncertain),
        blurred=volume.like(np.ones(labels.shape, dtype=np.float32)),
        pet_from_t1=moved,
        t1_from_flair=np.eye(4),
        flair_series_uid="",
        suvr_blurred={},
    )


def secondary_capture() -> Dataset:
    """A valid little secondary capture of nobody."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.PatientName = "Nobody^Of"
    dataset.PatientID = "NOBODY"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyDate = dataset.StudyTime = ""
    dataset.StudyID = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.ConversionType, dataset.BodyPartExamined = "OT", "SYN", "BRAIN"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = 4
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = bytes(16)
    return dataset
