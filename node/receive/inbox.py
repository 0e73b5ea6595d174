"""The inbox on disk: received bytes made durable, one file an instance, and recorded.

An *arrival* is what the network brought; an arrival is *kept* when its file is on disk and the register knows it. Under the storage
folder lie::

    inbox/<2 hex digits>/<SOP Instance UID>.dcm               the first arrival under a UID, never overwritten
    quarantine/<2 hex digits>/<UID>.<16 hex digits>.dcm       a later one with other bytes
    inbox/.arriving/                                          being written, not answered, removed at the next start

The two hex digits are the start of the SHA-256 of the UID, those before ``.dcm`` the start of the digest.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from uuid import uuid4

import structlog
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID
from pynetdicom.dsutils import encode_file_meta

from node.dimse import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, is_uid
from node.domain.ports import Received, Recorded, Register
from node.errors import TemporaryError

log = structlog.get_logger()

RECOVERED = "recovered"
"""Stands for the association of an instance that was found on disk, durable and not recorded, after a crash."""


@dataclass(frozen=True)
class Arrival:
    """What one C-STORE request brought.

    Parameters
    ----------
    dataset : the encoded data set, as it came
    association : our own name for the association
    address : host and port of the sender
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    dataset: bytes
    association: str
    calling_ae: str
    called_ae: str
    address: str


class Inbox:
    """The folder of received instances. One process at a time holds it; its threads may share it.

    Parameters
    ----------
    storage : the node's storage folder; paths are recorded relative to it
    min_free_bytes : arrivals are refused when less than this would stay free on the disk
    """

    def __init__(self, storage: Path, *, min_free_bytes: int) -> None:
        self._storage = storage
        self._min_free_bytes = min_free_bytes
        self._arriving = storage / "inbox" / ".arriving"
        # Two arrivals of one UID wait for each other, others hardly ever do.
        self._locks = tuple(threading.Lock() for _ in range(256))
        self._held: IO[bytes] | None = None

    def open(self, register: Register) -> int:
        """Take the folder for this process, tidy what a crash left, record what was durable and not recorded.

        Returns
        -------
        number of instances recorded

        Raises
        ------
        TemporaryError : another process holds the folder
        """
        self._arriving.mkdir(parents=True, exist_ok=True)
        self._hold()
        for leftover in self._arriving.iterdir():
            leftover.unlink()
        recovered = [received for received in self._unrecorded(register) if register.record(received) is Recorded.NEW]
        for received in recovered:
            log.warning("recorded after a crash", sop_instance_uid=received.sop_instance_uid, digest=received.digest)
        return len(recovered)

    def close(self) -> None:
        """Let go of the folder."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def keep(self, arrival: Arrival, register: Register) -> Recorded:
        """Make an arrival durable and record it. When this returns, it may be answered Success.

        Raises
        ------
        TemporaryError : too little space on the disk
        OSError : the disk does not take it
        Exception : whatever the register raises; the file stays, unrecorded, and is taken over when the instance comes again
        """
        self._require_space(len(arrival.dataset))
        header = _header(arrival)
        digest = _digest(header, arrival.dataset)
        shard = hashlib.sha256(arrival.sop_instance_uid.encode()).digest()[0]
        with self._locks[shard]:
            known = register.known_digest(arrival.sop_instance_uid)
            if known is not None and known != digest:
                return self._set_aside(arrival, header, digest, register)
            path = f"inbox/{shard:02x}/{arrival.sop_instance_uid}.dcm"
            if known is None or not (self._storage / path).exists():
                self._write(path, header, arrival.dataset)
            if known is not None:
                return Recorded.SAME
            return _confirmed(register.record(_received(arrival, path, digest, len(header))))

    def _set_aside(self, arrival: Arrival, header: bytes, digest: str, register: Register) -> Recorded:
        shard = hashlib.sha256(arrival.sop_instance_uid.encode()).hexdigest()[:2]
        path = f"quarantine/{shard}/{arrival.sop_instance_uid}.{digest[:16]}.dcm"
        if not (self._storage / path).exists():
            self._write(path, header, arrival.dataset)
        register.record_changed(_received(arrival, path, digest, len(header)))
        return Recorded.CHANGED

    def _write(self, path: str, header: bytes, dataset: bytes) -> None:
        """File, then name, then folder: a name that is there stands for bytes that are there."""
        target = self._storage / path
        _make_folder(target.parent)
        arriving = self._arriving / uuid4().hex
        try:
            with arriving.open("wb") as file:
                file.write(header)
                file.write(dataset)
                file.flush()
                os.fsync(file.fileno())
            arriving.rename(target)
        except OSError:
            arriving.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)

    def _require_space(self, size: int) -> None:
        free = shutil.disk_usage(self._storage).free
        if free - size < self._min_free_bytes:
            raise TemporaryError(f"{free} bytes free, {self._min_free_bytes} must stay free")

    def _hold(self) -> None:
        held = (self._storage / "inbox" / ".lock").open("wb")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held.close()
            raise TemporaryError(f"another process receives into {self._storage}") from error
        self._held = held

    def _unrecorded(self, register: Register) -> Iterator[Received]:
        for file in sorted((self._storage / "inbox").glob("[0-9a-f][0-9a-f]/*.dcm")):
            if is_uid(file.stem) and register.known_digest(file.stem) is None:
                try:
                    yield _found(file, str(file.relative_to(self._storage)))
                except (InvalidDicomError, AttributeError):
                    log.exception("not a file of ours", path=str(file.relative_to(self._storage)))


def _confirmed(recorded: Recorded) -> Recorded:
    if recorded is Recorded.CHANGED:
        raise TemporaryError("the register got other bytes under this UID from another process meanwhile")
    return recorded


def _header(arrival: Arrival) -> bytes:
    """Preamble and file meta information (PS3.10 7.1), the same bytes whoever sends and whichever version of us receives."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(arrival.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(arrival.sop_instance_uid)
    meta.TransferSyntaxUID = UID(arrival.transfer_syntax_uid)
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    encoded: bytes = encode_file_meta(meta)
    return bytes(128) + b"DICM" + encoded


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _received(arrival: Arrival, path: str, digest: str, header_size: int) -> Received:
    return Received(
        sop_instance_uid=arrival.sop_instance_uid,
        sop_class_uid=arrival.sop_class_uid,
        transfer_syntax_uid=arrival.transfer_syntax_uid,
        digest=digest,
        size=header_size + len(arrival.dataset),
        path=path,
        association=arrival.association,
        calling_ae=arrival.calling_ae,
        called_ae=arrival.called_ae,
        address=arrival.address,
        received_at=datetime.now(UTC),
    )


def _found(file: Path, path: str) -> Received:
    """What can still be said of a file that was made durable by a process that is gone."""
    with file.open("rb") as opened:
        meta = dcmread(opened, specific_tags=[]).file_meta
    encoded = file.read_bytes()
    return Received(
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        digest=_digest(encoded),
        size=len(encoded),
        path=path,
        association=RECOVERED,
        calling_ae="",
        called_ae="",
        address="",
        received_at=datetime.now(UTC),
    )


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)
        _sync_folder(folder.parent.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
