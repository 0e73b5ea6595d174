"""A PACS that misbehaves in one named way, and remembers what it was given: C-STORE, C-FIND, storage commitment."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.presentation import AllStoragePresentationContexts, build_context
from pynetdicom.sop_class import StorageCommitmentPushModel, StudyRootQueryRetrieveInformationModelFind, Verification

from node.dimse import set_no_delay

WELL_KNOWN_COMMITMENT = "1.2.840.10008.1.20.1.1"
SUCCESS, PENDING = 0x0000, 0xFF00
NO_SUCH_OBJECT = 0x0112


@dataclass(frozen=True)
class Behaviour:
    """How a PACS behaves.

    Parameters
    ----------
    ends_well : whether the exam must be DELIVERED in the end; None where it goes on trying for longer than anybody watches
    patience_s : how long it is watched
    status : request number (from 0) and seconds since the start → C-STORE status
    up_after_s : it does not listen before
    rejects_until_s : associations are rejected before, permanently or transiently
    finds : whether C-FIND knows what was accepted
    commits : "all", "twice", "partly" (the first object fails in the first report), "strangers" (under another transaction first), "never",
        "not offered"
    may_take_twice : whether it makes the sender send the same bytes again
    """

    name: str
    ends_well: bool | None = True
    patience_s: float = 150.0
    status: Callable[[int, float], int] = lambda number, seconds: SUCCESS
    up_after_s: float = 0.0
    rejects_until_s: float = 0.0
    permanently: bool = False
    byte_a_second: bool = False
    finds: bool = True
    commits: str = "all"
    may_take_twice: bool = False


BEHAVIOURS = {
    behaviour.name: behaviour
    for behaviour in (
        Behaviour("commits"),
        Behaviour("has no commitment", commits="not offered"),
        Behaviour("is down", up_after_s=8.0),
        Behaviour("takes one byte a second", byte_a_second=True, ends_well=None, patience_s=12.0),
        Behaviour("rejects for good", rejects_until_s=1e9, permanently=True, ends_well=None, patience_s=15.0),
        Behaviour("rejects transiently", rejects_until_s=4.0),
        Behaviour("is full half-way", status=lambda number, seconds: 0xA700 if number == 2 else SUCCESS),
        Behaviour("cannot understand one", status=lambda number, seconds: 0xC000 if number == 2 else SUCCESS, ends_well=False),
        Behaviour("accepts and does not find", finds=False, commits="not offered", ends_well=None, patience_s=20.0, may_take_twice=True),
        Behaviour("commits twice", commits="twice"),
        Behaviour("commits partly", commits="partly", may_take_twice=True),
        Behaviour("commits another transaction first", commits="strangers"),
        Behaviour("commits never", commits="never", ends_well=None, patience_s=20.0),
    )
}


class FaultyPacs:
    """The PACS, as a context manager.

    Parameters
    ----------
    port : to listen on, on this machine
    answer_to : port of the node, to which commitment is reported on an association of its own
    """

    def __init__(self, port: int, behaviour: Behaviour, *, answer_to: int) -> None:
        self.port = port
        self.behaviour = behaviour
        self.held: dict[str, tuple[str, Dataset]] = {}
        self.accepted: Counter[str] = Counter()
        self.digests: set[tuple[str, str]] = set()
        self._answer_to = answer_to
        self._requests = 0
        self._reports = 0
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._server: Any = None
        self._slow: socket.socket | None = None

    def __enter__(self) -> FaultyPacs:
        self.tick(0.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.shutdown()
        if self._slow is not None:
            with suppress(OSError):
                self._slow.shutdown(socket.SHUT_RDWR)
            self._slow.close()

    def tick(self, seconds: float) -> None:
        """Called again and again with the time since the start: it comes up when its time has come."""
        if self._server is None and self._slow is None and seconds >= self.behaviour.up_after_s:
            if self.behaviour.byte_a_second:
                self._slow = socket.create_server(("127.0.0.1", self.port))
                threading.Thread(target=self._read_slowly, daemon=True).start()
            else:
                self._server = self._serve()

    def complaints(self, *, taken_twice: bool) -> list[str]:
        """One sentence for each object that was accepted more than once (unless it asked for that), or with two digests."""
        digests = Counter(uid for uid, _ in self.digests)
        two = [f"{uid} came with {count} digests" for uid, count in digests.items() if count > 1]
        twice = [f"{uid} was accepted {count} times" for uid, count in self.accepted.items() if count > 1]
        return two if taken_twice else two + twice

    def _serve(self) -> Any:
        ae = AE("FAULTY")
        ae.network_timeout = 10
        ae.supported_contexts = AllStoragePresentationContexts
        ae.add_supported_context(Verification)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        if self.behaviour.commits != "not offered":
            ae.add_supported_context(StorageCommitmentPushModel)
        handlers = [
            (evt.EVT_CONN_OPEN, set_no_delay),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_N_ACTION, self._asked_to_commit),
        ]
        return ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def _requested(self, event: evt.Event) -> None:
        if time.monotonic() - self._began < self.behaviour.rejects_until_s:
            association = event.assoc
            association.acse.send_reject(*((0x01, 0x01, 0x03) if self.behaviour.permanently else (0x02, 0x03, 0x01)))
            association.is_rejected = True
            association.kill()

    def _store(self, event: evt.Event) -> int:
        encoded = event.request.DataSet.getvalue()
        data = event.dataset
        uid = str(data.SOPInstanceUID)
        with self._lock:
            status = self.behaviour.status(self._requests, time.monotonic() - self._began)
            self._requests += 1
            self.digests.add((uid, hashlib.sha256(encoded).hexdigest()))
            if status == SUCCESS:
                self.accepted[uid] += 1
                self.held[uid] = (str(data.SOPClassUID), data)
        return status

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        asked = event.identifier
        for uid, (sop_class, data) in list(self.held.items()) if self.behaviour.finds else []:
            answer = Dataset()
            answer.QueryRetrieveLevel = asked.QueryRetrieveLevel
            answer.SOPInstanceUID, answer.SOPClassUID = uid, sop_class
            answer.StudyInstanceUID, answer.SeriesInstanceUID = data.StudyInstanceUID, data.SeriesInstanceUID
            if all(_matches(asked, answer, key) for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")):
                yield PENDING, answer

    def _asked_to_commit(self, event: evt.Event) -> tuple[int, None]:
        if self.behaviour.commits != "never":
            threading.Thread(target=self._report, args=(event.action_information,), daemon=True).start()
        return SUCCESS, None

    def _report(self, asked: Dataset) -> None:
        time.sleep(0.3)
        transactions = [str(asked.TransactionUID)]
        if self.behaviour.commits == "twice":
            transactions *= 2
        if self.behaviour.commits == "strangers":
            transactions.insert(0, "1.2.3.4.5")
        with self._lock:
            self._reports += 1
            first = self._reports == 1
        for transaction in transactions:
            self._tell(self._result(asked, transaction, fail_one=first and self.behaviour.commits == "partly"))

    def _result(self, asked: Dataset, transaction: str, *, fail_one: bool) -> tuple[int, Dataset]:
        good, bad = [], []
        for number, item in enumerate(asked.ReferencedSOPSequence):
            held = str(item.ReferencedSOPInstanceUID) in self.held and not (fail_one and number == 0)
            (good if held else bad).append(item)
        for item in bad:
            item.FailureReason = NO_SUCH_OBJECT
        result = Dataset()
        result.TransactionUID = transaction
        result.ReferencedSOPSequence = good
        if bad:
            result.FailedSOPSequence = bad
        return (2 if bad else 1), result

    def _tell(self, report: tuple[int, Dataset]) -> None:
        """On an association of our own; tried for a while, since the node may be down."""
        kind, result = report
        ae = AE("FAULTY")
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 5
        context = build_context(StorageCommitmentPushModel, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        for _ in range(20):
            association = ae.associate("127.0.0.1", self._answer_to, contexts=[context], ae_title="EMBER", ext_neg=[role])
            if association.is_established:
                status, _ = association.send_n_event_report(result, kind, StorageCommitmentPushModel, WELL_KNOWN_COMMITMENT)
                association.release()
                if status and status.Status == SUCCESS:
                    return
            time.sleep(0.5)

    def _read_slowly(self) -> None:
        assert self._slow is not None
        with suppress(OSError):
            while True:
                connection, _ = self._slow.accept()
                threading.Thread(target=_sip, args=(connection,), daemon=True).start()


def _sip(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while connection.recv(1):
            time.sleep(1.0)


def _matches(asked: Dataset, held: Dataset, key: str) -> bool:
    wanted = asked.get(key)
    return not wanted or held[key].value in ([wanted] if isinstance(wanted, str) else list(wanted))
