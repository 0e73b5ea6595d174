"""Rules: a site's ``config/rules.toml`` as data, and its reader, which reports every mistake with its key path.

What each key means is said in that file; here is only its shape.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Literal

from node.assemble.attributes import parse_time
from node.assemble.exam_rules import ExamRule, load_exam_rules
from node.assemble.tables import Table
from node.domain.exam import Role
from node.errors import SettingsError

Range = tuple[float, float]
Pattern = re.Pattern[str]
Echo = Literal["gradient", "spin"]


UNCOUNTED_QUIET_S, AUTOMATIC_VERSIONS = 30.0, 3
"""Of rules that were written before these keys were."""


@dataclass(frozen=True)
class SequenceRule:
    """One way to make a contrast, by physics: a series that fits all of it may fill `role`.

    Ranges are inclusive. `inversion_ms` and `flip_deg` are judged where the header has the value; TR and TE must be there.
    """

    name: str
    role: Role
    echo: Echo
    inversion: bool
    repetition_ms: Range
    echo_ms: Range
    inversion_ms: Range
    flip_deg: Range
    spoiled: bool
    acquisition: tuple[str, ...]


@dataclass(frozen=True)
class SiteRule:
    """The site's own word on what a series is: every pattern that is given must be found. `says` is a tracer's key or a role."""

    says: str
    source: Pattern | None
    station: Pattern | None
    study: Pattern | None
    series: Pattern | None
    protocol: Pattern | None
    procedure_code: Pattern | None


@dataclass(frozen=True)
class Rules:
    """What to analyse, and which series may fill which role.

    Parameters
    ----------
    tracers : keys of the tracers that are analysed; empty for all of ``config/tracers``
    mr_within_days : how far MR and PET may lie apart
    off_peak : local time from which and until which off-peak exams may begin; None where they may at any time
    quiet_s : an exam may begin when no image has come for this long, where counts are known
    uncounted_quiet_s : the same, where no count is known of a series that is used
    deadline_s : how long what is missing is waited for, after the last image
    automatic_versions : how often late images may begin a new version of an exam by themselves
    smallest_extent_mm : a head fits into no less, along each axis
    thickest_slice_mm : of MR
    corrections : values that CorrectedImage of a PET must hold
    never_image_types : values of ImageType that rule an MR out
    never_body_parts : values of BodyPartExamined that rule an MR out
    never_descriptions : series descriptions and protocol names that rule an MR out
    derived_taken : ImageType, joined by backslashes, of DERIVED images that are taken all the same
    sequences : how T1 and FLAIR are told by physics, first fit counts
    lesion_labels, lesion_codes : how a segment of lesions is told, by label or "scheme:value" of its type
    never_lesion_labels : labels, or meanings of a type, that rule a segment out
    site_tracers, site_roles : the site's own word
    exams : which exams to analyse, how and how soon; the first that fits counts
    """

    tracers: tuple[str, ...]
    mr_within_days: float
    quiet_s: float
    uncounted_quiet_s: float
    deadline_s: float
    automatic_versions: int
    smallest_extent_mm: float
    thickest_slice_mm: float
    corrections: tuple[str, ...]
    never_image_types: frozenset[str]
    never_body_parts: frozenset[str]
    never_descriptions: tuple[Pattern, ...]
    derived_taken: tuple[Pattern, ...]
    sequences: tuple[SequenceRule, ...]
    lesion_labels: tuple[Pattern, ...]
    lesion_codes: frozenset[str]
    never_lesion_labels: tuple[Pattern, ...]
    site_tracers: tuple[SiteRule, ...]
    site_roles: tuple[SiteRule, ...]
    off_peak: tuple[time, time] | None = None
    exams: tuple[ExamRule, ...] = ()


def load_rules(table: Mapping[str, object]) -> Rules:
    """Rules from the parsed ``rules.toml``.

    Raises
    ------
    SettingsError : lists every mistake, each beginning with its key path
    """
    mistakes: list[str] = []
    root = Table(table, "rules", mistakes)
    analyse, completeness = root.table("analyse"), root.table("completeness")
    head, pet, mr, lesions = root.table("head"), root.table("pet"), root.table("mr"), root.table("lesion_seg")
    rules = Rules(
        tracers=analyse.texts("tracers", least=0),
        mr_within_days=analyse.number("mr_within_days", 0, 3650),
        quiet_s=completeness.number("quiet_s", 0, 3600),
        uncounted_quiet_s=_or(completeness.some_number("uncounted_quiet_s", 0, 3600), UNCOUNTED_QUIET_S),
        deadline_s=60.0 * completeness.number("deadline_min", 0, 60 * 24 * 14),
        automatic_versions=int(_or(completeness.some_number("automatic_versions", 0, 100), AUTOMATIC_VERSIONS)),
        smallest_extent_mm=head.number("smallest_extent_mm", 0, 300),
        thickest_slice_mm=head.number("thickest_slice_mm", 0.1, 20),
        corrections=pet.texts("corrections", least=0),
        never_image_types=frozenset(value.upper() for value in mr.texts("never_image_types", least=0)),
        never_body_parts=frozenset(value.upper() for value in mr.texts("never_body_parts", least=0)),
        never_descriptions=mr.patterns("never_descriptions"),
        derived_taken=mr.patterns("derived_taken"),
        sequences=tuple(_sequence(entry) for entry in mr.tables("sequence")),
        lesion_labels=lesions.patterns("labels"),
        lesion_codes=frozenset(lesions.texts("codes", least=0)),
        never_lesion_labels=lesions.patterns("never_labels"),
        site_tracers=tuple(_site_rule(entry, entry.text("tracer")) for entry in root.tables("site_tracer")),
        site_roles=tuple(_site_rule(entry, entry.choice("role", ("T1", "FLAIR"))) for entry in root.tables("site_role")),
        off_peak=_hours(analyse, "off_peak"),
        exams=load_exam_rules(root, root.names("protocol")),
    )
    root.finish()
    if mistakes:
        raise SettingsError(mistakes)
    return rules


def unknown_tracers(rules: Rules, keys: Collection[str]) -> tuple[str, ...]:
    """Mistakes of the rules that only the folder of tracers shows: names of tracers that it does not hold."""
    named = [("analyse.tracers", key) for key in rules.tracers] + [("site_tracer.tracer", rule.says) for rule in rules.site_tracers]
    named += [(f"exam {rule.name}.tracers", key) for rule in rules.exams for key in rule.tracers]
    return tuple(f"rules.{path}: no file of this name in config/tracers; found {key!r}" for path, key in named if key not in keys)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _sequence(entry: Table) -> SequenceRule:
    return SequenceRule(
        name=entry.text("name"),
        role=Role(entry.choice("role", ("T1", "FLAIR"))),
        echo="gradient" if entry.choice("echo", ("gradient", "spin")) == "gradient" else "spin",
        inversion=entry.truth("inversion"),
        repetition_ms=entry.range("repetition_ms"),
        echo_ms=entry.range("echo_ms"),
        inversion_ms=entry.range("inversion_ms", default=(0.0, 1e5)),
        flip_deg=entry.range("flip_deg", default=(0.0, 360.0)),
        spoiled=entry.truth("spoiled", default=False),
        acquisition=entry.texts("acquisition", least=1),
    )


def _site_rule(entry: Table, says: str) -> SiteRule:
    keys = ("source", "station", "study", "series", "protocol", "procedure_code")
    source, station, study, series, protocol, procedure_code = (entry.pattern(key) for key in keys)
    if not any((source, station, study, series, protocol, procedure_code)):
        entry.mistake("", f"expected at least one of {', '.join(keys)}, or it would fit every series")
    return SiteRule(says, source, station, study, series, protocol, procedure_code)


def _hours(table: Table, key: str) -> tuple[time, time] | None:
    """A pair of times of day; the second may be of the next day."""
    texts = table.texts(key, least=0)
    found = [parse_time(text) for text in texts]
    if not texts:
        return None
    if len(found) != 2 or found[0] is None or found[1] is None or found[0] == found[1]:
        table.mistake(key, f"expected [from, to] as HH:MM; found {list(texts)!r}")
        return None
    return found[0], found[1]
