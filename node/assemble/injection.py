"""What was injected and when: dose, residual, instant, half-life, with the guards that real headers need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from node.assemble.corrections import Amendments, Known
from node.assemble.header import Header
from node.assemble.parts import CountedDose, PetPhysics
from node.assemble.roles import Judgement
from node.assemble.tracer import half_life_contradiction
from node.domain.correction import Correctable
from node.domain.exam import Check, Gravity
from node.domain.timing import Administration
from node.domain.tracer import TracerProfile
from node.errors import DataError

MEGABECQUEREL_BELOW = 1e4
"""Injected activities cluster at 4e8 (Bq) and 4e2 (somebody wrote MBq): nothing real lies between."""

LONGEST_DELAY_S = {"C-11": 2 * 3600.0, "F-18": 6 * 3600.0}
LONGEST_LEAD_S = 300.0
"""A dynamic scan may start this long before the injection."""

SAME_DOSE = 0.005
"""Two ways to say one dose agree within this, relative: rounding of consoles. Ours."""

SAME_TIME_S = 60.0
"""Two times of one injection that differ by more are told. Ours."""

MOST_RESIDUAL = 0.5
"""A syringe that keeps more of the dose than this was no injection, but a wrong number. Ours."""


@dataclass(frozen=True)
class Scan:
    """When the first frame began, and whether the series is dynamic."""

    started_at: datetime | None
    dynamic: bool


@dataclass(frozen=True)
class Dose:
    """What was injected: `given`, and each value with its source. `as_scanned` is the same without any correction."""

    given: Administration
    activity: Known[float]
    residual: Known[float]
    injected_at: Known[datetime]
    half_life_source: str
    as_scanned: Administration
    checks: tuple[Check, ...]


def dose_of(header: Header, judgement: Judgement, profile: TracerProfile, scan: Scan, amended: Amendments, *, of: str) -> Dose:
    """What was injected, when.

    Raises
    ------
    DataError : several radiopharmaceuticals, a half-life of another nuclide, an injection after the scan, or so long before it that a
        date or time must be wrong, a residual as large as the dose
    """
    pet = header.pet
    if pet is None:
        raise DataError(f"{of}: it has no PET attributes")
    if pet.radiopharmaceuticals > 1:
        raise DataError(f"{of}: expected one radiopharmaceutical; found {pet.radiopharmaceuticals}")
    if contradiction := half_life_contradiction(pet, profile):
        raise DataError(f"{of}: {contradiction}")
    half_life_s, source = (pet.half_life_s, "RadionuclideHalfLife (0018,1075)") if pet.half_life_s else (profile.half_life_s, _OF_TRACER)
    written, written_at = _activity(pet), _injected_at(header, scan)
    activity, injected_at = amended.over(Correctable.ACTIVITY, written), amended.over(Correctable.INJECTED_AT, written_at)
    residual = _residual(pet, activity, half_life_s, amended, of)
    delay_checks = _delay_checks(injected_at.value, profile, scan, of)
    given = Administration(
        profile.key, judgement.tracer_basis, profile.radionuclide, half_life_s, _net(activity, residual), injected_at.value
    )
    as_scanned = replace(given, activity_bq=written.value, injected_at=written_at.value)
    checks = (*activity.checks, *residual.checks, *injected_at.checks, *delay_checks)
    return Dose(given, activity, residual, injected_at, source, as_scanned, checks)


_OF_TRACER = "the tracer's profile: the header has none"


def _net(activity: Known[float], residual: Known[float]) -> float | None:
    return None if activity.value is None else activity.value - (residual.value or 0.0)


def _activity(pet: PetPhysics) -> Known[float]:
    """Bq."""
    value, source = pet.activity, "RadionuclideTotalDose (0018,1074)"
    if value is None or value <= 0:
        found = "nothing" if value is None else f"{value:g} Bq"
        return Known(None, source, found, (Check("injected_activity", False, "the header has no injected activity: no SUV"),))
    if value < MEGABECQUEREL_BELOW:
        message = f"the injected activity is written as {value:g}, too little for Bq: it was read as MBq"
        told = Check("injected_activity", False, message, value=value, limit=MEGABECQUEREL_BELOW, unit="Bq")
        return Known(value * 1e6, source, f"{value:g}", (told,))
    return Known(value, source, f"{value / 1e6:g} MBq")


def _residual(pet: PetPhysics, activity: Known[float], half_life_s: float, amended: Amendments, of: str) -> Known[float]:
    """Bq in the syringe at the time of the injection, to be taken off: a person's word, else what GE's console counted but did not."""
    counted = _counted_residual(pet.counted, activity, half_life_s)
    residual = amended.over(Correctable.RESIDUAL, counted)
    if residual.value and activity.value is not None and residual.value >= activity.value:
        raise DataError(f"{of}: expected a residual below the injected activity; found {residual.value:g} of {activity.value:g} Bq")
    return residual


def _counted_residual(counted: CountedDose | None, activity: Known[float], half_life_s: float) -> Known[float]:
    """GE's console holds the syringe before and after. Whether RadionuclideTotalDose has the residual taken off already is seen by
    comparing it with both: it is taken off where the total is the whole syringe, and never on a guess."""
    none: Known[float] = Known(None, "")
    if counted is None or activity.value is None or activity.by_hand or counted.residual <= 0 or counted.administered_at is None:
        return none
    before = _at(counted.activity, counted.measured_at, counted.administered_at, half_life_s)
    after = _at(counted.residual, counted.residual_at, counted.administered_at, half_life_s)
    unit = 1e6 if before < MEGABECQUEREL_BELOW else 1.0
    before, after = before * unit, after * unit
    source = "GE post_inj_activity (0009,xx3C), brought to admin_datetime (0009,xx3B)"
    if before > after and abs(activity.value / (before - after) - 1.0) <= SAME_DOSE:
        return none
    if abs(activity.value / before - 1.0) > SAME_DOSE or after > MOST_RESIDUAL * before:
        message = "the console also counted a residual in the syringe, but its numbers do not fit the injected activity: not used"
        return replace(none, checks=(Check("residual", False, message, Gravity.NOTE),))
    message = f"the injected activity is the whole syringe: the residual of {after / 1e6:.4g} MBq that the console counted was taken off"
    return Known(after, source, f"{after / 1e6:.4g} MBq", (Check("residual", False, message, value=after / before, unit="1"),))


def _at(activity: float, counted_at: datetime | None, instant: datetime, half_life_s: float) -> float:
    elapsed_s = 0.0 if counted_at is None else (instant - counted_at).total_seconds()
    return float(activity * 2.0 ** (-elapsed_s / half_life_s))


def _injected_at(header: Header, scan: Scan) -> Known[datetime]:
    """The injection's instant: the date-time; else the time on the day of the series, or the day before if the scan crossed midnight."""
    pet = header.pet
    if pet is None:
        raise AssertionError("asked before whether it is a PET")
    if pet.injected_at is not None:
        source, found = "RadiopharmaceuticalStartDateTime (0018,1078)", f"{pet.injected_at:%Y-%m-%d %H:%M:%S}"
        return Known(pet.injected_at, source, found, _two_times(pet.injected_at, pet.injection_time))
    day = header.series_at or scan.started_at
    source = "RadiopharmaceuticalStartTime (0018,1072)"
    if pet.injection_time is None or day is None:
        message = "the header has no time of injection: no SUV"
        return Known(None, source, checks=(Check("injection_time", False, message),))
    instant = datetime.combine(day.date(), pet.injection_time)
    before = scan.started_at is not None and instant - scan.started_at > timedelta(hours=12)
    if before:
        instant -= timedelta(days=1)
    which = "the day before the scan" if before else "the day of the series"
    message = f"the header has no date of injection: {which} was taken"
    told = Check("injection_date", False, message, Gravity.NOTE)
    return Known(instant, f"{source} on {which}", f"{instant:%H:%M:%S} without a date", (told,))


