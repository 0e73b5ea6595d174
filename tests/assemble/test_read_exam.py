"""read_exam: values, places and times of a whole exam, and what is refused."""

from __future__ import annotations

import itertools
import random
import tomllib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assemble_dicom import (
    COLUMNS,
    HALF_LIFE_S,
    INJECTION,
    ROWS,
    SCAN_START,
    SLOPE,
    STEP_MM,
    enhanced_mr,
    flair_series,
    headers,
    inside_factor,
    mr_series,
    pet_series,
    profiles,
    store,
    stored_value,
)
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from node.assemble.mr import read_mr
from node.assemble.read import read_exam
from node.assemble.roles import Judgement, judge
from node.assemble.rules import load_rules
from node.assemble.series import summarise
from node.domain.exam import Exam, Role
from node.errors import ConflictError, DataError
from node.settings import shipped_folder

RULES = load_rules(tomllib.loads((shipped_folder() / "rules.toml").read_text(encoding="utf-8")))
TRACERS = profiles()
at = datetime.fromisoformat


def read(folder: Path, pet: Sequence[Dataset], t1: Sequence[Dataset] | None = None, **others: Any) -> Exam:
    """The exam of these series."""
    given = {name: store(datasets, folder) for name, datasets in others.items() if name in ("flair", "lesion_seg")}
    options = {name: value for name, value in others.items() if name not in given}
    mr = store(mr_series() if t1 is None else t1, folder)
    judgement = judge(summarise(headers(pet)), RULES, TRACERS)
    taken = judgement if judgement.tracer else Judgement(None, True, "dpa714", "code", "")
    return read_exam(pet=store(pet, folder), t1=mr, judgement=taken, storage=folder, rules=RULES, tracers=TRACERS, **given, **options)


def failed(exam: Exam) -> set[str]:
    """Names of the Checks that did not pass."""
    return {check.name for check in exam.checks if not check.passed}


def drug(datasets: Sequence[Dataset], **changes: Any) -> list[Dataset]:
    """The PET with other radiopharmaceutical attributes; None leaves one out."""
    for dataset in datasets:
        (item,) = dataset.RadiopharmaceuticalInformationSequence
        for keyword, value in changes.items():
            if value is None:
                delattr(item, keyword)
            else:
                setattr(item, keyword, value)
    return list(datasets)


# --- values and places ---


def test_an_exam_without_fault_is_read_as_it_was_written(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(), flair=flair_series())

    assert failed(exam) == set()
    assert exam.pet.volume.array.shape == (2, 6, ROWS, COLUMNS)
    assert exam.pet.volume.array.dtype == np.float32
    for frame, slice_ in itertools.product(range(2), range(6)):
        np.testing.assert_allclose(exam.pet.volume.array[frame, slice_], SLOPE * stored_value(frame, slice_))
    assert exam.pet.volume.unit == "Bq/mL"
    np.testing.assert_allclose(exam.pet.volume.affine @ [0, 0, 0, 1], [-80, -70, 900, 1])
    np.testing.assert_allclose(exam.pet.volume.affine @ [5, 1, 2, 1], [-40, -50, 1000, 1])
    assert [instance.sop_instance_uid[-3:] for instance in exam.pet.source.instances[:6]] == ["1.6", "1.5", "1.4", "1.3", "1.2", "1.1"]
    assert exam.pet.timing.start_s.tolist() == [3600.0, 3900.0]
    assert exam.pet.decay_reference == SCAN_START
    assert exam.pet.administration.injected_at == INJECTION
    assert exam.pet.administration.activity_bq == 2e8
    assert (exam.subject.weight_kg, exam.subject.height_m) == (70.0, 1.7)
    assert exam.flair is not None


def test_nothing_depends_on_instance_numbers_or_on_the_order_of_arrival(tmp_path: Path) -> None:
    straight = read(tmp_path, pet_series())
    shuffled = [*pet_series()], [*mr_series()]
    for seed, datasets in enumerate(shuffled):
        random.Random(seed).shuffle(datasets)
        for number, dataset in enumerate(datasets):
            dataset.InstanceNumber = 7 * number % 5

    exam = read(tmp_path, *shuffled)

    np.testing.assert_array_equal(exam.pet.volume.array, straight.pet.volume.array)
    np.testing.assert_array_equal(exam.t1.volume.array, straight.t1.volume.array)
    assert exam.pet.source.instances == straight.pet.source.instances


