"""Storage commitment, Push Model (PS3.4 J): the request, its result, and the report of one, in both roles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_role, evt
from pynetdicom.dsutils import decode
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance, Verification

from node.dimse import Peer, associate
from node.errors import DataError, RefusedError, TemporaryError

T = TypeVar("T")

MOST_INSTANCES = 400
"""In one request: a sequence of this size passes through every archive that we know of, and one lost answer costs no more than it."""

ANSWER_AT_ONCE_S = 2.0
"""How long the association of a request is kept for archives that report on it."""

REQUEST, ALL_HELD, SOME_FAILED = 1, 1, 2
"""Action Type ID, and the two Event Type IDs (PS3.4 J.3.2, J.3.3)."""

FAILURES: dict[int, str] = {
    0x0110: "processing failure",
    0x0112: "no such object instance",
    0x0119: "class and instance conflict",
    0x0122: "referenced SOP class not supported",
    0x0131: "duplicate transaction UID",
    0x0213: "resource limitation",
}
"""Failure Reason (0008,1197), PS3.3 C.14.1.1."""


@dataclass(frozen=True)
class CommitmentResult:
    """What an archive reports of one transaction.

    Parameters
    ----------
    held : SOP Instance UIDs that it commits to
    failed : SOP Instance UID and Failure Reason of the others; 0 where it gives none
    """

    transaction_uid: str
    held: tuple[str, ...]
    failed: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Asked:
    """What came of a request.

    Parameters
    ----------
    offered : whether the peer takes such requests at all
    declined : what it answered to the request where that was no Success, one sentence
    unanswered : whether the request itself stayed without an answer, so that nobody knows whether it was taken
    away : why it could not be asked now, one sentence; empty where it took the request, or may have taken it
    result : where it reported at once
    """

    offered: bool = True
    declined: str = ""
    unanswered: bool = False
    away: str = ""
    result: CommitmentResult | None = None


def request_commitment(peer: Peer, transaction_uid: str, instances: Sequence[tuple[str, str]]) -> Asked:
    """Ask an archive to commit to instances (SOP class UID, SOP Instance UID), by N-ACTION (PS3.4 J.3.2).

    The association is kept open for a moment, since some archives report on it. Where the N-ACTION itself stays without an answer, the
    archive may have taken it: its report is then waited for like any other.
    """
    box: list[CommitmentResult] = []
    told = threading.Event()

    def report(event: Any) -> tuple[int, None]:
        return _told(event, transaction_uid, box, told), None

    try:
        with associate(peer, _contexts(), handlers=[(evt.EVT_N_EVENT_REPORT, report)]) as association:
            if StorageCommitmentPushModel not in [context.abstract_syntax for context in association.accepted_contexts]:
                return Asked(offered=False)
            answer, _ = association.send_n_action(
                _request(transaction_uid, instances), REQUEST, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
            if "Status" not in answer:
                return Asked(unanswered=True)
            if answer.Status != 0x0000:
                return Asked(declined=f"{peer} answered the request for storage commitment with 0x{answer.Status:04X}")
            told.wait(ANSWER_AT_ONCE_S)
    except (TemporaryError, RefusedError) as error:
        return Asked(away=str(error))
    return Asked(result=box[0] if box else None)


def report_commitment(peer: Peer, result: CommitmentResult, classes: dict[str, str]) -> None:
    """Tell a scanner what it may rely on, by N-EVENT-REPORT on an association of ours in the role of the SCP (PS3.4 J.3.3).

    Parameters
    ----------
    classes : SOP Instance UID → SOP class UID

    Raises
    ------
    TemporaryError : it cannot be reached, or did not take the report
    RefusedError : it takes no such reports from us
    """
    roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
    with associate(peer, _contexts(), roles=roles) as association:
        taken = [context for context in association.accepted_contexts if context.abstract_syntax == StorageCommitmentPushModel]
        if not any(context.as_scp for context in taken):
            raise RefusedError(f"{peer} takes no reports of storage commitment on an association that we open")
        answer, _ = association.send_n_event_report(
            _report(result, classes),
            SOME_FAILED if result.failed else ALL_HELD,
            StorageCommitmentPushModel,
            StorageCommitmentPushModelInstance,
        )
    if "Status" not in answer:
        raise TemporaryError(f"{peer} did not answer the report of storage commitment within {peer.answer_timeout_s:g} s")
    if answer.Status != 0x0000:
        raise TemporaryError(f"{peer} answered the report of storage commitment with 0x{answer.Status:04X}")


def read_result(encoded: bytes, transfer_syntax_uid: str) -> CommitmentResult:
    """The Event Information of an N-EVENT-REPORT.

    Raises
    ------
    DataError : it cannot be read, or names no transaction
    """
    return _understood(_result, _read(encoded, transfer_syntax_uid))


def read_request(encoded: bytes, transfer_syntax_uid: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The Action Information of an N-ACTION: Transaction UID; SOP class and instance UIDs, each instance once.

    Raises
    ------
    DataError : it cannot be read, names no transaction, or no instance
    """
    return _understood(_wanted, _read(encoded, transfer_syntax_uid))


