"""An exam beside the patient's earlier ones: the visits are fixed and aligned, lesions keep their numbers, and what has changed is told.

`keep_priors` runs once, when a version begins to be aligned, and leaves in the version's folder all that the later steps need: an old exam
whose files are deleted meanwhile changes nothing. `keep_numbers` gives the lesions their lasting numbers, `keep_history` tells the change.

We chose the latest visit that can be aligned for the lesions, whatever its tracer, because lesions are seen on MR; and the latest that is
alike for the numbers, because a number of another tracer says nothing. A lesion is followed from visit to visit: one that has vanished
and comes back is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from node.align import t1_from_prior
from node.domain.exam import Exam
from node.domain.history import Change, History, LesionChange, Visit
from node.domain.result import Alignment, LesionOrigin, Segmentation
from node.domain.tracer import TracerProfile
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.errors import DataError
from node.quantify.change import find_changes
from node.quantify.fates import Kin, find_fates, kin_told
from node.quantify.likeness import remarks, unlike
from node.segment.imported import labels_from_t1
from node.segment.numbering import Earlier, Family, cut_to_lesions, lasting_numbers, match_lesions, renumber
from node.workflow import artefacts
from node.workflow.steps.visits import Parts, Prior, find_priors, read_parts, tracking_of
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow
from node.workflow.story import version_folder

PRIORS, NUMBERS, HISTORY = "priors", "numbers", "history"
"""Names of the artefacts."""

MOST_TRIED = 3
"""Visits whose T1 is laid onto the new one, from the latest back, until one fits."""

ALIKE_VOXELS = 0.2
"""Edges of the FLAIR's voxels that differ by more than this share are told of. Our default."""

_DRAWN = {
    LesionOrigin.IMPORTED: "drawn elsewhere",
    LesionOrigin.FOUND: "found by the node",
    LesionOrigin.PROGRAM: "drawn by the site's program",
    LesionOrigin.NONE: "not looked for",
}


@dataclass(frozen=True, eq=False)
class Priors:
    """The visits of one version, fixed.

    Parameters
    ----------
    visits : oldest first
    matched : name of the visit whose T1 was aligned and whose lesions are followed; empty where there is none
    lesions : (S, R, C) its lesions by their numbers, on the part of its T1 grid that holds them
    own : tracking UID and number of each lesion of this exam's version before, by which a SEG that a reader sends back is read
    notes : one sentence each
    own_lesions : those lesions by their numbers, on the part of this exam's T1 that holds them; None where the T1 was another
    """

    visits: tuple[Prior, ...]
    matched: str
    lesions: Volume | None
    own: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    own_lesions: Volume | None = None

    def visit(self, name: str) -> Visit | None:
        """The visit of that name."""
        return next((one.visit for one in self.visits if one.visit.exam == name), None)


@dataclass(frozen=True)
class Numbers:
    """What the lesions are called: `tracking` are (number, UID) of those that had a name before, `kin` which are the visit's."""

    tracking: tuple[tuple[int, str], ...]
    kin: tuple[Kin, ...]


def keep_priors(folder: Path, store: Store, storage: Path, row: ExamRow, *, seed: int) -> Priors:
    """The visits of an exam whose alignment is done; made where they are not there yet."""
    if not artefacts.exists(folder, PRIORS):
        exam, alignment = artefacts.load(folder, "exam", Exam), artefacts.load(folder, "alignment", Alignment)
        visits, notes = find_priors(store, storage, row, subject=exam.subject, pet=exam.pet.source)
        own, own_lesions = _own(storage, row, exam) if exam.lesions is not None else ((), None)
        begun = Priors(visits, "", None, own, tuple(notes), own_lesions)
        artefacts.save(folder, PRIORS, _aligned(begun, alignment, storage, seed))
    return artefacts.load(folder, PRIORS, Priors)


def keep_numbers(folder: Path, segmentation: Segmentation, exam: Exam, alignment: Alignment) -> Segmentation:
    """The segmentation with lasting numbers; which lesion is whose is kept beside it."""
    numbered, numbers = number(segmentation, artefacts.load(folder, PRIORS, Priors), exam, alignment)
    artefacts.save(folder, NUMBERS, numbers)
    return numbered


def keep_history(folder: Path, tracer: TracerProfile) -> None:
    """Tell the history of an exam whose result is there, where it was not told yet."""
    if not artefacts.exists(folder, HISTORY) and artefacts.exists(folder, NUMBERS):
        priors, numbers = artefacts.load(folder, PRIORS, Priors), artefacts.load(folder, NUMBERS, Numbers)
        artefacts.save(folder, HISTORY, tell(priors, numbers, read_parts(folder), tracer))


def read_history(folder: Path) -> History | None:
    """The history of an exam; None for one that was begun before exams were compared."""
    return artefacts.load(folder, HISTORY, History) if artefacts.exists(folder, HISTORY) else None


