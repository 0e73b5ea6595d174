"""`decide` is pure: each row of the story in a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.domain.exam import Role
from node.workflow.decide import Action, Candidate, Facts, decide
from node.workflow.states import ENDED, State, Verb

PET = Candidate(Role.PET, "1.1", True, "654 of 654 images")
T1 = Candidate(Role.T1, "1.2", True, "170 images without a gap")
FLAIR = Candidate(Role.FLAIR, "1.3", True, "170 images without a gap")
SEG = Candidate(Role.LESION_SEG, "1.4", True, "1 image")
HALF = Candidate(Role.FLAIR, "1.3", False, "112 of 176 images (the scanner's count)")
WHOLE = Facts(State.RECEIVED, (PET, T1, FLAIR), quiet_s=9.0, quiet_needed_s=5.0, deadline_s=3600.0)
LATE = replace(WHOLE, quiet_s=3600.0)
SO_FAR = replace(WHOLE, chosen=tuple(replace(one, sure=True, usable=True) for one in WHOLE.chosen))
FINAL = replace(WHOLE, chosen=tuple(replace(one, final=True) for one in SO_FAR.chosen))


@pytest.mark.parametrize(
    ("facts", "action", "words"),
    [
        (WHOLE, Action.BEGIN, "complete: PET 654 of 654 images, T1"),
        (replace(WHOLE, state=State.WAITING), Action.BEGIN, "complete"),
        (replace(WHOLE, unread=7), Action.WAIT, "headers of 7 new images"),
        (replace(WHOLE, open_from=("MR3T",)), Action.WAIT, "association with MR3T still open"),
        (replace(WHOLE, quiet_s=1.0), Action.WAIT, "5 s without a new image"),
        (replace(WHOLE, conflicts=("birth dates differ",)), Action.HOLD, "birth dates differ"),
        (replace(WHOLE, unusable="PET series 1.1: no attenuation"), Action.REJECT, "PET series 1.1: no attenuation"),
        (replace(WHOLE, chosen=(T1, FLAIR)), Action.WAIT, "no TSPO PET"),
        (replace(LATE, chosen=(T1, FLAIR)), Action.IGNORE, "no TSPO PET"),
        (replace(WHOLE, chosen=(), not_taken=("series 1.9 is FDG",)), Action.IGNORE, "series 1.9 is FDG"),
        (replace(WHOLE, chosen=(replace(PET, whole=False, told="653 of 654 images"), T1)), Action.WAIT, "653 of 654"),
        (replace(LATE, chosen=(replace(PET, whole=False, told="653 of 654 images"), T1)), Action.REJECT, "653 of 654"),
        (replace(WHOLE, chosen=(PET, FLAIR)), Action.WAIT, "no MR"),
        (replace(LATE, chosen=(PET,)), Action.REJECT, "no MR"),
        (replace(LATE, chosen=(PET, replace(T1, whole=False, told="gap of 2 slices"))), Action.REJECT, "gap of 2 slices"),
        (replace(WHOLE, chosen=(PET, T1)), Action.WAIT, "no FLAIR and no lesion segmentation"),
        (replace(LATE, chosen=(PET, T1)), Action.BEGIN, "without lesions"),
        (replace(WHOLE, chosen=(PET, T1, SEG)), Action.BEGIN, "complete"),
        (replace(WHOLE, uncounted_quiet_s=30.0), Action.WAIT, "no count is known of PET and T1 and FLAIR: waiting for 30 s"),
        (replace(WHOLE, uncounted_quiet_s=30.0, silent=("pacs does not say",)), Action.WAIT, "FLAIR; pacs does not say: waiting"),
        (replace(FINAL, quiet_s=0.0), Action.BEGIN, "complete"),
        (replace(FINAL, quiet_s=0.0, awaited=("a scan goes on",)), Action.BEGIN, "complete"),
        (replace(SO_FAR, quiet_s=0.0), Action.WAIT, "waiting for 5 s without a new image"),
        (replace(SO_FAR, awaited=("a scan goes on",)), Action.WAIT, "deadline 60 min after the last image: a scan goes on"),
        (replace(SO_FAR, awaited=("a scan goes on",), quiet_s=3600.0), Action.BEGIN, "as it is: a scan goes on"),
        (replace(FINAL, better=("a better T1 is coming",)), Action.WAIT, "a better T1 is coming"),
        (
            replace(FINAL, chosen=(*FINAL.chosen[:2], HALF), open_from=("MR3T",)),
            Action.WAIT,
            f"waiting for FLAIR: {HALF.told}, association",
        ),
        (replace(WHOLE, chosen=(PET, T1), elsewhere=("pacs has a FLAIR",)), Action.WAIT, "has arrived; pacs has a FLAIR"),
        (replace(LATE, chosen=(PET, T1), elsewhere=("pacs has a FLAIR",)), Action.BEGIN, "pacs has a FLAIR"),
        (replace(LATE, chosen=(PET, replace(T1, whole=False, usable=True), FLAIR)), Action.BEGIN, "as it is: the T1 is not whole"),
        (replace(WHOLE, chosen=(PET, T1, replace(FLAIR, whole=False), SEG)), Action.WAIT, "the FLAIR is not whole"),
    ],
)
def test_an_exam_is_begun_only_when_it_is_whole_and_quiet(facts: Facts, action: Action, words: str) -> None:
    decision = decide(facts)
    assert decision.action is action
    assert words in decision.reason


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        (State.ASSEMBLED, Verb.ALIGN),
        (State.ALIGNED, Verb.SEGMENT),
        (State.SEGMENTED, Verb.QUANTIFY),
        (State.QUANTIFIED, Verb.ENCODE),
        (State.ENCODED, Verb.DELIVER),
    ],
)
def test_each_state_is_followed_by_its_verb(state: State, verb: Verb) -> None:
    assert decide(replace(WHOLE, state=state)).verb is verb


@pytest.mark.parametrize("state", sorted(ENDED, key=lambda state: state.value))
def test_nothing_leaves_an_end_by_itself(state: State) -> None:
    assert decide(replace(WHOLE, state=state)).action is Action.REST


def test_a_conflict_is_held_even_when_something_else_is_missing() -> None:
    assert decide(replace(LATE, chosen=(PET,), conflicts=("sexes differ",))).action is Action.HOLD


def test_an_exam_that_was_begun_is_assembled_whatever_arrives() -> None:
    assert decide(replace(WHOLE, begun=True, unread=3)).verb is Verb.ASSEMBLE


def test_a_rejected_exam_owes_the_radiologist_a_page() -> None:
    assert decide(Facts(State.REJECTED, owes=True)).verb is Verb.REFUSE
    assert decide(Facts(State.REJECTED)).action is Action.REST
