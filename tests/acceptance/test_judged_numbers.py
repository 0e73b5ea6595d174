"""The judges of numbers: motion, lesions, phenotypes, and the table of limits, each with a case whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks import lesion_truth, report, truth
from node.domain.codes import GRAY_MATTER
from node.domain.result import Lesion, LesionOrigin, Phenotype, Region, Segmentation
from tests.acceptance.phantoms import small_truth


def shift(*mm: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = mm
    return matrix


def nodding() -> truth.Truth:
    """Three frames, the first 4 mm off the two late ones."""
    known = small_truth()
    late = known.pet_from_t1
    return replace(known, frames_from_t1=(shift(0.0, 4.0, 0.0) @ late, late, late), late_frames=(1, 2))


def lesion(number: int, phenotype: Phenotype | None, confidence: float | None = None) -> Lesion:
    measured = dict.fromkeys(("core_suvr", "rim_suvr", "core_contrast", "rim_contrast"))
    return Lesion(
        number=number,
        tracking_uid=str(number),
        volume_ml=0.1,
        place="deep white matter",
        centroid_mm=(0.0, 0.0, 0.0),
        inscribed_radius_mm=2.0,
        **measured,
        phenotype=phenotype,
        confidence=confidence,
    )


def test_motion_that_was_taken_out_leaves_nothing_in_whatever_pose_the_frames_were_put() -> None:
    known = nodding()
    elsewhere = shift(1.0, 2.0, 3.0)
    poses = [elsewhere @ shift(0.0, -4.0, 0.0), elsewhere, elsewhere]

    judged = truth.frame_motion_mm(known, poses, [True] * 3)

    assert judged["worst_of_all"] == pytest.approx(0.0, abs=1e-9)
    assert judged["moved"] == pytest.approx(4.0)
    assert truth.pet_to_t1_mm(known, np.linalg.inv(elsewhere @ known.pet_from_t1), truth.reference_pose(known, poses))["max"] < 1e-9


def test_motion_that_was_left_is_seen_and_frames_that_were_not_compared_stand_apart() -> None:
    known = nodding()

    judged = truth.frame_motion_mm(known, [np.eye(4)] * 3, [False, True, True])

    assert judged["worst"] == pytest.approx(0.0, abs=1e-9)
    assert judged["worst_of_all"] == pytest.approx(4.0)
    assert truth.frame_motion_mm(known, [np.eye(4)] * 3, [True] * 3)["worst"] == pytest.approx(4.0)
    assert truth.frame_motion_mm(known, [np.eye(4)] * 2, [True] * 2)["worst"] is None


def test_shapes_that_agree_have_a_dice_of_one_and_a_missing_region_has_none() -> None:
    known = small_truth()
    cortex = Region("cerebral_gm", GRAY_MATTER, known.labels.like(known.where("cortex")))
    segmentation = Segmentation(known.labels, (cortex,), known.lesions, LesionOrigin.FOUND, ())

    judged = truth.shapes(known, segmentation)

    assert judged["cerebral_gm"] == 1.0
    assert judged["cerebellum"] is None


def large_lesions() -> truth.Truth:
    """Two lesions of 0.216 mL (6³ mm) and one of 0.008 mL."""
    known = small_truth()
    true = np.zeros(known.labels.shape, dtype=np.int32)
    true[2:8, 2:8, 2:8], true[12:18, 12:18, 12:18], true[20:22, 20:22, 20:22] = 1, 2, 3
    classes = {1: "rim-active", 2: "inactive", 3: "overall-active"}
    return replace(known, lesions=known.labels.like(true), uncertain=known.labels.like(np.zeros_like(true, dtype=bool)), classes=classes)


def test_a_lesion_is_detected_from_a_tenth_of_the_smaller_one_on() -> None:
    """Of a found one of 216 voxels, 18 shared are too few and 36 are enough."""
    known = large_lesions()
    few, enough = (np.zeros(known.labels.shape, dtype=np.int32) for _ in range(2))
    few[7:13, 5:8, 2:14], enough[7:13, 2:8, 2:8] = 1, 1

    assert lesion_truth.lesions(known, known.labels.like(few))["detected"] == 0
    assert lesion_truth.lesions(known, known.labels.like(few))["judged_false"] == 1
    judged = lesion_truth.lesions(known, known.labels.like(enough))
    assert (judged["judged"], judged["detected"], judged["judged_false"]) == (2, 1, 0)
    assert judged["detected_percent"] == 50.0


def test_a_found_lesion_is_false_only_when_it_is_large_and_certain() -> None:
    known = large_lesions()
    labels = np.zeros(known.labels.shape, dtype=np.int32)
    labels[2:8, 12:18, 2:8], labels[2:8, 2:8, 14:20], labels[22:24, 2:4, 2:4] = 1, 2, 3
    uncertain = np.zeros(labels.shape, dtype=bool)
    uncertain[2, 2, 14] = True

    judged = lesion_truth.lesions(replace(known, uncertain=known.labels.like(uncertain)), known.labels.like(labels))

    assert judged["judged_false"] == 1
    assert judged["false_per_true"] == 0.5


def test_a_phenotype_is_right_when_it_is_the_class_of_the_lesion_that_was_matched() -> None:
    known = large_lesions()
    calls = [lesion(1, Phenotype.RIM_ACTIVE, 0.9), lesion(2, Phenotype.OVERALL_ACTIVE, 0.9), lesion(3, Phenotype.NOT_RESOLVABLE)]

    judged = lesion_truth.phenotypes(known, known.lesions, calls)

    assert (judged["matched"], judged["callable"], judged["right"]) == (3, 2, 1)
    assert judged["right_percent"] == 50.0
    assert judged["rim_called_overall"] == 0
    assert judged["confusion"]["inactive"] == {"overall-active": 1}


@pytest.mark.parametrize(("confidence", "counted"), [(0.79, 0), (0.8, 1)])
def test_a_rim_called_overall_active_counts_when_the_node_is_sure(confidence: float, counted: int) -> None:
    judged = lesion_truth.phenotypes(large_lesions(), large_lesions().lesions, [lesion(1, Phenotype.OVERALL_ACTIVE, confidence)])

    assert judged["rim_called_overall"] == counted


def test_without_any_phenotype_nothing_is_said_to_be_right() -> None:
    judged = lesion_truth.phenotypes(large_lesions(), large_lesions().lesions, [lesion(1, None)])

    assert not judged["given"]
    assert judged["rim_called_overall"] is None


def region(key: str, value: float, *, judged: bool = True, volume_ml: float = 5.0) -> dict[str, Any]:
    return {
        key: value,
        "own_mask_truth": 1.0,
        "own_mask_bias_percent": 100.0 * (value - 1.0),
        "truth": 1.0,
        "bias_percent": 100.0 * (value - 1.0),
        "volume_ml": volume_ml,
        "judged": judged,
    }


def good() -> dict[str, Any]:
    """A record that is within every limit."""
    return {
        "exam": "x",
        "state": "DELIVERED",
        "reason": "all there",
        "scanner": None,
        "dynamic": True,
        "t1_is": "3-D",
        "brain": {"parenchyma_inside_percent": 99.0, "mask_on_other_tissue_percent": 1.0},
        "pet_to_t1_mm": {"mean": 0.4, "max": 0.9},
        "frame_motion_mm": {"mean": 0.1, "worst": 0.2, "worst_of_all": 3.0, "moved": 5.0, "frames": 9},
        "reference": {"region": "r", **region("suv_mean", 1.0)},
        "regions": {"cortex": region("suvr", 1.005)},
        "dvr_regions": {"cortex": region("dvr", 1.005)},
        "kinetics": None,
        "dice": {"cerebellum": 0.95, "thalamus": 0.85, "brainstem": 0.9, "deep_gm": 0.3},
        "lesions": {"found": 9, "true": 9, "hit": 9, "false": 0, "dice": 0.8} | lesion_truth.rates(judged=8, detected=8, false=0),
        "phenotypes": lesion_truth.summary({"rim-active": {"rim-active": 3, "indeterminate": 2}}, confident=0),
        "seconds_last_image_to_last_result": 140.0,
        "cpu_seconds": 60.0,
        "peak_mib": 900.0,
        "objects": {},
        "checks_failed": [],
    }


def test_a_record_within_every_limit_holds() -> None:
    assert report.holds(good()), report.table(good())


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("pet_to_t1_mm", {"mean": 0.6, "max": 0.9}, "✗ PET → T1, mean"),
        ("frame_motion_mm", {**good()["frame_motion_mm"], "worst": 0.6}, "✗ frame motion left"),
        ("regions", {"cortex": region("suvr", 0.985)}, "✗ SUVR cortex: own mask"),
        ("dvr_regions", {"cortex": region("dvr", 1.011)}, "✗ DVR cortex: own mask"),
        ("dvr_regions", {}, "✗ DVR  "),
        ("dice", {"thalamus": None}, "✗ Dice of thalamus"),
        ("dynamic", False, "✗ last image → last result"),
        ("phenotypes", lesion_truth.summary({}, confident=None), "✗ phenotype"),
        ("phenotypes", lesion_truth.summary({"inactive": {"inactive": 9}}, confident=1), "✗ rim-active called overall-active, surely"),
        ("lesions", {**good()["lesions"], **lesion_truth.rates(judged=8, detected=6, false=0)}, "✗ lesions detected"),
        ("lesions", {**good()["lesions"], **lesion_truth.rates(judged=8, detected=8, false=3)}, "✗ lesions found that are false"),
        ("peak_mib", None, "✗ peak memory"),
    ],
)
def test_each_limit_that_does_not_hold_is_marked_and_so_is_what_is_absent(key: str, value: Any, told: str) -> None:
    record = good() | {key: value}

    assert not report.holds(record)
    assert told in report.table(record)


def test_a_thick_t1_has_a_wider_limit() -> None:
    thick = good() | {"t1_is": "2-D", "pet_to_t1_mm": {"mean": 0.7, "max": 0.9}}

    assert report.holds(thick)


def test_what_is_too_small_or_drawn_otherwise_is_shown_without_a_limit() -> None:
    assert report.holds(good() | {"regions": {"thalamus": region("suvr", 1.03, volume_ml=1.9)}})
    assert report.holds(good() | {"regions": {"deep_gm": region("suvr", 1.009, judged=False) | {"bias_percent": 9.0}}})


def test_regions_that_the_truth_does_not_have_share_a_row_that_names_the_worst() -> None:
    others = {
        name: region("suvr", value, judged=False) | {"bias_percent": None, "truth": None} for name, value in (("a", 1.002), ("b", 0.98))
    }
    record = good() | {"regions": good()["regions"] | others}

    assert not report.holds(record)
    assert "the worst, b; 1 of 2 regions are within" in report.table(record)
    others["b"]["volume_ml"] = 1.0
    assert report.holds(record | {"regions": good()["regions"] | others})
