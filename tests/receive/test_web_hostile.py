"""The web port among strangers, liars and the slow: others are served all the while."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path

import psutil
import pytest
import requests
import structlog
from authority import Authority
from memory_inlet import MemoryInlet
from network import STUDY, instance, wait_until, write
from web_site import HEADERS, WebSite, multipart, serving_web

from node.errors import SettingsError
from node.receive.dicomweb import server as server_module
from node.receive.dicomweb.tokens import Tokens, new_token, read_tokens
from node.tls import Credentials, server_context_without_callers

TYPE = HEADERS["Content-Type"]


def file_bytes(number: int = 0) -> bytes:
    buffer = BytesIO()
    instance(number).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that waits for a head less long."""
    monkeypatch.setattr(server_module, "HEAD_TIMEOUT_S", 0.4)


@pytest.fixture
def site(tmp_path: Path, hurried: None) -> Iterator[WebSite]:
    with serving_web(tmp_path, max_bytes=2**20, max_requests=4, idle_timeout_s=0.5) as site:
        yield site


def talk(site: WebSite, sent: bytes, *, patience_s: float = 5.0) -> bytes:
    """Send bytes and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=patience_s) as line:
        line.sendall(sent)
        return b"".join(iter(lambda: line.recv(65536), b""))


def status(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d+)", answer)
    return int(match[1]) if match else 0


def head(length: str = "Content-Length: 10", *, path: str = "/dicom-web/studies", host: str = "127.0.0.1") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {TYPE}\r\n{length}\r\n\r\n".encode()


def is_served(site: WebSite) -> bool:
    return requests.post(f"{site.url}/studies", data=multipart([file_bytes()]), headers=HEADERS, timeout=5).status_code == 200


HALF_HEADS = [b"", b"GET / HT", b"GET /dicom-web/studies HTTP/1.1\r\nHost: a\r\nX: "]


@pytest.mark.parametrize("sent", HALF_HEADS, ids=["silent", "half a line", "half a head"])
def test_who_sends_no_head_is_closed_and_others_are_served(site: WebSite, sent: bytes) -> None:
    with ExitStack() as lines:
        for _ in range(30):
            lines.enter_context(socket.create_connection(("127.0.0.1", site.port))).sendall(sent)
        assert is_served(site)
    with suppress(ConnectionResetError):
        assert talk(site, sent) == b""


def test_a_head_that_trickles_is_cut_off(site: WebSite) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.port), timeout=5) as line, pytest.raises(OSError):
        trickle(line, b"GET /dicom-web/studies HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 1000)
    assert time.monotonic() - begun < 4


def trickle(line: socket.socket, sent: bytes) -> None:
    for byte in sent:
        line.sendall(bytes([byte]))
        time.sleep(0.02)


def test_a_connection_that_stays_after_its_answer_is_closed(site: WebSite) -> None:
    answer = talk(site, b"GET /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    assert status(answer) == 200


def test_a_body_that_stops_is_answered_408_and_forgotten(site: WebSite) -> None:
    body = multipart([file_bytes(0), file_bytes(1)])
    answer = talk(site, head(f"Content-Length: {len(body)}") + body[:-300])

    assert status(answer) == 408
    assert [coming.state for coming in site.inlet.comings] == ["kept", "dropped"]
    assert b"00081199" in answer
    assert list(site.inlet.ends.values()) == ["lost"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (head(f"Content-Length: {2**40}"), 413),
        (head("Content-Length: -1"), 400),
        (head("Content-Length: 10\r\nContent-Length: 11"), 400),
        (head("Content-Length: ten"), 400),
        (head("Transfer-Encoding: chunked") + b"zz\r\n", 400),
        (head("Transfer-Encoding: chunked") + b"5\r\nab", 408),
        (head("X: " + "y" * 40000), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /dicom-web/studies HTTP/1.1\r\n\r\n", 400),
        (b"DELETE /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
        (b"GET /dicom-web/../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"GET /dicom-web/studies HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    ],
)
def test_what_is_no_request_of_ours_is_answered_and_over(site: WebSite, sent: bytes, expected: int) -> None:
    assert status(talk(site, sent)) == expected
    assert is_served(site)


def test_a_body_longer_than_the_site_lets_in_is_cut_off_and_what_was_whole_is_told(site: WebSite) -> None:
    small, large = file_bytes(), file_bytes(1) + bytes(2**21)
    body = multipart([small, large])
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    answer = requests.post(f"{site.url}/studies", data=pieces, headers=HEADERS, timeout=10)

    assert answer.status_code == 413
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert [coming.state for coming in site.inlet.comings] == ["kept", "dropped"]


def test_more_requests_at_a_time_than_allowed_are_sent_away(site: WebSite) -> None:
    with ExitStack() as lines:
        for _ in range(4):
            lines.enter_context(socket.create_connection(("127.0.0.1", site.port))).sendall(head("Content-Length: 1000"))
        wait_until(lambda: requests.get(f"{site.url}/studies", timeout=5).status_code == 503)
    wait_until(lambda: requests.get(f"{site.url}/studies", timeout=5).status_code == 200)


def test_one_caller_leaves_room_for_the_others(tmp_path: Path) -> None:
    tokens = {name: new_token(name) for name in ("greedy", "other")}
    (tmp_path / "tokens").write_text("".join(f"{line}\n" for _, line in tokens.values()))
    with serving_web(tmp_path, tokens=tmp_path / "tokens", max_requests=4) as site, ExitStack() as lines:

        def asked(name: str) -> int:
            return requests.get(f"{site.url}/studies", headers={"Authorization": f"Bearer {tokens[name][0]}"}, timeout=5).status_code

        for _ in range(2):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", site.port)))
            line.sendall(head(f"Content-Length: 1000\r\nAuthorization: Bearer {tokens['greedy'][0]}"))
        wait_until(lambda: asked("greedy") == 429)
        assert asked("other") == 200


def test_a_client_that_vanishes_leaves_nothing(site: WebSite) -> None:
    process = psutil.Process()
    body = multipart([file_bytes()])
    is_served(site)
    before = process.num_fds()
    for _ in range(40):
        with socket.create_connection(("127.0.0.1", site.port)) as line:
            line.sendall(head("Content-Length: 100000") + body[:-200])
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: process.num_fds() <= before + 2)
    wait_until(lambda: {coming.state for coming in site.inlet.comings[1:]} == {"dropped"})
    wait_until(lambda: site.inlet.ends.keys() == site.inlet.callers.keys())


def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "UNREAD_TIMEOUT_S", 1.0)
    large = [write(instance(number, size=2048), tmp_path / "outbox") for number in range(3)]
    with serving_web(tmp_path) as site, ExitStack() as lines:
        site.results.put("E00001/v1", large)
        for _ in range(6):
            line = lines.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", site.port))
            line.sendall(f"GET /dicom-web/studies/{STUDY} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        wait_until(lambda: site.connections > 0)
        assert is_served(site)
        wait_until(lambda: site.connections == 0, seconds=server_module.HEAD_TIMEOUT_S - 2)


def test_ten_thousand_tiny_parts_cost_no_more_than_their_bytes(tmp_path: Path) -> None:
    with serving_web(tmp_path) as site:
        body = multipart([b""] * 10_000)
        begun = time.process_time()
        answer = requests.post(f"{site.url}/studies", data=body, headers=HEADERS, timeout=30)
    assert answer.status_code == 409
    assert len(answer.json()["0008119A"]["Value"]) == 10_000
    assert time.process_time() - begun < 5


def test_no_patient_is_in_the_log_whatever_is_asked(site: WebSite) -> None:
    with structlog.testing.capture_logs() as entries:
        requests.get(f"{site.url}/studies?PatientName=Secret^Name", timeout=5)
        requests.get(f"{site.url}/studies/Secret^Name/metadata", timeout=5)
        requests.get(f"{site.url}/Secret^Name", timeout=5)
        requests.get(f"{site.url}/studies?Secret^Name=1", timeout=5)
        requests.get(f"{site.url}/studies/{STUDY}", timeout=5)
        is_served(site)

    assert "Secret" not in str(entries)
    assert "Phantom" not in str(entries)
    assert STUDY in [entry.get("study") for entry in entries]


@pytest.mark.parametrize("path", ["/studies", "/nothing", "/studies/1.2.3", "/studies/1.2.3/metadata"])
def test_every_answer_has_the_headers_that_keep_images_off_caches_and_pages(site: WebSite, path: str) -> None:
    answer = requests.get(site.url + path, timeout=5)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "server" not in answer.headers
    assert path not in answer.text or answer.status_code == 200


def test_strangers_get_a_401_before_their_body_is_read(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(new_token("mr3t")[1])
    with serving_web(tmp_path, tokens=tmp_path / "tokens", inlet=MemoryInlet()) as site:
        for value in ("", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "a" * 5000, "Bearer ü"):
            answer = requests.get(f"{site.url}/studies", headers={"Authorization": value.encode("latin-1")}, timeout=5)  # type: ignore[dict-item]
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert status(talk(site, head("Content-Length: 1000000\r\nExpect: 100-continue\r\nConnection: close"))) == 401


def test_tokens_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    (first, one), (second, two) = new_token("one"), new_token("two")
    file.write_text(f"# who may\n\n{one}\n")
    tokens = Tokens(file)
    assert tokens.caller(f"Bearer {first}") == "one"
    assert tokens.caller(f"bearer  {first}") == "one"
    assert tokens.caller(f"Bearer {second}") is None
    file.write_text(f"{two}\n")
    os.utime(file, ns=(1, 1))
    assert (tokens.caller(f"Bearer {first}"), tokens.caller(f"Bearer {second}")) == (None, "two")
    file.write_text("half a li")
    assert tokens.caller(f"Bearer {second}") == "two"
    file.unlink()
    assert tokens.caller(f"Bearer {second}") == "two"


ZEROS = "0" * 64


@pytest.mark.parametrize("line", ["name", "name 12", f"name {'g' * 64}", f"a name {ZEROS}", f"n\u00e4me {ZEROS}", f"{'x' * 17} {ZEROS}"])
def test_a_line_that_is_none_is_told_by_its_number_and_without_its_content(tmp_path: Path, line: str) -> None:
    (tmp_path / "tokens").write_text(f"# first\n{line}\n")
    with pytest.raises(SettingsError, match="line 2") as caught:
        read_tokens(tmp_path / "tokens")
    assert ZEROS not in str(caught.value)


def test_a_name_that_is_none_gets_no_token() -> None:
    with pytest.raises(SettingsError, match="name"):
        new_token("two words")


def test_a_client_that_is_silent_in_the_handshake_blocks_nobody_and_a_new_certificate_needs_no_restart(
    tmp_path: Path, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_TIMEOUT_S", 0.5)
    authority, other = Authority(tmp_path / "ca"), Authority(tmp_path / "other", "Other CA")
    files = authority.issue("node")
    credentials = Credentials(files, make=server_context_without_callers)
    with serving_web(tmp_path, tls=credentials.server) as site, ExitStack() as lines:
        silent = [lines.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=5)) for _ in range(20)]
        assert requests.get(f"{site.url}/studies", verify=str(authority.file), timeout=5).status_code == 200
        assert silent[0].recv(1) == b""
        renewed = other.issue("node")
        files.certificate.write_bytes(renewed.certificate.read_bytes())
        files.key.write_bytes(renewed.key.read_bytes())
        assert requests.get(f"{site.url}/studies", verify=str(other.file), timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{site.url}/studies", verify=str(authority.file), timeout=5)


def test_a_thousand_silent_connections_keep_nobody_out_and_do_not_outlast_their_time(site: WebSite) -> None:
    process = psutil.Process()
    before = process.num_fds()
    with ExitStack() as lines:
        for _ in range(1000):
            lines.enter_context(socket.create_connection(("127.0.0.1", site.port)))
        assert is_served(site)
    wait_until(lambda: process.num_fds() <= before + 2)
    assert threading.active_count() < 60
