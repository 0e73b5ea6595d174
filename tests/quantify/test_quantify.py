"""The numbers of a head of boxes, whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.domain.result import LesionOrigin, Quantity, Result
from node.domain.transform import Transform
from node.errors import DataError
from node.imaging import distance_mm
from node.quantify import quantify
from tests.quantify.phantom import PROVENANCE, REFERENCE_BQ_ML, SUVR, TRACER, alignment, exam, labels, pet, segmentation


@pytest.fixture(scope="module")
def result() -> Result:
    return quantify(exam(), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)


def value(result: Result, region: str, quantity: Quantity = Quantity.SUVR) -> float:
    finding = result.finding(region, quantity)
    assert finding is not None, f"{region} {quantity.value} is missing"
    return finding.value


@pytest.mark.parametrize("region", ["cortex", "thalamus", "nawm", "cerebellar_gm"])
def test_a_regions_suvr_is_its_truth(result: Result, region: str) -> None:
    assert value(result, region) == pytest.approx(SUVR[region], rel=0.003)


def test_suv_follows_from_weight_and_activity(result: Result) -> None:
    left_bq = 200e6 * 2 ** (-3600 / 6586.2)
    assert value(result, "cerebellar_gm", Quantity.SUV) == pytest.approx(REFERENCE_BQ_ML * 70_000 / left_bq, rel=0.003)


def test_the_standard_error_is_that_of_the_noise(result: Result) -> None:
    finding = result.finding("thalamus", Quantity.SUVR)
    assert finding is not None
    assert finding.uncertainty is not None
    expected = 0.02 * SUVR["thalamus"] / np.sqrt(320 * 6)  # 320 voxels, 6 frames
    assert 0.3 * expected < finding.uncertainty < 3 * expected


def test_the_lesion_is_measured_and_raised(result: Result) -> None:
    (lesion,) = result.lesions
    assert lesion.core_suvr == pytest.approx(SUVR["lesion"], rel=0.01)
    assert lesion.rim_suvr == pytest.approx(SUVR["nawm"], rel=0.02)
    assert lesion.volume_ml == pytest.approx(125 * 0.008)
    assert lesion.inscribed_radius_mm == pytest.approx(6.0)
    assert lesion.place == "deep white matter"
    assert lesion.core_contrast is not None
    assert lesion.core_contrast > 5


def test_the_raised_region_is_the_lesion_and_what_the_smoothing_adds(result: Result) -> None:
    raised = result.raised.array
    lesion = labels()["lesion"]  # the PET lies on the T1's voxels, moved as a whole
    assert raised[lesion].all()
    assert not (raised & (distance_mm(result.raised.like(lesion)) > 6.0)).any()
    assert value(result, "raised", Quantity.VOLUME) == pytest.approx(raised.sum() * result.raised.voxel_ml)


def test_the_words_are_careful(result: Result) -> None:
    assert result.headline.startswith("TSPO signal ([18F]DPA-714")
    told = " ".join([result.headline, *result.not_computed, *(finding.basis for finding in result.findings)])
    assert "inflammation" not in told
    assert "thalamus 1.30" in result.headline


def test_scaling_the_activity_changes_no_ratio(result: Result) -> None:
    series = pet()
    double = replace(series, volume=series.volume.like(series.volume.array * 2))
    other = quantify(exam(double), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)
    assert value(other, "thalamus") == pytest.approx(value(result, "thalamus"), rel=1e-6)
    assert value(other, "thalamus", Quantity.SUV) == pytest.approx(2 * value(result, "thalamus", Quantity.SUV), rel=1e-5)


def test_without_a_weight_there_is_suvr_and_no_suv() -> None:
    other = quantify(exam(weight_kg=None), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)
    assert value(other, "thalamus") == pytest.approx(1.3, rel=0.003)
    assert other.finding("thalamus", Quantity.SUV) is None
    assert any("weight" in sentence for sentence in other.not_computed)


def test_without_lesions_it_says_that_they_were_not_assessed() -> None:
    other = quantify(exam(), alignment(6), segmentation(lesions=False), tracer=TRACER, provenance=PROVENANCE)
    assert other.lesions == ()
    assert other.finding("lesions", Quantity.COUNT) is None
    assert "lesions not assessed" in other.headline


def test_a_scan_outside_the_window_is_refused_with_what_was_found() -> None:
    with pytest.raises(DataError, match=r"needed; its frames cover 10–40 min"):
        quantify(exam(pet(start_min=10.0)), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)


def test_part_of_the_window_is_used_and_told() -> None:
    other = quantify(exam(pet(start_min=75.0)), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)
    (check,) = [check for check in other.checks if check.name == "window"]
    assert not check.passed
    assert other.tracer.window_s == (4500.0, 5400.0)


def test_a_frame_that_moved_is_brought_back() -> None:
    series = pet()
    moved = np.array(series.volume.array)
    moved[3] = np.roll(moved[3], 3, axis=2)  # 3 columns of 2 mm along LPS x
    shift = Transform(np.array([[1, 0, 0, -6.0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    poses = tuple(shift if frame == 3 else Transform.identity() for frame in range(6))
    lying = replace(alignment(6), pet_from_frame=poses)
    corrected = quantify(
        exam(replace(series, volume=series.volume.like(moved))), lying, segmentation(), tracer=TRACER, provenance=PROVENANCE
    )
    still = quantify(exam(series), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)
    assert value(corrected, "thalamus") == pytest.approx(value(still, "thalamus"), rel=1e-4)


def test_a_reference_that_is_too_small_is_refused() -> None:
    whole = segmentation()
    tiny = np.zeros(whole.tissue.shape, bool)
    tiny[6:10, 20:24, 20:24] = True
    regions = tuple(replace(region, mask=region.mask.like(tiny)) if region.name == "cerebellar_gm" else region for region in whole.regions)
    with pytest.raises(DataError, match="at least 2 mL are needed"):
        quantify(exam(), alignment(6), replace(whole, regions=regions), tracer=TRACER, provenance=PROVENANCE)


def test_a_pet_that_misses_the_brain_is_refused() -> None:
    far = Transform(np.array([[1, 0, 0, 900.0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    with pytest.raises(DataError, match="outside the PET's field of view"):
        quantify(exam(), replace(alignment(6), t1_from_pet=far), segmentation(), tracer=TRACER, provenance=PROVENANCE)


def test_imported_lesions_are_told_as_such() -> None:
    imported = replace(segmentation(), lesion_origin=LesionOrigin.IMPORTED)
    other = quantify(exam(), alignment(6), imported, tracer=TRACER, provenance=PROVENANCE)
    finding = other.finding("lesions", Quantity.COUNT)
    assert finding is not None
    assert finding.basis == "drawn elsewhere, imported"
