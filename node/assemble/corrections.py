"""Corrections by a person: read strictly, and laid over what the headers say.

A value that cannot be is refused with what was found and expected; the ranges are our defaults, wide enough for any patient and any
tracer, narrow enough to catch a wrong unit. Of several corrections of one item the last one made counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from node.domain.correction import Correctable, Correction
from node.domain.exam import Check
from node.errors import DataError

Value = float | str | datetime
T = TypeVar("T")

_NUMBER = re.compile(r"\d+(\.\d+)?$")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$")
GENOTYPES = ("HAB", "MAB", "LAB")
SEXES = ("M", "F", "O")


@dataclass(frozen=True)
class _Quantity:
    """A number that may be corrected: its unit and plausible range (ours)."""

    unit: str
    least: float
    most: float


_QUANTITIES = {
    Correctable.WEIGHT: _Quantity("kg", 2.0, 400.0),
    Correctable.HEIGHT: _Quantity("m", 0.3, 2.5),
    Correctable.ACTIVITY: _Quantity("MBq", 1.0, 5000.0),
    Correctable.RESIDUAL: _Quantity("MBq", 0.0, 5000.0),
}
_CHOICES = {Correctable.SEX: SEXES, Correctable.GENOTYPE: (*GENOTYPES, "unknown")}


def parse_correction(what: Correctable, text: str) -> Value:
    """The value of a correction as a person wrote it.

    Returns
    -------
    weight kg, height m, activity and residual MBq as numbers; sex and genotype as their term; instants as naive date-times, local time
    of the scanner

    Raises
    ------
    DataError : no such value, or one outside of what is plausible
    """
    written = text.strip()
    if what in _QUANTITIES:
        return _quantity(what, written)
    if what in _CHOICES:
        return _choice(what, written)
    return _instant(what, written)


def _quantity(what: Correctable, written: str) -> float:
    quantity = _QUANTITIES[what]
    expected = f"{what.value}: expected a number of {quantity.unit} from {quantity.least:g} to {quantity.most:g}, without the unit"
    if not _NUMBER.match(written):
        raise DataError(f"{expected}; found {written!r}")
    value = float(written)
    if not math.isfinite(value) or not quantity.least <= value <= quantity.most:
        raise DataError(f"{expected}; found {written}")
    return value


def _choice(what: Correctable, written: str) -> str:
    for choice in _CHOICES[what]:
        if written.casefold() == choice.casefold():
            return choice
    raise DataError(f"{what.value}: expected one of {', '.join(_CHOICES[what])}; found {written!r}")


def _instant(what: Correctable, written: str) -> datetime:
    expected = f"{what.value}: expected local time of the scanner as 2026-03-01T09:30:00, without a zone"
    if not _INSTANT.match(written):
        raise DataError(f"{expected}; found {written!r}")
    try:
        return datetime.fromisoformat(written)
    except ValueError as error:
        raise DataError(f"{expected}; found {written!r}: {error}") from error


@dataclass(frozen=True)
class Known(Generic[T]):
    """A value with where it came from; None where nobody knows it.

    `found` is what was written, for a reader, before any guard; `checks` what was assumed. `by_hand` is whether a person corrected it.
    """

    value: T | None
    source: str
    found: str = "nothing"
    checks: tuple[Check, ...] = ()
    by_hand: bool = False


@dataclass(frozen=True)
class Amendments:
    """The corrections of one exam, read: the last of each item."""

    entries: tuple[tuple[Correction, Value], ...] = ()

    def get(self, what: Correctable) -> tuple[Correction, Value] | None:
        """The correction of an item, and its value."""
        return next((entry for entry in self.entries if entry[0].what is what), None)

    def over(self, what: Correctable, known: Known[T]) -> Known[T]:
        """A value with its correction laid over it; as it was where there is none."""
        entry = self.get(what)
        if entry is None:
            return known
        correction, value = entry
        return Known(_as_kept(what, value), by_whom(correction), known.found, (_told(correction, known.found),), by_hand=True)


def amendments(corrections: Sequence[Correction]) -> Amendments:
    """Corrections, read.

    Raises
    ------
    DataError : one of them is no value that can be
    """
    last = {correction.what: correction for correction in sorted(corrections, key=lambda correction: correction.made_at)}
    return Amendments(tuple((correction, parse_correction(what, correction.text)) for what, correction in last.items()))


def by_whom(correction: Correction) -> str:
    """ "corrected by A. Smith: wrong weight on the console" """
    return f"corrected by {correction.author}: {correction.reason}"


def _as_kept(what: Correctable, value: Value) -> Any:
    """In the house's units: activities in Bq."""
    return value * 1e6 if what in (Correctable.ACTIVITY, Correctable.RESIDUAL) and isinstance(value, float) else value


def _told(correction: Correction, found: str) -> Check:
    what = correction.what
    unit = f" {_QUANTITIES[what].unit}" if what in _QUANTITIES else ""
    words = what.value.replace("-", " ")
    message = f"{words} corrected from {found} to {correction.text.strip()}{unit} by {correction.author}: {correction.reason}"
    return Check(f"corrected_{what.value.replace('-', '_')}", False, message)
