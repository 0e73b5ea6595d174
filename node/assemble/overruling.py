"""Overruling: what a person says of the series of one exam, laid over what the rules say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from node.assemble.roles import Judgement
from node.assemble.series import SeriesSummary
from node.domain.exam import Check, Role

CONTRASTS = (Role.T1, Role.FLAIR)
"""Roles that a person may give to any MR. A PET needs its tracer and a SEG its lesions, which the headers say or nobody."""


@dataclass(frozen=True)
class Overruling:
    """A person's word by Series Instance UID; each value says by whom and why.

    Parameters
    ----------
    merged : MR of another patient ID that was taken over, or that nobody else could place
    split : series that are not of the exam
    roles : series that fill a role, whatever their physics say
    """

    merged: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, tuple[Role, str]] = field(default_factory=dict)

    @property
    def trusted(self) -> frozenset[str]:
        """Series that a person has said are of the exam: neither patient ID nor date keep them out."""
        return frozenset((*self.merged, *self.roles))


NOTHING_SAID = Overruling()


def overruled(judged: Sequence[tuple[SeriesSummary, Judgement]], said: Overruling) -> list[tuple[SeriesSummary, Judgement]]:
    """The series as a person has said they are; those that nobody spoke of keep their judgement, unless their role was given away."""
    given = {role: uid for uid, (role, _) in said.roles.items()}
    return [(summary, overrule(summary, judgement, said, given)) for summary, judgement in judged]


def overrule(summary: SeriesSummary, judgement: Judgement, said: Overruling, given: Mapping[Role, str] | None = None) -> Judgement:
    """One series.

    Parameters
    ----------
    given : the series that a person has given each role to; every other loses it
    """
    uid, what = summary.series_uid, summary.modality
    if uid in said.split:
        return _out(judgement, f"{what} series {uid} is not taken: split off {said.split[uid]}")
    if uid in said.roles:
        return _given(judgement, *said.roles[uid])
    if given and judgement.role in given and judgement.role is not None:
        return _out(judgement, f"{what} series {uid} is not taken: a person gave the role {judgement.role.value} to another series")
    return judgement


def _out(judgement: Judgement, reason: str) -> Judgement:
    return replace(judgement, role=None, wanted=False, reason=reason)


def _given(judgement: Judgement, role: Role, told: str) -> Judgement:
    if role is judgement.role:
        return judgement
    message = f"the {role.value} was told {told}; how it was made says otherwise: {judgement.reason}"
    return replace(judgement, role=role, wanted=True, reason=message, checks=(Check("role_by_person", False, message),))
