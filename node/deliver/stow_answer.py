"""What an answer to STOW-RS means for each object (PS3.18 10.5.3 and Annex I)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.dataset import Dataset

from node.deliver.exchange import Answer
from node.deliver.verdict import Fate, Verdict, verdict
from node.domain.ports import Parcel

STORED, FAILED = "00081199", "00081198"
"""Referenced SOP Sequence and Failed SOP Sequence in the DICOM JSON model."""

INSTANCE, FAILURE, WARNING = "00081155", "00081197", "00081196"
CLASS_NOT_SUPPORTED = 0x0122

SPLIT = frozenset({400, 409, 413, 415, 422, 500})
"""Statuses for a request as a whole that may be the fault of one of its objects."""

STATUSES: tuple[tuple[int, int, Fate, str], ...] = (
    (200, 200, Fate.STORED, "all instances stored"),
    (202, 202, Fate.UNKNOWN, "accepted, and this one not named"),
    (201, 299, Fate.UNKNOWN, "success of a kind that STOW-RS does not know"),
    (300, 399, Fate.POSTPONED, "points to another address, which is not followed"),
    (401, 401, Fate.POSTPONED, "not authenticated"),
    (403, 403, Fate.POSTPONED, "not authorised"),
    (404, 405, Fate.POSTPONED, "no STOW-RS at this address"),
    (408, 408, Fate.POSTPONED, "too slow for it"),
    (409, 409, Fate.REFUSED, "conflict"),
    (413, 413, Fate.REFUSED, "too large for it"),
    (415, 415, Fate.REFUSED, "media type not supported"),
    (421, 421, Fate.POSTPONED, "not meant for this server"),
    (429, 429, Fate.POSTPONED, "too many requests"),
    (400, 499, Fate.REFUSED, "bad request"),
    (507, 507, Fate.POSTPONED, "its storage is full"),
    (500, 599, Fate.POSTPONED, "server at fault, or busy"),
)
"""First and last status, fate of what the answer does not name, meaning. The first line that fits holds."""


def fates(batch: Sequence[Parcel], answer: Answer) -> Iterator[Verdict]:
    """One verdict an object, in their order: by what the answer says of each, and by its status of those that it does not name.

    Notes
    -----
    An answer 200 whose body does not name an object that was sent leaves that one unknown, since it was asked about that very object; an
    answer 200 without any body is taken at its word, as PS3.18 has it.
    """
    told = _told(answer)
    for parcel in batch:
        uid = parcel.sop_instance_uid
        if uid in told:
            yield _not_taken_where_allowed(told[uid], parcel)
        elif told and answer.status == 200:
            yield Verdict(Fate.UNKNOWN, "answered 200, without a word of this one")
        else:
            yield _by_status(answer.status)


def _by_status(status: int) -> Verdict:
    for first, last, fate, meaning in STATUSES:
        if first <= status <= last:
            return Verdict(fate, f"answered {status} ({meaning})")
    return Verdict(Fate.UNKNOWN, f"answered {status}, which is no status of HTTP")


def _told(answer: Answer) -> dict[str, tuple[int, Verdict]]:
    """What the body says of each instance: the failure reason, 0 where it was stored."""
    try:
        told = json.loads(answer.body) if answer.body else {}
        items = told[0] if isinstance(told, list) and told else told
        stored = {_text(item, INSTANCE): (0, _stored(answer, item)) for item in _items(items, STORED)}
        return stored | {_text(item, INSTANCE): _failed(item) for item in _items(items, FAILED)}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}


def _items(told: Any, tag: str) -> list[Any]:
    return list(told.get(tag, {}).get("Value", ()))


def _text(item: Any, tag: str) -> str:
    return str(item[tag]["Value"][0])


def _stored(answer: Answer, item: Any) -> Verdict:
    warning = f" (warning 0x{int(_text(item, WARNING)):04X})" if item.get(WARNING, {}).get("Value") else ""
    return Verdict(Fate.STORED, f"answered {answer.status}{warning}")


def _failed(item: Any) -> tuple[int, Verdict]:
    """As the same status in answer to C-STORE; a failure without a reason may pass."""
    if not item.get(FAILURE, {}).get("Value"):
        return 0xFFFF, Verdict(Fate.POSTPONED, "failed, without a reason")
    answer = Dataset()
    answer.Status = int(_text(item, FAILURE))
    return answer.Status, verdict(answer)


def _not_taken_where_allowed(told: tuple[int, Verdict], parcel: Parcel) -> Verdict:
    reason, reached = told
    return Verdict(Fate.NOT_TAKEN, reached.reason) if reason == CLASS_NOT_SUPPORTED and not parcel.required else reached
