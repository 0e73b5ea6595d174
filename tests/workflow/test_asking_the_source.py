"""The source is asked how many images a series has, where the site lets us; never on every sweep, and nobody waits for its answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from node.errors import TemporaryError
from node.retrieve import SeriesFound
from node.settings import PeerSection
from node.workflow.steps.asking import QUESTIONS, Asking
from tests.assemble.assemble_dicom import MR_SERIES, PET_SERIES, STUDY, flair_series, mr_series
from tests.network import serving, wait_until
from tests.workflow.gathering_site import Site, flair, make_site, pet

FIND = [(StudyRootQueryRetrieveInformationModelFind, ImplicitVRLittleEndian)]
PEER = PeerSection(name="mr3t", ae_titles=("MR3T",), host="127.0.0.1", port=104, ae_title="MR3T", ask="counts")


class Source:
    """Answers with a count a series, or not at all, and remembers who asked."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.error: Exception | None = None
        self.asked: list[tuple[str, frozenset[str]]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, peer: PeerSection, study_uid: str, here: frozenset[str]) -> Sequence[SeriesFound]:
        self.asked.append((study_uid, here))
        self.may_answer.wait(5)
        if self.error is not None:
            raise self.error
        return [SeriesFound(study_uid, uid, "MR", "", "", None, images) for uid, images in self.counts.items()]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def site(tmp_path: Path, source: Source) -> Iterator[Site]:
    made = make_site(tmp_path)
    made.intake._gathering._asking = Asking([PEER], made.store.evidence, made.clock, source)
    yield made
    source.may_answer.set()
    made.store.close()


def answered(site: Site) -> None:
    """Sweep until the answer is in."""
    asking: Any = site.intake._gathering._asking

    def done() -> bool:
        return all(future.done() for _, future in asking._running.values())

    wait_until(done)
    site.sweep()


def uncounted(site: Site) -> None:
    site.receive([*pet(), *mr_series(), *flair_series()])
    site.sweep()
    site.sweep(after_s=6)


def test_an_exam_begins_as_soon_as_the_source_says_that_all_is_here(site: Site, source: Source) -> None:
    source.counts = {MR_SERIES: 6, "1.2.3.3": 6, PET_SERIES: 12}
    uncounted(site)
    answered(site)
    assert site.begun
    assert "T1 6 of 6 images (mr3t's answer)" in site.exam().reason
    assert source.asked == [(STUDY, frozenset({MR_SERIES, "1.2.3.3", PET_SERIES}))]


def test_what_the_source_has_more_is_waited_for_and_asked_for_again_with_growing_pauses(site: Site, source: Source) -> None:
    source.counts = {MR_SERIES: 7, "1.2.3.3": 6, PET_SERIES: 12}
    uncounted(site)
    answered(site)
    for _ in range(10):
        site.sweep(after_s=5)
    assert "the T1 is not whole: 6 of 7 images (mr3t's answer)" in site.exam().reason
    answered(site)
    assert len(source.asked) == 2
    for _ in range(15):
        site.sweep(after_s=200)
        answered(site)
    assert 5 <= len(source.asked) <= 10 < QUESTIONS


def test_it_is_asked_again_when_images_have_come_since(site: Site, source: Source) -> None:
    source.counts = {MR_SERIES: 7, "1.2.3.3": 6, PET_SERIES: 12}
    uncounted(site)
    answered(site)
    site.sweep(after_s=31)
    answered(site)
    site.receive(mr_series(slices=7)[6:])
    site.sweep(after_s=6)
    assert site.begun


def test_the_sweep_does_not_wait_for_an_answer(site: Site, source: Source) -> None:
    source.may_answer.clear()
    uncounted(site)
    site.sweep(after_s=10)
    assert not site.begun
    site.sweep(after_s=20)
    assert site.begun
    assert len(source.asked) == 1


def test_a_peer_that_does_not_answer_is_told_and_the_time_counts(site: Site, source: Source) -> None:
    source.error = TemporaryError("peer mr3t unreachable")
    uncounted(site)
    answered(site)
    assert "no count is known of T1 and FLAIR; mr3t does not say: waiting for 30 s" in site.reason
    site.sweep(after_s=31)
    assert site.begun


def test_a_fault_of_ours_in_asking_stops_nothing(site: Site, source: Source) -> None:
    source.error = ZeroDivisionError("oh")
    uncounted(site)
    answered(site)
    site.sweep(after_s=31)
    assert site.begun


def test_an_exam_that_is_counted_asks_nobody(site: Site, source: Source) -> None:
    site.receive([*pet(), *flair()])
    site.sweep(after_s=1)
    with site.association() as name:
        site.receive(mr_series(ImagesInAcquisition=6), name)
        site.sweep(after_s=60)
    site.sweep()
    assert site.begun
    assert source.asked == []


def test_whoever_may_not_be_asked_is_not(tmp_path: Path, source: Source) -> None:
    site = make_site(tmp_path)
    quiet = PEER.model_copy(update={"ask": "nothing"})
    site.intake._gathering._asking = Asking([quiet], site.store.evidence, site.clock, source)
    uncounted(site)
    site.sweep(after_s=20)
    assert source.asked == []
    site.store.close()


def test_a_series_that_only_the_source_has_is_named(site: Site, source: Source) -> None:
    site.receive([*pet(), *mr_series()])
    source.counts = {MR_SERIES: 6, PET_SERIES: 12, "1.2.3.3": 6}
    site.sweep(after_s=6)
    answered(site)
    assert "no FLAIR and no lesion segmentation has arrived; mr3t's answer: MR series 1.2.3.3 of 6 images is there" in site.exam().reason


@pytest.mark.parametrize("counts", [True, False])
def test_a_real_query_counts_series_or_else_their_images(tmp_path: Path, counts: bool) -> None:
    series = {PET_SERIES: ("PT", pet()), MR_SERIES: ("MR", mr_series()), "1.2.3.3": ("MR", flair_series())}

    def answer(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        if event.identifier.QueryRetrieveLevel == "SERIES":
            for uid, (modality, images) in series.items():
                found = Dataset()
                found.QueryRetrieveLevel, found.StudyInstanceUID, found.SeriesInstanceUID, found.Modality = "SERIES", STUDY, uid, modality
                if counts:
                    found.NumberOfSeriesRelatedInstances = len(images)
                yield 0xFF00, found
        else:
            for image in series[event.identifier.SeriesInstanceUID][1]:
                found = Dataset()
                found.QueryRetrieveLevel, found.StudyInstanceUID = "IMAGE", STUDY
                found.SeriesInstanceUID, found.SOPInstanceUID = image.SeriesInstanceUID, image.SOPInstanceUID
                yield 0xFF00, found

    with serving(FIND, [(evt.EVT_C_FIND, answer)], ae_title="MR3T") as port:
        peer = f'ae_titles = ["MR3T"]\nhost = "127.0.0.1"\nport = {port}\nae_title = "MR3T"\nask = "counts"\n'
        site = make_site(tmp_path, network=f'[[peer]]\nname = "mr3t"\n{peer}')
        uncounted(site)
        answered(site)
        assert site.begun, site.reason
        assert "FLAIR 6 of 6 images (mr3t's answer)" in site.exam().reason
        site.store.close()
