"""`Listener`: accepts connections on our ports, secures them, and gives each to a thread of its own.

The thread of a port does nothing but accept. Everything that may take time, or in which a peer may keep silent, happens in the connection's
own thread, under a deadline: the TLS handshake, the question to an OCSP responder, the association.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Protocol

import structlog

from node.domain.arrivals import Certificate
from node.errors import RefusedError, TemporaryError
from node.receive.connection import Connection
from node.receive.lobby import Lobby
from node.receive.seldom import Seldom
from node.tls import Credentials

log = structlog.get_logger()

BACKLOG = 512
DYING = 256
"""Threads of connections that were cut off and have not noticed yet, or whose peers are slow to close."""

BREATH_S = 0.05
"""After the machine had no file, no memory or no thread for one more connection."""

CLOSING_S = 5.0


class Service(Protocol):
    """What is done with a connection."""

    def serve(self, connection: socket.socket, host: str, port: int, certificate: Certificate | None) -> None:
        """Run one connection to its end, in the calling thread; raises nothing."""
        ...

    def stop(self) -> None:
        """From now on, connections on which nothing more comes are aborted."""
        ...


class Strangers(Protocol):
    """Hears of those who did not come so far as to name themselves."""

    def nameless(self, host: str, why: str) -> None:
        """A TLS connection from this address was turned away."""
        ...


@dataclass(frozen=True)
class Door:
    """Where to listen.

    Parameters
    ----------
    port : 0 takes a free one
    credentials : of a port that speaks TLS and asks for certificates; none for the plain one
    """

    host: str
    port: int
    credentials: Credentials | None = None


@dataclass(frozen=True)
class ListenerLimits:
    """How many connections there may be.

    Parameters
    ----------
    patience_s : from the connection to the association
    silent, silent_a_host : connections that have asked for nothing, in all and of one address
    associations : how many the admission lets in
    """

    patience_s: float = 5.0
    silent: int = 256
    silent_a_host: int = 64
    associations: int = 64


class Listener:
    """Listens from `start` to `stop`, on all doors.

    Parameters
    ----------
    lobby : whoever gives a connection its association says `asked` there
    """

    def __init__(self, doors: tuple[Door, ...], service: Service, lobby: Lobby, strangers: Strangers, limits: ListenerLimits) -> None:
        self._doors = doors
        self._service = service
        self._lobby = lobby
        self._strangers = strangers
        self._limits = limits
        self._slots = threading.BoundedSemaphore(limits.silent + limits.associations + DYING)
        self._stopping = threading.Event()
        self._listening: list[socket.socket] = []
        self._accepting: list[threading.Thread] = []
        self._open: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._seldom = Seldom()

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports, in the order of the doors."""
        return tuple(int(one.getsockname()[1]) for one in self._listening)

    def start(self) -> None:
        """Listen on every door, or on none.

        Raises
        ------
        TemporaryError : a port is taken, or the address is not ours
        """
        try:
            for door in self._doors:
                self._listening.append(_listen(door))
        except TemporaryError:
            for listening in self._listening:
                listening.close()
            self._listening.clear()
            raise
        work = [(self._accept, pair) for pair in zip(self._listening, self._doors, strict=True)]
        self._accepting = [threading.Thread(target=target, args=pair, name="accept", daemon=True) for target, pair in work]
        self._accepting.append(threading.Thread(target=self._lobby.watch, name="lobby", daemon=True))
        for thread in self._accepting:
            thread.start()

    def stop(self) -> None:
        """Let nobody in any more, abort the associations, and wait until all is quiet."""
        self._stopping.set()
        self._service.stop()
        for listening in self._listening:
            _shut(listening)
        self._lobby.close()
        for thread in self._accepting:
            thread.join()
        self._listening.clear()
        self._see_out(Connection.hush, CLOSING_S)
        self._see_out(Connection.cut, CLOSING_S)
        if self._open:
            log.error("connections did not end", connections=len(self._open))

    def _accept(self, listening: socket.socket, door: Door) -> None:
        while True:
            try:
                raw, address = listening.accept()
            except OSError as error:
                if self._stopping.is_set():
                    return
                if error.errno != errno.ECONNABORTED:
                    self._run_out(str(error.strerror))
                continue
            self._take(raw, address, door)

    def _take(self, raw: socket.socket, address: tuple[str, int], door: Door) -> None:
        while not self._slots.acquire(timeout=BREATH_S):
            if self._stopping.is_set():
                raw.close()
                return
            self._lobby.make_room()
        connection = Connection(raw, _plain(address[0]), address[1], patience_s=self._limits.patience_s)
        thread = threading.Thread(target=self._attend, args=(connection, door), name="connection", daemon=True)
        with self._lock:
            self._open[connection] = thread
        self._lobby.enter(connection)
        try:
            thread.start()
        except RuntimeError:
            self._end(connection)
            self._run_out("no thread to be had")

    def _attend(self, connection: Connection, door: Door) -> None:
        self._lobby.attend(connection)
        try:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            certificate = None
            if door.credentials is not None:
                certificate = door.credentials.caller(connection.secure(door.credentials.server()))
            connection.wait()
        except (OSError, RefusedError) as error:
            if door.credentials is not None and not self._stopping.is_set():
                self._turned_away(connection, error)
        else:
            self._service.serve(connection.socket, connection.host, connection.port, certificate)
        finally:
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        self._lobby.leave(connection)
        connection.close()
        with self._lock:
            del self._open[connection]
        self._slots.release()

    def _turned_away(self, connection: Connection, error: Exception) -> None:
        self._strangers.nameless(connection.host, _why(error))

    def _run_out(self, why: str) -> None:
        """The machine has no more for us: what is wasted on the silent is given back, and nobody spins."""
        if times := self._seldom.due("run out", why):
            log.error("a connection could not be taken", why=why, times=times)
        self._lobby.make_room()
        self._stopping.wait(BREATH_S)

    def _see_out(self, how: Callable[[Connection], None], patience_s: float) -> None:
        with self._lock:
            rest = dict(self._open)
        for connection in rest:
            how(connection)
        end = monotonic() + patience_s
        for thread in rest.values():
            thread.join(max(0.0, end - monotonic()))


def _listen(door: Door) -> socket.socket:
    try:
        family = socket.getaddrinfo(door.host, door.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        both = door.host == "::" and socket.has_dualstack_ipv6()  # all addresses of this machine, those of IPv4 too
        return socket.create_server((door.host, door.port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise TemporaryError(f"cannot listen on {door.host} port {door.port}: {error.strerror}") from error


def _shut(listening: socket.socket) -> None:
    listening.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
    listening.close()


def _plain(host: str) -> str:
    """An IPv4 address as such, also where it came in through an IPv6 socket."""
    address = ip_address(host.partition("%")[0])
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else host


def _why(error: Exception) -> str:
    reason = getattr(error, "verify_message", None) or getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error)