def _two_times(instant: datetime, written: time | None) -> tuple[Check, ...]:
    """A date-time and a time of day that differ: one of them is in another zone, or was typed in by hand."""
    if written is None:
        return ()
    apart_s = abs((datetime.combine(instant.date(), written) - instant).total_seconds())
    apart_s = min(apart_s, 86400.0 - apart_s)
    if apart_s <= SAME_TIME_S:
        return ()
    message = f"the header has two times of injection, {apart_s:.0f} s apart: RadiopharmaceuticalStartDateTime was taken"
    return (Check("injection_time", False, message, value=apart_s, limit=SAME_TIME_S, unit="s"),)


def _delay_checks(injected_at: datetime | None, profile: TracerProfile, scan: Scan, of: str) -> tuple[Check, ...]:
    if injected_at is None or scan.started_at is None:
        return ()
    delay_s = (scan.started_at - injected_at).total_seconds()
    longest = LONGEST_DELAY_S.get(profile.radionuclide, 6 * 3600.0)
    if delay_s > longest:
        raise DataError(f"{of}: the scan starts {delay_s / 60:.0f} min after the injection, more than {longest / 60:.0f} min: a wrong time")
    if delay_s >= 0:
        return ()
    if not scan.dynamic or -delay_s > LONGEST_LEAD_S:
        raise DataError(f"{of}: the injection is {-delay_s:.0f} s after the start of the scan; expected it before")
    message = f"the scan starts {-delay_s:.0f} s before the injection"
    return (Check("injection_after_start", False, message, Gravity.NOTE, -delay_s, LONGEST_LEAD_S, "s"),)
