"""How an association can end: what its loop raises, and what it tells of it."""

from __future__ import annotations

from enum import Enum, IntEnum


class AbortReason(IntEnum):
    """Reasons of an A-ABORT by the provider (PS3.8 Table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class How(Enum):
    """How an association ended, in the words that the register keeps."""

    RELEASED = "released"
    ABORTED = "aborted"
    LOST = "lost"


class AssociationEnd(Exception):
    """An association is over.

    Parameters
    ----------
    why : for the log; no patient in it
    abort : what to tell the peer by A-ABORT; none where there is nobody to tell, or nothing to abort
    """

    def __init__(self, how: How, why: str, abort: AbortReason | None = None) -> None:
        super().__init__(why)
        self.how = how
        self.why = why
        self.abort = abort


def illegal(why: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> AssociationEnd:
    """What the peer sent is against PS3.8 or PS3.7: the association is aborted."""
    return AssociationEnd(How.ABORTED, why, reason)


def lost(why: str, abort: AbortReason | None = None) -> AssociationEnd:
    """The peer has vanished, or is silent."""
    return AssociationEnd(How.LOST, why, abort)
