"""Media types as HTTP names them."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.receive.dicomweb.media import Media, accepted, accepts_part, media_type, takes_syntax

ELE, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"


@pytest.mark.parametrize(
    ("text", "kind", "parameters"),
    [
        ("application/dicom", "application/dicom", {}),
        ('Multipart/Related; Type="application/dicom"; boundary=a', "multipart/related", {"type": "application/dicom", "boundary": "a"}),
        ("multipart/related;type=application/dicom;boundary=a", "multipart/related", {"type": "application/dicom", "boundary": "a"}),
        ('a/b; c="d;e,\\"f"; g = h ;', "a/b", {"c": 'd;e,"f', "g": "h"}),
        ("*/*;q=0.5", "*/*", {"q": "0.5"}),
    ],
)
def test_a_type_is_read_with_its_parameters(text: str, kind: str, parameters: dict[str, str]) -> None:
    found = media_type(text)

    assert found is not None
    assert (found.kind, dict(found.parameters)) == (kind, parameters)


@pytest.mark.parametrize("text", ["", "dicom", "a/b; c", 'a/b; c="d', "a b/c", "a/b c", "a/b; c=d e"])
def test_what_is_no_type_is_none(text: str) -> None:
    assert media_type(text) is None


def test_the_best_comes_first_and_what_is_refused_does_not_come() -> None:
    found = accepted('a/x;q=0.1, b/y, c/z;q=0, nonsense, d/w;q=0.5;p="1,2", e/v;q=many')

    assert [media.kind for media in found] == ["b/y", "d/w", "a/x"]
    assert accepted(None) == accepted(" ") == (Media("*/*"),)


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("*/*", True),
        ("multipart/related", True),
        ("multipart/*", True),
        ('multipart/related; type="application/dicom"', True),
        ('multipart/related; type="application/*"', True),
        ('multipart/related; type="application/octet-stream"', False),
        ("application/dicom", False),
        ("multipart/mixed", False),
    ],
)
def test_parts_are_taken_by_the_type_of_the_parts(text: str, takes: bool) -> None:
    (media,) = accepted(text)

    assert accepts_part(media, "application/dicom") is takes


@pytest.mark.parametrize(
    ("text", "syntax", "takes"),
    [
        ("a/b", ELE, True),
        ("a/b", JPEG, False),
        ("*/*", JPEG, True),
        ("a/b;transfer-syntax=*", JPEG, True),
        (f"a/b;transfer-syntax={JPEG}", JPEG, True),
        (f"a/b;transfer-syntax={JPEG}", ELE, False),
    ],
)
def test_a_transfer_syntax_is_taken_where_it_is_named_or_the_default(text: str, syntax: str, takes: bool) -> None:
    (media,) = accepted(text)

    assert takes_syntax(media, syntax, default=ELE) is takes


@given(text=st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    media_type(text)
    assert all(0 < media.quality <= 1 for media in accepted(text))


@pytest.mark.parametrize(
    "text", ['a/b; c="' + "\\" * 20000, "a/b" + ";" * 20000, 'a/b;c="d",' * 3000, "a" * 30000 + "/", '"' * 30000, '"\\' * 15000]
)
def test_a_long_text_costs_no_more_than_its_length(text: str) -> None:
    begun = process_time()
    media_type(text)
    accepted(text)

    assert process_time() - begun < 1.0  # five seconds where each quote is looked for the end of
