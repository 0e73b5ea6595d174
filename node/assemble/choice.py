"""`choose`: one series for each role, out of all that may fill it, and why that one.

The PET leads: MR is chosen for it, of the same patient, from its own study if that holds a T1, else from the study that was made
nearest in time. We chose the study first and the series second, because a T1 and a FLAIR of one session need no guess about how the
patient has changed between them; instead of picking the best image of each kind wherever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from node.assemble.drawings import by_person, drawn_at
from node.assemble.header import LEGACY_CONVERTED
from node.assemble.identity import same_patient
from node.assemble.roles import Judgement, has_contrast_agent
from node.assemble.rules import Rules
from node.assemble.series import SeriesSummary
from node.domain.exam import Check, Role

Judged = tuple[SeriesSummary, Judgement]


@dataclass(frozen=True)
class Chosen:
    """The series for a role, what was said when it was judged, and why it was preferred among how many."""

    role: Role
    summary: SeriesSummary
    judgement: Judgement
    why: str
    among: int = 1


@dataclass(frozen=True)
class Choice:
    """The series of one exam.

    Parameters
    ----------
    chosen : one a role at most
    unusable : why a PET that the site wants analysed cannot be, where there is no other PET that can; empty otherwise
    not_taken : why each of the other series fills no role, one sentence each
    """

    chosen: tuple[Chosen, ...]
    unusable: str = ""
    not_taken: tuple[str, ...] = field(default=())

    def get(self, role: Role) -> Chosen | None:
        """The series chosen for a role."""
        return next((chosen for chosen in self.chosen if chosen.role is role), None)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Assumptions that were made when the chosen series were judged."""
        return tuple(check for chosen in self.chosen for check in chosen.judgement.checks)


def choose(judged: Sequence[Judged], rules: Rules, *, trusted: Collection[str] = ()) -> Choice:
    """One series for each role.

    Parameters
    ----------
    judged : every series that may belong to one exam: the studies of one patient, or one study; in order of arrival
    trusted : series that a person has said are of the exam, by UID: neither patient ID nor date keep them out
    """
    pet = _pet(judged)
    unusable = "" if pet else next((j.reason for s, j in judged if j.wanted and j.role is None), "")
    mrs = [
        (s, j)
        for s, j in judged
        if j.role in (Role.T1, Role.FLAIR) and (pet is None or s.series_uid in trusted or _fits(s, pet.summary, rules))
    ]
    t1 = _mr(Role.T1, mrs, pet, None)
    flair = _mr(Role.FLAIR, mrs, pet, t1)
    chosen = [one for one in (pet, t1, flair) if one is not None]
    seg = _segmentation(judged, chosen, trusted)
    chosen += [seg] if seg else []
    taken = {one.summary.series_uid for one in chosen}
    passed_over = tuple(_passed_over(s, j, pet, rules) for s, j in judged if s.series_uid not in taken)
    return Choice(tuple(chosen), unusable, passed_over)


def _pet(judged: Sequence[Judged]) -> Chosen | None:
    pets = [(s, j) for s, j in judged if j.role is Role.PET]
    return _best(
        Role.PET,
        pets,
        (
            ("is whole", lambda s: not s.complete),
            ("has more time frames", lambda s: -len(s.frames)),
            ("was made later", lambda s: -_seconds(s.acquired_at)),
            ("has finer voxels", _voxel),
            ("is as the scanner wrote it", _converted),
        ),
    )


def _mr(role: Role, mrs: Sequence[Judged], pet: Chosen | None, t1: Chosen | None) -> Chosen | None:
    """The best of a role: of the T1's study (for a FLAIR), else of the PET's, else of the study nearest to the PET."""
    candidates = [(s, j) for s, j in mrs if j.role is role]
    return _best(
        role,
        candidates,
        (
            ("is whole", lambda s: not s.complete),
            ("lies in the study of the T1", lambda s: t1 is not None and s.study_uid != t1.summary.study_uid),
            ("lies in the study of the PET", lambda s: pet is not None and s.study_uid != pet.summary.study_uid),
            ("was made on a day nearer to the PET", lambda s: _days(s, pet)),
            ("is 3-D", lambda s: s.header.mr is None or s.header.mr.acquisition_type != "3D"),
            ("was made without contrast agent", lambda s: has_contrast_agent(s.header.mr)),
            ("has finer voxels", lambda s: round(_voxel(s), 1)),
            ("is an original image", lambda s: "ORIGINAL" not in s.header.image_type[:1]),
            ("is as the scanner wrote it", _converted),
            ("has its intensities normalised by the scanner", lambda s: "NORM" not in s.header.image_type),
            ("was made nearer in time to the PET", lambda s: _apart_s(s, pet)),
        ),
    )


