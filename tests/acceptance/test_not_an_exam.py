"""What is not an exam, or not to be trusted, gets its state and a reason; the PACS gets nothing or one page; the node lives on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset

from benchmarks.peers import Orthanc, command, send
from benchmarks.running import RunningNode, ended
from node.simulate.options import small_options
from node.simulate.whole_body import write_whole_body_fdg
from tests.acceptance.disguise import disguise

pytestmark = [pytest.mark.peer("storescu", "echoscu", "Orthanc"), pytest.mark.slow]

AT_ONCE = {"deadline_min = 60": "deadline_min = 0"}


@dataclass
class House:
    """A node that waits for nothing, and its PACS."""

    node: RunningNode
    pacs: Orthanc

    def receive(self, files: list[Path], *, timeout_s: float = 240.0) -> dict[str, Any]:
        """Send files; the new exam when it has ended or the time is over, with the number of new objects in the PACS under "objects"."""
        before, held = {exam["exam"] for exam in self.node.exams()}, self.pacs.count()
        send(files, self.node.port, called=self.node.ae_title)
        deadline = time.monotonic() + timeout_s
        new: list[dict[str, Any]] = []
        while not (new and all(map(ended, new))) and time.monotonic() < deadline:
            time.sleep(2.0)
            new = [exam for exam in self.node.exams() if exam["exam"] not in before]
        assert len(new) == 1, f"{new}; log: {self.node.log[-2000:]}"
        return {**new[0], "objects": self.pacs.count() - held}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with Orthanc(folder / "pacs") as pacs, RunningNode(folder, destination=(pacs.dicom_port, pacs.ae_title), changes=AT_ONCE) as node:
        yield House(node, pacs)


@pytest.fixture(scope="module")
def files(small_exam: Path) -> list[Path]:
    """A flawless exam's."""
    return sorted((small_exam / "dicom").rglob("*.dcm"))


def test_a_lone_mr_is_filed_and_nothing_is_sent(house: House, files: list[Path], tmp_path: Path) -> None:
    exam = house.receive(disguise(_only("MR", files), tmp_path / "x", "LONE-MR"), timeout_s=30)

    assert exam["state"] in ("IGNORED", "WAITING")
    assert "PET" in exam["reason"]
    assert exam["objects"] == 0


def test_an_fdg_scan_of_the_head_is_not_taken_for_tspo(house: House, files: list[Path], tmp_path: Path) -> None:
    def as_fdg(dataset: Dataset) -> None:
        for item in dataset.get("RadiopharmaceuticalInformationSequence", []):
            item.Radiopharmaceutical = "FDG -- fluorodeoxyglucose"
            item.pop("RadiopharmaceuticalCodeSequence", None)

    exam = house.receive(disguise(files, tmp_path / "x", "FDG", as_fdg), timeout_s=30)

    assert exam["state"] in ("IGNORED", "WAITING")
    assert exam["objects"] == 0


def test_a_whole_body_fdg_scan_is_ignored(house: House, tmp_path: Path) -> None:
    exam = house.receive(list(write_whole_body_fdg(tmp_path, small_options(seed=77))), timeout_s=30)

    assert exam["state"] == "IGNORED"
    assert exam["objects"] == 0


def test_a_real_whole_body_fdg_scan_is_ignored(house: House, real_data: Path) -> None:
    scan = sorted((real_data / "pet_dicom" / "ge_discovery_whole_body" / "image").rglob("*.dcm"))
    assert scan

    exam = house.receive(scan, timeout_s=30)

    assert exam["state"] == "IGNORED"
    assert exam["objects"] == 0


def test_an_exam_whose_mr_has_another_birth_date_is_held(house: House, files: list[Path], tmp_path: Path) -> None:
    def born_otherwise(dataset: Dataset) -> None:
        if dataset.Modality == "MR":
            dataset.PatientBirthDate = "19710102"

    exam = house.receive(disguise(files, tmp_path / "x", "TWO-PEOPLE", born_otherwise))

    assert exam["state"] == "HELD"
    assert "birth date" in exam["reason"]
    assert "1971" not in exam["reason"], "the reason is no place for a patient's data"
    assert exam["objects"] == 0


def test_a_tspo_exam_that_cannot_be_used_is_rejected_with_one_page(house: House, files: list[Path], tmp_path: Path) -> None:
    def without_a_scale(dataset: Dataset) -> None:
        if dataset.Modality == "PT":
            dataset.Units = "PROPCPS"

    sent = disguise(files, tmp_path / "x", "UNUSABLE", without_a_scale)
    exam = house.receive(sent)

    assert exam["state"] == "REJECTED"
    assert "PROPCPS" in exam["reason"]
    assert exam["objects"] == 1
    _is_the_page_of(sent, house.pacs.download(tmp_path / "pacs"), "UNUSABLE")


def test_a_pet_without_an_mr_is_not_analysed_and_a_page_says_so(house: House, files: list[Path], tmp_path: Path) -> None:
    sent = disguise(_only("PT", files), tmp_path / "x", "NO-MR")

    exam = house.receive(sent)

    assert exam["state"] == "REJECTED"
    assert "no MR" in exam["reason"]
    assert exam["objects"] == 1
    _is_the_page_of(sent, house.pacs.download(tmp_path / "pacs"), "NO-MR")


def test_the_node_lives_on_and_can_tell_of_each(house: House) -> None:
    echo = [command("echoscu"), "-aet", "SCANNER", "-aec", house.node.ae_title, "127.0.0.1", str(house.node.port)]
    assert subprocess.run(echo, check=False).returncode == 0

    for exam in house.node.exams():
        told = house.node.show(exam["exam"])
        assert told["reason"]
        assert told["events"]
    assert "Traceback" not in house.node.log


def _only(modality: str, files: list[Path]) -> list[Path]:
    return [file for file in files if pydicom.dcmread(file, specific_tags=["Modality"]).Modality == modality]


def _is_the_page_of(sent: list[Path], held: list[Path], patient_id: str) -> None:
    studies = {str(pydicom.dcmread(file, specific_tags=["StudyInstanceUID"]).StudyInstanceUID) for file in sent}
    pages = [page for page in map(pydicom.dcmread, held) if page.PatientID == patient_id]
    assert [page.SOPClassUID.name for page in pages] == ["Secondary Capture Image Storage"]
    assert str(pages[0].StudyInstanceUID) in studies
