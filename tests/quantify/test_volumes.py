"""Volumes, shares and asymmetry in closed form: heads of boxes whose voxels can be counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.domain import codes
from node.domain.result import Alignment, Finding, Lesion, LesionOrigin, Quantity, Region, Segmentation, Tissue
from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume
from node.quantify.asymmetry import asymmetry_findings
from node.quantify.volumes import ZONES, volume_findings

VOXEL_ML = 2 * 3 * 4 / 1000


def head() -> tuple[Segmentation, Alignment]:
    """Slabs of 100 voxels each: 2 of fluid, 4 of grey, 3 of white matter, one of grey outside the brain mask. 10 voxels are lesions."""
    tissue = np.repeat([0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 2], 100).reshape(11, 10, 10).astype(np.uint8)
    grid = Volume(tissue, np.diag([2.0, 3.0, 4.0, 1.0]))
    brain = grid.like((np.arange(11)[:, None, None] > 0) & (np.arange(11)[:, None, None] < 10) & np.ones((11, 10, 10), bool))
    labels = np.zeros(tissue.shape, np.int32)
    labels[8, 0, :6], labels[8, 5, :4] = 1, 2
    t1 = np.choose(tissue, [0.0, 100.0, 600.0, 900.0]).astype(np.float32)
    t1[8, 0, :5] = 599.0
    still = Transform.identity()
    warp = Deformation(still, Volume(np.zeros((3, 2, 2, 2)), np.eye(4)))
    gray = tissue == Tissue.GRAY_MATTER.value
    left = np.arange(10)[None, None, :] < 4
    regions = (
        Region("cerebral_gm", codes.CEREBRAL_GRAY_MATTER, grid.like(gray)),
        Region("thalamus", codes.THALAMUS, grid.like(gray & (np.arange(11)[:, None, None] == 3))),
        Region("thalamus_left", codes.THALAMUS, grid.like(gray & (np.arange(11)[:, None, None] == 3) & left), codes.LEFT),
        Region("nawm", codes.NORMAL_APPEARING_WHITE_MATTER, grid.like(tissue == 3)),
    )
    segmentation = Segmentation(grid, regions, grid.like(labels), LesionOrigin.FOUND, ())
    return segmentation, Alignment(grid.like(t1), brain, still, (still,), None, warp, ())


def lesions() -> tuple[Lesion, ...]:
    def lesion(number: int, voxels: int, place: str) -> Lesion:
        return Lesion(number, f"1.{number}", voxels * VOXEL_ML, place, (0, 0, 0), 1.0, None, None, None, None)

    return lesion(1, 6, "periventricular"), lesion(2, 4, "infratentorial")


def told(segmentation: Segmentation, alignment: Alignment, listed: tuple[Lesion, ...]) -> dict[tuple[str, Quantity], float]:
    return {(f.region, f.quantity): f.value for f in volume_findings(segmentation, alignment, 1.5, listed)}


def test_tissue_is_counted_inside_the_brain_mask_alone() -> None:
    values = told(*head(), lesions())

    assert values["brain", Quantity.VOLUME] == pytest.approx(900 * VOXEL_ML)
    assert values["csf", Quantity.VOLUME] == pytest.approx(200 * VOXEL_ML)
    assert values["gray_matter", Quantity.VOLUME] == pytest.approx(400 * VOXEL_ML)
    assert values["all_white_matter", Quantity.VOLUME] == pytest.approx(300 * VOXEL_ML)
    assert values["raised", Quantity.VOLUME] == 1.5


def test_shares_of_tissue_add_up_to_one() -> None:
    values = told(*head(), lesions())

    shares = [values[name, Quantity.FRACTION] for name in ("csf", "gray_matter", "all_white_matter")]
    assert shares == pytest.approx([2 / 9, 4 / 9, 3 / 9])


def test_structures_are_told_whole_and_by_side_and_others_are_not() -> None:
    values = told(*head(), lesions())

    assert values["thalamus", Quantity.VOLUME] == pytest.approx(100 * VOXEL_ML)
    assert values["thalamus_left", Quantity.VOLUME] == pytest.approx(40 * VOXEL_ML)
    assert values["thalamus", Quantity.FRACTION] == pytest.approx(100 / 900)
    assert not {
        ("thalamus_left", Quantity.FRACTION),
        ("thalamus_right", Quantity.VOLUME),
        ("nawm", Quantity.VOLUME),
        ("whole_brain", Quantity.VOLUME),
    } & set(values)


def test_the_parenchymal_fraction_is_grey_and_white_matter_with_lesions_over_that_and_fluid() -> None:
    segmentation, alignment = head()
    parenchyma = segmentation.tissue.like((segmentation.tissue.array >= 2) & alignment.brain.array)
    whole = Region("whole_brain", codes.BRAIN_PARENCHYMA, parenchyma)

    values = told(replace(segmentation, regions=(*segmentation.regions, whole)), alignment, lesions())

    assert values["whole_brain", Quantity.FRACTION] == pytest.approx(7 / 9)


def test_lesions_of_the_zones_add_up_to_the_load() -> None:
    values = told(*head(), lesions())

    assert [values[zone, Quantity.COUNT] for zone in ZONES] == [1, 0, 0, 1]
    assert values["lesions", Quantity.COUNT] == sum(values[zone, Quantity.COUNT] for zone in ZONES)
    assert values["lesions", Quantity.VOLUME] == pytest.approx(sum(values[zone, Quantity.VOLUME] for zone in ZONES))
    assert values["lesions_periventricular", Quantity.VOLUME] == pytest.approx(6 * VOXEL_ML)


def test_a_lesion_is_dark_on_the_t1_where_it_is_darker_than_grey_matter() -> None:
    assert told(*head(), lesions())["lesions_t1_dark", Quantity.VOLUME] == pytest.approx(5 * VOXEL_ML)


def test_lesions_that_nobody_looked_for_are_not_told_as_none() -> None:
    segmentation, alignment = head()

    values = told(replace(segmentation, lesion_origin=LesionOrigin.NONE), alignment, ())

    assert not [region for region, _ in values if region.startswith("lesions")]


def test_volumes_do_not_change_with_the_order_of_the_axes() -> None:
    segmentation, alignment = head()

    def turned(volume: Volume) -> Volume:
        order = [2, 0, 1, 3]
        return Volume(volume.array.transpose(2, 0, 1)[:, ::-1], volume.affine[:, order], volume.unit)

    other = replace(
        segmentation,
        tissue=turned(segmentation.tissue),
        lesions=turned(segmentation.lesions),
        regions=tuple(replace(region, mask=turned(region.mask)) for region in segmentation.regions),
    )
    moved = replace(alignment, t1=turned(alignment.t1), brain=turned(alignment.brain))

    assert told(other, moved, lesions()) == pytest.approx(told(segmentation, alignment, lesions()))


def sides(left: float, right: float, error: float | None = None) -> list[Finding]:
    values = (("thalamus_left", left), ("thalamus_right", right), ("nawm_left", 1.0))
    return [Finding(name, Quantity.SUVR, value, "1", error, "") for name, value in values]


def test_asymmetry_is_above_zero_where_the_left_is_higher() -> None:
    (finding,) = asymmetry_findings(sides(1.21, 1.1), Quantity.SUVR)

    assert (finding.region, finding.quantity, finding.unit) == ("thalamus", Quantity.ASYMMETRY, "%")
    assert finding.value == pytest.approx(200 * 0.11 / 2.31)
    assert finding.uncertainty is None


def test_exchanging_the_sides_turns_the_sign_and_scaling_changes_nothing() -> None:
    (one,) = asymmetry_findings(sides(1.3, 1.1), Quantity.SUVR)
    (other,) = asymmetry_findings(sides(2 * 1.1, 2 * 1.3), Quantity.SUVR)

    assert other.value == pytest.approx(-one.value)


def test_the_error_of_the_asymmetry_is_that_of_drawing_both_sides() -> None:
    (finding,) = asymmetry_findings(sides(1.3, 1.1, error=0.02), Quantity.SUVR)

    random = np.random.default_rng(3)
    left, right = 1.3 + 0.02 * random.standard_normal(200_000), 1.1 + 0.02 * random.standard_normal(200_000)
    drawn = 200 * (left - right) / (left + right)
    assert finding.uncertainty == pytest.approx(drawn.std(), rel=0.01)


def test_sides_that_hold_no_signal_give_no_asymmetry() -> None:
    assert not list(asymmetry_findings(sides(0.0, 0.0), Quantity.SUVR))
    assert not list(asymmetry_findings(sides(1.0, 1.1), Quantity.DVR))
