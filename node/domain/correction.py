"""Correction: what a person put right in the headers of an exam, with who and why.

A corrected exam is a new version; the files stay as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Correctable(Enum):
    """What may be corrected; the value is its name on the command line, its comment how the text is read."""

    WEIGHT = "weight"  #: kg
    HEIGHT = "height"  #: m
    SEX = "sex"  #: M, F or O
    ACTIVITY = "activity"  #: injected activity in MBq at the time of injection, residual not yet taken off
    RESIDUAL = "residual"  #: activity left in the syringe in MBq, at the time of injection
    INJECTED_AT = "injected-at"  #: local time of the scanner, 2026-03-01T09:30:00
    KINETIC_ZERO = "kinetic-zero"  #: when the tracer entered the vein, local time of the scanner; time zero of the kinetics alone
    GENOTYPE = "genotype"  #: HAB, MAB, LAB or unknown


@dataclass(frozen=True)
class Correction:
    """One correction.

    Parameters
    ----------
    what : the item
    text : the value as the person wrote it, in the unit of `Correctable`
    author, reason : who and why, as the person wrote them
    made_at : aware instant
    """

    what: Correctable
    text: str
    author: str
    reason: str
    made_at: datetime
