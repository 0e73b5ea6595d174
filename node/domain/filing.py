"""What is filed: the entries of a journal as the register gets them, and the protocol of the register that takes them.

A *journal* is the durable log of what came in (`node.domain.arrivals.Inlet` writes it); a *writer* is the process that writes one, by name.
*Filing* turns its entries into files of the inbox and rows of the register, in the order in which they were written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from node.domain.arrivals import Caller, Notice
from node.domain.ports import Received


@dataclass(frozen=True)
class Position:
    """A place in a writer's journal: up to there everything is filed.

    Parameters
    ----------
    identity : of the journal, so that a new one in the same place is not taken for the old
    sequence : of the segment
    nonce : of this use of the segment
    offset : in bytes from the segment's start
    """

    identity: str
    sequence: int
    nonce: str
    offset: int


@dataclass(frozen=True)
class Started:
    """A writer has begun; associations that it had left open are lost."""

    at: datetime


@dataclass(frozen=True)
class Opened:
    """An association brings something."""

    association: str
    caller: Caller
    at: datetime


@dataclass(frozen=True)
class Closed:
    """It has ended: "released", "aborted" or "lost"."""

    association: str
    how: str
    at: datetime


@dataclass(frozen=True)
class Noticed:
    """A peer told something."""

    notice: Notice
    at: datetime


class Place(Enum):
    """Where a received instance goes."""

    INBOX = "inbox"  #: the first bytes under its UID
    RETURNED = "returned"  #: the same bytes again, to the inbox, where its file is no longer: it was removed here after its time
    QUARANTINE = "quarantine"  #: other bytes are here under its UID


@dataclass(frozen=True)
class Filed:
    """An instance whose file is durable, and where it went."""

    received: Received
    place: Place


Entry = Started | Opened | Closed | Noticed | Filed


@dataclass(frozen=True)
class Known:
    """What an SOP Instance UID stands for: digest (SHA-256) and path of its file."""

    digest: str
    path: str


@dataclass(frozen=True)
class Batch:
    """Entries of one writer in their order.

    Parameters
    ----------
    position : after them; None where they come from no journal, but were found on disk
    uids, known : the SOP Instance UIDs among them, and what was known of these when it was decided where they go
    """

    writer: str
    entries: Sequence[Entry]
    position: Position | None
    uids: Sequence[str]
    known: Mapping[str, Known]


class Register(Protocol):
    """Where the filer records what it files. Each call is durable when it returns."""

    def position(self, writer: str) -> Position | None:
        """Up to where a writer's journal is filed; None where nothing of it is."""
        ...

    def known(self, uids: Sequence[str]) -> Mapping[str, Known]:
        """Those of some SOP Instance UIDs that stand for something."""
        ...

    def callers(self, associations: Sequence[str]) -> Mapping[str, Caller]:
        """Who opened these associations, as far as they are recorded."""
        ...

    def file(self, batch: Batch) -> None:
        """Record a batch in one transaction.

        Raises
        ------
        TemporaryError : what was known of the UIDs has changed since, or the register cannot be written to now: nothing is recorded
        """
        ...
