"""What comes in over the network, who brings it, and where it is kept: the nouns of receiving, and the protocol that keeps.

The network's threads hand everything to an `Inlet` and answer; nothing is looked at there. An inlet is an ordered, durable log: what its
methods have returned from survives a power cut, and reaches the register in the order in which it was handed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


@dataclass(frozen=True)
class Certificate:
    """A client certificate, after it was verified.

    Parameters
    ----------
    subject : as RFC 4514 writes it
    fingerprint : SHA-256 of the DER form, lower-case hexadecimal
    """

    subject: str
    fingerprint: str
    not_after: datetime


@dataclass(frozen=True)
class Caller:
    """Who opened an association, or sent an HTTP request.

    Parameters
    ----------
    calling_ae, called_ae : AE titles without padding; of HTTP the name of the token and our own title
    host, port : of the sender
    peer : the site's name for it; empty until it was admitted
    certificate : none on the plain port
    """

    calling_ae: str
    called_ae: str
    host: str
    port: int
    peer: str = ""
    certificate: Certificate | None = None

    @property
    def address(self) -> str:
        """Host and port, for the register."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Arriving:
    """One instance that is about to come in."""

    association: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class NoticeKind(Enum):
    """What a peer may tell us besides images."""

    COMMITMENT_REQUEST = "commitment request"  #: N-ACTION: do you hold these for good? (PS3.4 J.3.2)
    COMMITMENT_RESULT = "commitment result"  #: N-EVENT-REPORT: what we asked of an archive (PS3.4 J.3.3)
    PROCEDURE_CREATED = "procedure created"  #: MPPS N-CREATE (PS3.4 F.7)
    PROCEDURE_SET = "procedure set"  #: MPPS N-SET
    AVAILABILITY = "availability"  #: Instance Availability Notification N-CREATE (PS3.4 R)


@dataclass(frozen=True)
class Notice:
    """What a peer told us by an N-service, kept as it came; the worker reads it.

    Parameters
    ----------
    type_id : Action Type ID or Event Type ID; 0 where there is none
    dataset : encoded, in `transfer_syntax_uid`; may be empty
    """

    association: str
    kind: NoticeKind
    sop_class_uid: str
    sop_instance_uid: str
    type_id: int
    transfer_syntax_uid: str
    dataset: bytes


class Incoming(Protocol):
    """One instance while it comes in. Ended by `keep` or by `drop`, whichever is first; both may be called again, without effect."""

    def write(self, piece: memoryview) -> None:
        """The next bytes of the encoded data set; OSError where the disk does not take them."""
        ...

    def keep(self) -> None:
        """Make it durable. When this returns, it may be answered Success.

        Raises
        ------
        TemporaryError : too little space on the disk
        OSError : the disk does not take it
        """
        ...

    def drop(self) -> None:
        """Forget it: it was refused, or its association ended half-way."""
        ...


class Inlet(Protocol):
    """Where the network's threads put what came in. Every method may be called from several threads at a time.

    All of them raise TemporaryError or OSError where the disk does not take it.
    """

    def opened(self, association: str, caller: Caller) -> None:
        """An association is about to bring something; told once, before the first `begin` or `notice` of it."""
        ...

    def begin(self, arriving: Arriving) -> Incoming:
        """An instance begins to come in; TemporaryError at once where there is no room for more."""
        ...

    def notice(self, notice: Notice) -> None:
        """Keep what a peer told; durable when this returns."""
        ...

    def closed(self, association: str, how: str) -> None:
        """An association that was opened has ended: "released", "aborted" or "lost"."""
        ...


@dataclass(frozen=True)
class Rejection:
    """An association that is turned away: A-ASSOCIATE-RJ result, source and reason (PS3.8 9.3.4), and the reason for the site's log."""

    result: int
    source: int
    reason: int
    why: str


class Admission(Protocol):
    """Who may come in. Called from several threads at a time."""

    def admit(self, caller: Caller) -> str | Rejection:
        """The site's name of a peer that may come in, and which is counted from now on; or why not."""
        ...

    def left(self, peer: str) -> None:
        """An association that was admitted under this name has ended."""
        ...
