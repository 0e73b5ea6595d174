"""What the tests of receiving and delivering share: small instances, a register in SQLite, receipts that remember."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dsutils import encode_file_meta

from node.dimse import set_no_delay
from node.domain.ports import DeliveryState, Parcel

ROOT_UID = "1.2.826.0.1.3680043.8.498.77"
STUDY = f"{ROOT_UID}.1"
SERIES = f"{ROOT_UID}.1.1"


def pixels(number: int = 0, size: int = 16) -> np.ndarray:
    """(size, size) uint16 of 12 bits, another for each number."""
    values = np.arange(size * size, dtype=np.int64).reshape(size, size) * 13 + 97 * number
    return (values % 4096).astype(np.uint16)


def instance(number: int = 0, *, sop_class: UID = MRImageStorage, size: int = 16) -> Dataset:
    """A small image of its own UID, Explicit VR Little Endian, that decodes."""
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = f"{SERIES}.{number + 1}"
    dataset.PatientName = "Phantom^Secret"
    dataset.PatientID = "SECRET-ID"
    dataset.StudyInstanceUID = STUDY
    dataset.SeriesInstanceUID = SERIES
    dataset.Modality = "MR"
    dataset.InstanceNumber = number + 1
    dataset.Rows = dataset.Columns = size
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = pixels(number, size).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def with_codestream(dataset: Dataset, syntax: UID, codestream: bytes) -> Dataset:
    """The same image with its pixels as one frame of a compressed syntax."""
    dataset.PixelData = encapsulate([codestream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def write(dataset: Dataset, folder: Path) -> Path:
    """A Part 10 file named after its instance."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def dataset_bytes(path: Path) -> bytes:
    """What follows the file meta information."""
    encoded = path.read_bytes()
    meta = dcmread(path, specific_tags=[]).file_meta
    return encoded[132 + len(encode_file_meta(meta)) :]


def associated(port: int, contexts: list[tuple[UID, UID]], *, called: str = "EMBER", calling: str = "MR3T") -> Association:
    """An association that sends files as they are, with a context for each pair of SOP class and transfer syntax."""
    entity = AE(ae_title=calling)
    entity.dimse_timeout = 3
    for sop_class, syntax in contexts:
        entity.add_requested_context(sop_class, syntax)
    return entity.associate("127.0.0.1", port, ae_title=called, evt_handlers=[(evt.EVT_CONN_OPEN, set_no_delay)])


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for what another thread or process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.01)


def parcel(path: Path, state: DeliveryState = DeliveryState.QUEUED, *, required: bool = True) -> Parcel:
    """A file as a parcel."""
    meta = dcmread(path, stop_before_pixels=True).file_meta
    uid, sop_class = meta.MediaStorageSOPInstanceUID, meta.MediaStorageSOPClassUID
    return Parcel(uid, sop_class, meta.TransferSyntaxUID, path, state, required=required)


def digest(encoded: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(encoded).hexdigest()


class Receipts:
    """Receipts that remember, and the order of what they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def sending(self, sop_instance_uid: str) -> None:
        self.told.append(("sending", sop_instance_uid, ""))

    def stored(self, sop_instance_uid: str, how: str) -> None:
        self.told.append(("stored", sop_instance_uid, how))

    def refused(self, sop_instance_uid: str, why: str) -> None:
        self.told.append(("refused", sop_instance_uid, why))

    def not_taken(self, sop_instance_uid: str, why: str) -> None:
        self.told.append(("not taken", sop_instance_uid, why))

    def postponed(self, sop_instance_uid: str, why: str) -> None:
        self.told.append(("postponed", sop_instance_uid, why))


@contextmanager
def serving(contexts: list[tuple[UID, UID]], handlers: list[Any], *, ae_title: str, port: int = 0) -> Iterator[int]:
    """A server of pynetdicom with the handlers given, and its port."""
    entity = AE(ae_title=ae_title)
    entity.require_called_aet = True
    for abstract, syntax in contexts:
        entity.add_supported_context(abstract, syntax)
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_CONN_OPEN, set_no_delay), *handlers])
    try:
        yield server.server_address[1]
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)
        entity.shutdown()
