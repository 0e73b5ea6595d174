"""Matching of a search's keys against attributes (PS3.4 C.2.2.2, PS3.18 8.3.4.1), and what the keys of a request mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.tag import Tag

from node.errors import DataError
from node.receive.dicomweb.attributes import Attributes

MAX_RESULTS = 1000
"""Of one answer; `offset` leads to the rest."""

_RANGES = frozenset({"DA", "TM", "DT"})
_EXACT = frozenset({*_RANGES, "UI", "SL", "SS", "US", "UL", "FL", "FD", "OB", "OW", "UN", "AT", "IS", "DS"})
_TAG = re.compile(r"[0-9A-Fa-f]{8}")


@dataclass(frozen=True)
class Key:
    """One key of a search: tags from the data set down, eight hexadecimal digits each, and what is sought."""

    tags: tuple[str, ...]
    wanted: str


@dataclass(frozen=True)
class Search:
    """A request to search.

    Parameters
    ----------
    include : tags that are asked for besides those that are always told
    include_all : whether everything is asked for
    fuzzy : whether fuzzy matching of names is asked for, which we do not do
    """

    keys: tuple[Key, ...]
    limit: int
    offset: int
    include: tuple[str, ...]
    include_all: bool
    fuzzy: bool


def search_of(parameters: Iterable[tuple[str, str]]) -> Search:
    """The query of a request.

    Raises
    ------
    DataError : a key that is no attribute, or a limit or offset that is no number
    """
    keys, include, numbers, fuzzy = [], [], {"limit": MAX_RESULTS, "offset": 0}, False
    for name, text in parameters:
        if name in numbers:
            numbers[name] = _number(name, text)
        elif name == "includefield":
            include += [field for field in text.split(",") if field]
        elif name == "fuzzymatching":
            fuzzy = text.lower() == "true"
        elif name != "accept":
            keys.append(Key(tuple(map(_tag, name.split("."))), text))
    tags = tuple(_tag(field.split(".")[0]) for field in include if field != "all")
    return Search(tuple(keys), min(numbers["limit"], MAX_RESULTS), numbers["offset"], tags, "all" in include, fuzzy)


def matches(keys: Iterable[Key], told: Attributes) -> bool:
    """Whether attributes fit all keys."""
    return all(_fits(key.tags, key.wanted, told) for key in keys)


def _fits(tags: tuple[str, ...], wanted: str, told: Mapping[str, Any]) -> bool:
    if wanted in ("", "*"):
        return True
    values = told.get(tags[0], {}).get("Value", ())
    if len(tags) > 1:
        return any(_fits(tags[1:], wanted, item) for item in values if isinstance(item, dict))
    vr = dictionary_VR(Tag(int(tags[0], 16)))
    return any(_equals(vr, wanted, _text(one)) for one in values)


def _equals(vr: str, wanted: str, found: str) -> bool:
    if vr == "UI":
        return found in re.split(r"[,\\]", wanted)
    if vr in _RANGES and "-" in wanted and vr != "DT":
        first, _, last = wanted.partition("-")
        return (not first or found >= first) and (not last or found[: len(last)] <= last)
    if vr in _EXACT:
        return found == wanted
    return _pattern(wanted, vr == "PN").fullmatch(found.rstrip()) is not None


@lru_cache(maxsize=64)
def _pattern(wanted: str, is_name: bool) -> re.Pattern[str]:  # noqa: FBT001 - a key of the cache
    literal = wanted.replace("[", "[[]")
    return re.compile(translate(literal), re.IGNORECASE if is_name else 0)


def _text(value: Any) -> str:
    return str(value.get("Alphabetic", "")) if isinstance(value, dict) else str(value)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise DataError(f"expected a whole number for {name}")
    return int(text)


def _tag(name: str) -> str:
    """A keyword or eight hexadecimal digits as the digits. Private attributes are never told, hence none of them is a key."""
    number = tag_for_keyword(name)
    if number is None and _TAG.fullmatch(name) and keyword_for_tag(int(name, 16)):
        number = int(name, 16)
    if number is None:
        raise DataError("a key of the search is no attribute of PS3.6")
    return f"{number:08X}"
