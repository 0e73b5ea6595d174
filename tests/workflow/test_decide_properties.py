"""What holds of `decide` whatever the facts are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.exam import Role
from node.workflow.decide import Action, Candidate, Facts, decide, reservations
from node.workflow.states import State

sentences = st.lists(st.sampled_from(["one thing", "another thing"]), max_size=2).map(tuple)
seconds = st.sampled_from([0.0, 1.0, 4.9, 5.0, 29.0, 30.0, 3599.0, 3600.0, 9000.0])


@st.composite
def candidates(draw: st.DrawFn) -> tuple[Candidate, ...]:
    roles = draw(st.sets(st.sampled_from(list(Role))))
    made = []
    for role in sorted(roles, key=lambda role: role.value):
        whole = draw(st.booleans())
        sure, usable = whole and draw(st.booleans()), whole or draw(st.booleans())
        final = sure and draw(st.booleans())
        made.append(Candidate(role, f"1.{role.value}", whole, f"some images of {role.value}", sure=sure, final=final, usable=usable))
    return tuple(made)


@st.composite
def gathering(draw: st.DrawFn) -> Facts:
    """An exam that has not begun."""
    return Facts(
        draw(st.sampled_from([State.RECEIVED, State.WAITING])),
        draw(candidates()),
        unusable=draw(st.sampled_from(["", "", "no dose"])),
        conflicts=draw(st.sampled_from([(), (), ("sexes differ",)])),
        open_from=draw(st.sampled_from([(), (), ("MR3T",)])),
        unread=draw(st.sampled_from([0, 0, 3])),
        quiet_s=draw(seconds),
        quiet_needed_s=5.0,
        uncounted_quiet_s=30.0,
        deadline_s=3600.0,
        arriving=draw(sentences),
        better=draw(sentences),
        awaited=draw(sentences),
        elsewhere=draw(sentences),
        silent=draw(sentences),
        rests=draw(st.sampled_from(["", "", "begins at 20:00"])),
        fetching=draw(st.sampled_from([(), (), ("fetching a FLAIR",)])),
    )


many = settings(max_examples=150, deadline=None)


@many
@given(gathering())
def test_nothing_is_judged_while_images_may_still_come_in(facts: Facts) -> None:
    for still in (replace(facts, open_from=("MR3T",)), replace(facts, unread=1)):
        decision = decide(still)
        assert (decision.action, decision.passing) == (Action.WAIT, True)


@many
@given(gathering())
def test_an_exam_begins_only_with_pet_and_t1_that_can_be_used(facts: Facts) -> None:
    if decide(facts).action is Action.BEGIN:
        for role in (Role.PET, Role.T1):
            candidate = facts.candidate(role)
            assert candidate is not None
            assert candidate.whole or (facts.late and candidate.usable)


@many
@given(gathering())
def test_an_exam_that_begins_before_the_deadline_has_all_its_roles_whole(facts: Facts) -> None:
    if decide(facts).action is Action.BEGIN and not facts.late:
        assert all(candidate.whole for candidate in facts.chosen)
        assert facts.candidate(Role.FLAIR) or facts.candidate(Role.LESION_SEG)
        assert reservations(facts) == ()


@many
@given(gathering())
def test_where_nobody_has_counted_the_longer_time_is_kept(facts: Facts) -> None:
    if decide(facts).action is Action.BEGIN and facts.quiet_s < 30.0:
        assert all(candidate.sure for candidate in facts.chosen)
    if decide(facts).action is Action.BEGIN and facts.quiet_s < 5.0:
        assert all(candidate.final for candidate in facts.chosen)


@many
@given(gathering())
def test_what_is_certain_begins_at_once(facts: Facts) -> None:
    chosen = tuple(Candidate(role, f"1.{role.value}", True, "all", True, True, True) for role in (Role.PET, Role.T1, Role.FLAIR))
    free = replace(
        facts, chosen=chosen, conflicts=(), unusable="", open_from=(), unread=0, arriving=(), better=(), rests="", fetching=(), quiet_s=0.0
    )
    assert decide(free).action is Action.BEGIN


@many
@given(gathering())
def test_waiting_ends_at_the_deadline_whatever_is_missing(facts: Facts) -> None:
    over = replace(facts, open_from=(), unread=0, rests="", fetching=(), quiet_s=3600.0)
    assert decide(over).action is not Action.WAIT


@many
@given(gathering())
def test_more_evidence_that_all_is_here_never_delays(facts: Facts) -> None:
    surer = tuple(replace(one, whole=True, sure=True, final=True, usable=True) for one in facts.chosen)
    before, after = decide(facts), decide(replace(facts, chosen=surer, awaited=(), arriving=(), better=()))
    if before.action is Action.BEGIN:
        assert after.action is Action.BEGIN


@many
@given(gathering())
def test_every_decision_has_a_reason_and_what_is_short_is_in_it(facts: Facts) -> None:
    decision = decide(facts)
    assert decision.reason
    if decision.action is Action.BEGIN:
        for candidate in facts.chosen:
            assert candidate.told in decision.reason
