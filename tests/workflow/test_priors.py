"""Which earlier exams an exam is compared with, what its lesions are called, and what is told: on artefacts a few kilobytes large."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.app import SystemClock
from node.domain.exam import Check, Exam, LesionImport, MrSeries, PetSeries, Role, SeriesSource, Subject
from node.domain.history import Fate, History
from node.domain.result import (
    Alignment,
    Finding,
    Lesion,
    LesionOrigin,
    ParametricMap,
    Provenance,
    Quantity,
    Result,
    Segmentation,
    Tracer,
)
from node.domain.timing import Administration, FrameTiming
from node.domain.tracer import TracerProfile
from node.domain.transform import Deformation, Transform
from node.domain.verdict import Verdict
from node.domain.volume import Volume
from node.errors import DataError
from node.workflow import artefacts
from node.workflow.states import State
from node.workflow.steps import priors
from node.workflow.steps.visits import tracking_of
from node.workflow.store.database import Store
from node.workflow.store.rows import VerdictRow

SHAPE = (4, 12, 40)
START = datetime.fromisoformat("2026-03-02T09:00:00")
SUBJECT = Subject("P1", "", "Phantom^Ball", date(1980, 1, 2), "F", 70.0, 1.7)
PROFILE = TracerProfile("dpa714", "[18F]DPA-714", None, "x", "F-18", 6586.2, True, (3600.0, 5400.0), 600.0, "cerebellar_gm", ())

Boxes = dict[int, tuple[int, int]]
"""Label → first and last column of a lesion."""

FIRST: Boxes = {1: (0, 9), 2: (12, 19), 3: (24, 27)}


def volume(array: np.ndarray, frame: str = "2.25.9") -> Volume:
    return Volume(array, np.eye(4), "1", frame)


def labels(boxes: Boxes) -> Volume:
    array = np.zeros(SHAPE, dtype=np.int32)
    for number, (first, last) in boxes.items():
        array[1:3, 1:11, first : last + 1] = number
    return volume(array)


@dataclass
class Visit:
    """One exam of the site, as it comes from the verbs."""

    days: int = 0
    boxes: Boxes = field(default_factory=lambda: dict(FIRST))
    subject: Subject = SUBJECT
    tracer: str = "[18F]DPA-714"
    nawm: float = 1.0
    origin: LesionOrigin = LesionOrigin.FOUND
    drawn: LesionImport | None = None
    flair_mm: float | None = None

    @property
    def at(self) -> datetime:
        return START + timedelta(days=self.days)

    def exam(self) -> Exam:
        grid = volume(np.zeros(SHAPE, dtype=np.float32))
        source = SeriesSource("2.25.1", "2.25.2", "PT", "", "ACME", "Ring", (), acquired_at=self.at)
        timing = FrameTiming(np.array([3600.0]), np.array([1800.0]))
        given = Administration("dpa714", "code", "F-18", 6586.2, 2e8, self.at)
        pet = PetSeries(replace(grid, array=grid.array[None]), timing, given, "BQML", "START", self.at, ("ATTN",), "OSEM", source)
        t1 = MrSeries(grid, Role.T1, replace(source, modality="MR"))
        flair = (
            None if self.flair_mm is None else MrSeries(Volume(grid.array, np.diag([self.flair_mm, 1.0, 1.0, 1.0])), Role.FLAIR, t1.source)
        )
        return Exam(self.subject, pet, t1, flair, self.drawn)

    def alignment(self) -> Alignment:
        grid, still = volume(np.zeros(SHAPE, dtype=np.float32)), Transform.identity()
        deformation = Deformation(still, Volume(np.zeros((3, 2, 2, 2)), np.eye(4)))
        return Alignment(grid, grid.like(np.ones(SHAPE, dtype=bool)), still, (still,), None, deformation, ())

    def segmentation(self) -> Segmentation:
        return Segmentation(volume(np.zeros(SHAPE, dtype=np.uint8)), (), labels(self.boxes), self.origin, ())

    def result(self, segmentation: Segmentation, tracking: dict[int, str], name: str) -> Result:
        grid = segmentation.tissue
        suvr = ParametricMap(grid, Quantity.SUVR, "", (), "")
        told = [Finding(region, Quantity.SUVR, value, "1", None, "") for region, value in (("nawm", self.nawm), ("thalamus", 1.2))]
        numbers = [int(n) for n in np.unique(segmentation.lesions.array) if n > 0]
        lesions = [_lesion(segmentation, number, tracking.get(number) or f"2.25.{name[1:]}{number}") for number in numbers]
        tracer = Tracer("dpa714", self.tracer, None, True, (3600.0, 5400.0), "cerebellar_gm", ())
        made = Provenance(name, 1, "Ember 1", "x", 1, START, ())
        return Result(suvr, (), grid, tracer, "", tuple(told), tuple(lesions), (), (), made)


def _lesion(segmentation: Segmentation, number: int, uid: str) -> Lesion:
    ml = float((segmentation.lesions.array == number).sum()) * segmentation.lesions.voxel_ml
    return Lesion(number, uid, ml, "deep white matter", (0.0, 0.0, 0.0), 2.0, 1.1, 1.0, None, None)


@dataclass
class Site:
    """A store and its folder; `analyse` takes an exam through the steps that compare."""

    store: Store
    folder: Path

    def place(self, number: int, version: int = 1) -> Path:
        return self.folder / "exams" / f"E{number:05d}" / f"v{version}"

    def begin(self, visit: Visit) -> int:
        """Aligned, its earlier exams fixed."""
        rows = self.store.exams.all()
        number = self.store.exams.create(anchor=f"2.25.{len(rows)}", patient_key="P1", text="new").number
        self._align(number, 1, visit)
        return number

    def again(self, number: int, visit: Visit) -> None:
        """The same exam as its next version."""
        version = self.store.exams.again(number, "again")
        self._align(number, version, visit)
        self.finish(number, visit, version)

    def _align(self, number: int, version: int, visit: Visit) -> None:
        place = self.place(number, version)
        place.mkdir(parents=True)
        artefacts.save(place, "exam", visit.exam())
        artefacts.save(place, "alignment", visit.alignment())
        priors.keep_priors(place, self.store, self.folder, self.store.exams.get(number), seed=1)

    def finish(self, number: int, visit: Visit, version: int = 1) -> History:
        """Segmented, quantified and delivered; what is told."""
        place = self.place(number, version)
        segmentation = priors.keep_numbers(place, visit.segmentation(), visit.exam(), visit.alignment())
        artefacts.save(place, "segmentation", segmentation)
        artefacts.save(place, "result", visit.result(segmentation, dict(priors.tracking(place)), f"E{number:05d}"))
        priors.keep_history(place, PROFILE)
        self.store.exams.move(number, State.DELIVERED, f"delivered v{version}")
        history = priors.read_history(place)
        assert history is not None
        return history

    def analyse(self, visit: Visit) -> History:
        return self.finish(self.begin(visit), visit)

    def names(self, number: int, version: int = 1) -> dict[int, str]:
        """Number → tracking UID."""
        result = artefacts.load(self.place(number, version), "result", Result)
        return {number: uid for uid, number in tracking_of(result.lesions)}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site whose T1s all lie alike."""
    monkeypatch.setattr(priors, "t1_from_prior", lambda *args, **more: (Transform.identity(), ()))
    store = Store(tmp_path, SystemClock())
    store.migrate()
    yield Site(store, tmp_path)
    store.close()


