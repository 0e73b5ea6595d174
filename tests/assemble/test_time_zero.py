"""Time zero of the kinetics by rule, and the frames' own records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from assemble_dicom import COLUMNS, HALF_LIFE_S, ROWS, SCAN_START, inside_factor, pet_series
from exam_reading import drug, failed, read
from pydicom.dataset import Dataset

from node.assemble.corrections import Amendments
from node.assemble.zero import Course, head_means, time_zero
from node.errors import DataError
from node.quantify.suv import suv_scale

FRAMES_S = [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]


def bolus(activity: Sequence[float], *, injected_s: float | None, frame_s: float = 20.0) -> list[Dataset]:
    """A dynamic PET of frames of one length with this activity in a head, injected this long after the scan began."""
    starts = [i * frame_s for i in range(len(activity))]
    datasets = pet_series(starts_s=starts, length_s=frame_s)
    head = np.zeros((ROWS, COLUMNS))
    head[2:6, 2:7] = 1.0
    for i, dataset in enumerate(datasets):
        dataset.PixelData = np.rint(1000 * activity[i // 6] * head + 1).astype("<u2").tobytes()
    instant = "" if injected_s is None else f"{SCAN_START + timedelta(seconds=injected_s):%Y%m%d%H%M%S}"
    if injected_s is None:
        return drug(datasets, RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime=None)
    return drug(datasets, RadiopharmaceuticalStartDateTime=instant)


RISING = [0.0, 0.0, 0.3, 0.9, 1.0, 0.9]


@pytest.mark.parametrize(
    ("injected_s", "zero_s", "basis"),
    [
        (30.0, 30.0, "injection in the header"),  # within a minute before the frame in which the bolus is seen: they agree
        (-10.0, -10.0, "injection in the header"),
        (45.0, 45.0, "injection in the header"),  # during that frame
        (-300.0, 40.0, "bolus seen in the head"),  # the dose was measured five minutes before it was given
        (90.0, 40.0, "bolus seen in the head"),  # no tracer is in the head before it is injected
        (None, 40.0, "bolus seen in the head"),
    ],
)
def test_the_bolus_counts_where_the_header_cannot_be(injected_s: float | None, zero_s: float, basis: str, tmp_path: Path) -> None:
    exam = read(tmp_path, bolus(RISING, injected_s=injected_s))

    np.testing.assert_allclose(exam.pet.timing.start_s, np.array(FRAMES_S) - zero_s)
    assert exam.pet.time_zero_basis == basis
    assert ("time_zero" in failed(exam)) is (basis != "injection in the header")


@pytest.mark.parametrize(("injected_s", "told"), [(-300.0, True), (-60.0, False)])
def test_a_head_that_still_fills_long_after_the_injection_is_told(injected_s: float, *, told: bool, tmp_path: Path) -> None:
    """The first frame is too long to show the arrival, so that the header stands; that it cannot be right is said."""
    exam = read(tmp_path, bolus([0.15, 0.6, 0.9, 1.0, 1.0, 0.9], injected_s=injected_s, frame_s=60.0))

    assert exam.pet.time_zero_basis == "injection in the header"
    assert ("time_zero" in failed(exam)) is told


def test_suv_do_not_follow_the_bolus(tmp_path: Path) -> None:
    exam = read(tmp_path, bolus(RISING, injected_s=-300.0))

    assert exam.pet.administration.injected_at == SCAN_START - timedelta(seconds=300)
    left = 200e6 * 2 ** (-300 / HALF_LIFE_S)
    assert suv_scale(exam.pet, exam.subject).g_per_ml == pytest.approx(70e3 / left, rel=1e-12)


def test_without_decay_correction_the_dose_and_not_time_zero_counts(tmp_path: Path) -> None:
    datasets = bolus(RISING, injected_s=-300.0)
    for dataset in datasets:
        dataset.DecayCorrection = "NONE"

    exam = read(tmp_path, datasets)

    expected = [inside_factor(20.0) * math.exp(math.log(2) / HALF_LIFE_S * (start + 300.0)) for start in FRAMES_S]
    assert exam.pet.timing.start_s[0] == -40.0
    np.testing.assert_allclose(suv_scale(exam.pet, exam.subject).decay, expected, rtol=1e-9)


def test_a_scan_that_begins_an_hour_after_the_injection_sees_no_bolus(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series())

    assert exam.pet.time_zero_basis == "injection in the header"
    assert failed(exam) == set()


def test_the_bolus_is_the_first_frame_above_a_twentieth_of_the_peak() -> None:
    starts = [SCAN_START + timedelta(seconds=s) for s in FRAMES_S]

    def zero(head: Sequence[float]) -> datetime:
        return time_zero(Course(starts, [20.0] * 6, np.array(head)), None, Amendments(), of="PET").instant

    assert zero([0.0, 0.04, 0.06, 0.5, 1.0, 0.9]) == starts[2]
    assert zero([0.0, 0.06, 0.2, 0.5, 1.0, 0.9]) == starts[1]
    assert zero([0.0] * 6) == starts[0]


def test_the_head_is_what_is_bright_in_the_sum() -> None:
    frames = np.zeros((2, 4, 8, 8), dtype=np.float32)
    frames[0, :, 2:6, 2:6], frames[1, :, 2:6, 2:6] = 10.0, 30.0
    frames[:, 0, 0, 0] = 0.5

    np.testing.assert_allclose(head_means(frames, [60.0, 60.0]), [10.0, 30.0])
    np.testing.assert_allclose(head_means(np.zeros((2, 4, 8, 8), dtype=np.float32), [60.0, 60.0]), [0.0, 0.0])


def test_the_bolus_is_seen_in_any_unit_and_any_scale() -> None:
    starts = [SCAN_START + timedelta(seconds=s) for s in FRAMES_S]
    for scale in (1e-6, 1.0, 1e6):
        course = Course(starts, [20.0] * 6, scale * np.array(RISING))
        assert course.arrival == 2


# --- records and the audit of decay factors ---


def test_the_records_hold_what_is_written_and_what_is_expected(tmp_path: Path) -> None:
    records = read(tmp_path, pet_series(starts_s=[0.0, 300.0, 900.0])).pet.records

    assert [(record.acquired_at - SCAN_START).total_seconds() for record in records] == [0.0, 300.0, 900.0]
    for record, start in zip(records, (0.0, 300.0, 900.0), strict=True):
        expected = inside_factor(300.0) * 2 ** (start / HALF_LIFE_S)
        assert record.decay_factor == pytest.approx(expected, rel=1e-6)
        assert record.expected_factor == pytest.approx(expected, rel=1e-9)
        assert record.applied_factor == 1.0


def test_factors_of_one_are_believed_and_told_with_what_that_means(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(DecayFactor="1"))

    (check,) = [check for check in exam.checks if check.name == "decay_factors"]
    assert "DecayFactor is 1 in every frame" in check.message
    assert "The images cannot tell" in check.message
    assert check.value == pytest.approx(inside_factor(300.0) * 2 ** (300 / HALF_LIFE_S), rel=1e-6)
    assert [record.applied_factor for record in exam.pet.records] == [record.expected_factor for record in exam.pet.records]
    assert any(link.name == "Decay correction added" for link in exam.pet.chain)


def test_a_single_frame_is_never_multiplied_on_the_word_of_its_factor(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(starts_s=[0.0], DecayFactor="1"))

    assert exam.pet.records[0].applied_factor == 1.0
    assert "decay_factors" in failed(exam)


def test_a_gap_between_frames_changes_neither_decay_nor_suv(tmp_path: Path) -> None:
    gap = read(tmp_path, pet_series(starts_s=[0.0, 300.0, 1500.0]))
    whole = read(tmp_path, pet_series(starts_s=[0.0, 300.0, 600.0]))

    assert gap.pet.timing.start_s.tolist() == [3600.0, 3900.0, 5100.0]
    assert suv_scale(gap.pet, gap.subject).g_per_ml == suv_scale(whole.pet, whole.subject).g_per_ml
    assert failed(gap) == set()


def test_a_missing_slice_of_a_dynamic_series_is_refused(tmp_path: Path) -> None:
    datasets = pet_series(starts_s=[0.0, 300.0, 600.0])
    del datasets[8]

    with pytest.raises(DataError, match="17 of 18 images"):
        read(tmp_path, datasets)
