"""Units to activity or SUV, body factors by hand, Philips' two factors: every branch in closed form."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from assemble_dicom import HALF_LIFE_S, SLOPE, pet_series, stored_value
from exam_reading import failed, read
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from node.assemble.body import Body, bodyweight_per_suv
from node.quantify.suv import suv_scale

W, H = 70.0, 1.7
LEFT_BQ = 200e6 * 2.0 ** (-3600.0 / HALF_LIFE_S)

# By hand, 70 kg and 170 cm: (70/170)² = 0.169550173; BMI = 24.2214533.
BY_HAND = [
    ("BW", "F", 1.0),
    ("LBM", "M", 70 / (77.0 - 120 * 0.169550173)),
    ("LBM", "F", 70 / (74.9 - 148 * 0.169550173)),
    ("LBMJAMES128", "M", 70 / (77.0 - 128 * 0.169550173)),
    ("LBMJAMES128", "F", 70 / (74.9 - 148 * 0.169550173)),
    ("LBMJANMA", "M", 70 / (9270 * 70 / (6680 + 216 * 24.2214533))),
    ("LBMJANMA", "F", 70 / (9270 * 70 / (8780 + 244 * 24.2214533))),
    ("IBW", "M", 70 / (48.0 + 1.06 * 18)),
    ("IBW", "F", 70 / (45.5 + 0.91 * 18)),
    ("IBW", "O", 70 / ((48.0 + 1.06 * 18 + 45.5 + 0.91 * 18) / 2)),
    ("BSA", "F", 70e3 / (1e4 * 1.8097078)),
]


@pytest.mark.parametrize(("kind", "sex", "factor"), BY_HAND)
def test_body_factors_are_those_computed_by_hand(kind: str, sex: str, factor: float) -> None:
    assert bodyweight_per_suv(kind, Body(W, H, sex)) == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize("body", [Body(None, H, "F"), Body(W, None, "F"), Body(W, H, ""), Body(400.0, 1.0, "F")])
def test_a_body_that_is_not_known_or_cannot_be_has_no_factor(body: Body) -> None:
    assert bodyweight_per_suv("LBM", body) is None
    assert bodyweight_per_suv("BW", body) == 1.0


def tagged(datasets: list[Dataset], **factors: float) -> list[Dataset]:
    for dataset in datasets:
        for name, value in factors.items():
            dataset.add(DataElement(0x70531000 if name == "suv" else 0x70531009, "DS", f"{value:.10g}"))
    return datasets


def suv_of(folder: Path, datasets: list[Dataset]) -> Any:
    exam = read(folder, datasets)
    scale = suv_scale(exam.pet, exam.subject)
    return None if scale.g_per_ml is None else exam.pet.volume.array[0, 2, 3, 4] * scale.g_per_ml


RESCALED = SLOPE * float(stored_value(0, 2)[3, 4])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, RESCALED * 70e3 / LEFT_BQ),
        ({"DecayCorrection": "ADMIN"}, RESCALED * 70e3 / 200e6),
        ({"Units": "GML"}, RESCALED),
        ({"Units": "GML", "SUVType": "BW"}, RESCALED),
        ({"Units": "GML", "SUVType": "LBM"}, RESCALED * 70 / (74.9 - 148 * 0.169550173)),
        ({"Units": "GML", "SUVType": "IBW"}, RESCALED * 70 / (45.5 + 0.91 * 18)),
        ({"Units": "CM2ML"}, RESCALED * 70e3 / (1e4 * 1.8097078)),
        ({"PatientWeight": 70000}, RESCALED * 70e3 / LEFT_BQ),
        ({"PatientWeight": 0}, None),
        ({"Units": "GML", "SUVType": "LBM", "PatientSize": None}, None),
        ({"Units": "GML", "DecayCorrection": "NONE"}, None),
    ],
)
def test_every_unit_gives_the_suv_computed_by_hand(changes: dict[str, Any], expected: float | None, tmp_path: Path) -> None:
    found = suv_of(tmp_path, pet_series(starts_s=[0.0], **changes))

    assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))


def test_suv_by_an_unknown_body_still_has_its_ratios(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(Units="GML", SUVType="LBM", PatientSize=None))

    assert exam.pet.volume.array[0, 2, 3, 4] == pytest.approx(RESCALED)
    assert "weight, height or sex" in suv_scale(exam.pet, exam.subject).missing


@pytest.mark.parametrize(("off", "agree"), [(1.0, True), (1.005, True), (1.02, False)])
def test_philips_factors_are_checked_against_each_other(off: float, *, agree: bool, tmp_path: Path) -> None:
    datasets = tagged(pet_series(starts_s=[0.0], Units="CNTS"), suv=5.0 * 70e3 / LEFT_BQ, activity=5.0 * off)

    exam = read(tmp_path, datasets)

    (check,) = [check for check in exam.checks if check.name == "philips_factors"]
    assert check.passed is agree
    assert exam.pet.volume.array[0, 2, 3, 4] == pytest.approx(RESCALED * 5.0 * 70e3 / LEFT_BQ, rel=1e-6)


def test_philips_activity_factor_alone_goes_on_as_activity(tmp_path: Path) -> None:
    assert suv_of(tmp_path, tagged(pet_series(starts_s=[0.0], Units="CNTS"), activity=5.0)) == pytest.approx(
        RESCALED * 5.0 * 70e3 / LEFT_BQ, rel=1e-6
    )


def test_a_factor_of_zero_is_none(tmp_path: Path) -> None:
    datasets = tagged(pet_series(starts_s=[0.0], Units="CNTS"), suv=0.0, activity=5.0)

    assert read(tmp_path, datasets).pet.units == "BQML"


@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(weight=st.floats(40, 150), dose=st.floats(50e6, 800e6), minutes=st.integers(20, 115), half_life=st.floats(6560, 6610))
def test_ratios_do_not_know_weight_dose_or_times(weight: float, dose: float, minutes: int, half_life: float) -> None:
    """J12: the values that ratios are made of are the same bytes, whatever is said of the dose."""
    with TemporaryDirectory() as folder:
        plain, other = (read(Path(folder), series) for series in (pet_series(slices=6), _said(weight, dose, minutes, half_life)))

    np.testing.assert_array_equal(other.pet.volume.array, plain.pet.volume.array)
    ratio = suv_scale(other.pet, other.subject).decay / suv_scale(plain.pet, plain.subject).decay
    np.testing.assert_array_equal(ratio, np.ones(2))
    assert failed(other) <= {"decay_factors", "decay_reference", "frame_times"}


def _said(weight: float, dose: float, minutes: int, half_life: float) -> list[Dataset]:
    datasets = pet_series(slices=6, PatientWeight=f"{weight:.4f}")
    for dataset in datasets:
        (item,) = dataset.RadiopharmaceuticalInformationSequence
        item.RadionuclideTotalDose, item.RadionuclideHalfLife = f"{dose:.0f}", f"{half_life:.3f}"
        item.RadiopharmaceuticalStartTime = f"{9 + minutes // 60:02d}{minutes % 60:02d}00"
        item.RadiopharmaceuticalStartDateTime = f"20240305{item.RadiopharmaceuticalStartTime}"
    return datasets
