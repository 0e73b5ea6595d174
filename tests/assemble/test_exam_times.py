"""read_exam: when frames were measured, to what they were corrected, when the tracer was injected."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assemble_dicom import (
    HALF_LIFE_S,
    SCAN_START,
    SLOPE,
    inside_factor,
    pet_series,
    stored_value,
)
from exam_reading import drug, failed, read
from pydicom.dataelem import DataElement

from node.errors import DataError

at = datetime.fromisoformat


# --- times ---


def test_a_scan_over_midnight_has_its_injection_on_the_day_before(tmp_path: Path) -> None:
    start = at("2024-03-06 00:20:00")
    datasets = drug(pet_series(scan_start=start), RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime="232000")

    exam = read(tmp_path, datasets)

    assert exam.pet.administration.injected_at == at("2024-03-05 23:20:00")
    assert exam.pet.timing.start_s.tolist() == [3600.0, 3900.0]
    assert failed(exam) == {"injection_date"}


def test_frames_that_cross_midnight_stay_in_order(tmp_path: Path) -> None:
    start = at("2024-03-05 23:57:00")
    datasets = drug(pet_series(scan_start=start), RadiopharmaceuticalStartDateTime="20240305225700")

    assert read(tmp_path, datasets).pet.timing.start_s.tolist() == [3600.0, 3900.0]


def test_frames_of_two_days_are_no_scan(tmp_path: Path) -> None:
    datasets = pet_series()
    for dataset in datasets[6:]:
        dataset.AcquisitionDate = "20240308"

    with pytest.raises(DataError, match="72 h apart"):
        read(tmp_path, datasets)


def test_equal_acquisition_times_give_the_same_timing_by_the_reference_times(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(AcquisitionTime="112000"))

    np.testing.assert_allclose(exam.pet.timing.start_s, [3600.0, 3900.0], atol=1e-3)
    assert "frame_times" in failed(exam)


def test_an_injection_without_a_time_leaves_the_scan_as_zero_and_says_so(tmp_path: Path) -> None:
    datasets = drug(pet_series(), RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime=None)

    exam = read(tmp_path, datasets)

    assert exam.pet.administration.injected_at is None
    assert exam.pet.timing.start_s.tolist() == [0.0, 300.0]
    assert failed(exam) == {"injection_time", "time_zero"}
    assert exam.pet.time_zero_basis == "scan start"


@pytest.mark.parametrize(
    ("injection", "words"), [("20240305113000", "after the start of the scan"), ("20240305021900", "541 min after the injection")]
)
def test_an_injection_at_an_impossible_time_is_refused(tmp_path: Path, injection: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, drug(pet_series(), RadiopharmaceuticalStartDateTime=injection))


def test_a_dynamic_scan_may_start_shortly_before_the_injection(tmp_path: Path) -> None:
    exam = read(tmp_path, drug(pet_series(), RadiopharmaceuticalStartDateTime="20240305112100"))

    assert exam.pet.timing.start_s.tolist() == [-60.0, 240.0]
    assert failed(exam) == {"injection_after_start"}


def test_two_times_of_one_injection_are_told(tmp_path: Path) -> None:
    """As where a date-time is written in UTC and the time of day in local time."""
    exam = read(tmp_path, drug(pet_series(), RadiopharmaceuticalStartTime="092000"))

    assert failed(exam) == {"injection_time"}
    assert exam.pet.timing.start_s.tolist() == [3600.0, 3900.0]


def test_the_vendors_own_decay_instant_comes_first(tmp_path: Path) -> None:
    datasets = pet_series(SeriesTime="111000")
    for dataset in datasets:
        dataset.add(DataElement(0x00090010, "LO", "GEMS_PETD_01"))
        dataset.add(DataElement(0x0009100D, "DT", "20240305112000"))

    exam = read(tmp_path, datasets)

    assert exam.pet.decay_reference == SCAN_START
    assert failed(exam) == set()


def test_a_series_time_after_the_scan_is_not_believed(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(SeriesTime="140000"))

    assert exam.pet.decay_reference is not None
    assert abs(exam.pet.decay_reference - SCAN_START) < timedelta(milliseconds=2)


def test_a_series_date_of_another_year_is_not_believed(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(SeriesDate="19000101"))

    assert exam.pet.decay_reference is not None
    assert abs(exam.pet.decay_reference - SCAN_START) < timedelta(milliseconds=2)


def test_two_answers_on_the_decay_reference_are_told(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(SeriesTime="111500"))

    assert exam.pet.decay_reference == at("2024-03-05 11:15:00")
    assert {"decay_reference", "frame_times"} <= failed(exam)


@pytest.mark.parametrize("written", ["own start", "nothing"])
def test_frames_that_were_not_corrected_to_one_instant_are_corrected_and_it_is_told(tmp_path: Path, written: str) -> None:
    inside = inside_factor(300.0)
    datasets = pet_series(DecayFactor=f"{inside if written == 'own start' else 1.0:.8f}")

    exam = read(tmp_path, datasets)

    since_s = np.array([0.0, 300.0])
    missing = np.exp2(since_s / HALF_LIFE_S) * (1.0 if written == "own start" else inside)
    for frame in range(2):
        np.testing.assert_allclose(exam.pet.volume.array[frame, 2], missing[frame] * SLOPE * stored_value(frame, 2), rtol=1e-6)
    assert failed(exam) == {"decay_factors"}


# --- real headers ---

VENDORS = [
    # vendor, weight kg, dose Bq, half-life s, series, injection, acquisition, FrameReferenceTime s, frame s, SUVbw per Bq/mL
    ("Siemens", 67, 374000000, "6586.2", "104829", "083045", "104830.351370", 38.51336, 74.324, 4.2748316187197236e-4),
    ("GE", 52, 152022720, "6586.2001953125", "095621", "084500.00", "095621", 0.0, 120.0, 5.367387681819742e-4),
    ("Philips", 64, 126000000, "6586.199707", "110155", "100058", "110156", 1328.7, 120.7, 7.463747013889488e-4),
    ("no date", 102, 412000000, "6586.2", "135431.843", "125000", "141555.687", 1372.8579232493, 180.0, 3.721089202818729e-4),
]


@pytest.mark.parametrize("case", VENDORS, ids=lambda case: case[0])
def test_real_headers_give_the_suv_factor_that_their_publisher_computed(case: tuple[Any, ...], tmp_path: Path) -> None:
    """Header values of cornerstonejs/calculate-suv (test/metadata, MIT licence), whole-body scans put on our phantom."""
    _, weight, dose, half_life, series, injection, acquisition, reference_s, length_s, expected = case
    day = {"SeriesDate": "20201217", "AcquisitionDate": "20201217", "SeriesTime": series, "AcquisitionTime": acquisition}
    datasets = pet_series(starts_s=[0.0], PatientWeight=weight, ActualFrameDuration=round(1000 * length_s), **day)
    for dataset in datasets:
        dataset.FrameReferenceTime = f"{1000 * reference_s:.6f}"
    drug(datasets, RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime=injection)
    drug(datasets, RadionuclideTotalDose=str(dose), RadionuclideHalfLife=half_life)

    exam = read(tmp_path, datasets)

    given = exam.pet.administration
    assert given.injected_at is not None
    assert given.activity_bq is not None
    assert exam.pet.decay_reference is not None
    delay_s = (exam.pet.decay_reference - given.injected_at).total_seconds()
    assert weight * 1000.0 / (given.activity_bq * 2.0 ** (-delay_s / given.half_life_s)) == pytest.approx(expected, rel=1e-6)
