"""What each named region holds, what adds up to what, and what is filled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.domain import codes
from node.domain.codes import Code
from node.domain.result import Region
from node.domain.volume import Volume, blank_mask
from node.imaging import distance_mm
from node.segment.structures import closed, without_holes
from node.segment.zones import JUXTACORTICAL_MM, PERIVENTRICULAR_MM
from tests.segment.regions_head import Made, make

LOBES = ("frontal_gm", "parietal_gm", "temporal_gm", "occipital_gm", "insular_gm")
ZONES = ("periventricular_wm", "juxtacortical_wm", "deep_wm")
VENTRICLES = ("lateral_ventricle", "third_ventricle", "fourth_ventricle")


@pytest.fixture(scope="module")
def head() -> Made:
    return make(tilted=False)


@pytest.fixture(scope="module")
def regions(head: Made) -> dict[str, Region]:
    return head.regions()


@pytest.mark.parametrize(
    ("whole", "parts"),
    [("cortex", LOBES), ("white_matter", ZONES), ("ventricles", VENTRICLES), ("striatum", ("caudate", "putamen"))],
)
def test_parts_add_up_to_the_whole_and_share_no_voxel(regions: dict[str, Region], whole: str, parts: tuple[str, ...]) -> None:
    total = sum(regions[name].mask.array.astype(int) for name in parts)
    np.testing.assert_array_equal(total, regions[whole].mask.array.astype(int))


def test_every_region_but_the_empty_fourth_ventricle_is_found(regions: dict[str, Region]) -> None:
    """The head has none; a region that is not there is given as an empty mask, not left out."""
    assert [name for name, region in regions.items() if not region.mask.array.any()] == ["fourth_ventricle"]


def test_zones_keep_their_distances(regions: dict[str, Region]) -> None:
    lateral, mantle = (distance_mm(regions[name].mask) for name in ("lateral_ventricle", "cerebral_gm"))
    near, below, deep = (regions[name].mask.array for name in ZONES)
    assert lateral[near].max() <= PERIVENTRICULAR_MM
    assert mantle[below].max() <= JUXTACORTICAL_MM
    assert lateral[deep].min() > PERIVENTRICULAR_MM
    assert mantle[deep].min() > JUXTACORTICAL_MM


def test_whole_brain_is_tissue_and_brain_holds_the_fluid_too(head: Made, regions: dict[str, Region]) -> None:
    np.testing.assert_array_equal(regions["whole_brain"].mask.array, head.labels.array >= 2)
    np.testing.assert_array_equal(regions["brain"].mask.array, head.labels.array >= 1)


def test_lobes_lie_where_lobes_lie(regions: dict[str, Region]) -> None:
    """Frontal before parietal before occipital; temporal below parietal (LPS: +y behind, +z up)."""
    middle = {
        name: (np.argwhere(r.mask.array) @ r.mask.affine[:3, :3].T + r.mask.affine[:3, 3]).mean(axis=0)
        for name, r in regions.items()
        if name in LOBES
    }
    assert middle["frontal_gm"][1] < middle["parietal_gm"][1] < middle["occipital_gm"][1]
    assert middle["temporal_gm"][2] < middle["parietal_gm"][2]


def test_a_lesion_as_dark_as_fluid_inside_the_brain_stem_belongs_to_it(regions: dict[str, Region]) -> None:
    dark = make(tilted=False)
    centre = np.rint(dark.labels.index_from_lps @ (0.0, 26.0, -32.0, 1.0))[:3].astype(int)
    labels = dark.labels.array.copy()
    labels[tuple(centre)] = 1
    made = Made(dark.labels.like(labels), dark.parts, dark.orientation)
    np.testing.assert_array_equal(made.regions()["brainstem"].mask.array, regions["brainstem"].mask.array)


def test_a_lesion_is_no_nucleus_and_no_normal_white_matter(head: Made, regions: dict[str, Region]) -> None:
    lesions = regions["thalamus_left"].mask.array.copy()
    labels = head.labels.like(np.where(lesions, 3, head.labels.array).astype(np.uint8))
    found = Made(labels, head.parts, head.orientation).regions(lesions)
    assert not found["thalamus_left"].mask.array.any()
    np.testing.assert_array_equal(found["thalamus_right"].mask.array, regions["thalamus_right"].mask.array)
    assert distance_mm(labels.like(lesions))[found["nawm"].mask.array].min() >= 6.0


def test_a_hole_is_filled_and_a_bay_is_not() -> None:
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[2:7, 2:7, 2:7] = True
    holed = mask.copy()
    holed[4, 4, 4] = False
    np.testing.assert_array_equal(without_holes(holed), mask)
    bay = mask.copy()
    bay[4, 4, 4:] = False
    np.testing.assert_array_equal(without_holes(bay), bay)


@pytest.mark.parametrize(("spacing", "gap", "filled"), [(1.0, 1, True), (1.0, 3, False), (0.5, 3, True), (3.0, 1, False)])
def test_a_gap_is_closed_by_its_width_in_mm(spacing: float, gap: int, filled: bool) -> None:
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[3:17, 3:17, 3:17] = True
    mask[:, :, 9 : 9 + gap] = False
    result = closed(Volume(mask, np.diag([spacing, spacing, spacing, 1.0])), 1.0)
    assert result[10, 10, 9 : 9 + gap].all() == filled
    assert not result[:, :, :3].any()


@pytest.mark.parametrize("operation", [lambda m: without_holes(m), lambda m: closed(Volume(m, np.eye(4)), 1.0)])
def test_an_empty_mask_stays_empty(operation: object) -> None:
    assert callable(operation)
    assert not operation(np.zeros((4, 5, 6), dtype=bool)).any()


def test_codes_fit_where_dicom_puts_them() -> None:
    """PS3.5 6.2: Code Value (SH) holds 16 characters, Code Meaning (LO) 64; no code stands for two things."""
    known = [code for code in vars(codes).values() if isinstance(code, Code)]
    assert all(len(code.value) <= 16 and len(code.meaning) <= 64 for code in known)
    assert len({(code.value, code.scheme) for code in known}) == len(known)


def test_a_blank_mask_takes_no_memory_until_it_is_written() -> None:
    def resident_mib() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    before = resident_mib()
    masks = [blank_mask((512, 512, 256)) for _ in range(8)]
    masks[0][0, 0, 0] = True
    assert resident_mib() - before < 64.0
    assert (masks[0].sum(), masks[1].any(), masks[0].flags.writeable) == (1, False, True)
    assert blank_mask((0, 3)).shape == (0, 3)
