"""Our web port on this machine, with an inlet in memory and results that a test puts there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Any

from memory_inlet import MemoryInlet
from network import wait_until
from pydicom import dcmread

from node.domain.shown import Shown
from node.receive.dicomweb.index import ResultIndex
from node.receive.dicomweb.media import DICOM
from node.receive.dicomweb.qido import Qido
from node.receive.dicomweb.server import WebAddress, WebServer
from node.receive.dicomweb.service import BASE, service
from node.receive.dicomweb.stow import Stow
from node.receive.dicomweb.tokens import Tokens
from node.receive.dicomweb.wado import Wado


@dataclass
class MadeResults:
    """Results by the name of their version."""

    held: dict[str, tuple[Shown, ...]] = field(default_factory=dict)

    def put(self, version: str, paths: Sequence[Path]) -> None:
        self.held[version] = tuple(map(shown, paths))

    def versions(self) -> frozenset[str]:
        return frozenset(self.held)

    def objects(self, version: str) -> tuple[Shown, ...]:
        return self.held.get(version, ())


def shown(path: Path) -> Shown:
    meta = dcmread(path, stop_before_pixels=True).file_meta
    return Shown(str(meta.MediaStorageSOPInstanceUID), str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID), path)


@dataclass
class WebSite:
    """A port that listens."""

    port: int
    inlet: Any
    results: MadeResults
    index: ResultIndex
    server: WebServer
    scheme: str = "http"

    @property
    def connections(self) -> int:
        """How many it holds."""
        return len(self.server._server.server_state.connections)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{BASE}"


@contextmanager
def serving_web(
    folder: Path,
    *,
    inlet: Any = None,
    tokens: Path | None = None,
    max_bytes: int = 2**24,
    max_requests: int = 8,
    idle_timeout_s: float = 5.0,
    tls: Callable[[], SSLContext] | None = None,
) -> Iterator[WebSite]:
    """The whole service at work, for the time of the block."""
    inlet, results = inlet or MemoryInlet(), MadeResults()
    index = ResultIndex(folder / "web" / "index.db", results)
    stow = Stow(inlet, "EMBER", max_bytes, idle_timeout_s)
    application = service(stow, Qido(index, BASE), Wado(index, BASE), Tokens(tokens), max_requests=max_requests)
    server = WebServer(application, WebAddress("127.0.0.1", 0), tls=tls)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.port > 0)
        yield WebSite(server.port, inlet, results, index, server, "http" if tls is None else "https")
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def multipart(files: Sequence[bytes], boundary: str = "abc", kind: str | None = DICOM) -> bytes:
    """A multipart body, written by hand."""
    head = b"" if kind is None else f"Content-Type: {kind}\r\n".encode()
    parts = [b"--" + boundary.encode() + b"\r\n" + head + b"\r\n" + file + b"\r\n" for file in files]
    return b"".join(parts) + b"--" + boundary.encode() + b"--\r\n"


HEADERS = {"Content-Type": f'multipart/related; type="{DICOM}"; boundary=abc', "Accept": "application/dicom+json"}
