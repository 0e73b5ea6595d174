"""The parser of multipart bodies: whatever the pieces, the same parts come out, and none is held."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import DataError
from node.multipart import (
    MAX_HEADER_BYTES,
    MAX_PADDING_BYTES,
    MAX_PREAMBLE_BYTES,
    Multipart,
    PartBegins,
    PartData,
    PartEnds,
)

BOUNDARY = "b-1"
LINE = b"\r\n--b-1"

Part = tuple[tuple[tuple[str, str], ...], bytes]

tricky = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"-", b"--", b"b-1", b"\r\n", b"\r\n-", b"\r\n--b", b"\r\n--b-1x", b"\r\n--b-1 x", b"\r\n--b-1-x", b"x", b"\0"]
    ),
    max_size=12,
).map(b"".join)
"""Data that begins many delimiters and holds none."""


def parts(pieces: Iterable[bytes], boundary: str = BOUNDARY) -> tuple[list[Part], bool]:
    """What comes out, and whether the last part ended."""
    parser, found, ended = Multipart(boundary), list[Part](), True
    for piece in pieces:
        for event in parser.feed(piece):
            match event:
                case PartBegins():
                    assert ended
                    found.append((event.headers, b""))
                    ended = False
                case PartData():
                    assert not ended
                    found[-1] = (found[-1][0], found[-1][1] + bytes(event.data))
                case PartEnds():
                    assert not ended
                    ended = True
    return found, ended and parser.ended


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[begin:end] for begin, end in pairwise(edges)]


PLACES = st.lists(st.integers(0, 1000), max_size=12)


def body_of(datas: list[bytes]) -> bytes:
    return b"".join(b"--b-1\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n" for data in datas) + b"--b-1--"


def is_whole(data: bytes) -> bool:
    """Whether data hold nothing that the grammar takes for a delimiter, alone or with the one that follows them."""
    found, ended = parts([body_of([data])])
    return ended and found[0][1] == data


@settings(max_examples=300, deadline=None)
@given(
    datas=st.lists(st.one_of(tricky, st.binary(max_size=60)), min_size=1, max_size=4), places=st.lists(st.integers(0, 1000), max_size=12)
)
def test_the_same_parts_come_out_whatever_the_pieces(datas: list[bytes], places: list[int]) -> None:
    body = body_of(datas)
    whole = parts([body])

    assert parts(cut(body, places)) == whole
    assert parts(bytes([byte]) for byte in body) == whole


@settings(max_examples=200, deadline=None)
@given(datas=st.lists(st.binary(max_size=200).filter(lambda data: b"--b-1" not in data), min_size=1, max_size=4))
def test_data_come_out_as_they_went_in(datas: list[bytes]) -> None:
    assert parts([body_of(datas)]) == ([((("content-type", "application/dicom"),), data) for data in datas], True)


@settings(max_examples=300, deadline=None)
@given(body=st.one_of(st.binary(max_size=300), tricky), places=st.lists(st.integers(0, 1000), max_size=6))
def test_any_bytes_at_all_end_in_parts_or_in_a_data_error(body: bytes, places: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> object:
        try:
            return parts([b"--b-1", *pieces])
        except DataError as error:
            return str(error)

    assert outcome(cut(body, places)) == outcome([body])


@pytest.mark.parametrize("near", [b"\r\n--b-1x", b"\r\n--b-1 x", b"\r\n--b-1-", b"\n--b-1--", b"--b-1--", b"\r\n--b-", b"\r\n\r\n--b-2--"])
def test_what_only_looks_like_a_delimiter_is_data(near: bytes) -> None:
    assert is_whole(b"a" + near + b"z")


def test_preamble_padding_and_epilogue_are_let_through() -> None:
    body = b"preamble\r\n--b-1 \t\r\n\r\nfirst" + LINE + b"\r\nA: b\r\nC-D:  e f \r\n\r\n" + LINE + b"--epilogue" + LINE + b"\r\n"

    assert parts([body]) == ([((), b"first"), ((("a", "b"), ("c-d", "e f")), b"")], True)


def test_nothing_is_held_but_the_beginning_of_a_delimiter() -> None:
    parser = Multipart(BOUNDARY)
    list(parser.feed(b"--b-1\r\n\r\n"))
    for piece in (bytes(2**20), b"\r\n--b-", b"2" * 2**20, b"\r\n" * 2**19):
        passed = sum(len(event.data) for event in parser.feed(piece) if isinstance(event, PartData))
        assert passed >= len(piece) - len(LINE)


@pytest.mark.parametrize(
    "body",
    [
        b"x" * (MAX_PREAMBLE_BYTES + 100),
        (LINE + b"x") * (MAX_PREAMBLE_BYTES // 8 + 2),
        b"--b-1\r\nA: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n",
        b"--b-1\r\nA: " + b"x" * MAX_HEADER_BYTES,
        b"--b-1\r\nno header\r\n\r\n",
        b"--b-1\r\nA\0: b\r\n\r\n",
        b"--b-1\r\nA: \xff\r\n\r\n",
        b"--b-1\r\n folded\r\n\r\n",
    ],
)
def test_what_goes_on_for_ever_or_is_no_header_is_told(body: bytes) -> None:
    with pytest.raises(DataError, match="multipart"):
        parts([body])


def test_padding_without_end_makes_no_delimiter() -> None:
    assert is_whole(LINE + b" " * (MAX_PADDING_BYTES + 1) + b"\r\n")


@pytest.mark.parametrize("body", [b"", b"--b-1", b"--b-1\r\n\r\ndata", b"--b-1\r\n\r\ndata\r\n--b-1-"])
def test_a_body_without_its_end_is_told(body: bytes) -> None:
    parser = Multipart(BOUNDARY)
    list(parser.feed(body))
    with pytest.raises(DataError, match="closing delimiter"):
        parser.close()


@pytest.mark.parametrize("boundary", ["", "x" * 201, "a\r\nb", "a\0b", "ä", "ends with space "])
def test_a_boundary_that_is_none_is_told(boundary: str) -> None:
    with pytest.raises(DataError, match="boundary"):
        Multipart(boundary)
