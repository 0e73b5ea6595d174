"""Radioactive decay inside a frame, and the instant to which a PET was corrected.

λ = ln 2 / half-life; x = λ · frame length. A frame's average count rate occurs `average_s` after its start; its own decay during the
frame makes the factor x / (1 − e^−x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from node.assemble.header import Header
from node.assemble.parts import PetPhysics
from node.assemble.series import FrameGroup
from node.domain.exam import Check
from node.errors import DataError

CROSS_CHECK_S = 60.0
"""Two ways to find the decay reference that differ by more are told to the reader (2 % of SUV for C-11 at 35 s)."""


def decay_constant(half_life_s: float) -> float:
    """λ, 1/s."""
    return math.log(2.0) / half_life_s


def inside_factor(duration_s: float, half_life_s: float) -> float:
    """x / (1 − e^−x): what decay during a frame takes from its average, seen from its start."""
    x = decay_constant(half_life_s) * duration_s
    return x / -math.expm1(-x)


def average_s(duration_s: float, half_life_s: float) -> float:
    """When, after the start of a frame, the count rate equals its average (s): ln(x / (1 − e^−x)) / λ."""
    return math.log(inside_factor(duration_s, half_life_s)) / decay_constant(half_life_s)


@dataclass(frozen=True)
class DecayReference:
    """Instant to which the values of a series with DecayCorrection START are corrected.

    Parameters
    ----------
    instant : None where the header does not tell
    source : attribute or rule that told it
    calculated : the same backwards from the first frame, None where that cannot be done
    """

    instant: datetime | None
    source: str
    calculated: datetime | None

    @property
    def apart_s(self) -> float:
        """How far the calculation lies from the instant that was taken, s; 0 where only one of them is known."""
        if self.instant is None or self.calculated is None:
            return 0.0
        return abs((self.instant - self.calculated).total_seconds())


def decay_reference(header: Header, first: FrameGroup, half_life_s: float) -> DecayReference:
    """Instant to which the values of a series with DecayCorrection START are corrected.

    The vendor's private instant first (GE, Siemens; Enhanced PET has a public one), then the series' time where it is not after the
    first acquisition, then backwards from the first frame's DecayFactor, or its FrameReferenceTime. Neither the standard's word (series
    time) nor the calculation is right for every vendor; this order survived a public set of several vendors.

    Parameters
    ----------
    header : of any slice of the series
    first : its first frame
    """
    if header.pet is None:
        raise AssertionError("asked before whether it is a PET")
    calculated, rule = _calculated(first, half_life_s)
    early = header.series_at is not None and (first.acquired_at is None or header.series_at <= first.acquired_at)
    ways = (
        (_near(header.pet.decay_instant, first), header.pet.decay_attribute),
        (_near(header.series_at if early else None, first), "SeriesDate (0008,0021), SeriesTime (0008,0031)"),
        (calculated, rule),
    )
    instant, source = next(((instant, source) for instant, source in ways if instant is not None), (None, "no attribute tells it"))
    return DecayReference(instant, source, calculated)


def reference_checks(reference: DecayReference, suv: tuple[float | None, float | None]) -> tuple[Check, ...]:
    """Whether two ways to find the decay reference agree; where they do not, with the SUV that each of them gives.

    Parameters
    ----------
    suv : SUVbw per Bq/mL by `instant` and by `calculated`, None where unknown
    """
    if reference.instant is None:
        return (Check("decay_reference", False, "the header does not tell to which instant the values are decay-corrected: no SUV"),)
    if reference.calculated is None:
        return ()
    agree = reference.apart_s <= CROSS_CHECK_S
    message = f"the decay reference by {reference.source} and by the frame times"
    message += " agree" if agree else f" are {reference.apart_s:.0f} s apart; the first was taken{_both(suv)}"
    return (Check("decay_reference", agree, message, value=reference.apart_s, limit=CROSS_CHECK_S, unit="s"),)


def _both(suv: tuple[float | None, float | None]) -> str:
    taken, other = suv
    if taken is None or other is None:
        return ""
    return f": 1 kBq/mL is SUV {1000 * taken:.4g} by it, and would be {1000 * other:.4g} by the other ({100 * (other / taken - 1):+.1f} %)"


def _near(instant: datetime | None, first: FrameGroup) -> datetime | None:
    """An instant within a day of the scan; what lies further off is of another date, as when only some dates were shifted."""
    if instant is None or first.acquired_at is None:
        return instant
    return instant if abs(instant - first.acquired_at) <= timedelta(days=1) else None


def _calculated(first: FrameGroup, half_life_s: float) -> tuple[datetime | None, str]:
    """Backwards from the first frame: by its decay factor, which says how long after the reference it began; else by its
    FrameReferenceTime. Consoles mean different things by the latter (GE the start of the frame, others its average, some write 0)."""
    if first.acquired_at is None or not first.duration_s:
        return None, ""
    since_s = since_reference_s(first.decay_factor, first.duration_s, half_life_s)
    if since_s is not None:
        return first.acquired_at - timedelta(seconds=since_s), "AcquisitionTime (0008,0032) and DecayFactor (0054,1321) of the first frame"
    if first.reference_s is None:
        return None, ""
    instant = first.acquired_at + timedelta(seconds=average_s(first.duration_s, half_life_s) - first.reference_s)
    return instant, "AcquisitionTime (0008,0032) and FrameReferenceTime (0054,1300) of the first frame"


def since_reference_s(factor: float | None, duration_s: float, half_life_s: float) -> float | None:
    """How long after the decay reference a frame began, s, by its DecayFactor; None where that is absent, or 1 as where none was made."""
    if factor is None or factor <= 0 or factor == 1.0:
        return None
    return math.log(factor / inside_factor(duration_s, half_life_s)) / decay_constant(half_life_s)


def checked_decay_correction(pet: PetPhysics, of: str) -> str:
    """DecayCorrection as START, ADMIN or NONE.

    Raises
    ------
    DataError : another value, or START or ADMIN although CorrectedImage does not name decay
    """
    if pet.decay_correction not in ("START", "ADMIN", "NONE"):
        raise DataError(f"{of}: expected DecayCorrection START, ADMIN or NONE; found {pet.decay_correction or 'nothing'}")
    if pet.decay_correction != "NONE" and "DECY" not in pet.corrections:
        raise DataError(f"{of}: DecayCorrection is {pet.decay_correction}, but CorrectedImage does not hold DECY")
    return pet.decay_correction
