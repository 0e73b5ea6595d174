"""What was injected and when, and who it was: dose, instant, weight and height, with the guards that real headers need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from node.assemble.header import Header
from node.assemble.roles import Judgement
from node.domain.exam import Check, Gravity, Subject
from node.domain.timing import Administration
from node.domain.tracer import TracerProfile
from node.errors import DataError

MEGABECQUEREL_BELOW = 1e4
"""Injected activities cluster at 4e8 (Bq) and 4e2 (somebody wrote MBq): nothing real lies between."""

LONGEST_DELAY_S = {"C-11": 2 * 3600.0, "F-18": 6 * 3600.0}
LONGEST_LEAD_S = 300.0
"""A dynamic scan may start this long before the injection."""


@dataclass(frozen=True)
class Scan:
    """When the first frame began, and whether the series is dynamic."""

    started_at: datetime | None
    dynamic: bool


def administration(
    header: Header, judgement: Judgement, profile: TracerProfile, scan: Scan, *, of: str
) -> tuple[Administration, tuple[Check, ...]]:
    """What was injected, when.

    Raises
    ------
    DataError : an injection after the scan, or so long before it that a date or time must be wrong
    """
    pet = header.pet
    if pet is None:
        raise DataError(f"{of}: it has no PET attributes")
    activity, dose_checks = _activity(pet.activity)
    injected_at, time_checks = _injected_at(header, scan)
    if injected_at is not None and scan.started_at is not None:
        time_checks += _delay_checks((scan.started_at - injected_at).total_seconds(), profile, scan, of)
    half_life_s = pet.half_life_s or profile.half_life_s
    given = Administration(profile.key, judgement.tracer_basis, profile.radionuclide, half_life_s, activity, injected_at)
    return given, dose_checks + time_checks


def _activity(value: float | None) -> tuple[float | None, tuple[Check, ...]]:
    """Bq."""
    if value is None or value <= 0:
        return None, (Check("injected_activity", False, "the header has no injected activity: no SUV"),)
    if value < MEGABECQUEREL_BELOW:
        message = f"the injected activity is written as {value:g}, too little for Bq: it was read as MBq"
        return value * 1e6, (Check("injected_activity", False, message, value=value, limit=MEGABECQUEREL_BELOW, unit="Bq"),)
    return value, ()


def _injected_at(header: Header, scan: Scan) -> tuple[datetime | None, tuple[Check, ...]]:
    """The injection's instant: the date-time; else the time on the day of the series, or the day before if the scan crossed midnight."""
    assert header.pet is not None
    if header.pet.injected_at is not None:
        return header.pet.injected_at, ()
    day = header.series_at or scan.started_at
    if header.pet.injection_time is None or day is None:
        message = "the header has no time of injection: times are counted from the start of the scan, and there is no SUV"
        return None, (Check("injection_time", False, message),)
    instant = datetime.combine(day.date(), header.pet.injection_time)
    before = scan.started_at is not None and instant - scan.started_at > timedelta(hours=12)
    if before:
        instant -= timedelta(days=1)
    which = "the day before the scan" if before else "the day of the series"
    message = f"the header has no date of injection: {which} was taken"
    return instant, (Check("injection_date", False, message, Gravity.NOTE),)


def _delay_checks(delay_s: float, profile: TracerProfile, scan: Scan, of: str) -> tuple[Check, ...]:
    longest = LONGEST_DELAY_S.get(profile.radionuclide, 6 * 3600.0)
    if delay_s > longest:
        raise DataError(f"{of}: the scan starts {delay_s / 60:.0f} min after the injection, more than {longest / 60:.0f} min: a wrong time")
    if delay_s >= 0:
        return ()
    if not scan.dynamic or -delay_s > LONGEST_LEAD_S:
        raise DataError(f"{of}: the injection is {-delay_s:.0f} s after the start of the scan; expected it before")
    message = f"the scan starts {-delay_s:.0f} s before the injection"
    return (Check("injection_after_start", False, message, Gravity.NOTE, -delay_s, LONGEST_LEAD_S, "s"),)


def subject(header: Header, *, genotype: str | None) -> tuple[Subject, tuple[Check, ...]]:
    """Who it was, with weight in kg and height in m."""
    weight, weight_checks = _weight(header.weight_kg)
    height, height_checks = _height(header.height_m)
    person = header.person
    who = Subject(person.patient_id, person.issuer, person.name, person.birth_date, person.sex, weight, height, genotype)
    return who, weight_checks + height_checks


def _weight(value: float | None) -> tuple[float | None, tuple[Check, ...]]:
    if value is None or value <= 0:
        return None, (Check("weight", False, "the header has no body weight: no SUV"),)
    if value > 1000:
        message = f"the weight is written as {value:g}, too much for kg: it was read as grams"
        return value / 1000.0, (Check("weight", False, message, value=value, limit=1000.0, unit="kg"),)
    return value, ()


def _height(value: float | None) -> tuple[float | None, tuple[Check, ...]]:
    """Nothing that is computed now depends on height, so that its absence needs no word."""
    if value is None or value <= 0:
        return None, ()
    if value > 3:
        message = f"the height is written as {value:g}, too much for m: it was read as cm"
        return value / 100.0, (Check("height", False, message, Gravity.NOTE, value, 3.0, "m"),)
    return value, ()
