"""A DICOMweb server that answers as a test tells it to, written with the standard library alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from ssl import SSLContext
from typing import Any

from pydicom import dcmread

Reply = tuple[int, bytes]


class ScriptedServer:
    """What it was asked, and what it answers.

    `refuse` names the failure reason of an instance (0: stored); `whole` answers a request as a whole, before anything else is looked at.
    `known` are the instances that QIDO-RS tells of.
    """

    def __init__(self) -> None:
        self.refuse: Callable[[str], int] = lambda uid: 0
        self.whole: Callable[[list[str]], Reply | None] = lambda uids: None
        self.search: Callable[[str], Reply | None] = lambda path: None
        self.known: set[str] = set()
        self.posted: list[list[tuple[str, bytes]]] = []
        self.searched: list[str] = []
        self.headers: list[dict[str, str]] = []

    @property
    def uids(self) -> list[list[str]]:
        """The instances of each request."""
        return [[uid for uid, _ in request] for request in self.posted]

    def store(self, content_type: str, body: bytes) -> Reply:
        files = _parts(content_type, body)
        uids = [str(dcmread(BytesIO(file)).SOPInstanceUID) for file in files]
        self.posted.append(list(zip(uids, files, strict=True)))
        whole = self.whole(uids)
        if whole is not None:
            return whole
        reasons = {uid: self.refuse(uid) for uid in uids}
        self.known |= {uid for uid, reason in reasons.items() if not reason}
        told = stow_answer([uid for uid in uids if not reasons[uid]], {uid: reason for uid, reason in reasons.items() if reason})
        failures = sum(map(bool, reasons.values()))
        return (200 if not failures else 409 if failures == len(uids) else 202), told

    def find(self, path: str) -> Reply:
        self.searched.append(path)
        scripted = self.search(path)
        if scripted is not None:
            return scripted
        asked = path.partition("SOPInstanceUID=")[2]
        return 200, json.dumps([{"00080018": {"vr": "UI", "Value": [uid]}} for uid in sorted(self.known) if asked in ("", uid)]).encode()


def stow_answer(stored: list[str], failed: dict[str, int]) -> bytes:
    """The body of an answer to STOW-RS."""
    told: dict[str, Any] = {"00081190": {"vr": "UR"}}
    told["00081199"] = {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in stored]}
    told["00081198"] = {
        "vr": "SQ",
        "Value": [{"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [why]}} for uid, why in failed.items()],
    }
    return json.dumps(told).encode()


@contextmanager
def serving_http(server: ScriptedServer, tls: SSLContext | None = None) -> Iterator[str]:
    """The server at work; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.headers.append(dict(self.headers))
            self._reply(*server.store(self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            server.headers.append(dict(self.headers))
            self._reply(*server.find(self.path))

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(body)))
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{listener.server_address[1]}/dicom-web"
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _parts(content_type: str, body: bytes) -> list[bytes]:
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    boundary = message.get_boundary()
    assert boundary is not None
    pieces = body.split(f"--{boundary}".encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    return [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces[1:-1]]
