"""`decide`: what happens next to an exam, and why, as a sentence. Pure: facts in, decision out, no clock and no I/O.

A *role* is filled by the one series that was chosen for it. A series is *whole* when nothing of it is known to be missing, *sure* when
that is known by a count, *final* when that count is of all that will ever be, and *usable* when nothing is missing but by a count. A list
of what was sent so far, or a count of what an archive has so far, is not final. *Quiet* is the time since the last image of the exam.

An exam begins at once when its roles are filled with series that are final and no association is open that brought images of the patient.
Where no count is known it begins after the site's longer time without an image, where counts are known but more may come after the
shorter one. What is missing, or announced by somebody, is waited for until the site's *deadline*, counted from the last image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from node.domain.exam import Role
from node.workflow.states import ENDED, OWING, PATH, State, Verb


class Action(Enum):
    """What to do now."""

    WAIT = "wait"  #: nothing; look again later
    BEGIN = "begin"  #: fix the chosen series as this version's plan and assemble
    STEP = "step"  #: do the verb that follows the state
    IGNORE = "ignore"  #: not ours
    HOLD = "hold"  #: a person must look
    REJECT = "reject"  #: ours, but it cannot be used: make the page that says so
    REST = "rest"  #: ended, nothing to do


@dataclass(frozen=True)
class Candidate:
    """A chosen series: `told` says in words how much of it is here, and who counted ("112 of 176 images (the scanner's count)")."""

    role: Role
    series_uid: str
    whole: bool
    told: str
    sure: bool = False
    final: bool = False
    usable: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known of an exam now.

    Parameters
    ----------
    state : of the exam
    chosen : one candidate a role at most
    unusable : why a series that the site wants analysed cannot be, one sentence; empty where it can
    not_taken : why each of the other series fills no role, one sentence each
    conflicts : how PET and MR contradict each other about whose they are
    open_from : AE titles of associations still open that have sent images of the exam
    unread : images received whose header has not been read yet
    quiet_s, quiet_needed_s : time since the last image, and the site's where counts are known
    uncounted_quiet_s : the site's where no count is known of a chosen series
    arriving : series that may fill a role, were not chosen and are not whole, one sentence each
    better : those of them that came of late and would be chosen if they were whole, one sentence each
    awaited : what others say is to come or not yet at its end, one sentence each
    elsewhere : series that others say they have and that are not here, one sentence each
    silent : who was asked for a count and gave none
    deadline_s : the site's, counted from the last image
    begun : whether this version's series are fixed already
    owes : whether the page of a REJECTED exam, or the note of a WITHDRAWN one, has not been delivered yet
    unclaimed : why a reader's lesion segmentation, which came alone, is of no exam, one sentence; empty where there is none
    ignored_by : name of the site's rule that says not to analyse it; empty where none does
    rests : why it does not begin now although it could, one sentence; empty where it may
    fetching : what is being fetched from peers for a role that lacks it, one sentence each
    """

    state: State
    chosen: tuple[Candidate, ...] = ()
    unusable: str = ""
    not_taken: tuple[str, ...] = field(default=())
    conflicts: tuple[str, ...] = field(default=())
    open_from: tuple[str, ...] = field(default=())
    unread: int = 0
    quiet_s: float = 0.0
    quiet_needed_s: float = 0.0
    uncounted_quiet_s: float = 0.0
    deadline_s: float = 0.0
    begun: bool = False
    owes: bool = False
    unclaimed: str = ""
    arriving: tuple[str, ...] = field(default=())
    better: tuple[str, ...] = field(default=())
    awaited: tuple[str, ...] = field(default=())
    elsewhere: tuple[str, ...] = field(default=())
    silent: tuple[str, ...] = field(default=())
    ignored_by: str = ""
    rests: str = ""
    fetching: tuple[str, ...] = field(default=())

    def candidate(self, role: Role) -> Candidate | None:
        """The series chosen for a role."""
        return next((candidate for candidate in self.chosen if candidate.role is role), None)

    @property
    def certain(self) -> bool:
        """Whether every role is filled with the best that is known of, and each chosen series is known to be whole."""
        roles = {candidate.role for candidate in self.chosen}
        filled = {Role.PET, Role.T1} <= roles and bool(roles & {Role.FLAIR, Role.LESION_SEG})
        return filled and not self.better and all(candidate.whole and candidate.sure for candidate in self.chosen)

    @property
    def final(self) -> bool:
        """The same, by counts of all that will ever be."""
        return self.certain and all(candidate.final for candidate in self.chosen)

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.quiet_s >= self.deadline_s


