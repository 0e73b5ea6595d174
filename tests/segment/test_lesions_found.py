"""Belief and the lesions grown from it, on heads whose labels are known, and by hand where a hand can count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from node.domain.volume import Volume
from node.errors import DataError
from node.segment import segment
from node.segment.belief import believe, flatten
from node.segment.lesions import keep_lesions, number_lesions
from node.segment.local import local_mean
from node.segment.place import find_place
from node.segment.tissue import classify, classify_filled
from node.segment.window import around
from tests.segment.known_head import Head, make_head

SPACING = np.array([3.0, 1.0, 1.5])


def grid(array: np.ndarray, step_mm: float = 1.0) -> Volume:
    return Volume(array, np.diag([step_mm, step_mm, step_mm, 1.0]), "1")


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def found(head: Head, flair: np.ndarray) -> np.ndarray:
    """(S, R, C) int32 what is found when the head has this FLAIR."""
    assert head.exam.flair is not None
    series = replace(head.exam.flair, volume=head.exam.flair.volume.like(flair.astype(np.float32)))
    return segment(replace(head.exam, flair=series), head.alignment, head.template, seed=1).lesions.array


def painted(head: Head, lesions: np.ndarray, *, cortex: np.ndarray | float = 500.0, noise: float = 20.0) -> np.ndarray:
    """A FLAIR: fluid 60, cortex as asked, white matter 420, lesions 800."""
    image = np.array([0.0, 60.0, 0.0, 420.0])[head.labels]
    image = np.where(head.labels == 2, cortex, image)
    image[lesions] = 800.0
    return np.maximum(image + np.random.default_rng(11).normal(0.0, noise, image.shape) * (head.labels > 0), 0.0)


@pytest.fixture(scope="module")
def head() -> Head:
    return make_head()


@pytest.fixture(scope="module")
def centres(head: Head) -> np.ndarray:
    """(S, R, C, 3) LPS mm."""
    affine = head.alignment.t1.affine
    return np.asarray(np.moveaxis(np.indices(head.labels.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3])


def test_the_mean_of_a_constant_is_that_constant_wherever_the_weights_are() -> None:
    weights = np.zeros((9, 21, 17))
    weights[2:4, 5:9, 3:5] = 1.0
    np.testing.assert_allclose(local_mean(np.full(weights.shape, 7.0), weights, SPACING, sigma_mm=12.0, trust=0.1), 7.0, rtol=1e-5)


def test_the_local_mean_is_that_of_a_gaussian_on_the_fine_grid() -> None:
    random = np.random.default_rng(5)
    smooth = ndimage.gaussian_filter(random.normal(size=(14, 48, 40)), 9.0 / SPACING) * 50.0
    weights = (random.uniform(size=smooth.shape) < 0.6).astype(np.float32)
    sigma = 16.0 / SPACING
    direct = ndimage.gaussian_filter(weights * smooth, sigma) / ndimage.gaussian_filter(weights, sigma)
    coarse = local_mean(smooth, weights, SPACING, sigma_mm=16.0, trust=0.0)
    assert np.abs(coarse - direct).max() < 0.06 * np.ptp(smooth)
    assert np.corrcoef(coarse.ravel(), direct.ravel())[0, 1] > 0.99


def test_belief_is_what_a_hand_counts() -> None:
    flair = np.full((8, 8, 8), 100.0, dtype=np.float32)
    white, cortex = np.zeros(flair.shape, dtype=bool), np.zeros(flair.shape, dtype=bool)
    white[:4], cortex[4:7] = True, True
    # Cortex of 110 and 130 in equal numbers: mean 1.2 and deviation 0.1 of white matter; the last slice is a lesion of 150.
    flair[4:7] = np.where(np.indices((3, 8, 8)).sum(axis=0) % 2, 110.0, 130.0)
    flair[7] = 150.0
    belief = believe(grid(flair, 0.5), white, cortex)
    np.testing.assert_allclose(belief.value[7], 3.0, rtol=0.03)
    np.testing.assert_allclose(belief.white[7], -2.0, rtol=0.03)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(factor=st.floats(1e-2, 1e4), shading=st.floats(0.05, 0.6), axis=st.integers(0, 2))
def test_the_flattened_flair_knows_no_scale_and_little_of_a_shading(factor: float, shading: float, axis: int) -> None:
    shape = [1, 1, 1]
    shape[axis] = -1
    flair = np.random.default_rng(2).uniform(0.95, 1.05, (24, 26, 25)).astype(np.float32)
    ramp = np.exp(shading * np.linspace(-0.5, 0.5, flair.shape[axis], dtype=np.float32)).reshape(shape)
    white = np.ones(flair.shape, dtype=bool)
    plain, scaled, shaded = (flatten(grid(f.astype(np.float32), 6.0), white) for f in (flair, factor * flair, ramp * flair))
    np.testing.assert_allclose(scaled, plain, rtol=1e-3)
    assert np.std(shaded - plain) < 0.35 * np.std(ramp * flair - flair)


@pytest.mark.parametrize(("white", "cortex"), [(0.0, 100.0), (100.0, 90.0)])
def test_a_flair_without_signal_or_without_brighter_cortex_is_refused(white: float, cortex: float) -> None:
    flair = np.full((4, 4, 4), white, dtype=np.float32)
    where = np.zeros(flair.shape, dtype=bool)
    where[:2] = True
    flair[2:] = cortex
    with pytest.raises(DataError, match="FLAIR"):
        believe(grid(flair), where, ~where)


def test_a_head_without_lesions_has_none(head: Head) -> None:
    assert found(head, painted(head, np.zeros(head.labels.shape, dtype=bool))).max() == 0


def test_a_brightness_of_cortex_that_changes_over_the_brain_makes_no_lesion(head: Head, centres: np.ndarray) -> None:
    front_mm = -centres[..., 1]
    cortex = 500.0 + 160.0 / (1.0 + np.exp(-(front_mm - 20.0) / 8.0))
    drawn = found(head, painted(head, head.lesions > 0, cortex=cortex))
    assert dice(drawn > 0, head.lesions > 0) > 0.85
    assert drawn.max() == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_shaded_flair_shows_the_same_lesions(head: Head, axis: int) -> None:
    shape = [1, 1, 1]
    shape[axis] = -1
    ramp = np.linspace(0.8, 1.2, head.labels.shape[axis]).reshape(shape)
    plain = painted(head, head.lesions > 0)
    assert dice(found(head, plain * ramp) > 0, found(head, plain) > 0) > 0.9


def test_a_lesion_of_the_pons_is_found(head: Head, centres: np.ndarray) -> None:
    pons = np.linalg.norm(centres - (3.0, 24.0, -32.0), axis=-1) < 6.0
    assert (head.labels[pons] == 3).all()
    drawn = found(head, painted(head, pons))
    assert dice(drawn > 0, pons) > 0.7


@pytest.mark.parametrize("lesion", [700.0, 800.0, 1200.0])
def test_a_lesion_well_above_cortex_ends_in_the_same_place_however_bright_it_is(head: Head, lesion: float) -> None:
    blurred = ndimage.gaussian_filter((head.lesions == 1).astype(float), 1.0)
    flair = painted(head, np.zeros(head.labels.shape, dtype=bool), noise=8.0) + (lesion - 420.0) * blurred
    volume = (found(head, flair) > 0).sum() / (head.lesions == 1).sum()
    assert 0.85 < volume < 1.35


def test_small_and_thin_things_are_no_lesions() -> None:
    mask = np.zeros((12, 12, 12), dtype=bool)
    mask[2:5, 2:5, 2:5] = True
    mask[8, 2, 2:4] = True
    keep = keep_lesions(grid(mask))
    assert keep[3, 3, 3]
    assert not keep[8].any()
    assert not keep_lesions(grid(np.zeros((4, 4, 4), dtype=bool))).any()


def test_lesions_are_numbered_by_falling_volume_and_touch_by_corners() -> None:
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[0, 0, 0] = mask[3, 3, 3] = mask[4, 4, 4] = True
    numbers = number_lesions(grid(mask))
    assert (numbers[3, 3, 3], numbers[4, 4, 4], numbers[0, 0, 0]) == (1, 1, 2)


def test_lesions_filled_bend_neither_classes_nor_means(head: Head) -> None:
    window = around(head.alignment.brain, margin_mm=4.0)
    t1, labels = window.cut(head.alignment.t1), window.cut(head.alignment.t1.like(head.labels)).array
    lesions = window.cut(head.alignment.t1.like(head.lesions)).array > 0
    place = find_place(window.cut(head.alignment.brain), head.template, head.alignment.template_from_t1)
    before = classify(t1, place)
    after = classify_filled(t1, lesions, place, before)
    around_them = ndimage.binary_dilation(lesions, iterations=2) & ~lesions
    assert (before.labels[lesions] == 2).mean() > 0.9
    assert (after.labels[lesions] == 3).all()
    assert (after.labels == labels)[around_them].mean() >= (before.labels == labels)[around_them].mean()
    np.testing.assert_allclose(after.means, before.means, rtol=0.01)


def test_filling_nothing_changes_next_to_nothing(head: Head) -> None:
    window = around(head.alignment.brain, margin_mm=4.0)
    place = find_place(window.cut(head.alignment.brain), head.template, head.alignment.template_from_t1)
    before = classify(window.cut(head.alignment.t1), place)
    after = classify_filled(window.cut(head.alignment.t1), np.zeros(before.labels.shape, dtype=bool), place, before)
    assert (after.labels != before.labels).mean() < 1e-3
