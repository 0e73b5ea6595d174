"""Attributes of a DICOM dataset as plain Python values: texts, numbers, dates, codes, private elements.

What is missing, empty or malformed becomes an empty text or None, never a guess: who needs the value says so. Values are taken from
the raw bytes, because a header with a number of seventeen digits is no reason to refuse an exam, and because it is quick.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as ItemSequence
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from node.domain.codes import Code

_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})$")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6})\d*)?)?)?$")
_ZONE = re.compile(r"[+-]\d{4}$")
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
LATIN = ("iso8859",)


@cache
def tag_of(key: str | int) -> BaseTag:
    """Tag of a keyword or number; KeyError for a keyword that the dictionary does not have."""
    number = tag_for_keyword(key) if isinstance(key, str) else key
    if number is None:
        raise KeyError(key)
    return Tag(number)


def encodings_of(dataset: Dataset) -> list[str]:
    """Python encodings of SpecificCharacterSet."""
    return convert_encodings(list(texts(dataset, "SpecificCharacterSet")) or None)


def texts(dataset: Dataset, key: str | int, *, encodings: Sequence[str] = LATIN) -> tuple[str, ...]:
    """Values of an element as texts without padding; none where it is absent or empty."""
    item = dataset.get_item(tag_of(key))
    if item is None or item.value is None:
        return ()
    if not isinstance(item.value, bytes):
        values = item.value if isinstance(item.value, MultiValue | list | tuple) else [item.value]
        return tuple(str(value).strip(" \0") for value in values if value is not None)
    vr = _representation(item)
    if vr in _BINARY:
        return _unpacked(item, _BINARY[vr])
    value = decode_bytes(item.value, list(encodings), PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS).strip(" \0")
    return tuple(part.strip(" \0") for part in value.split("\\")) if value else ()


def _representation(item: Any) -> str:
    if item.VR is not None:
        return str(item.VR)
    # Implicit VR: the dictionary knows; the private elements that we read are all text.
    return "UN" if item.tag.is_private else dictionary_VR(item.tag)


def _unpacked(item: Any, letter: str) -> tuple[str, ...]:
    size = struct.calcsize(letter)
    order = "<" if not isinstance(item, RawDataElement) or item.is_little_endian else ">"
    return tuple(repr(value) for (value,) in struct.iter_unpack(order + letter, item.value[: len(item.value) // size * size]))


def text(dataset: Dataset, key: str | int, *, encodings: Sequence[str] = LATIN) -> str:
    """An element as one text; several values joined by backslashes."""
    return "\\".join(texts(dataset, key, encodings=encodings))


def numbers(dataset: Dataset, key: str | int) -> tuple[float, ...]:
    """Values of an element as finite numbers; none at all where one of them is not a number."""
    try:
        values = tuple(float(part) for part in texts(dataset, key))
    except ValueError:
        return ()
    return values if all(math.isfinite(value) for value in values) else ()


def number(dataset: Dataset, key: str | int) -> float | None:
    """First value of an element as a finite number."""
    values = numbers(dataset, key)
    return values[0] if values else None


def whole(dataset: Dataset, key: str | int) -> int | None:
    """First value of an element as a whole number."""
    value = number(dataset, key)
    return int(value) if value is not None and value == int(value) else None


def day(dataset: Dataset, key: str | int) -> date | None:
    """An element of VR DA."""
    return parse_date(text(dataset, key))


def time_of_day(dataset: Dataset, key: str | int) -> time | None:
    """An element of VR TM."""
    return parse_time(text(dataset, key))


def moment(dataset: Dataset, date_key: str | int, time_key: str | int) -> datetime | None:
    """A pair of DA and TM, local time of the scanner; None unless both are there."""
    on, at = day(dataset, date_key), time_of_day(dataset, time_key)
    return datetime.combine(on, at) if on is not None and at is not None else None


def date_time(dataset: Dataset, key: str | int) -> datetime | None:
    """An element of VR DT that has at least an hour, as written: local time of the scanner, an offset from UTC is left out."""
    return parse_date_time(text(dataset, key))


def parse_date(value: str) -> date | None:
    """YYYYMMDD, or the older YYYY.MM.DD."""
    match = _DATE.match(value)
    try:
        return date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None


def parse_time(value: str) -> time | None:
    """HH[MM[SS[.FFFFFF]]], or the older HH:MM:SS. A leap second is taken as the last microsecond of its minute."""
    match = _TIME.match(value)
    if not match:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    micro = int((match.group(4) or "").ljust(6, "0"))
    try:
        return time(hour, minute, 59, 999_999) if second == 60 else time(hour, minute, second, micro)
    except ValueError:
        return None


def parse_date_time(value: str) -> datetime | None:
    """YYYYMMDDHH[MM[SS[.FFFFFF]]][&ZZXX]."""
    local = _ZONE.sub("", value)
    on, at = parse_date(local[:8]), parse_time(local[8:])
    return datetime.combine(on, at) if on is not None and at is not None else None


def items(dataset: Dataset, key: str | int) -> list[Dataset]:
    """Items of a sequence; none where it is absent."""
    element = dataset.get(tag_of(key))
    value = None if element is None else element.value
    return list(value) if isinstance(value, ItemSequence) else []


def code(dataset: Dataset, key: str | int, *, encodings: Sequence[str] = LATIN) -> Code | None:
    """First item of a code sequence (PS3.3 8.8)."""
    for item in items(dataset, key):
        value = text(item, "CodeValue") or text(item, "LongCodeValue") or text(item, "URNCodeValue")
        if value:
            return Code(value, text(item, "CodingSchemeDesignator"), text(item, "CodeMeaning", encodings=encodings))
    return None


def private(dataset: Dataset, group: int, creator: str, element: int) -> str:
    """A private element as text, by its creator; by the literal tag (block 10) where no creator is written at all, as in some public
    reference objects."""
    for block in range(0x10, 0x18):
        if tag_of((group << 16) | block) in dataset and text(dataset, (group << 16) | block) == creator:
            return text(dataset, (group << 16) | (block << 8) | element)
    literal = (group << 16) | 0x1000 | element
    return "" if text(dataset, (group << 16) | 0x10) else text(dataset, literal)


def private_number(dataset: Dataset, group: int, creator: str, element: int, *, letter: str) -> float | None:
    """A private element that is binary where it is not text, by its creator; `letter` as in `struct`, for files without VR."""
    for block in range(0x10, 0x18):
        if tag_of((group << 16) | block) in dataset and text(dataset, (group << 16) | block) == creator:
            return _plain_or_binary(dataset, (group << 16) | (block << 8) | element, letter)
    return None


def _plain_or_binary(dataset: Dataset, tag: int, letter: str) -> float | None:
    item = dataset.get_item(tag_of(tag))
    if item is None or not isinstance(item.value, bytes) or item.VR not in (None, "UN"):
        return number(dataset, tag)
    values = _unpacked(item, letter)
    value = float(values[0]) if values else math.nan
    return value if math.isfinite(value) else None


def private_tags(group: int, elements: Sequence[int]) -> list[BaseTag]:
    """Tags that `private` may look at, to name them when a file is read."""
    blocks = range(0x10, 0x18)
    creators = [Tag((group << 16) | block) for block in blocks]
    return creators + [Tag((group << 16) | (block << 8) | element) for block in blocks for element in elements]
