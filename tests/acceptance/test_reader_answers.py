"""A reader answers back: corrected lesions begin a new version, our own objects begin nothing, and a rejected result is withdrawn."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest

from benchmarks import conformance
from benchmarks.peers import Orthanc, send
from benchmarks.running import RunningNode, ended
from tests.acceptance.viewer import corrected, emptied

pytestmark = [pytest.mark.peer("storescu", "Orthanc"), pytest.mark.slow]

QUIET_S = 9.0
"""Longer than the rules wait for more images: what begins something has begun it."""


@dataclass
class Ward:
    """A node and its PACS, an exam in them, and what the node sent of each version."""

    node: RunningNode
    pacs: Orthanc
    inputs: list[Path]
    folder: Path
    sent: dict[int, dict[str, Path]] = field(default_factory=dict)

    def exam(self) -> dict[str, Any]:
        (exam,) = self.node.exams()
        return exam

    def wait_for(self, version: int, state: str, *, timeout_s: float = 900.0) -> dict[str, Any]:
        """The exam, once it is at a version and has ended; the objects of that version are downloaded."""
        deadline = time.monotonic() + timeout_s
        while not self.node.exams():  # what was acknowledged is filed a moment later
            assert time.monotonic() < deadline, self.node.log[-2000:]
            time.sleep(0.2)
        while not (ended(exam := self.exam()) and exam["version"] == version and exam["state"] == state):
            assert time.monotonic() < deadline, f"{exam}; log: {self.node.log[-2000:]}"
            assert not (ended(exam) and exam["version"] == version), exam
            time.sleep(1.0)
        before = {uid for known in self.sent.values() for uid in known}
        files = {path.stem: path for path in self.pacs.download(self.folder / f"v{version}-{state}")}
        self.sent.setdefault(version, {}).update({uid: path for uid, path in files.items() if uid not in before})
        return exam

    def stays(self, exam: dict[str, Any]) -> bool:
        """Whether nothing begins while the node could begin something."""
        time.sleep(QUIET_S)
        keys = ("version", "state", "reason")
        return [self.exam()[key] for key in keys] == [exam[key] for key in keys]

    def lesions(self, version: int) -> dict[str, int]:
        """Tracking UID → number, of a version's result."""
        result = (self.node.storage / "exams" / self.exam()["exam"] / f"v{version}" / "result.json").read_text()
        return {lesion["tracking_uid"]: lesion["number"] for lesion in json.loads(result)["lesions"]}

    def segmentation(self, version: int) -> Path:
        """The SEG of the lesions that was sent."""
        return next(path for path in self.sent[version].values() if _is_seg_of_lesions(path))


@pytest.fixture(scope="module")
def ward(two_study_exam: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    folder = tmp_path_factory.mktemp("ward")
    inputs = sorted((two_study_exam / "dicom").rglob("*.dcm"))
    with Orthanc(folder / "pacs") as pacs, RunningNode(folder, destination=(pacs.dicom_port, pacs.ae_title)) as node:
        ward = Ward(node, pacs, inputs, folder)
        send(inputs, node.port, called=node.ae_title)
        ward.wait_for(1, "DELIVERED")
        yield ward


def test_corrected_lesions_come_back_and_one_result_follows(ward: Ward) -> None:
    before = ward.lesions(1)
    file = corrected(ward.segmentation(1), ward.folder / "corrected.dcm", without=1, at=datetime(2031, 5, 6, 7, 8))  # noqa: DTZ001 a viewer's local time
    deleted = pydicom.dcmread(ward.segmentation(1)).SegmentSequence[0].TrackingUID

    send([file], ward.node.port, called=ward.node.ae_title, calling="WORKSTATION")
    exam = ward.wait_for(2, "DELIVERED")

    story = ward.node.show(exam["exam"])
    begun = next(event["text"] for event in story["events"] if event["version"] == 2)
    assert begun == "lesions were drawn by Rhea Reader (Somebody else Viewer, SEG of 2031-05-06 07:08); analysed again with them"
    assert "Reader" not in ward.node.log
    now = ward.lesions(2)
    assert now == {uid: number for uid, number in before.items() if uid != deleted}
    assert [segment.TrackingUID for segment in pydicom.dcmread(ward.segmentation(2)).SegmentSequence] == list(now)

    send([file], ward.node.port, called=ward.node.ae_title, calling="WORKSTATION")
    send(list(ward.sent[2].values()), ward.node.port, called=ward.node.ae_title, calling="PACS")
    send(list(ward.sent[1].values()), ward.node.port, called=ward.node.ae_title, calling="PACS")
    assert ward.stays(exam)
    assert len(ward.node.show(exam["exam"])["events"]) == len(story["events"])


@pytest.mark.peer("dciodvfy")
def test_a_rejected_result_is_withdrawn_by_a_note_on_all_that_was_stored(ward: Ward) -> None:
    version, stored = ward.exam()["version"], set(ward.sent[ward.exam()["version"]])

    ward.node.told("reject", ward.exam()["exam"], "--by", "Rhea Reader", "--reason", "drawn on the wrong side")
    exam = ward.wait_for(version, "WITHDRAWN")

    notes = [path for uid, path in ward.sent[version].items() if uid not in stored]
    named = {uid for note in notes for uid in _named(note)}
    studies = {str(pydicom.dcmread(path, specific_tags=["StudyInstanceUID"]).StudyInstanceUID) for path in ward.sent[version].values()}
    assert named == stored
    assert len(notes) == len(studies) == 2
    assert {pydicom.dcmread(note).ConceptNameCodeSequence[0].CodeValue for note in notes} == {"113001"}
    assert [error for note in notes for error in conformance.iod_errors(note)] == []
    assert conformance.entity_errors(notes, ward.inputs) == []

    send(notes, ward.node.port, called=ward.node.ae_title, calling="PACS")
    assert ward.stays(exam)
    (verdict,) = ward.node.show(exam["exam"])["verdicts"]
    assert (verdict["verdict"], verdict["version"], verdict["author"]) == ("rejected", version, "Rhea Reader")


def test_a_reader_who_deletes_every_lesion_of_a_withdrawn_result_gets_one_without_lesions(ward: Ward) -> None:
    assert ward.exam()["state"] == "WITHDRAWN"
    file = emptied(ward.segmentation(1), ward.folder / "emptied.dcm", at=datetime(2031, 5, 7, 8, 9))  # noqa: DTZ001 a viewer's local time

    send([file], ward.node.port, called=ward.node.ae_title, calling="WORKSTATION")
    exam = ward.wait_for(3, "DELIVERED")

    result = ward.node.show(exam["exam"])["result"]
    assert result["lesions"] == []
    assert "no lesion, says the reader" in result["headline"]
    checks = {check["name"]: check["message"] for check in result["checks"]}
    assert "was drawn later" in checks["lesion_seg_choice"]
    assert not any(_is_seg_of_lesions(path) for path in ward.sent[3].values())


def _named(note: Path) -> set[str]:
    studies = pydicom.dcmread(note).CurrentRequestedProcedureEvidenceSequence
    series = [item for study in studies for item in study.ReferencedSeriesSequence]
    return {str(item.ReferencedSOPInstanceUID) for one in series for item in one.ReferencedSOPSequence}


def _is_seg_of_lesions(path: Path) -> bool:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    return header.Modality == "SEG" and "esions of brain" in str(header.SeriesDescription)
