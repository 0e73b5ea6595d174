"""One way to ask a DICOMweb service: GET without redirects and proxies, with a time-out for each piece; and QIDO-RS (PS3.18 10.6).

A redirect is refused, because it would carry the bearer token to another machine; so is a proxy from the environment, because a hospital's
images do not leave its network by a variable that someone set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from time import monotonic
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from pydicom.dataset import Dataset

from node.errors import DataError, NodeError, RefusedError, TemporaryError
from node.retrieve.source import WebPeer

LARGEST_ANSWER = 64 << 20
"""Bytes of JSON that are read of one answer."""

WINDOW_S = 60.0
SLOWEST_BYTES = 64 << 10
"""A service that gives less than this in a window is cut off: one byte a second would hold everybody else up for days."""

_JSON = "application/dicom+json"
_PIECE = 1 << 18
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be another the next time."""


class _Stay(HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: object) -> None:
        return None


class Answer:
    """The body of an answer, read in pieces as they come."""

    def __init__(self, peer: WebPeer, answer: HTTPResponse) -> None:
        self._peer = peer
        self._answer = answer
        self._begun, self._bytes = monotonic(), 0
        self.content_type = answer.headers.get("Content-Type", "")

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end.

        Raises
        ------
        TemporaryError : they come too slowly
        """
        piece = self._answer.read1(size)
        self._bytes += len(piece)
        if piece and monotonic() - self._begun > WINDOW_S:
            if self._bytes < SLOWEST_BYTES:
                raise TemporaryError(f"{self._peer} gives {self._bytes} bytes in {WINDOW_S:g} s: cut off")
            self._begun, self._bytes = monotonic(), 0
        return piece


@contextmanager
def get(peer: WebPeer, path: str, *, accept: str) -> Iterator[Answer]:
    """One answer with status 200 or 204, to be read in pieces.

    Raises
    ------
    RefusedError : a status that stays
    TemporaryError : unreachable, no answer in time, cut off, or a status that may pass
    """
    headers = {"Accept": accept} | ({"Authorization": f"Bearer {peer.token}"} if peer.token else {})
    opener = build_opener(ProxyHandler({}), _Stay(), HTTPSHandler(context=peer.tls))
    try:
        with opener.open(Request(f"{peer.url.rstrip('/')}/{path}", headers=headers), timeout=peer.timeout_s) as answer:
            yield Answer(peer, answer)
    except HTTPError as error:
        error.close()
        raise _failure(peer, error.code) from None
    except NodeError:
        raise
    except (OSError, HTTPException) as error:
        raise TemporaryError(f"{peer} unreachable or cut off: {type(error).__name__}") from error


def search(peer: WebPeer, path: str, matching: dict[str, str], returned: tuple[str, ...], *, limit: int) -> list[Dataset]:
    """The answers to one question by QIDO-RS.

    Raises
    ------
    DataError : more answers than `limit`
    RefusedError, TemporaryError : see `get`; TemporaryError too where the answer cannot be read
    """
    wanted = [(keyword, value) for keyword, value in matching.items() if value]
    wanted += [("includefield", keyword) for keyword in returned if keyword not in matching]
    with get(peer, f"{path}?{urlencode([*wanted, ('limit', str(limit + 1))], quote_via=quote)}", accept=_JSON) as answer:
        text = bytearray()
        while len(text) <= LARGEST_ANSWER and (piece := answer.read(_PIECE)):
            text += piece
    found = _datasets(peer, bytes(text)) if len(text) <= LARGEST_ANSWER else []
    if len(found) > limit or len(text) > LARGEST_ANSWER:
        raise DataError(f"{peer} has more than {limit} answers to one question: expected fewer")
    return found


def _datasets(peer: WebPeer, text: bytes) -> list[Dataset]:
    try:
        return [Dataset.from_json(item) for item in json.loads(text or b"[]")]
    except Exception as error:
        raise TemporaryError(f"{peer} answered with what is no DICOM JSON: {type(error).__name__}") from error


def _failure(peer: WebPeer, status: int) -> NodeError:
    kind = TemporaryError if status in _PASSING else RefusedError
    return kind(f"{peer} answered with HTTP status {status}")
