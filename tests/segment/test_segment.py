"""Tissue, regions and lesions of a head whose labels are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from node.domain.exam import Gravity
from node.domain.result import LesionOrigin, Segmentation, Tissue
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.errors import DataError
from node.imaging import distance_mm
from node.segment import segment
from node.segment.regions import NAWM_FROM_LESION_MM
from tests.segment.known_head import LESIONS_MM, Head, make_head, with_seg


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def run(head: Head, **changes: Any) -> Segmentation:
    exam = replace(head.exam, **changes)
    return segment(exam, head.alignment, head.template, seed=1)


@pytest.fixture(scope="module")
def head() -> Head:
    return make_head()


@pytest.fixture(scope="module")
def found(head: Head) -> Segmentation:
    return run(head)


@pytest.mark.parametrize("tissue", [Tissue.CSF, Tissue.GRAY_MATTER, Tissue.WHITE_MATTER])
def test_tissue_classes_are_those_of_the_head(head: Head, found: Segmentation, tissue: Tissue) -> None:
    assert dice(found.tissue.array == tissue.value, head.labels == tissue.value) > 0.97


def test_everything_lies_on_the_t1_grid(head: Head, found: Segmentation) -> None:
    volumes = [found.tissue, found.lesions, *(r.mask for r in found.regions)]
    assert all(v.same_grid(head.alignment.t1) for v in volumes)
    assert all(r.mask.array.dtype == bool for r in found.regions)
    assert (found.tissue.array.dtype, found.lesions.array.dtype) == (np.uint8, np.int32)


def test_thalamus_and_cerebellum_are_those_of_the_head(head: Head, found: Segmentation) -> None:
    cerebellum = found.region("cerebellar_gm").mask.array | found.region("cerebellar_wm").mask.array
    assert dice(found.region("thalamus").mask.array, head.thalamus) > 0.93
    assert dice(cerebellum, head.cerebellum) > 0.93


def test_no_voxel_lies_in_two_parts(found: Segmentation) -> None:
    names = ("cortex", "white_matter", "cerebellar_gm", "cerebellar_wm", "thalamus", "deep_gm", "brainstem", "ventricles")
    assert sum(found.region(name).mask.array.astype(int) for name in names).max() == 1


def test_lesions_are_found_and_numbered_by_falling_volume(head: Head, found: Segmentation) -> None:
    assert found.lesion_origin is LesionOrigin.FOUND
    assert found.lesions.array.max() == len(LESIONS_MM)
    for number in (1, 2):
        assert dice(found.lesions.array == number, head.lesions == number) > 0.85


def test_lesions_are_white_matter_although_they_are_as_dark_as_grey_matter(found: Segmentation) -> None:
    assert (found.tissue.array[found.lesions.array > 0] == Tissue.WHITE_MATTER.value).all()
    assert found.region("white_matter").mask.array[found.lesions.array > 0].all()


def test_normal_appearing_white_matter_keeps_its_distance(found: Segmentation) -> None:
    nawm, white = found.region("nawm").mask, found.region("white_matter").mask
    far = distance_mm(nawm.like(found.lesions.array > 0))
    assert nawm.array.any()
    assert far[nawm.array].min() >= NAWM_FROM_LESION_MM
    assert white.array[nawm.array].all()


def test_without_flair_nothing_is_called_a_lesion_and_it_says_so(head: Head) -> None:
    result = run(head, flair=None)
    (check,) = [c for c in result.checks if c.name == "lesion_origin"]
    assert result.lesion_origin is LesionOrigin.NONE
    assert not result.lesions.array.any()
    assert (check.passed, check.gravity) == (False, Gravity.NOTE)


def test_an_incoming_seg_is_preferred_and_follows_the_flair_onto_the_t1(head: Head) -> None:
    shift = np.eye(4)
    shift[:3, 3] = (6.0, -4.0, 2.0)
    t1_from_flair = Transform(shift)
    grid = head.exam.t1.volume
    moved = np.linalg.inv(shift) @ grid.affine
    assert head.exam.flair is not None
    flair = replace(head.exam.flair, volume=Volume(head.exam.flair.volume.array, moved, "", "2.25.77"))
    exam = with_seg(replace(head.exam, flair=flair), Volume(head.lesions.astype(np.int16), moved, "1", "2.25.77"))
    result = segment(exam, replace(head.alignment, t1_from_flair=t1_from_flair), head.template, seed=1)
    assert result.lesion_origin is LesionOrigin.IMPORTED
    np.testing.assert_array_equal(result.lesions.array, head.lesions)


def test_a_seg_on_the_t1_lies_where_it_was_drawn(head: Head) -> None:
    exam = with_seg(head.exam, head.exam.t1.volume.like(head.lesions, unit="1"))
    result = segment(exam, head.alignment, head.template, seed=1)
    np.testing.assert_array_equal(result.lesions.array, head.lesions)


def test_a_seg_in_a_foreign_frame_of_reference_is_refused_by_uid(head: Head) -> None:
    foreign = Volume(head.lesions, head.exam.t1.volume.affine, "1", "2.25.666")
    with pytest.raises(DataError, match=r"2\.25\.9.*2\.25\.666"):
        segment(with_seg(head.exam, foreign), head.alignment, head.template, seed=1)


def test_a_t1_without_contrast_is_refused(head: Head) -> None:
    flat = replace(head.alignment, t1=head.alignment.t1.like(np.full(head.labels.shape, 100.0, dtype=np.float32)))
    with pytest.raises(DataError, match="fluid"):
        segment(head.exam, flat, head.template, seed=1)


def test_an_empty_brain_mask_is_refused(head: Head) -> None:
    empty = replace(head.alignment, brain=head.alignment.brain.like(np.zeros(head.labels.shape, dtype=bool)))
    with pytest.raises(DataError, match="brain mask"):
        segment(head.exam, empty, head.template, seed=1)


def test_the_order_of_the_axes_changes_nothing_in_space(head: Head, found: Segmentation) -> None:
    def turned(volume: Volume) -> Volume:
        affine = volume.affine[:, [2, 0, 1, 3]].copy()
        affine[:3, 3] += affine[:3, 1] * (volume.shape[0] - 1)
        affine[:3, 1] *= -1
        return replace(volume, array=np.ascontiguousarray(volume.array.transpose(2, 0, 1)[:, ::-1]), affine=affine)

    assert head.exam.flair is not None
    exam = replace(head.exam, t1=replace(head.exam.t1, volume=turned(head.exam.t1.volume)))
    alignment = replace(head.alignment, t1=turned(head.alignment.t1), brain=turned(head.alignment.brain))
    result = segment(exam, alignment, head.template, seed=1)
    for name in ("thalamus", "cerebellar_gm", "cortex", "nawm"):
        assert dice(result.region(name).mask.array, turned(found.region(name).mask).array) > 0.999, name


def test_twice_the_brightness_changes_nothing(head: Head, found: Segmentation) -> None:
    bright = replace(head.alignment, t1=head.alignment.t1.like(head.alignment.t1.array * np.float32(2.0)))
    result = segment(head.exam, bright, head.template, seed=1)
    assert (result.tissue.array != found.tissue.array).mean() < 1e-4


def test_a_shaded_t1_gives_the_same_tissue(head: Head) -> None:
    ramp = np.linspace(0.9, 1.1, head.labels.shape[2], dtype=np.float32)
    shaded = replace(head.alignment, t1=head.alignment.t1.like(head.alignment.t1.array * ramp))
    result = segment(head.exam, shaded, head.template, seed=1)
    assert dice(result.tissue.array == 3, (head.labels == 3)) > 0.96