def tracking(folder: Path) -> Mapping[int, str]:
    """Number and tracking UID of the lesions that had a name before; none in an exam that was begun before lesions were followed."""
    return dict(artefacts.load(folder, NUMBERS, Numbers).tracking) if artefacts.exists(folder, NUMBERS) else {}


def parameters(folder: Path) -> tuple[tuple[str, str], ...]:
    """The earlier exams that a result was made beside, as parameters of its Provenance: other visits give other objects."""
    if not artefacts.exists(folder, PRIORS):
        return ()
    visits = artefacts.load(folder, PRIORS, Priors).visits
    return tuple((f"earlier exam {one.visit.exam}", f"version {one.version}, result {one.digest}") for one in visits)


def number(segmentation: Segmentation, priors: Priors, exam: Exam, alignment: Alignment) -> tuple[Segmentation, Numbers]:
    """Give lesions their lasting numbers.

    A label of an incoming SEG that carries a tracking UID of ours keeps that lesion's name; the others of the SEG go by overlap with this
    exam's version before, since a viewer may drop what it does not know; then by overlap with the visit's; what is left takes numbers that
    no lesion of the patient has had.
    """
    visit = priors.visit(priors.matched)
    known = _known(priors, visit)
    claimed = {label: known[uid] for label, uid in _claimed(segmentation, exam, alignment).items() if uid in known}
    redrawn = _redrawn(segmentation, priors, known)
    claimed |= {label: number for label, number in redrawn.items() if label not in claimed and number not in claimed.values()}
    families = _families(segmentation, priors, visit)
    free = {one.now: one.before for one in families if one.now not in claimed and one.before not in claimed.values()}
    given = claimed | free
    used = {lesion.number for prior in priors.visits for lesion in prior.visit.lesions} | set(dict(priors.own).values())
    numbers = lasting_numbers(segmentation.lesions.array, given, above=max(used, default=0))
    uids = {number: uid for uid, number in known.items()}
    of_visit = {lesion.number for lesion in visit.lesions} if visit else set()
    told = Numbers(tuple(sorted((number, uids[number]) for number in given.values())), _kin(families, given, numbers, of_visit))
    return replace(segmentation, lesions=renumber(segmentation.lesions, numbers)), told


def tell(priors: Priors, numbers: Numbers, now: Parts, tracer: TracerProfile) -> History:
    """What has changed."""
    visits = tuple(replace(one.visit, unlike=unlike(now.method, one.method)) for one in priors.visits)
    lesions, notes = _fates(priors, numbers, now)
    changes, more = _changes(priors, visits, now, tracer)
    return History(visits, changes, lesions, (*priors.notes, *notes, *more))


def _aligned(priors: Priors, alignment: Alignment, storage: Path, seed: int) -> Priors:
    """With the latest visit aligned whose T1 fits, and its lesions."""
    notes = list(priors.notes)
    for prior in priors.visits[::-1][:MOST_TRIED]:
        if prior.origin is LesionOrigin.NONE:
            notes.append(f"{prior.visit.exam} has no lesions to follow: it had neither a FLAIR nor lesions drawn elsewhere.")
            continue
        try:
            fitted, lesions = _fitted(prior, alignment, storage, seed)
        except DataError as error:
            notes.append(f"Lesions of {prior.visit.exam} were not followed: {error}")
            continue
        visits = tuple(fitted if one is prior else one for one in priors.visits)
        return replace(priors, visits=visits, matched=prior.visit.exam, lesions=lesions, notes=tuple(notes))
    return replace(priors, notes=tuple(notes))


def _fitted(prior: Prior, alignment: Alignment, storage: Path, seed: int) -> tuple[Prior, Volume]:
    """A visit with its transform, and its lesions; DataError where its T1 does not fit, or cannot be read."""
    folder = storage / "exams" / prior.visit.exam / f"v{prior.version}"
    t1 = artefacts.load_part(folder, "alignment", _T1).t1
    lesions = artefacts.load_part(folder, "segmentation", _Lesions).lesions
    transform, checks = t1_from_prior(alignment.t1, alignment.brain, t1, seed=seed)
    failed = next((check.message for check in checks if not check.passed), "")
    if failed:
        raise DataError(failed)
    return replace(prior, visit=replace(prior.visit, t1=prior.t1, t1_from_t1=transform)), cut_to_lesions(lesions)


def _own(storage: Path, row: ExamRow, exam: Exam) -> tuple[tuple[tuple[str, int], ...], Volume | None]:
    """Names of the lesions of this exam's latest version before that can be read, and where they lie if it had the same T1."""
    for version in range(row.version - 1, 0, -1):
        folder = version_folder(storage, replace(row, version=version))
        try:
            parts, lesions = read_parts(folder), artefacts.load_part(folder, "segmentation", _Lesions).lesions
        except DataError:
            continue
        same = parts.t1.series_uid == exam.t1.source.series_uid and lesions.same_grid(exam.t1.volume)
        return tuple(tracking_of(parts.lesions)), cut_to_lesions(lesions) if same else None
    return (), None


