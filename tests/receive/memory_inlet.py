"""An inlet in memory, a door that lets everybody in, and a port with our associations behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from node.domain.arrivals import Arriving, Caller, Notice, Rejection
from node.receive.association import AssociationService, AssociationSettings


@dataclass
class Coming:
    """One instance; what became of it."""

    arriving: Arriving
    inlet: MemoryInlet
    dataset: bytearray = field(default_factory=bytearray)
    state: str = "coming"

    def write(self, piece: memoryview) -> None:
        if self.inlet.failing == "write":
            raise OSError(28, "No space left on device")
        self.dataset += piece

    def keep(self) -> None:
        if self.inlet.failing == "keep":
            raise ValueError("something else")
        if self.state == "coming":
            self.state = "kept"

    def drop(self) -> None:
        if self.state == "coming":
            self.state = "dropped"


@dataclass
class MemoryInlet:
    """Remembers what it was told; fails where it is told to: "opened", "begin", "write", "keep", "notice", "closed"."""

    failing: str = ""
    callers: dict[str, Caller] = field(default_factory=dict)
    comings: list[Coming] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> list[Coming]:
        return [coming for coming in self.comings if coming.state == "kept"]

    def opened(self, association: str, caller: Caller) -> None:
        self._fail("opened")
        assert association not in self.callers
        self.callers[association] = caller

    def begin(self, arriving: Arriving) -> Coming:
        self._fail("begin")
        assert arriving.association in self.callers
        self.comings.append(Coming(arriving, self))
        return self.comings[-1]

    def notice(self, notice: Notice) -> None:
        self._fail("notice")
        assert notice.association in self.callers
        self.notices.append(notice)

    def closed(self, association: str, how: str) -> None:
        self._fail("closed")
        assert all(coming.state != "coming" for coming in self.comings if coming.arriving.association == association)
        self.ends[association] = how

    def _fail(self, step: str) -> None:
        if self.failing == step:
            raise OSError(28, "No space left on device")


@dataclass
class OpenDoor:
    """Lets everybody in but one, and counts."""

    inside: int = 0
    stranger: str = "STRANGER"

    def admit(self, caller: Caller) -> str | Rejection:
        if caller.calling_ae == self.stranger:
            return Rejection(1, 1, 3, "nobody knows it")
        self.inside += 1
        return "somebody"

    def left(self, peer: str) -> None:
        assert peer == "somebody"
        self.inside -= 1


@dataclass
class Port:
    """A listening port; each connection has a thread."""

    number: int
    inlet: MemoryInlet
    door: OpenDoor
    service: AssociationService
    threads: list[threading.Thread] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until every association has ended."""
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@contextmanager
def listening(**changes: object) -> Iterator[Port]:
    """A port on which our associations are served, for the time of the block."""
    settings = AssociationSettings(**{"ae_titles": ("EMBER", "EMBER2"), "handshake_timeout_s": 3.0, "idle_timeout_s": 3.0} | changes)
    inlet, door = MemoryInlet(), OpenDoor()
    service = AssociationService(settings, door, inlet)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = Port(listener.getsockname()[1], inlet, door, service)
    accepting = threading.Thread(target=_accept, args=(listener, port))
    accepting.start()
    try:
        yield port
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()
        port.settle()


def _accept(listener: socket.socket, port: Port) -> None:
    while True:
        try:
            connection, (host, number) = listener.accept()
        except OSError:
            return
        thread = threading.Thread(target=_serve, args=(connection, host, number, port))
        port.threads.append(thread)
        port.connections.append(connection)
        thread.start()


def _serve(connection: socket.socket, host: str, number: int, port: Port) -> None:
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port.service.serve(connection, host, number, None)
