"""A peer that answers C-STORE as a test tells it to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage, SecondaryCaptureImageStorage
from pynetdicom import evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification

CONTEXTS = [
    (Verification, ImplicitVRLittleEndian),
    (MRImageStorage, ExplicitVRLittleEndian),
    (SecondaryCaptureImageStorage, ImplicitVRLittleEndian),
    (StudyRootQueryRetrieveInformationModelFind, ImplicitVRLittleEndian),
]


class Scripted:
    """What it was asked, and what it answers.

    `answer` makes the status of a C-STORE from the event; `known` are the UIDs that C-FIND tells of, `find_status` its last status.
    """

    def __init__(self) -> None:
        self.answer: Callable[[Any], int | Dataset] = lambda event: 0x0000
        self.known: set[str] = set()
        self.find_status = 0x0000
        self.stored: list[tuple[str, str]] = []
        self.asked: list[str] = []

    def store(self, event: Any) -> int | Dataset:
        encoded = event.encoded_dataset(include_meta=False)
        self.stored.append((str(event.request.AffectedSOPInstanceUID), hashlib.sha256(encoded).hexdigest()))
        return self.answer(event)

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        uid = str(event.identifier.SOPInstanceUID)
        self.asked.append(uid)
        if uid in self.known:
            found = Dataset()
            found.QueryRetrieveLevel = "IMAGE"
            found.SOPInstanceUID = uid
            yield 0xFF00, found
        yield self.find_status, None

    def handlers(self) -> list[tuple[Any, Any]]:
        return [(evt.EVT_C_STORE, self.store), (evt.EVT_C_FIND, self.find)]
