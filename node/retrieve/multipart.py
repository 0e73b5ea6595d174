"""A multipart/related answer (RFC 2387) as a stream: the bytes of each part in pieces, never a whole part in memory."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from typing import Protocol

from node.errors import TemporaryError

PIECE_BYTES = 1 << 18
LONGEST_PREAMBLE = 1 << 16
"""Bytes of headers of a part, or of whatever stands before the first."""


class Readable(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...


def boundary_of(content_type: str) -> str:
    """The boundary that an answer names.

    Raises
    ------
    TemporaryError : it is no multipart answer
    """
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_maintype() != "multipart" or not isinstance(boundary, str) or not boundary:
        raise TemporaryError("expected an answer of content type multipart/related with a boundary; found another")
    return boundary


def parts(stream: Readable, boundary: str) -> Iterator[Iterator[memoryview]]:
    """The bodies of the parts, each as pieces. A part must be read to its end before the next one.

    Raises
    ------
    TemporaryError : the stream ends in the middle of a part
    """
    reader = _Reader(stream, b"\r\n--" + boundary.encode("latin-1"))
    while reader.to_next_part():
        yield reader.body()


class _Reader:
    """Holds what was read and not given out yet; the first boundary may stand without the line break before it."""

    def __init__(self, stream: Readable, delimiter: bytes) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._held = bytearray(b"\r\n")

    def to_next_part(self) -> bool:
        """To the beginning of the next body; False after the last one."""
        self._skip_past(self._delimiter)
        while len(self._held) < 2:
            self._more()
        if self._held.startswith(b"--"):
            return False
        self._skip_past(b"\r\n\r\n")  # of headers, or, where there are none, the boundary's line break and an empty line
        return True

    def body(self) -> Iterator[memoryview]:
        """The pieces of a body; afterwards the boundary that ended it stands first."""
        keep = len(self._delimiter) - 1
        while True:
            at = self._held.find(self._delimiter)
            end = at if at >= 0 else max(0, len(self._held) - keep)
            if end:
                piece = bytes(self._held[:end])
                del self._held[:end]
                yield memoryview(piece)
            if at >= 0:
                return
            self._more()

    def _skip_past(self, mark: bytes) -> None:
        while (at := self._held.find(mark)) < 0:
            if len(self._held) > LONGEST_PREAMBLE:
                raise TemporaryError(f"expected the next part of an answer within {LONGEST_PREAMBLE} bytes; found none")
            self._more()
        del self._held[: at + len(mark)]

    def _more(self) -> None:
        piece = self._stream.read(PIECE_BYTES)
        if not piece:
            raise TemporaryError("the answer was cut off in the middle of a part")
        self._held += piece
