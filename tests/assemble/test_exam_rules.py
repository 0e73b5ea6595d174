"""Exam rules: one series must fulfil all that a rule says; the first rule counts; mistakes are told all at once."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from assemble_dicom import headers, mr_series, pet_series

from node.assemble.exam_rules import Candidate, ExamRule, age_years, first_fit
from node.assemble.header import Header
from node.assemble.rules import load_rules, unknown_tracers
from node.domain.exam import Role
from node.domain.priority import Priority
from node.errors import SettingsError
from node.settings import shipped_folder

SHIPPED = (shipped_folder() / "rules.toml").read_text(encoding="utf-8")
(PET_HEADER, *_) = headers(pet_series(StudyDescription="PET brain TSPO", StationName="MCT1"))
(MR_HEADER, *_) = headers(mr_series())


def rules(text: str) -> tuple[ExamRule, ...]:
    return load_rules(tomllib.loads(f"{SHIPPED}\n{text}")).exams


def candidate(header: Header = PET_HEADER, **changes: Any) -> Candidate:
    return replace(Candidate(header, Role.PET, "dpa714", ("scanner",), "MCT", "EMBER"), **changes)


@pytest.mark.parametrize(
    "condition",
    [
        "peer = '^scanner$'",
        "source = 'mct'",
        "called = '^EMBER$'",
        "station = 'MCT1'",
        "study = 'tspo'",
        'modality = "PT"',
        'role = "PET"',
        'tracers = ["pk11195", "dpa714"]',
        'sex = "F"',
        "age_years = [44, 44]",
    ],
)
def test_a_rule_fits_what_it_asks_and_nothing_else(condition: str) -> None:
    (rule,) = rules(f'[[exam]]\nname = "a"\n{condition}')
    assert rule.fits(candidate())
    person = replace(MR_HEADER.person, sex="M", birth_date=None)
    other = Candidate(replace(MR_HEADER, person=person, study_description="knee"), Role.T1, None, (), "X", "Y")
    assert not rule.fits(other)


def test_one_series_must_fulfil_all_that_a_rule_says() -> None:
    (rule,) = rules('[[exam]]\nname = "a"\nmodality = "PT"\nsource = "^MR3T$"')
    pet, mr = candidate(), candidate(MR_HEADER, source="MR3T", role=Role.T1, tracer=None)
    assert first_fit([rule], [pet, mr]) is None
    assert first_fit([rule], [candidate(source="MR3T"), mr]) is rule


def test_the_first_rule_that_fits_counts_and_the_last_may_ask_nothing() -> None:
    found = rules('[[exam]]\nname = "a"\nsource = "^X$"\n[[exam]]\nname = "b"\nsource = "MCT"\n[[exam]]\nname = "rest"\nanalyse = false')
    assert [first_fit(found, [candidate(source=source)]).name for source in ("X", "MCT", "Y")] == ["a", "b", "rest"]  # type: ignore[union-attr]
    assert first_fit(found, []) is None


def test_what_a_rule_does_not_say_is_as_ever() -> None:
    (rule,) = rules('[[exam]]\nname = "a"\nsource = "X"')
    assert (rule.analyse, rule.protocol, rule.priority, rule.quiet_s, rule.deadline_s) == (True, "", Priority.NORMAL, None, None)


@pytest.mark.parametrize(
    ("born", "at", "age"), [((1980, 3, 5), (2024, 3, 5), 44), ((1980, 3, 6), (2024, 3, 5), 43), ((2000, 2, 29), (2001, 2, 28), 0)]
)
def test_an_age_is_counted_in_birthdays(born: tuple[int, int, int], at: tuple[int, int, int], age: int) -> None:
    header = replace(PET_HEADER, person=replace(PET_HEADER.person, birth_date=date(*born)), acquired_at=datetime(*at))  # noqa: DTZ001 scanner time
    assert age_years(header) == age


def test_mistakes_are_told_all_at_once_with_their_key_paths() -> None:
    text = """
[[exam]]
name = "a"
analyse = false

[[exam]]
name = "a"
source = "("
priority = "soon"
protocol = "none"
role = "T2"
deadline_min = -1
colour = "red"

[protocol.short]
maps = ["logan"]
"""
    with pytest.raises(SettingsError) as caught:
        rules(text)
    told = "\n".join(caught.value.mistakes)
    for words in (
        "rules.exam.1: a rule that asks nothing fits every exam",
        "rules.exam.2.name: expected a name of its own",
        "rules.exam.2.source: expected a regular expression",
        "rules.exam.2.priority: expected one of urgent, normal, off-peak",
        "rules.exam.2.protocol: expected one of the [protocol.NAME]",
        "rules.exam.2.role: expected one of PET, T1, FLAIR, LESION_SEG",
        "rules.exam.2.deadline_min: expected a number",
        "rules.exam.2.colour: this key is unknown",
    ):
        assert words in told
    assert "protocol.short" not in told


def test_off_peak_hours_are_two_times_of_day() -> None:
    with pytest.raises(SettingsError, match="off_peak: expected"):
        load_rules(tomllib.loads(SHIPPED.replace("off_peak = []", 'off_peak = ["25:00", "06:00"]')))


def test_a_rule_that_names_an_unknown_tracer_is_told() -> None:
    found = load_rules(tomllib.loads(f'{SHIPPED}\n[[exam]]\nname = "a"\ntracers = ["fdg"]'))
    assert unknown_tracers(found, ["dpa714"]) == ("rules.exam a.tracers: no file of this name in config/tracers; found 'fdg'",)
