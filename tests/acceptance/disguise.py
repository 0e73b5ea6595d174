"""The same images as somebody else's: a simulated exam under other names and UIDs, with something wrong on purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom import Dataset

_NAMES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def disguise(files: list[Path], folder: Path, patient_id: str, change: Callable[[Dataset], None] = lambda dataset: None) -> list[Path]:
    """Write files again for another patient.

    Parameters
    ----------
    folder : is made
    patient_id : the new one; every UID follows from it
    change : called with each data set, to spoil it
    """
    folder.mkdir()
    written = []
    for number, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        dataset.PatientID = patient_id
        for name in _NAMES:
            dataset[name].value = _uid(patient_id, dataset[name].value)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        change(dataset)
        written.append(folder / f"{number:05d}.dcm")
        dataset.save_as(written[-1], enforce_file_format=True)
    return written


def _uid(patient_id: str, uid: str) -> str:
    digest = hashlib.sha256(f"{patient_id} {uid}".encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
