"""`Weighing`: what is known of how much of each series there should be, from its headers and from what others say of it.

A *claim* is somebody's count of one series. The largest claim counts, unless it is smaller than what is here: then it counts something
else. A claim that just what is here is all there is beats the scanner's own larger count, which may count what is never sent; it does not
beat a gap between slices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.assemble.choice import Choice, Chosen
from node.assemble.rules import Rules
from node.assemble.series import SeriesSummary
from node.domain.exam import Role
from node.workflow.decide import Candidate
from node.workflow.steps.looking import Judged
from node.workflow.store.evidence import NO_ANSWER, Evidence, EvidenceKind, EvidenceRow

WHO = {
    EvidenceKind.SENT: "{source}'s request for storage commitment",
    EvidenceKind.PERFORMED: "{source}'s procedure step",
    EvidenceKind.AVAILABLE: "{source}'s notice of availability",
    EvidenceKind.COUNTED: "{source}'s answer",
}
FINAL = (EvidenceKind.PERFORMED, EvidenceKind.AVAILABLE)
"""Said when the scan, or the archive, has all that there will be; the others say what there is so far."""

IMAGES = ("MR", "PT")
"""Modalities of which series may fill a role; what else an archive holds is no matter here."""

KNOWN = 4096
"""Lists whose missing instances are remembered between two sweeps."""


@dataclass(frozen=True)
class Claim:
    """That a series has so many images, by whom; `final` where no more are to come."""

    who: str
    images: int
    final: bool


@dataclass(frozen=True)
class Weighed:
    """What the evidence says of an exam; the sentences are those of `node.workflow.decide.Facts`."""

    candidates: tuple[Candidate, ...]
    arriving: tuple[str, ...]
    awaited: tuple[str, ...]
    elsewhere: tuple[str, ...]
    silent: tuple[str, ...]


class Weighing:
    """Weighs evidence, and remembers which listed instances are here."""

    def __init__(self, evidence: Evidence, rules: Rules) -> None:
        self._evidence = evidence
        self._rules = rules
        self._here: dict[int, tuple[int, dict[str, str]]] = {}

    def of(self, patient_key: str, items: Sequence[Judged], choice: Choice) -> Weighed:
        """What is known.

        Parameters
        ----------
        items : the series of the studies that the exam waits for
        """
        series = {item.count.series_uid: item for item in items}
        studies = sorted({item.count.study_uid for item in items})
        rows = self._evidence.about(studies=studies, series=sorted(series), patient_key=patient_key)
        here = {row.id: self._listed_here(row, items) for row in rows}
        claims = _claims(rows, here, series)
        chosen = {one.summary.series_uid for one in choice.chosen}
        return Weighed(
            tuple(_candidate(one, claims.get(one.summary.series_uid, ()), self._rules) for one in choice.chosen),
            tuple(_arriving(item) for item in items if _may_come(item) and item.count.series_uid not in chosen),
            tuple(sentence for row in rows if row.study_uid in studies and (sentence := _awaited(row, here[row.id]))),
            (
                *(_elsewhere(row) for row in rows if row.series_uid not in series and _is_image_series(row)),
                *(told for uid, item in series.items() if uid not in chosen and (told := _short(item, claims.get(uid, ())))),
            ),
            tuple(f"{row.source} does not say" for row in rows if row.state.startswith(NO_ANSWER)),
        )

    def _listed_here(self, row: EvidenceRow, items: Sequence[Judged]) -> dict[str, str]:
        """SOP Instance UID → series of those of a list that are here; asked again only when images have come."""
        if not row.instances:
            return {}
        images = sum(item.count.images for item in items)
        known = self._here.get(row.id)
        if known is None or known[0] != images:
            if len(self._here) >= KNOWN:
                self._here.clear()
            found = self._evidence.here(row.instances)
            known = self._here[row.id] = (images, {uid: series for uid, (_, series) in found.items()})
        return known[1]


def _claims(
    rows: Sequence[EvidenceRow], here: Mapping[int, Mapping[str, str]], series: Mapping[str, Judged]
) -> dict[str, tuple[Claim, ...]]:
    """Series → who says how many images it has. A sender's list that is not here as a whole says nothing of its single series."""
    claims: dict[str, list[Claim]] = {}
    for row in rows:
        if row.series_uid:
            counted = row.images if row.images is not None else len(row.instances)
            found = {row.series_uid: counted} if counted and row.state != "IN PROGRESS" else {}
        else:
            listed = list(here[row.id].values())
            found = {uid: listed.count(uid) for uid in set(listed)} if len(listed) == len(row.instances) else {}
        for uid, images in found.items():
            if uid in series:
                claims.setdefault(uid, []).append(Claim(_who(row), images, row.kind in FINAL))
    return {uid: tuple(some) for uid, some in claims.items()}


