"""Spatial registrations and key object selection: matrices in the right direction, images named so that the right ones move."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import MR_CLASS, T1_FROM_FLAIR, T1_FROM_PET, Phantom, Plan, make_phantom, rigid
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from benchmarks.conformance import complaints
from node.domain.exam import Instance
from node.domain.history import History, Visit
from node.domain.transform import Transform
from node.domain.volume import Array
from node.encode import Encoded, Kind
from node.encode.key_objects import encode_key_objects
from node.encode.registration import BY_CONTENT, encode_registrations, item_of
from node.encode.summary import encode_summary


@pytest.fixture
def phantom(tmp_path: Path) -> Phantom:
    """PET and MR in two studies and two frames of reference; T1 and FLAIR share theirs."""
    return make_phantom(tmp_path)


def read(encoded: tuple[Encoded, ...]) -> list[Dataset]:
    return [dcmread(item.path) for item in encoded]


def matrix_of(item: Dataset) -> Array:
    """(4, 4) of one item of Registration Sequence, row by row as PS3.3 C.20.2.1.1 has it."""
    (registration,) = item.MatrixRegistrationSequence
    (matrix,) = registration.MatrixSequence
    assert matrix.FrameOfReferenceTransformationMatrixType == "RIGID"
    return np.array(matrix.FrameOfReferenceTransformationMatrix, dtype=float).reshape(4, 4)


def named(item: Dataset) -> set[str]:
    return {image.ReferencedSOPInstanceUID for image in item.ReferencedImageSequence}


def test_the_matrix_takes_a_point_of_the_pet_to_its_place_in_the_t1(phantom: Phantom) -> None:
    pet, flair = read(encode_registrations(phantom.material()))

    # The middle of the raised ball: the phantom puts it at (20, 20, 20) of the T1, and finds it in the PET's own voxels.
    raised = phantom.result.raised
    where = np.append(np.argwhere(raised.array).mean(0), 1.0)
    in_t1 = matrix_of(pet.RegistrationSequence[1]) @ raised.affine @ where
    assert np.allclose(in_t1[:3], (20, 20, 20), atol=0.5 * raised.spacing_mm.max())
    assert np.allclose(matrix_of(pet.RegistrationSequence[1]), T1_FROM_PET.matrix, atol=1e-12)
    assert np.allclose(matrix_of(flair.RegistrationSequence[1]), T1_FROM_FLAIR.matrix, atol=1e-12)


def test_a_point_by_hand() -> None:
    item = item_of((), rigid(90, 2, (1, 2, 3)), BY_CONTENT)  # x goes to y, then the shift

    assert np.allclose(matrix_of(item) @ [10, 0, 0, 1], [1, 12, 3, 1], atol=1e-12)


def test_a_reader_that_multiplies_all_matrices_of_an_object_moves_the_same(phantom: Phantom) -> None:
    # 3D Slicer (SlicerRT) does so: one object may hold one matrix beside the identity.
    for d, expected in zip(read(encode_registrations(phantom.material())), (T1_FROM_PET, T1_FROM_FLAIR), strict=True):
        fixed, moving = (matrix_of(item) for item in d.RegistrationSequence)
        assert np.array_equal(fixed, np.eye(4))
        assert np.allclose(fixed @ moving, expected.matrix, atol=1e-12)


def test_each_item_names_its_images_and_the_object_is_in_the_frame_of_the_t1(phantom: Phantom) -> None:
    exam = phantom.exam
    assert exam.flair is not None
    for d, source in zip(read(encode_registrations(phantom.material())), (exam.pet.source, exam.flair.source), strict=True):
        assert d.FrameOfReferenceUID == exam.t1.volume.frame_of_reference_uid
        assert [named(item) for item in d.RegistrationSequence] == [
            {i.sop_instance_uid for i in exam.t1.source.instances},
            {i.sop_instance_uid for i in source.instances},
        ]


def test_frames_of_reference_are_named_where_they_differ_and_only_there(phantom: Phantom) -> None:
    pet, flair = read(encode_registrations(phantom.material()))

    assert [item.get("FrameOfReferenceUID") for item in pet.RegistrationSequence] == ["1.2.9.1", "1.2.9.2"]
    assert [item.get("FrameOfReferenceUID") for item in flair.RegistrationSequence] == [None, None]


def test_a_pet_in_the_frame_of_the_mr_is_named_by_its_images_alone(phantom: Phantom) -> None:
    pet = replace(phantom.exam.pet, volume=replace(phantom.exam.pet.volume, frame_of_reference_uid="1.2.9.1"))
    material = replace(phantom.material(), exam=replace(phantom.exam, pet=pet))

    d = read(encode_registrations(material))[0]

    assert all("FrameOfReferenceUID" not in item for item in d.RegistrationSequence)
    assert named(d.RegistrationSequence[1]) == {i.sop_instance_uid for i in pet.source.instances}
    assert np.allclose(matrix_of(d.RegistrationSequence[1]), T1_FROM_PET.matrix, atol=1e-12)


def test_all_references_of_a_registration_are_listed_with_their_series(phantom: Phantom) -> None:
    d = read(encode_registrations(phantom.material()))[0]

    (other,) = d.StudiesContainingOtherReferencedInstancesSequence
    series = [*d.ReferencedSeriesSequence, *other.ReferencedSeriesSequence]
    listed = {i.ReferencedSOPInstanceUID for item in series for i in item.ReferencedInstanceSequence}
    assert listed == set.union(*(named(item) for item in d.RegistrationSequence))
    assert other.StudyInstanceUID == phantom.exam.pet.source.study_uid


def test_without_flair_there_is_the_registration_of_the_pet_alone(tmp_path: Path) -> None:
    encoded = encode_registrations(make_phantom(tmp_path, Plan(flair=False)).material())

    assert [d.SeriesDescription for d in read(encoded)] == ["RESEARCH Registration PET to T1"]


EARLIER_T1 = rigid(4, 1, (2, -5, 3))


def visited(phantom: Phantom, *visits: Visit) -> list[Dataset]:
    """The registrations of an exam with earlier visits, those of the visits alone."""
    return read(encode_registrations(replace(phantom.material(), history=History(visits))))[2:]


def visit(phantom: Phantom, number: int, tmp_path: Path, *, kept: bool = True) -> Visit:
    """An earlier visit whose T1 is one file in a study of its own."""
    image = dcmread(tmp_path / phantom.exam.t1.source.instances[0].path)
    study, series, uid = f"1.2.50.{number}", f"1.2.51.{number}", f"1.2.52.{number}"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID = study, series, uid
    image.FrameOfReferenceUID = f"1.2.53.{number}"
    if kept:
        image.save_as(tmp_path / f"{uid}.dcm")
    source = replace(phantom.exam.t1.source, study_uid=study, series_uid=series, instances=(Instance(uid, MR_CLASS, f"{uid}.dcm", ""),))
    when = datetime.fromisoformat(f"2020-01-{number:02d} 09:00:00")
    return Visit(f"E-00{number:04d}", when, study, "DPA-714", "SUVR", (), (), t1=source, t1_from_t1=EARLIER_T1)


def test_the_t1_of_an_earlier_visit_is_laid_on_the_t1(phantom: Phantom, tmp_path: Path) -> None:
    (d,) = visited(phantom, visit(phantom, 3, tmp_path))

    fixed, moving = d.RegistrationSequence
    assert d.SeriesDescription == "RESEARCH Registration T1 2020-01-03 E-000003 to T1"
    assert np.allclose(matrix_of(moving), EARLIER_T1.matrix, atol=1e-12)
    assert (named(moving), moving.FrameOfReferenceUID, fixed.FrameOfReferenceUID) == ({"1.2.52.3"}, "1.2.53.3", "1.2.9.1")
    assert d.StudyInstanceUID == phantom.exam.t1.source.study_uid
    (other,) = d.StudiesContainingOtherReferencedInstancesSequence
    assert other.StudyInstanceUID == "1.2.50.3"


def test_an_earlier_t1_whose_files_are_gone_is_named_by_its_images(phantom: Phantom, tmp_path: Path) -> None:
    (d,) = visited(phantom, visit(phantom, 3, tmp_path, kept=False))

    assert named(d.RegistrationSequence[1]) == {"1.2.52.3"}
    assert all("FrameOfReferenceUID" not in item for item in d.RegistrationSequence)


def test_the_latest_visits_come_first_and_none_takes_the_numbers_of_another_version(phantom: Phantom, tmp_path: Path) -> None:
    found = visited(phantom, *(visit(phantom, number, tmp_path) for number in range(1, 12)))

    assert [d.SeriesDescription.split()[4] for d in found] == [f"E-{number:06d}" for number in range(11, 3, -1)]
    assert [int(d.SeriesNumber) for d in found] == list(range(9203, 9211))


def test_a_visit_that_was_not_aligned_has_no_registration(phantom: Phantom, tmp_path: Path) -> None:
    assert visited(phantom, replace(visit(phantom, 3, tmp_path), t1_from_t1=None)) == []


@pytest.mark.peer("dciodvfy", "dcentvfy")
def test_judges_find_no_fault_with_the_registration_of_a_visit(phantom: Phantom, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    history = History((visit(phantom, 3, tmp_path),))

    written = encode_registrations(phantom.material(folder=folder, history=history))

    assert complaints([item.path for item in written], sorted(tmp_path.glob("*.dcm"))) == []


def test_frames_that_moved_are_told(phantom: Phantom) -> None:
    moved = replace(phantom.alignment, pet_from_frame=(Transform.identity(), rigid(1, 0, (1, 0, 0))))

    d = read(encode_registrations(replace(phantom.material(), alignment=moved)))[0]

    assert d.ContentDescription == "PET (pose of frames not moved) to T1"


@given(st.floats(-180, 180), st.integers(0, 2), st.tuples(*[st.floats(-900, 900)] * 3))
def test_a_matrix_survives_its_decimal_strings(degrees: float, axis: int, shift: tuple[float, float, float]) -> None:
    transform = rigid(degrees, axis, shift)

    matrix = matrix_of(item_of((), transform, BY_CONTENT))

    assert np.abs(matrix - transform.matrix).max() < 1e-9
    assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)


def test_the_key_objects_are_the_pages_in_the_study_of_the_pet(phantom: Phantom) -> None:
    material = phantom.material()
    written = (*encode_summary(material), *encode_registrations(material))

    (d,) = read(encode_key_objects(material, written))

    pages = [item.sop_instance_uid for item in written if item.kind is Kind.SUMMARY]
    images = [item for item in d.ContentSequence if item.ValueType == "IMAGE"]
    assert [image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for image in images] == pages
    (study,) = d.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence] == pages
    assert study.StudyInstanceUID == d.StudyInstanceUID == phantom.exam.pet.source.study_uid
    assert series.SeriesInstanceUID == written[0].series_uid
    assert d.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert (d.Modality, d.SeriesNumber) == ("KO", 9605)


def test_without_a_page_there_are_no_key_objects(phantom: Phantom) -> None:
    material = phantom.material()

    assert encode_key_objects(material, encode_registrations(material)) == ()
