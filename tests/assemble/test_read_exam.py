"""read_exam: values and places of a whole exam, and what is refused."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assemble_dicom import (
    COLUMNS,
    INJECTION,
    ROWS,
    SCAN_START,
    SLOPE,
    STEP_MM,
    enhanced_mr,
    flair_series,
    mr_series,
    pet_series,
    store,
    stored_value,
)
from exam_reading import RULES, TRACERS, drug, failed, read
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from node.assemble.mr import read_mr
from node.assemble.read import read_exam
from node.assemble.roles import judge
from node.assemble.series import summarise
from node.domain.exam import Role
from node.errors import ConflictError, DataError

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


@pytest.mark.parametrize("changes", [{}, {"SUVType": "BW"}])
def test_values_that_a_scanner_has_divided_are_not_divided_again(tmp_path: Path, changes: dict[str, str]) -> None:
    pet = read(tmp_path, pet_series(Units="GML", **changes)).pet

    assert (pet.units, pet.volume.unit) == ("GML", "g/mL")
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
        ({"Units": "GML", "SUVType": "LBMNEW"}, "LBMNEW"),
        ({"Units": "PROPCPS"}, "found PROPCPS"),
        ({"Units": "CPS"}, "CorrectedImage does not say DCAL"),
        ({"Units": "CPS", "CorrectedImage": ["ATTN", "DECY", "DCAL"]}, "says DCAL"),
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


def test_two_people_are_never_fused(tmp_path: Path) -> None:
    stranger = mr_series(PatientBirthDate="19710102")

    with pytest.raises(ConflictError, match="birth date"):
        read(tmp_path, pet_series(), stranger)


def _rotation(x: float, y: float, z: float) -> np.ndarray:
    """A rotation about three axes, rad."""
    about = []
    for angle, (i, j) in zip((x, y, z), ((1, 2), (2, 0), (0, 1)), strict=True):
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = np.cos(angle)
        matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
        about.append(matrix)
    return np.asarray(about[2] @ about[1] @ about[0])
