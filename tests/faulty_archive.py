"""An archive that does as a test tells it to: it stores, indexes and commits well, badly, twice, or never."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage, SecondaryCaptureImageStorage
from pynetdicom import evt
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

STORAGE = [
    (Verification, ImplicitVRLittleEndian),
    (MRImageStorage, ExplicitVRLittleEndian),
    (SecondaryCaptureImageStorage, ExplicitVRLittleEndian),
]
QUERY = (StudyRootQueryRetrieveInformationModelFind, ImplicitVRLittleEndian)
COMMITMENT = (StorageCommitmentPushModel, ExplicitVRLittleEndian)


class FaultyArchive:
    """Its handlers, what it was given, and what it was asked.

    `answer` makes the status of a C-STORE from the event; `hidden` are UIDs that C-FIND does not show though they were stored; `limit` cuts
    each answer of C-FIND; `find_status` is its last status; `reports` makes what is reported on the association of a request, from its
    transaction and its UIDs, and nothing where it is none.
    """

    def __init__(self) -> None:
        self.answer: Callable[[Any], int] = lambda event: 0x0000
        self.hidden: set[str] = set()
        self.limit = 10_000
        self.find_status = 0x0000
        self.action_status = 0x0000
        self.hangs_up = False  # at a request for commitment
        self.reports: Callable[[str, list[str]], Sequence[Dataset]] | None = None
        self.stored: list[tuple[str, str]] = []
        self.queries: list[str] = []
        self.requests: list[tuple[str, list[str]]] = []
        self.report_statuses: list[int] = []

    def handlers(self) -> list[tuple[Any, Any]]:
        return [(evt.EVT_C_STORE, self.store), (evt.EVT_C_FIND, self.find), (evt.EVT_N_ACTION, self.commit)]

    @property
    def uids(self) -> list[str]:
        """What it accepted, in order."""
        return [uid for uid, _ in self.stored]

    def store(self, event: Any) -> int:
        status = self.answer(event)
        if status == 0x0000:
            digest = hashlib.sha256(event.encoded_dataset(include_meta=False)).hexdigest()
            self.stored.append((str(event.request.AffectedSOPInstanceUID), digest))
        return status

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        wanted = str(event.identifier.get("SOPInstanceUID") or "")
        self.queries.append(wanted)
        shown = [uid for uid in dict.fromkeys(self.uids) if uid not in self.hidden and wanted in ("", uid)]
        for uid in shown[: self.limit]:
            found = Dataset()
            found.QueryRetrieveLevel, found.SOPInstanceUID = "IMAGE", uid
            yield 0xFF00, found
        yield self.find_status, None

    def commit(self, event: Any) -> tuple[int, Dataset | None]:
        request = event.action_information
        transaction = str(request.TransactionUID)
        uids = [str(item.ReferencedSOPInstanceUID) for item in request.ReferencedSOPSequence]
        self.requests.append((transaction, uids))
        if self.hangs_up:
            event.assoc.dul.socket.socket.shutdown(2)
        if self.reports is not None and self.action_status == 0x0000:
            threading.Thread(target=self._report, args=(event.assoc, self.reports(transaction, uids)), daemon=True).start()
        return self.action_status, None

    def _report(self, association: Any, reports: Sequence[Dataset]) -> None:
        for report in reports:
            event_type = 2 if "FailedSOPSequence" in report else 1
            answer, _ = association.send_n_event_report(report, event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
            self.report_statuses.append(int(answer.Status))


def report(transaction: str, held: Sequence[str], failed: Sequence[tuple[str, int]] = (), *, sop_class: UID = MRImageStorage) -> Dataset:
    """The Event Information of an N-EVENT-REPORT."""
    dataset = Dataset()
    dataset.TransactionUID = transaction
    if held:
        dataset.ReferencedSOPSequence = [_item(sop_class, uid) for uid in held]
    if failed:
        dataset.FailedSOPSequence = [_item(sop_class, uid) for uid, _ in failed]
        for item, (_, reason) in zip(dataset.FailedSOPSequence, failed, strict=True):
            item.FailureReason = reason
    return dataset


def _item(sop_class: UID, uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item
