"""Left is left, however the grid lies: an asymmetric head in all 48 orders of axes, tilted (quantification J19)."""

from __future__ import annotations

import numpy as np
import pytest

from node.domain import codes
from node.domain.result import Region
from tests.segment.regions_head import LUMP_MM, ORIENTATIONS, Made, Orientation, make

SIDED = ("thalamus", "cerebral_gm", "frontal_gm", "caudate", "lateral_ventricle", "cerebellar_gm", "nawm")


@pytest.fixture(scope="module")
def upright() -> tuple[Made, dict[str, Region]]:
    made = make()
    return made, made.regions()


def volume_ml(region: Region) -> float:
    return float(region.mask.array.sum()) * region.mask.voxel_ml


def test_the_lump_in_the_left_hemisphere_is_in_the_left_region(upright: tuple[Made, dict[str, Region]]) -> None:
    _, regions = upright
    lump_ml = 4.0 / 3.0 * np.pi * LUMP_MM[3] ** 3 / 1000.0
    surplus = volume_ml(regions["cerebral_gm_left"]) - volume_ml(regions["cerebral_gm_right"])
    assert surplus == pytest.approx(lump_ml, rel=0.15)


def test_left_is_where_x_is_larger_in_lps(upright: tuple[Made, dict[str, Region]]) -> None:
    _, regions = upright
    for name in SIDED:
        left, right = (regions[f"{name}_{side}"].mask for side in ("left", "right"))
        x = [float((np.argwhere(mask.array) @ mask.affine[0, :3]).mean()) for mask in (left, right)]
        assert x[0] > x[1] + 15.0, name


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_region_is_the_same_in_space_whatever_the_order_of_the_axes(
    upright: tuple[Made, dict[str, Region]], orientation: Orientation
) -> None:
    _, expected = upright
    turned = make(orientation)
    found = turned.regions()
    assert list(found) == list(expected)
    for name in found:
        differing = turned.upright(found[name].mask.array) != expected[name].mask.array
        assert differing.sum() <= 0.002 * max(500, expected[name].mask.array.sum()), name


def test_a_paired_region_is_its_left_and_its_right(upright: tuple[Made, dict[str, Region]]) -> None:
    _, regions = upright
    paired = [name.removesuffix("_left") for name in regions if name.endswith("_left")]
    assert {"thalamus", "frontal_gm", "white_matter", "lateral_ventricle"} <= set(paired)
    for name in paired:
        left, right = (regions[f"{name}_{side}"] for side in ("left", "right"))
        np.testing.assert_array_equal(left.mask.array ^ right.mask.array, regions[name].mask.array)
        assert (left.side, right.side, regions[name].side) == (codes.LEFT, codes.RIGHT, None)
        assert left.code == right.code == regions[name].code


def test_what_lies_on_the_midline_has_no_side(upright: tuple[Made, dict[str, Region]]) -> None:
    _, regions = upright
    for name in ("brain", "brainstem", "third_ventricle", "corpus_callosum"):
        assert name in regions
        assert f"{name}_left" not in regions