def test_each_slice_has_its_own_slope(tmp_path: Path) -> None:
    datasets = pet_series()
    for number, dataset in enumerate(datasets, 1):
        dataset.RescaleSlope = f"{0.1 * number:.4f}"

    array = read(tmp_path, datasets).pet.volume.array

    np.testing.assert_allclose(array[1, 2], 1.0 * stored_value(1, 2), rtol=1e-6)  # the tenth file: frame 2, fourth from the top


TURNS = [np.eye(3)[:, order] * signs for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: "".join(str(int(x)) for x in turn.T.ravel()))
def test_a_voxel_of_the_t1_lies_where_its_slice_says_in_any_orientation(turn: np.ndarray, tmp_path: Path) -> None:
    tilt = _rotation(0.2, -0.3, 0.1)
    axes = tilt @ turn
    datasets = mr_series(turn=axes)

    volume = read_mr(store(datasets, tmp_path), Role.T1, tmp_path)[0].volume

    for s, dataset in enumerate(datasets):
        corner = np.array([float(x) for x in dataset.ImagePositionPatient])
        for row, column in ((0, 0), (3, 7), (7, 1)):
            place = corner + STEP_MM * (column * axes[:, 0] + row * axes[:, 1])
            index = volume.index_from_lps @ [*place, 1]
            nearest = np.round(index[:3]).astype(int)
            np.testing.assert_allclose(index[:3], nearest, atol=1e-4)
            assert volume.array[tuple(nearest)] == stored_value(0, s)[row, column]


def test_an_enhanced_mr_gives_the_volume_of_a_classic_one(tmp_path: Path) -> None:
    volume = read(tmp_path, pet_series(), [enhanced_mr()]).t1.volume

    np.testing.assert_allclose(volume.affine @ [0, 0, 0, 1], [10, 10, 10, 1])
    for s in range(6):
        np.testing.assert_allclose(volume.array[s], 2 * stored_value(0, s) + 1)


def test_slices_off_the_even_grid_are_read_with_a_check_or_refused(tmp_path: Path) -> None:
    def moved(by_mm: float) -> list[Dataset]:
        datasets = mr_series()
        datasets[3].ImagePositionPatient = [10, 10, 10 + 3 * STEP_MM + by_mm]
        return datasets

    assert "t1_even_slices" not in failed(read(tmp_path, pet_series(), moved(0.001)))
    assert "t1_even_slices" in failed(read(tmp_path, pet_series(), moved(2.0)))
    with pytest.raises(DataError, match="evenly spaced"):
        read(tmp_path, pet_series(), moved(8.0))


def test_a_leaning_stack_is_refused(tmp_path: Path) -> None:
    datasets = mr_series()
    for s, dataset in enumerate(datasets):
        dataset.ImagePositionPatient = [10, 10 + 2.0 * s, 10 + STEP_MM * s]

    with pytest.raises(DataError, match=r"leans by 5\.7"):
        read(tmp_path, pet_series(), datasets)


@pytest.mark.parametrize(("units", "changes", "expected"), [("GML", {}, "g/mL"), ("GML", {"SUVType": "BW"}, "g/mL")])
def test_values_that_a_scanner_has_divided_are_not_divided_again(
    tmp_path: Path, units: str, changes: dict[str, str], expected: str
) -> None:
    pet = read(tmp_path, pet_series(Units=units, **changes)).pet

    assert (pet.units, pet.volume.unit) == (units, expected)
    np.testing.assert_allclose(pet.volume.array[0, 3], SLOPE * stored_value(0, 3))


@pytest.mark.parametrize(("element", "unit"), [(0x70531000, "g/mL"), (0x70531009, "Bq/mL")])
def test_philips_counts_become_suv_or_activity_by_the_scanners_factor(tmp_path: Path, element: int, unit: str) -> None:
    datasets = pet_series(Units="CNTS")
    for dataset in datasets:
        dataset.add(DataElement(0x70530010, "LO", "Philips PET Private Group"))
        dataset.add(DataElement(element, "DS", "0.25"))

    pet = read(tmp_path, datasets).pet

    assert pet.volume.unit == unit
    np.testing.assert_allclose(pet.volume.array[1, 0], 0.25 * SLOPE * stored_value(1, 0))


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


def test_equal_acquisition_times_give_the_same_timing_by_the_reference_times(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(AcquisitionTime="112000"))

    np.testing.assert_allclose(exam.pet.timing.start_s, [3600.0, 3900.0], atol=1e-3)
    assert "frame_times" in failed(exam)


