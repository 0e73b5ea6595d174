"""The parts of a multipart/related answer (RFC 2387), read as they are asked for: never a whole part in memory."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from typing import Protocol

from node.errors import DataError, TemporaryError
from node.multipart import Event, Multipart, PartBegins, PartData

PIECE_BYTES = 1 << 18


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
    """The bodies of the parts, each as pieces that are valid until the next is asked for. Read a part to its end before the next one.

    Raises
    ------
    TemporaryError : it is no multipart body, or the stream ends in the middle of a part
    """
    events = _events(stream, boundary)
    for event in events:
        if isinstance(event, PartBegins):
            yield _body(events)


def _body(events: Iterator[Event]) -> Iterator[memoryview]:
    for event in events:
        if not isinstance(event, PartData):
            return
        yield event.data


def _events(stream: Readable, boundary: str) -> Iterator[Event]:
    try:
        body = Multipart(boundary)
        while not body.ended:
            piece = stream.read(PIECE_BYTES)
            if not piece:
                raise TemporaryError("the answer was cut off in the middle of a part")
            yield from body.feed(piece)
    except DataError as error:
        raise TemporaryError(str(error)) from error
