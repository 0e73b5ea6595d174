"""Storage commitment as the SCP: yes only of what an archive shows when it is asked now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from delivery_site import PeerSection, ReceiverSection, Site
from faulty_archive import QUERY, STORAGE, FaultyArchive, report
from filed import record
from network import SERIES, STUDY, serving
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage, PositronEmissionTomographyImageStorage
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from node.domain.arrivals import NoticeKind
from node.domain.ports import Received
from node.workflow.steps.promising import Promiser
from node.workflow.store.quarantine import write_quarantined
from node.workflow.store.register import HeaderRow

UIDS = [f"{SERIES}.{number}" for number in (11, 12)]


class Hospital(Site):
    """A site with a scanner MR3T that asks, an archive, and two images here."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder, stack)
        self.status = 0x0000
        self.reports: list[tuple[int, Dataset]] = []
        self.archive = FaultyArchive()
        port = stack.enter_context(serving([*STORAGE, QUERY], self.archive.handlers(), ae_title="VNA"))
        self.vna = PeerSection(name="vna", ae_titles=("VNA",), host="127.0.0.1", port=port, ae_title="VNA", archive=True, timeout_s=2)
        self.scanner = self._scanner(stack)
        self.open(self.vna, self.scanner)
        for uid in UIDS:
            self.receive(uid)

    def _scanner(self, stack: ExitStack) -> PeerSection:
        entity = AE(ae_title="MR3T")
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        entity.add_supported_context(Verification)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._heard)])
        stack.callback(entity.shutdown)
        return PeerSection(name="mr3t", ae_titles=("MR3T",), host="127.0.0.1", port=server.server_address[1], ae_title="MR3T", timeout_s=2)

    def _heard(self, event: Any) -> tuple[int, None]:
        self.reports.append((event.event_type, event.event_information))
        return self.status, None

    def open(self, *peers: PeerSection) -> None:
        self.set(receiver=ReceiverSection(commitment=True), peer=peers)
        self.promiser = Promiser(self.settings, self.store)

    def receive(self, uid: str) -> None:
        classes = (str(MRImageStorage), "1.2.840.10008.1.2.1")
        record(self.store, Received(uid, *classes, "aa", 10, f"inbox/{uid}", "A1", "MR3T", "EMBER", "10.1.1.1:1", self.clock.now()))
        self.store.register.headers_read([HeaderRow(uid, "P", STUDY, SERIES, "{}", None)])

    def ask(self, *uids: str, transaction: str = "2.25.5", sop_class: Any = MRImageStorage) -> str:
        encoded = encode(report(transaction, uids, sop_class=sop_class), is_implicit_vr=False, is_little_endian=True)
        assert encoded is not None
        return self.notice(NoticeKind.COMMITMENT_REQUEST, encoded, calling_ae="MR3T")

    def wait(self, seconds: float = 0.0) -> None:
        self.clock.time += timedelta(seconds=seconds)
        self.dispatch.once()
        while self.promises:
            self.promiser.go_on(self.promises.pop())

    def said(self) -> dict[str, int]:
        """UID → failure reason, 0 where it is safe, of the last report."""
        dataset = self.reports[-1][1]
        held = {str(item.ReferencedSOPInstanceUID): 0 for item in dataset.get("ReferencedSOPSequence") or []}
        failed = {str(item.ReferencedSOPInstanceUID): int(item.FailureReason) for item in dataset.get("FailedSOPSequence") or []}
        return held | failed

    @property
    def told(self) -> str:  # type: ignore[override]
        return self.store.commitments.get_promise(1).told or ""


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    with ExitStack() as stack:
        yield Hospital(tmp_path, stack)


def test_what_the_archive_shows_is_confirmed_at_once(hospital: Hospital) -> None:
    hospital.archive.stored = [(uid, "") for uid in UIDS]

    assert hospital.ask(*UIDS) == "to be answered"
    assert hospital.store.commitments.promised() == set(UIDS)
    hospital.wait()

    assert (hospital.reports[0][0], hospital.said()) == (1, dict.fromkeys(UIDS, 0))
    assert hospital.reports[0][1].TransactionUID == "2.25.5"
    assert hospital.told == "answered: 2 of 2 instances are safe"
    assert hospital.store.commitments.promised() == frozenset()


def test_our_own_copy_is_no_reason_to_say_yes(hospital: Hospital) -> None:
    hospital.archive.stored = [(UIDS[0], "")]
    hospital.ask(*UIDS)

    hospital.wait()
    hospital.wait(300)
    assert hospital.reports == []
    hospital.wait(301)

    assert (hospital.reports[0][0], hospital.said()) == (2, {UIDS[0]: 0, UIDS[1]: 0x0110})


def test_what_reaches_the_archive_while_we_wait_is_confirmed(hospital: Hospital) -> None:
    hospital.ask(*UIDS)
    hospital.wait()
    hospital.archive.stored = [(uid, "") for uid in UIDS]

    hospital.wait(31)

    assert hospital.said() == dict.fromkeys(UIDS, 0)


