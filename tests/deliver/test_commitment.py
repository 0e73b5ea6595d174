"""Storage commitment on the wire, in both roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from faulty_archive import COMMITMENT, STORAGE, FaultyArchive, report
from network import serving
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from node.deliver import CommitmentResult, read_request, read_result, report_commitment, request_commitment
from node.deliver import commitment as module
from node.dimse import Peer
from node.errors import DataError, RefusedError, TemporaryError

WANTED = [(MRImageStorage, "1.2.3"), (MRImageStorage, "1.2.4")]
UIDS = [uid for _, uid in WANTED]


@pytest.fixture
def archive() -> FaultyArchive:
    return FaultyArchive()


@pytest.fixture
def peer(archive: FaultyArchive) -> Iterator[Peer]:
    with serving([*STORAGE, COMMITMENT], archive.handlers(), ae_title="PACS") as port:
        yield Peer("pacs", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=5, answer_timeout_s=2)


def test_an_archive_that_reports_on_the_same_association_is_heard(archive: FaultyArchive, peer: Peer) -> None:
    archive.reports = lambda transaction, uids: [report(transaction, uids[:1], [(uids[1], 0x0112)])]

    asked = request_commitment(peer, "2.25.1", WANTED)

    assert archive.requests == [("2.25.1", UIDS)]
    assert asked.result == CommitmentResult("2.25.1", ("1.2.3",), (("1.2.4", 0x0112),))
    assert archive.report_statuses == [0x0000]


def test_a_report_of_another_transaction_is_not_taken_for_this_one(
    archive: FaultyArchive, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_AT_ONCE_S", 0.5)
    archive.reports = lambda _, uids: [report("2.25.99", uids)]

    asked = request_commitment(peer, "2.25.1", WANTED)

    assert (asked.offered, asked.away, asked.result) == (True, "", None)
    assert archive.report_statuses[0] == 0x0110


def test_an_archive_that_reports_later_or_never_leaves_the_result_open(
    archive: FaultyArchive, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_AT_ONCE_S", 0.1)

    asked = request_commitment(peer, "2.25.1", WANTED)

    assert (asked.offered, asked.away, asked.result) == (True, "", None)


def test_an_archive_without_the_service_is_told_from_one_that_is_away(archive: FaultyArchive, peer: Peer) -> None:
    with serving(STORAGE, archive.handlers(), ae_title="PACS") as port:
        assert not request_commitment(replace(peer, port=port), "2.25.1", WANTED).offered

    gone = request_commitment(replace(peer, port=1), "2.25.1", WANTED)
    assert gone.offered
    assert "unreachable" in gone.away


def test_a_request_that_is_refused_was_not_taken(archive: FaultyArchive, peer: Peer) -> None:
    archive.action_status = 0x0213

    assert request_commitment(peer, "2.25.1", WANTED).declined.endswith("answered the request for storage commitment with 0x0213")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_what_was_reported_is_read_from_its_bytes(syntax: Any) -> None:
    encoded = encode(report("2.25.7", ["1.2"], [("1.3", 0x0119), ("1.4", 0x0110)]), syntax.is_implicit_VR, syntax.is_little_endian)
    assert encoded is not None

    assert read_result(encoded, syntax) == CommitmentResult("2.25.7", ("1.2",), (("1.3", 0x0119), ("1.4", 0x0110)))


def test_an_instance_that_is_said_to_be_held_and_to_have_failed_has_failed() -> None:
    encoded = encode(report("2.25.7", ["1.2", "1.3"], [("1.3", 0x0110)]), is_implicit_vr=True, is_little_endian=True)
    assert encoded is not None

    assert read_result(encoded, ImplicitVRLittleEndian) == CommitmentResult("2.25.7", ("1.2",), (("1.3", 0x0110),))


def test_a_request_names_each_instance_once() -> None:
    encoded = encode(report("2.25.7", ["1.2", "1.3", "1.2"]), is_implicit_vr=True, is_little_endian=True)
    assert encoded is not None

    assert read_request(encoded, ImplicitVRLittleEndian) == ("2.25.7", ((MRImageStorage, "1.2"), (MRImageStorage, "1.3")))


@pytest.mark.parametrize("keyword", ["FailureReason", "FailedSOPSequence", "ReferencedSOPSequence"])
def test_a_message_with_values_of_the_wrong_kind_is_told_and_no_fault_of_ours(keyword: str) -> None:
    wrong = report("1.2.9", UIDS[:1], [(UIDS[1], 0x0112)])
    where = wrong.FailedSOPSequence[0] if keyword == "FailureReason" else wrong
    where[keyword] = DataElement(keyword, "LO", "none of your business")
    encoded = encode(wrong, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    with pytest.raises(DataError, match="wrong kind"):
        read_result(encoded, ExplicitVRLittleEndian)


@pytest.mark.parametrize("encoded", [b"", b"\x08", b"\x08\x00\x99\x11\xff\xff\xff\xff" * 2000, b"\x08\x00\x95\x11\x04\x00\x00\x00\xff"])
def test_bytes_that_are_no_report_and_no_request_are_told(encoded: bytes) -> None:
    with pytest.raises(DataError, match="storage commitment"):
        read_result(encoded, ImplicitVRLittleEndian)
    with pytest.raises(DataError, match="storage commitment"):
        read_request(encoded, ImplicitVRLittleEndian)


class Scanner:
    """A scanner that waits for our report; `status` is its answer."""

    def __init__(self) -> None:
        self.status = 0x0000
        self.told: list[tuple[int, Dataset]] = []

    def report(self, event: Any) -> tuple[int, None]:
        self.told.append((event.event_type, event.event_information))
        return self.status, None


@pytest.fixture
def scanner() -> Scanner:
    return Scanner()


@pytest.fixture
def console(scanner: Scanner) -> Iterator[Peer]:
    entity = AE(ae_title="MR3T")
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, scanner.report)])
    yield Peer("mr3t", "127.0.0.1", server.server_address[1], "MR3T", "EMBER", connect_timeout_s=5, answer_timeout_s=2)
    entity.shutdown()


def test_a_scanner_is_told_what_is_safe_and_what_is_not(console: Peer, scanner: Scanner) -> None:
    classes = dict.fromkeys(("1.2", "1.3"), str(MRImageStorage))

    report_commitment(console, CommitmentResult("2.25.8", ("1.2", "1.3"), ()), classes)
    report_commitment(console, CommitmentResult("2.25.9", ("1.2",), (("1.3", 0x0110),)), classes)

    (all_held, first), (some_failed, second) = scanner.told
    assert (all_held, first.TransactionUID, "FailedSOPSequence" in first) == (1, "2.25.8", False)
    assert (some_failed, second.TransactionUID) == (2, "2.25.9")
    assert [item.ReferencedSOPInstanceUID for item in second.ReferencedSOPSequence] == ["1.2"]
    assert [(item.ReferencedSOPInstanceUID, item.FailureReason) for item in second.FailedSOPSequence] == [("1.3", 0x0110)]


def test_a_scanner_that_does_not_take_our_report_is_to_be_told_again(console: Peer, scanner: Scanner) -> None:
    result = CommitmentResult("2.25.8", ("1.2",), ())
    scanner.status = 0x0110
    with pytest.raises(TemporaryError, match="0x0110"):
        report_commitment(console, result, {"1.2": MRImageStorage})
    with pytest.raises(TemporaryError, match="unreachable"):
        report_commitment(replace(console, port=1), result, {"1.2": MRImageStorage})


def test_a_peer_that_is_no_user_of_commitment_is_told_so(peer: Peer) -> None:
    with pytest.raises(RefusedError, match="takes no reports of storage commitment"):
        report_commitment(peer, CommitmentResult("2.25.8", ("1.2",), ()), {"1.2": MRImageStorage})