@dataclass(frozen=True)
class Decision:
    """What to do, and why, as a sentence that the page and the list show; `verb` with `Action.STEP`.

    `passing` is true of a reason that changes from second to second while images arrive: it is shown, and not kept in the story.
    """

    action: Action
    reason: str
    verb: Verb | None = None
    passing: bool = False


OWED_TOLD = {
    State.REJECTED: "rejected; the page that says why is next",
    State.WITHDRAWN: "withdrawn; the rejection note that says so is next",
}


def decide(facts: Facts) -> Decision:
    """What is next."""
    if facts.state in OWING and facts.owes:
        return Decision(Action.STEP, OWED_TOLD[facts.state], OWING[facts.state])
    if facts.state in ENDED:
        return Decision(Action.REST, f"the exam is {facts.state.value}")
    for state, verb, _ in PATH:
        if facts.state is state and (facts.begun or state is not State.RECEIVED):
            return Decision(Action.STEP, f"{state.value.lower()}; {verb.value} is next", verb)
    return _fetching(facts) or _settling(facts) or _at_its_time(facts, _gathered(facts))


def _fetching(facts: Facts) -> Decision | None:
    """What is being fetched is waited for: the peer's time-outs are its deadline."""
    return Decision(Action.WAIT, f"{'; '.join(facts.fetching)}; {_here(facts)}", passing=True) if facts.fetching else None


def _at_its_time(facts: Facts, decision: Decision) -> Decision:
    if decision.action is Action.BEGIN and facts.rests:
        return Decision(Action.WAIT, f"{decision.reason}; {facts.rests}")
    return decision


def _settling(facts: Facts) -> Decision | None:
    """Wait while images are still coming in: nothing may be judged on half of a study."""
    if facts.unread:
        reason = f"reading the headers of {facts.unread} new images"
    elif facts.open_from:
        short = [f"waiting for {one.role.value}: {one.told}" for one in facts.chosen if not one.whole]
        still = f"association with {', '.join(facts.open_from)} still open"
        reason = f"{'; '.join(short)}, {still}" if short else f"receiving: {still}; {_here(facts)}"
    else:
        needed_s, why = _quiet_needed(facts)
        if facts.quiet_s >= needed_s:
            return None
        reason = f"{why}waiting for {needed_s:.0f} s without a new image; {'; '.join((_here(facts), *facts.arriving, *facts.awaited))}"
    return Decision(Action.WAIT, reason, passing=True)


def _quiet_needed(facts: Facts) -> tuple[float, str]:
    """How long it must have been quiet, and why."""
    if facts.final and not facts.arriving:
        return 0.0, ""
    longer_s = max(facts.quiet_needed_s, facts.uncounted_quiet_s)
    uncounted = [candidate.role.value for candidate in facts.chosen if candidate.whole and not candidate.sure]
    if uncounted:
        return longer_s, f"no count is known of {' and '.join(uncounted)}{_listed(facts.silent)}: "
    return (longer_s if facts.unusable else facts.quiet_needed_s), ""


