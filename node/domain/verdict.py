"""Verdict: what a reader says of a result that was delivered."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What a reader says; the value is what the story and programs are told."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  #: not good enough to be used
    UNSAFE = "rejected for patient safety"  #: must not be seen again: of another person, or on the wrong side

    @property
    def rejects(self) -> bool:
        """Whether the result is not to be used."""
        return self is not Verdict.ACCEPTED
