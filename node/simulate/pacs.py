"""A small PACS for the demo and for tests on a machine that has none: C-ECHO, C-STORE into a folder, C-FIND.

It keeps what it gets as ``<folder>/<study>/<series>/<SOP Instance UID>.dcm`` and answers queries from an index in memory, which it
makes again from the folder when it starts. It is no archive: no database, no C-MOVE, no access control.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import AllStoragePresentationContexts
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification
from pynetdicom.transport import ThreadedAssociationServer

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless]
"""What it takes, for every storage class."""

_KEYS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
_INDEXED = [
    *_KEYS.values(),
    *("SOPClassUID", "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyDescription"),
    *("AccessionNumber", "StudyID", "Modality", "SeriesNumber", "SeriesDescription", "InstanceNumber", "SpecificCharacterSet"),
]


@dataclass(frozen=True)
class Stored:
    """One C-STORE that was answered Success.

    Parameters
    ----------
    path : where the file lies
    digest : SHA-256 of the encoded data set as it came, hexadecimal
    calling_ae : who sent it
    """

    sop_instance_uid: str
    sop_class_uid: str
    path: Path
    digest: str
    calling_ae: str


class DemoPacs:
    """A PACS on its own threads, from `start` to `stop`; also a context manager.

    Parameters
    ----------
    folder : where it keeps files
    port : 0 takes a free one
    on_stored : called, on a network thread, after each object that was kept
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        ae_title: str = "DEMOPACS",
        *,
        host: str = "127.0.0.1",
        on_stored: Callable[[Stored], None] = lambda stored: None,
    ) -> None:
        self.folder = folder
        self.ae_title = ae_title
        self.host = host
        self._wanted_port = port
        self._on_stored = on_stored
        self._index: dict[str, Dataset] = {}
        self._connections: dict[Association, socket.socket] = {}
        self._received: list[Stored] = []
        self._lock = threading.Lock()
        self._entity = AE(ae_title=ae_title)
        self._entity.require_called_aet = True
        self._entity.maximum_pdu_size = 131072
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """Where it listens.

        Raises
        ------
        RuntimeError : it does not
        """
        if self._server is None:
            raise RuntimeError("the demo PACS has not been started")
        return int(self._server.server_address[1])

    @property
    def received(self) -> tuple[Stored, ...]:
        """Every C-STORE that was answered Success, in order, repeats included, since this object was made."""
        with self._lock:
            return tuple(self._received)

    def receipts(self) -> Counter[tuple[str, str]]:
        """How often each pair of SOP Instance UID and digest was received."""
        return Counter((stored.sop_instance_uid, stored.digest) for stored in self.received)

    def start(self) -> None:
        """Read the folder, then listen.

        Raises
        ------
        OSError : the port is taken
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(self.folder.rglob("*.dcm")):
            self._add(dcmread(file, stop_before_pixels=True, specific_tags=_INDEXED))
        self._entity.add_supported_context(Verification)
        self._entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        for context in AllStoragePresentationContexts:
            self._entity.add_supported_context(context.abstract_syntax, SYNTAXES)
        handlers = [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_CONN_CLOSE, self._on_close),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
        ]
        self._server = self._entity.start_server((self.host, self._wanted_port), block=False, evt_handlers=handlers)

    def stop(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            with suppress(OSError):  # It wakes the library's server, which else looks up twice a second.
                self._server.socket.shutdown(socket.SHUT_RDWR)
        self._entity.shutdown()
        self._server = None
        for connection in list(self._connections.values()):
            connection.close()
        self._connections.clear()

    def __enter__(self) -> DemoPacs:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _on_open(self, event: evt.Event) -> None:
        connection = event.assoc.dul.socket.socket
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[event.assoc] = connection

    def _on_close(self, event: evt.Event) -> None:
        """Close what the library may have left open: see `node.dimse.close_connection`."""
        connection = self._connections.pop(event.assoc, None)
        if connection is not None:
            connection.close()

    def _store(self, event: evt.Event) -> int:
        encoded = event.encoded_dataset()
        keys = dcmread(BytesIO(encoded), stop_before_pixels=True, specific_tags=_INDEXED)
        if not all(keyword in keys and UID(keys[keyword].value).is_valid for keyword in _KEYS.values()):
            return 0xA900  # They become names of folders.
        path = self.folder / keys.StudyInstanceUID / keys.SeriesInstanceUID / f"{keys.SOPInstanceUID}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        arriving = path.with_suffix(f".{threading.get_ident()}.arriving")
        arriving.write_bytes(encoded)
        arriving.rename(path)
        digest = hashlib.sha256(event.encoded_dataset(include_meta=False)).hexdigest()
        stored = Stored(keys.SOPInstanceUID, keys.SOPClassUID, path, digest, event.assoc.requestor.ae_title.strip())
        self._add(keys)
        with self._lock:
            self._received.append(stored)
        self._on_stored(stored)
        return 0x0000

    def _add(self, keys: Dataset) -> None:
        with self._lock:
            self._index[str(keys.SOPInstanceUID)] = keys

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        query = event.identifier
        unique = _KEYS.get(query.get("QueryRetrieveLevel", ""))
        if unique is None:
            yield 0xA900, None
            return
        with self._lock:
            candidates = list(self._index.values())
        seen = set()
        for keys in candidates:
            if keys[unique].value not in seen and _matches(query, keys):
                seen.add(keys[unique].value)
                yield 0xFF00, _answer(query, keys)


def _matches(query: Dataset, keys: Dataset) -> bool:
    """Single value matching and UID lists (PS3.4 C.2.2.2.1 and 2.2); wildcards and ranges are not supported."""
    for keyword in (*_KEYS.values(), "PatientID", "AccessionNumber", "Modality"):
        wanted = query.get(keyword)
        wanted = [wanted] if isinstance(wanted, str) else list(wanted or [])
        if any(wanted) and keys.get(keyword) not in wanted:
            return False
    return True


def _answer(query: Dataset, keys: Dataset) -> Dataset:
    answer = Dataset()
    answer.QueryRetrieveLevel = query.QueryRetrieveLevel
    if "SpecificCharacterSet" in keys:
        answer.SpecificCharacterSet = keys.SpecificCharacterSet
    for element in query:
        if element.keyword in _INDEXED and element.keyword != "SpecificCharacterSet":
            setattr(answer, element.keyword, keys.get(element.keyword, ""))
    return answer
