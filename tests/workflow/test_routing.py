"""The site's rules on exams: which are analysed, by which protocol, how soon; and what a dry run tells of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import settings as settings_module
from node.domain.exam import Role
from node.domain.priority import Priority
from node.domain.result import Provenance
from node.errors import SettingsError
from node.workflow.states import State
from node.workflow.steps.assigning import By, assign
from node.workflow.steps.choices import settings_for
from node.workflow.steps.compute import ComputeSteps
from node.workflow.steps.trying import try_rules
from tests.assemble.assemble_dicom import flair_series, mr_series, pet_series
from tests.workflow.small_site import Site, small_site

RULES = """
[[exam]]
name = "phantoms"
study = 'phantom'
analyse = false

[[exam]]
name = "trial"
called = '^TRIAL$'
tracers = ["dpa714"]
protocol = "short"
priority = "urgent"
deadline_min = 240

[[exam]]
name = "night"
peer = '^mr3$'
priority = "off-peak"

[protocol.short]
maps = ["logan"]
reference = "nawm"
"""
PEER = '[[peer]]\nname = "mr3"\nae_titles = ["MR3T"]\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = small_site(tmp_path, more_rules=RULES, more_settings=PEER)
    yield site
    site.store.close()


def test_an_exam_that_fits_no_rule_is_analysed_as_ever(site: Site) -> None:
    site.receive([*pet_series(), *mr_series(), *flair_series()])
    site.settle()
    exam = site.exam()
    assert (exam.state, exam.rule, exam.priority) == (State.RECEIVED, None, Priority.NORMAL)
    assert exam.plan is not None
    assert settings_for(site.settings, exam) == site.settings


def test_an_exam_is_ignored_by_the_sites_rule_and_says_so(site: Site) -> None:
    site.receive([*pet_series(StudyDescription="PHANTOM check"), *mr_series(), *flair_series()])
    site.settle()
    assert (site.exam().state, site.exam().reason) == (State.IGNORED, "not analysed by the site's rule 'phantoms'")


def test_a_rule_gives_protocol_and_priority_and_a_rule_that_is_changed_later_changes_nothing_that_has_begun(site: Site) -> None:
    site.receive([*pet_series(), *mr_series(), *flair_series()], called="TRIAL")
    site.settle()
    exam = site.exam()
    assert (exam.rule, exam.priority) == ("trial", Priority.URGENT)

    site.settings.analysis.rules.write_text("", encoding="utf-8")
    analysis = settings_for(site.settings, exam).analysis
    assert (analysis.maps, analysis.reference) == (("logan",), "nawm")
    assert site.settings.analysis.reference == "tracer"


def test_a_rule_has_a_deadline_of_its_own(site: Site) -> None:
    site.receive([*pet_series(), *mr_series()], called="TRIAL")
    site.settle(minutes=90)
    assert site.exam().state is State.WAITING
    site.settle(minutes=180)
    assert site.exam().plan is not None


def test_the_next_version_is_routed_anew(site: Site) -> None:
    site.receive([*pet_series(), *mr_series(), *flair_series()], called="TRIAL")
    site.settle()
    site.store.exams.again(1, "once more")
    assert (site.exam().rule, site.exam().priority) == (None, Priority.NORMAL)
    site.settle()
    assert (site.exam().rule, site.exam().priority) == ("trial", Priority.URGENT)


def test_an_off_peak_exam_waits_for_its_hours_and_says_so(tmp_path: Path) -> None:
    site = small_site(tmp_path, more_rules=RULES, more_settings=PEER)
    now = site.clock.at.astimezone().hour
    hours = f'off_peak = ["{(now + 2) % 24:02d}:00", "{(now + 4) % 24:02d}:00"]'
    rules = site.settings.analysis.rules
    rules.write_text(rules.read_text(encoding="utf-8").replace("off_peak = []", hours), encoding="utf-8")
    site.start()
    site.receive([*pet_series(), *mr_series(), *flair_series()], source="MR3T")
    site.settle()
    assert site.exam().state is State.WAITING
    assert f"off-peak by the site's rule 'night': begins at {(now + 2) % 24:02d}:00" in site.exam().reason

    site.settle(minutes=150)
    assert (site.exam().state, site.exam().priority) == (State.RECEIVED, Priority.OFF_PEAK)
    site.store.close()


def provenance(site: Site) -> Provenance:
    """What a version is made by, of which its UIDs follow."""
    exam = site.exam()
    return ComputeSteps(settings_for(site.settings, exam), site.store, lambda text: None)._provenance(exam, ())


def test_what_routes_only_changes_nothing_that_uids_follow_from(tmp_path: Path) -> None:
    made = []
    for name, rules, source in (("a", "", "MR3T"), ("b", RULES, "MR3T"), ("c", RULES, "ELSE")):
        (tmp_path / name).mkdir()
        site = small_site(tmp_path / name, more_rules=rules, more_settings=PEER)
        site.receive([*pet_series(), *mr_series(), *flair_series()], source=source)
        site.settle()
        made.append((site.exam().rule, provenance(site)))
        site.store.close()
    assert [rule for rule, _ in made] == [None, "night", None]
    assert made[0][1] == made[1][1] == made[2][1]


def test_a_protocol_and_a_persons_word_are_part_of_what_uids_follow_from(site: Site) -> None:
    site.receive([*pet_series(), *mr_series(), *flair_series()], called="TRIAL")
    site.settle()
    first = provenance(site)
    assert first.parameters == (("protocol", "short"),)
    assert first.settings_digest != settings_module.digest(site.settings)

    assign(site.store, site.exam(), Role.FLAIR, "1.2.3.3", By("Dr. A", "looks right"))
    site.settle()
    assert provenance(site).parameters == (("protocol", "short"), ("assign", "FLAIR 1.2.3.3 by Dr. A: looks right"))


# --- mistakes ----------------------------------------------------------------------------------------------------------------------------


def test_protocols_with_mistakes_are_told_all_at_once(site: Site) -> None:
    table = tomllib.loads('[protocol.a]\nmaps = ["patlak"]\nseed = 3\n[protocol.b]\n[protocol.c]\nreference = "svca"')
    with pytest.raises(SettingsError) as caught:
        settings_module.load_protocols(site.settings, table)
    told = "\n".join(caught.value.mistakes)
    assert "rules.protocol.a.maps.1:" in told
    assert "rules.protocol.a.seed: a protocol cannot say this" in told
    assert "rules.protocol.b: expected a table" in told
    assert "rules.protocol.c" in told
    assert "needs svca_classes" in told


# --- dry run -----------------------------------------------------------------------------------------------------------------------------


def trial(site: Site, more: str) -> dict[str, tuple[str | None, str, tuple[str, ...]]]:
    text = (settings_module.shipped_folder() / "rules.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text.replace("thickest_slice_mm = 6", "thickest_slice_mm = 20") + more)
    return {one.exam: (one.rule, one.would, one.differs) for one in try_rules(site.settings, table, site.store, site.clock, last=10)}


def test_a_dry_run_of_the_same_rules_differs_in_nothing_and_writes_nothing(site: Site) -> None:
    site.receive([*pet_series(), *mr_series(), *flair_series()], called="TRIAL")
    site.settle()
    before = site.store.path.read_bytes(), site.exam(), site.told()
    assert trial(site, RULES) == {"E00001": ("trial", "analyse", ())}
    assert (site.store.path.read_bytes(), site.exam(), site.told()) == before


def test_a_dry_run_tells_what_other_rules_would_have_done(site: Site) -> None:
    site.receive([*pet_series(), *mr_series(), *flair_series()], called="TRIAL")
    site.settle()
    never = '\n[[exam]]\nname = "none"\nanalyse = false\n'
    assert trial(site, never) == {"E00001": ("none", "ignore", ("would ignore it, did analyse",))}
    (told,) = trial(site, "").values()
    assert told[2] == ("protocol would be the site's own, was short", "priority would be normal, was urgent")


def test_a_dry_run_tells_that_what_was_ignored_would_be_analysed(site: Site) -> None:
    site.receive([*pet_series(StudyDescription="Phantom"), *mr_series(), *flair_series()])
    site.settle()
    assert trial(site, "") == {"E00001": (None, "analyse", ("would analyse it, did ignore",))}
