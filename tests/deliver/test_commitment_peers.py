"""Storage commitment with Orthanc, as the archive that we ask and as the scanner that asks us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from network import Receipts, instance, parcel, wait_until, write
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from benchmarks.peers import Orthanc
from node.deliver import CommitmentResult, DimseDestination, Held, read_request, read_result, report_commitment
from node.dimse import Peer


class Door:
    """Stands for the receiver: keeps what comes as its bytes."""

    def __init__(self) -> None:
        self.came: list[tuple[str, bytes]] = []

    def report(self, event: Any) -> tuple[int, None]:
        self._keep("report", event.event_information)
        return 0x0000, None

    def request(self, event: Any) -> tuple[int, None]:
        self._keep("request", event.action_information)
        return 0x0000, None

    def _keep(self, what: str, dataset: Any) -> None:
        encoded = encode(dataset, is_implicit_vr=False, is_little_endian=True)
        assert encoded is not None
        self.came.append((what, encoded))


@contextmanager
def listening() -> Iterator[tuple[Door, int]]:
    door, entity = Door(), AE(ae_title="EMBER")
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    entity.add_supported_context(Verification)
    handlers = [(evt.EVT_N_EVENT_REPORT, door.report), (evt.EVT_N_ACTION, door.request)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield door, server.server_address[1]
    finally:
        entity.shutdown()


@pytest.mark.peer("Orthanc")
def test_orthanc_commits_to_what_it_holds_and_not_to_what_it_lost(tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "outbox") for number in range(3)]
    with listening() as (door, port), Orthanc(tmp_path / "orthanc", knows={"EMBER": port}) as orthanc:
        pacs = DimseDestination(Peer("orthanc", "127.0.0.1", orthanc.dicom_port, orthanc.ae_title, "EMBER"))
        pacs.send([parcel(path) for path in paths[:2]], Receipts())

        asked = pacs.commit("2.25.4711", [parcel(path) for path in paths])
        wait_until(lambda: bool(door.came), 20)
        proofs = pacs.prove([parcel(path) for path in paths])

    assert (asked.offered, asked.away) == (True, "")
    result = read_result(door.came[0][1], ExplicitVRLittleEndian)
    assert (result.transaction_uid, sorted(result.held)) == ("2.25.4711", sorted(path.stem for path in paths[:2]))
    assert result.failed == ((paths[2].stem, 0x0112),)
    assert [proof.held for proof in proofs] == [Held.YES, Held.YES, Held.NO]


@pytest.mark.peer("Orthanc")
def test_orthanc_as_a_scanner_is_told_what_it_may_delete(tmp_path: Path) -> None:
    with listening() as (door, port), Orthanc(tmp_path / "orthanc", knows={"EMBER": port}) as orthanc:
        transaction = orthanc.ask_commitment("EMBER", [(MRImageStorage, "1.2.3"), (MRImageStorage, "1.2.4")])
        wait_until(lambda: bool(door.came), 20)
        uid, wanted = read_request(door.came[0][1], ExplicitVRLittleEndian)
        scanner = Peer("orthanc", "127.0.0.1", orthanc.dicom_port, orthanc.ae_title, "EMBER")
        report_commitment(scanner, CommitmentResult(uid, ("1.2.3",), (("1.2.4", 0x0110),)), {one: sop for sop, one in wanted})
        told = orthanc.commitment(transaction)

    assert (uid, wanted) == (transaction, ((MRImageStorage, "1.2.3"), (MRImageStorage, "1.2.4")))
    assert [one["SOPInstanceUID"] for one in told["Success"]] == ["1.2.3"]
    assert [(one["SOPInstanceUID"], one["FailureReason"]) for one in told["Failures"]] == [("1.2.4", 0x0110)]