LATER: Boxes = {1: (30, 39), 2: (0, 9), 3: (12, 13)}
"""A new lesion is the largest now; what was 1 and 2 is still there, 2 by a quarter of itself; what was 3 is gone."""


def test_a_first_exam_has_no_history(site: Site) -> None:
    history = site.analyse(Visit())
    assert (history.visits, history.changes, history.lesions, history.notes) == ((), (), (), ())
    assert list(site.names(1)) == [1, 2, 3]
    assert priors.parameters(site.place(1)) == ()


def test_lesions_keep_number_and_tracking_uid_and_no_number_comes_twice(site: Site) -> None:
    site.analyse(Visit())
    history = site.analyse(Visit(200, LATER))
    before, now = site.names(1), site.names(2)
    assert set(now) == {1, 2, 4}
    assert {number: now[number] for number in (1, 2)} == {number: before[number] for number in (1, 2)}
    assert {change.number: change.fate for change in history.lesions} == {1: Fate.SAME, 2: Fate.SMALLER, 3: Fate.VANISHED, 4: Fate.NEW}
    third = site.analyse(Visit(400, {1: (0, 9), 2: (12, 19), 3: (24, 27)}))
    assert set(site.names(3)) == {1, 2, 5}  # what was 3 had vanished: it is new
    assert {change.number: change.fate for change in third.lesions}[4] is Fate.VANISHED
    assert [visit.exam for visit in third.visits] == ["E00001", "E00002"]


