"""Ways in which two people could meet in one exam: none does but on a person's word, and that word goes no further than it was meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from node.workflow.states import State
from node.workflow.steps.assigning import merge, split
from node.workflow.steps.intake import ExamIntake
from node.workflow.store.rows import ExamRow
from tests.assemble.assemble_dicom import flair_series, mr_series
from tests.workflow.small_site import Site, small_site
from tests.workflow.test_whose_exam import BY, T1, begun, moved, mrs, pet, states


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = small_site(tmp_path)
    yield site
    site.store.close()


def test_a_merge_covers_the_patient_whom_the_person_saw_and_nobody_else(site: Site) -> None:
    site.receive(pet())
    site.settle()
    site.receive(moved(mr_series(), "2.25.1", study="2", PatientID="P-2"))
    site.settle()
    merge(site.store, site.exam(1), site.exam(2), BY)
    site.receive(moved(flair_series(), "2.25.1", study="2", PatientID="P-3"))
    for _ in range(3):
        site.settle(minutes=90)

    assert begun(site)[1].get("T1") == f"2.25.1.{T1}"
    assert "FLAIR" not in begun(site)[1]


def test_a_twin_without_id_in_the_study_of_the_pet_is_held_by_the_name(site: Site) -> None:
    site.receive([*pet(PatientName="Two^Bea"), *mrs(study="1", PatientID="", PatientName="Two^Cis")])
    site.settle()
    assert states(site) == [State.HELD]
    assert "differ in patient name" in site.exam().reason


def test_a_silent_pet_between_the_mr_of_two_people_is_held(site: Site) -> None:
    t1, flair = moved(mr_series(), "2.25.1", study="1"), moved(flair_series(), "2.25.1", study="1", PatientID="P-2")
    site.receive([*pet(PatientID=""), *t1, *flair])
    site.settle()
    assert states(site) == [State.HELD]
    assert "differ in patient ID" in site.exam().reason


def test_a_series_of_two_studies_that_say_no_patient_fills_no_role(site: Site) -> None:
    nobody = {"PatientID": "", "PatientName": "", "PatientBirthDate": ""}
    images = mrs(study="1", **nobody)
    for dataset in images[:3]:
        dataset.StudyInstanceUID = "2.25.1.77"
    site.receive([*pet(**nobody), *images])
    site.settle()
    assert begun(site) == {}
    assert any("its images name different studies" in exam.reason for exam in site.store.exams.all())


def test_a_second_issuer_that_shows_late_holds_what_was_delivered_with_an_mr_that_says_none(site: Site) -> None:
    site.receive([*pet(IssuerOfPatientID="A"), *mrs()])
    site.settle()
    site.store.exams.reached(1, State.DELIVERED, "sent", of_version=1)
    site.receive(pet("2.25.2", IssuerOfPatientID="B"))
    site.settle()
    assert site.exam().state is State.HELD
    assert "2 issuers have given out this patient ID" in site.exam().reason


def test_a_swap_is_told_once_while_the_study_that_shows_it_waits(site: Site) -> None:
    site.receive([*pet(PatientName="One^Ann"), *mrs("2.25.2", PatientName="Two^Bea")])
    site.settle()
    site.store.exams.reached(1, State.DELIVERED, "sent", of_version=1)
    site.receive(pet("2.25.2", PatientID="P-2", PatientName="Tow^Bae"))
    site.settle()
    site.receive(moved(mr_series(series="1.2.3.8"), "2.25.5", study="2", PatientID="P-2", PatientName="Two^Bea")[:3])
    for _ in range(4):
        site.settle()
        site.start()

    assert site.exam().state is State.HELD
    assert len(site.told()) == len(set(site.told()))


def test_a_swap_is_seen_after_a_kill_between_a_study_and_its_exam(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.receive([*pet(PatientName="One^Ann"), *mrs("2.25.2", PatientName="Two^Bea")])
    site.settle()
    site.store.exams.reached(1, State.DELIVERED, "sent", of_version=1)
    site.receive(pet("2.25.2", PatientID="P-2", PatientName="Two^Bea"))
    assign = site.store.register.assign

    def killed(*arguments: object) -> None:
        assign(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(site.store.register, "assign", killed)
    with pytest.raises(KeyboardInterrupt):
        site.settle()
    monkeypatch.undo()
    site.start()
    site.settle()
    assert site.exam().state is State.HELD


def test_a_merge_is_one_with_what_becomes_of_the_other_exam(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.receive(pet())
    site.settle()
    site.receive(mrs(PatientID="P-2"))
    site.settle()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("node.workflow.store.assignments.move_version", killed)
    with pytest.raises(KeyboardInterrupt):
        merge(site.store, site.exam(1), site.exam(2), BY)
    monkeypatch.undo()
    assert site.store.assignments.of_exam(1) == ()
    merge(site.store, site.exam(1), site.exam(2), BY)
    assert (site.exam(2).state, len(site.store.assignments.of_exam(1))) == (State.IGNORED, 1)


def test_a_word_that_comes_while_the_series_are_being_chosen_is_not_passed_over(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.receive([*pet(), *mrs()])
    plan, said = ExamIntake.plan, list[int]()

    def chosen(self: ExamIntake, exam: ExamRow) -> dict[str, object]:
        fixed = plan(self, exam)
        if not said:
            site.clock.at += timedelta(milliseconds=1)
            said.append(split(site.store, site.exam(), [f"2.25.1.{T1}"], BY))
        return fixed

    monkeypatch.setattr(ExamIntake, "plan", chosen)
    site.settle()
    site.settle()
    assert said == [1]
    assert "T1" not in begun(site).get(1, {})
