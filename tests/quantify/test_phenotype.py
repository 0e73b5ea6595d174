"""Phenotypes of lesions whose truth is known, in closed form and by digital lesions that share no code with the unmixing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.digital_lesions import NAWM, Case, Scene
from benchmarks.digital_lesions import scene as make_scene
from node.domain.result import Lesion, Phenotype
from node.domain.volume import Array
from node.quantify.lesions import measure_lesions
from node.quantify.phenotype import GATE, Fits, call, classify

LEVEL = 1.3
CALM = Case("rim-active", 5.0, 4.5)
NOISY = Case("rim-active", 5.0, 4.5, noise=0.04, irregular=0.5, seed=3)


@cache
def scene(case: Case) -> Scene:
    return make_scene(case)


@cache
def measured(case: Case) -> Lesion:
    made = scene(case)
    (lesion,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=made.blurred)
    return lesion


@pytest.mark.parametrize(
    ("core", "rim", "expected"),
    [
        (1.5, 1.0, Phenotype.OVERALL_ACTIVE),
        (1.3, 1.4, Phenotype.OVERALL_ACTIVE),
        (1.3, 1.9, Phenotype.INDETERMINATE),
        (1.0, 1.6, Phenotype.RIM_ACTIVE),
        (1.0, 1.25, Phenotype.INACTIVE),
        (1.2, 1.35, Phenotype.INDETERMINATE),
    ],
)
def test_the_rule_is_applied_as_it_is_written(core: float, rim: float, expected: Phenotype) -> None:
    assert classify(core, rim, difference_error=0.1, active_level=LEVEL) is expected


@pytest.mark.parametrize("fwhm_mm", [2.5, 4.5, 6.0])
@pytest.mark.parametrize("radius_mm", [3.0, 4.0, 5.0, 6.0, 8.0])
def test_without_noise_core_and_rim_come_back_within_two_per_cent(radius_mm: float, fwhm_mm: float) -> None:
    made = scene(Case("rim-active", radius_mm, fwhm_mm))
    lesion = measured(Case("rim-active", radius_mm, fwhm_mm))
    assert lesion.unmixed is not None
    assert lesion.unmixed.core == pytest.approx(made.core, rel=0.02)
    assert lesion.unmixed.rim == pytest.approx(made.rim, rel=0.02)
    assert lesion.unmixed.background == pytest.approx(NAWM, rel=0.01)
    assert lesion.phenotype is Phenotype.RIM_ACTIVE
    assert lesion.confidence == 1.0


@pytest.mark.parametrize("kind", ["rim-active", "overall-active", "inactive"])
@pytest.mark.parametrize(("radius_mm", "fwhm_mm"), [(4.0, 2.5), (5.0, 4.5)])
def test_with_noise_the_class_is_right_where_it_is_called(kind: str, radius_mm: float, fwhm_mm: float) -> None:
    lesion = measured(Case(kind, radius_mm, fwhm_mm, noise=0.04, irregular=0.5, seed=3))
    assert lesion.phenotype in (Phenotype(kind), Phenotype.NOT_RESOLVABLE)
    assert radius_mm < 5 or lesion.phenotype is not Phenotype.NOT_RESOLVABLE


def test_the_blur_turns_a_rim_around_and_unmixing_turns_it_back() -> None:
    """Section E3: at 6 mm a rim around a core of 3 mm radius is measured lower than the core."""
    lesion = measured(Case("rim-active", 3.0, 6.0))
    assert lesion.unmixed is not None
    assert lesion.unmixed.measured_rim < lesion.unmixed.measured_core
    assert lesion.unmixed.rim - lesion.unmixed.core > 0.6


@pytest.mark.parametrize(
    "case",
    [
        Case("rim-active", 5.0, 4.5, noise=0.04, border_mm=1.0),
        # Among 240 digital lesions the one that was called overall-active: its core, drawn too wide, is active.
        Case("rim-active", 3.0, 2.5, noise=0.06, irregular=0.8, border_mm=1.0, seed=187),
    ],
)
def test_a_mask_that_holds_some_of_its_active_rim_makes_no_overall_active_lesion(case: Case) -> None:
    assert measured(case).phenotype is not Phenotype.OVERALL_ACTIVE


def test_a_noisy_image_of_a_small_lesion_gives_one_mean_and_no_call() -> None:
    lesion = measured(Case("rim-active", 2.5, 6.0, noise=0.1))
    assert lesion.phenotype is Phenotype.NOT_RESOLVABLE
    assert lesion.confidence is None
    assert lesion.rim_suvr is None
    assert lesion.core_suvr is not None
    assert "one mean" in lesion.note


def test_without_a_known_resolution_no_lesion_is_called() -> None:
    made = scene(CALM)
    (lesion,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E")
    assert lesion.phenotype is None
    assert lesion.unmixed is None
    assert "resolution" in lesion.note
    assert lesion.rim_suvr is not None


def test_a_lesion_below_27_cubic_millimetres_has_one_mean() -> None:
    lesion = measured(Case("inactive", 1.6, 4.5, noise=0.02))
    assert lesion.volume_ml < 0.027
    assert lesion.phenotype is None
    assert lesion.unmixed is None
    assert "27 mm³" in lesion.note


def test_the_same_seed_gives_the_same_confidence_and_the_share_of_draws_is_that_of_the_errors() -> None:
    made = scene(CALM)
    level = made.blurred.active_level
    spread = np.diag([0.01, 0.1, 0.01]) ** 2
    at_one_sd = fits(np.array([level - 0.5, level - 0.1, NAWM]), spread)
    first, second = call(at_one_sd, made.blurred, number=1), call(at_one_sd, made.blurred, number=1)
    assert first == second
    assert first.phenotype is Phenotype.INACTIVE
    assert first.confidence == pytest.approx(0.841, abs=0.06)  # Phi(1), 200 draws


def test_what_the_suppositions_differ_by_is_in_the_error() -> None:
    two = Fits(np.array([0.5, 0.5]), np.array([[1.0, 1.0, 1.0], [1.4, 1.8, 1.0]]), np.zeros((2, 3, 3)), 1.0)
    assert two.mean == pytest.approx([1.2, 1.4, 1.0])
    assert np.sqrt(two.covariance[0, 0]) == pytest.approx(0.2)
    assert two.difference_error == pytest.approx(0.2)


def test_the_gate_is_a_share_of_the_nawm() -> None:
    made = scene(CALM)
    error = GATE * made.scale.median
    mean = np.array([1.0, 2.0, 1.0])
    assert call(fits(mean, np.diag([0.0, 0.99 * error, 0.0]) ** 2), made.blurred, number=1).phenotype is Phenotype.RIM_ACTIVE
    assert call(fits(mean, np.diag([0.0, 1.01 * error, 0.0]) ** 2), made.blurred, number=1).phenotype is Phenotype.NOT_RESOLVABLE


def test_a_map_of_twice_the_values_gives_the_same_phenotype() -> None:
    made = scene(CALM)
    blurred = made.blurred
    double = replace(
        blurred,
        values=2 * blurred.values,
        scale=replace(blurred.scale, median=2 * blurred.scale.median, sd=2 * blurred.scale.sd),
        noise=replace(blurred.noise, sd=2 * blurred.noise.sd),
    )
    (once,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=blurred)
    (twice,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=double)
    assert once.phenotype is twice.phenotype
    assert once.unmixed is not None
    assert twice.unmixed is not None
    assert twice.unmixed.rim == pytest.approx(2 * once.unmixed.rim, rel=1e-6)


@pytest.mark.parametrize("width", [0.9, 1.1])
def test_a_point_spread_that_is_a_tenth_off_changes_no_call(width: float) -> None:
    made = scene(NOISY)
    other = replace(made.blurred, fwhm_mm=width * made.blurred.fwhm_mm)
    (lesion,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=other)
    assert lesion.phenotype is Phenotype.RIM_ACTIVE
    assert lesion.unmixed is not None
    assert abs(lesion.unmixed.core - made.core) < 3 * lesion.unmixed.core_error
    assert abs(lesion.unmixed.rim - made.rim) < 3 * lesion.unmixed.rim_error


def test_one_voxel_in_three_tells_nearly_as_much_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise carries over neighbours: half a thousand voxels are worth some tens."""
    whole = measured(NOISY).unmixed
    made = scene(NOISY)
    monkeypatch.setattr("node.quantify.surroundings.MOST_VOXELS", 500)
    (lesion,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=made.blurred)
    assert whole is not None
    assert lesion.unmixed is not None
    assert lesion.unmixed.difference_error < 1.3 * whole.difference_error
    assert abs(lesion.unmixed.rim - whole.rim) < 2 * whole.rim_error
    assert lesion.phenotype is Phenotype.RIM_ACTIVE


def test_values_that_are_not_known_are_left_out() -> None:
    made = scene(NOISY)
    values = np.array(made.blurred.values)
    values[::5, ::5, ::5] = np.nan
    holed = replace(made.blurred, values=values)
    (lesion,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=holed)
    assert lesion.phenotype is Phenotype.RIM_ACTIVE
    assert lesion.unmixed is not None
    assert np.isfinite([lesion.unmixed.measured_core, lesion.unmixed.measured_background, lesion.unmixed.rim_active]).all()


def test_a_lesion_of_which_the_map_knows_nothing_is_not_called() -> None:
    made = scene(NOISY)
    for known in (np.s_[:3], np.s_[:0]):
        values = np.full_like(made.blurred.values, np.nan)
        values[known] = made.blurred.values[known]
        blank = replace(made.blurred, values=values)
        (lesion,) = measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=blank)
        assert lesion.phenotype is Phenotype.NOT_RESOLVABLE
        assert lesion.unmixed is None
        assert "too little" in lesion.note


def fits(mean: Array, covariance: Array) -> Fits:
    return Fits(np.array([1.0]), mean[None], covariance[None] + 1e-12 * np.eye(3), 1.0)
