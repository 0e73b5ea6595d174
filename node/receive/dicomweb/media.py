"""Media types as HTTP names them (RFC 9110 8.3, 12.5.1): what a request's body is, and what its sender accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DICOM = "application/dicom"
JSON = "application/dicom+json"
RELATED = "multipart/related"
OCTETS = "application/octet-stream"

_TOKEN = r"[!#$%&'*+\-.0-9A-Za-z^_`|~]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_KIND = re.compile(rf"\s*({_TOKEN}/{_TOKEN})\s*")
_PARAMETER = re.compile(rf";\s*(?:({_TOKEN})\s*=\s*({_TOKEN}(?:/{_TOKEN})?|{_QUOTED})\s*)?")
_ONE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))++')
"""Up to the next comma outside of quotes. A quote without an end takes the rest, or a header full of them would be read for seconds."""


@dataclass(frozen=True)
class Media:
    """A media type.

    Parameters
    ----------
    kind : in lower case, "multipart/related"; of what is accepted also "*/*"
    parameters : names in lower case
    """

    kind: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def quality(self) -> float:
        """How much it is wanted, 0 to 1 (RFC 9110 12.4.2)."""
        try:
            return min(max(float(self.parameters.get("q", "1")), 0.0), 1.0)
        except ValueError:
            return 0.0

    @property
    def part(self) -> str:
        """Of multipart/related the type of its parts, in lower case; "*/*" where it does not say."""
        return self.parameters.get("type", "*/*").lower()

    def covers(self, kind: str) -> bool:
        """Whether a type is this one, or one of its range."""
        return _covers(self.kind, kind)


def media_type(text: str) -> Media | None:
    """A Content-Type; None where it is none."""
    begin = _KIND.match(text)
    if begin is None:
        return None
    place = begin.end()
    parameters: dict[str, str] = {}
    while place < len(text):
        found = _PARAMETER.match(text, place)
        if found is None:
            return None
        place = found.end()
        if found[1]:
            parameters[found[1].lower()] = _plain(found[2])
    return Media(begin[1].lower(), parameters)


def accepted(text: str | None) -> tuple[Media, ...]:
    """What an Accept header names, best first; everything where there is none. What cannot be read in it is left out."""
    if text is None or not text.strip():
        return (Media("*/*"),)
    named = [media for media in _each(text) if media.quality > 0]
    return tuple(sorted(named, key=lambda media: -media.quality))


def accepts_part(media: Media, kind: str) -> bool:
    """Whether someone who accepts `media` takes a multipart body with parts of a kind."""
    return media.kind == "*/*" or (media.covers(RELATED) and _covers(media.part, kind))


def takes_syntax(media: Media, syntax: str, *, default: str) -> bool:
    """Whether someone who accepts `media` takes a transfer syntax: the one named, any for "*", the default where none is named.

    Who accepts "*/*" leaves the choice to us.
    """
    named = media.parameters.get("transfer-syntax")
    return media.kind == "*/*" or named == "*" or (named or default) == syntax


def _each(text: str) -> Iterator[Media]:
    for part in _ONE.findall(text):
        media = media_type(part)
        if media is not None:
            yield media


def _covers(wanted: str, kind: str) -> bool:
    return wanted in ("*/*", kind) or (wanted.endswith("/*") and kind.startswith(wanted[:-1]))


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
