"""Whether a value is one that DICOM allows: its representation (PS3.5 6.2), how many there are (PS3.6), and its characters (C.12.1.1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.config import RAISE, settings
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.valuerep import validate_value

from node.encode.gate.sheet import Finding

TEXTS = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"))
SINGLE = frozenset(("LT", "ST", "UR", "UT"))
"""Texts in which a backslash is a character."""

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
IN_CHARSET = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
"""Texts that may hold more than ASCII."""

CONTROLS = dict.fromkeys(("LT", "ST", "UT"), "\t\n\f\r")
ESCAPE = b"\x1b"
DELIMITERS = {ord("\\"), ord("^"), ord("="), 0x0A, 0x0C, 0x0D, 0x09}
"""After which an extended character set is the first one again (PS3.5 6.1.2.5.3)."""

_BYTES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "OF": 4, "OD": 8, "OW": 2, "OL": 4, "UV": 8, "SV": 8}


def illegal(element: DataElement | RawDataElement, charset: tuple[str, ...]) -> Iterator[Finding]:
    """What is wrong with one element that has a value and is no sequence. The value itself is never told: it may be a person's.

    Parameters
    ----------
    charset : Specific Character Set of the object
    """
    tag, name = element.tag, keyword_for_tag(element.tag)
    if tag.is_private:
        return
    if not name:
        yield Finding((), str(tag), "an attribute of PS3.6", "a tag that it does not list")
        return
    if str(element.VR) not in _representations(int(tag)):
        yield Finding((), name, f"VR {dictionary_VR(tag)}", f"VR {element.VR}")
        return
    raw = element.value if isinstance(element, RawDataElement) else None
    if raw is None:
        return  # decoded while it was read: a UID, or the character set
    if element.VR in TEXTS:
        yield from _text(raw, str(element.VR), int(tag), name, charset)
    else:
        yield from _binary(raw, str(element.VR), int(tag), name)


def is_legal_uid(text: str) -> bool:
    """Whether a text is a UID: at most 64 characters, no component with a leading zero (PS3.5 9.1)."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _text(raw: bytes, vr: str, tag: int, name: str, charset: tuple[str, ...]) -> Iterator[Finding]:
    if len(raw) % 2:
        yield Finding((), name, "an even number of bytes", str(len(raw)))
    text = _decoded(raw, charset if vr in IN_CHARSET else ())
    if text is None or any(ord(letter) < 32 and letter not in CONTROLS.get(vr, "") for letter in text):
        yield Finding((), name, f"characters of {'/'.join(charset) or 'ISO 646'}", "others")
        return
    values = [text] if vr in SINGLE else text.split("\\")
    yield from _count(len(values), tag, name)
    for value in values:
        if value and not _allowed(vr, value.strip() if vr in ("DS", "IS", "CS", "LO", "SH") else value):
            yield Finding((), name, f"a legal {vr}", f"a value of {len(value)} characters that is none")


def _decoded(raw: bytes, charset: tuple[str, ...]) -> str | None:
    """A text; None where it holds what its character set does not."""
    if raw.isascii() and ESCAPE not in raw:
        return raw.decode("ascii").rstrip(" \0")
    encodings, before = convert_encodings(list(charset) or None), settings.reading_validation_mode
    settings.reading_validation_mode = RAISE  # else what cannot be decoded is replaced
    try:
        return str(decode_bytes(raw, encodings, DELIMITERS)).rstrip(" \0") if charset else None
    except (LookupError, UnicodeError):
        return None
    finally:
        settings.reading_validation_mode = before


def _allowed(vr: str, value: str) -> bool:
    if vr == "UI":
        return is_legal_uid(value)
    try:
        validate_value(vr, value, RAISE)
    except ValueError:
        return False
    return True


def _binary(raw: bytes, vr: str, tag: int, name: str) -> Iterator[Finding]:
    size = _BYTES.get(vr, 1)
    if len(raw) % size or len(raw) % 2:
        yield Finding((), name, f"a multiple of {max(size, 2)} bytes", str(len(raw)))
    elif vr in ("US", "SS", "UL", "SL", "FL", "FD", "AT"):
        yield from _count(len(raw) // size, tag, name)


def _count(count: int, tag: int, name: str) -> Iterator[Finding]:
    low, high, step = _multiplicity(dictionary_VM(tag))
    if count < low or (high is not None and count > high) or (count - low) % step:
        yield Finding((), name, f"{dictionary_VM(tag)} values", str(count))


@cache
def _representations(tag: int) -> frozenset[str]:
    return frozenset(dictionary_VR(tag).split(" or "))


@cache
def _multiplicity(text: str) -> tuple[int, int | None, int]:
    """Least, most (None: no limit) and step of a value multiplicity: "1", "1-8", "1-n", "2-2n"."""
    low, _, high = text.partition("-")
    if not high:
        return int(low), int(low), 1
    if high.endswith("n"):
        return int(low), None, int(high[:-1] or 1)
    return int(low), int(high), 1
