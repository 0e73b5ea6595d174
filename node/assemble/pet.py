"""A PET series to frames of activity, with timing, administration, decay reference, and the chain that they came by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.assemble.activity import Activity, Stack, read_activity, stacked
from node.assemble.body import Body
from node.assemble.chain import Links, chain_of
from node.assemble.corrections import Amendments
from node.assemble.decay import DecayReference, checked_decay_correction, decay_reference, reference_checks
from node.assemble.frames import Audit, Starts, decay_audit, frame_starts, timing_of
from node.assemble.header import MULTI_FRAME, Header
from node.assemble.injection import Dose, Scan, dose_of
from node.assemble.mr import evenness_checks
from node.assemble.parts import Geometry, PetPhysics
from node.assemble.roles import Judgement
from node.assemble.series import FrameGroup, SeriesSummary, summarise
from node.assemble.stored import StoredInstance, source_of, stored_slices
from node.assemble.subject import Person
from node.assemble.units import Scale, as_corrected, factors_check, scale_of
from node.assemble.uptake import suv_per_bqml
from node.assemble.zero import Course, Zero, head_means, time_zero
from node.domain.exam import Check, FrameRecord, PetSeries, SeriesSource
from node.domain.tracer import TracerProfile
from node.domain.volume import Volume
from node.errors import DataError


@dataclass(frozen=True, eq=False)
class _Told:
    """What the headers of a series say, before any pixel is read."""

    of: str
    header: Header
    geometry: Geometry
    physics: PetPhysics
    frames: tuple[FrameGroup, ...]
    correction: str
    decay: DecayReference
    starts: Starts
    dose: Dose
    person: Person

    @property
    def lengths_s(self) -> list[float]:
        """F lengths of the frames, s."""
        return [frame.duration_s or 0.0 for frame in self.frames]

    @property
    def by_hand(self) -> bool:
        """Whether a person corrected what a scanner divides by."""
        return any(known.by_hand for known in (self.person.weight, self.dose.activity, self.dose.residual, self.dose.injected_at))

    @property
    def suv_per_bqml(self) -> float | None:
        """SUVbw of 1 Bq/mL, g/mL."""
        return suv_per_bqml(self.dose.given, self.person.weight.value, self.correction, self.decay.instant)

    @property
    def suv_per_bqml_as_scanned(self) -> float | None:
        """The same by what the header says, without corrections."""
        return suv_per_bqml(self.dose.as_scanned, self.person.as_scanned.weight_kg, self.correction, self.decay.instant)


def read_pet(
    stored: Sequence[StoredInstance], judgement: Judgement, profile: TracerProfile, person: Person, amended: Amendments, *, storage: Path
) -> tuple[PetSeries, tuple[Check, ...]]:
    """A PET series with its pixels.

    Parameters
    ----------
    stored : every instance of the series, in any order: classic images, or Enhanced and Legacy Converted Enhanced objects
    judgement : of the series, for how its tracer was told
    profile : of that tracer
    person : whose it is, for SUV of another kind and for cross-checks
    storage : folder that the instances' paths are relative to

    Raises
    ------
    DataError : incomplete, frames on different grids, values that cannot be turned into activity, times that contradict each other
    """
    slices = stored_slices(stored)
    told = _read_headers(summarise([item.header for item in slices]), judgement, profile, person, amended)
    scale = _scale(told)
    stack = stacked(slices, told.frames, told.geometry, of=told.of)
    audit = _audit(told)
    activity = read_activity(stack, scale.factor * audit.applied, told.geometry, storage=storage)
    zero = _zero(told, activity, amended)
    pet = _series(told, scale, stack, audit, activity, zero, source=source_of(stored, stack.slices))
    checks = (*scale.checks, *_cross_checks(told), *told.starts.checks, *told.dose.checks, *audit.checks, *zero.checks)
    return pet, (*checks, *evenness_checks(stack.grid, "PET"))


def _read_headers(summary: SeriesSummary, judgement: Judgement, profile: TracerProfile, person: Person, amended: Amendments) -> _Told:
    of = f"PET series {summary.series_uid}"
    header, geometry, physics = _usable(summary, of)
    half_life_s = physics.half_life_s or profile.half_life_s
    correction = checked_decay_correction(physics, of)
    decay = decay_reference(header, summary.frames[0], half_life_s) if correction == "START" else _NOT_TO_START
    written = _MULTI_FRAME_TIMES if header.sop_class_uid in MULTI_FRAME else _CLASSIC_TIMES
    starts = frame_starts(summary.frames, decay.instant, half_life_s, of=of, written=written)
    dose = dose_of(header, judgement, profile, Scan(starts.instants[0], len(starts.instants) > 1), amended, of=of)
    return _Told(of, header, geometry, physics, summary.frames, correction, decay, starts, dose, person)


_NOT_TO_START = DecayReference(None, "the values are not corrected to the start of the scan", None)
_CLASSIC_TIMES = "AcquisitionDate (0008,0022), AcquisitionTime (0008,0032)"
_MULTI_FRAME_TIMES = "FrameAcquisitionDateTime (0018,9074)"


def _usable(summary: SeriesSummary, of: str) -> tuple[Header, Geometry, PetPhysics]:
    header = summary.header
    if header.unread or header.pet is None or header.geometry is None:
        raise DataError(f"{of}: {header.unread or 'expected PET images with their geometry'}")
    if summary.trouble or not summary.complete:
        raise DataError(f"{of}: {summary.trouble or summary.completeness}")
    return header, header.geometry, header.pet


def _scale(told: _Told) -> Scale:
    """The body is the one that the scanner divided by: as it knew it, and where it was silent as a person told it."""
    was, now = told.person.as_scanned, told.person
    body = Body(was.weight_kg or now.weight.value, was.height_m or now.height.value, was.sex or now.sex.value or "")
    scale = scale_of(told.physics, body, by_activity=told.by_hand, of=told.of)
    if not told.by_hand or scale.units == "BQML":
        return scale
    return as_corrected(scale, told.suv_per_bqml, told.suv_per_bqml_as_scanned)


def _cross_checks(told: _Told) -> tuple[Check, ...]:
    """Two ways to the decay reference, and Philips' two factors, each with the SUV that it gives."""
    factors = factors_check(told.physics, told.suv_per_bqml_as_scanned)
    if told.correction != "START":
        return factors
    other = suv_per_bqml(told.dose.given, told.person.weight.value, told.correction, told.decay.calculated)
    return (*reference_checks(told.decay, (told.suv_per_bqml, other)), *factors)