def test_what_is_not_here_is_waited_for_and_then_missing(hospital: Hospital) -> None:
    late, never = f"{SERIES}.20", f"{SERIES}.21"
    hospital.archive.stored = [(late, ""), (never, "")]
    hospital.ask(late, never)
    hospital.wait()
    hospital.receive(late)

    hospital.wait(601)

    assert hospital.said() == {late: 0, never: 0x0112}


def test_an_image_that_is_here_under_another_class_is_a_conflict(hospital: Hospital) -> None:
    hospital.archive.stored = [(uid, "") for uid in UIDS]
    hospital.ask(*UIDS, sop_class=PositronEmissionTomographyImageStorage)
    hospital.wait()
    assert hospital.said() == dict.fromkeys(UIDS, 0x0119)


def test_an_image_of_which_other_bytes_came_is_not_confirmed(hospital: Hospital) -> None:
    hospital.archive.stored = [(uid, "") for uid in UIDS]
    values = dict.fromkeys(("path", "association", "calling_ae", "called_ae", "address", "received_at"), "x")
    with sa.create_engine(hospital.store.url).begin() as connection:
        write_quarantined(connection, values | {"sop_instance_uid": UIDS[0], "digest": "bb"}, kind="changed", reason="changed")

    hospital.ask(*UIDS)
    hospital.wait()

    assert hospital.said() == {UIDS[0]: 0x0110, UIDS[1]: 0}


def test_an_archive_that_cannot_be_asked_confirms_nothing(hospital: Hospital) -> None:
    hospital.archive.stored, hospital.archive.find_status = [(uid, "") for uid in UIDS], 0xA700
    hospital.ask(*UIDS)
    hospital.wait()
    hospital.wait(601)
    assert hospital.said() == dict.fromkeys(UIDS, 0x0110)


@pytest.mark.parametrize("whose", ["nobody's", "the scanner's"])
def test_without_an_archive_other_than_the_scanner_itself_nothing_is_confirmed(hospital: Hospital, whose: str) -> None:
    hospital.archive.stored = [(uid, "") for uid in UIDS]
    own = hospital.vna.model_copy(update={"ae_titles": ("MR3T",)})
    hospital.open(hospital.scanner, *([own] if whose == "the scanner's" else []))
    hospital.ask(*UIDS)

    hospital.wait()

    assert hospital.said() == dict.fromkeys(UIDS, 0x0110)
    assert hospital.archive.queries == []


def test_a_result_of_ours_that_is_proven_somewhere_is_confirmed(hospital: Hospital) -> None:
    hospital.add("pacs")
    hospital.run()
    hospital.open(hospital.vna, hospital.scanner)
    hospital.ask(*hospital.uids)
    hospital.wait()
    assert hospital.said() == dict.fromkeys(hospital.uids, 0)


def test_a_scanner_that_is_away_is_told_later_and_the_decision_stands(hospital: Hospital) -> None:
    hospital.archive.stored, hospital.status = [(uid, "") for uid in UIDS], 0x0110
    hospital.ask(*UIDS)
    hospital.wait()
    assert hospital.store.commitments.promised() == set(UIDS)
    queries, hospital.status = len(hospital.archive.queries), 0x0000

    hospital.wait(60)

    assert hospital.told == "answered: 2 of 2 instances are safe"
    assert len(hospital.archive.queries) == queries


def test_a_scanner_that_stays_away_is_given_up(hospital: Hospital) -> None:
    hospital.open(hospital.vna, hospital.scanner.model_copy(update={"port": 1}))
    hospital.archive.stored = [(uid, "") for uid in UIDS]
    hospital.ask(*UIDS)
    hospital.wait()
    hospital.wait(4 * 24 * 3600)
    assert hospital.told.startswith("given up: peer mr3t")
    assert hospital.store.commitments.promised() == frozenset()


def test_a_scanner_whose_address_the_settings_do_not_say_gets_no_answer(hospital: Hospital) -> None:
    hospital.open(hospital.vna, PeerSection(name="mr3t", ae_titles=("MR3T",)))
    hospital.ask(*UIDS)
    hospital.wait(601)
    assert hospital.told == "not answered: no [[peer]] with the title MR3T says host, port and ae_title"


def test_the_same_request_twice_is_one_promise_and_after_its_answer_another(hospital: Hospital) -> None:
    hospital.archive.stored = [(uid, "") for uid in UIDS]
    hospital.ask(*UIDS)
    assert hospital.ask(*UIDS) == "asked again before it was answered"
    hospital.wait()
    assert len(hospital.reports) == 1

    assert hospital.ask(*UIDS) == "to be answered"
    hospital.wait()
    assert len(hospital.reports) == 2


def test_a_node_that_was_not_told_to_answers_nothing(hospital: Hospital) -> None:
    hospital.set(receiver=ReceiverSection())
    assert hospital.ask(*UIDS) == "not answered: receiver.commitment is off"
    assert hospital.store.commitments.promised() == frozenset()
    hospital.open(hospital.vna, hospital.scanner)
    assert hospital.notice(NoticeKind.COMMITMENT_REQUEST, b"", calling_ae="MR3T").startswith("not answered: ")
