"""The written exam: bytes, headers, geometry and truth agree with each other, read by other means than those that wrote them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy import ndimage

from node.simulate.exam import write_exam
from node.simulate.options import (
    Attenuation,
    Protocol,
    SimulatedExam,
    SimulatedPatient,
    SimulatedTracer,
    SimulationOptions,
    small_options,
    two_study_options,
)
from node.simulate.whole_body import write_whole_body_fdg

TINY = replace(small_options(5), mr_spacing_mm=3.0, pet_spacing_mm=(5.0, 4.0, 4.0), psf_fwhm_mm=6.5, noise=0.3)


@dataclass(frozen=True, eq=False)
class Series:
    """A series as pydicom reads it: values (F, S, R, C), affine (slice, row, column) → LPS mm, from the headers alone."""

    values: np.ndarray
    affine: np.ndarray
    headers: list[pydicom.Dataset]


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> SimulatedExam:
    return write_exam(tmp_path_factory.mktemp("exam") / "tiny", TINY)


@pytest.fixture(scope="module")
def truth(exam: SimulatedExam) -> dict[str, Any]:
    return json.loads(exam.truth_file.read_text())


@pytest.fixture(scope="module")
def t1(exam: SimulatedExam) -> Series:
    return read(exam.folder / "dicom" / "MR_T1")


@pytest.fixture(scope="module")
def pet(exam: SimulatedExam) -> Series:
    return read(exam.folder / "dicom" / "PET")


def read(folder: Path) -> Series:
    headers = sorted((pydicom.dcmread(path) for path in folder.iterdir()), key=lambda ds: (ds.AcquisitionTime, ds.SliceLocation))
    frames = len({ds.AcquisitionTime for ds in headers})
    slices = len(headers) // frames
    values = np.stack([ds.pixel_array * float(ds.get("RescaleSlope", 1)) for ds in headers]).reshape(
        frames, slices, *headers[0].pixel_array.shape
    )
    first, last = (np.array(headers[i].ImagePositionPatient, dtype=float) for i in (0, slices - 1))
    row_axis, column_axis = np.array(headers[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    rows, columns = (float(x) for x in headers[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2], affine[:3, 3] = (
        (last - first) / (slices - 1),
        column_axis * rows,
        row_axis * columns,
        first,
    )
    return Series(values, affine, headers)


def labels(exam: SimulatedExam, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Array (S, R, C) and affine to LPS mm of a truth volume."""
    image = sitk.ReadImage(str(exam.folder / "truth" / f"{name}.nii.gz"))
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes[:, ::-1], image.GetOrigin()
    return sitk.GetArrayFromImage(image), affine