def test_an_injection_without_a_time_leaves_the_scan_as_zero_and_says_so(tmp_path: Path) -> None:
    datasets = drug(pet_series(), RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime=None)

    exam = read(tmp_path, datasets)

    assert exam.pet.administration.injected_at is None
    assert exam.pet.timing.start_s.tolist() == [0.0, 300.0]
    assert failed(exam) == {"injection_time"}


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


# --- guards ---


def test_a_dose_in_mbq_a_weight_in_grams_and_a_height_in_cm_are_read_with_checks(tmp_path: Path) -> None:
    exam = read(tmp_path, drug(pet_series(PatientWeight=70000, PatientSize=170), RadionuclideTotalDose="200"))

    assert exam.pet.administration.activity_bq == 2e8
    assert (exam.subject.weight_kg, exam.subject.height_m) == (70.0, 1.7)
    assert failed(exam) == {"injected_activity", "weight", "height"}


def test_a_missing_dose_or_weight_is_none_and_told(tmp_path: Path) -> None:
    exam = read(tmp_path, drug(pet_series(PatientWeight=0), RadionuclideTotalDose=None))

    assert exam.pet.administration.activity_bq is None
    assert exam.subject.weight_kg is None
    assert failed(exam) == {"injected_activity", "weight"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"RescaleIntercept": 5}, "RescaleIntercept of 0"),
        ({"RescaleSlope": 0}, "RescaleSlope above zero"),
        ({"Units": "CNTS"}, "CNTS"),
        ({"Units": "GML", "SUVType": "LBM"}, "GML of type LBM"),
        ({"CorrectedImage": ["ATTN"]}, "DECY"),
        ({"DecayCorrection": "SOMETIME"}, "SOMETIME"),
        ({"ActualFrameDuration": 0}, "ActualFrameDuration"),
        ({"ActualFrameDuration": 400000}, "overlap"),
    ],
)
def test_a_pet_that_cannot_be_measured_is_refused_by_its_uid(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as refused:
        read(tmp_path, pet_series(**changes))
    assert "1.2.3.1" in str(refused.value)


def test_an_incomplete_pet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="11 of 12 images"):
        read(tmp_path, pet_series()[:-1])


def test_frames_on_two_grids_are_refused(tmp_path: Path) -> None:
    datasets = pet_series()
    for dataset in datasets[6:]:
        dataset.ImagePositionPatient = [-80.0, -70.0, float(dataset.ImagePositionPatient[2]) + 1.0]

    with pytest.raises(DataError, match="PET series"):
        read(tmp_path, datasets)


def test_a_truncated_file_is_refused_by_its_uid(tmp_path: Path) -> None:
    stored, t1 = store(pet_series(), tmp_path), store(mr_series(), tmp_path)
    path = tmp_path / stored[3].instance.path
    path.write_bytes(path.read_bytes()[:-40])
    judgement = judge(summarise([item.header for item in stored]), RULES, TRACERS)

    with pytest.raises(DataError, match=stored[3].instance.sop_instance_uid.replace(".", r"\.")):
        read_exam(pet=stored, t1=t1, judgement=judgement, storage=tmp_path, rules=RULES, tracers=TRACERS)


def test_a_flair_that_cannot_be_read_costs_the_lesions_and_not_the_exam(tmp_path: Path) -> None:
    flair = flair_series(slices=8)
    del flair[4]

    exam = read(tmp_path, pet_series(), flair=flair)

    assert exam.flair is None
    assert next(check.message for check in exam.checks if check.name == "flair").endswith("gap of 1 slice after depth 70.0 mm")


def test_two_people_are_never_fused_unless_a_person_has_released_them(tmp_path: Path) -> None:
    stranger = mr_series(PatientBirthDate="19710102")

    with pytest.raises(ConflictError, match="birth date"):
        read(tmp_path, pet_series(), stranger)
    assert "identity_released" in failed(read(tmp_path, pet_series(), stranger, identity_released=True))


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


def _rotation(x: float, y: float, z: float) -> np.ndarray:
    """A rotation about three axes, rad."""
    about = []
    for angle, (i, j) in zip((x, y, z), ((1, 2), (2, 0), (0, 1)), strict=True):
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = np.cos(angle)
        matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
        about.append(matrix)
    return np.asarray(about[2] @ about[1] @ about[0])
