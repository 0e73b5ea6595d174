"""Are PET and MR of one person? Different answers are a conflict, a missing answer is a Check (rule 9 of the house).

No sentence here holds what the files say, only that they differ (rule 11): the reader has the UIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.assemble.parts import Person
from node.assemble.series import SeriesSummary
from node.domain.exam import Check


@dataclass(frozen=True)
class _Attribute:
    """Something that tells people apart: how to read it off a Person, as text without meaning."""

    key: str
    words: str
    of: Callable[[Person], str]


_IDENTIFYING = (
    _Attribute("patient_id", "patient ID", lambda person: person.patient_id),
    _Attribute("issuer", "issuer of the patient ID", lambda person: person.issuer),
    _Attribute("birth_date", "birth date", lambda person: str(person.birth_date or "")),
    _Attribute("sex", "sex", lambda person: person.sex),
)
_NAME = _Attribute("name", "patient name", lambda person: person.name_key)


def conflicts(pet: SeriesSummary, mrs: Sequence[SeriesSummary]) -> tuple[str, ...]:
    """How the series of an exam contradict each other about whose they are.

    Returns
    -------
    one sentence each, none where nothing contradicts
    """
    found = [_within(series) for series in (pet, *mrs)]
    found += [_between(pet, mr) for mr in mrs]
    return tuple(sentence for sentence in found if sentence)


def identity_checks(pet: SeriesSummary, mrs: Sequence[SeriesSummary]) -> tuple[Check, ...]:
    """What could not be compared because a side is silent, and names that differ however they are spelt; one Check an attribute."""
    pairs = [(pet.people[0], mr.people[0]) for mr in mrs]
    return (*(_both_say(attribute, pairs) for attribute in _IDENTIFYING if attribute.key != "issuer"), _same_name(pairs))


def same_patient(one: SeriesSummary, other: SeriesSummary) -> bool:
    """Whether two series may be of one exam: one patient ID (and issuer where both have one), or one study."""
    if one.study_uid == other.study_uid:
        return True
    a, b = one.people[0], other.people[0]
    issuers = {issuer for issuer in (a.issuer, b.issuer) if issuer}
    return a.patient_id != "" and a.patient_id == b.patient_id and len(issuers) < 2


def _within(series: SeriesSummary) -> str:
    differing = [a.words for a in _IDENTIFYING if len({a.of(person) for person in series.people} - {""}) > 1]
    return f"the images of {series.modality} series {series.series_uid} differ in {' and '.join(differing)}" if differing else ""


def _between(pet: SeriesSummary, mr: SeriesSummary) -> str:
    differing = [a.words for a in _IDENTIFYING if _differ(a, pet.people[0], mr.people[0])]
    if not differing:
        return ""
    return f"PET series {pet.series_uid} and {mr.modality} series {mr.series_uid} differ in {' and '.join(differing)}"


def _differ(attribute: _Attribute, one: Person, other: Person) -> bool:
    a, b = attribute.of(one), attribute.of(other)
    return bool(a and b and a != b)


def _both_say(attribute: _Attribute, pairs: Sequence[tuple[Person, Person]]) -> Check:
    silent = any(not attribute.of(person) for pair in pairs for person in pair)
    message = f"the {attribute.words} is missing on one side, so that PET and MR could not be compared by it"
    return Check(f"identity_{attribute.key}", not silent, message if silent else f"PET and MR agree in {attribute.words}")


def _same_name(pairs: Sequence[tuple[Person, Person]]) -> Check:
    differing = any(_NAME.of(pet) != _NAME.of(mr) for pet, mr in pairs)
    message = "the patient's name is not written alike in PET and MR" if differing else "PET and MR agree in the patient's name"
    return Check("identity_name", not differing, message)
