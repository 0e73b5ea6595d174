"""By TLS to peers that nobody here wrote, and what is said where the handshake fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from authority import Authority, Files
from network import instance, write
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom.presentation import build_context

from benchmarks.peers import command, free_port
from node.dimse import Peer, associate, echo
from node.errors import NodeError, TemporaryError
from node.tls import client_context

MR = [build_context(MRImageStorage, ExplicitVRLittleEndian)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def node(authority: Authority) -> Files:
    return authority.issue("node")


def peer(port: int, files: Files, *, called: str = "PACS") -> Peer:
    return Peer("pacs", "127.0.0.1", port, called, "EMBER", connect_timeout_s=5, answer_timeout_s=5, tls=client_context(files))


@contextmanager
def running(port: int, *words: str) -> Iterator[None]:
    """A program that listens, for the time of the block."""
    process = subprocess.Popen(words, env={**os.environ, "TCP_NODELAY": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "it does not listen"
            time.sleep(0.05)
        else:
            return


@contextmanager
def storescp(files: Files, folder: Path, *words: str) -> Iterator[int]:
    """DCMTK's receiver, which asks for a certificate."""
    folder.mkdir()
    port = free_port()
    shown = ("+tls", str(files.key), str(files.certificate), "+cf", str(files.trusted), "-rc", *words)
    with running(port, command("storescp"), *shown, "-aet", "PACS", "-od", str(folder), str(port)):
        yield port


@pytest.mark.peer("storescp")
def test_dcmtk_takes_an_image_by_tls(authority: Authority, node: Files, tmp_path: Path) -> None:
    with storescp(authority.issue("pacs"), tmp_path / "kept") as port, associate(peer(port, node), MR) as association:
        status = association.send_c_store(write(instance(), tmp_path / "sent")).Status

    assert status == 0x0000
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.peer("storescp")
def test_a_peer_that_is_not_the_one_we_called_gets_nothing_and_that_is_told(authority: Authority, node: Files, tmp_path: Path) -> None:
    other = authority.issue("other", host="other.hospital.example")
    with (
        storescp(other, tmp_path / "kept") as port,
        pytest.raises(TemporaryError, match="its certificate was not taken: IP address mismatch"),
    ):
        echo(peer(port, node))

    stranger = Authority(tmp_path / "foreign", "Foreign CA").issue("pacs")
    with storescp(stranger, tmp_path / "too") as port, pytest.raises(TemporaryError, match="its certificate was not taken: self-signed"):
        echo(peer(port, node))


@pytest.mark.peer("storescp")
def test_a_peer_that_does_not_take_our_certificate_is_told_as_that(authority: Authority, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "foreign", "Foreign CA").issue("node")
    ours = Files(foreign.certificate, foreign.key, authority.file)
    with storescp(authority.issue("pacs"), tmp_path / "kept") as port, pytest.raises(TemporaryError, match=r"TLS failed: .*UNKNOWN_CA"):
        echo(peer(port, ours))


def test_a_peer_that_speaks_no_tls_is_told_as_that(node: Files) -> None:
    def speak_http() -> None:
        for _ in range(2):  # to the library that connects, and to the question why it could not
            with deaf.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        speaking = threading.Thread(target=speak_http)
        speaking.start()
        with pytest.raises(TemporaryError, match="TLS failed: WRONG_VERSION_NUMBER"):
            echo(peer(deaf.getsockname()[1], node))
        speaking.join()


@pytest.mark.peer("Orthanc")
def test_orthanc_is_spoken_to_by_tls(authority: Authority, node: Files, tmp_path: Path) -> None:
    files, port = authority.issue("orthanc"), free_port()
    settings = {
        "StorageDirectory": str(tmp_path / "storage"),
        "IndexDirectory": str(tmp_path / "storage"),
        "HttpServerEnabled": False,
        "DicomAet": "PACS",
        "DicomPort": port,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(files.certificate),
        "DicomTlsPrivateKey": str(files.key),
        "DicomTlsTrustedCertificates": str(files.trusted),
        "DicomTlsRemoteCertificateRequired": True,
    }
    file = tmp_path / "orthanc.json"
    file.write_text(json.dumps(settings))
    with running(port, command("Orthanc"), str(file)):
        assert echo(peer(port, node)).status == 0x0000
        with associate(peer(port, node), MR) as association:
            assert association.send_c_store(write(instance(), tmp_path / "sent")).Status == 0x0000
        stranger = Authority(tmp_path / "foreign", "Foreign CA").issue("node")
        with pytest.raises(NodeError):
            echo(peer(port, Files(stranger.certificate, stranger.key, authority.file)))
