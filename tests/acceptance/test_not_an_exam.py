"""What is not an exam, or not to be trusted, gets its state and a reason; the PACS gets nothing or one page; the node lives on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest

from benchmarks.peers import Orthanc, command, send
from benchmarks.running import END_STATES, RunningNode
from node.simulate.exam import write_exam
from node.simulate.options import SimulatedPatient, SimulatedTracer, SimulationOptions, small_options

pytestmark = [pytest.mark.peer("storescu", "echoscu", "Orthanc"), pytest.mark.slow]

AT_ONCE = {"deadline_min = 60": "deadline_min = 0"}


@dataclass
class House:
    """A node that waits for nothing, and its PACS."""

    node: RunningNode
    pacs: Orthanc

    def receive(self, files: list[Path], *, timeout_s: float = 240.0) -> dict[str, Any]:
        """Send files; the new exam when it has ended or waits, with the number of new objects in the PACS under "objects"."""
        before, held = {exam["exam"] for exam in self.node.exams()}, self.pacs.count()
        send(files, self.node.port, called=self.node.ae_title)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            new = [exam for exam in self.node.exams() if exam["exam"] not in before]
            if new and all(exam["state"] in END_STATES for exam in new):
                time.sleep(1.0)
                assert len(new) == 1, new
                return {**new[0], "objects": self.pacs.count() - held}
            time.sleep(1.0)
        if not new:
            raise TimeoutError(f"no exam appeared; log: {self.node.log[-2000:]}")
        return {**new[0], "objects": self.pacs.count() - held}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with Orthanc(folder / "pacs") as pacs, RunningNode(folder, destination=(pacs.dicom_port, pacs.ae_title), changes=AT_ONCE) as node:
        yield House(node, pacs)


def test_a_lone_mr_is_filed_and_nothing_is_sent(house: House, tmp_path: Path) -> None:
    exam = house.receive(_written(tmp_path, "LONE-MR", with_pet=False), timeout_s=60)

    assert exam["state"] in ("IGNORED", "WAITING")
    assert "PET" in exam["reason"]
    assert exam["objects"] == 0


def test_an_fdg_scan_is_not_taken_for_tspo(house: House, tmp_path: Path) -> None:
    exam = house.receive(_written(tmp_path, "FDG", tracer=SimulatedTracer.FDG), timeout_s=60)

    assert exam["state"] == "IGNORED"
    assert exam["objects"] == 0


def test_a_whole_body_fdg_scan_is_ignored(house: House, real_data: Path) -> None:
    files = sorted(path for path in (real_data / "pet_dicom" / "ge_discovery_whole_body").rglob("*.dcm"))
    assert files

    exam = house.receive(files, timeout_s=60)

    assert exam["state"] == "IGNORED"
    assert exam["objects"] == 0


def test_an_exam_whose_mr_has_another_birth_date_is_held(house: House, tmp_path: Path) -> None:
    two = SimulatedPatient(patient_id="TWO-PEOPLE", mr_birth_date=date(1971, 1, 2))

    exam = house.receive(_written(tmp_path, "TWO-PEOPLE", patient=two))

    assert exam["state"] == "HELD"
    assert "birth date" in exam["reason"]
    assert "1971" not in exam["reason"], "the reason is no place for a patient's data"
    assert exam["objects"] == 0


def test_a_tspo_exam_that_cannot_be_used_is_rejected_with_one_page(house: House, tmp_path: Path) -> None:
    files = _written(tmp_path, "UNUSABLE", pet_units="PROPCPS")

    exam = house.receive(files)

    assert exam["state"] == "REJECTED"
    assert "PROPCPS" in exam["reason"]
    assert exam["objects"] == 1
    studies = {str(pydicom.dcmread(file, stop_before_pixels=True).StudyInstanceUID) for file in files}
    pages = [page for page in map(pydicom.dcmread, house.pacs.download(tmp_path / "pacs")) if page.PatientID == "UNUSABLE"]
    assert [page.SOPClassUID.name for page in pages] == ["Secondary Capture Image Storage"]
    assert pages[0].StudyInstanceUID in studies


def test_a_pet_without_an_mr_is_not_analysed_and_says_so(house: House, tmp_path: Path) -> None:
    files = [file for file in _written(tmp_path, "NO-MR") if "MR" not in file.parent.name]

    exam = house.receive(files)

    assert exam["state"] == "REJECTED"
    assert "no MR" in exam["reason"]
    assert exam["objects"] == 1


def test_the_node_lives_on_and_can_tell_of_each(house: House) -> None:
    echo = [command("echoscu"), "-aec", house.node.ae_title, "127.0.0.1", str(house.node.port)]
    assert subprocess.run(echo, check=False).returncode == 0

    for exam in house.node.exams():
        told = house.node.show(exam["exam"])
        assert told["reason"]
        assert told["events"]
    assert "Traceback" not in house.node.log


def _written(folder: Path, patient_id: str, *, patient: SimulatedPatient | None = None, **changes: Any) -> list[Path]:
    options: SimulationOptions = replace(small_options(), patient=patient or SimulatedPatient(patient_id=patient_id), **changes)
    return list(write_exam(folder / patient_id, options).files)
