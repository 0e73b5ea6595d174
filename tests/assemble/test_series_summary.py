"""summarise: completeness, frames and trouble of a series, from geometry and time alone."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from assemble_dicom import SCAN_START, enhanced_mr, headers, mr_series, pet_series

from node.assemble.series import summarise


def test_a_whole_dynamic_series_says_so() -> None:
    summary = summarise(headers(pet_series()))

    assert summary.complete
    assert summary.completeness == "12 of 12 images, 2 frames of 6 slices"
    assert summary.trouble == ""
    assert summary.extent_mm == pytest.approx((120.0, 160.0, 180.0))
    assert summary.acquired_at == SCAN_START


def test_frames_do_not_depend_on_instance_numbers_or_order() -> None:
    datasets = pet_series(starts_s=[0.0, 300.0, 900.0])
    for dataset in datasets:
        dataset.InstanceNumber = random.Random(str(dataset.SOPInstanceUID)).randint(1, 9)
    random.Random(3).shuffle(datasets)
    made = headers(datasets)

    frames = summarise(made).frames

    assert [frame.acquired_at for frame in frames] == [SCAN_START + timedelta(seconds=s) for s in (0, 300, 900)]
    for number, frame in enumerate(frames, 1):
        assert {made[i].sop_instance_uid.split(".")[-2] for i in frame.indices} == {str(number)}


def test_a_missing_image_of_a_pet_is_counted() -> None:
    summary = summarise(headers(pet_series()[:-1]))

    assert not summary.complete
    assert summary.completeness.startswith("11 of 12 images")


def test_a_pet_whose_header_promises_nothing_is_judged_by_its_frames() -> None:
    datasets = pet_series()[:-1]
    for dataset in datasets:
        del dataset.NumberOfSlices

    summary = summarise(headers(datasets))

    assert summary.n_expected is None
    assert not summary.complete
    assert "frame 2 has 5 of 6 slices" in summary.completeness


def test_a_gap_between_mr_slices_is_seen() -> None:
    datasets = mr_series(slices=12)
    del datasets[5:7]

    summary = summarise(headers(datasets))

    assert not summary.complete
    assert summary.completeness == "10 images, 10 slices, gap of 2 slices after depth 90.0 mm"


def test_jitter_of_a_real_export_is_no_gap() -> None:
    datasets = mr_series(slices=12)
    for number, dataset in enumerate(datasets):
        dataset.ImagePositionPatient = [10.0, 10.0, f"{10.0 + 20.0 * number + (-1) ** number * 0.001:.4f}"]

    assert summarise(headers(datasets)).complete


def test_bed_positions_of_a_static_pet_are_one_frame_and_its_time_slices_are_not_believed() -> None:
    datasets = pet_series(starts_s=[0.0], slices=8, NumberOfTimeSlices=6)
    for dataset in datasets[4:]:
        dataset.AcquisitionTime = "112500"

    summary = summarise(headers(datasets))

    assert summary.complete
    assert summary.n_expected == 8
    assert len(summary.frames) == 1


def test_frames_with_one_acquisition_time_are_told_apart_by_their_reference_time() -> None:
    summary = summarise(headers(pet_series(AcquisitionTime="112000")))

    assert summary.complete
    assert [frame.reference_s for frame in summary.frames] == pytest.approx([149.605, 449.605], abs=1e-3)


def test_two_images_at_one_place_and_time_are_trouble() -> None:
    twice = mr_series() + [_renamed(dataset) for dataset in mr_series()]

    assert "more than one volume" in summarise(headers(twice)).trouble


def test_a_localizer_of_three_orientations_is_trouble() -> None:
    datasets = mr_series()
    datasets[2].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    assert summarise(headers(datasets)).trouble == "its images have different orientations"


def test_the_frames_of_an_enhanced_object_are_its_slices() -> None:
    summary = summarise(headers([enhanced_mr()]))

    assert summary.complete
    assert (summary.n_instances, summary.n_slices, summary.spacing_mm) == (1, 6, 20.0)


def test_two_series_are_not_one() -> None:
    with pytest.raises(ValueError, match="one series"):
        summarise(headers(mr_series() + pet_series()))


def _renamed(dataset):  # type: ignore[no-untyped-def]
    dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.9"
    return dataset
