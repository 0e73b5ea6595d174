"""Quantify on a dynamic scan with known kinetics, and what genotype, reference and resolution let it say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from kinetics import Known, frames_min, reference_curve, tissue_curve
from phantom import INJECTED, PROVENANCE, REFERENCE_BQ_ML, SUVR, T1_FROM_PET, TRACER, alignment, exam, labels, pet, segmentation, t1_grid
from scipy.ndimage import gaussian_filter

from node.domain.exam import Exam, Instance, PetSeries
from node.domain.result import Quantity, Result
from node.domain.timing import FrameTiming
from node.domain.tracer import ScannerProfile
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.quantify import QuantifyOptions, quantify
from node.quantify.svca_classes import save_classes, train_classes
from node.quantify.training import training_scan

K2_REF = 0.08
R1 = {"cerebellar_gm": 1.0, "cortex": 0.95, "thalamus": 1.1, "nawm": 0.7, "lesion": 0.7}
DYNAMIC = replace(TRACER, window_s=(2400.0, 3600.0), t_star_s=1200.0)


def dynamic_pet(total_min: float = 60.0, *, noise: float = 0.0) -> PetSeries:
    """The boxes with one-tissue kinetics over cerebellar grey matter, DVR as `SUVR` says."""
    start, length = frames_min(total_min)
    masks = labels()
    reference = reference_curve(K2_REF, start, length)
    scale = REFERENCE_BQ_ML / reference.max()
    frames = np.full((len(start), *t1_grid().shape), 0.0, np.float32)
    frames += (0.2 * scale * reference)[:, None, None, None].astype(np.float32)
    for name, key in (*((n, n) for n in ("cerebellar_gm", "cortex", "thalamus")), ("white", "nawm"), ("lesion", "lesion")):
        curve = scale * tissue_curve(Known(K2_REF, R1[key], SUVR[key]), start, length)
        frames[:, masks[name]] = curve[:, None]
    if noise:
        frames *= 1 + noise * np.random.default_rng(3).standard_normal(frames.shape).astype(np.float32)
    affine = T1_FROM_PET.inverse().matrix @ t1_grid().affine
    return replace(
        pet(frames=1), volume=Volume(frames, affine, "Bq/ml"), timing=FrameTiming(start * 60, length * 60), decay_reference=INJECTED
    )


def dynamic_exam(total_min: float = 60.0, *, noise: float = 0.0) -> Exam:
    return exam(dynamic_pet(total_min, noise=noise))


@cache
def measured(total_min: float = 60.0, noise: float = 0.01) -> Result:
    made = dynamic_exam(total_min, noise=noise)
    return quantify(made, alignment(len(made.pet.timing)), segmentation(), tracer=DYNAMIC, provenance=PROVENANCE)


def value(result: Result, region: str, quantity: Quantity) -> float:
    finding = result.finding(region, quantity)
    assert finding is not None, (region, quantity)
    return finding.value


@pytest.mark.parametrize("region", ["cortex", "thalamus", "nawm"])
def test_a_regions_dvr_is_its_truth(region: str) -> None:
    assert value(measured(), region, Quantity.DVR) == pytest.approx(SUVR[region], rel=3e-3)


def test_k2_ref_is_this_persons() -> None:
    assert value(measured(), "reference", Quantity.K2_REF) == pytest.approx(K2_REF, rel=0.05)


def test_the_maps_of_a_dynamic_scan_say_how_they_were_made() -> None:
    maps = measured().maps

    assert [m.quantity for m in maps[:4]] == [Quantity.DVR, Quantity.DVR, Quantity.BP_ND, Quantity.R1]
    assert maps[0] is measured().primary
    assert "Ichise" in maps[0].citation
    assert dict(maps[0].parameters)["t*"] == "20 min"
    thalamus = pet_mask("thalamus")
    for made, expected in zip(maps[:4], (1.3, 1.3, 0.3, 1.1), strict=True):
        assert float(np.median(made.volume.array[thalamus])) == pytest.approx(expected, abs=0.06)


def pet_mask(name: str) -> Array:
    """The box on the PET grid, which has the same voxels."""
    return labels()[name]


def test_the_primary_map_is_what_lesions_and_contrast_are_read_from() -> None:
    result = measured()

    (lesion,) = result.lesions
    assert lesion.core_dvr is not None
    assert lesion.core_suvr is not None
    assert lesion.core_dvr == pytest.approx(SUVR["lesion"], rel=0.03)
    assert abs(lesion.core_suvr - lesion.core_dvr) > 0.01
    assert "DVR to cerebellar grey matter" in result.headline
    contrast = result.finding("thalamus", Quantity.CONTRAST)
    assert contrast is not None
    assert contrast.basis.startswith("DVR")


def test_kinetics_are_kept_for_the_physicist() -> None:
    kinetics = measured().kinetics

    assert kinetics is not None
    assert kinetics.t_star_s == 1200.0
    assert {fit.model.split(" (")[0] for fit in kinetics.fits} == {"Logan", "MRTM2", "SRTM"}
    assert [shift for shift, _ in kinetics.t_star_shifts] == [0.0, 300.0, 600.0]
    assert kinetics.reference.region == "cerebellar_gm"


def test_a_dynamic_scan_that_ends_before_the_window_still_gives_dvr_and_says_of_what_time_suvr_is() -> None:
    made = dynamic_exam(noise=0.01)
    late = replace(DYNAMIC, window_s=(3600.0, 5400.0))

    result = quantify(made, alignment(len(made.pet.timing)), segmentation(), tracer=late, provenance=PROVENANCE)

    assert value(result, "thalamus", Quantity.DVR) == pytest.approx(SUVR["thalamus"], rel=3e-3)
    (check,) = [check for check in result.checks if check.name == "window"]
    assert not check.passed
    assert "SUVR is of 30–60 min instead" in check.message


def test_a_scan_too_short_to_model_is_measured_as_static_and_says_why() -> None:
    made = dynamic_exam(30.0, noise=0.01)
    tracer = replace(DYNAMIC, window_s=(900.0, 1800.0), t_star_s=1500.0)

    result = quantify(made, alignment(len(made.pet.timing)), segmentation(), tracer=tracer, provenance=PROVENANCE)

    assert result.kinetics is None
    assert result.primary.quantity is Quantity.SUVR
    assert any(line.startswith("DVR was not computed") and "frames" in line for line in result.not_computed)


def test_the_clustered_reference_is_stood_in_for_when_no_classes_are_installed_and_it_is_told() -> None:
    made = dynamic_exam(noise=0.01)
    options = QuantifyOptions(reference="svca")

    result = quantify(made, alignment(len(made.pet.timing)), segmentation(), tracer=DYNAMIC, provenance=PROVENANCE, options=options)

    (check,) = [check for check in result.checks if check.name == "reference_choice"]
    assert not check.passed
    assert "stands in" in check.message
    assert result.tracer.reference == "cerebellar_gm"


def test_the_site_may_choose_another_reference() -> None:
    options = QuantifyOptions(reference="nawm")

    result = quantify(exam(), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE, options=options)

    assert value(result, "thalamus", Quantity.SUVR) == pytest.approx(SUVR["thalamus"] / SUVR["nawm"], rel=0.02)
    assert "SUVR to normal-appearing white matter" in result.headline


@pytest.mark.parametrize(
    ("genotype", "passed", "words"), [("HAB", True, "HAB alone"), ("MAB", True, "MAB alone"), (None, False, "not known")]
)
def test_the_genotype_is_told_with_its_consequence(genotype: str | None, passed: bool, words: str) -> None:
    made = exam()
    made = replace(made, subject=replace(made.subject, genotype=genotype, genotype_source="the laboratory"))

    result = quantify(made, alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)

    (check,) = [check for check in result.checks if check.name == "genotype"]
    assert check.passed is passed
    assert words in check.message


def test_the_image_of_a_low_affinity_binder_is_not_interpreted_where_the_tracer_does_not_bind() -> None:
    made = exam()
    made = replace(made, subject=replace(made.subject, genotype="LAB"))

    with pytest.raises(DataError, match="not interpretable"):
        quantify(made, alignment(6), segmentation(), tracer=replace(TRACER, lab_interpretable=False), provenance=PROVENANCE)


def test_without_a_known_resolution_no_rim_is_called_and_with_one_lesions_are_classed() -> None:
    known = QuantifyOptions(scanners=(ScannerProfile("", "", "", 5.0, "a phantom"),))

    without = quantify(exam(), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)
    with_one = quantify(exam(), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE, options=known)

    assert all(lesion.phenotype is None for lesion in without.lesions)
    assert any("point spread is not known" in line for line in without.not_computed)
    assert all(lesion.phenotype is not None for lesion in with_one.lesions)


def test_classes_that_a_site_has_trained_make_the_clustered_reference(tmp_path: Path) -> None:
    made = dynamic_exam(noise=0.01)
    made = replace(made, pet=replace(made.pet, source=replace(made.pet.source, instances=(Instance("1.2", "1.3", "x", "ab" * 32),))))
    frames = len(made.pet.timing)
    scan = training_scan(made, alignment(frames), segmentation(lesions=False), tracer=DYNAMIC, control=True)
    save_classes(tmp_path, train_classes([scan] * 5, "dpa714"))
    options = QuantifyOptions(reference="svca", svca_classes=tmp_path)

    result = quantify(made, alignment(frames), segmentation(), tracer=DYNAMIC, provenance=PROVENANCE, options=options)

    assert result.tracer.reference == "svca"
    assert "DVR to clustered grey matter (SVCA4)" in result.headline
    kinetics = result.kinetics
    assert kinetics is not None
    assert kinetics.reference_basis == "clustered grey matter (SVCA4), classes of 5 subjects"
    # The cortex taught grey matter: its DVR to what is alike is 1.
    assert value(result, "cortex", Quantity.DVR) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("method", ["gtm", "rbv", "iterative-yang", "muller-gartner"])
def test_values_with_partial_volume_corrected_stand_beside_those_without(method: str) -> None:
    known = (ScannerProfile("", "", "", 5.0, "a phantom"),)
    blurred = replace(pet(), volume=pet().volume.like(gaussian_filter(pet().volume.array, (0, *[5.0 / 2.355 / 2.0] * 3))))
    plain = quantify(exam(blurred), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE)

    options = QuantifyOptions(scanners=known, partial_volume=method)  # type: ignore[arg-type]
    both = quantify(exam(blurred), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE, options=options)

    assert value(both, "thalamus", Quantity.SUVR) == value(plain, "thalamus", Quantity.SUVR)
    (corrected,) = [f for f in both.findings if f.region == "thalamus" and f.partial_volume]
    assert corrected.quantity is Quantity.SUVR
    measured_error = abs(value(plain, "thalamus", Quantity.SUVR) - SUVR["thalamus"])
    assert abs(corrected.value - SUVR["thalamus"]) < 0.5 * measured_error


def test_without_a_point_spread_there_is_no_correction_and_it_is_said() -> None:
    options = QuantifyOptions(partial_volume="gtm")

    result = quantify(exam(), alignment(6), segmentation(), tracer=TRACER, provenance=PROVENANCE, options=options)

    assert not any(finding.partial_volume for finding in result.findings)
    assert any(line.startswith("No partial-volume correction: the scanner's point spread") for line in result.not_computed)
