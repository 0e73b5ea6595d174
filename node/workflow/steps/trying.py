"""`try_rules`: what a site's rules would do with what is here already, and what differs from what was done. Nothing is written.

An exam is judged as if its last image had come long ago: a dry run tells what follows from the rules, not from the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from node import settings as settings_module
from node.assemble.rules import load_rules
from node.domain.ports import Clock
from node.domain.priority import Priority
from node.settings import Settings
from node.workflow.decide import Action, Facts, decide
from node.workflow.states import State
from node.workflow.steps.belonging import Belonging
from node.workflow.steps.gathering import Gathering, relevant
from node.workflow.steps.looking import Judged, Look
from node.workflow.steps.routing import Routing, peers_by_title
from node.workflow.steps.weighing import Weighing
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow

WOULD = {
    Action.BEGIN: "analyse",
    Action.IGNORE: "ignore",
    Action.HOLD: "hold",
    Action.REJECT: "reject",
    Action.WAIT: "wait",
}
"""What `decide` says, in a word."""

DONE = {State.IGNORED: "ignore", State.HELD: "hold", State.REJECTED: "reject", State.WAITING: "wait", State.RECEIVED: "wait"}
"""What a state says was done with an exam that has no plan, or none that is analysed; whatever else is "analyse"."""

OWN = "the site's own"
"""How a protocol is called where no rule names one."""


@dataclass(frozen=True)
class TriedSeries:
    """One series of an exam: what it would be, and whether it is used; `before` is the role that the plan gave it, empty for none."""

    series_uid: str
    modality: str
    description: str
    role: str
    before: str
    reason: str


@dataclass(frozen=True)
class TriedExam:
    """One exam.

    Parameters
    ----------
    rule : that it fits; None where it fits none
    would, done : in a word of `WOULD`
    reason : of what it would be
    differs : how that differs from what was done, one sentence each
    """

    exam: str
    version: int
    rule: str | None
    would: str
    done: str
    reason: str
    protocol: str
    priority: str
    series: tuple[TriedSeries, ...]
    differs: tuple[str, ...]


def try_rules(settings: Settings, table: Mapping[str, object], store: Store, clock: Clock, *, last: int) -> tuple[TriedExam, ...]:
    """The latest exams by these rules, oldest first.

    Parameters
    ----------
    table : a parsed ``rules.toml``
    last : of so many exams

    Raises
    ------
    SettingsError : lists the mistakes of the rules
    """
    rules, tracers = load_rules(table), settings_module.tracers(settings.analysis.tracers)
    belonging = Belonging(store, Look(store.register, rules, tracers), rules)
    routing = Routing(rules, settings_module.load_protocols(settings, table), peers_by_title(settings), clock)
    gathering = Gathering(store, belonging, routing, Weighing(store.evidence, rules), clock)
    return tuple(_try(exam, belonging, routing, gathering) for exam in store.exams.all()[-last:])


def _try(exam: ExamRow, belonging: Belonging, routing: Routing, gathering: Gathering) -> TriedExam:
    items = belonging.series(exam)
    choice = belonging.choose(exam, items)
    rule = routing.rule(relevant(exam, items, choice))
    planned = routing.planned(rule)
    decision = decide(_long_ago(gathering.anew(exam)))
    roles = {one.summary.series_uid: one.role.value for one in choice.chosen}
    protocol = planned.get("protocol")
    tried = TriedExam(
        exam=exam.name,
        version=exam.version,
        rule=rule.name if rule else None,
        would=WOULD[decision.action],
        done=_done(exam),
        reason=decision.reason,
        protocol=str(protocol["name"]) if isinstance(protocol, Mapping) else "",
        priority=str(planned.get("priority", Priority.NORMAL.value)),
        series=_series(exam, items, roles),
        differs=(),
    )
    return replace(tried, differs=_differences(exam, tried))


def _long_ago(facts: Facts) -> Facts:
    """With nothing more to come and nothing to wait for."""
    past = max(facts.deadline_s, facts.quiet_needed_s, facts.uncounted_quiet_s) + 1.0
    return replace(facts, open_from=(), unread=0, quiet_s=past, rests="")


def _series(exam: ExamRow, items: Sequence[Judged], roles: Mapping[str, str]) -> tuple[TriedSeries, ...]:
    before = {str(entry["series_uid"]): role for role, entry in (exam.plan or {}).get("series", {}).items()}
    found = [
        TriedSeries(
            item.summary.series_uid,
            item.summary.modality,
            item.summary.header.series_description,
            roles.get(item.summary.series_uid, ""),
            before.get(item.summary.series_uid, ""),
            item.judgement.reason,
        )
        for item in items
    ]
    return tuple(found)


def _done(exam: ExamRow) -> str:
    if exam.state is State.HELD and exam.plan is not None and not exam.plan.get("conflicts") and not exam.plan.get("unclaimed"):
        return "analyse"  # and held by a check of its result
    return DONE.get(exam.state, "analyse") if exam.state is not State.RECEIVED or exam.plan is None else "analyse"


def _differences(exam: ExamRow, tried: TriedExam) -> tuple[str, ...]:
    """Against the plan and the state; an exam that still waits has nothing that could differ but that it would not be analysed."""
    told = []
    if tried.would != tried.done and not (tried.done == "wait" and tried.would == "analyse"):
        told.append(f"would {tried.would} it, did {tried.done}")
    if exam.plan is None or tried.would != "analyse":
        return tuple(told)
    told += [
        f"series {one.series_uid} would be {one.role or 'of no role'}, was {one.before or 'of no role'}"
        for one in tried.series
        if one.role != one.before
    ]
    was = str((exam.plan.get("protocol") or {}).get("name", ""))
    if was != tried.protocol:
        told.append(f"protocol would be {tried.protocol or OWN}, was {was or OWN}")
    if exam.priority.value != tried.priority:
        told.append(f"priority would be {tried.priority}, was {exam.priority.value}")
    return tuple(told)
