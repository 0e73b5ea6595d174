"""An exam begins when its images are here by evidence, and says what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from node.workflow.states import State
from tests.assemble.assemble_dicom import MR_SERIES, flair_series, mr_series
from tests.workflow.gathering_site import Site, counted, flair, make_site, pet, t1


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path)
    yield made
    made.store.close()


def test_an_exam_that_is_counted_begins_at_once_when_the_association_closes(site: Site) -> None:
    with site.association() as name:
        site.receive([*pet(), *t1(), *flair()], name)
        site.sweep()
        assert "association with MR3T still open" in site.reason
    site.sweep()
    assert site.begun
    assert site.exam().reason.startswith("complete: PET 12 of 12 images")


def test_an_open_association_shows_how_much_of_a_series_has_come_and_who_counted(site: Site) -> None:
    with site.association() as name:
        site.receive([*pet(), *t1(), *flair()[:4]], name)
        site.sweep(after_s=600)
        assert "waiting for FLAIR: 4 of 6 images (the scanner's count), 4 slices, association with MR3T still open" in site.reason
        site.receive(flair()[4:], name)
    site.sweep()
    assert site.begun


def test_a_series_that_nobody_has_counted_is_given_time(site: Site) -> None:
    site.receive([*pet(), *mr_series(), *flair_series()])
    site.sweep(after_s=29)
    assert "no count is known of T1 and FLAIR: waiting for 30 s without a new image" in site.reason
    site.sweep(after_s=2)
    assert site.begun


def test_a_clock_that_is_set_back_holds_an_exam_up_no_longer_than_its_time(site: Site) -> None:
    site.receive([*pet(), *mr_series(), *flair_series()])
    site.clock.at -= timedelta(days=365)
    site.sweep()
    site.sweep(after_s=29)
    assert not site.begun
    site.sweep(after_s=2)
    assert site.begun


def test_a_break_of_six_seconds_makes_one_exam(site: Site) -> None:
    images = [*pet(), *mr_series(), *flair_series()]
    for start in range(0, len(images), 8):
        site.receive(images[start : start + 8])
        site.sweep(after_s=6)
    site.sweep(after_s=31)
    assert [exam.number for exam in site.store.exams.all()] == [1]
    assert site.exam().version == 1
    assert {entry["images"] for entry in (site.exam().plan or {})["series"].values()} == {12, 6}


def test_a_series_that_comes_over_five_associations_with_breaks_of_ten_minutes_makes_one_exam(site: Site) -> None:
    site.receive([*pet(), *flair()])
    site.sweep()
    images = counted(mr_series(slices=10))
    for part in range(5):
        site.sweep(after_s=600)
        assert not site.begun
        site.receive(images[part::5])
        site.sweep()
    assert site.begun
    assert (site.exam().version, [exam.number for exam in site.store.exams.all()]) == (1, [1])


@pytest.mark.parametrize("mr_first", [True, False])
def test_pet_and_mr_make_one_exam_whichever_comes_first(site: Site, mr_first: bool) -> None:
    mrs, pets = [*t1(), *flair()], pet()
    for images in (mrs, pets) if mr_first else (pets, mrs):
        assert not site.store.exams.all() or not site.begun
        site.receive(images)
        site.sweep()
        site.sweep(after_s=30)
    assert site.begun
    assert [exam.number for exam in site.store.exams.all()] == [1]


def test_two_scanners_that_send_at_the_same_time_are_both_waited_for(site: Site) -> None:
    with site.association("PETCT") as one, site.association("MR3T") as other:
        for a, b in zip(pet(), [*t1(), *flair()], strict=True):
            site.receive([a], one)
            site.receive([b], other)
            site.sweep()
        assert "association with MR3T, PETCT still open" in site.reason or "association with PETCT, MR3T still open" in site.reason
    site.sweep()
    assert site.begun


def test_the_patients_other_association_is_waited_for_though_it_brings_another_study(site: Site) -> None:
    with site.association() as name:
        site.receive(mr_series(series="1.2.77.1", StudyInstanceUID="1.2.77", SeriesDescription="localizer"), name)
        site.receive([*pet(), *t1(), *flair()])
        site.sweep(after_s=60)
        assert not site.begun
    site.sweep()
    assert site.begun


def test_another_t1_that_is_still_coming_is_given_a_moment(site: Site) -> None:
    site.receive([*pet(), *t1(), *flair()])
    site.receive(counted(mr_series(series="1.2.3.9"))[:4])
    site.sweep(after_s=2)
    assert "another series for T1: 4 of 6 images" in site.reason
    site.sweep(after_s=4)
    assert site.begun


def test_a_better_t1_that_is_not_whole_is_waited_for(site: Site) -> None:
    best = counted(mr_series(series="1.2.3.0"))
    site.receive([*pet(), *t1(), *flair(), *best[:4]])
    site.sweep(after_s=600)
    assert "a better series for T1 is not whole: 4 of 6 images (the scanner's count), 4 slices (series 1.2.3.0)" in site.exam().reason
    site.receive(best[4:])
    site.sweep()
    assert site.begun
    assert (site.exam().plan or {})["series"]["T1"]["series_uid"] == "1.2.3.0"


def test_a_better_t1_that_never_becomes_whole_is_passed_over_and_told(site: Site) -> None:
    site.receive([*pet(), *t1(), *flair(), *counted(mr_series(series="1.2.3.0"))[:4]])
    site.sweep(after_s=3601)
    assert (site.exam().plan or {})["series"]["T1"]["series_uid"] == MR_SERIES
    assert "a better series for T1" in (site.exam().plan or {})["checks"][0]


def test_what_is_counted_and_missing_is_waited_for_until_the_deadline_and_then_reported(site: Site) -> None:
    short = counted(mr_series(slices=7), 8)
    site.receive([*pet(), *short, *flair()])
    site.sweep(after_s=1800)
    assert site.exam().state is State.WAITING
    assert "the T1 is not whole: 7 of 8 images (the scanner's count)" in site.exam().reason
    site.sweep(after_s=1801)
    assert site.begun
    assert (site.exam().plan or {})["checks"] == ["the T1 is not whole: 7 of 8 images (the scanner's count), 7 slices"]


def test_a_gap_is_refused_at_the_deadline_and_names_its_place(site: Site) -> None:
    gap = counted(mr_series(slices=9))
    del gap[4]
    site.receive([*pet(), *gap, *flair()])
    site.sweep(after_s=60)
    assert "gap of 1 slice after depth 70.0 mm" in site.exam().reason
    site.sweep(after_s=3601)
    assert site.exam().state is State.REJECTED


def test_half_a_head_is_no_whole_one_however_evenly_it_lies(site: Site) -> None:
    site.receive([*pet(), *counted(mr_series(slices=4), 8), *flair()])
    site.sweep(after_s=3700)
    assert site.exam().state is State.REJECTED


def test_a_flair_that_is_half_here_is_waited_for_and_then_left_out(site: Site) -> None:
    site.receive([*pet(), *t1(), *flair()[:3]])
    site.sweep(after_s=60)
    assert "waiting for lesions" in site.exam().reason
    site.sweep(after_s=3700)
    assert site.begun
    assert site.exam().reason.startswith("analysed without lesions at the site's deadline: the FLAIR is not whole: 3 of 6 images")
    assert MR_SERIES in str(site.exam().plan)
