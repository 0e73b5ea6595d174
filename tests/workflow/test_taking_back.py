"""Images that are rejected or corrected where they come from: no result stands on what was taken back, or under another person."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from filed import record_changed
from pydicom.dataset import Dataset

from node.domain.filing import Known
from node.domain.ports import Received
from node.domain.verdict import Verdict
from node.workflow.states import State
from node.workflow.steps.planned import planned_series
from node.workflow.store.quarantine import Exchange
from node.workflow.store.rows import Posting
from tests.assemble.assemble_dicom import STUDY, flair_series, mr_series, pet_series, write
from tests.workflow.small_site import Site, small_site
from tests.workflow.test_whose_exam import moved

KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
FLAIR = "1.2.3.3"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    site = small_site(tmp_path)
    yield site
    site.store.close()


@pytest.fixture
def site(empty: Site) -> Site:
    """With one exam that has begun."""
    empty.receive([*pet_series(), *mr_series(), *flair_series()])
    empty.settle()
    assert empty.exam().plan is not None, empty.exam().reason
    return empty


def note(named: Sequence[Dataset], title: str = "113001", uid: str = "1.2.3.6.1") -> Dataset:
    """A rejection note of the archive on some images."""
    dataset, code, study, series = Dataset(), Dataset(), Dataset(), Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = KEY_OBJECTS, uid, "KO"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, uid.rpartition(".")[0]
    dataset.PatientID, dataset.Manufacturer = "P-1", "PACS"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = title, "DCM", "Rejected"
    dataset.ConceptNameCodeSequence = [code]
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "9", []
    for one in named:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
        series.ReferencedSOPSequence.append(item)
    study.StudyInstanceUID, study.ReferencedSeriesSequence = STUDY, [series]
    dataset.CurrentRequestedProcedureEvidenceSequence = [study]
    return dataset


# --- rejected images ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("title", "verdict"), [("113001", Verdict.REJECTED), ("113037", Verdict.UNSAFE), ("113038", Verdict.REJECTED)])
def test_what_was_made_from_rejected_images_and_delivered_is_withdrawn(site: Site, title: str, verdict: Verdict) -> None:
    site.deliver("9.1", "9.2")
    site.receive([note(flair_series(), title)])
    site.settle()

    exam = site.exam()
    assert (exam.state, exam.version, exam.progress) == (State.WITHDRAWN, 1, "rejection note owed")
    assert f"images of series {FLAIR} were rejected for" in exam.reason
    (said,) = site.store.verdicts.of_exam(1)
    assert (said.verdict, said.author) == (verdict, "a rejection note on its images")


def test_what_was_not_delivered_yet_is_made_again_without_the_rejected_images(site: Site) -> None:
    site.receive([note(flair_series())])
    site.settle(minutes=90)
    site.settle()

    assert site.exam().version == 2
    assert "FLAIR" not in planned_series(site.exam())


def test_an_exam_that_waits_counts_rejected_images_no_longer(empty: Site) -> None:
    empty.receive([*pet_series(), *flair_series()])
    empty.settle()
    empty.receive([note(pet_series())])
    empty.settle(minutes=90)
    empty.settle()
    assert (empty.exam().version, empty.exam().state) == (1, State.IGNORED)


def test_a_note_that_comes_before_its_images_counts_all_the_same(empty: Site) -> None:
    empty.receive([note(flair_series())])
    empty.settle()
    empty.receive([*pet_series(), *mr_series(), *flair_series()])
    empty.settle(minutes=90)
    empty.settle()
    (exam,) = [one for one in empty.store.exams.all() if one.plan is not None]
    assert sorted(planned_series(exam)) == ["PET", "T1"]


def test_images_whose_retention_ended_in_the_archive_count_as_before(site: Site) -> None:
    site.deliver("9.1")
    site.receive([note(flair_series(), "113039")])
    site.settle()
    assert (site.exam().state, site.exam().version) == (State.DELIVERED, 1)
    assert "FLAIR" in planned_series(site.exam())


def test_a_result_that_is_being_sent_is_withdrawn_when_it_has_been(site: Site) -> None:
    site.deliver("9.1")
    site.store.deliveries.post([Posting("9.2", "pacs", 1, 1, "lesions", "1.2.3", "1.2.4", "x", "cc")])
    site.store.exams.move(1, State.ENCODED, "one of two is stored")
    site.receive([note(flair_series())])
    site.settle()
    assert (site.exam().state, site.exam().version) == (State.ENCODED, 1)

    site.deliver("9.1", "9.2")
    site.settle()
    assert site.exam().state is State.WITHDRAWN


def test_a_note_waits_for_all_exams_that_it_takes_something_from_and_begins_none_again_meanwhile(site: Site) -> None:
    site.receive(moved(pet_series(), "2.25.7"))
    site.settle()
    assert planned_series(site.exam(2)).get("FLAIR") == FLAIR
    site.store.deliveries.post([Posting(uid, "pacs", 2, 1, "lesions", "1.2.3", "1.2.4", "x", "cc") for uid in ("8.1", "8.2")])
    site.store.deliveries.receipts("pacs").stored("8.1", "answered 0x0000")
    site.store.exams.move(2, State.ENCODED, "one of two is stored")

    site.receive([note(flair_series()[-1:])])
    for _ in range(3):
        site.settle(minutes=90)
    assert [site.exam(number).version for number in (1, 2)] == [1, 1]

    site.store.deliveries.receipts("pacs").stored("8.2", "answered 0x0000")
    site.settle()
    assert (site.exam(1).version, site.exam(2).state) == (2, State.WITHDRAWN)


def test_a_result_of_which_proof_alone_is_missing_is_withdrawn_at_once(site: Site) -> None:
    site.deliver("9.1")
    site.store.exams.move(1, State.ENCODED, "commitment asked")
    site.receive([note(flair_series())])
    site.settle()
    assert site.exam().state is State.WITHDRAWN


def test_a_result_of_which_nothing_has_left_the_node_is_made_again_instead(site: Site) -> None:
    site.store.exams.reached(1, State.ENCODED, "encoded", of_version=1)
    site.receive([note(flair_series())])
    site.settle()
    assert site.exam().version == 2


def test_what_replaces_rejected_images_begins_a_new_version_once_the_note_is_out(site: Site) -> None:
    site.deliver("9.1")
    site.receive([note(flair_series())])
    site.settle()
    replacement = flair_series(series="1.2.3.4")
    site.receive(replacement)
    site.settle()
    assert site.exam().state is State.WITHDRAWN

    site.store.exams.progress(1, "", of_version=1)
    site.store.exams.move(1, State.WITHDRAWN, site.exam().reason, progress=None)
    site.settle()
    site.settle()
    assert site.exam().version == 2
    assert planned_series(site.exam())["FLAIR"] == "1.2.3.4"


# --- corrected patients ------------------------------------------------------------------------------------------------------------------


def come_again(site: Site, datasets: Sequence[Dataset], **changes: object) -> list[int]:
    """The same images after a correction: the filer keeps them aside. Returns their numbers in the quarantine."""
    folder = site.settings.node.storage / "quarantine"
    folder.mkdir(exist_ok=True)
    for dataset in datasets:
        changed, uid = copy.deepcopy(dataset), str(dataset.SOPInstanceUID)
        for keyword, value in changes.items():
            setattr(changed, keyword, value)
        write(changed, folder / f"{uid}.dcm")
        digest, path = "1" * 64, f"quarantine/{uid}.dcm"
        row = Received(uid, changed.SOPClassUID, "1.2.840.10008.1.2.1", digest, 10, path, "B", "MR", "EMBER", "x", site.clock.now())
        record_changed(site.store, row)
    return list(range(1, len(datasets) + 1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PatientID": "P-2"}, "another patient ID, "),
        ({"PatientID": "P-2", "PatientName": "Two^Bea"}, "another patient ID and patient name, "),
        ({"PatientBirthDate": "19500101"}, "another birth date, "),
        ({"StudyInstanceUID": "1.2.3.77"}, "another Study Instance UID, "),
    ],
)
def test_a_delivered_exam_is_held_when_its_images_come_again_under_another_person(site: Site, changes: dict[str, str], words: str) -> None:
    site.deliver("9.1")
    come_again(site, mr_series(), **changes)
    site.settle()
    site.settle()

    exam = site.exam()
    assert (exam.state, exam.version) == (State.HELD, 1)
    assert words in exam.reason
    assert not any(value in exam.reason for value in ("P-2", "Two", "1950"))
    assert sum(exam.reason == text for text in site.told()) == 1  # six images say it, the story once


@pytest.mark.parametrize("changes", [{"PatientName": "Miller^Erika"}, {"AccessionNumber": "A-2"}])
def test_a_corrected_spelling_is_told_and_holds_nothing(site: Site, changes: dict[str, str]) -> None:
    site.deliver("9.1")
    come_again(site, mr_series(), **changes)
    site.settle()
    assert site.exam().state is State.DELIVERED
    assert any("have come again with another" in text for text in site.told())


def test_other_pixels_of_the_same_person_are_no_matter_of_identity(site: Site) -> None:
    site.deliver("9.1")
    before = site.told()
    come_again(site, mr_series(), SliceThickness=3)
    site.settle()
    assert (site.exam().state, site.told()) == (State.DELIVERED, before)


def test_an_exam_under_way_begins_again_and_is_held(site: Site) -> None:
    site.store.exams.reached(1, State.ALIGNED, "aligned", of_version=1)
    come_again(site, pet_series(), PatientID="P-2")
    site.settle()
    site.settle()
    assert (site.exam().state, site.exam().version) == (State.HELD, 2)

    site.store.exams.again(1, "a person: the former are right")
    site.settle()
    site.settle()
    assert (site.exam().state, site.exam().version) == (State.RECEIVED, 3)
    assert site.exam().plan is not None


def test_an_exam_that_waits_is_held_at_its_time(empty: Site) -> None:
    empty.receive([*pet_series(), *mr_series()])
    empty.settle()
    come_again(empty, mr_series(), PatientSex="M")
    empty.settle()
    empty.settle(minutes=90)
    assert empty.exam().state is State.HELD
    assert "another sex" in empty.exam().reason


def test_images_in_doubt_hold_an_exam_that_comes_to_use_them_later_until_a_person_says_that_they_are_right(empty: Site) -> None:
    empty.receive([*mr_series(), *flair_series()])
    for _ in range(2):
        empty.settle(minutes=90)
    assert empty.exam().state is State.IGNORED
    come_again(empty, mr_series(), PatientID="P-2")
    empty.settle()

    pets = pet_series()
    for dataset in pets:
        dataset.StudyInstanceUID = "1.2.3.88"
    empty.receive(pets)
    empty.settle()
    exam = empty.store.exams.all()[-1]
    assert (exam.number, exam.state) == (2, State.HELD)
    assert "another patient ID" in exam.reason

    empty.store.exams.again(2, "a person: the former are right")
    empty.settle()
    assert empty.exam(2).state is State.RECEIVED
    assert "T1" in planned_series(empty.exam(2))


def test_an_exam_follows_its_study_to_the_right_patient_when_all_of_it_was_released(site: Site) -> None:
    datasets = [*pet_series(), *mr_series(), *flair_series()]
    site.clock.at = site.clock.at.replace(hour=18)
    for number, dataset in zip(come_again(site, datasets, PatientID="P-2", IssuerOfPatientID="B"), datasets, strict=True):
        uid = str(dataset.SOPInstanceUID)
        exchange = Exchange(
            number,
            Known("0" * 64, f"{uid}.dcm"),
            f"quarantine/{uid}.dcm",
            f"aside/{uid}.dcm",
            dataset.SOPClassUID,
            "1.2.840.10008.1.2.1",
            10,
        )
        site.store.quarantine.exchange(exchange, author="Dr. A", told="the later one is right")
    site.settle()
    site.settle()

    exam = site.exam()
    assert (exam.patient_key, exam.issuer) == ("P-2", "B")
    assert any("this exam follows" in text for text in site.told())
    assert len(site.store.exams.all()) == 1

    site.store.exams.again(1, "once more")
    site.settle()
    site.settle()
    assert site.exam().state is State.RECEIVED
    assert sorted(planned_series(site.exam())) == ["FLAIR", "PET", "T1"]


@pytest.mark.parametrize("later", [True, False])
def test_a_segmentation_that_was_taken_back_before_it_came_stops_nothing(site: Site, later: bool) -> None:
    seg = Dataset()
    seg.SOPClassUID, seg.SOPInstanceUID, seg.Modality = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3.5.1", "SEG"
    seg.StudyInstanceUID, seg.SeriesInstanceUID, seg.PatientID, seg.Manufacturer = STUDY, "1.2.3.5", "P-1", "A viewer"
    site.receive([note([seg])])
    if later:
        site.settle()
    site.receive([seg])
    site.settle()
    assert site.store.answers.unanswered([seg.SOPClassUID]) == ()
    assert (site.exam().state, site.exam().version) == (State.RECEIVED, 1)


# --- our own results ---------------------------------------------------------------------------------------------------------------------


def test_our_results_that_come_back_under_another_maker_are_filed_and_counted_and_begin_nothing(site: Site) -> None:
    site.deliver("9.1")
    before, exam = site.told(), site.exam()
    (back,) = mr_series(slices=1, series="9", Manufacturer="A router")
    back.SOPInstanceUID = "9.1"
    site.receive([back])
    site.settle()
    assert (site.exam(), site.told()) == (exam, before)
    assert site.store.register.made_here(["9.1", "9.2"]) == {"9.1"}
