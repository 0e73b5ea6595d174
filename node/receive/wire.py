"""One connection's bytes: read into one buffer that is used again and again, handed out as views into it.

A view is valid until the next call; whoever wants to keep it copies it. Memory does not grow with what is declared, only with what came.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ssl import SSLSocket
from struct import Struct
from time import monotonic

from node.receive.ending import AbortReason, lost

BUFFER_BYTES = 256 * 1024
"""Holds the largest PDU that we take, and the one after it as far as it has come."""

LINGER_S = 1.0
LINGER_BYTES = 1 << 20

_HEADER = Struct(">BxI")


class Wire:
    """Reads from and writes to a connected socket.

    Every method raises `AssociationEnd` ("lost") when the peer closes, when nothing comes for the time-out, and when what was asked for
    takes more than twice the time-out: a peer that sends a byte now and then keeps nothing open.

    Parameters
    ----------
    connection : a blocking socket, or an SSLSocket after its handshake
    timeout_s : for the first PDU; `restart` changes it
    """

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self._connection = connection
        self._view = memoryview(bytearray(BUFFER_BYTES))
        self._start = self._end = 0
        self._deadline = monotonic() + timeout_s
        self.set_timeout(timeout_s)

    def set_timeout(self, timeout_s: float) -> None:
        """Wait so long for the next bytes from now on."""
        self._timeout_s = timeout_s
        try:
            self._connection.settimeout(timeout_s)
        except OSError as error:
            raise lost(f"connection broke: {error.strerror or error}") from None

    def header(self) -> tuple[int, int]:
        """Type and length of the next PDU (PS3.8 9.3.1); it must be complete before its deadline."""
        kind, length = _HEADER.unpack(self.take(_HEADER.size))
        return kind, length

    def restart(self) -> None:
        """A PDU is awaited from now on."""
        self._deadline = monotonic() + 2 * self._timeout_s

    def take(self, size: int) -> memoryview:
        """The next `size` bytes in one piece; no more than the buffer holds."""
        while self._end - self._start < size:
            self._receive()
        self._start += size
        return self._view[self._start - size : self._start]

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next `size` bytes, as they come."""
        while size:
            if self._start == self._end:
                self._receive()
            piece = self._view[self._start : min(self._end, self._start + size)]
            self._start += len(piece)
            size -= len(piece)
            yield piece

    def whole(self, size: int) -> bytes:
        """The next `size` bytes, copied."""
        return b"".join(bytes(piece) for piece in self.pieces(size))

    def send(self, encoded: bytes) -> None:
        """Write all of it."""
        try:
            self._connection.sendall(encoded)
        except TimeoutError:
            raise lost(f"took no answer for {self._timeout_s:g} s", AbortReason.NOT_SPECIFIED) from None
        except OSError as error:
            raise lost(f"could not be answered: {error.strerror or error}") from None

    def finish(self, farewell: bytes = b"") -> None:
        """Send the last bytes, and let them arrive.

        A socket that is closed while unread bytes lie in it is reset, and the peer never sees why. What still comes is thrown away, for
        a second at most (PS3.8 9.2, Sta13).
        """
        with suppress(OSError):
            self._connection.settimeout(LINGER_S)
            if farewell:
                self._connection.sendall(farewell)
            if isinstance(self._connection, SSLSocket):
                self._connection.unwrap()  # TLS has a farewell of its own, without which an end may have been forged
            else:
                self._connection.shutdown(socket.SHUT_WR)
            deadline, left = monotonic() + LINGER_S, LINGER_BYTES
            while left > 0 and monotonic() < deadline and (count := self._connection.recv_into(self._view)):
                left -= count

    def _receive(self) -> None:
        """More bytes behind those that are there; at least one."""
        self._make_room()
        try:
            count = self._connection.recv_into(self._view[self._end :])
        except TimeoutError:
            raise lost(f"sent nothing for {self._timeout_s:g} s", AbortReason.NOT_SPECIFIED) from None
        except OSError as error:
            raise lost(f"connection broke: {error.strerror or error}") from None
        if count == 0:
            raise lost("closed the connection")
        self._end += count
        if monotonic() > self._deadline:
            raise lost("sends too slowly", AbortReason.NOT_SPECIFIED)

    def _make_room(self) -> None:
        if self._start == self._end:
            self._start = self._end = 0
        elif self._end == len(self._view):
            left = bytes(self._view[self._start : self._end])  # a copy, since the two may overlap
            self._start, self._end = 0, len(left)
            self._view[: self._end] = left
