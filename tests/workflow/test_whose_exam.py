"""Whose exam it is: PET and MR of one person meet however they come, and two people never do but on a person's word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from node.domain.assignment import Word
from node.domain.exam import Role
from node.errors import ConflictError, DataError
from node.workflow.states import State
from node.workflow.steps.assigning import By, assign, merge, split
from node.workflow.steps.planned import planned_series
from tests.assemble.assemble_dicom import flair_series, mr_series, pet_series
from tests.workflow.small_site import Site, small_site

BY = By("Dr. A", "same person")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = small_site(tmp_path)
    yield site
    site.store.close()


def moved(datasets: Sequence[Dataset], root: str, *, study: str = "1", **changes: Any) -> list[Dataset]:
    """The same series under UIDs of its own; `changes` are attributes of every instance."""
    for dataset in datasets:
        dataset.StudyInstanceUID = f"{root}.{study}"
        dataset.SeriesInstanceUID = f"{root}.{dataset.SeriesInstanceUID}"
        dataset.SOPInstanceUID = f"{root}.{dataset.SOPInstanceUID}"
        dataset.FrameOfReferenceUID = f"{root}.99"
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
    return list(datasets)


def pet(root: str = "2.25.1", **changes: Any) -> list[Dataset]:
    return moved(pet_series(), root, **{"study": "1", **changes})


def mrs(root: str = "2.25.1", **changes: Any) -> list[Dataset]:
    return moved([*mr_series(), *flair_series()], root, **{"study": "2", **changes})


def states(site: Site) -> list[State]:
    return [exam.state for exam in site.store.exams.all()]


def begun(site: Site) -> dict[int, dict[str, str]]:
    return {exam.number: planned_series(exam) for exam in site.store.exams.all() if exam.plan is not None}


T1, FLAIR, PET = "1.2.3.2", "1.2.3.3", "1.2.3.1"


# --- one person --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["PET", "MR"])
@pytest.mark.parametrize("date", ["20240305", "20240220"])
def test_pet_and_mr_of_two_studies_meet_whichever_comes_first(site: Site, first: str, date: str) -> None:
    parts = [pet(), mrs(AcquisitionDate=date)]
    for part in parts if first == "PET" else reversed(parts):
        site.receive(part)
        site.settle()
    site.settle()

    assert begun(site) == {1: {"PET": f"2.25.1.{PET}", "T1": f"2.25.1.{T1}", "FLAIR": f"2.25.1.{FLAIR}"}}


def test_images_of_two_scanners_and_two_people_that_come_interleaved_make_two_exams(site: Site) -> None:
    parts = [pet(), mrs(), pet("2.25.2", PatientID="P-2"), mrs("2.25.2", PatientID="P-2")]
    longest = max(map(len, parts))
    site.receive([part[n] for n in range(longest) for part in parts if n < len(part)])
    site.settle()
    site.settle()

    assert len(site.store.exams.all()) == 2
    assert sorted(uids["T1"] for uids in begun(site).values()) == [f"2.25.1.{T1}", f"2.25.2.{T1}"]
    assert all(uids["PET"].removesuffix(PET) == uids["T1"].removesuffix(T1) for uids in begun(site).values())


def test_padding_alone_makes_no_other_patient(site: Site) -> None:
    site.receive([*pet(PatientID="P-1 "), *mrs(PatientID=" P-1")])
    site.settle()
    assert list(begun(site)) == [1]


@pytest.mark.parametrize("other", ["p-1", "0P-1", "P1"])
def test_case_and_leading_zeros_make_another_patient(site: Site, other: str) -> None:
    site.receive([*pet(), *mrs(PatientID=other)])
    site.settle()
    assert len(site.store.exams.all()) == 2
    assert begun(site) == {}


# --- issuers -----------------------------------------------------------------------------------------------------------------------------


def test_an_issuer_that_one_side_does_not_say_keeps_nobody_apart(site: Site) -> None:
    site.receive([*mrs(), *pet(IssuerOfPatientID="A")])
    site.settle()
    assert list(begun(site)) == [1]
    assert site.exam().issuer == "A"


def test_one_id_of_two_issuers_is_two_people(site: Site) -> None:
    site.receive([*pet(IssuerOfPatientID="A"), *mrs(IssuerOfPatientID="B")])
    site.settle(minutes=90)
    site.settle()

    assert [exam.issuer for exam in site.store.exams.all()] == ["A", "B"]
    assert states(site) == [State.REJECTED, State.IGNORED]


def test_an_mr_without_issuer_is_held_where_two_issuers_have_given_out_its_id(site: Site) -> None:
    site.receive([*pet("2.25.2", IssuerOfPatientID="B")])
    site.settle()
    site.receive([*pet(IssuerOfPatientID="A"), *mrs()])
    site.settle()
    site.settle()

    held = [exam for exam in site.store.exams.all() if exam.state is State.HELD]
    assert len(held) == 2
    assert all("2 issuers have given out this patient ID" in exam.reason for exam in held)


# --- swapped -----------------------------------------------------------------------------------------------------------------------------


def test_two_patients_whose_mr_were_swapped_are_both_held_by_their_birth_dates(site: Site) -> None:
    site.receive([*pet(), *mrs("2.25.2", PatientBirthDate="19500505")])
    site.receive([*pet("2.25.2", PatientID="P-2", PatientBirthDate="19500505"), *mrs(PatientID="P-2")])
    site.settle()

    assert states(site) == [State.HELD, State.HELD]
    assert all("differ in birth date" in exam.reason for exam in site.store.exams.all())


def test_two_patients_whose_mr_were_swapped_are_both_held_by_their_names(site: Site) -> None:
    site.receive([*pet(PatientName="One^Ann"), *mrs("2.25.2", PatientName="Two^Bea")])
    site.receive([*pet("2.25.2", PatientID="P-2", PatientName="Two^Bea"), *mrs(PatientID="P-2", PatientName="One^Ann")])
    site.settle()

    assert states(site) == [State.HELD, State.HELD]
    assert all("bears the name of another patient ID here" in exam.reason for exam in site.store.exams.all())
    assert not any("Ann" in exam.reason or "P-2" in exam.reason for exam in site.store.exams.all())


@pytest.mark.parametrize(("state", "version"), [(State.DELIVERED, 1), (State.ALIGNED, 2)])
def test_a_swap_that_the_other_patients_images_show_later_holds_what_was_begun(site: Site, state: State, version: int) -> None:
    site.receive([*pet(PatientName="One^Ann"), *mrs("2.25.2", PatientName="Two^Bea")])
    site.settle()
    assert begun(site)[1]["T1"] == f"2.25.2.{T1}"
    site.store.exams.reached(1, state, "so far", of_version=1)

    site.receive(pet("2.25.2", PatientID="P-2", PatientName="Two^Bea"))
    site.settle()
    site.settle()
    assert (site.exam().state, site.exam().version) == (State.HELD, version)
    assert "bears the name of another patient ID here" in site.exam().reason


def test_a_name_that_is_written_otherwise_holds_nothing(site: Site) -> None:
    site.receive([*pet(PatientName="One^Ann"), *mrs(PatientName="Oneh^Ann")])
    site.settle()
    assert list(begun(site)) == [1]
    assert states(site) == [State.RECEIVED]


# --- a person's word ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def apart(site: Site) -> Site:
    """E1 holds a PET, E2 the MR of another patient ID."""
    site.receive(pet())
    site.settle()
    site.receive(mrs(PatientID="P-2"))
    site.settle()
    assert states(site) == [State.WAITING, State.WAITING]
    return site


def test_a_merged_exam_takes_the_other_ones_mr_and_the_other_waits_no_more(apart: Site) -> None:
    version = merge(apart.store, apart.exam(1), apart.exam(2), BY)
    apart.settle()

    assert version == 1  # it had not begun
    assert begun(apart)[1]["T1"] == f"2.25.1.{T1}"
    assert states(apart) == [State.RECEIVED, State.IGNORED]
    assert apart.exam(2).reason == "its MR belongs to E00001, by Dr. A: same person"
    assert apart.store.register.exam_of("2.25.1.2") == 2


def test_a_merge_that_is_taken_back_leaves_things_as_they_were(apart: Site) -> None:
    merge(apart.store, apart.exam(1), apart.exam(2), BY)
    apart.settle()
    version = merge(apart.store, apart.exam(1), apart.exam(2), By("Dr. B", "was not", holds=False))
    apart.settle()

    assert version == 2
    assert states(apart) == [State.WAITING, State.WAITING]
    assert [one.holds for one in apart.store.assignments.of_exam(1)] == [True, False]


def test_late_images_of_a_merged_exam_are_the_taking_ones(apart: Site) -> None:
    merge(apart.store, apart.exam(1), apart.exam(2), BY)
    apart.settle()
    site_mr = moved(flair_series(series="1.2.3.4"), "2.25.1", study="2", PatientID="P-2")
    split(apart.store, apart.exam(1), [f"2.25.1.{FLAIR}"], BY)
    apart.settle(minutes=90)
    apart.settle()
    assert "FLAIR" not in begun(apart)[1]

    apart.receive(site_mr)
    apart.settle()
    apart.settle()
    assert begun(apart)[1]["FLAIR"] == "2.25.1.1.2.3.4"
    assert (apart.exam(1).version, apart.exam(2).state) == (3, State.IGNORED)


def test_a_series_that_was_split_off_is_chosen_no_more_until_it_is_taken_back(site: Site) -> None:
    site.receive([*pet(), *mrs()])
    site.settle()
    assert split(site.store, site.exam(), [f"2.25.1.{FLAIR}"], BY) == 2
    site.settle(minutes=90)
    site.settle()
    assert "FLAIR" not in begun(site)[1]
    assert f"MR series 2.25.1.{FLAIR} is not taken: split off by Dr. A: same person" in (site.exam().plan or {})["not_taken"]

    split(site.store, site.exam(), [f"2.25.1.{FLAIR}"], By("Dr. A", "it is", holds=False))
    site.settle(minutes=90)
    site.settle()
    assert begun(site)[1]["FLAIR"] == f"2.25.1.{FLAIR}"


def test_a_series_is_the_t1_when_a_person_says_so_and_no_other_one_is(site: Site) -> None:
    odd = moved(mr_series(series="1.2.3.8"), "2.25.1", study="2", ScanningSequence=["GR"], RepetitionTime=900, SequenceVariant="SK")
    site.receive([*pet(), *mrs(), *odd])
    site.settle()
    assert begun(site)[1]["T1"] == f"2.25.1.{T1}"

    assign(site.store, site.exam(), Role.T1, "2.25.1.1.2.3.8", BY)
    site.settle()
    assert begun(site)[1]["T1"] == "2.25.1.1.2.3.8"

    assign(site.store, site.exam(), Role.T1, f"2.25.1.{T1}", By("Dr. A", "the other after all"))
    site.settle()
    assert begun(site)[1]["T1"] == f"2.25.1.{T1}"
    assert [one.series_uid for one in site.store.assignments.standing(1, 3) if one.word is Word.ASSIGN] == [f"2.25.1.{T1}"]


def test_an_mr_from_too_long_ago_is_taken_when_a_person_says_so(site: Site) -> None:
    site.receive([*pet(), *mrs(AcquisitionDate="20231101")])
    site.settle()
    assert begun(site) == {}
    assign(site.store, site.exam(), Role.T1, f"2.25.1.{T1}", BY)
    site.settle(minutes=90)
    site.settle()
    assert begun(site)[1]["T1"] == f"2.25.1.{T1}"


def test_words_that_cannot_be_are_refused(apart: Site) -> None:
    store, one, other = apart.store, apart.exam(1), apart.exam(2)
    with pytest.raises(DataError, match="with itself"):
        merge(store, one, one, BY)
    with pytest.raises(DataError, match="holds no MR"):
        merge(store, other, one, BY)
    with pytest.raises(DataError, match="no such word"):
        merge(store, one, other, By("Dr. A", "x", holds=False))
    with pytest.raises(DataError, match=r"no image of series 9\.9"):
        split(store, one, ["9.9"], BY)
    with pytest.raises(DataError, match="a T1 is of modality MR"):
        assign(store, one, Role.T1, f"2.25.1.{PET}", BY)
    with pytest.raises(DataError, match="author and a reason"):
        merge(store, one, other, By("Dr. A", " "))
    merge(store, one, other, BY)
    with pytest.raises(ConflictError, match="said before"):
        merge(store, one, other, BY)
