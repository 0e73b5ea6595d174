"""The listener: hostile and silent clients harm nobody else, on the plain port and on the TLS port."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from authority import Authority, Files
from knocking import PLAIN, listening
from network import associated, instance, wait_until, write
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from structlog.testing import capture_logs

from benchmarks.raw import ABORT
from node.dimse import Peer, echo
from node.errors import TemporaryError
from node.receive.listener import Door
from node.settings.network import PeerSection
from node.tls import Credentials, client_context

MR = [(MRImageStorage, ExplicitVRLittleEndian)]
QUICK_S = 1.0
"""Within which C-ECHO must be answered, whatever others do."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def node(authority: Authority) -> Files:
    return authority.issue("node")


@pytest.fixture(scope="module")
def mr3t(authority: Authority) -> Files:
    return authority.issue("mr3t")


@contextmanager
def connections(port: int, number: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing."""
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)) for _ in range(number)]


def secured(peer: Peer, files: Files) -> Peer:
    return Peer(peer.name, peer.host, peer.port, peer.called_ae, peer.calling_ae, 5, 5, client_context(files))


def closed(connection: socket.socket) -> bool:
    """Whether the other side has ended this connection."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_a_silent_client_on_the_tls_port_keeps_nobody_out(node: Files, mr3t: Files) -> None:
    with listening(doors=(Door("127.0.0.1", 0, Credentials(node)),)) as place, connections(place.receiver.port, 5):
        answer = echo(secured(place.peer(), mr3t))

    assert answer.status == 0x0000
    assert answer.seconds < QUICK_S


def test_both_ports_serve_and_the_certificate_is_known(node: Files, mr3t: Files, tmp_path: Path) -> None:
    peers = [PeerSection(name="mr3t", ae_titles=("MR3T",))]
    doors = (*PLAIN, Door("127.0.0.1", 0, Credentials(node)))
    with listening(peers, doors=doors) as place:
        plain, tls = place.receiver.ports
        assert echo(place.peer(port=plain)).status == 0x0000
        assert echo(secured(place.peer(port=tls), mr3t)).status == 0x0000


def test_images_come_in_by_tls_and_the_inlet_hears_from_whom(node: Files, mr3t: Files, tmp_path: Path) -> None:
    from pynetdicom.presentation import build_context

    from node.dimse import associate

    path = write(instance(), tmp_path / "sent")
    with listening(doors=(Door("127.0.0.1", 0, Credentials(node)),)) as place:
        with associate(secured(place.peer(), mr3t), [build_context(*MR[0])]) as association:
            assert association.send_c_store(path).Status == 0x0000
        wait_until(lambda: list(place.inlet.ends.values()) == ["released"])

    (caller,) = place.inlet.callers.values()
    assert (caller.peer, caller.calling_ae, caller.certificate.subject) == ("mr3t", "MR3T", "CN=mr3t,C=CH")
    assert [coming.arriving.sop_instance_uid for coming in place.inlet.kept] == [path.stem]


def trickle(connection: socket.socket, said: bytes) -> None:
    """A byte now and then."""
    for byte in said:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def test_who_does_not_ask_in_time_is_cut_off(node: Files) -> None:
    doors = (*PLAIN, Door("127.0.0.1", 0, Credentials(node)))
    with listening(doors=doors, patience_s=0.3) as place:
        for port in place.receiver.ports:
            with connections(port, 1) as (silent,):
                begun = time.monotonic()
                assert closed(silent)
                assert 0.2 < time.monotonic() - begun < 2


def test_a_byte_now_and_then_wins_no_time(node: Files) -> None:
    with listening(patience_s=0.5) as place, connections(place.receiver.port, 1) as (slow,):
        begun = time.monotonic()
        with pytest.raises(OSError, match=r"reset|pipe"):
            trickle(slow, b"\x01\x00\x00\x00\x00\xcd" + bytes(200))
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00garbage" * 9, b"\x01\x00\x00\x00\x00\xcd\x00\x01", os.urandom(4096)]
)
def test_garbage_on_either_port_harms_nobody(node: Files, mr3t: Files, said: bytes) -> None:
    doors = (*PLAIN, Door("127.0.0.1", 0, Credentials(node)))
    with listening(doors=doors) as place:
        plain, tls = place.receiver.ports
        with connections(plain, 3) as some, connections(tls, 3) as others:
            for connection in (*some, *others):
                connection.sendall(said)
            answers = echo(place.peer(port=plain)), echo(secured(place.peer(port=tls), mr3t))
    assert [answer.status for answer in answers] == [0x0000, 0x0000]
    assert max(answer.seconds for answer in answers) < QUICK_S


def test_one_silent_connection_too_many_pushes_out_the_oldest() -> None:
    with listening(silent=8, share=8) as place, connections(place.receiver.port, 12) as silent:
        assert [closed(one) for one in silent[:4]] == [True] * 4
        for one in silent[4:]:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)
        assert echo(place.peer()).status == 0x0000


def test_one_address_pushes_out_its_own_and_nobody_elses() -> None:
    with listening(silent=64, share=8) as place, connections(place.receiver.port, 2) as quiet, ExitStack() as stack:
        address = ("127.0.0.1", place.receiver.port)
        flood = [stack.enter_context(socket.create_connection(address, 5, ("127.0.0.2", 0))) for _ in range(20)]
        assert [closed(one) for one in flood[:12]] == [True] * 12
        for one in (*quiet, *flood[12:]):
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)


