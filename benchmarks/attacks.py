"""What hostile clients do at the doors of a receiver: each function is one of them, many times."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.raw import ABORT, associate_rq, half_an_image


@dataclass(frozen=True)
class Doors:
    """Where the receiver listens, and with what a client shows itself there."""

    plain: int
    tls: int
    certificate: Path
    key: Path
    trusted: Path
    revoked: None = None


def attacks(doors: Doors, connects: int) -> Sequence[tuple[str, int, Callable[[], None]]]:
    """Name, number of connections, and what is done."""
    some, few = connects // 10, connects // 50
    half = associate_rq()[:50]
    return (
        ("nothing at all", 0, lambda: time.sleep(3)),
        ("silent, plain", connects // 2, lambda: hold(doors.plain, connects // 2)),
        ("silent, TLS", connects // 2, lambda: hold(doors.tls, connects // 2)),
        ("connects, plain", connects, lambda: knock(doors.plain, connects)),
        ("connects, TLS", connects, lambda: knock(doors.tls, connects)),
        ("half a request", some, lambda: hold(doors.plain, some, half)),
        ("garbage, plain", some, lambda: knock(doors.plain, some, os.urandom(512))),
        ("garbage, TLS", some, lambda: knock(doors.tls, some, os.urandom(512))),
        ("half a TLS hello", some, lambda: hold(doors.tls, some, b"\x16\x03\x01\x02\x00\x01\x00")),
        ("a PDU of 4 GiB", some, lambda: hold(doors.plain, some, b"\x01\x00\xff\xff\xff\xff" + bytes(64))),
        ("a byte a second", few, lambda: loris(doors.plain, few)),
        ("no certificate", few, lambda: renounce(doors.tls, few)),
        ("wrong called title", some, lambda: knock(doors.plain, some, associate_rq(called="OTHER"))),
        ("unknown caller", some, lambda: knock(doors.plain, some, associate_rq(calling="STRANGER"))),
        ("ends mid-image", some, lambda: abort_midway(doors.plain, some)),
        ("a peer over its limit", few, lambda: crowd(doors.plain, few)),
    )


def connect(port: int) -> socket.socket:
    """A connection to this machine, from another address than that of the well-behaved."""
    return socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))


def say(connection: socket.socket, *pieces: bytes, pause_s: float = 0.0) -> None:
    """Send, and don't mind being cut off."""
    with suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)


def hold(port: int, number: int, said: bytes = b"") -> None:
    """So many connections that say this much and no more, all open at one time; as many at one time as this process may have files."""
    held = []
    for _ in range(number):
        with suppress(OSError):
            held.append(connect(port))
            say(held[-1], said)
    time.sleep(1.0)
    for connection in held:
        connection.close()


def knock(port: int, number: int, said: bytes = b"") -> None:
    """So many connections that say this much and go, one after the other."""
    for _ in range(number):
        with suppress(OSError), connect(port) as connection:
            say(connection, said)


def loris(port: int, number: int, *, seconds: float = 8.0) -> None:
    """So many connections that each say a byte a second of what could become a request."""
    held = [connect(port) for _ in range(number)]
    for byte in associate_rq()[: int(seconds)]:
        for connection in held:
            say(connection, bytes([byte]))
        time.sleep(1.0)
    for connection in held:
        connection.close()


def abort_midway(port: int, number: int) -> None:
    """So many associations of a peer that end in the midst of an image: by A-ABORT, by a reset, or by silence."""
    for turn in range(number):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as connection:
            say(connection, associate_rq(calling="CLUMSY"))
            connection.recv(4096)
            say(connection, half_an_image(), ABORT if turn % 2 else b"")


def crowd(port: int, number: int) -> None:
    """A peer that opens more associations than it may, and holds them."""
    held = []
    for _ in range(number):
        with suppress(OSError):
            held.append(socket.create_connection(("127.0.0.1", port), 10))
            say(held[-1], associate_rq(calling="CROWD"))
    time.sleep(3.0)
    for connection in held:
        connection.close()


def renounce(port: int, number: int) -> None:
    """So many TLS handshakes without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(number):
        with suppress(OSError), connect(port) as raw, context.wrap_socket(raw) as connection:
            connection.recv(1)
