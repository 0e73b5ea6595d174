"""`Connection`: one accepted TCP connection, and the one place where its socket is secured, cut and closed."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from time import monotonic


class Connection:
    """A connection, worked on by its own thread; `cut` and `hush` may be called by any other.

    Parameters
    ----------
    raw : as accepted
    patience_s : until when it must have asked for an association
    """

    def __init__(self, raw: socket.socket, host: str, port: int, *, patience_s: float) -> None:
        self.host = host
        self.port = port
        self.since = monotonic()
        self.deadline = self.since + patience_s
        self._lock = threading.Lock()
        self._socket = raw
        raw.settimeout(patience_s)

    @property
    def socket(self) -> socket.socket:
        """The socket to speak on: the TLS one after `secure`."""
        return self._socket

    def secure(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Shake hands, until the deadline.

        Raises
        ------
        OSError : the peer does not, or not so that it may come in
        """
        with self._lock:
            secured = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            self._socket = secured
        secured.settimeout(max(0.01, self.deadline - monotonic()))
        secured.do_handshake()
        return secured

    def wait(self) -> None:
        """Until the peer says something, or is cut off: a silent one costs no more than its thread."""
        if not isinstance(self._socket, ssl.SSLSocket):
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.poll(1000 * max(0.0, self.deadline - monotonic()))

    def cut(self) -> None:
        """End both directions, so that its thread wakes and ends; what the peer still sends is lost."""
        self._shut(socket.SHUT_RDWR)

    def hush(self) -> None:
        """Let nothing more come in, so that its thread wakes and ends, and can still be spoken to."""
        self._shut(socket.SHUT_RD)

    def close(self) -> None:
        """Give the socket back; a peer on TLS is told that nothing follows, without waiting for its own farewell."""
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self._socket.settimeout(0)
                self._socket.unwrap()
        with self._lock:
            self._socket.close()

    def _shut(self, how: int) -> None:
        # Of the plain socket: the method of the TLS one takes its state away from under the thread that reads.
        with self._lock, suppress(OSError):
            socket.socket.shutdown(self._socket, how)
