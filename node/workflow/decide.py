"""`decide`: what happens next to an exam, and why, as a sentence. Pure: facts in, decision out, no clock and no I/O.

A *role* is filled by the one series that was chosen for it. *Quiet* is the time since the last image of the exam's series; an exam
is begun when its roles are filled, each chosen series is whole by its own count and geometry, no association that sent any of
them is still open, and it has been quiet for the site's time. What is missing is waited for until the site's *deadline*, counted from
the last image.
"""

from __future__ import annotations

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
    """A chosen series: `whole` by its count and geometry, `told` says so in words ("654 of 654 images")."""

    role: Role
    series_uid: str
    whole: bool
    told: str


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
    quiet_s, quiet_needed_s : time since the last image, and the site's
    deadline_s : the site's, counted from the last image
    begun : whether this version's series are fixed already
    owes : whether the page of a REJECTED exam, or the note of a WITHDRAWN one, has not been delivered yet
    unclaimed : why a reader's lesion segmentation, which came alone, is of no exam, one sentence; empty where there is none
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
    deadline_s: float = 0.0
    begun: bool = False
    owes: bool = False
    unclaimed: str = ""

    def candidate(self, role: Role) -> Candidate | None:
        """The series chosen for a role."""
        return next((candidate for candidate in self.chosen if candidate.role is role), None)

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
    return _settling(facts) or _gathered(facts)


def _settling(facts: Facts) -> Decision | None:
    """Wait while images are still coming in: nothing may be judged on half of a study."""
    if facts.unread:
        reason = f"reading the headers of {facts.unread} new images"
    elif facts.open_from:
        reason = f"receiving: association with {', '.join(facts.open_from)} still open; {_here(facts)}"
    elif facts.quiet_s < facts.quiet_needed_s:
        reason = f"waiting for {facts.quiet_needed_s:.0f} s without a new image; {_here(facts)}"
    else:
        return None
    return Decision(Action.WAIT, reason, passing=True)


def _gathered(facts: Facts) -> Decision:
    """Judge what has come in."""
    pet, t1 = facts.candidate(Role.PET), facts.candidate(Role.T1)
    if facts.conflicts:
        return Decision(Action.HOLD, f"the series may belong to different people: {'; '.join(facts.conflicts)}")
    if facts.unusable:
        return Decision(Action.REJECT, facts.unusable)
    if pet is None:
        return _without_pet(facts)
    if not pet.whole:
        return _until_deadline(facts, f"the PET is not whole: {pet.told}", Action.REJECT)
    if t1 is None:
        return _until_deadline(facts, "no MR: no T1-weighted series of the head has arrived", Action.REJECT, _others(facts))
    if not t1.whole:
        return _until_deadline(facts, f"the T1 is not whole: {t1.told}", Action.REJECT)
    return _lesion_source(facts)


def _without_pet(facts: Facts) -> Decision:
    if facts.unclaimed:
        return _until_deadline(facts, facts.unclaimed, Action.HOLD)
    if facts.chosen:
        return _until_deadline(facts, f"no TSPO PET has arrived for this MR ({_here(facts)})", Action.IGNORE, _others(facts))
    return Decision(Action.IGNORE, f"nothing here that the site's rules analyse{_others(facts)}")


def _lesion_source(facts: Facts) -> Decision:
    flair, seg = facts.candidate(Role.FLAIR), facts.candidate(Role.LESION_SEG)
    if seg is not None or (flair is not None and flair.whole):
        return Decision(Action.BEGIN, f"complete: {_here(facts)}")
    missing = f"the FLAIR is not whole: {flair.told}" if flair else "no FLAIR and no lesion segmentation has arrived"
    if facts.late:
        return Decision(Action.BEGIN, f"analysed without lesions at the site's deadline: {missing}; {_here(facts)}")
    return Decision(Action.WAIT, f"waiting for lesions, {_left(facts)}: {missing}")


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
    return "".join(f"; {sentence}" for sentence in facts.not_taken[:6])