def at(values: np.ndarray, affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Linear interpolation of (S, R, C) at points (n, 3) LPS mm."""
    index = np.linalg.inv(affine) @ np.c_[points, np.ones(len(points))].T
    return ndimage.map_coordinates(values.astype(float), index[:3], order=1)


def world(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]


def digests(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_options_give_the_same_bytes(exam: SimulatedExam, tmp_path: Path) -> None:
    again = write_exam(tmp_path / "again", TINY)
    assert digests(again.folder) == digests(exam.folder)


def test_labels_lie_where_the_headers_of_the_t1_put_its_voxels(exam: SimulatedExam, truth: dict[str, Any], t1: Series) -> None:
    tissue, affine = labels(exam, "tissue")
    values = truth["label_values"]
    means = {name: at(t1.values[0], t1.affine, world(tissue == values[name], affine)).mean() for name in ("csf", "cortex", "nawm", "bone")}
    assert means["bone"] < means["csf"] < means["cortex"] < means["nawm"]
    assert means["nawm"] > 1.25 * means["cortex"] > 1.5 * means["csf"]


def test_the_pet_lies_where_the_transform_says(exam: SimulatedExam, truth: dict[str, Any], pet: Series) -> None:
    """Moving the labels by `pet_from_mr` finds the uptake that the truth tells; not moving them does not."""
    tissue, affine = labels(exam, "tissue")
    matrix = np.array(truth["transform"]["pet_from_mr"])
    late = pet.values.mean(axis=0) * truth["dicom"]["pet"]["suv_per_bqml"]
    zone, _ = labels(exam, "lesion_zone")

    def measured(name: str, move: np.ndarray) -> float:
        points = world((tissue == truth["label_values"][name]) & (zone == 0), affine)
        return float(at(late, pet.affine, points @ move[:3, :3].T + move[:3, 3]).mean())

    for name in ("csf", "cortex", "nawm", "thalamus", "brainstem"):
        ratio = measured(name, matrix) / measured("cereb_gm", matrix)
        assert ratio == pytest.approx(truth["regions"][name]["suvr_noisy"], rel=2e-3)
    assert measured("csf", np.eye(4)) > 1.1 * measured("csf", matrix)


def test_regions_after_the_scanner_are_means_over_the_noise_free_pet(exam: SimulatedExam, truth: dict[str, Any]) -> None:
    tissue, affine = labels(exam, "tissue")
    zone, _ = labels(exam, "lesion_zone")
    clean, pet_affine = labels(exam, "pet_noisefree_suv_late")
    matrix = np.array(truth["transform"]["pet_from_mr"])

    def mean(mask: np.ndarray) -> float:
        return float(at(clean, pet_affine, world(mask, affine) @ matrix[:3, :3].T + matrix[:3, 3]).mean())

    reference = mean(tissue == truth["label_values"]["cereb_gm"])
    for name in ("cortex", "nawm", "thalamus"):
        found = mean((tissue == truth["label_values"][name]) & (zone == 0)) / reference
        assert found == pytest.approx(truth["regions"][name]["suvr_psf"], rel=1e-3)
    ids, _ = labels(exam, "lesion_ids")
    for lesion in truth["lesions"][:3]:
        assert mean(ids == lesion["id"]) / reference == pytest.approx(lesion["core"]["suvr_psf"], rel=1e-3)


def test_truth_before_the_scanner_is_one_over_the_reference(exam: SimulatedExam, truth: dict[str, Any]) -> None:
    suvr, _ = labels(exam, "suvr_true_t1")
    tissue, _ = labels(exam, "tissue")
    assert suvr[tissue == truth["label_values"]["cereb_gm"]].mean() == pytest.approx(1.0, abs=1e-3)
    assert truth["regions"]["cereb_gm"]["suvr_true"] == pytest.approx(1.0, abs=1e-4)
    assert truth["regions"]["thalamus"]["suvr_true"] > 1.15


def test_suv_from_the_header_is_the_suv_of_the_truth(exam: SimulatedExam, truth: dict[str, Any], pet: Series) -> None:
    """SUV = C · W / (A · 2^(−Δt/T½)), by hand from the header (quantities of the first frame)."""
    ds = pet.headers[0]
    item = ds.RadiopharmaceuticalInformationSequence[0]
    injected = datetime.strptime(item.RadiopharmaceuticalStartDateTime, "%Y%m%d%H%M%S")  # noqa: DTZ007
    scanned = datetime.strptime(ds.SeriesDate + ds.SeriesTime, "%Y%m%d%H%M%S")  # noqa: DTZ007
    activity = float(item.RadionuclideTotalDose) * 0.5 ** ((scanned - injected).total_seconds() / float(item.RadionuclideHalfLife))
    suv_per_bqml = float(ds.PatientWeight) * 1000.0 / activity
    assert suv_per_bqml == pytest.approx(truth["dicom"]["pet"]["suv_per_bqml"], rel=1e-9)
    clean, _ = labels(exam, "pet_noisefree_suv_late")
    assert (pet.values.mean(axis=0) * suv_per_bqml).sum() == pytest.approx(clean.sum(), rel=5e-3)


def test_frames_say_when_they_were_measured(pet: Series, truth: dict[str, Any]) -> None:
    """Undoing the decay factor over the frame gives its mean activity: DF · λT = e^(λ·start) · x / (1 − e^−x)."""
    decay = np.log(2.0) / 6586.2
    for frame, ds in enumerate(pet.headers[:: pet.values.shape[1]]):
        start, length = frame * 300.0, float(ds.ActualFrameDuration) / 1000.0
        x = decay * length
        assert float(ds.DecayFactor) == pytest.approx(np.exp(decay * start) * x / (1 - np.exp(-x)), rel=1e-7)
        assert start < float(ds.FrameReferenceTime) / 1000.0 < start + length / 2.0
        assert float(ds.FrameReferenceTime) / 1000.0 == pytest.approx(truth["dicom"]["pet"]["frame_reference_time_s"][frame], abs=1e-3)
    assert pet.headers[0].NumberOfTimeSlices == pet.values.shape[0] == 6
    assert {int(ds.ImageIndex) for ds in pet.headers} == set(range(1, len(pet.headers) + 1))


def test_lesions_lie_in_white_matter_and_rims_around_them(exam: SimulatedExam, truth: dict[str, Any]) -> None:
    ids, affine = labels(exam, "lesion_ids")
    rims, _ = labels(exam, "rim_ids")
    tissue, _ = labels(exam, "tissue")
    white = [truth["label_values"][name] for name in ("nawm", "cereb_wm", "brainstem")]
    assert np.isin(tissue[(ids > 0) | (rims > 0)], white).all()
    assert not ((ids > 0) & (rims > 0)).any()
    distance = ndimage.distance_transform_edt(ids == 0, sampling=np.linalg.norm(affine[:3, :3], axis=0))
    assert (distance[rims > 0] <= 2.0).all()
    volumes = [lesion["volume_mm3"] for lesion in truth["lesions"]]
    assert volumes == sorted(volumes, reverse=True)
    assert volumes[0] == pytest.approx((ids == 1).sum() * 27.0)
    assert {lesion["class"] for lesion in truth["lesions"]} == {"overall-active", "inactive", "rim-active"}


def test_the_head_is_not_its_own_mirror_image(t1: Series) -> None:
    image = ndimage.gaussian_filter(t1.values[0], 1.0)
    assert np.corrcoef(image.ravel(), image[::-1].ravel())[0, 1] < 0.97


@pytest.mark.peer("dciodvfy", "dcentvfy")
def test_other_peoples_validators_find_no_error(exam: SimulatedExam, tmp_path: Path) -> None:
    one_each = [next(iter(sorted(folder.iterdir()))) for folder in sorted((exam.folder / "dicom").iterdir())]
    one_each.append(write_whole_body_fdg(tmp_path, TINY)[0])
    for path in one_each:
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
        assert "Error" not in said
    entities = subprocess.run(["dcentvfy", *map(str, exam.files)], capture_output=True, text=True, check=False)
    assert "Error" not in entities.stdout + entities.stderr


def test_what_is_to_go_wrong_goes_wrong_in_the_header(tmp_path: Path) -> None:
    patient = SimulatedPatient(mr_birth_date=date(1971, 1, 2))
    wrong = replace(
        TINY,
        patient=patient,
        missing_pet_slices=2,
        with_flair=False,
        with_weight=False,
        pet_units="CNTS",
        pet_coded=False,
        attenuation=Attenuation.UNCORRECTED,
    )
    exam = write_exam(tmp_path / "wrong", wrong)
    dicom = exam.folder / "dicom"
    pet_files = sorted((dicom / "PET").iterdir())
    t1, pet = pydicom.dcmread(next((dicom / "MR_T1").iterdir())), pydicom.dcmread(pet_files[0])
    assert not (dicom / "MR_FLAIR").exists()
    assert (t1.PatientBirthDate, pet.PatientBirthDate) == ("19710102", "19840312")
    assert len(pet_files) == 6 * pet.NumberOfSlices - 2
    assert "ATTN" not in pet.CorrectedImage
    assert pet.Units == "CNTS"
    assert "PatientWeight" not in pet
    assert "RadiopharmaceuticalCodeSequence" not in pet.RadiopharmaceuticalInformationSequence[0]


def test_a_second_study_lies_a_week_later_on_a_bed_far_away(tmp_path: Path) -> None:
    options = replace(two_study_options(5), mr_spacing_mm=3.0, pet_spacing_mm=(6.0, 6.0, 6.0), psf_fwhm_mm=6.5, noise=0.0, with_flair=False)
    exam = write_exam(tmp_path / "two", options)
    t1, pet = (pydicom.dcmread(next((exam.folder / "dicom" / name).iterdir())) for name in ("MR_T1", "PET"))
    assert t1.StudyInstanceUID == exam.mr_study_uid != pet.StudyInstanceUID == exam.pet_study_uid
    assert t1.FrameOfReferenceUID != pet.FrameOfReferenceUID
    assert (t1.StudyDate, pet.StudyDate) == ("20260302", "20260309")
    assert float(pet.ImagePositionPatient[2]) < -600.0


def test_a_lone_mr_has_no_pet(tmp_path: Path) -> None:
    exam = write_exam(tmp_path / "mr", replace(TINY, with_pet=False))
    assert sorted(p.name for p in (exam.folder / "dicom").iterdir()) == ["MR_FLAIR", "MR_T1"]


def test_a_whole_body_fdg_says_what_it_is(tmp_path: Path) -> None:
    files = write_whole_body_fdg(tmp_path, TINY)
    ds = pydicom.dcmread(files[len(files) // 2])
    assert ds.SeriesType == ["WHOLE BODY", "IMAGE"]
    assert ds.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalCodeSequence[0].CodeValue == "35321007"
    assert len(files) * float(ds.SliceThickness) == pytest.approx(900.0)


@pytest.mark.parametrize("wrong", [{"mr_spacing_mm": 9.0}, {"pet_spacing_mm": (0.1, 2, 2)}, {"psf_fwhm_mm": 1.0}, {"noise": -1.0}])
def test_options_that_cannot_be_simulated_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mr_spacing_mm|pet_spacing_mm|noise"):
        replace(SimulationOptions(), **wrong)


def test_a_dynamic_scan_has_short_frames_from_the_injection(tmp_path: Path) -> None:
    options = replace(TINY, tracer=SimulatedTracer.PK11195, protocol=Protocol.DYNAMIC, pet_spacing_mm=(6.0, 6.0, 6.0), with_flair=False)
    exam = write_exam(tmp_path / "dynamic", options)
    truth = json.loads(exam.truth_file.read_text())
    assert (truth["frame_start_s"][0], truth["frame_start_s"][-1] + truth["frame_duration_s"][-1]) == (0.0, 3600.0)
    assert truth["motion"]["late_window_frames"] == [21, 22, 23, 24]
    pet = read(exam.folder / "dicom" / "PET")
    assert pet.values.shape[0] == 25
    head = pet.values.mean(axis=(1, 2, 3))
    assert head[0] < 0.05 * head.max()
    assert 2 <= head.argmax() < 18
