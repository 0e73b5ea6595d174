"""Exam rules: a site's word on which exams to analyse, by which protocol, how soon; ``[[exam]]`` of ``config/rules.toml``.

A rule fits an exam when one of its series that may fill a role fits all that the rule says of it. The first rule that fits counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from node.assemble.header import Header
from node.assemble.tables import Table
from node.domain.exam import Role
from node.domain.priority import Priority

PATTERNS = ("peer", "source", "called", "station", "study", "series", "protocol_name", "procedure_code")
"""Keys of a rule that are patterns."""


@dataclass(frozen=True)
class Candidate:
    """One series that may fill a role, as rules see it.

    Parameters
    ----------
    header : of one of its images
    role, tracer : as it was judged; None where it is wanted and cannot be used, or is no PET
    peers : the site's names of whoever sends under its calling AE title
    source, called : AE titles of the association that brought it
    """

    header: Header
    role: Role | None
    tracer: str | None
    peers: tuple[str, ...]
    source: str
    called: str


@dataclass(frozen=True)
class ExamRule:
    """One rule; what is empty or None asks nothing.

    Parameters
    ----------
    patterns : key of `PATTERNS` and what must be found in it
    age_years : from and to, both included, at the day of the series
    analyse : whether the exam is analysed at all
    protocol : name of a set of overrides of [analysis]; empty for the site's own
    quiet_s, deadline_s : instead of [completeness]; None for what stands there
    """

    name: str
    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    modality: str
    role: Role | None
    tracers: tuple[str, ...]
    sex: str
    age_years: tuple[float, float] | None
    analyse: bool
    protocol: str
    priority: Priority
    quiet_s: float | None
    deadline_s: float | None

    @property
    def asks(self) -> bool:
        """Whether there is anything that a series must fulfil."""
        return bool(self.patterns or self.modality or self.role or self.tracers or self.sex or self.age_years)

    def fits(self, one: Candidate) -> bool:
        """Whether a series fulfils all of it."""
        return (
            (not self.modality or self.modality == one.header.modality)
            and (self.role is None or self.role is one.role)
            and (not self.tracers or one.tracer in self.tracers)
            and (not self.sex or self.sex == one.header.person.sex)
            and (self.age_years is None or _within(age_years(one.header), self.age_years))
            and all(any(pattern.search(text) for text in _texts(key, one)) for key, pattern in self.patterns)
        )


def first_fit(rules: Iterable[ExamRule], candidates: Sequence[Candidate]) -> ExamRule | None:
    """The first rule that one of the series fits; None where none does, or where no series may fill a role."""
    return next((rule for rule in rules if any(rule.fits(one) for one in candidates)), None)


def age_years(header: Header) -> float | None:
    """Age in years at the day of the series; None where the header does not say birth date or day."""
    born, at = header.person.birth_date, header.acquired_at or header.series_at or header.study_at
    return None if born is None or at is None else _years(born, at.date())


def load_exam_rules(root: Table, protocols: Collection[str]) -> tuple[ExamRule, ...]:
    """The rules of the table of ``rules.toml``; mistakes are noted there.

    Parameters
    ----------
    protocols : names that the file gives to sets of overrides
    """
    entries = root.tables("exam")
    rules = tuple(_rule(entry, protocols) for entry in entries)
    for number, (entry, rule) in enumerate(zip(entries, rules, strict=True)):
        if rule.name in [other.name for other in rules[:number]]:
            entry.mistake("name", f"expected a name of its own; found {rule.name!r} again")
        if not rule.asks and number < len(rules) - 1:
            entry.mistake("", "a rule that asks nothing fits every exam: expected it to be the last, or those after it would never count")
    return rules


def _rule(entry: Table, protocols: Collection[str]) -> ExamRule:
    found = [(key, entry.pattern(key)) for key in PATTERNS]
    protocol = entry.text("protocol", default="")
    if protocol and protocol not in protocols:
        entry.mistake("protocol", f"expected one of the [protocol.NAME] of this file; found {protocol!r}")
    role = entry.choice("role", ("", *(role.value for role in Role)), default="")
    deadline_min = entry.some_number("deadline_min", 0, 60 * 24 * 14)
    return ExamRule(
        name=entry.text("name"),
        patterns=tuple((key, pattern) for key, pattern in found if pattern is not None),
        modality=entry.choice("modality", ("", "PT", "MR", "SEG"), default=""),
        role=Role(role) if role else None,
        tracers=entry.texts("tracers", least=0),
        sex=entry.choice("sex", ("", "F", "M", "O"), default=""),
        age_years=entry.range("age_years") if entry.has("age_years") else None,
        analyse=entry.truth("analyse", default=True),
        protocol=protocol,
        priority=Priority(entry.choice("priority", tuple(one.value for one in Priority), default=Priority.NORMAL.value)),
        quiet_s=entry.some_number("quiet_s", 0, 3600),
        deadline_s=None if deadline_min is None else 60.0 * deadline_min,
    )


def _texts(key: str, one: Candidate) -> tuple[str, ...]:
    header = one.header
    return {
        "peer": one.peers,
        "source": (one.source,),
        "called": (one.called,),
        "station": (header.station,),
        "study": (header.study_description,),
        "series": (header.series_description,),
        "protocol_name": (header.protocol,),
        "procedure_code": header.procedure_codes,
    }[key]


def _within(value: float | None, limits: tuple[float, float]) -> bool:
    return value is not None and limits[0] <= value <= limits[1]


def _years(born: date, at: date) -> float:
    """Whole years, as people count their age."""
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
