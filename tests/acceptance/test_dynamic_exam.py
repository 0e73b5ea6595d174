"""A dynamic exam end to end: a head that nods in the scanner, by C-STORE, and the distribution volume ratios that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import exam_accuracy, report
from node.simulate.exam import write_exam
from node.simulate.options import dynamic_options

pytestmark = [pytest.mark.peer("storescu", "Orthanc"), pytest.mark.slow]

OWN_MASK_PERCENT, TRUE_REGION_PERCENT, MOTION_MM = 2.5, 8.0, 1.0
"""Wider than those of `benchmarks.report`: the voxels are of 4 mm, and frames that were moved were interpolated between them."""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("exam")
    write_exam(folder / "dynamic", dynamic_options(3))
    return exam_accuracy.run(Path(folder / "dynamic"), None, timeout_s=900)


def test_a_dynamic_exam_is_delivered(record: dict[str, Any]) -> None:
    assert record["state"] == "DELIVERED", record["reason"]
    assert record["dynamic"]
    assert record["held"] == []


def test_the_nods_are_taken_out(record: dict[str, Any]) -> None:
    motion = record["frame_motion_mm"]

    assert motion["moved"] > 3.0
    assert motion["worst"] <= MOTION_MM, report.table(record)
    assert record["pet_to_t1_mm"]["mean"] <= 1.0


@pytest.mark.parametrize("quantity", ["suvr", "dvr"])
@pytest.mark.parametrize("region", ["cortex", "thalamus", "nawm"])
def test_ratios_agree_with_the_truth(record: dict[str, Any], quantity: str, region: str) -> None:
    values = record["regions" if quantity == "suvr" else "dvr_regions"][region]

    assert abs(values["own_mask_bias_percent"]) <= OWN_MASK_PERCENT, report.table(record)
    assert abs(values["bias_percent"]) <= TRUE_REGION_PERCENT, report.table(record)


def test_dvr_is_not_suvr(record: dict[str, Any]) -> None:
    """White matter clears late: its SUVR is above its DVR, in truth and as measured."""
    suvr, dvr = record["regions"]["nawm"], record["dvr_regions"]["nawm"]

    assert suvr["own_mask_truth"] - dvr["own_mask_truth"] > 0.01
    assert suvr["suvr"] - dvr["dvr"] > 0.01


def test_the_reference_clears_about_as_fast_as_it_was_made_to(record: dict[str, Any]) -> None:
    kinetics = record["kinetics"]

    assert 0.5 < kinetics["k2_ref_per_min"] / kinetics["truth_per_min"] < 1.5
    assert kinetics["dvr_method"] != "no map"


def test_lesions_are_told_apart_where_the_camera_can(record: dict[str, Any]) -> None:
    phenotypes = record["phenotypes"]

    assert phenotypes["given"]
    assert phenotypes["callable"] >= 3, report.table(record)
    assert phenotypes["right"] >= 0.7 * phenotypes["callable"], report.table(record)
