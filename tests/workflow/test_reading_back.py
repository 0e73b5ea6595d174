"""What readers send back begins what it should, once, and what we sent ourselves begins nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from filed import record
from pydicom.dataset import Dataset

import node.workflow.store
from node.domain.ports import Received
from node.domain.verdict import Verdict
from node.workflow.states import State
from node.workflow.steps.intake import ExamIntake
from node.workflow.steps.reading_back import ANSWERING
from node.workflow.store.database import Store
from node.workflow.store.register import HeaderRow
from node.workflow.store.rows import Posting
from tests.assemble.assemble_dicom import STUDY, flair_series, mr_series, pet_series
from tests.workflow.small_site import Site, SlowClock, small_site

SEG_CLASS, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.59"
FLAIR_SERIES = "1.2.3.3"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    site = small_site(tmp_path)
    yield site
    site.store.close()


@pytest.fixture
def site(empty: Site) -> Site:
    """With one exam, delivered."""
    empty.receive([*pet_series(), *mr_series(), *flair_series()])
    empty.settle()
    assert empty.exam().plan is not None, empty.exam().reason
    empty.deliver("9.1", "9.2")
    return empty


def seg(uid: str = "1.2.3.5.1", **changes: Any) -> Dataset:
    """A reader's SEG on the FLAIR, without its frames."""
    dataset, segment, cited, kind = Dataset(), Dataset(), Dataset(), Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = SEG_CLASS, uid, "SEG"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, uid.rpartition(".")[0]
    dataset.PatientID, dataset.PatientBirthDate, dataset.PatientSex = "P-1", "19800102", "F"
    dataset.Manufacturer, dataset.ManufacturerModelName = "Somebody", "Viewer"
    dataset.ContentDate, dataset.ContentTime, dataset.ContentCreatorName = "20240306", "101500", "Reader^Rhea"
    dataset.FrameOfReferenceUID = "1.2.3.99"
    kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning = "301766008", "SCT", "Lesion of brain"
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "Lesion 1", "SEMIAUTOMATIC"
    segment.SegmentedPropertyTypeCodeSequence = [kind]
    cited.SeriesInstanceUID = FLAIR_SERIES
    dataset.SegmentSequence, dataset.ReferencedSeriesSequence = [segment], [cited]
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


def note(*named: str, title: str = "113001", uid: str = "1.2.3.6.1", manufacturer: str = "PACS") -> Dataset:
    """A rejection note on some objects."""
    dataset, code, study, series = Dataset(), Dataset(), Dataset(), Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = KEY_OBJECTS, uid, "KO"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, uid.rpartition(".")[0]
    dataset.PatientID, dataset.Manufacturer = "P-1", manufacturer
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = title, "DCM", "Rejected"
    dataset.ConceptNameCodeSequence = [code]
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "9", []
    for one in named:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.3", one
        series.ReferencedSOPSequence.append(item)
    study.StudyInstanceUID, study.ReferencedSeriesSequence = STUDY, [series]
    dataset.CurrentRequestedProcedureEvidenceSequence = [study]
    return dataset


# --- lesions ------------------------------------------------------------------------------------------------------------------------------


def test_a_readers_lesions_begin_the_next_version_and_the_story_says_whose(site: Site) -> None:
    site.receive([seg()])
    site.settle()

    exam = site.exam()
    assert (exam.version, exam.state) == (2, State.RECEIVED)
    assert exam.plan is not None
    assert exam.plan["series"]["LESION_SEG"]["series_uid"] == "1.2.3.5"
    assert "lesions were drawn by Rhea Reader (Somebody Viewer, SEG of 2024-03-06 10:15); analysed again with them" in site.told()


@pytest.mark.parametrize("state", [State.ALIGNED, State.ENCODED, State.HELD, State.REJECTED, State.WITHDRAWN, State.FAILED])
def test_a_readers_lesions_are_taken_in_any_state(site: Site, state: State) -> None:
    site.store.exams.move(1, state, "why")
    site.receive([seg()])
    site.settle()
    assert (site.exam().version, site.exam().state) == (2, State.RECEIVED)


@pytest.mark.parametrize("series", [[*pet_series(), *mr_series(), *flair_series()], [*mr_series(), *flair_series()]])
def test_a_worker_that_was_killed_while_it_opened_an_exam_goes_on_with_it(empty: Site, series: list[Dataset]) -> None:
    empty.store.exams.create(anchor=STUDY, patient_key="P-1", text="images of a new study have arrived")
    empty.receive(series)
    empty.settle(minutes=90)
    empty.settle()
    assert [exam.number for exam in empty.store.exams.all()] == [1]
    assert empty.store.register.exam_of(STUDY) == 1


def test_lesions_that_come_before_an_exam_has_begun_are_its_lesions(empty: Site) -> None:
    empty.receive([*pet_series(), *mr_series(), *flair_series(), seg()])
    empty.settle()
    exam = empty.exam()
    assert exam.version == 1
    assert exam.plan is not None
    assert exam.plan["series"]["LESION_SEG"]["among"] == 1