def _audit(told: _Told) -> Audit:
    factors = [frame.decay_factor for frame in told.frames]
    return decay_audit(factors, told.frames, told.starts.instants, told.decay.instant, told.dose.given.half_life_s)


def _zero(told: _Told, activity: Activity, amended: Amendments) -> Zero:
    lengths_s = told.lengths_s
    course = Course(told.starts.instants, lengths_s, head_means(activity.values, lengths_s))
    return time_zero(course, told.dose.given.injected_at, amended, of=told.of)


def _series(told: _Told, scale: Scale, stack: Stack, audit: Audit, activity: Activity, zero: Zero, *, source: SeriesSource) -> PetSeries:
    timing = timing_of(told.frames, told.starts.instants, zero.instant, of=told.of)
    records = _records(told, audit)
    links = Links(
        header=told.header,
        person=told.person,
        dose=told.dose,
        scale=scale,
        slopes=activity.slopes,
        correction=told.correction,
        decay=told.decay,
        starts_source=told.starts.source,
        zero=zero,
        timing=timing,
        records=records,
    )
    return PetSeries(
        volume=Volume(activity.values, stack.grid.affine, scale.unit, told.header.frame_of_reference_uid),
        timing=timing,
        administration=told.dose.given,
        units=scale.units,
        decay_correction=told.correction,
        decay_reference=told.decay.instant,
        corrections=told.physics.corrections,
        reconstruction=told.physics.reconstruction,
        source=source,
        chain=chain_of(links),
        records=records,
        time_zero_basis=zero.basis,
        suv_missing=scale.suv_missing,
    )


def _records(told: _Told, audit: Audit) -> tuple[FrameRecord, ...]:
    written = [frame.decay_factor for frame in told.frames]
    expected = [None] * len(written) if audit.expected is None else [float(factor) for factor in audit.expected]
    rows = zip(told.starts.instants, written, expected, audit.applied, strict=True)
    return tuple(FrameRecord(at, factor, wanted, float(applied)) for at, factor, wanted, applied in rows)
