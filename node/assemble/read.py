"""`read_exam`: the chosen series, from files to one Exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from node.assemble.corrections import amendments
from node.assemble.drawings import by_person
from node.assemble.header import Header
from node.assemble.identity import conflicts, identity_checks
from node.assemble.lesions import counting, read_lesions
from node.assemble.mr import read_mr
from node.assemble.pet import read_pet
from node.assemble.roles import Judgement
from node.assemble.rules import Rules
from node.assemble.series import summarise
from node.assemble.stored import StoredInstance
from node.assemble.subject import person_of
from node.domain.correction import Correction
from node.domain.exam import Check, Exam, Gravity, LesionImport, MrSeries, Role
from node.domain.tracer import TracerProfile
from node.errors import ConflictError, DataError


def read_exam(
    *,
    pet: Sequence[StoredInstance],
    t1: Sequence[StoredInstance],
    flair: Sequence[StoredInstance] = (),
    lesion_seg: Sequence[StoredInstance] = (),
    judgement: Judgement,
    storage: Path,
    rules: Rules,
    tracers: Mapping[str, TracerProfile],
    checks: Sequence[Check] = (),
    genotype: str | None = None,
    genotype_source: str = "",
    corrections: Sequence[Correction] = (),
    merged: Mapping[str, str] | None = None,
) -> Exam:
    """The exam that these instances make.

    Parameters
    ----------
    pet, t1, flair, lesion_seg : every instance of the chosen series, in any order; none where the role is not filled
    judgement : of the PET
    storage : folder that the instances' paths are relative to
    tracers : every profile of the site, by key
    checks : what was assumed when the series were judged and chosen (`Choice.checks`)
    genotype, genotype_source : rs6971 binding class HAB, MAB or LAB where the site knows it, and who says so
    corrections : what a person put right; they count more than the headers and than `genotype`, and each leaves a Check
    merged : series that a person has said are of the PET's patient, by UID, and who and why; each leaves a Check

    A FLAIR or a program's lesion SEG that cannot be read is left out with a Check: the exam is worth analysing without. With that of a
    person, the Check holds the exam: what was asked for is a result with these lesions.

    Raises
    ------
    DataError : an essential is missing or contradicts itself, or a correction is no value that can be
    ConflictError : the series may be of two people
    """
    if not pet or not t1:
        raise DataError(f"expected images of a PET and of a T1; found {len(pet)} and {len(t1)}")
    if judgement.tracer is None or judgement.tracer not in tracers:
        raise DataError(f"expected the tracer of the PET to be one of {', '.join(sorted(tracers))}; found {judgement.tracer}")
    identity = _identity(pet, [series for series in (t1, flair, lesion_seg) if series], merged or {})
    amended = amendments(corrections)
    person = person_of(_first(pet).header, amended, genotype=genotype, genotype_source=genotype_source)
    pet_series, pet_checks = read_pet(pet, judgement, tracers[judgement.tracer], person, amended, storage=storage)
    t1_series, t1_checks = read_mr(t1, Role.T1, storage)
    flair_series, flair_checks = _flair(flair, storage)
    lesions, lesion_checks = _lesions(lesion_seg, {Role.T1: t1, Role.FLAIR: flair}, rules, storage)
    return Exam(
        subject=person.subject,
        pet=pet_series,
        t1=t1_series,
        flair=flair_series,
        lesions=lesions,
        checks=(*checks, *identity, *person.checks, *pet_checks, *t1_checks, *flair_checks, *lesion_checks),
        corrections=tuple(corrections),
    )


def _first(stored: Sequence[StoredInstance]) -> StoredInstance:
    """The instance that speaks for all: the order of arrival must not matter."""
    return min(stored, key=lambda item: item.instance.sop_instance_uid)


def _flair(stored: Sequence[StoredInstance], storage: Path) -> tuple[MrSeries | None, tuple[Check, ...]]:
    """The FLAIR; one that cannot be read costs the lesions, not the exam."""
    try:
        return read_mr(stored, Role.FLAIR, storage) if stored else (None, ())
    except DataError as error:
        return None, (Check("flair", False, f"the FLAIR could not be used: {error}"),)


def _lesions(
    stored: Sequence[StoredInstance], mrs: Mapping[Role, Sequence[StoredInstance]], rules: Rules, storage: Path
) -> tuple[LesionImport | None, tuple[Check, ...]]:
    """The incoming lesions, and what is to be said of them."""
    if not stored:
        return None, ()
    header, first = counting(stored).header, {role: _first(series).header for role, series in mrs.items() if series}
    try:
        lesions = read_lesions(stored, rules, storage, mrs=first)
    except DataError as error:
        message = f"the incoming segmentation of lesions could not be used: {error}"
        return None, (Check("lesion_seg", False, message, Gravity.HOLD if by_person(header) else Gravity.WARNING),)
    return lesions, (*_several(stored, header), *_cited(header, first))


def _several(stored: Sequence[StoredInstance], header: Header) -> tuple[Check, ...]:
    if len(stored) == 1:
        return ()
    message = f"SEG series {header.series_uid} holds {len(stored)} objects: the one that was drawn last counts, {header.sop_instance_uid}"
    return (Check("lesion_seg_latest", False, message, Gravity.NOTE),)


def _cited(header: Header, mrs: Mapping[Role, Header]) -> tuple[Check, ...]:
    """Lesions that were drawn on another series of the same session fit, unless the patient has moved."""
    if not header.cites or any(mr.series_uid in header.cites for mr in mrs.values()):
        return ()
    message = (
        f"the lesions were drawn on MR series {header.cites[0]}, which is neither the T1 nor the FLAIR of this exam; they are taken since "
        "they lie in the same frame of reference: look whether the outlines fit"
    )
    return (Check("lesion_seg_series", False, message),)


def _identity(pet: Sequence[StoredInstance], others: Sequence[Sequence[StoredInstance]], merged: Mapping[str, str]) -> tuple[Check, ...]:
    """Rule 9 of the house, once more at the door: whoever calls, two people are never fused but on a person's word."""
    lead = summarise([item.header for item in pet])
    rest = [summarise([item.header for item in series]) for series in others]
    found = conflicts(lead, rest, waived=merged)
    if found:
        raise ConflictError("; ".join(found))
    return identity_checks(lead, [series for series in rest if series.modality == "MR"], waived=merged)