def test_the_same_object_again_begins_nothing_even_after_a_restart(site: Site) -> None:
    site.receive([seg()])
    site.settle()
    site.deliver("9.3")
    site.receive([seg()])
    site.start()
    site.settle()
    assert (site.exam().version, site.exam().state) == (2, State.DELIVERED)


def test_a_worker_that_was_killed_before_it_looked_looks_when_it_starts(site: Site) -> None:
    intake = ExamIntake(site.settings, site.store, site.clock)
    site.receive([seg()])
    assert intake.read_headers() == 1
    site.start()
    site.settle()
    assert site.exam().version == 2


@pytest.mark.parametrize(
    "dataset", [seg(Manufacturer="Ember", ContentCreatorName=""), seg("9.1", Manufacturer="PACS"), note("9.1", "9.2", manufacturer="EMBER")]
)
def test_what_the_node_made_itself_begins_nothing_however_it_comes_back(site: Site, dataset: Dataset) -> None:
    before = site.told()
    site.receive([dataset])
    site.settle()
    assert (site.exam().version, site.exam().state) == (1, State.DELIVERED)
    assert site.told() == before


def test_our_page_of_refusal_that_a_pacs_sends_round_begins_no_other(site: Site) -> None:
    site.store.exams.move(1, State.REJECTED, "no dose")
    page = seg(uid="1.2.3.7.1", SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT", Manufacturer="Ember")
    site.receive([page])
    site.settle()
    assert (site.exam().version, site.exam().state) == (1, State.REJECTED)


def test_lesions_that_were_here_before_an_update_begin_nothing_after_it(tmp_path: Path) -> None:
    store = Store(tmp_path, SlowClock())
    config = Config()
    config.set_main_option("script_location", str(Path(node.workflow.store.__file__).with_name("migrations")))
    with store._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    for uid, header in (("1.2.3.5.1", "{}"), ("1.2.3.5.2", None)):
        record(
            store,
            Received(uid, SEG_CLASS, "1.2.840.10008.1.2.1", "0" * 64, 10, uid, "A", "MR", "EMBER", "x", datetime(2026, 3, 1, tzinfo=UTC)),
        )
        with store._engine.begin() as connection:  # as the version of then wrote it
            connection.exec_driver_sql("UPDATE instances SET study_uid = ?, header = ? WHERE sop_instance_uid = ?", (STUDY, header, uid))

    store.migrate()

    assert store.answers.unanswered(ANSWERING) == ()
    store.register.headers_read([HeaderRow("1.2.3.5.2", "P-1", STUDY, "1.2.3.5", "{}", None)])
    assert store.answers.unanswered(ANSWERING) == (("1.2.3.5.2", "{}"),)
    store.close()


def test_of_two_corrections_the_later_counts_whichever_comes_first(site: Site) -> None:
    site.receive([seg("1.2.3.5.1", ContentTime="110000")])
    site.settle()
    site.deliver("9.3")
    site.receive([seg("1.2.3.6.1", ContentTime="100000")])
    site.settle()

    assert (site.exam().version, site.exam().state) == (2, State.DELIVERED)
    assert site.told()[-1].endswith("not taken, since others count before them, or another MR would be taken now")

    site.receive([seg("1.2.3.7.1", ContentTime="120000")])
    site.settle()
    exam = site.exam()
    assert exam.version == 3
    assert exam.plan is not None
    entry = exam.plan["series"]["LESION_SEG"]
    assert (entry["series_uid"], entry["among"]) == ("1.2.3.7", 3)
    assert "was drawn later" in entry["why"]


def test_a_second_correction_in_the_same_series_counts_too(site: Site) -> None:
    for number in (1, 2):
        site.receive([seg(f"1.2.3.5.{number}", ContentTime=f"1{number}0000")])
        site.settle()
        assert site.exam().version == 1 + number
        site.deliver(f"9.{2 + number}")


def test_a_program_that_runs_again_does_not_undo_what_a_reader_drew(site: Site) -> None:
    site.receive([seg()])
    site.settle()
    site.deliver("9.3")
    program = seg("1.2.3.8.1", ContentCreatorName="", ContentDate="20250101")
    program.SegmentSequence[0].SegmentAlgorithmType = "AUTOMATIC"
    site.receive([program])
    site.settle()
    assert site.exam().version == 2
    assert "drawn by a program" in site.told()[-1]


def test_lesions_in_a_study_of_their_own_belong_to_the_exam_whose_mr_they_lie_on(site: Site) -> None:
    site.receive([seg(StudyInstanceUID="1.2.77")])
    site.settle()
    assert [exam.number for exam in site.store.exams.all()] == [1]
    assert site.exam().version == 2
    assert site.store.register.exam_of("1.2.77") == 1


def test_lesions_in_a_study_of_their_own_that_do_not_count_begin_no_exam_either(site: Site) -> None:
    site.receive([seg("1.2.3.5.1", ContentTime="120000")])
    site.settle()
    site.deliver("9.3")
    site.receive([seg("1.2.3.6.1", ContentTime="110000", StudyInstanceUID="1.2.77")])
    site.settle()
    assert [exam.number for exam in site.store.exams.all()] == [1]
    assert (site.exam().version, site.store.register.exam_of("1.2.77")) == (2, 1)


def test_lesions_on_an_mr_that_no_exam_was_made_from_are_told_and_wait(site: Site) -> None:
    site.receive([seg(FrameOfReferenceUID="1.2.3.55")])
    site.settle()
    assert (site.exam().version, site.exam().state) == (1, State.DELIVERED)
    assert "cites MR series 1.2.3.3, and lies in the frame of reference of no MR" in site.told()[-1]


def test_lesions_that_come_alone_wait_and_are_held_and_begin_when_their_mr_has_come(site: Site) -> None:
    site.receive([seg(StudyInstanceUID="1.2.77", FrameOfReferenceUID="1.2.3.55")])
    site.settle()
    assert site.exam(2).state is State.WAITING
    site.settle(minutes=61)
    assert site.exam(2).state is State.HELD
    assert "waits for that MR" in site.exam(2).reason

    site.receive(mr_series(series="1.2.77.1", StudyInstanceUID="1.2.77", FrameOfReferenceUID="1.2.3.55"))
    site.settle()
    assert (site.exam(2).version, site.exam(2).state) == (2, State.WAITING)
    assert "no TSPO PET has arrived for this MR" in site.exam(2).reason


def test_lesions_of_a_patient_whom_nobody_knows_are_nobodys_answer(empty: Site) -> None:
    empty.receive([seg()])
    empty.settle()
    assert empty.exam().state is State.IGNORED


def test_a_seg_of_something_else_begins_nothing(site: Site) -> None:
    liver = seg()
    liver.SegmentSequence[0].SegmentLabel = "Liver"
    liver.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue = "10200004"
    liver.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning = "Liver"
    site.receive([liver])
    site.settle()
    assert (site.exam().version, site.exam().state) == (1, State.DELIVERED)


# --- rejection notes ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("title", "verdict"), [("113001", Verdict.REJECTED), ("113037", Verdict.UNSAFE)])
def test_a_note_on_everything_that_was_stored_is_a_readers_verdict_and_is_not_answered(site: Site, title: str, verdict: Verdict) -> None:
    site.receive([note("9.1", "9.2", title=title)])
    site.settle()

    exam = site.exam()
    assert (exam.state, exam.progress, exam.version) == (State.WITHDRAWN, None, 1)
    assert "2 of 2 objects of version 1" in exam.reason
    (said,) = site.store.verdicts.of_exam(1)
    assert (said.verdict, said.version) == (verdict, 1)


def test_a_note_in_one_of_two_pacs_says_that_the_other_has_the_objects_too(site: Site) -> None:
    site.store.deliveries.post([Posting(uid, "vna", 1, 1, "lesions", "1.2.3", "1.2.4", "x", "cc") for uid in ("9.1", "9.2")])
    for uid in ("9.1", "9.2"):
        site.store.deliveries.receipts("vna").stored(uid, "answered 0x0000")
    site.receive([note("9.1", "9.2")])
    site.settle()
    assert site.exam().state is State.WITHDRAWN
    assert site.exam().reason.endswith("they were stored by pacs and vna: see that each takes them back")


def test_notes_of_two_studies_take_back_everything_together(site: Site) -> None:
    site.receive([note("9.1")])
    site.settle()
    assert site.exam().state is State.DELIVERED
    assert "1 of 2 objects of version 1" in site.told()[-1]

    site.receive([note("9.2", uid="1.2.3.7.1")])
    site.settle()
    assert site.exam().state is State.WITHDRAWN
    assert len(site.store.verdicts.of_exam(1)) == 2


def test_a_note_on_an_earlier_version_leaves_the_present_one_alone(site: Site) -> None:
    site.receive([seg()])
    site.settle()
    site.deliver("9.3")
    site.receive([note("9.1", "9.2")])
    site.settle()
    assert (site.exam().state, site.exam().version) == (State.DELIVERED, 2)
    assert [row.version for row in site.store.verdicts.of_exam(1)] == [1]


@pytest.mark.parametrize("dataset", [note("9.1", "9.2", title="113000"), note("9.1", "9.2", title="113039"), note("8.8")])
def test_other_selections_of_objects_are_no_verdict(site: Site, dataset: Dataset) -> None:
    site.receive([dataset])
    site.settle()
    assert site.exam().state is State.DELIVERED
    assert site.store.verdicts.of_exam(1) == ()