def test_a_flood_of_connections_leaves_no_threads_and_no_files(node: Files) -> None:
    process = psutil.Process()
    with listening(silent=32, share=16) as place:
        echo(place.peer())
        files = process.num_fds()
        for _ in range(15):
            with connections(place.receiver.port, 40):
                pass
        answer = echo(place.peer())
        wait_until(lambda: process.num_fds() <= files)
        wait_until(lambda: sum(thread.name == "connection" for thread in threading.enumerate()) == 0)
    assert answer.seconds < QUICK_S


def test_an_abort_in_the_midst_of_an_image_drops_it(tmp_path: Path) -> None:
    with listening() as place:
        association = associated(place.receiver.port, MR)
        link = association.dul.socket.socket
        command = bytes.fromhex("04000000000800000004010111223344")  # half a P-DATA-TF, then an A-ABORT's bytes
        link.sendall(command[:10])
        association.abort()
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "connection"])
        assert echo(place.peer()).status == 0x0000
    assert place.inlet.kept == []


def test_stop_aborts_associations_and_waits_for_nobody(tmp_path: Path) -> None:
    with listening() as place, connections(place.receiver.port, 3):
        association = associated(place.receiver.port, MR)
        assert association.send_c_store(write(instance(), tmp_path)).Status == 0x0000
        begun = time.monotonic()
        place.receiver.stop()
        took = time.monotonic() - begun
        wait_until(lambda: association.is_aborted)
    assert took < 2.5
    assert list(place.inlet.ends.values()) == ["aborted"]


def test_a_port_that_is_taken_is_told_and_leaves_nothing_open() -> None:
    with listening() as place:
        port = place.receiver.port
        with (
            pytest.raises(TemporaryError, match=r"cannot listen on 127\.0\.0\.1 port .* in use"),
            listening(doors=(*PLAIN, Door("127.0.0.1", port))),
        ):
            pass


def test_the_machine_out_of_files_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failures = socket.socket.accept, [errno.EMFILE] * 3 + [errno.ECONNABORTED]

    def scarce(self: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise OSError(failures.pop(), "scarce")
        return accept(self)

    with capture_logs() as logs, listening() as place:
        monkeypatch.setattr(socket.socket, "accept", scarce)
        echo(place.peer())  # wakes the thread that waits in the former accept
        answer = echo(place.peer())
        monkeypatch.undo()
    assert answer.status == 0x0000
    assert failures == []
    assert [entry["event"] for entry in logs].count("a connection could not be taken") == 1


def test_no_thread_to_be_had_closes_that_connection_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    start, failures = threading.Thread.start, [True]

    def scarce(self: threading.Thread) -> None:
        if self.name == "connection" and failures:
            failures.pop()
            raise RuntimeError("can't start new thread")
        start(self)

    with listening() as place:
        monkeypatch.setattr(threading.Thread, "start", scarce)
        with pytest.raises(TemporaryError):
            echo(place.peer())
        assert echo(place.peer()).status == 0x0000


def rude(context: ssl.SSLContext, raw: socket.socket) -> None:
    """Come in by TLS and wait to be thrown out."""
    with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
        connection.recv(1)


def test_callers_by_tls_that_we_cannot_trust_are_listed_by_address(node: Files, tmp_path: Path) -> None:
    stranger = ssl.create_default_context(cafile=node.trusted)
    stranger.load_cert_chain(*(lambda files: (files.certificate, files.key))(Authority(tmp_path, "Other").issue("evil")))
    with listening(doors=(Door("127.0.0.1", 0, Credentials(node)),)) as place:
        for _ in range(3):
            with connections(place.receiver.port, 1) as (raw,), suppress(OSError):
                rude(stranger, raw)
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "connection"])
    ((caller,),) = place.book.batches
    assert (caller.calling_ae, caller.host, caller.times) == ("", "127.0.0.1", 3)
    assert "unable to get local issuer" in caller.why


def test_nodelay_is_set_on_what_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    with listening() as place:
        service = place.receiver._listener._service
        serve = service.serve

        def look(connection: socket.socket, *rest: object) -> None:
            seen.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            serve(connection, *rest)

        monkeypatch.setattr(service, "serve", look)
        echo(place.peer())
    assert len(seen) == 1
    assert seen[0] != 0


def test_by_tls_the_end_is_said_so_that_it_cannot_be_forged(node: Files, mr3t: Files) -> None:
    with listening(doors=(Door("127.0.0.1", 0, Credentials(node)),)) as place, connections(place.receiver.port, 1) as (raw,):
        context = client_context(mr3t)
        with context.wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as secured:
            secured.sendall(ABORT)
            assert secured.recv(100) == b""  # an end without a farewell would raise


def test_the_end_of_our_own_certificate_is_told_once_a_day(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.receive.receiver.EVERY_S", 0.01)
    door = Door("127.0.0.1", 0, Credentials(authority.issue("soon", days=12.5)))
    with capture_logs() as logs, listening(doors=(door,)):
        wait_until(lambda: any(entry["event"].startswith("our TLS certificate ends soon") for entry in logs))
        time.sleep(0.1)

    assert [entry["days"] for entry in logs if "days" in entry] == [12]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_a_door_for_all_addresses_takes_both_kinds_and_calls_them_by_their_names() -> None:
    with listening(doors=(Door("::", 0),)) as place:
        assert echo(place.peer()).status == 0x0000  # whose address is given as one of IPv4
        assert echo(replace(place.peer(), host="::ffff:127.0.0.1")).status == 0x0000