def test_the_same_exam_on_another_day_has_not_changed(site: Site) -> None:
    site.analyse(Visit())
    history = site.analyse(Visit(1))
    assert {change.fate for change in history.lesions} == {Fate.SAME}
    assert all(change.difference == 0.0 for change in history.changes)
    assert not any(change.exceeds for change in history.changes)


def test_the_earlier_exams_are_part_of_what_a_result_was_made_from(site: Site) -> None:
    site.analyse(Visit())
    site.analyse(Visit(200))
    (told,) = priors.parameters(site.place(2))
    assert told[0] == "earlier exam E00001"
    site.again(1, Visit(nawm=1.1))
    site.again(2, Visit(200))
    assert priors.parameters(site.place(2, 2)) != (told,)


@pytest.mark.parametrize(("who", "differing"), [({"birth_date": date(1981, 1, 2)}, "birth date"), ({"sex": "M"}, "sex")])
def test_another_person_with_the_same_number_is_no_visit(site: Site, who: dict[str, Any], differing: str) -> None:
    site.analyse(Visit(subject=replace(SUBJECT, **who)))
    history = site.analyse(Visit(200))
    assert history.visits == ()
    assert history.notes == (f"E00001 has the same patient ID and differs in {differing}: it is not taken for this patient's.",)
    assert "Phantom" not in str(history.notes)


def test_a_pet_of_another_patient_in_a_study_that_bears_this_number_is_no_visit(site: Site) -> None:
    site.analyse(Visit(subject=replace(SUBJECT, patient_id="P2")))
    assert site.analyse(Visit(200)).visits == ()


@pytest.mark.parametrize("days", [0, 30])
def test_an_exam_of_the_same_day_or_later_is_no_visit(site: Site, days: int) -> None:
    site.analyse(Visit(days))
    assert site.analyse(Visit(0)).visits == ()


def test_what_was_not_delivered_is_no_visit(site: Site) -> None:
    site.finish(site.begin(Visit()), Visit())
    held = site.begin(Visit(100))
    site.store.exams.move(held, State.HELD, "somebody must look")
    assert [visit.exam for visit in site.analyse(Visit(200)).visits] == ["E00001"]


