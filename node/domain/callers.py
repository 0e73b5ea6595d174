"""Callers that were turned away, those of them whom a person has let in since, and the book in which both are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class TurnedAway:
    """One AE title from one host that was turned away, once or many times.

    Parameters
    ----------
    calling_ae : empty where it did not come so far as to name itself
    host : its IP address
    certificate : fingerprint of the one that it showed; empty where it showed none
    why : the last time
    """

    calling_ae: str
    called_ae: str
    host: str
    certificate: str
    why: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class AcceptedCaller:
    """A title and host that a person has let in.

    Parameters
    ----------
    name : of the [[peer]] to which it belongs from then on, or a new one
    certificate : fingerprint; where there is one, it may come in with that alone
    """

    name: str
    calling_ae: str
    host: str
    certificate: str


class CallerBook(Protocol):
    """Where callers are kept. Each call is one transaction."""

    def turned_away(self, callers: Sequence[TurnedAway]) -> None:
        """Remember them, added to what is known of the same title and host."""
        ...

    def accepted(self) -> tuple[AcceptedCaller, ...]:
        """Those who have been let in."""
        ...
