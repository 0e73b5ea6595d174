"""What a person says of which series are of an exam: merge two, split series off, give a series a role; and taking it back.

Each word is checked, kept with author and reason, and begins a new version. It holds for that version and all later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.assemble.header import Header, from_json
from node.domain.assignment import Word
from node.domain.exam import Role
from node.errors import ConflictError, DataError
from node.workflow.states import ENDED, State
from node.workflow.steps.belonging import series_of_exam
from node.workflow.store.assignments import Follows, Said
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow

MODALITY = {Role.PET: "PT", Role.T1: "MR", Role.FLAIR: "MR", Role.LESION_SEG: "SEG"}
"""What a series must be to be given a role."""


@dataclass(frozen=True)
class By:
    """Who says it, and why; `holds` is false where an earlier word is taken back."""

    author: str
    reason: str
    holds: bool = True


def merge(store: Store, exam: ExamRow, other: ExamRow, by: By) -> int:
    """The exam takes the MR of another one, whatever patient ID that has; returns the version that begins.

    An exam without a PET of its own, which waited for one, has ended with that.

    Raises
    ------
    DataError : they are one exam, the other holds no MR, or there is nothing to take back
    """
    if exam.number == other.number:
        raise DataError(f"{exam.name} cannot be merged with itself")
    headers = [header for uid in series_of_exam(store, other.number) if (header := _header(store, uid)) is not None]
    if by.holds and not any(header.modality == "MR" for header in headers):
        raise DataError(f"{other.name} holds no MR that {exam.name} could take")
    told = f"takes the MR of {other.name}" if by.holds else f"no longer takes the MR of {other.name}"
    alone = not any(header.modality == "PT" for header in headers)
    follows = _following(exam, other, by) if alone else None
    return _record(store, exam, [Said(Word.MERGE, other=other.number, holds=by.holds)], by, told, follows)


def split(store: Store, exam: ExamRow, series_uids: Sequence[str], by: By) -> int:
    """These series are not of the exam; returns the version that begins.

    Raises
    ------
    DataError : a series is not here, or there is nothing to take back
    """
    for uid in series_uids:
        _known(store, exam, uid)
    told = f"without series {', '.join(series_uids)}" if by.holds else f"again with series {', '.join(series_uids)}"
    return _record(store, exam, [Said(Word.SPLIT, uid, holds=by.holds) for uid in series_uids], by, told)


def assign(store: Store, exam: ExamRow, role: Role, series_uid: str, by: By) -> int:
    """This series fills a role of the exam; returns the version that begins.

    Raises
    ------
    DataError : the series is not here, cannot fill the role, or there is nothing to take back
    """
    found = _known(store, exam, series_uid).modality
    if found != MODALITY[role]:
        raise DataError(f"{exam.name}: a {role.value} is of modality {MODALITY[role]}; series {series_uid} is of {found or 'none'}")
    held = [one for one in store.assignments.standing(exam.number, exam.version) if one.word is Word.ASSIGN and one.role == role.value]
    back = [Said(Word.ASSIGN, one.series_uid, one.role, holds=False) for one in held if by.holds and one.series_uid != series_uid]
    told = (
        f"series {series_uid} is its {role.value}" if by.holds else f"series {series_uid} is no longer its {role.value} by a person's word"
    )
    return _record(store, exam, [*back, Said(Word.ASSIGN, series_uid, role.value, holds=by.holds)], by, told)


def _record(store: Store, exam: ExamRow, said: Sequence[Said], by: By, told: str, follows: Follows | None = None) -> int:
    if not by.author.strip() or not by.reason.strip():
        raise DataError(f"{exam.name}: a person's word needs an author and a reason; found {by.author!r} and {by.reason!r}")
    standing = {(one.word, one.series_uid, one.other) for one in store.assignments.standing(exam.number, exam.version)}
    for one in said:
        stands = (one.word, one.series_uid, one.other) in standing
        if not one.holds and not stands:
            raise DataError(f"{exam.name}: there is no such word to take back")
        if one.holds and stands and one.word is not Word.ASSIGN:
            raise ConflictError(f"{exam.name}: that was said before, and holds")
    text = f"{told}, by {by.author}: {by.reason}"
    return store.assignments.record(exam.number, said, author=by.author, reason=by.reason, text=text, follows=follows)


def _following(exam: ExamRow, other: ExamRow, by: By) -> Follows | None:
    """An exam of MR alone has nothing to wait for once another has taken it, and waits again when it is given back."""
    if by.holds and other.state not in ENDED and other.plan is None:
        return Follows(other.number, other.version, State.IGNORED, f"its MR belongs to {exam.name}, by {by.author}: {by.reason}")
    if not by.holds and other.state is State.IGNORED and other.plan is None:
        return Follows(other.number, other.version, State.RECEIVED, f"its MR belongs to {exam.name} no longer")
    return None


def _known(store: Store, exam: ExamRow, series_uid: str) -> Header:
    header = _header(store, series_uid)
    if header is None:
        raise DataError(f"{exam.name}: no image of series {series_uid} is here")
    return header


def _header(store: Store, series_uid: str) -> Header | None:
    rows = [row.header for row in store.register.instances_of(series_uid) if row.header is not None]
    return from_json(rows[0]) if rows else None
