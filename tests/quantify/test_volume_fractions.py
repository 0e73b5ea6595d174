"""Volume fractions: exact where a mask fills a voxel, right on average where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from node.domain.transform import Transform
from node.domain.volume import Volume
from node.imaging import fractions
from node.quantify.project import project, weighted_mean
from node.quantify.trim import trim
from tests.quantify.phantom import segmentation


def test_fractions_keep_a_masks_volume_and_agree_with_imaging() -> None:
    brain = segmentation().region("brain").mask
    affine = np.array([[0, 0, 2.5, -50.0], [0, 2.3, 0, -46.0], [2.7, 0, 0, -33.0], [0, 0, 0, 1]])
    pet = Volume(np.zeros((40, 44, 42), np.float32), affine)
    angle = np.deg2rad(11.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0, 2.0], [np.sin(angle), np.cos(angle), 0, -1.0], [0, 0, 1, 3.0], [0, 0, 0, 1]])
    way = project(brain, pet, Transform(turn))
    mask = segmentation().region("thalamus").mask

    found = way.fractions({"a": brain.array, "thalamus": mask.array})["thalamus"]

    whole_brain = way.fractions({"brain": brain.array})["brain"]
    assert whole_brain.sum() * way.grid.voxel_ml == pytest.approx(brain.array.sum() * brain.voxel_ml, rel=0.005)
    assert np.array_equal(found, fractions(mask, way.grid, Transform(turn)).array)
    whole = way.uncut(found, pet)
    assert whole.shape == pet.shape
    assert np.array_equal(way.cut(pet.like(whole)), found)


def test_a_weighted_mean_is_that_of_the_fractions() -> None:
    assert weighted_mean(np.array([[[1.0, 3.0]]]), np.array([[[0.5, 0.25]]])) == pytest.approx((0.5 + 0.75) / 0.75)
    assert np.isnan(weighted_mean(np.ones((1, 1, 1)), np.zeros((1, 1, 1))))


def test_trimming_moves_nothing_in_the_patient() -> None:
    whole = segmentation()
    small, brain = trim(whole, whole.region("brain").mask)
    for region in ("thalamus", "brain"):
        before, after = whole.region(region).mask, small.region(region).mask
        points = [volume.affine @ np.append(np.argwhere(volume.array).mean(axis=0), 1) for volume in (before, after)]
        assert np.allclose(points[0], points[1])
        assert before.array.sum() == after.array.sum()
    assert brain.array.size < whole.tissue.array.size
