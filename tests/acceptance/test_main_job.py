"""The main job, as a hospital sees it: an exam by C-STORE, its results in the PACS, and the right numbers on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import SegmentationStorage

from benchmarks import conformance, exam_accuracy, report

pytestmark = [pytest.mark.peer("storescu", "Orthanc", "segimage2itkimage"), pytest.mark.slow]

INSIDE_PERCENT, ELSEWHERE_PERCENT = 95.0, 5.0
MEAN_MM, MAX_MM = 1.0, 2.0
OWN_MASK_PERCENT, TRUE_REGION_PERCENT = 1.5, 8.0
"""The limits of the real exams, but for two that voxels of 2 mm widen: 98 % of the parenchyma inside, 5 % against the true region. Time and
memory are judged in benchmarks, where nothing else runs."""


@dataclass(frozen=True)
class Delivered:
    """What came of the exam, and what went in."""

    record: dict[str, Any]
    objects: list[Path]
    inputs: list[Path]


@pytest.fixture(scope="module")
def delivered(two_study_exam: Path, tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    keep = tmp_path_factory.mktemp("objects")
    record = exam_accuracy.run(two_study_exam, keep, timeout_s=900)
    return Delivered(record, sorted(keep.rglob("*.dcm")), sorted((two_study_exam / "dicom").rglob("*.dcm")))


def test_an_exam_is_delivered(delivered: Delivered) -> None:
    assert delivered.record["state"] == "DELIVERED", delivered.record["reason"]


def test_the_gate_lets_everything_out(delivered: Delivered) -> None:
    assert delivered.record["objects"]
    assert delivered.record["held"] == []


def test_brain_and_registration_are_right(delivered: Delivered) -> None:
    brain, miss = delivered.record["brain"], delivered.record["pet_to_t1_mm"]

    assert brain["parenchyma_inside_percent"] >= INSIDE_PERCENT, report.table(delivered.record)
    assert brain["mask_on_other_tissue_percent"] <= ELSEWHERE_PERCENT
    assert miss["mean"] <= MEAN_MM
    assert miss["max"] <= MAX_MM


@pytest.mark.parametrize("region", ["cortex", "thalamus", "nawm", "reference"])
def test_values_agree_with_the_truth(delivered: Delivered, region: str) -> None:
    values = delivered.record["regions"].get(region) or delivered.record[region]

    assert abs(values["own_mask_bias_percent"]) <= OWN_MASK_PERCENT, report.table(delivered.record)
    assert abs(values["bias_percent"]) <= TRUE_REGION_PERCENT, report.table(delivered.record)


def test_the_lesions_are_found_and_reach_the_pacs_where_they_are(delivered: Delivered) -> None:
    lesions = delivered.record["lesions"]

    assert lesions["hit"] >= 0.8 * lesions["true"]
    assert lesions["false"] <= 2
    assert lesions["dice_in_pacs"] >= 0.7


def test_segmentation_and_secondary_capture_reach_the_pacs(delivered: Delivered) -> None:
    assert delivered.record["objects"].get("Segmentation Storage", 0) >= 1
    assert sum(count for name, count in delivered.record["objects"].items() if "Secondary Capture" in name) >= 2


@pytest.mark.peer("dciodvfy", "dcentvfy")
def test_outside_judges_have_no_complaint(delivered: Delivered) -> None:
    assert conformance.complaints(delivered.objects, delivered.inputs) == []


def test_objects_lie_in_the_study_where_they_can_be_drawn(delivered: Delivered) -> None:
    """What lies on the MR's grid is in the MR's study, the rest in the PET's; the segmentations lie on the MR's grid."""
    studies = {frame: study for frame, study, _ in map(_place, delivered.inputs)}
    assert len(set(studies.values())) == 2

    for file in delivered.objects:
        frame, study, sop_class = _place(file)
        if frame:
            assert study == studies[frame], file.name
        else:
            assert study in studies.values(), file.name
        if sop_class == SegmentationStorage:
            assert frame, file.name


def _place(file: Path) -> tuple[str, str, str]:
    """Frame of reference (empty where there is none), study, SOP class."""
    header = pydicom.dcmread(file, stop_before_pixels=True)
    return str(header.get("FrameOfReferenceUID") or ""), str(header.StudyInstanceUID), str(header.SOPClassUID)