def _gathered(facts: Facts) -> Decision:
    """Judge what has come in."""
    pet, t1 = facts.candidate(Role.PET), facts.candidate(Role.T1)
    if facts.ignored_by:
        return Decision(Action.IGNORE, f"not analysed by the site's rule {facts.ignored_by!r}")
    if facts.conflicts:
        return Decision(Action.HOLD, f"the series may belong to different people: {'; '.join(facts.conflicts)}")
    if facts.unusable:
        return Decision(Action.REJECT, facts.unusable)
    if pet is None:
        return _without_pet(facts)
    if _stops(facts, pet):
        return _until_deadline(facts, f"the PET is not whole: {pet.told}", Action.REJECT)
    if t1 is None:
        missing = "no MR: no T1-weighted series of the head has arrived"
        return _until_deadline(facts, missing, Action.REJECT, _listed(facts.elsewhere) + _others(facts))
    if _stops(facts, t1):
        return _until_deadline(facts, f"the T1 is not whole: {t1.told}", Action.REJECT)
    return _lesion_source(facts)


def _stops(facts: Facts, candidate: Candidate) -> bool:
    """Whether a series is not whole, and cannot be used as it is when its time has come."""
    return not candidate.whole and not (facts.late and candidate.usable)


def _without_pet(facts: Facts) -> Decision:
    if facts.unclaimed:
        return _until_deadline(facts, facts.unclaimed, Action.HOLD)
    if facts.chosen:
        missing = f"no TSPO PET has arrived for this MR ({_here(facts)})"
        return _until_deadline(facts, missing, Action.IGNORE, _listed(facts.elsewhere) + _others(facts))
    return Decision(Action.IGNORE, f"nothing here that the site's rules analyse{_others(facts)}")


def _lesion_source(facts: Facts) -> Decision:
    flair, seg = facts.candidate(Role.FLAIR), facts.candidate(Role.LESION_SEG)
    missing = ""
    if flair is not None and _stops(facts, flair):
        missing = f"the FLAIR is not whole: {flair.told}"
    elif flair is None and seg is None:
        missing = f"no FLAIR and no lesion segmentation has arrived{_listed(facts.elsewhere)}"
    if missing and not facts.late:
        return Decision(Action.WAIT, f"waiting for lesions, {_left(facts)}: {missing}")
    if missing and seg is None:
        return Decision(Action.BEGIN, f"analysed without lesions at the site's deadline: {missing}; {_here(facts)}")
    if not (facts.final or facts.late) and (facts.better or facts.awaited):
        return Decision(Action.WAIT, f"waiting, {_left(facts)}: {'; '.join(facts.better + facts.awaited)}")
    reserved = reservations(facts)
    if reserved:
        return Decision(Action.BEGIN, f"analysed at the site's deadline as it is: {'; '.join(reserved)}; {_here(facts)}")
    return Decision(Action.BEGIN, f"complete: {_here(facts)}")


def reservations(facts: Facts) -> tuple[str, ...]:
    """What the report must say where an exam begins now: series that are short, and what was announced and has not come."""
    short = tuple(f"the {one.role.value} is not whole: {one.told}" for one in facts.chosen if not one.whole)
    roles = {candidate.role for candidate in facts.chosen}
    no_lesions = not roles & {Role.FLAIR, Role.LESION_SEG}
    return short + facts.better + (() if facts.final else facts.awaited) + (facts.elsewhere if no_lesions else ())


def _until_deadline(facts: Facts, sentence: str, then: Action, more: str = "") -> Decision:
    if facts.late:
        return Decision(then, f"{sentence} by the site's deadline{more}")
    return Decision(Action.WAIT, f"waiting, {_left(facts)}: {sentence}{more}")


def _left(facts: Facts) -> str:
    return f"deadline {facts.deadline_s / 60:.0f} min after the last image"


def _here(facts: Facts) -> str:
    if not facts.chosen:
        return "no series for a role yet"
    return ", ".join(f"{candidate.role.value} {candidate.told}" for candidate in facts.chosen)


def _others(facts: Facts) -> str:
    return _listed(facts.not_taken)


def _listed(sentences: Sequence[str]) -> str:
    return "".join(f"; {sentence}" for sentence in sentences[:6])
