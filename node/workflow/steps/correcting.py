"""What a person corrects in the headers of an exam: taken, checked, and made a new version.

A correction is a word with an author and a reason; the files stay as they came. It holds for the version that it makes and for all later
ones, until it is taken back. A genotype is said the same way, and beats the site's list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from node.assemble.corrections import parse_correction
from node.assemble.header import Header, from_json
from node.domain.correction import Correctable
from node.errors import ConflictError, DataError
from node.workflow.states import State
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow, Said


@dataclass(frozen=True)
class Corrected:
    """`version` that the corrections are for; `before` is the version that it replaces, None where it had not begun; `told` in words."""

    version: int
    before: int | None
    told: str


def correct(
    store: Store, exam: ExamRow, values: Mapping[Correctable, str], *, undo: Collection[Correctable] = (), author: str, reason: str
) -> Corrected:
    """Record what a person says of an exam, and begin the version that it is for.

    Parameters
    ----------
    values : each value as written, in the unit of `Correctable`
    undo : values of which an earlier correction is taken back, so that the header holds again

    Raises
    ------
    DataError : a value cannot be read, nothing is said, or there is nothing to take back
    ConflictError : the exam is not one that a correction could help
    """
    _may_be_corrected(exam)
    if not author.strip() or not reason.strip():
        raise DataError(f"{exam.name}: a correction needs an author and a reason; found {author!r} and {reason!r}")
    for what, text in values.items():
        parse_correction(what, text)
    _can_be_undone(store, exam, values, undo)
    header = _pet_header(store, exam)
    said = [Said(what, values.get(what), header_says(header, what)) for what in Correctable if what in values or what in undo]
    if not said:
        raise DataError(f"{exam.name}: expected at least one value to correct; found none")
    told = "; ".join(_told(one) for one in said)
    version = store.corrections.record(exam.number, said, author=author, reason=reason, text=f"corrected by {author} ({reason}): {told}")
    return Corrected(version, version - 1 if version > exam.version else None, told)


BECQUEREL_FROM = 1e4
"""An activity as written, from which on it is shown as Bq; below, as it stands."""


def header_says(header: Header | None, what: Correctable) -> str:
    """What a PET's header says of a value, as a reader sees it."""
    return _SAYS[what](header) if header is not None else "not read yet"


def _number(value: float | None, unit: str) -> str:
    return "nothing" if value is None else f"{value:g} {unit}"


def _activity(header: Header) -> str:
    """Some consoles write MBq where the standard has Bq; which it is, is judged where the exam is read."""
    activity = header.pet.activity if header.pet else None
    return f"{activity / 1e6:g} MBq" if activity is not None and activity >= BECQUEREL_FROM else _number(activity, "as written")


def _injection(header: Header) -> str:
    pet = header.pet
    instant = (pet.injected_at or pet.injection_time) if pet else None
    return instant.isoformat() if instant else "nothing"


def _residual(header: Header) -> str:
    counted = header.pet.counted if header.pet else None
    return "no attribute" if counted is None else f"{counted.residual:g} as GE's console counted it"


def _no_attribute(_: Header) -> str:
    return "no attribute"


_SAYS: Mapping[Correctable, Callable[[Header], str]] = {
    Correctable.WEIGHT: lambda header: _number(header.weight_kg, "kg"),
    Correctable.HEIGHT: lambda header: _number(header.height_m, "m"),
    Correctable.SEX: lambda header: header.person.sex or "nothing",
    Correctable.ACTIVITY: _activity,
    Correctable.RESIDUAL: _residual,
    Correctable.INJECTED_AT: _injection,
    Correctable.KINETIC_ZERO: _injection,
    Correctable.GENOTYPE: _no_attribute,
}
"""Where the header says it; for the residual and the genotype the standard has no attribute."""


def _told(one: Said) -> str:
    what = one.what.value.replace("-", " ")
    if one.text is None:
        return f"{what} no longer corrected (header: {one.header})"
    return f"{what} {one.text} (header: {one.header})"


def _may_be_corrected(exam: ExamRow) -> None:
    if exam.state is State.IGNORED:
        raise ConflictError(
            f"{exam.name} is {exam.state.value}: it is none that the site's rules analyse, so that there is nothing to correct"
        )
    if exam.plan is not None and exam.plan.get("conflicts"):
        raise ConflictError(
            f"{exam.name} is held since its series may be of two people: no corrected value mends that; `ember merge` or `ember split` may"
        )


def _can_be_undone(store: Store, exam: ExamRow, values: Mapping[Correctable, str], undo: Iterable[Correctable]) -> None:
    known = {correction.what for correction in store.corrections.standing(exam.number, exam.version)}
    for what in undo:
        if what in values:
            raise DataError(f"{exam.name}: {what.value} is to be corrected and taken back at once; expected one of the two")
        if what not in known:
            raise DataError(f"{exam.name}: there is no correction of {what.value} to take back")


def _pet_header(store: Store, exam: ExamRow) -> Header | None:
    """Of the PET that is planned, else of the PET in the study that the exam is known by; None where none has come."""
    planned = (exam.plan or {}).get("series", {}).get("PET", {}).get("series_uid")
    uids = [planned] if planned else [count.series_uid for count in store.register.series_of_studies([exam.anchor])]
    for uid in uids:
        rows = [row.header for row in store.register.instances_of(uid) if row.header is not None]
        if rows and (header := from_json(rows[0])).modality == "PT":
            return header
    return None