def _candidate(one: Chosen, claims: Sequence[Claim], rules: Rules) -> Candidate:
    summary = one.summary
    here, usable = summary.n_instances, _usable(summary, rules)
    most = _most(claims)
    if most is not None and most.images > here:
        return Candidate(one.role, summary.series_uid, False, _told(summary, most), usable=usable)
    if most is not None and most.images == here and usable:
        final = most.final or summary.sure
        return Candidate(one.role, summary.series_uid, True, _told(summary, most), sure=True, final=final, usable=True)
    told = summary.completeness if summary.complete else _told(summary, None)
    return Candidate(one.role, summary.series_uid, summary.complete, told, sure=summary.sure, final=summary.sure, usable=usable)


def _most(claims: Sequence[Claim]) -> Claim | None:
    """The claim that counts: the largest, and of several the one that is final."""
    return max(claims, key=lambda claim: (claim.images, claim.final), default=None)


def _usable(summary: SeriesSummary, rules: Rules) -> bool:
    """Whether nothing is missing but by a count; half a head is none, however evenly its slices lie."""
    return summary.complete or (summary.only_short and min(summary.extent_mm or (0.0,)) >= rules.smallest_extent_mm)


def _told(summary: SeriesSummary, claim: Claim | None) -> str:
    """How much is here, by whose count: the claim's, or else the scanner's own."""
    first, _, rest = summary.completeness.partition(", ")
    if claim is not None:
        first = f"{summary.n_instances} of {claim.images} images ({claim.who})"
    elif summary.n_expected is not None:
        first += " (the scanner's count)"
    return f"{first}, {rest}" if rest else first


def _may_come(item: Judged) -> bool:
    """Whether a series that is not whole may be meant for a role when it is."""
    return item.judgement.role in (Role.PET, Role.T1, Role.FLAIR) and not item.summary.complete


def _arriving(item: Judged) -> str:
    role = item.judgement.role
    assert role is not None
    return f"another series for {role.value}: {_told(item.summary, None)}"


def better(choice: Choice, hoped: Choice) -> tuple[Chosen, ...]:
    """What would be chosen for a role that is filled if every series were whole."""
    filled = {one.role: one.summary.series_uid for one in choice.chosen}
    return tuple(one for one in hoped.chosen if one.role in filled and filled[one.role] != one.summary.series_uid)


def told_better(one: Chosen) -> str:
    """The same as a sentence."""
    return f"a better series for {one.role.value} is not whole: {_told(one.summary, None)} (series {one.summary.series_uid})"


def _short(item: Judged, claims: Sequence[Claim]) -> str:
    """A series without a role that somebody has more of: half a series may not look like what it is."""
    summary, most = item.summary, _most(claims)
    if most is None or most.images <= summary.n_instances or summary.modality not in IMAGES:
        return ""
    return f"{summary.modality} series {summary.series_uid}: {summary.n_instances} of {most.images} images ({most.who})"


def _awaited(row: EvidenceRow, here: Mapping[str, str]) -> str:
    """What a row says is to come."""
    if row.kind is EvidenceKind.PERFORMED and row.state == "IN PROGRESS":
        return f"{_who(row)} has not ended"
    missing = len(row.instances) - len(here)
    if row.kind is EvidenceKind.SENT and missing and row.modality in IMAGES:
        return f"{_who(row)} names {missing} {row.modality} object{'s' if missing > 1 else ''} not here"
    return ""


def _is_image_series(row: EvidenceRow) -> bool:
    return bool(row.series_uid) and row.modality in IMAGES


def _elsewhere(row: EvidenceRow) -> str:
    called = f"{row.modality} series {row.description!r}" if row.description else f"{row.modality} series {row.series_uid}"
    counted = row.images if row.images is not None else len(row.instances)
    return f"{_who(row)}: {called}{f' of {counted} images' if counted else ''} is there and not here"


def _who(row: EvidenceRow) -> str:
    return WHO[row.kind].format(source=row.source)