def _redrawn(segmentation: Segmentation, priors: Priors, known: Mapping[str, int]) -> dict[int, int]:
    """Label → number of the lesion of the version before that it overlaps, where that number is still this lesion's."""
    if priors.own_lesions is None:
        return {}
    before = Earlier(priors.own_lesions, Transform.identity())
    still = {number for uid, number in priors.own if known.get(uid) == number}
    return {one.now: one.before for one in match_lesions(segmentation.lesions, before) if one.before in still}


def _claimed(segmentation: Segmentation, exam: Exam, alignment: Alignment) -> dict[int, str]:
    """Label on the T1 → tracking UID that the incoming SEG gives it."""
    if exam.lesions is None or not exam.lesions.tracking:
        return {}
    uids = dict(exam.lesions.tracking)
    drawn = Earlier(exam.lesions.labels, labels_from_t1(exam, exam.lesions, alignment).inverse())
    return {one.now: uids[one.before] for one in match_lesions(segmentation.lesions, drawn) if one.before in uids}


def _families(segmentation: Segmentation, priors: Priors, visit: Visit | None) -> tuple[Family, ...]:
    if visit is None or visit.t1_from_t1 is None or priors.lesions is None:
        return ()
    return match_lesions(segmentation.lesions, Earlier(priors.lesions, visit.t1_from_t1))


def _known(priors: Priors, visit: Visit | None) -> dict[str, int]:
    """Tracking UID → number of every lesion that has had a name: of the visit followed, of this exam's version before, of the others.

    A number belongs to one lesion. Exams that were analysed before lesions were followed may have given it to two: the first named has it.
    """
    others = (pair for one in priors.visits[::-1] if one.visit is not visit for pair in tracking_of(one.visit.lesions))
    known: dict[str, int] = {}
    for uid, number in (*tracking_of(visit.lesions if visit else ()), *priors.own, *others):
        if uid not in known and number not in known.values():
            known[uid] = number
    return known


def _kin(families: tuple[Family, ...], given: Mapping[int, int], numbers: Mapping[int, int], of_visit: set[int]) -> tuple[Kin, ...]:
    """Which lesions are the visit's, with those that have joined or parted and go by no name of their own.

    Parameters
    ----------
    given : label → number, of lesions that have a name
    numbers : label → number, of all
    of_visit : the visit's
    """
    family = {(one.now, one.before): one for one in families}
    kin = []
    for label, number in given.items():
        if number not in of_visit:
            continue
        one = family.get((label, number), Family(number, label))
        joined = tuple(before for before in one.joined if before not in given.values())
        kin.append(Kin(number, joined, tuple(numbers[now] for now in one.parted if now not in given)))
    return tuple(sorted(kin, key=lambda one: one.number))


def _fates(priors: Priors, numbers: Numbers, now: Parts) -> tuple[tuple[LesionChange, ...], tuple[str, ...]]:
    """What has become of the lesions; told only where both exams' were drawn in one way."""
    prior = next((one for one in priors.visits if one.visit.exam == priors.matched), None)
    if prior is None:
        return (), ()
    since = prior.visit.exam
    if now.origin is not prior.origin:
        drawn = f"Lesions of {since} were {_DRAWN[prior.origin]}, those of this exam {_DRAWN[now.origin]}"
        return (), (f"{drawn}: they keep their numbers, and none is called new, enlarged, smaller or no longer seen.",)
    fates = find_fates(now.lesions, prior.visit.lesions, numbers.kin, since=since)
    return fates, (*kin_told(numbers.kin, since=since), *_protocols(prior, now))


def _protocols(prior: Prior, now: Parts) -> tuple[str, ...]:
    """Whether the FLAIR, on which lesions are seen, has become another one."""
    if not prior.flair_mm or not now.flair_mm or np.allclose(sorted(prior.flair_mm), sorted(now.flair_mm), rtol=ALIKE_VOXELS):
        return ()
    then, today = (" × ".join(f"{step:.1f}" for step in sorted(voxel)) for voxel in (prior.flair_mm, now.flair_mm))
    since = prior.visit.exam
    return (f"The FLAIR of {since} has voxels of {then} mm, this exam's of {today} mm: that alone may make lesions look changed.",)


def _changes(priors: Priors, visits: tuple[Visit, ...], now: Parts, tracer: TracerProfile) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """What has changed since the latest visit that is alike."""
    alike = [(prior, visit) for prior, visit in zip(priors.visits, visits, strict=True) if not visit.unlike]
    if not alike:
        return (), ()
    prior, visit = alike[-1]
    then = visit.findings, visit.lesions
    changes = find_changes((now.findings, now.lesions), then, method=now.method, tracer=tracer, since=visit.exam)
    return changes, remarks(now.method, prior.method, since=visit.exam)


@dataclass(frozen=True, eq=False)
class _T1:
    t1: Volume


@dataclass(frozen=True, eq=False)
class _Lesions:
    lesions: Volume
