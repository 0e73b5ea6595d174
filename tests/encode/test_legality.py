"""Which values DICOM allows."""

from __future__ import annotations

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from node.encode.gate.legality import illegal, is_legal_uid


def test_uids_with_leading_zeros_or_too_long_are_illegal() -> None:
    assert is_legal_uid("2.25.0.10")
    assert not is_legal_uid("2.25.01")
    assert not is_legal_uid("1." + "2" * 63)
    assert not is_legal_uid("1..2")


@pytest.mark.parametrize(
    ("value", "charset", "legal"),
    [
        (b"cafe", (), True),
        (b"caf\xe9", (), False),
        (b"caf\xe9", ("ISO_IR 100",), True),
        (b"cafe\xe9", ("ISO_IR 100",), False),
        (b"caf\xe9", ("ISO_IR 192",), False),
        (b"caf\xc3\xa9", ("ISO_IR 192",), False),
        (b"caf\xc3\xa9 ", ("ISO_IR 192",), True),
        (b"ca\tf", ("ISO_IR 100",), False),
    ],
)
def test_a_text_holds_what_its_character_set_has_in_an_even_number_of_bytes(value: bytes, charset: tuple[str, ...], *, legal: bool) -> None:
    element = RawDataElement(Tag(0x0008103E), "LO", len(value), value, 0, False, True)

    assert (not list(illegal(element, charset))) is legal
