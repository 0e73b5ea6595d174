"""Associations to peers: what is said when there is none, C-ECHO, C-FIND."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from network import serving, wait_until
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import MRImageStorage, StudyRootQueryRetrieveInformationModelFind, Verification

from node.dimse import IMPLEMENTATION_CLASS_UID, Peer, associate, echo, find_instance, is_uid
from node.errors import RefusedError, TemporaryError

ECHO = [(Verification, ImplicitVRLittleEndian)]
FIND = [(StudyRootQueryRetrieveInformationModelFind, ImplicitVRLittleEndian)]


def at(port: int) -> Peer:
    return Peer("pacs", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=2, answer_timeout_s=2)


@pytest.fixture
def pacs() -> Iterator[Peer]:
    with serving(ECHO, [], ae_title="PACS") as port:
        yield at(port)


def test_echo_tells_status_and_time(pacs: Peer) -> None:
    result = echo(pacs)

    assert result.status == 0x0000
    assert 0.0 < result.seconds < 5.0


def test_our_socket_waits_for_nobody_and_our_name_is_told(pacs: Peer) -> None:
    with associate(pacs, [build_context(Verification)]) as association:
        assert association.dul.socket.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert association.requestor.implementation_class_uid == IMPLEMENTATION_CLASS_UID


def test_an_association_is_released_at_the_end_and_aborted_after_an_error() -> None:
    ends = []
    handlers = [(evt.EVT_RELEASED, lambda event: ends.append("released")), (evt.EVT_ABORTED, lambda event: ends.append("aborted"))]
    with serving(ECHO, handlers, ae_title="PACS") as port:
        with associate(at(port), [build_context(Verification)]):
            pass
        with pytest.raises(ZeroDivisionError), associate(at(port), [build_context(Verification)]):
            _ = 1 // 0

    assert ends == ["released", "aborted"]


def test_a_peer_that_has_gone_before_it_is_asked_is_temporary(pacs: Peer) -> None:
    def ask_too_late() -> None:
        with associate(pacs, [build_context(Verification)]) as association:
            association.abort()
            association.send_c_echo()

    with pytest.raises(TemporaryError, match="before it was asked"):
        ask_too_late()


def test_nobody_at_the_port_is_temporary_and_leaves_no_socket_open(pacs: Peer) -> None:
    with pytest.raises(TemporaryError, match=r"peer pacs \(PACS at 127.0.0.1:1\) unreachable"):
        echo(replace(pacs, port=1))
    gc.collect()  # an open socket would be a warning, and a warning is an error


def test_a_host_without_an_address_is_temporary(pacs: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TemporaryError, match="unreachable: Name or service not known"):
        echo(replace(pacs, host="no-such-host.invalid"))


def test_a_port_that_never_answers_is_temporary(pacs: Peer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TemporaryError, match=r"within 0\.3 s"):
        echo(replace(pacs, port=silent.getsockname()[1], connect_timeout_s=0.3))


def test_a_wrong_ae_title_is_refused_with_the_peers_reason(pacs: Peer) -> None:
    with pytest.raises(RefusedError, match="Called AE title not recognised"):
        echo(replace(pacs, called_ae="OTHER"))


def test_a_busy_peer_is_temporary() -> None:
    def busy(event: evt.Event) -> None:
        event.assoc.acse.send_reject(0x02, 0x03, 0x02)
        event.assoc.is_rejected = True
        event.assoc.kill()

    with serving(ECHO, [(evt.EVT_REQUESTED, busy)], ae_title="PACS") as port, pytest.raises(TemporaryError, match=r"[Ll]ocal limit"):
        echo(at(port))


def test_a_peer_that_accepts_nothing_of_it_is_refused_by_name_of_the_class(pacs: Peer) -> None:
    with (
        pytest.raises(RefusedError, match="accepts none of what was proposed: MR Image Storage"),
        associate(pacs, [build_context(MRImageStorage)]),
    ):
        pass


def test_an_echo_without_an_answer_is_temporary() -> None:
    never = threading.Event()
    with serving(ECHO, [(evt.EVT_C_ECHO, lambda event: never.wait(1.0) and 0)], ae_title="PACS") as port:
        with pytest.raises(TemporaryError, match="did not answer C-ECHO"):
            echo(replace(at(port), answer_timeout_s=0.2))
        never.set()


@pytest.mark.parametrize(
    ("contexts", "known", "last_status", "expected"),
    [
        (ECHO + FIND, ["1.2.3"], 0x0000, True),
        (ECHO + FIND, ["1.2.4"], 0x0000, False),
        (ECHO + FIND, [], 0x0000, False),
        (ECHO + FIND, ["1.2.3"], 0xC000, None),
        (ECHO, ["1.2.3"], 0x0000, None),
    ],
)
def test_an_instance_is_there_or_not_or_the_peer_cannot_say(
    contexts: list, known: list[str], last_status: int, expected: bool | None
) -> None:
    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        assert (event.identifier.StudyInstanceUID, event.identifier.SeriesInstanceUID) == ("1.2", "1.3")
        for uid in known:
            found = Dataset()
            found.SOPInstanceUID = uid
            yield 0xFF00, found
        yield last_status, None

    with serving(contexts, [(evt.EVT_C_FIND, find)], ae_title="PACS") as port:
        assert find_instance(at(port), "1.2.3", "1.2", "1.3") is expected


def test_a_peer_that_does_not_answer_a_query_in_time_cannot_say() -> None:
    never = threading.Event()

    def find(event: evt.Event) -> Iterator[tuple[int, None]]:
        never.wait(1.0)
        yield 0x0000, None

    with serving(ECHO + FIND, [(evt.EVT_C_FIND, find)], ae_title="PACS") as port:
        assert find_instance(replace(at(port), answer_timeout_s=0.2), "1.2.3", "1.2", "1.3") is None
        never.set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.840.10008.1.2", True),
        ("2.25." + "9" * 39, True),
        ("1.02.3", True),
        ("", False),
        ("1", False),
        ("1.", False),
        (".1", False),
        ("1..2", False),
        ("1.2.3\n", False),
        ("1.2/3", False),
        ("1.2.٣", False),
        ("1." + "2" * 62, True),
        ("1." + "2" * 63, False),
    ],
)
def test_a_uid_is_digits_and_single_dots(text: str, expected: bool) -> None:
    assert is_uid(text) is expected


def test_an_answer_is_left_to_the_thread_that_waits_for_it(pacs: Peer) -> None:
    answer, request = C_STORE(), C_ECHO()
    answer.MessageIDBeingRespondedTo, request.MessageID = 1, 1
    with associate(pacs, [build_context(Verification)]) as association:
        association._reactor_checkpoint.clear()  # the library's own thread, which asks as it does below
        wait_until(lambda: association._is_paused)
        time.sleep(0.01)
        provider = association.dimse
        assert provider.get_msg(block=False) == (None, None)
        provider.msg_queue.put((1, answer))
        provider.msg_queue.put((1, request))
        assert provider.get_msg(block=False) == (None, None)
        assert provider.get_msg(block=True) == (1, answer)
        assert provider.get_msg(block=False) == (1, request)
        association._reactor_checkpoint.set()
