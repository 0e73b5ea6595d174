"""What the verbs ask of the world: protocols that `app.py` fulfils with the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """The time, passed in so that a test can stop it."""

    def now(self) -> datetime:
        """The aware present instant."""
        ...


@dataclass(frozen=True)
class Received:
    """One instance whose file is durable and is to be recorded."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    digest: str
    size: int
    path: str
    association: str
    calling_ae: str
    called_ae: str
    address: str
    received_at: datetime


class DeliveryState(Enum):
    """Where one object stands with one destination."""

    QUEUED = "queued"  #: frozen in the outbox, not sent yet
    SENDING = "sending"  #: handed to the network, no answer recorded: ask the PACS before sending again
    STORED = "stored"  #: answered Success, which says that it arrived, not that it stays
    PROVEN = "proven"  #: the destination has said since that it holds it: storage commitment, a query, the file read back
    REFUSED = "refused"  #: refused for good
    NOT_TAKEN = "not taken"  #: the destination takes no objects of its class, and the site did not ask for it by name: no fault
    HELD = "held"  #: it did not pass the gate: shown, and never sent
    DROPPED = "dropped"  #: never sent: its version was withdrawn, or replaced by another, before it could be


RELEASED = frozenset((DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.REFUSED))
"""What is sent, or sent again, when a person releases an exam: not what is held."""


UNSENT = frozenset((DeliveryState.QUEUED, DeliveryState.SENDING))
"""What is still to be sent, or to be asked after because its answer is missing."""

ARRIVED = frozenset((DeliveryState.STORED, DeliveryState.PROVEN))
"""What a destination has answered Success for."""


@dataclass(frozen=True)
class Parcel:
    """One frozen object on its way to one destination.

    Parameters
    ----------
    required : whether it is a failure where the destination takes no objects of its class
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: Path
    state: DeliveryState
    required: bool = field(default=True, kw_only=True)


class Receipts(Protocol):
    """Where the sender notes what happened to each object. Each call is durable when it returns."""

    def sending(self, sop_instance_uid: str) -> None:
        """About to be handed to the network."""
        ...

    def stored(self, sop_instance_uid: str, how: str) -> None:
        """The destination has it: "answered 0x0000", "found by C-FIND"."""
        ...

    def refused(self, sop_instance_uid: str, why: str) -> None:
        """Refused for good."""
        ...

    def not_taken(self, sop_instance_uid: str, why: str) -> None:
        """The destination takes no objects of its class, and need not."""
        ...

    def postponed(self, sop_instance_uid: str, why: str) -> None:
        """Did not work now; may work later."""
        ...
