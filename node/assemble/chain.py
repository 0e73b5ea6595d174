"""The dose and decay chain of a PET as a reader sees it: every value that SUV and the times depend on, with its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from node.assemble.decay import DecayReference
from node.assemble.header import MULTI_FRAME, Header
from node.assemble.injection import Dose
from node.assemble.subject import Person
from node.assemble.units import Scale
from node.assemble.uptake import suv_per_bqml
from node.assemble.zero import Zero
from node.domain.exam import FrameRecord, Sourced
from node.domain.timing import FrameTiming


@dataclass(frozen=True, eq=False)
class Links:
    """What the chain is made of."""

    header: Header
    person: Person
    dose: Dose
    scale: Scale
    slopes: tuple[float, float]
    correction: str
    decay: DecayReference
    starts_source: str
    zero: Zero
    timing: FrameTiming
    records: Sequence[FrameRecord]


def chain_of(links: Links) -> tuple[Sourced, ...]:
    """The chain, in the order of the calculation."""
    return (*_values(links), *_decay(links), *_dose(links), *_suv(links), *_times(links))


def _values(links: Links) -> list[Sourced]:
    pet, (least, most) = links.header.pet, links.slopes
    assert pet is not None
    slopes = f"{least:.6g}" if least == most else f"{least:.6g} to {most:.6g}"
    rescale = "RescaleSlope (0028,1053) of each slice" if links.header.frame is None else "rescale of each frame (functional groups)"
    entries = [Sourced("Units", " ".join(filter(None, (pet.units, pet.suv_type))), "Units (0054,1001)"), Sourced("Slope", slopes, rescale)]
    if links.scale.factor != 1.0:
        entries.append(Sourced("Factor of the values", f"{links.scale.factor:.6g}", links.scale.why))
    return [*entries, Sourced("Corrections made", ", ".join(pet.corrections) or "none", "CorrectedImage (0028,0051)")]


def _decay(links: Links) -> list[Sourced]:
    said = "DecayCorrected (0018,9758)" if links.decay.source.startswith("DecayCorrectionDateTime") else "DecayCorrection (0054,1102)"
    entries = [Sourced("Decay correction", links.correction, said)]
    if links.correction == "START":
        entries.append(Sourced("Decay-corrected to", moment_text(links.decay.instant), links.decay.source))
    applied = {round(record.applied_factor, 9) for record in links.records}
    if applied != {1.0}:
        rule = "DecayFactor (0054,1321) of the frames against their times"
        entries.append(Sourced("Decay correction added", f"× {min(applied):.5g} to {max(applied):.5g}", rule))
    return entries


def _dose(links: Links) -> list[Sourced]:
    dose, pet = links.dose, links.header.pet
    assert pet is not None
    nuclide = "RadionuclideCodeSequence (0054,0300)" if pet.radionuclide_code else "the tracer's profile"
    told = {"code": "RadiopharmaceuticalCodeSequence (0054,0304)", "text": "Radiopharmaceutical (0018,0031)"}
    basis = dose.given.tracer_basis
    entries = [
        Sourced("Tracer", dose.given.tracer, told.get(basis, basis)),
        Sourced("Radionuclide", dose.given.radionuclide, nuclide),
        Sourced("Half-life", f"{dose.given.half_life_s:g} s", dose.half_life_source),
        Sourced("Injected activity", _mbq(dose.activity.value), dose.activity.source),
    ]
    if dose.residual.value:
        entries.append(Sourced("Residual taken off", _mbq(dose.residual.value), dose.residual.source))
    return [*entries, Sourced("Injected at", moment_text(dose.injected_at.value), dose.injected_at.source)]


def _suv(links: Links) -> list[Sourced]:
    person, dose = links.person, links.dose
    weight = "unknown" if person.weight.value is None else f"{person.weight.value:g} kg"
    entries = [Sourced("Weight", weight, person.weight.source)]
    if person.height.by_hand or "SUVType" in links.scale.why:
        entries.append(Sourced("Height", "unknown" if person.height.value is None else f"{person.height.value:g} m", person.height.source))
    if person.sex.by_hand or "SUVType" in links.scale.why:
        entries.append(Sourced("Sex", person.sex.value or "unknown", person.sex.source))
    factor = suv_per_bqml(dose.given, person.weight.value, links.correction, links.decay.instant)
    if links.scale.units != "BQML" or factor is None or person.weight.value is None:
        return entries
    left = f"{person.weight.value / factor / 1e3:.5g} MBq"
    rule = "injected activity × 2^(−(decay reference − injection) / half-life)" if links.correction == "START" else "as injected"
    return [
        *entries,
        Sourced("Activity that values refer to", left, rule),
        Sourced("SUV of 1 kBq/mL", f"{1e3 * factor:.6g}", "weight / that"),
    ]


def _times(links: Links) -> list[Sourced]:
    multi = links.header.sop_class_uid in MULTI_FRAME
    length = "FrameAcquisitionDuration (0018,9220)" if multi else "ActualFrameDuration (0018,1242)"
    lengths = links.timing.duration_s
    same = f"{lengths.min():g}" if lengths.min() == lengths.max() else f"{lengths.min():g} to {lengths.max():g}"
    return [
        Sourced("Start of the scan", moment_text(links.records[0].acquired_at), links.starts_source),
        Sourced("Frames", f"{len(lengths)}, {same} s long", length),
        Sourced("Time zero", moment_text(links.zero.instant), links.zero.basis),
    ]


def moment_text(instant: datetime | None) -> str:
    """An instant as a reader sees it, to the second or as finely as it is known."""
    if instant is None:
        return "unknown"
    return instant.isoformat(sep=" ", timespec="milliseconds" if instant.microsecond else "seconds")


def _mbq(value: float | None) -> str:
    return "unknown" if value is None else f"{value / 1e6:.6g} MBq"
