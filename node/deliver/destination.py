"""What every kind of destination can do: take parcels, and say later whether it holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from node.deliver.ledger import Outcome
from node.domain.ports import Parcel, Receipts


class Held(Enum):
    """What a destination says of an object, asked whether it holds it."""

    YES = "held"
    NO = "missing"  #: it was asked, and does not show it: looked for again, and then sent again
    UNKNOWN = "not answered"  #: it could not be asked now, or failed: asked again later
    UNASKABLE = "cannot be asked"  #: it offers nothing to ask by, and will not tomorrow


@dataclass(frozen=True)
class Proof:
    """What a destination said of one object, and by which means: "found by C-FIND", "its file read back"."""

    sop_instance_uid: str
    held: Held
    how: str


class Destination(Protocol):
    """Where results go. One object a destination and run; called from one thread."""

    def send(self, parcels: Sequence[Parcel], receipts: Receipts) -> Outcome:
        """Hand over what is QUEUED or SENDING, best first, and note each one's fate; all others are left alone.

        Raises nothing that may pass: a destination that is away, busy or slow postpones, and `Outcome.away` says so where it could not be
        spoken with at all. The same UID goes with the same bytes (or the same pixels) however often it is sent.
        """
        ...

    def prove(self, parcels: Sequence[Parcel]) -> tuple[Proof, ...]:
        """Ask the destination now whether it holds these, one proof a parcel in their order; never an answer from what we sent.

        Raises nothing that may pass: what could not be asked is `Held.UNKNOWN`.
        """
        ...
