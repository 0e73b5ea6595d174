"""What peers tell of images is evidence: lists for storage commitment, procedure steps, notices of availability; bad ones stop nothing."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from node.domain.arrivals import NoticeKind
from node.workflow.steps.announcing import _UNREADABLE, available, decoded, performed
from node.workflow.store.evidence import EvidenceKind
from tests.assemble.assemble_dicom import MR_SERIES, STUDY, flair_series, mr_series
from tests.workflow.gathering_site import EXPLICIT, Site, encode, flair, make_site, pet, t1

STEP = "1.2.840.77.1"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path)
    yield made
    made.store.close()


def references(datasets: Sequence[Dataset]) -> list[Dataset]:
    return [item(ReferencedSOPClassUID=one.SOPClassUID, ReferencedSOPInstanceUID=one.SOPInstanceUID) for one in datasets]


def item(**attributes: object) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def commitment(datasets: Sequence[Dataset], transaction: str = "1.2.9") -> Dataset:
    return item(TransactionUID=transaction, ReferencedSOPSequence=references(datasets))


def step(state: str, **series: Sequence[Dataset]) -> Dataset:
    """An N-SET; an N-CREATE where no series are given."""
    made = item(PerformedProcedureStepStatus=state)
    if not series:
        made.PatientID, made.Modality = "P-1", "MR"
        made.ScheduledStepAttributesSequence = [item(StudyInstanceUID=STUDY)]
    made.PerformedSeriesSequence = [
        item(SeriesInstanceUID=images[0].SeriesInstanceUID, SeriesDescription=name, ReferencedImageSequence=references(images))
        for name, images in series.items()
    ]
    return made


def test_a_list_of_which_all_is_here_makes_uncounted_series_sure(site: Site) -> None:
    site.receive([*pet(), *mr_series(), *flair_series()])
    site.sweep(after_s=2)
    assert not site.begun
    site.tell(NoticeKind.COMMITMENT_REQUEST, commitment([*pet(), *mr_series(), *flair_series()]))
    site.sweep()
    assert not site.begun, "a list is of what was sent so far"
    site.sweep(after_s=4)
    assert site.begun
    assert "T1 6 of 6 images (MR3T's request for storage commitment)" in site.exam().reason


def test_a_list_that_names_more_than_is_here_is_waited_for_to_the_deadline_and_reported(site: Site) -> None:
    whole = mr_series(slices=8)
    site.receive([*pet(), *whole[:6], *flair()])
    site.tell(NoticeKind.COMMITMENT_REQUEST, commitment([*pet(), *whole, *flair()]))
    site.sweep(after_s=600)
    assert "MR3T's request for storage commitment names 2 MR objects not here" in site.exam().reason
    site.sweep(after_s=3001)
    assert site.begun
    assert (site.exam().plan or {})["checks"] == ["MR3T's request for storage commitment names 2 MR objects not here"]


def test_what_a_list_names_and_comes_late_completes_it(site: Site) -> None:
    whole = mr_series(slices=8)
    site.receive([*pet(), *whole[:6], *flair()])
    site.tell(NoticeKind.COMMITMENT_REQUEST, commitment([*pet(), *whole, *flair()]))
    site.sweep(after_s=600)
    site.receive(whole[6:])
    site.sweep(after_s=6)
    assert site.begun


def test_a_request_for_commitment_stays_with_whoever_answers_it(site: Site) -> None:
    site.receive(pet())
    site.sweep()
    site.tell(NoticeKind.COMMITMENT_REQUEST, commitment(pet()))
    site.sweep()
    assert len(site.store.notices.unhandled([NoticeKind.COMMITMENT_REQUEST])) == 1
    assert site.store.notices.unweighed([NoticeKind.COMMITMENT_REQUEST]) == ()


def test_a_list_that_comes_before_its_images_is_kept_for_a_day(site: Site) -> None:
    site.tell(NoticeKind.COMMITMENT_REQUEST, commitment([*pet(), *mr_series(), *flair_series()]))
    site.sweep(after_s=60)
    site.receive([*pet(), *mr_series(), *flair_series()])
    site.sweep(after_s=6)
    assert site.begun
    site.tell(NoticeKind.COMMITMENT_REQUEST, commitment(mr_series(series="1.2.88")))
    site.sweep(after_s=86_400)
    site.sweep(after_s=1)
    assert site.store.notices.unweighed([NoticeKind.COMMITMENT_REQUEST]) == ()


def test_a_scan_that_has_not_ended_is_waited_for(site: Site) -> None:
    site.receive([*pet(), *mr_series(), *flair_series()])
    site.tell(NoticeKind.PROCEDURE_CREATED, step("IN PROGRESS"), STEP)
    site.sweep(after_s=120)
    assert "MR3T's procedure step has not ended" in site.exam().reason
    site.tell(NoticeKind.PROCEDURE_SET, step("COMPLETED", t1=mr_series(), flair=flair_series()), STEP)
    site.sweep()
    assert site.begun
    assert "T1 6 of 6 images (MR3T's procedure step)" in site.exam().reason


def test_an_exam_that_is_counted_does_not_wait_for_the_rest_of_the_scan(site: Site) -> None:
    site.tell(NoticeKind.PROCEDURE_CREATED, step("IN PROGRESS"), STEP)
    site.receive([*pet(), *t1(), *flair()])
    site.sweep()
    assert site.begun


def test_a_step_tells_of_a_series_that_is_short_or_not_here_at_all(site: Site) -> None:
    site.receive([*pet(), *mr_series()[:4]])
    site.tell(NoticeKind.PROCEDURE_CREATED, step("IN PROGRESS"), STEP)
    site.tell(NoticeKind.PROCEDURE_SET, step("COMPLETED", t1=mr_series(), flair3d=flair_series()), STEP)
    site.sweep(after_s=120)
    assert f"MR series {MR_SERIES}: 4 of 6 images (MR3T's procedure step)" in site.exam().reason
    site.receive(mr_series()[4:])
    site.sweep(after_s=120)
    assert "no FLAIR" in site.exam().reason
    assert "MR3T's procedure step: MR series 'flair3d' of 6 images is there and not here" in site.exam().reason
    site.sweep(after_s=3600)
    assert (site.exam().plan or {})["checks"] == ["MR3T's procedure step: MR series 'flair3d' of 6 images is there and not here"]


def test_a_claim_that_all_is_here_beats_the_scanners_larger_count_and_no_gap(site: Site) -> None:
    flairs, uneven = flair(), mr_series(slices=9)
    lying = mr_series(ImagesInAcquisition=24)
    del uneven[4]
    site.receive([*pet(), *lying, *flairs])
    site.tell(NoticeKind.PROCEDURE_CREATED, step("IN PROGRESS"), STEP)
    site.tell(NoticeKind.PROCEDURE_SET, step("COMPLETED", t1=lying, flair=flairs), STEP)
    site.sweep()
    assert site.begun


def test_a_notice_of_availability_counts_and_leaves_out_what_is_gone(site: Site) -> None:
    there = [item(**vars_of(one), InstanceAvailability="ONLINE") for one in mr_series()]
    gone = item(ReferencedSOPClassUID="1.2.3", ReferencedSOPInstanceUID="1.2.3.4.5", InstanceAvailability="UNAVAILABLE")
    series = item(SeriesInstanceUID=MR_SERIES, ReferencedSOPSequence=[*there, gone])
    notice = item(StudyInstanceUID=STUDY, ReferencedSeriesSequence=[series])
    (said,) = available(notice, "PACS", "1.9")
    assert (said.kind, said.modality, len(said.instances)) == (EvidenceKind.AVAILABLE, "MR", 6)
    site.receive([*pet(), *mr_series()[:5], *flair()])
    site.tell(NoticeKind.AVAILABILITY, notice, "1.9")
    site.sweep(after_s=60)
    assert "the T1 is not whole: 5 of 6 images (MR3T's notice of availability)" in site.exam().reason
    assert site.store.notices.unhandled([NoticeKind.AVAILABILITY]) == ()


def vars_of(one: Dataset) -> dict[str, object]:
    return {"ReferencedSOPClassUID": one.SOPClassUID, "ReferencedSOPInstanceUID": one.SOPInstanceUID}


def test_a_step_whose_beginning_was_never_told_counts_by_its_series() -> None:
    head, series = performed(step("COMPLETED", t1=mr_series()), "MR3T", STEP, ())
    assert (head.study_uid, head.state) == ("", "COMPLETED")
    assert (series.series_uid, series.modality, len(series.instances)) == (MR_SERIES, "MR", 6)


def test_evidence_is_forgotten_when_its_time_is_over(site: Site) -> None:
    site.tell(NoticeKind.PROCEDURE_CREATED, step("IN PROGRESS"), STEP)
    site.sweep()
    site.sweep(after_s=89 * 86_400)
    assert len(site.store.evidence.of_subject(STEP)) == 1
    site.sweep(after_s=2 * 86_400)
    assert site.store.evidence.of_subject(STEP) == ()


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")
@pytest.mark.parametrize("encoded", [b"", b"\x00", b"\xff" * 40, b"\x08\x00\x99\x11SQ\x00\x00\xff\xff\xff\x7f"])
def test_a_notice_that_cannot_be_read_is_told_and_stops_nothing(site: Site, encoded: bytes) -> None:
    for kind in (NoticeKind.COMMITMENT_REQUEST, NoticeKind.PROCEDURE_SET, NoticeKind.AVAILABILITY):
        site.tell(kind, Dataset(), STEP, encoded=encoded)
    site.receive([*pet(), *t1(), *flair()])
    site.sweep()
    assert site.begun
    assert site.store.notices.unhandled([NoticeKind.PROCEDURE_SET, NoticeKind.AVAILABILITY]) == ()


def test_a_deflated_data_set_is_read() -> None:
    squeezed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    encoded = squeezed.compress(encode(commitment(pet()))) + squeezed.flush()
    assert len(decoded(encoded, "1.2.840.10008.1.2.1.99").ReferencedSOPSequence) == 12


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_notices_raise_nothing_but_what_is_caught(data: st.DataObject) -> None:
    whole = bytearray(encode(step("COMPLETED", t1=mr_series()[:2])))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    with suppress(*_UNREADABLE):
        performed(decoded(bytes(whole[:cut]), EXPLICIT), "MR3T", STEP, ())