Criterion = tuple[str, Callable[[SeriesSummary], float]]


def _best(role: Role, candidates: Sequence[Judged], criteria: Sequence[Criterion]) -> Chosen | None:
    """The candidate that comes first by the criteria in order, and the first criterion that tells it from the next; UIDs decide a tie."""
    if not candidates:
        return None
    ranked = sorted(candidates, key=lambda pair: ([rank(pair[0]) for _, rank in criteria], pair[0].series_uid))
    best, judgement = ranked[0]
    why = f"the only series that may be the {role.value}"
    if len(ranked) > 1:
        second = ranked[1][0]
        telling = next((words for words, rank in criteria if rank(best) != rank(second)), "comes first by its UID, being alike in all else")
        why = f"of {len(ranked)} series that may be the {role.value}, this one {telling}"
    return Chosen(role, best, judgement, why, len(ranked))


def _segmentation(judged: Sequence[Judged], chosen: Sequence[Chosen], trusted: Collection[str]) -> Chosen | None:
    """An incoming SEG counts where it lies in the space of the chosen MR; a person's before a program's, then the later one."""
    mrs = [one.summary for one in chosen if one.role in (Role.T1, Role.FLAIR)]
    frames = {mr.header.frame_of_reference_uid for mr in mrs} - {""}
    candidates = [(s, j) for s, j in judged if j.role is Role.LESION_SEG and s.header.frame_of_reference_uid in frames]
    arrived = {s.series_uid: n for n, (s, _) in enumerate(judged)}
    criteria: tuple[Criterion, ...] = (
        ("was drawn or corrected by a person", lambda s: not by_person(s.header)),
        ("was drawn later", lambda s: -_seconds(drawn_at(s.header))),
        ("came later", lambda s: -arrived[s.series_uid]),
    )
    ours = [(s, j) for s, j in candidates if s.series_uid in trusted or any(same_patient(s, mr) for mr in mrs)]
    return _best(Role.LESION_SEG, ours, criteria)


def _fits(mr: SeriesSummary, pet: SeriesSummary, rules: Rules) -> bool:
    return same_patient(mr, pet) and (mr.study_uid == pet.study_uid or _days_between(mr, pet) <= rules.mr_within_days)


def _passed_over(summary: SeriesSummary, judgement: Judgement, pet: Chosen | None, rules: Rules) -> str:
    if judgement.role is None:
        return judgement.reason
    called = f"{summary.modality} series {summary.series_uid}"
    if judgement.role in (Role.T1, Role.FLAIR) and pet is not None and not same_patient(summary, pet.summary):
        return f"{called} is not taken: it is of another patient ID than the PET"
    if judgement.role in (Role.T1, Role.FLAIR) and pet is not None and not _fits(summary, pet.summary, rules):
        return f"{called} is not taken: more than {rules.mr_within_days:.0f} days lie between it and the PET"
    if judgement.role is Role.LESION_SEG:
        return f"{called} is not taken: it lies in the frame of reference of none of the chosen MR series, or a later one does"
    return f"{called} is not taken: another series is the {judgement.role.value}"


def _converted(summary: SeriesSummary) -> bool:
    """Whether it is another's conversion of classic images, which may stand beside them in one study."""
    return summary.header.sop_class_uid in LEGACY_CONVERTED


def _days_between(one: SeriesSummary, other: SeriesSummary) -> float:
    if one.acquired_at is None or other.acquired_at is None:
        return float("inf")
    return abs(one.acquired_at - other.acquired_at) / timedelta(days=1)


def _days(mr: SeriesSummary, pet: Chosen | None) -> float:
    """Whole days between the dates; the latest MR first where there is no PET."""
    if mr.acquired_at is None:
        return float("inf")
    if pet is None or pet.summary.acquired_at is None:
        return -float(mr.acquired_at.toordinal())
    return abs((mr.acquired_at.date() - pet.summary.acquired_at.date()).days)


def _apart_s(mr: SeriesSummary, pet: Chosen | None) -> float:
    return 0.0 if pet is None else 86400.0 * _days_between(mr, pet.summary)


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else (moment - datetime(1900, 1, 1)).total_seconds()  # noqa: DTZ001 scanner time has no zone; only the order counts


def _voxel(summary: SeriesSummary) -> float:
    """Volume of a voxel, mm³; what does not say comes last."""
    geometry = summary.header.geometry
    if geometry is None or summary.spacing_mm is None:
        return float("inf")
    return geometry.pixel_spacing[0] * geometry.pixel_spacing[1] * summary.spacing_mm
