"""The judges themselves: they find what is wrong, and nothing where all is well."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from pynetdicom import AE

from benchmarks import conformance, lesion_truth, truth
from benchmarks.pacs import CountingPacs
from benchmarks.peers import PACKAGES, free_port, send
from node.domain.volume import Volume
from tests.acceptance.phantoms import grid, secondary_capture, small_truth


def test_a_perfect_answer_has_no_error() -> None:
    known = small_truth()
    mask = known.labels.like(known.parenchyma())

    assert truth.brain(known, mask)["parenchyma_inside_percent"] == 100.0
    assert truth.brain(known, mask)["mask_on_other_tissue_percent"] == 0.0
    assert truth.pet_to_t1_mm(known, np.linalg.inv(known.pet_from_t1), known.pet_from_t1)["max"] < 1e-9
    judged = lesion_truth.lesions(known, known.lesions)
    assert judged.items() >= {"found": 2, "true": 2, "hit": 2, "false": 0, "dice": 1.0}.items()


def test_a_registration_that_is_two_millimetres_off_misses_by_two_millimetres() -> None:
    known = small_truth()
    shift = np.eye(4)
    shift[:3, 3] = (0.0, 1.2, 1.6)

    miss = truth.pet_to_t1_mm(known, shift @ np.linalg.inv(known.pet_from_t1), known.pet_from_t1)

    assert miss["mean"] == pytest.approx(2.0)
    assert miss["max"] == pytest.approx(2.0)


def test_a_brain_mask_on_the_scalp_is_seen() -> None:
    known = small_truth()
    parenchyma, scalp = known.parenchyma(), known.where("soft")

    judged = truth.brain(known, known.labels.like(scalp))

    assert judged["parenchyma_inside_percent"] == 0.0
    assert judged["mask_on_other_tissue_percent"] == 100.0
    both = truth.brain(known, known.labels.like(scalp | parenchyma))
    assert both["mask_on_other_tissue_percent"] == pytest.approx(100.0 * scalp.sum() / (scalp.sum() + parenchyma.sum()))


def test_the_mean_over_a_mask_is_weighted_with_volume_fractions() -> None:
    """A mask from −0.5 to 3.5 mm: 1.5 mm of it lie in a PET voxel of 1, 2 mm in one of 2, 0.5 mm in one of 3."""
    pet = np.broadcast_to(np.array([1.0, 2.0, 3.0]), (3, 3, 3))
    mask = Volume(np.ones((1, 1, 4), dtype=bool), grid(1.0))

    assert truth.own_mask_mean(Volume(pet, grid(2.0)), mask, np.eye(4)) == pytest.approx((1.5 * 1.0 + 2.0 * 2.0 + 0.5 * 3.0) / 4.0)


def test_a_found_lesion_is_false_unless_it_touches_a_true_or_an_uncertain_one() -> None:
    known = small_truth()
    labels = np.zeros(known.labels.shape, dtype=np.int32)
    first = np.argwhere(known.lesions.array == 1)[0]
    labels[tuple(first)] = 1
    labels[np.unravel_index(np.flatnonzero(known.uncertain.array)[0], labels.shape)] = 2
    labels[0, 0, 0] = 3

    judged = lesion_truth.lesions(known, known.labels.like(labels))

    assert (judged["found"], judged["true"], judged["hit"], judged["false"]) == (3, 2, 1, 1)


def test_masks_on_another_grid_overlap_by_volume() -> None:
    """A mask of half the voxel size over the whole of lesion 2 and as much beside it."""
    known = small_truth()
    fine = np.repeat(np.repeat(np.repeat(known.lesions.array == 2, 2, axis=0), 2, axis=1), 2, axis=2)
    affine = known.labels.affine @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]])
    beside = np.roll(fine, 2, axis=2)
    true_ml, one_ml = float((known.lesions.array > 0).sum()), float((known.lesions.array == 2).sum())

    alone = lesion_truth.overlap(known, [Volume(fine, affine)], np.eye(4))
    both = lesion_truth.overlap(known, [Volume(fine | beside, affine)], np.eye(4))

    assert alone == pytest.approx(2 * one_ml / (one_ml + true_ml))
    assert both == pytest.approx(2 * one_ml / (2 * one_ml + true_ml))


@pytest.mark.peer("dciodvfy", "dcentvfy")
def test_dicom3tools_complain_about_an_object_that_contradicts_its_study(tmp_path: Path) -> None:
    good, other = tmp_path / "good.dcm", tmp_path / "other.dcm"
    dataset = secondary_capture()
    dataset.save_as(good, enforce_file_format=True)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.PatientName = "Other^One"
    del dataset.Rows
    dataset.save_as(other, enforce_file_format=True)

    assert any("PatientName" in line for line in conformance.entity_errors([other], [good]))
    assert conformance.entity_errors([good], []) == []
    assert any("Rows" in line for line in conformance.iod_errors(other))


@pytest.mark.peer("storescu")
def test_the_counting_pacs_sees_what_comes_twice_and_what_comes_changed(tmp_path: Path) -> None:
    file = tmp_path / "a.dcm"
    dataset = secondary_capture()
    dataset.save_as(file, enforce_file_format=True)
    with CountingPacs(free_port()) as pacs:
        send([file], pacs.port, called=pacs.ae_title)
        once = pacs.complaints()
        send([file], pacs.port, called=pacs.ae_title)
        dataset.StudyDescription = "changed"
        dataset.save_as(file, enforce_file_format=True)
        send([file], pacs.port, called=pacs.ae_title)

        assert once == []
        assert len(pacs.complaints()) == 2


@pytest.mark.peer("storescu")
def test_sending_says_when_a_file_was_not_answered_with_success(tmp_path: Path) -> None:
    file = tmp_path / "a.dcm"
    secondary_capture().save_as(file, enforce_file_format=True)
    with CountingPacs(free_port(), answer=lambda number, uid: 0xA700) as pacs, pytest.raises(RuntimeError, match="storescu ended"):
        send([file], pacs.port, called=pacs.ae_title)


def test_the_counting_pacs_answers_an_echo_and_refuses_an_unknown_kind() -> None:
    with CountingPacs(free_port()) as pacs:
        ae = AE("TEST")
        ae.add_requested_context("1.2.840.10008.1.1")
        ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        ae.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
        association = ae.associate("127.0.0.1", pacs.port, ae_title=pacs.ae_title)

        assert association.send_c_echo().Status == 0x0000
        association.release()


def test_every_program_that_a_test_may_ask_for_says_where_it_comes_from() -> None:
    assert all(package.split()[1] == "package" for package in PACKAGES.values())


@pytest.mark.peer("dcmdump")
def test_a_peer_is_taken_from_its_package_and_not_from_beside_python() -> None:
    found = subprocess.run([conformance.command("dcmdump"), "--version"], text=True, capture_output=True, check=True)

    assert "dcmtk" in found.stdout
