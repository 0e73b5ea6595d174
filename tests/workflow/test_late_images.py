"""Images that come after an exam has begun make a new version where they matter, once, whatever is killed in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from node.domain.verdict import Verdict
from node.workflow.states import State
from node.workflow.steps.intake import ExamIntake
from node.workflow.store.verdicts import Said
from tests.assemble.assemble_dicom import flair_series, mr_series
from tests.workflow.gathering_site import Site, counted, flair, make_site, pet, t1

LATER = {"slices": 8}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def site(empty: Site) -> Site:
    """Delivered, with a T1 of six slices of which nobody has a count."""
    empty.receive([*pet(), *mr_series(**LATER)[:6], *flair()])
    empty.sweep()
    empty.sweep(after_s=31)
    assert empty.begun
    empty.deliver()
    empty.sweep(after_s=600)
    return empty


def late_t1() -> list:  # type: ignore[type-arg]
    return mr_series(**LATER)[6:]


def test_late_images_of_a_used_series_make_one_new_version_when_they_are_settled(site: Site) -> None:
    for image in late_t1():
        site.receive([image])
        site.sweep(after_s=3)
        assert (site.exam().version, site.exam().state) == (1, State.DELIVERED)
    assert site.told()[-1] == "images of the T1 came late; a new version begins when they are whole"
    site.sweep(after_s=31)
    assert site.exam().version == 2
    assert site.begun
    assert "images of the T1 came late; analysed again as a new version" in site.told()
    assert (site.exam().plan or {})["series"]["T1"]["images"] == 8
    site.deliver()
    site.sweep(after_s=600)
    assert (site.exam().version, site.exam().state) == (2, State.DELIVERED)


def test_a_worker_that_was_killed_after_it_read_the_headers_forgets_no_late_image(site: Site) -> None:
    site.receive(late_t1())
    assert ExamIntake(site.settings, site.store, site.clock).read_headers() == 2
    site.start()
    site.sweep(after_s=31)
    assert site.exam().version == 2


def test_a_worker_that_was_killed_before_it_forgot_the_news_begins_no_second_version(site: Site) -> None:
    site.receive(late_t1())
    site.intake.read_headers()
    (item,) = site.store.news.pending()
    site.sweep(after_s=31)
    assert site.exam().version == 2
    with site.store._engine.begin() as connection:
        from node.workflow.store.news import write_news

        write_news(connection, [(item.study_uid, item.series_uid)], at="2026-03-01T12:00:00+00:00")
    before = site.told()
    site.start()
    site.sweep(after_s=31)
    assert (site.exam().version, site.told()) == (2, before)
    assert site.store.news.pending() == ()


@pytest.mark.parametrize("state", [State.RECEIVED, State.ALIGNED, State.QUANTIFIED])
def test_a_series_that_grows_while_its_exam_is_computed_stops_that_version(empty: Site, state: State) -> None:
    empty.receive([*pet(), *mr_series(**LATER)[:6], *flair()])
    empty.sweep()
    empty.sweep(after_s=31)
    empty.store.exams.move(1, state, "computing")
    empty.receive(late_t1())
    empty.sweep()
    assert (empty.exam().version, empty.exam().plan) == (2, None)
    assert "images of the T1 came late, while version 1 was computed; begun again as a new version" in empty.told()
    assert empty.store.news.versions_begun(1) == 0
    empty.sweep(after_s=31)
    assert empty.begun


def test_a_flair_that_was_missing_fills_its_role_when_it_is_whole(empty: Site) -> None:
    empty.receive([*pet(), *t1()])
    empty.sweep(after_s=3601)
    assert "without lesions" in empty.exam().reason
    empty.deliver()
    empty.receive(flair()[:3])
    empty.sweep(after_s=60)
    assert empty.exam().version == 1
    empty.receive(flair()[3:])
    empty.sweep()
    assert empty.exam().version == 2
    assert empty.begun
    assert "FLAIR" in (empty.exam().plan or {})["series"]


def test_a_clock_that_was_set_back_hides_no_late_image(site: Site) -> None:
    site.clock.at -= timedelta(days=1)
    site.receive(late_t1())
    site.sweep()
    site.sweep(after_s=31)
    assert site.exam().version == 2


def test_a_clock_that_was_set_back_hides_no_role(empty: Site) -> None:
    empty.receive([*pet(), *t1()])
    empty.sweep(after_s=3601)
    empty.deliver()
    empty.clock.at -= timedelta(days=1)
    empty.receive(flair())
    empty.sweep()
    assert empty.exam().version == 2


def test_a_flair_in_another_study_fills_the_role_too(empty: Site) -> None:
    empty.receive([*pet(), *t1()])
    empty.sweep(after_s=3601)
    empty.deliver()
    empty.receive(counted(flair_series(StudyInstanceUID="1.2.77", series="1.2.77.1")))
    empty.sweep()
    assert empty.exam().version == 2
    assert empty.begun
    assert empty.store.register.exam_of("1.2.77") == 1


def test_a_better_series_that_was_short_and_becomes_whole_makes_a_version(empty: Site) -> None:
    best = counted(mr_series(series="1.2.3.0"))
    empty.receive([*pet(), *t1(), *flair(), *best[:4]])
    empty.sweep(after_s=3601)
    assert empty.begun
    empty.deliver()
    empty.receive(best[4:])
    empty.sweep()
    assert (empty.exam().version, (empty.exam().plan or {})["series"]["T1"]["series_uid"]) == (2, "1.2.3.0")


def test_another_series_of_the_study_is_told_once_and_changes_nothing(site: Site) -> None:
    for image in mr_series(series="1.2.3.8", SeriesDescription="localizer")[:3]:
        site.receive([image])
        site.sweep(after_s=60)
    assert (site.exam().version, site.exam().state) == (1, State.DELIVERED)
    assert len([text for text in site.told() if "series 1.2.3.8" in text]) == 1


def test_the_same_images_again_change_nothing(site: Site) -> None:
    before = site.told()
    site.receive([*pet(), *mr_series(**LATER)[:6], *flair()])
    site.sweep(after_s=60)
    assert site.told() == before
    assert site.exam().version == 1


def test_images_that_would_make_the_exam_worse_make_no_version(site: Site) -> None:
    twice = mr_series(**LATER)[0]
    twice.SOPInstanceUID = f"{twice.SOPInstanceUID}.9"
    site.receive([twice])
    site.sweep()
    site.sweep(after_s=3601)
    assert (site.exam().version, site.exam().state) == (1, State.DELIVERED)
    assert site.told()[-1].startswith("images of the T1 came late, and make no better version: no MR")


def test_images_that_come_drop_by_drop_make_no_more_versions_than_the_site_allows(empty: Site) -> None:
    images = mr_series(slices=12)
    empty.receive([*pet(), *images[:6], *flair()])
    empty.sweep()
    empty.sweep(after_s=31)
    empty.deliver()
    for image in images[6:]:
        empty.receive([image])
        empty.sweep(after_s=31)
        empty.sweep(after_s=1)
        if empty.begun and empty.exam().state is not State.DELIVERED:
            empty.deliver()
    assert empty.exam().version == 4
    assert empty.told()[-1] == "images of the T1 came late; 3 versions have begun by themselves already: `ember rerun` takes them in"


def test_what_a_reader_has_rejected_is_left_to_readers(site: Site) -> None:
    site.store.verdicts.record(site.exam(), Said(Verdict.REJECTED, "A. Smith", "wrong"), "withdrawn", to=State.WITHDRAWN)
    site.receive(late_t1())
    site.sweep(after_s=31)
    assert (site.exam().version, site.exam().state) == (1, State.WITHDRAWN)
    assert "a reader has rejected version 1" in site.told()[-1]


def test_an_exam_that_was_rejected_for_want_of_an_mr_begins_when_it_has_come_and_not_before(empty: Site) -> None:
    empty.receive(pet())
    empty.sweep(after_s=3601)
    assert empty.exam().state is State.REJECTED
    empty.store.exams.move(1, State.REJECTED, empty.exam().reason, progress=None)
    empty.receive([*mr_series(series="1.2.3.8", SeriesDescription="localizer"), *t1()[:3]])
    empty.sweep(after_s=31)
    assert (empty.exam().version, empty.exam().state) == (1, State.REJECTED)
    empty.receive([*t1()[3:], *flair()])
    empty.sweep()
    assert empty.exam().version == 2
    assert empty.begun


def test_a_page_that_is_owed_is_made_before_the_next_version(empty: Site) -> None:
    empty.receive(pet())
    empty.sweep(after_s=3601)
    assert empty.exam().progress == "page owed"
    empty.receive([*t1(), *flair()])
    empty.sweep(after_s=31)
    assert empty.exam().version == 1
    empty.store.exams.move(1, State.REJECTED, empty.exam().reason, progress=None)
    empty.sweep()
    assert empty.exam().version == 2


def test_what_was_ignored_is_looked_at_again(empty: Site) -> None:
    empty.receive(mr_series(series="1.2.3.8", SeriesDescription="localizer"))
    empty.sweep(after_s=31)
    assert empty.exam().state is State.IGNORED
    empty.receive([*pet(), *t1(), *flair()])
    empty.sweep()
    empty.sweep()
    assert empty.begun
    assert empty.exam().version == 1
