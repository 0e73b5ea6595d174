"""Are PET and MR of one person? Different answers are a conflict, a missing answer is a Check (rule 9 of the house).

Two patient IDs are equal when they are the same characters in the same case, leading zeros included; only padding does not count, as
PS3.5 6.2 has it. We chose no more than that, since an ID whose zeros a console drops is an ID that two people can share; a person merges
what belongs together. An issuer that is not said fits any, unless two issuers have given out the ID here.

Every image of a series counts, not the first, and each series is compared with each: a PET that is silent, or a first image that is, would
else let two people meet. Names differ by spelling, so that they are a Check; where an ID is missing they are all there is, and count.

No sentence here holds what the files say, only that they differ (rule 11): the reader has the UIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from node.assemble.header import Header
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


def patient_key(header: Header) -> str:
    """By what images may be of one patient: the ID; the study where there is none."""
    return header.person.patient_id or f"study {header.study_uid}"


def conflicts(pet: SeriesSummary, mrs: Sequence[SeriesSummary], *, waived: Collection[str] = ()) -> tuple[str, ...]:
    """How the series of an exam contradict each other about whose they are.

    Parameters
    ----------
    waived : series of which a person has said that they are the PET's all the same, by UID

    Returns
    -------
    one sentence each, none where nothing contradicts
    """
    if mixed := tuple(filter(None, (_within(series) for series in (pet, *mrs)))):
        return mixed
    against = {mr.series_uid: "" if mr.series_uid in waived else _between(pet, mr) for mr in mrs}
    agreeing = [mr for mr in mrs if not against[mr.series_uid]]
    # A PET that is silent agrees with two people at once, and what a person vouched for as one patient's may be two people's.
    found = [*against.values(), *(_between(*pair) for pair in combinations(agreeing, 2) if _comparable(*pair, waived))]
    return tuple(sentence for sentence in found if sentence)


def unsure_issuer(pet: SeriesSummary, mrs: Sequence[SeriesSummary], issuers: Collection[str]) -> tuple[str, ...]:
    """Series of which nobody can say whether they are the PET's: the ID was given out twice here, and one side does not say by whom.

    Parameters
    ----------
    issuers : of the PET's patient ID, as far as the images here say
    """
    if len(issuers) < 2:
        return ()
    silent = [mr for mr in mrs if mr.study_uid != pet.study_uid and not (_all_say_issuer(pet) and _all_say_issuer(mr))]
    told = f"{len(issuers)} issuers have given out this patient ID, and one side does not say which is its own"
    return tuple(
        f"PET series {pet.series_uid} and {mr.modality} series {mr.series_uid} cannot be told to be of one: {told}" for mr in silent
    )


def other_names(pet: SeriesSummary, mrs: Sequence[SeriesSummary]) -> tuple[tuple[SeriesSummary, str], ...]:
    """MR of other studies whose name is not the PET's, with that name made comparable: it may be another patient's."""
    mine = {person.name_key for person in pet.people} - {""}
    names = [(mr, name) for mr in mrs if mr.study_uid != pet.study_uid for name in dict.fromkeys(one.name_key for one in mr.people)]
    return tuple((mr, name) for mr, name in names if mine and name and name not in mine)


def identity_checks(pet: SeriesSummary, mrs: Sequence[SeriesSummary], *, waived: Mapping[str, str] | None = None) -> tuple[Check, ...]:
    """What could not be compared because a side is silent, and names that differ however they are spelt; one Check an attribute.

    Parameters
    ----------
    waived : series that a person has said are the PET's, by UID, and who and why; a Check tells what they differ in
    """
    waived = waived or {}
    pairs = [(one, other) for mr in mrs if mr.series_uid not in waived for one in pet.people for other in mr.people]
    merged = tuple(_merged(pet, mr, waived[mr.series_uid]) for mr in mrs if mr.series_uid in waived)
    if not pairs:  # nothing but what a person has vouched for: no agreement was seen
        return merged
    told = [attribute for attribute in _IDENTIFYING if attribute.key != "issuer" or any(one.issuer for pair in pairs for one in pair)]
    return (*(_both_say(attribute, pairs) for attribute in told), _same_name(pairs), *merged)


def same_patient(one: SeriesSummary, other: SeriesSummary) -> bool:
    """Whether two series may be of one exam: one patient ID (and issuer where both have one), or one study."""
    if one.study_uid == other.study_uid:
        return True
    a, b = one.people[0], other.people[0]
    issuers = {issuer for issuer in (a.issuer, b.issuer) if issuer}
    return a.patient_id != "" and a.patient_id == b.patient_id and len(issuers) < 2


def identity_changes(kept: Header, came: Header) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """In what two files of one SOP Instance UID say something else of whose they are.

    Returns
    -------
    what may mean another person or study, and what is spelling or administration; in words, without the values
    """
    one, other = kept.person, came.person
    grave = [a.words for a in _IDENTIFYING if a.of(one) != a.of(other)]
    grave += ["Study Instance UID"] if kept.study_uid != came.study_uid else []
    slight = [_NAME.words] if _NAME.of(one) != _NAME.of(other) else []
    slight += ["accession number"] if kept.accession != came.accession else []
    return tuple(grave), tuple(slight)


def _merged(pet: SeriesSummary, mr: SeriesSummary, told: str) -> Check:
    differing = [a.words for a in (*_IDENTIFYING, _NAME) if _differ(a, pet.people, mr.people)]
    message = f"{mr.modality} series {mr.series_uid} was said to be of the PET's patient {told}"
    if differing:
        message = (
            f"{mr.modality} series {mr.series_uid}, which differs in {', '.join(differing)}, was said to be of the PET's patient {told}"
        )
    return Check("identity_merged", False, message)


def _all_say_issuer(series: SeriesSummary) -> bool:
    return all(person.issuer for person in series.people)


def _comparable(one: SeriesSummary, other: SeriesSummary, waived: Collection[str]) -> bool:
    """Whether two series that agree with the PET must agree with each other: not where a person has said that their cards differ."""
    merged = {series.series_uid in waived for series in (one, other)}
    return merged == {False} or (merged == {True} and one.people[0].patient_id == other.people[0].patient_id)


def _within(series: SeriesSummary) -> str:
    differing = _differing(series.people, series.people)
    return f"the images of {series.modality} series {series.series_uid} differ in {' and '.join(differing)}" if differing else ""


def _between(one: SeriesSummary, other: SeriesSummary) -> str:
    differing = _differing(one.people, other.people)
    if not differing:
        return ""
    kind = "PET" if one.modality == "PT" else one.modality
    return f"{kind} series {one.series_uid} and {other.modality} series {other.series_uid} differ in {' and '.join(differing)}"


def _differing(some: Sequence[Person], others: Sequence[Person]) -> list[str]:
    """In what two groups of images say that they are of different people, in words; the name counts where an ID is not there to tell."""
    found = [a.words for a in _IDENTIFYING if _differ(a, some, others)]
    without_id = [person for person in some if not person.patient_id], [person for person in others if not person.patient_id]
    by_name = _differ(_NAME, without_id[0], others) or _differ(_NAME, some, without_id[1])
    return [*found, *([_NAME.words] if by_name else [])]


def _differ(attribute: _Attribute, some: Sequence[Person], others: Sequence[Person]) -> bool:
    a, b = ({attribute.of(person) for person in people} - {""} for people in (some, others))
    return bool(a and b and len(a | b) > 1)


def _both_say(attribute: _Attribute, pairs: Sequence[tuple[Person, Person]]) -> Check:
    silent = any(not attribute.of(person) for pair in pairs for person in pair)
    message = f"the {attribute.words} is missing on one side, so that PET and MR could not be compared by it"
    return Check(f"identity_{attribute.key}", not silent, message if silent else f"PET and MR agree in {attribute.words}")


def _same_name(pairs: Sequence[tuple[Person, Person]]) -> Check:
    differing = any(_NAME.of(pet) != _NAME.of(mr) for pet, mr in pairs)
    message = "the patient's name is not written alike in PET and MR" if differing else "PET and MR agree in the patient's name"
    return Check("identity_name", not differing, message)
