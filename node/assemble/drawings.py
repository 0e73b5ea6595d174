"""Drawings: what a SEG of lesions says of who drew it, when and on what; and which of several counts.

A SEG comes back from a viewer with another maker and new UIDs, and says little else in common with the one that it was made from: whether
a person has drawn is told from what is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from node.assemble.header import Header

OWN_MANUFACTURER = "Ember"
"""What the node writes into its own objects: they are never its input, or the node would feed on itself."""

PATIENT_SAFETY = "113037"

REJECTION_TITLES = {
    ("113001", "DCM"): "rejected for quality reasons",
    (PATIENT_SAFETY, "DCM"): "rejected for patient safety reasons",
    ("113038", "DCM"): "rejected for an incorrect modality worklist entry",
}
"""Titles of a Key Object Selection that takes objects back (IHE Imaging Object Change Management), and how a reader is told.

113039, "Data Retention Policy Expired", is none: it says nothing of the objects' worth."""

_OWN_TRACKING = re.compile(r"^E\d{5,} lesion \d+$")


def is_own(header: Header) -> bool:
    """Whether a node of ours made the object itself, as far as the object says; what the register knows by UID comes before.

    A viewer that corrects a SEG may keep all that it says of equipment: there only the manufacturer counts, and not even that where a
    person has signed it (Content Creator's Name), which we leave empty. The root of a UID says nothing: 2.25 is everybody's.
    """
    maker, makers = _folded(header.manufacturer), {_folded(one) for one in header.processed_by}
    if header.modality == "SEG":
        return maker == OWN_MANUFACTURER.casefold() and not header.content_creator.strip("^ ")
    return OWN_MANUFACTURER.casefold() in {maker, *makers}


def _folded(text: str) -> str:
    return text.strip().casefold()


def by_person(header: Header) -> bool:
    """Whether a person drew or corrected: a segment is not AUTOMATIC, its creator is named, or it was made from one of ours."""
    drawn = any(segment.algorithm in ("MANUAL", "SEMIAUTOMATIC") or _OWN_TRACKING.match(segment.tracking_id) for segment in header.segments)
    return drawn or bool(header.content_creator)


def drawn_at(header: Header) -> datetime | None:
    """When the content was made; of a SEG without the time, when its series was."""
    return header.content_at or header.series_at


def latest(headers: Sequence[Header]) -> Header:
    """Of the SEGs of one series, in order of arrival, the one that counts: drawn last, among equals come last."""
    return headers[max(range(len(headers)), key=lambda n: (drawn_at(headers[n]) or datetime.min, n))]  # noqa: DTZ901 only for the order


def rejection(header: Header) -> str:
    """How a reader is told of an incoming rejection note; empty for anything else."""
    title = header.selection.title if header.selection is not None else None
    return "" if title is None else REJECTION_TITLES.get((title.value, title.scheme), "")
