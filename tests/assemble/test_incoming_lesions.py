"""read_lesions: somebody else's SEG, written by highdicom, on our grid convention."""

from __future__ import annotations

import copy
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assemble_dicom import COLUMNS, ROWS, mr_series, store
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from scipy import ndimage

from node.assemble.lesions import connected_parts, read_lesions
from node.assemble.mr import read_mr
from node.assemble.rules import load_rules
from node.domain.exam import Role
from node.errors import DataError
from node.settings import shipped_folder

RULES = load_rules(tomllib.loads((shipped_folder() / "rules.toml").read_text(encoding="utf-8")))
LESION, LIVER = Code("301766008", "SCT", "Lesion of brain"), Code("10200004", "SCT", "Liver")
SLICES = 8


def two_lesions() -> np.ndarray:
    """(S, R, C) two lesions with an empty slice between them; the grid is not symmetric in any way."""
    mask = np.zeros((SLICES, ROWS, COLUMNS), dtype=bool)
    mask[1:3, 2:4, 1:6] = True
    mask[4:7, 5, 7] = True
    return mask


def test_one_segment_of_lesions_falls_apart_into_lesions_where_they_lie(tmp_path: Path) -> None:
    source = _source()
    stored = store([_segmentation(source, two_lesions().astype(np.uint8), [LESION])], tmp_path)

    lesions = read_lesions(stored, RULES, tmp_path)

    assert sorted(np.unique(lesions.labels.array)) == [0, 1, 2]
    t1 = read_mr(store(source, tmp_path), Role.T1, tmp_path)[0].volume
    _same_places(lesions.labels.array > 0, lesions.labels.affine, two_lesions(), t1.affine)
    assert lesions.labels.frame_of_reference_uid == "1.2.3.99"
    assert lesions.creator == "Somebody Painter"


def test_several_segments_of_lesions_keep_their_numbers_and_another_organ_is_left_out(tmp_path: Path) -> None:
    first, second = two_lesions(), two_lesions()
    first[4:], second[:4] = False, False
    liver = np.zeros_like(first)
    liver[7, 0, 0] = True
    pixels = np.stack([first, liver, second], axis=-1).astype(np.uint8)
    stored = store([_segmentation(_source(), pixels, [LESION, LIVER, LESION])], tmp_path)

    labels = read_lesions(stored, RULES, tmp_path).labels.array

    assert np.count_nonzero(labels == 1) == np.count_nonzero(first)
    assert np.count_nonzero(labels == 2) == np.count_nonzero(second)


def test_a_labelmap_of_lesions_is_read_too(tmp_path: Path) -> None:
    stored = store([_segmentation(_source(), two_lesions().astype(np.uint8), [LESION], kind="LABELMAP")], tmp_path)

    assert np.count_nonzero(read_lesions(stored, RULES, tmp_path).labels.array) == np.count_nonzero(two_lesions())


def test_a_segmentation_of_another_organ_is_refused_by_its_uid(tmp_path: Path) -> None:
    stored = store([_segmentation(_source(), two_lesions().astype(np.uint8), [LIVER])], tmp_path)

    with pytest.raises(DataError, match="none of its segments is of lesions") as refused:
        read_lesions(stored, RULES, tmp_path)
    assert stored[0].instance.sop_instance_uid in str(refused.value)


def test_two_segmentations_in_one_series_are_not_guessed_between(tmp_path: Path) -> None:
    stored = store([_segmentation(_source(), two_lesions().astype(np.uint8), [LESION])], tmp_path)

    with pytest.raises(DataError, match="expected one object; found 2"):
        read_lesions(stored * 2, RULES, tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_connected_parts_are_those_that_scipy_finds(seed: int) -> None:
    mask = np.random.default_rng(seed).random((12, 14, 10)) < 0.12

    expected, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    found = connected_parts(mask)

    assert found.max() == count
    pairs = np.unique(np.stack([expected[mask], found[mask]]), axis=1)
    assert pairs.shape[1] == count


def test_a_long_thin_part_is_one_and_nothing_is_nothing() -> None:
    snake = np.zeros((1, 60, 60), dtype=bool)
    for row in range(0, 60, 2):
        snake[0, row] = True
        snake[0, min(row + 1, 59), 0 if row % 4 else 59] = True

    assert connected_parts(snake).max() == 1
    assert connected_parts(np.zeros((2, 2, 2), dtype=bool)).max() == 0


def _source() -> list[Dataset]:
    """An oblique T1, as it would be read from its files."""
    axes = np.array([[0.0, 0.0, 1.0], [0.96, 0.28, 0.0], [-0.28, 0.96, 0.0]])
    return mr_series(slices=SLICES, turn=axes)


def _segmentation(source: list[Dataset], pixels: np.ndarray, types: list[Code], *, kind: str = "BINARY") -> Dataset:
    import highdicom as hd

    images = []
    for dataset in source:
        image = copy.deepcopy(dataset)
        image.AccessionNumber, image.StudyID, image.ReferringPhysicianName = "", "", ""
        image.file_meta = Dataset()
        image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        images.append(image)
    algorithm: dict[str, Any] = {"algorithm_type": "MANUAL"}
    described = [
        hd.seg.SegmentDescription(
            number, f"Segment {number}", Code("49755003", "SCT", "Morphologically Abnormal Structure"), type_, **algorithm
        )
        for number, type_ in enumerate(types, 1)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hd.seg.Segmentation(
            images,
            pixels,
            kind,
            described,
            series_instance_uid="1.2.3.5",
            series_number=9,
            sop_instance_uid="1.2.3.5.1",
            instance_number=1,
            manufacturer="Somebody",
            manufacturer_model_name="Painter",
            software_versions="1",
            device_serial_number="1",
            omit_empty_frames=True,
        )


def _same_places(found: np.ndarray, found_affine: np.ndarray, expected: np.ndarray, expected_affine: np.ndarray) -> None:
    """The same voxels in LPS mm, whatever the grids."""

    def places(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
        points = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
        return points[np.lexsort(np.round(points, 2).T)]

    np.testing.assert_allclose(places(found, found_affine), places(expected, expected_affine), atol=1e-3)
