"""Partial volume in closed form: piecewise constant phantoms, blurred, and brought back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, special

from node.domain.volume import Array
from node.errors import DataError
from node.quantify.partial_volume import Method, corrected_means
from node.quantify.partial_volume.gtm_rousset_1998 import gtm, solve
from node.quantify.partial_volume.iterative_yang_erlandsson_2012 import iterative_yang
from node.quantify.partial_volume.muller_gartner_1992 import muller_gartner
from node.quantify.partial_volume.noise import Noise, noise_in
from node.quantify.partial_volume.parts import parts_of
from node.quantify.partial_volume.psf import FWHM_PER_SIGMA, blur, shares
from node.quantify.partial_volume.rbv_thomas_2011 import rbv
from node.quantify.partial_volume.unmix import unmix
from tests.quantify.phantom import segmentation

SPACING = np.array([3.0, 2.0, 2.0])
FWHM_MM = 5.5
TRUE = {"cortex": 0.9, "white_matter": 1.1, "thalamus": 1.4, "outside": 0.2}


def fractions() -> dict[str, Array]:
    """A head of a shell, a filling and a nucleus as volume fractions: drawn on half voxels, then averaged."""
    s, r, c = np.indices((56, 72, 72))
    radius = np.sqrt(((s - 27.5) * 1.5) ** 2 + (r - 35.5) ** 2 + (c - 35.5) ** 2)
    nucleus = np.sqrt(((s - 27.5) * 1.5) ** 2 + (r - 30.5) ** 2 + (c - 30.5) ** 2) < 9
    masks = {
        "thalamus": nucleus,
        "white_matter": (radius < 22) & ~nucleus,
        "cortex": (radius >= 22) & (radius < 31),
        "outside": radius >= 31,
    }
    return {name: mask.reshape(28, 2, 36, 2, 36, 2).mean(axis=(1, 3, 5)).astype(np.float32) for name, mask in masks.items()}


PARTS = fractions()
SEEN = np.sum([TRUE[name] * blur(part, SPACING, fwhm_mm=FWHM_MM) for name, part in PARTS.items()], axis=0)

TRUE_IN_ORDER = [TRUE[name] for name in PARTS]


def mean(values: Array, name: str) -> float:
    return float((values * PARTS[name]).sum() / PARTS[name].sum())


def test_the_transfer_matrix_brings_a_blurred_phantom_back() -> None:
    found = gtm(SEEN, list(PARTS.values()), SPACING, fwhm_mm=FWHM_MM)
    assert found.means == pytest.approx([TRUE[name] for name in PARTS], rel=1e-3)
    assert found.observed[0] == pytest.approx(mean(SEEN, "thalamus"), rel=1e-5)


def test_the_blur_took_something_away() -> None:
    assert mean(SEEN, "cortex") < 0.95 * TRUE["cortex"]


def test_region_based_and_iterative_correction_agree_with_the_matrix() -> None:
    stack = list(PARTS.values())
    by_region = rbv(SEEN, stack, SPACING, fwhm_mm=FWHM_MM)
    iterated = iterative_yang(SEEN, stack, SPACING, fwhm_mm=FWHM_MM)
    assert solve(by_region, stack, stack).means == pytest.approx(TRUE_IN_ORDER, rel=0.002)
    assert solve(iterated, stack, stack).means == pytest.approx(TRUE_IN_ORDER, rel=0.02)


def test_the_iteration_comes_to_the_matrix_in_the_end() -> None:
    stack = list(PARTS.values())
    after = iterative_yang(SEEN, stack, SPACING, fwhm_mm=FWHM_MM, iterations=60)
    matrix = rbv(SEEN, stack, SPACING, fwhm_mm=FWHM_MM)
    assert after == pytest.approx(matrix, rel=1e-3)


def test_muller_gartner_gives_grey_matter_its_value_and_is_silent_elsewhere() -> None:
    gray = PARTS["cortex"]
    white, rest = PARTS["white_matter"], PARTS["outside"]
    seen = SEEN - (TRUE["thalamus"] - TRUE["white_matter"]) * blur(PARTS["thalamus"], SPACING, fwhm_mm=FWHM_MM)
    image = muller_gartner(
        seen,
        gray=gray,
        white=white + PARTS["thalamus"],
        fluid=rest,
        white_mean=TRUE["white_matter"],
        fluid_mean=TRUE["outside"],
        spacing_mm=SPACING,
        fwhm_mm=FWHM_MM,
    )
    inside = np.isfinite(image)
    assert image[inside] == pytest.approx(TRUE["cortex"], rel=1e-3)
    assert not inside[blur(gray, SPACING, fwhm_mm=FWHM_MM) <= 0.3].any()


@pytest.mark.parametrize("method", Method)
def test_every_method_gives_means_by_name(method: Method) -> None:
    found = corrected_means(SEEN, PARTS, SPACING, fwhm_mm=FWHM_MM, method=method)
    assert found["cortex"][0] == pytest.approx(TRUE["cortex"], rel=0.02)
    assert ("white_matter" in found) is (method is not Method.MULLER_GARTNER)


def test_fractions_that_leave_a_voxel_without_owner_are_refused() -> None:
    with pytest.raises(DataError, match="add up to 1"):
        corrected_means(SEEN, {name: part for name, part in PARTS.items() if name != "outside"}, SPACING, fwhm_mm=5.0, method=Method.GTM)


def test_regions_that_the_scanner_cannot_tell_apart_are_refused() -> None:
    halves = [PARTS["thalamus"] / 2, PARTS["thalamus"] / 2, 1 - PARTS["thalamus"]]
    with pytest.raises(DataError, match="cannot be told apart"):
        gtm(SEEN, halves, SPACING, fwhm_mm=FWHM_MM)


def test_the_matrix_says_how_far_its_means_scatter() -> None:
    random = np.random.default_rng(4)
    sigma = FWHM_MM / FWHM_PER_SIGMA / SPACING
    grain = [ndimage.gaussian_filter(random.standard_normal(SEEN.shape), sigma, mode="wrap") for _ in range(40)]
    sd = 0.1
    scaled = [sd * each / np.std(grain) for each in grain]
    stack = list(PARTS.values())
    found = [gtm(SEEN + each, stack, SPACING, fwhm_mm=FWHM_MM, noise=Noise(sd, sigma)) for each in scaled]
    scatter = np.std([each.means for each in found], axis=0, ddof=1)
    told = np.sqrt(np.diag(found[0].covariance))  # type: ignore[arg-type]
    assert scatter[:2] == pytest.approx(told[:2], rel=0.35)  # 40 draws: 11 % of standard error


def test_noise_is_found_as_it_was_made() -> None:
    random = np.random.default_rng(7)
    sigma = np.array([0.8, 1.2, 1.2])
    grain = ndimage.gaussian_filter(random.standard_normal((60, 60, 60)), sigma, mode="wrap")
    inside = np.zeros(grain.shape, np.float32)
    inside[5:55, 5:55, 5:55] = 1
    found = noise_in(1.1 + 0.05 * grain / grain.std(), inside, np.array([2.0, 2.0, 2.0]))
    assert found.sd == pytest.approx(0.05, rel=0.05)
    assert found.sigma_voxels == pytest.approx(sigma, rel=0.1)
    assert found.voxels_alike == pytest.approx((4 * np.pi) ** 1.5 * sigma.prod(), rel=0.3)


def test_noise_is_not_told_from_a_handful_of_voxels() -> None:
    with pytest.raises(DataError, match="200 are needed"):
        noise_in(np.ones((9, 9, 9)), np.pad(np.ones((3, 3, 3)), 3), np.ones(3))


def test_a_blur_is_as_wide_as_it_is_called_however_coarse_the_grid() -> None:
    for step, fwhm in ((1.0, 5.0), (2.0, 2.5), (3.0, 4.5), (0.5, 3.0)):
        point = np.zeros((61, 3, 3), np.float32)
        point[30, 1, 1] = 1.0
        seen = blur(point, np.array([step, 1e6, 1e6]), fwhm_mm=fwhm)[:, 1, 1].astype(float)
        position = step * (np.arange(61) - 30)
        variance = (seen * position**2).sum() / seen.sum() + step**2 / 12  # the voxel's own box is in a fraction
        assert np.sqrt(variance) * FWHM_PER_SIGMA == pytest.approx(fwhm, rel=0.01)


def test_shares_are_the_gaussians_integral() -> None:
    """A half space, in closed form: the normal distribution of the distance to its border."""
    labels = np.zeros((4, 60, 60), int)
    labels[:, :, 30:] = 1
    spacing = np.array([5.0, 1.0, 1.0])
    points = np.c_[np.full(7, 1.7), np.full(7, 30.2), 29.5 + np.linspace(-4, 4, 7)]
    found = shares(np.pad(labels, ((10, 10), (0, 0), (0, 0)), mode="edge"), 2, points + np.array([10, 0, 0]), spacing, fwhm_mm=4.0)
    normal = special.ndtr(np.linspace(-4, 4, 7) / (4.0 / FWHM_PER_SIGMA))
    assert found[:, 1] == pytest.approx(normal, abs=0.002)
    assert found.sum(axis=1) == pytest.approx(1.0)


@settings(max_examples=15, deadline=None)
@given(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3), st.floats(0.0, 1.0))
def test_shares_do_not_know_how_the_array_lies(order: list[int], flips: tuple[bool, bool, bool], shift: float) -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, (12, 14, 16))
    spacing = np.array([2.0, 1.0, 1.5])
    points = random.uniform(2, 10, (5, 3)) + shift
    turned, moved = labels.transpose(order), points[:, order].copy()
    for axis, flip in enumerate(flips):
        if flip:
            turned = np.flip(turned, axis)
            moved[:, axis] = turned.shape[axis] - 1 - moved[:, axis]
    found = shares(turned, 3, moved, spacing[order], fwhm_mm=3.0)
    assert found == pytest.approx(shares(labels, 3, points, spacing, fwhm_mm=3.0), abs=1e-9)


def test_unmixing_gives_the_means_and_their_scatter() -> None:
    random = np.random.default_rng(5)
    index = np.argwhere(np.ones((10, 10, 10), bool))
    of_first = np.clip((index[:, 0] - 3) / 4, 0, 1)
    of_class = np.c_[of_first, 1 - of_first, np.zeros(len(index))]
    noise = Noise(0.05, np.array([1.0, 1.0, 1.0]))
    spread = np.array([np.inf, np.inf, 1.0])
    found = []
    for _ in range(60):
        grain = ndimage.gaussian_filter(random.standard_normal((30, 30, 30)), 1.0)[10:20, 10:20, 10:20]
        values = of_class @ [1.5, 1.0, 9.0] + grain.ravel() * 0.05 * (4 * np.pi) ** 0.75
        found.append(unmix(values, of_class, index, noise, expected=1.1, spread=spread))
    means = np.array([each.means for each in found])
    assert means[:, :2].mean(axis=0) == pytest.approx([1.5, 1.0], abs=0.015)
    assert means[:, 2] == pytest.approx(1.1)  # nothing seen of it: what was expected
    assert means[:, :2].std(axis=0) == pytest.approx(np.sqrt(np.diag(found[0].covariance))[:2], rel=0.3)


def test_parts_divide_the_whole_field() -> None:
    parts = parts_of(segmentation())
    assert np.sum(list(parts.values()), axis=0).min() == np.sum(list(parts.values()), axis=0).max() == 1
    assert {"lesions", "cortex", "nawm", "white_matter", "outside"} <= set(parts)