def test_a_rejected_version_gives_way_to_the_one_before(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(number: int) -> tuple[VerdictRow, ...]:
        return tuple(VerdictRow(version, verdict, "A. Smith", "", START) for version, verdict in verdicts if number == 1)

    verdicts = [(1, Verdict.REJECTED), (1, Verdict.ACCEPTED), (2, Verdict.REJECTED)]
    monkeypatch.setattr(site.store.verdicts, "of_exam", said)
    site.analyse(Visit(nawm=1.0))
    site.again(1, Visit(nawm=1.5))
    (visit,) = site.analyse(Visit(200)).visits
    assert visit.findings[0].value == 1.0
    verdicts.append((1, Verdict.UNSAFE))
    assert site.analyse(Visit(300)).visits[0].exam == "E00002"


def test_files_that_are_gone_do_not_fail_the_new_exam(site: Site) -> None:
    site.analyse(Visit())
    shutil.rmtree(site.place(1))
    history = site.analyse(Visit(200))
    assert history.visits == ()
    assert history.notes == ("E00001 could not be compared: its files are no longer here, or cannot be read.",)


@pytest.mark.parametrize("name", ["result.json", "exam.npz", "segmentation.json"])
def test_files_that_are_cut_off_do_not_fail_the_new_exam(site: Site, name: str) -> None:
    site.analyse(Visit())
    file = site.place(1) / name
    file.write_bytes(file.read_bytes()[:40])
    assert len(site.analyse(Visit(200)).notes) == 1


def test_the_visits_stay_what_they_were_when_the_exam_was_begun(site: Site) -> None:
    site.analyse(Visit())
    number = site.begin(Visit(200, LATER))
    shutil.rmtree(site.place(1))
    history = site.finish(number, Visit(200, LATER))
    assert [visit.exam for visit in history.visits] == ["E00001"]
    assert set(site.names(2)) == {1, 2, 4}


def test_a_t1_that_does_not_fit_takes_lesions_out_of_it_and_no_number_is_used_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.analyse(Visit())
    refused = Check("prior_to_t1_same_head", False, "two heads.")
    monkeypatch.setattr(priors, "t1_from_prior", lambda *args, **more: (Transform.identity(), (refused,)))
    history = site.analyse(Visit(200))
    assert set(site.names(2)) == {4, 5, 6}
    assert history.lesions == ()
    assert history.notes == ("Lesions of E00001 were not followed: two heads.",)
    assert history.visits[0].t1 is None
    assert [change.region for change in history.changes if change.lesion is None] == ["nawm", "thalamus"]


def test_the_latest_visit_that_fits_is_followed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fits(*args: Any, **more: Any) -> tuple[Transform, tuple[Check, ...]]:
        answers.append(None)
        if len(answers) == 1:
            raise DataError("the image holds nothing.")
        return Transform.identity(), ()

    site.analyse(Visit())
    site.analyse(Visit(100, LATER))
    answers: list[None] = []
    monkeypatch.setattr(priors, "t1_from_prior", fits)
    history = site.analyse(Visit(200))
    assert {change.since for change in history.lesions} == {"E00001"}
    assert [visit.t1_from_t1 is not None for visit in history.visits] == [True, False]


def test_another_tracer_is_listed_and_its_lesions_are_followed_without_a_change(site: Site) -> None:
    site.analyse(Visit())
    history = site.analyse(Visit(200, tracer="[11C]PBR28"))
    (visit,) = history.visits
    assert visit.unlike == "Not compared: the tracer was [18F]DPA-714, is [11C]PBR28."
    assert history.changes == ()
    assert {change.fate for change in history.lesions} == {Fate.SAME}


def test_changes_are_told_since_the_latest_visit_that_is_alike(site: Site) -> None:
    site.analyse(Visit(nawm=1.0))
    site.analyse(Visit(100, tracer="[11C]PBR28", nawm=1.3))
    history = site.analyse(Visit(200, nawm=1.1))
    nawm = next(change for change in history.changes if change.region == "nawm")
    assert (nawm.since, nawm.before, nawm.now) == ("E00001", 1.0, 1.1)
    assert {change.since for change in history.lesions} == {"E00002"}


def test_lesions_drawn_in_another_way_keep_their_numbers_and_have_no_fate(site: Site) -> None:
    site.analyse(Visit())
    history = site.analyse(Visit(200, LATER, origin=LesionOrigin.PROGRAM))
    assert set(site.names(2)) == {1, 2, 4}
    assert history.lesions == ()
    assert "found by the node" in history.notes[0]
    assert "drawn by the site's program" in history.notes[0]


def _sent_back(boxes: Boxes, tracking: tuple[tuple[int, str], ...]) -> LesionImport:
    source = SeriesSource("2.25.1", "2.25.77", "SEG", "", "", "", ())
    return LesionImport(labels(boxes), source, "a workstation", tracking=tracking)


def test_a_lesion_that_a_reader_sends_back_keeps_its_name(site: Site) -> None:
    """Lesion 2 has been made the largest, 1 was taken out, and one was drawn in."""
    site.analyse(Visit())
    uids = site.names(1)
    boxes = {1: (10, 22), 2: (24, 27), 3: (34, 36)}
    drawn = _sent_back(boxes, ((1, uids[2]), (2, uids[3])))
    site.again(1, Visit(boxes=boxes, origin=LesionOrigin.IMPORTED, drawn=drawn))
    names = site.names(1, 2)
    assert set(names) == {2, 3, 4}
    assert (names[2], names[3]) == (uids[2], uids[3])


def test_a_reader_whose_viewer_drops_the_names_keeps_them_by_overlap_with_the_version_before(site: Site) -> None:
    """Lesion 1 was made the smallest, 2 was taken out, 3 was left, and one was drawn in."""
    site.analyse(Visit())
    uids = site.names(1)
    boxes = {1: (34, 39), 2: (24, 27), 3: (5, 7)}
    site.again(1, Visit(boxes=boxes, origin=LesionOrigin.IMPORTED, drawn=_sent_back(boxes, ())))
    names = site.names(1, 2)
    assert set(names) == {1, 3, 4}
    assert (names[1], names[3]) == (uids[1], uids[3])
    assert names[4] not in uids.values()


def test_a_lesion_that_had_vanished_gets_its_name_back_from_a_reader_alone(site: Site) -> None:
    """Lesion 3 is not at the second visit; at the third a reader draws it under its name, and it is new since the second."""
    site.analyse(Visit())
    site.analyse(Visit(200, LATER, origin=LesionOrigin.IMPORTED))
    drawn = _sent_back({1: (0, 9), 2: (24, 27)}, ((2, site.names(1)[3]),))
    history = site.analyse(Visit(400, {1: (0, 9), 2: (24, 27)}, origin=LesionOrigin.IMPORTED, drawn=drawn))
    assert site.names(3)[3] == site.names(1)[3]
    assert {change.number: change.fate for change in history.lesions}[3] is Fate.NEW


def test_lesions_that_grew_together_are_said_and_counted_once(site: Site) -> None:
    site.analyse(Visit())
    history = site.analyse(Visit(200, {1: (0, 19), 2: (24, 27)}))
    assert {change.number: change.fate for change in history.lesions} == {1: Fate.SAME, 3: Fate.SAME}
    assert history.notes == ("Lesions 1, 2 of E00001 have grown together: they are lesion 1 now.",)


def test_another_flair_is_told(site: Site) -> None:
    site.analyse(Visit(flair_mm=1.0))
    assert site.analyse(Visit(200, flair_mm=1.1)).notes == ()
    (note,) = site.analyse(Visit(400, flair_mm=3.0)).notes
    assert "voxels of 1.0 × 1.0 × 1.1 mm, this exam's of 1.0 × 1.0 × 3.0 mm" in note


def test_a_number_that_two_lesions_had_goes_to_the_one_of_the_visit(site: Site) -> None:
    """The later exam was analysed before the earlier one came: its lesion 1 is another than the earlier one's."""
    boxes = {1: (30, 39)}
    site.analyse(Visit(200, boxes))
    site.analyse(Visit())
    site.again(1, Visit(200, boxes, origin=LesionOrigin.IMPORTED, drawn=_sent_back(boxes, ())))
    assert list(site.names(1)) == [1]
    assert list(site.names(1, 2)) == [4]


def test_a_name_that_is_not_ours_is_none(site: Site) -> None:
    site.analyse(Visit())
    drawn = _sent_back(FIRST, ((1, "1.2.3.4"),))
    site.again(1, Visit(origin=LesionOrigin.IMPORTED, drawn=drawn))
    assert "1.2.3.4" not in site.names(1, 2).values()


def test_a_reader_s_name_beats_the_overlap_with_a_visit(site: Site) -> None:
    site.analyse(Visit())
    site.analyse(Visit(200, LATER))
    uids = site.names(2)
    boxes = {1: (0, 9), 2: (12, 13), 3: (30, 39)}
    drawn = _sent_back(boxes, ((1, uids[1]), (3, uids[4])))
    site.again(2, Visit(200, boxes, origin=LesionOrigin.IMPORTED, drawn=drawn))
    assert site.names(2, 2) == {number: uids[number] for number in (1, 2, 4)}
