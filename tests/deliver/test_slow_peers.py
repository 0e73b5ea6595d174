"""Archives that take or give a byte a second: an attempt ends, and with it its threads."""

from __future__ import annotations

import importlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faulty_archive import QUERY, STORAGE, FaultyArchive
from network import Receipts, instance, parcel, serving, wait_until, write

from node.deliver import Held, Instance, held_by, send
from node.dimse import Peer


@contextmanager
def dripping(target: int, *, to_peer_after: int | None = None, from_peer_after: int | None = None) -> Iterator[int]:
    """A port that leads to another, and lets a byte a second pass once so many bytes have; none: at full speed."""

    def pump(source: socket.socket, sink: socket.socket, after: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while piece := source.recv(4096 if after is None or passed < after else 1):
                if after is not None and passed >= after and over.wait(1.0):
                    break
                sink.sendall(piece)
                passed += len(piece)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", target))
                sockets.extend((near, far))
                for ends in ((near, far, to_peer_after), (far, near, from_peer_after)):
                    threads.append(threading.Thread(target=pump, args=ends))
                    threads[-1].start()

    over, sockets, threads = threading.Event(), list[socket.socket](), list[threading.Thread]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server = threading.Thread(target=serve)
        server.start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        server.join()
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for one in sockets:
        one.close()


@pytest.fixture
def port() -> Iterator[int]:
    with serving([*STORAGE, QUERY], FaultyArchive().handlers(), ae_title="PACS") as port:
        yield port


def peer(port: int) -> Peer:
    return Peer("pacs", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=1, answer_timeout_s=1)


def test_an_archive_that_takes_a_byte_a_second_is_given_up(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("node.deliver.send"), "SLOWEST_BYTES_PER_S", 1e9)
    path, before = write(instance(size=2048), tmp_path), set(threading.enumerate())
    with dripping(port, to_peer_after=2000) as slow:
        begun = time.monotonic()
        outcome = send([parcel(path)], peer(slow), Receipts())
        assert time.monotonic() - begun < 8
        assert outcome.postponed == ((path.stem, "no answer"),)

    wait_until(lambda: set(threading.enumerate()) <= before)


def test_an_archive_that_answers_a_byte_a_second_is_given_up(port: int) -> None:
    with dripping(port, from_peer_after=0) as slow:
        begun = time.monotonic()
        proofs = held_by(peer(slow), [Instance("1.2.3", "1.2", "1")])
        assert time.monotonic() - begun < 8

    assert [proof.held for proof in proofs] == [Held.UNKNOWN]
