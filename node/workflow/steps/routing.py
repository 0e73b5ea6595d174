"""`Routing`: which of the site's rules an exam fits, and what follows: by which protocol it is analysed, how soon, after which waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time

from node.assemble.exam_rules import Candidate, ExamRule, first_fit
from node.assemble.rules import Rules
from node.domain.ports import Clock
from node.domain.priority import Priority
from node.settings import Settings, load_protocols
from node.settings.protocols import Overrides
from node.workflow.steps.looking import Judged


class Routing:
    """The site's word on exams.

    Parameters
    ----------
    protocols : overrides of [analysis] by the name of the protocol
    peers : the site's names of whoever sends under an AE title
    """

    def __init__(self, rules: Rules, protocols: Mapping[str, Overrides], peers: Mapping[str, tuple[str, ...]], clock: Clock) -> None:
        self._rules = rules
        self._protocols = protocols
        self._peers = peers
        self._clock = clock

    def rule(self, items: Sequence[Judged]) -> ExamRule | None:
        """The first rule that fits, by the series that may fill a role."""
        return first_fit(self._rules.exams, [self._candidate(item) for item in items if item.judgement.role or item.judgement.wanted])

    def quiet_s(self, rule: ExamRule | None) -> float:
        """How long it must be quiet."""
        return self._rules.quiet_s if rule is None or rule.quiet_s is None else rule.quiet_s

    def uncounted_quiet_s(self, rule: ExamRule | None) -> float:
        """The same, where no count is known of a series; a rule that says how long means it for both."""
        return self._rules.uncounted_quiet_s if rule is None or rule.quiet_s is None else rule.quiet_s

    def deadline_s(self, rule: ExamRule | None) -> float:
        """How long what is missing is waited for."""
        return self._rules.deadline_s if rule is None or rule.deadline_s is None else rule.deadline_s

    def rests(self, rule: ExamRule | None) -> str:
        """Why an exam that could begin does not yet; empty where it may."""
        hours = self._rules.off_peak
        if rule is None or rule.priority is not Priority.OFF_PEAK or hours is None:
            return ""
        now = self._clock.now().astimezone().time()
        return "" if _within(now, hours) else f"off-peak by the site's rule {rule.name!r}: begins at {hours[0]:%H:%M}"

    def planned(self, rule: ExamRule | None) -> dict[str, object]:
        """What the plan of a version keeps of the rule, so that a rule changed later changes nothing that has begun."""
        if rule is None:
            return {}
        protocol = {"name": rule.protocol, "overrides": dict(self._protocols[rule.protocol])} if rule.protocol else None
        return {"rule": rule.name, "priority": rule.priority.value} | ({} if protocol is None else {"protocol": protocol})

    def _candidate(self, item: Judged) -> Candidate:
        judged = item.judgement
        return Candidate(item.summary.header, judged.role, judged.tracer, self._peers.get(item.source, ()), item.source, item.called)


def routing(settings: Settings, rules: Rules, clock: Clock) -> Routing:
    """The site's word as its settings have it; SettingsError where a protocol holds a mistake."""
    return Routing(rules, load_protocols(settings), peers_by_title(settings), clock)


def peers_by_title(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Calling AE title → the names of the peers that the site gives it."""
    titles = {title for peer in settings.peer for title in peer.ae_titles}
    return {title: tuple(peer.name for peer in settings.peer if title in peer.ae_titles) for title in sorted(titles)}


def _within(now: time, hours: tuple[time, time]) -> bool:
    """Whether it is between two times of day; they may lie on either side of midnight."""
    start, end = hours
    return start <= now < end if start < end else now >= start or now < end
