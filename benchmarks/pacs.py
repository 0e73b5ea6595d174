"""A PACS that counts: accepts by C-STORE, answers C-FIND for single images, remembers every receipt with its digest.

It can be slow, refuse, or drop the association, so that the awkward moments of a delivery can be met on purpose.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import PatientRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelFind, Verification

SUCCESS = 0x0000
PENDING = 0xFF00


@dataclass(frozen=True)
class Receipt:
    """One C-STORE request: `digest` is the SHA-256 of the encoded data set, `status` what was answered."""

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    digest: str
    status: int


class CountingPacs:
    """The PACS, as a context manager.

    Parameters
    ----------
    port : to listen on, on this machine
    delay_s : how long each object takes before it is accepted
    answer : number of the request (from 0) and SOP Instance UID → status; Success where None
    """

    ae_title = "COUNTPACS"

    def __init__(self, port: int, *, delay_s: float = 0.0, answer: Callable[[int, str], int] | None = None) -> None:
        self.port = port
        self.delay_s = delay_s
        self.receipts: list[Receipt] = []
        self._answer = answer or (lambda number, uid: SUCCESS)
        self._lock = threading.Lock()

    def __enter__(self) -> CountingPacs:
        ae = AE(self.ae_title)
        ae.supported_contexts = AllStoragePresentationContexts
        for uid in (Verification, StudyRootQueryRetrieveInformationModelFind, PatientRootQueryRetrieveInformationModelFind):
            ae.add_supported_context(uid)
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_FIND, self._find)]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()

    @property
    def accepted(self) -> list[Receipt]:
        """The receipts that were answered with Success."""
        with self._lock:
            return [receipt for receipt in self.receipts if receipt.status == SUCCESS]

    def complaints(self) -> list[str]:
        """One sentence for each object that was accepted more than once, or with two digests."""
        times = Counter(receipt.sop_instance_uid for receipt in self.accepted)
        digests = Counter(uid for uid, _ in {(receipt.sop_instance_uid, receipt.digest) for receipt in self.receipts})
        twice = [f"{uid} was accepted {count} times" for uid, count in times.items() if count > 1]
        return twice + [f"{uid} came with {count} digests" for uid, count in digests.items() if count > 1]

    def classes(self) -> dict[str, int]:
        """SOP class → how many objects were accepted."""
        return dict(Counter(UID(receipt.sop_class_uid).name for receipt in self.accepted))

    def _store(self, event: evt.Event) -> int:
        time.sleep(self.delay_s)
        data = event.dataset
        digest = hashlib.sha256(event.request.DataSet.getvalue()).hexdigest()
        with self._lock:
            status = self._answer(len(self.receipts), data.SOPInstanceUID)
            names = (data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID, data.StudyInstanceUID)
            self.receipts.append(Receipt(*map(str, names), digest, status))
        return status

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        asked = event.identifier
        for receipt in self.accepted:
            held = Dataset()
            held.QueryRetrieveLevel = asked.QueryRetrieveLevel
            held.SOPClassUID = receipt.sop_class_uid
            held.SOPInstanceUID = receipt.sop_instance_uid
            held.SeriesInstanceUID = receipt.series_uid
            held.StudyInstanceUID = receipt.study_uid
            if all(_matches(asked, held, key) for key in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")):
                yield PENDING, held


def _matches(asked: Dataset, held: Dataset, key: str) -> bool:
    wanted = asked.get(key)
    return not wanted or held[key].value in ([wanted] if isinstance(wanted, str) else list(wanted))
