"""Rims: as wide as they are called on any grid, white matter alone, each voxel the nearest lesion's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.domain import codes
from node.domain.result import LesionOrigin, Region, Segmentation, Tissue
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.quantify.contrast import NawmScale
from node.quantify.lesion_fractions import lesion_fractions
from node.quantify.lesions import measure_lesions
from node.quantify.project import SAMPLES, Projection, project
from node.quantify.rims import refined, rims
from node.quantify.surroundings import BACKGROUND, CORE, CSF, GRAY, OTHERS, RIM, surroundings


def made(labels: Array, spacing: tuple[float, float, float], tissue: Array | None = None) -> Segmentation:
    affine = np.array([[0, 0, spacing[2], 0], [0, spacing[1], 0, 0], [spacing[0], 0, 0, 0], [0, 0, 0, 1.0]])
    volume = Volume(labels.astype(np.int32), affine)
    white = np.full(labels.shape, Tissue.WHITE_MATTER.value, np.uint8) if tissue is None else tissue
    brain = Region("brain", codes.BRAIN, volume.like(np.ones(labels.shape, bool)))
    return Segmentation(volume.like(white), (brain,), volume, LesionOrigin.FOUND, ())


def sphere(radius_mm: float, spacing: tuple[float, float, float], extent_mm: float = 36.0) -> Array:
    shape = [round(extent_mm / step) for step in spacing]
    offset = (np.indices(shape) - (np.array(shape) - 1)[:, None, None, None] / 2) * np.array(spacing)[:, None, None, None]
    return np.asarray(np.sqrt((offset**2).sum(axis=0)) < radius_mm).astype(int)


def onto_pet(segmentation: Segmentation) -> Projection:
    return project(segmentation.region("brain").mask, segmentation.lesions, Transform.identity())


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0000012, 1.0000012, 1.0000012), (0.8, 0.8, 0.8), (1.0, 3.0, 1.0)])
def test_a_rim_is_as_wide_on_unequal_voxels_as_on_equal_ones(spacing: tuple[float, float, float]) -> None:
    segmentation = made(sphere(6.0, spacing), spacing)
    fine, _ = refined(segmentation, onto_pet(segmentation))
    found_mm3 = float((rims(segmentation, fine) > 0).sum()) * fine.lesions.voxel_ml * 1000
    assert found_mm3 == pytest.approx(4 / 3 * np.pi * (8.0**3 - 6.0**3), rel=0.1)


def test_the_fine_grid_holds_the_same_masks_at_the_same_places() -> None:
    segmentation = made(sphere(5.0, (3.0, 1.0, 2.0)), (3.0, 1.0, 2.0))
    way = onto_pet(segmentation)
    fine, fine_way = refined(segmentation, way)
    assert fine.lesions.array.sum() * fine.lesions.voxel_ml == pytest.approx(
        segmentation.lesions.array.sum() * segmentation.lesions.voxel_ml
    )
    assert fine.lesions.centre_mm() == pytest.approx(segmentation.lesions.centre_mm())
    ours = lesion_fractions(fine.lesions.array, np.zeros_like(fine.lesions.array), fine_way)
    theirs = lesion_fractions(segmentation.lesions.array, np.zeros_like(segmentation.lesions.array), way)
    assert ours.fraction.sum() == pytest.approx(theirs.fraction.sum())


def test_a_rim_is_white_matter_alone_and_the_nearest_lesions() -> None:
    labels = np.zeros((20, 20, 30), int)
    labels[8:12, 8:12, 8:12], labels[8:12, 8:12, 14:18] = 1, 2
    tissue = np.full(labels.shape, Tissue.WHITE_MATTER.value, np.uint8)
    tissue[:, :7] = Tissue.GRAY_MATTER.value
    tissue[:, 13:] = Tissue.CSF.value
    segmentation = made(labels, (1.0, 1.0, 1.0), tissue)
    found = rims(segmentation, segmentation)
    assert not found[(tissue != Tissue.WHITE_MATTER.value) | (labels > 0)].any()
    assert (found[8:12, 8:12, 12] == 1).all()
    assert (found[8:12, 8:12, 13] == 2).all()


def test_every_voxel_around_a_lesion_has_one_class() -> None:
    labels = np.zeros((40, 40, 40), int)
    labels[16:22, 16:22, 16:22], labels[16:20, 16:20, 26:30] = 1, 2
    tissue = np.full(labels.shape, Tissue.WHITE_MATTER.value, np.uint8)
    tissue[:10], tissue[30:] = Tissue.GRAY_MATTER.value, Tissue.CSF.value
    segmentation = made(labels, (1.0, 1.0, 1.0), tissue)
    around = surroundings(segmentation, rims(segmentation, segmentation), 1, (slice(16, 22),) * 3)
    classes = around.classes()
    assert set(np.unique(classes)) == {BACKGROUND, CORE, RIM, CSF, GRAY, OTHERS, OTHERS + 1}
    assert (classes == CORE).sum() == 216
    assert ((classes == RIM) == (rims(segmentation, segmentation) == 1)).all()


def test_a_border_moved_outwards_takes_the_rim_along() -> None:
    segmentation = made(sphere(6.0, (1.0, 1.0, 1.0), 44.0), (1.0, 1.0, 1.0))
    around = surroundings(segmentation, rims(segmentation, segmentation), 1, tuple(slice(16, 28) for _ in range(3)))
    for moved in (-1.0, 0.0, 1.0):
        classes = around.classes(moved)
        radius = (3 * (classes == CORE).sum() / 4 / np.pi) ** (1 / 3)
        outer = (3 * ((classes == CORE) | (classes == RIM)).sum() / 4 / np.pi) ** (1 / 3)
        assert radius == pytest.approx(6.0 + moved, abs=0.35)  # a voxel is 1 mm
        assert outer - radius == pytest.approx(2.0, abs=0.6)


def test_fractions_of_lesions_agree_with_the_projections_own() -> None:
    labels = sphere(5.0, (1.0, 1.0, 1.0))
    segmentation = made(labels, (1.0, 1.0, 1.0))
    affine = np.array([[0, 0, 2.5, -4.3], [0, 2.5, 0, -3.1], [2.2, 0, 0, -2.7], [0, 0, 0, 1.0]])
    pet = Volume(np.zeros((18, 17, 17), np.float32), affine)
    way = project(segmentation.region("brain").mask, pet, Transform.identity())
    found = lesion_fractions(labels, rims(segmentation, segmentation), way)
    mask = way.fractions({"lesion": labels > 0})["lesion"]
    core = np.zeros(way.grid.shape)
    core.ravel()[found.voxel[found.label == 1]] = found.fraction[found.label == 1]
    assert core == pytest.approx(mask, abs=0.5 / SAMPLES**3)
    values = np.random.default_rng(1).random(way.grid.shape)
    assert found.core(1, values) == pytest.approx(float((values * mask).sum() / mask.sum()), rel=1e-5)
    assert found.core(9, values) is None


def test_a_lesions_number_changes_none_of_its_values() -> None:
    """Numbers are kept over exams: they have gaps and are in no order."""
    labels = np.zeros((40, 40, 40), dtype=np.int32)
    labels[8:13, 8:13, 8:13], labels[24:30, 24:30, 24:30] = 1, 2
    grid = made(labels, (1.0, 1.0, 1.0))
    values = np.random.default_rng(3).uniform(1.0, 2.0, labels.shape)
    scale = NawmScale(1.2, 0.1, 1.0, 100)
    plain, kept = (
        measure_lesions(made(one, (1.0, 1.0, 1.0)), values, onto_pet(grid), scale, exam="E", tracking=names)
        for one, names in ((labels, None), (np.array([0, 41, 3], dtype=np.int32)[labels], {3: "2.25.3"}))
    )
    assert [lesion.number for lesion in kept] == [3, 41]
    assert kept[1] == replace(plain[0], number=41)
    assert kept[0] == replace(plain[1], number=3, tracking_uid="2.25.3")
