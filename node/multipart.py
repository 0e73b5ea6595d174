"""`Multipart`: a multipart body (RFC 2046 5.1) taken apart while it comes in, whatever the pieces in which it comes.

No part is ever held: of a part's data only so much stays here as could be the beginning of the next delimiter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from node.errors import DataError

MAX_HEADER_BYTES = 8192
"""Of one part's headers together. What we read of them is one line."""

MAX_PREAMBLE_BYTES = 65536
MAX_PADDING_BYTES = 64
"""White space after a delimiter ("transport padding"), which the grammar allows and nobody sends."""

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,199}[0-9A-Za-z'()+_,\-./:=?]")
"""RFC 2046 allows 70 characters; Orthanc's DICOMweb plugin sends 73."""
_HEADER = re.compile(rb"([!#-'*+\-.0-9A-Z^-z|~]+):[ \t]*([ -~\t]*)")
_BREAK = b"\r\n"


@dataclass(frozen=True)
class PartBegins:
    """A part's headers, names in lower case."""

    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The value of a header; None where it is not there."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True)
class PartData:
    """The next bytes of a part; valid until the next event is asked for."""

    data: memoryview


class PartEnds:
    """A part has ended, with its delimiter."""


Event = PartBegins | PartData | PartEnds


class _At(Enum):
    PREAMBLE = 0
    DELIMITER = 1
    HEADERS = 2
    DATA = 3
    EPILOGUE = 4


class Multipart:
    """Takes one body apart.

    Parameters
    ----------
    boundary : as the Content-Type says it, without the leading hyphens

    Raises
    ------
    DataError : it is no boundary (RFC 2046 5.1.1)

    Notes
    -----
    A line that begins with the boundary and goes on with other characters is data, as the grammar has it; the prose of the RFC leaves both
    open, and to end an image in its middle is the worse mistake.
    """

    def __init__(self, boundary: str) -> None:
        if _BOUNDARY.fullmatch(boundary) is None:
            raise DataError("multipart: the boundary is not 1 to 200 of the characters that RFC 2046 allows")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # As if a line had ended before the body, so that the first delimiter looks like all others.
        self._held = _BREAK
        self._place = 0
        self._at = _At.PREAMBLE
        self._back = _At.PREAMBLE
        self._skipped = 0

    @property
    def ended(self) -> bool:
        """Whether the closing delimiter has come."""
        return self._at is _At.EPILOGUE

    def feed(self, piece: bytes) -> Iterator[Event]:
        """What the next piece of the body brings. To be exhausted before the next piece is given.

        Raises
        ------
        DataError : headers that are none, or too long; a preamble that is too long
        """
        self._held = self._held[self._place :] + piece
        self._place = 0
        while not self.ended:
            before = (self._at, self._place)
            yield from self._step()
            if (self._at, self._place) == before:
                return
        self._held = b""

    def close(self) -> None:
        """The body has ended.

        Raises
        ------
        DataError : without the closing delimiter
        """
        if not self.ended:
            raise DataError("multipart: the body ended before its closing delimiter")

    def _step(self) -> Iterator[Event]:
        match self._at:
            case _At.PREAMBLE:
                self._skip(self._to_delimiter())
            case _At.DELIMITER:
                yield from self._read_delimiter()
            case _At.HEADERS:
                yield from self._read_headers()
            case _At.DATA:
                data = self._to_delimiter()
                if data:
                    yield PartData(data)

    def _to_delimiter(self) -> memoryview:
        """What comes before the next delimiter, or before what may become one."""
        begin, end = self._place, self._held.find(self._delimiter, self._place)
        if end >= 0:
            self._back, self._at = self._at, _At.DELIMITER
        else:
            end = _possible_start(self._held, begin, self._delimiter)
        self._place = end
        return memoryview(self._held)[begin:end]

    def _skip(self, data: memoryview) -> None:
        self._skipped += len(data)
        if self._skipped > MAX_PREAMBLE_BYTES:
            raise DataError(f"multipart: no delimiter within {MAX_PREAMBLE_BYTES} bytes")

    def _read_delimiter(self) -> Iterator[Event]:
        """After the boundary: two hyphens close the body, white space and a line break begin a part; else it is no delimiter."""
        begin = self._place + len(self._delimiter)
        rest = self._held[begin : begin + MAX_PADDING_BYTES + 2]
        padding = len(rest) - len(rest.lstrip(b" \t"))
        after = rest[padding : padding + 2]
        if rest.startswith(b"--") or after == _BREAK:
            self._at = _At.EPILOGUE if rest.startswith(b"--") else _At.HEADERS
            self._place = begin + padding
            if self._back is _At.DATA:
                yield PartEnds()
        elif padding > MAX_PADDING_BYTES or not (_BREAK.startswith(after) or rest == b"-"):
            yield from self._no_delimiter_after_all(begin)

    def _no_delimiter_after_all(self, end: int) -> Iterator[Event]:
        data = memoryview(self._held)[self._place : end]
        self._at, self._place = self._back, end
        if self._at is _At.DATA:
            yield PartData(data)
        else:
            self._skip(data)

    def _read_headers(self) -> Iterator[Event]:
        """The held bytes begin with the line break of the delimiter, so that no headers at all are two line breaks, too."""
        end = self._held.find(_BREAK + _BREAK, self._place, self._place + MAX_HEADER_BYTES)
        if end < 0 and len(self._held) - self._place >= MAX_HEADER_BYTES:
            raise DataError(f"multipart: more than {MAX_HEADER_BYTES} bytes of headers in a part")
        if end < 0:
            return
        lines = self._held[self._place + 2 : end].split(_BREAK) if end > self._place else []
        self._at, self._place = _At.DATA, end + 4
        yield PartBegins(tuple(_header(line) for line in lines))


def _possible_start(held: bytes, begin: int, delimiter: bytes) -> int:
    """Where the end of `held` may begin a delimiter; its length where it cannot."""
    at = held.find(b"\r", max(begin, len(held) - len(delimiter) + 1))
    while at >= 0 and not delimiter.startswith(held[at:]):
        at = held.find(b"\r", at + 1)
    return at if at >= 0 else len(held)


def _header(line: bytes) -> tuple[str, str]:
    match = _HEADER.fullmatch(line)
    if match is None:
        raise DataError("multipart: a line among a part's headers is none")
    return match[1].decode("ascii").lower(), match[2].decode("ascii").strip()
