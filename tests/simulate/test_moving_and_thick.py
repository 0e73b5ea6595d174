"""A head that moves in the scanner, and thick slices: the truth says where each frame lies, and the images lie there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy import ndimage

from node.simulate.exam import write_exam
from node.simulate.options import Nod, SimulatedExam, SimulatedTracer, SimulationOptions, dynamic_options, small_options

TURN = Nod(4800.0, (6.0, 0.0, -4.0), (2.0, 5.0, -3.0))
MOVING = replace(
    small_options(6),
    mr_spacing_mm=3.0,
    pet_spacing_mm=(5.0, 4.0, 4.0),
    psf_fwhm_mm=6.5,
    noise=0.0,
    t1_slice_mm=5.0,
    flair_slice_mm=4.0,
    nods=(TURN,),
)


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> SimulatedExam:
    return write_exam(tmp_path_factory.mktemp("exam") / "moving", MOVING)


@pytest.fixture(scope="module")
def truth(exam: SimulatedExam) -> dict[str, Any]:
    return json.loads(exam.truth_file.read_text())


def headers(exam: SimulatedExam, series: str) -> list[pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in sorted((exam.folder / "dicom" / series).iterdir())]
    return sorted(found, key=lambda ds: (ds.AcquisitionTime, ds.InstanceNumber))


def affine_of(slices: list[pydicom.Dataset]) -> np.ndarray:
    """Index (slice, row, column) → LPS mm, from the headers of one stack."""
    first, second = (np.array(ds.ImagePositionPatient, dtype=float) for ds in slices[:2])
    row_axis, column_axis = np.array(slices[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    rows, columns = (float(x) for x in slices[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2], affine[:3, 3] = second - first, column_axis * rows, row_axis * columns, first
    return affine


def at(values: np.ndarray, affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    index = np.linalg.inv(affine) @ np.c_[points, np.ones(len(points))].T
    return ndimage.map_coordinates(values.astype(float), index[:3], order=1)


def label_points(exam: SimulatedExam, value: int) -> np.ndarray:
    """(n, 3) LPS mm of the voxels of a tissue, away from lesions."""
    image, zone = (sitk.ReadImage(str(exam.folder / "truth" / f"{name}.nii.gz")) for name in ("tissue", "lesion_zone"))
    inside = (sitk.GetArrayFromImage(image) == value) & (sitk.GetArrayFromImage(zone) == 0)
    index = np.argwhere(inside)[:, ::-1]
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    return index @ axes.T + image.GetOrigin()


def test_before_the_nod_the_head_lies_in_its_pose_and_after_it_elsewhere() -> None:
    pose = MOVING.pose

    assert MOVING.pose_at(4799.0) == pose
    assert MOVING.pose_at(4800.0).shift_mm == (pose.shift_mm[0] + 2.0, pose.shift_mm[1] + 5.0, pose.shift_mm[2] - 3.0)
    assert MOVING.pose_at(9999.0).rotation_deg == (pose.rotation_deg[0] + 6.0, pose.rotation_deg[1], pose.rotation_deg[2] - 4.0)


def test_each_frame_lies_where_the_truth_says(exam: SimulatedExam, truth: dict[str, Any]) -> None:
    """The grey matter of each frame, sampled at the frame's own pose, is alike; at another frame's pose it is not."""
    pet = headers(exam, "PET")
    slices = pet[0].NumberOfSlices
    frames = [pet[k * slices : (k + 1) * slices] for k in range(len(pet) // slices)]
    poses = np.array(truth["motion"]["per_frame_pet_from_mr"])
    points = label_points(exam, truth["label_values"]["cortex"])

    def cortex(frame: int, pose: np.ndarray) -> float:
        values = np.stack([ds.pixel_array * float(ds.RescaleSlope) for ds in frames[frame]])
        return float(at(values, affine_of(frames[frame]), points @ pose[:3, :3].T + pose[:3, 3]).mean() / values.mean())

    first, last = cortex(0, poses[0]), cortex(5, poses[5])

    assert last == pytest.approx(first, rel=0.01)
    assert cortex(5, poses[0]) < 0.97 * last
    assert np.abs(poses[3] - poses[4]).max() > 1.0


def test_the_truth_is_in_the_mean_pose_of_the_late_window(truth: dict[str, Any]) -> None:
    """Four frames of six before the nod, two after it, of equal length."""
    motion = truth["motion"]

    assert motion["late_window_mean_pose"] == pytest.approx([2.0, 0.0, -4.0 / 3.0, 2.0 / 3.0, 5.0 / 3.0, -1.0])
    assert motion["per_frame_rx_ry_rz_deg_tx_ty_tz_mm"][0] == pytest.approx([0.0] * 6)
    assert motion["per_frame_rx_ry_rz_deg_tx_ty_tz_mm"][5] == pytest.approx([6.0, 0.0, -4.0, 2.0, 5.0, -3.0])


def test_thick_slices_say_so_and_lie_over_the_labels(exam: SimulatedExam, truth: dict[str, Any]) -> None:
    t1, flair = headers(exam, "MR_T1"), headers(exam, "MR_FLAIR")

    assert (t1[0].MRAcquisitionType, float(t1[0].SliceThickness), float(t1[0].SpacingBetweenSlices)) == ("2D", 5.0, 5.0)
    assert (flair[0].MRAcquisitionType, float(flair[0].SliceThickness)) == ("2D", 4.0)
    assert t1[0].FrameOfReferenceUID == flair[0].FrameOfReferenceUID
    assert (truth["dicom"]["t1"]["n_files"], truth["dicom"]["flair"]["n_files"]) == (len(t1), len(flair))
    values = np.stack([ds.pixel_array for ds in t1])
    means = [at(values, affine_of(t1), label_points(exam, truth["label_values"][name])).mean() for name in ("csf", "cortex", "nawm")]
    assert means[0] < 0.8 * means[1] < 0.7 * means[2]


def test_further_lesions_are_of_every_kind(exam: SimulatedExam) -> None:
    from node.simulate.lesions import LesionKind, _plan
    from node.simulate.options import random_stream

    plan = _plan(random_stream(1, "lesions"), 60)

    assert {kind for kind, _, _ in plan[9:]} == set(LesionKind)
    assert all(radius >= 4.0 for kind, _, radius in plan[9:] if kind is LesionKind.RIM_ACTIVE)


def test_a_small_dynamic_exam_nods_between_frames() -> None:
    from node.simulate.kinetics import TRACERS, frame_timing

    options = dynamic_options()
    starts = frame_timing(TRACERS[options.tracer], options.protocol).start_s

    assert all(nod.at_s in starts for nod in options.nods)


def test_a_tracer_without_a_code_is_named_in_free_text_alone(tmp_path: Path) -> None:
    options = replace(MOVING, tracer=SimulatedTracer.PBR28, pet_spacing_mm=(6.0, 6.0, 6.0), with_flair=False, nods=())

    (item,) = headers(write_exam(tmp_path / "pbr28", options), "PET")[0].RadiopharmaceuticalInformationSequence

    assert item.Radiopharmaceutical == "[11C]PBR28"
    assert "RadiopharmaceuticalCodeSequence" not in item
    assert item.RadionuclideCodeSequence[0].CodeMeaning == "^11^Carbon"


def test_slices_thinner_than_voxels_are_refused() -> None:
    with pytest.raises(ValueError, match="t1_slice_mm"):
        SimulationOptions(t1_slice_mm=0.5)
