"""A voxel lies where its slice says, for every order and direction of the axes, tilted, feet first, and with uneven steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from assemble_dicom import COLUMNS, ROWS, SLOPE, STEP_MM, mr_series, pet_series, store, stored_value
from exam_reading import failed, read
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from multi_frame import enhanced_pet
from pydicom.dataset import Dataset

from node.assemble.mr import read_mr
from node.domain.exam import Role
from node.domain.volume import Volume
from node.errors import DataError

ORDERS = [
    np.diag(signs)[:, list(order)] for order in itertools.permutations(range(3)) for signs in itertools.product((1.0, -1.0), repeat=3)
]
SHORT = 3
"""Slices of the MR in the tests of all 48 orders."""


def tilt(degrees: Sequence[float]) -> np.ndarray:
    """A rotation about x, then y, then z."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one = np.eye(3)
        i, j = [k for k in range(3) if k != axis]
        one[i, i] = one[j, j] = math.cos(angle)
        one[i, j], one[j, i] = -math.sin(angle), math.sin(angle)
        turn = one @ turn
    return turn


def posed(datasets: Sequence[Dataset], pose: np.ndarray) -> list[Dataset]:
    """The same images with the patient turned, or mirrored: position and axes multiplied by `pose`."""
    for dataset in datasets:
        axes = np.array(dataset.ImageOrientationPatient, dtype=float).reshape(2, 3) @ pose.T
        position = pose @ np.array(dataset.ImagePositionPatient, dtype=float)
        dataset.ImageOrientationPatient = [f"{x:.10f}" for x in axes.ravel()]
        dataset.ImagePositionPatient = [f"{x:.6f}" for x in position]
    return list(datasets)


def assert_in_place(volume: Volume, first: Sequence[float], step: Sequence[float], pose: np.ndarray, *, slices: int, scale: float) -> None:
    """Every stored value of the phantom at its own LPS place: slice s begins at first + s·step, columns along x, rows along y, posed."""
    s, r, c = np.mgrid[0:slices, 0:ROWS, 0:COLUMNS]
    places = np.asarray(first) + s[..., None] * np.asarray(step) + STEP_MM * np.stack([c, r, np.zeros_like(c)], axis=-1)
    lps = np.concatenate([places @ pose.T, np.ones((*s.shape, 1))], axis=-1)
    index = lps @ volume.index_from_lps.T
    assert np.abs(index - np.rint(index)).max() < 1e-3
    found = volume.array[tuple(np.rint(index[..., k]).astype(int) for k in range(3))]
    expected = np.stack([stored_value(0, k) for k in range(slices)])
    np.testing.assert_allclose(found, scale * expected, rtol=1e-6)


@pytest.mark.parametrize("number", range(48))
def test_an_mr_in_any_axis_order_and_tilt_lies_where_its_slices_say(number: int, tmp_path: Path) -> None:
    pose = tilt(np.random.default_rng(number).uniform(-30, 30, 3)) @ ORDERS[number]

    series, checks = read_mr(store(posed(mr_series(slices=SHORT), pose), tmp_path), Role.T1, tmp_path)

    assert_in_place(series.volume, (10, 10, 10), (0, 0, STEP_MM), pose, slices=SHORT, scale=1.0)
    assert checks == ()


angle = st.floats(-45, 45)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(order=st.sampled_from(ORDERS), angles=st.tuples(angle, angle, angle), multi_frame=st.booleans())
def test_a_pet_in_any_axis_order_and_tilt_lies_where_its_slices_say(
    order: np.ndarray, angles: tuple[float, float, float], *, multi_frame: bool
) -> None:
    pose = tilt(angles) @ order
    datasets = posed(pet_series(starts_s=[0.0]), pose)

    with TemporaryDirectory() as folder:
        exam = read(Path(folder), [enhanced_pet(datasets)] if multi_frame else datasets)

    assert_in_place(exam.pet.volume.frame(0), (-80, -70, 900), (0, 0, STEP_MM), pose, slices=6, scale=SLOPE)


@pytest.mark.parametrize("position", ["HFS", "FFS", "FFP", "HFDR"])
def test_the_position_on_the_table_changes_nothing_that_the_orientation_does_not_say(position: str, tmp_path: Path) -> None:
    pose = {"HFS": (1, 1, 1), "FFS": (-1, 1, -1), "FFP": (1, -1, -1), "HFDR": (1, 1, 1)}[position]

    exam = read(tmp_path, posed(pet_series(starts_s=[0.0], PatientPosition=position), np.diag(pose).astype(float)))

    assert_in_place(exam.pet.volume.frame(0), (-80, -70, 900), (0, 0, STEP_MM), np.diag(pose).astype(float), slices=6, scale=SLOPE)


def test_a_stack_may_be_sagittal_in_mr_and_coronal_in_pet(tmp_path: Path) -> None:
    sagittal, coronal = ORDERS[8 * 3], ORDERS[8 * 1]

    exam = read(tmp_path, posed(pet_series(starts_s=[0.0]), coronal), posed(mr_series(), sagittal))

    assert_in_place(exam.pet.volume.frame(0), (-80, -70, 900), (0, 0, STEP_MM), coronal, slices=6, scale=SLOPE)
    assert_in_place(exam.t1.volume, (10, 10, 10), (0, 0, STEP_MM), sagittal, slices=6, scale=1.0)


def moved(datasets: list[Dataset], depths_mm: Sequence[float]) -> list[Dataset]:
    """Slices at these depths, by rising z."""
    rising = sorted(datasets, key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    for dataset, depth in zip(rising, depths_mm, strict=True):
        dataset.ImagePositionPatient = [*dataset.ImagePositionPatient[:2], depth]
    return datasets


@pytest.mark.parametrize(
    ("depths_mm", "outcome"),
    [
        ((0.0, 20.0, 40.0, 60.0, 80.0, 100.0), "even"),
        ((0.0, 19.95, 40.0, 60.05, 80.0, 100.0), "even"),  # 3.19, 3.27, 3.29 mm at the bed joins of a GE Discovery are closer still
        ((0.0, 20.0, 42.0, 62.0, 82.0, 104.0), "told"),
        ((0.0, 20.0, 40.0, 66.0, 86.0, 106.0), "told"),
        ((0.0, 12.0, 30.0, 50.0, 80.0, 100.0), "refused"),
        ((0.0, 20.0, 40.0, 80.0, 100.0, 120.0), "refused"),
        ((0.0, 20.0, 40.0, 40.0, 60.0, 80.0), "refused"),
    ],
)
def test_uneven_steps_are_read_told_or_refused(depths_mm: Sequence[float], outcome: str, tmp_path: Path) -> None:
    datasets: Any = moved(pet_series(starts_s=[0.0]), depths_mm)
    if outcome == "refused":
        with pytest.raises(DataError):
            read(tmp_path, datasets)
        return

    exam = read(tmp_path, datasets)

    assert ("pet_even_slices" in failed(exam)) is (outcome == "told")
    places = exam.pet.volume.affine[2, 3] + np.arange(6) * exam.pet.volume.affine[2, 0]
    assert np.abs(places - depths_mm).max() <= 0.25 * 21.2
