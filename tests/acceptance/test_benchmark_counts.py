"""What the benchmarks make of their counts: intervals, sums over heads, and the verdict beside the usual tools."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks import lesion_truth, many_lesions, pipeline


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"), [(0, 0, 0.0, 100.0), (0, 10, 0.0, 27.75), (85, 100, 76.72, 90.69), (10, 10, 72.25, 100.0)]
)
def test_an_interval_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    """Beside the values of a table of binomial intervals."""
    assert many_lesions.wilson(part, whole) == pytest.approx((low, high), abs=0.02)


def head(confusion: dict[str, dict[str, int]], confident: int | None, detected: int) -> dict[str, Any]:
    return {
        "case": "x",
        "lesions": {"found": 9, "true": 10, "hit": 9, "false": 1, "dice": 0.8} | lesion_truth.rates(judged=8, detected=detected, false=1),
        "phenotypes": lesion_truth.summary(confusion, confident=confident),
        "pet_to_t1_mm": {"mean": 0.2},
        "largest_own_mask_bias_percent": 0.5,
    }


def test_lesions_of_many_heads_are_counted_as_if_they_were_one() -> None:
    one = head({"rim-active": {"rim-active": 2, "overall-active": 1}}, 1, 8)
    other = head({"rim-active": {"rim-active": 3}, "inactive": {"rim not resolvable": 4}}, 0, 6)

    whole = many_lesions.together([one, other])

    assert whole["lesions"]["detected_percent"] == pytest.approx(100.0 * 14 / 16)
    assert whole["lesions"]["false_per_true"] == pytest.approx(2 / 16)
    assert whole["phenotypes"]["confusion"] == {
        "inactive": {"rim not resolvable": 4},
        "rim-active": {"overall-active": 1, "rim-active": 5},
    }
    assert (whole["phenotypes"]["callable"], whole["phenotypes"]["right"]) == (6, 5)
    assert whole["phenotypes"]["rim_called_overall"] == 1
    assert "5 of 6" in many_lesions.text("all", whole)


def test_heads_hold_when_every_limit_does_and_not_when_phenotypes_are_absent() -> None:
    good = head({"inactive": {"inactive": 9}}, 0, 8)

    assert many_lesions.holds(many_lesions.together([good]))
    assert not many_lesions.holds(many_lesions.together([head({"inactive": {"inactive": 9}}, 1, 8)]))
    assert not many_lesions.holds(many_lesions.together([head({"inactive": {"none": 9}}, None, 8)]))


def test_heads_run_through_the_settings_with_a_seed_each() -> None:
    asked = argparse.Namespace(heads=6, psf=[2.5, 5.0], slices=[0.0, 3.0], spacing=1.0, first_seed=11)

    cases = list(many_lesions.cases(asked))

    assert [case.seed for case in cases] == [11, 12, 13, 14, 15, 16]
    assert {(case.psf_mm, case.slice_mm) for case in cases} == {(2.5, 0.0), (2.5, 3.0), (5.0, 0.0), (5.0, 3.0)}
    assert cases[1].options().flair_slice_mm == 3.0
    assert cases[0].options() == cases[0].options()


def side(total_s: float, miss: float, dice: float | None, bias: float) -> pipeline.Side:
    return pipeline.Side({}, total_s, total_s, miss, {"thalamus": dice}, "DVR", {"thalamus": bias})


def test_ours_must_be_five_times_faster_and_no_worse() -> None:
    theirs = side(100.0, 0.5, 0.80, -3.0)

    def judged(mine: pipeline.Side) -> list[bool]:
        return [good for *_, good in pipeline.verdicts(mine, theirs) if good is not None]

    assert judged(side(20.0, 0.5, 0.80, 1.0)) == [True] * 4
    assert judged(side(21.0, 0.6, 0.7, 3.5)) == [False] * 4
    assert judged(side(10.0, 0.4, None, 1.0)) == [True, True, False, True]


def test_a_step_on_a_sample_is_multiplied_up() -> None:
    clock = pipeline.Clock()
    with clock.step("a", times=10.0):
        time.sleep(0.02)

    assert 0.2 <= clock.total_s < 2.0


def test_the_matrix_of_a_transform_file_maps_points_as_the_transform_does(tmp_path: Any) -> None:
    transform = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, -0.2, 0.3, (4.0, -5.0, 6.0))
    sitk.WriteTransform(transform, str(tmp_path / "a.mat"))

    matrix = pipeline._matrix(str(tmp_path / "a.mat"))

    assert matrix @ [7.0, 8.0, 9.0, 1.0] == pytest.approx(np.append(transform.TransformPoint((7.0, 8.0, 9.0)), 1.0))
