"""`HttpServer`: one way to ask a DICOMweb server: no redirects, no proxies, an end to every exchange, however slowly the other side talks.

The standard library's client instead of one of the friendlier ones, since a delivery must know whether anything of it has left, and must
be able to cut the line after a time.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from node.errors import TemporaryError

MAX_ANSWER_BYTES = 16 * 2**20
SLOWEST_BYTES_PER_S = 100_000
"""A request's body may take as long as at this rate, beyond the time-out."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750 2.1. The library names anything else in full in its complaint, which would be logged."""


class LostAnswerError(TemporaryError):
    """The request was handed over, as a whole or in part, and the answer is missing: the server may have acted on it or not."""


@dataclass(frozen=True)
class Answer:
    """What a server answered; `body` decoded by nobody."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Body:
    """What a request carries.

    Parameters
    ----------
    pieces : may be iterated once
    size : of all pieces together
    """

    content_type: str
    size: int
    pieces: Iterable[bytes]


class HttpServer:
    """A DICOMweb server.

    Parameters
    ----------
    name : the site's short name for it, for messages
    url : of the service, without ``/studies``
    token : a file that holds a bearer token, read for each request
    tls : how to speak TLS with it (`node.tls`); the system's own authorities where none is given
    timeout_s : to connect, and for each answer once the request is over there
    """

    def __init__(self, name: str, url: str, *, token: Path | None, tls: ssl.SSLContext | None, timeout_s: float) -> None:
        self._name = name
        self._url = urlsplit(url.rstrip("/"))
        self._token = token
        self._tls = tls
        self._timeout_s = timeout_s

    def __str__(self) -> str:
        return f"server {self._name} ({self._url.scheme}://{self._url.netloc.rpartition('@')[2]})"

    def get(self, path: str) -> Answer:
        """GET of JSON below the service's address; errors as `post`."""
        return self._exchange("GET", path, None)

    def post(self, path: str, body: Body) -> Answer:
        """POST below the service's address, answered in JSON.

        Raises
        ------
        TemporaryError : no connection, or no token in its file: nothing was handed over
        LostAnswerError : it was lost, or cut after the time that it may take, once something was
        """
        return self._exchange("POST", path, body)

    def _exchange(self, method: str, path: str, body: Body | None) -> Answer:
        headers = {"Accept": "application/dicom+json", "User-Agent": "ember", "Connection": "close", **self._authorization()}
        if body is not None:
            headers |= {"Content-Type": body.content_type, "Content-Length": str(body.size)}
        with self._connected() as connection, _ending(connection, self._patience_s(body)) as was_cut:
            try:
                connection.request(method, f"{self._url.path}{path}", None if body is None else iter(body.pieces), headers)
                answer = _answer(connection.getresponse())
                if was_cut.is_set():  # an answer that ends with its connection looks whole
                    raise TimeoutError(110, "too slow")
                return answer
            except (OSError, http.client.HTTPException) as error:
                early = _early_answer(connection) if isinstance(error, BrokenPipeError | ConnectionResetError) else None
                if early is not None:
                    return early
                raise LostAnswerError(f"{self} gave no whole answer: {_words(error)}") from error

    def _patience_s(self, body: Body | None) -> float:
        return 2 * self._timeout_s + (0 if body is None else body.size / SLOWEST_BYTES_PER_S)

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = self._tls or ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise TemporaryError(f"{self} unreachable: {_words(error)}") from error
        try:
            yield connection
        finally:
            connection.close()

    def _authorization(self) -> dict[str, str]:
        if self._token is None:
            return {}
        try:
            token = self._token.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TemporaryError(f"{self}: its token cannot be read from {self._token}") from error
        if _TOKEN.fullmatch(token) is None:
            raise TemporaryError(f"{self}: expected one bearer token in {self._token}, and nothing else; found other characters")
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def _ending(connection: http.client.HTTPConnection, seconds: float) -> Iterator[threading.Event]:
    """Cut the connection after a time, and tell so: a time-out of the socket alone begins anew with every byte."""
    line = connection.sock
    was_cut = threading.Event()

    def cut() -> None:
        was_cut.set()
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield was_cut
    finally:
        timer.cancel()


def _answer(response: http.client.HTTPResponse) -> Answer:
    body = response.read(MAX_ANSWER_BYTES)
    if response.length:  # the library tells of a body cut short only where it is read to its end
        raise http.client.IncompleteRead(b"", response.length)
    return Answer(response.status, response.getheader("Content-Type") or "", body)


def _early_answer(connection: http.client.HTTPConnection) -> Answer | None:
    """A server that refuses in the middle of a request answers, and then closes; the answer may still be read."""
    try:
        response = connection.response_class(connection.sock, method="POST")
        response.begin()
        return _answer(response) if response.status >= 400 else None
    except (OSError, http.client.HTTPException):
        return None


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