def _wanted(dataset: Dataset) -> tuple[str, tuple[tuple[str, str], ...]]:
    wanted = {uid: sop_class for sop_class, uid in _references(dataset, "ReferencedSOPSequence")}
    if not wanted:
        raise DataError("a request for storage commitment names no instance; expected Referenced SOP Sequence (0008,1199)")
    return _transaction(dataset), tuple((sop_class, uid) for uid, sop_class in wanted.items())


def _contexts() -> list[Any]:
    """Verification besides, so that a peer without storage commitment still accepts the association and is told from a stranger."""
    return [build_context(StorageCommitmentPushModel), build_context(Verification)]


def _told(event: Any, transaction_uid: str, box: list[CommitmentResult], told: threading.Event) -> int:
    """The status of a report that came on the association of the request."""
    try:
        result = _understood(_result, event.event_information)
    except (DataError, AttributeError, ValueError):
        return 0x0110
    if result.transaction_uid != transaction_uid:
        return 0x0110  # of another request: where it is not taken here, the archive opens an association for it
    box.append(result)
    told.set()
    return 0x0000


def _request(transaction_uid: str, instances: Iterable[tuple[str, str]]) -> Dataset:
    dataset = Dataset()
    dataset.TransactionUID = transaction_uid
    dataset.ReferencedSOPSequence = [_reference(sop_class, uid) for sop_class, uid in instances]
    return dataset


def _report(result: CommitmentResult, classes: dict[str, str]) -> Dataset:
    dataset = Dataset()
    dataset.TransactionUID = result.transaction_uid
    if result.held:
        dataset.ReferencedSOPSequence = [_reference(classes[uid], uid) for uid in result.held]
    if result.failed:
        dataset.FailedSOPSequence = [_reference(classes[uid], uid) for uid, _ in result.failed]
        for item, (_, reason) in zip(dataset.FailedSOPSequence, result.failed, strict=True):
            item.FailureReason = reason
    return dataset


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _read(encoded: bytes, transfer_syntax_uid: str) -> Dataset:
    syntax = UID(transfer_syntax_uid)
    try:
        dataset: Dataset = decode(BytesIO(encoded), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
        for _ in dataset.iterall():
            pass  # values are decoded only when they are looked at
        return dataset
    except Exception as error:  # any of pydicom's: a stranger wrote the bytes
        raise DataError(f"the data set of a storage commitment message cannot be read: {type(error).__name__}") from error


def _understood(look: Callable[[Dataset], T], dataset: Dataset) -> T:
    """What is in a data set that a stranger wrote: a number where a sequence should be is a wrong message, and no fault of ours."""
    try:
        return look(dataset)
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"a storage commitment message has values of the wrong kind: {type(error).__name__}") from error


def _result(dataset: Dataset) -> CommitmentResult:
    failed = {}
    for item in dataset.get("FailedSOPSequence") or []:
        failed[str(item.get("ReferencedSOPInstanceUID", ""))] = int(item.get("FailureReason") or 0)
    held = tuple(uid for _, uid in _references(dataset, "ReferencedSOPSequence") if uid not in failed)
    return CommitmentResult(_transaction(dataset), held, tuple(failed.items()))


def _references(dataset: Dataset, keyword: str) -> list[tuple[str, str]]:
    items = dataset.get(keyword) or []
    return [(str(item.get("ReferencedSOPClassUID", "")), str(item.get("ReferencedSOPInstanceUID", ""))) for item in items]


def _transaction(dataset: Dataset) -> str:
    uid = str(dataset.get("TransactionUID") or "")
    if not uid:
        raise DataError("a storage commitment message names no transaction; expected Transaction UID (0008,1195)")
    return uid
