"""read_lesions: somebody else's SEG, written by highdicom, on our grid convention."""

from __future__ import annotations

import copy
import tomllib
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assemble_dicom import COLUMNS, ROWS, mr_series, store
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from scipy import ndimage

from node.assemble.drawings import latest
from node.assemble.lesions import connected_parts, read_lesions
from node.assemble.mr import read_mr
from node.assemble.parts import SegmentLabel
from node.assemble.roles import is_lesion
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


def test_of_two_segmentations_in_one_series_that_drawn_last_counts(tmp_path: Path) -> None:
    early, late = (_segmentation(_source(), two_lesions().astype(np.uint8), [LESION]) for _ in range(2))
    late.SOPInstanceUID = late.file_meta.MediaStorageSOPInstanceUID = "1.2.3.5.2"
    early.ContentDate = late.ContentDate = "20260301"
    early.ContentTime, late.ContentTime = "120000", "120001"
    stored = store([late, early], tmp_path)

    assert read_lesions(stored, RULES, tmp_path).source.instances[0].sop_instance_uid == "1.2.3.5.2"


def test_of_two_segmentations_drawn_at_once_that_which_came_last_counts(tmp_path: Path) -> None:
    headers = [item.header for item in store([_segmentation(_source(), two_lesions().astype(np.uint8), [LESION])], tmp_path)]
    second = replace(headers[0], sop_instance_uid="1.2.3.5.2")

    assert latest([headers[0], second]) is second
    assert latest([second, headers[0]]) is headers[0]


def test_a_reader_may_say_that_there_is_no_lesion_and_a_program_may_not(tmp_path: Path) -> None:
    nothing = np.zeros((SLICES, ROWS, COLUMNS), dtype=np.uint8)
    by_hand, by_program = (_segmentation(_source(), nothing, [LESION]) for _ in range(2))
    by_program.SegmentSequence[0].SegmentAlgorithmType = "AUTOMATIC"

    lesions = read_lesions(store([by_hand], tmp_path), RULES, tmp_path)
    assert lesions.by_reader
    assert not lesions.labels.array.any()
    with pytest.raises(DataError, match="its segments of lesions are empty"):
        read_lesions(store([by_program], tmp_path), RULES, tmp_path)


def test_a_segment_keeps_its_tracking_uid_and_that_of_a_split_lesion_stays_with_the_larger_part(tmp_path: Path) -> None:
    first, second = two_lesions(), two_lesions()
    first[4:], second[:4] = False, False
    empty = np.zeros_like(first)
    several = _segmentation(_source(), np.stack([second, first, empty], axis=-1).astype(np.uint8), [LESION] * 3)
    for number, segment in enumerate(several.SegmentSequence, 1):
        segment.TrackingID, segment.TrackingUID = f"E00007 lesion {number}", f"2.25.{number}"
    single = _segmentation(_source(), two_lesions().astype(np.uint8), [LESION])
    single.SegmentSequence[0].TrackingID, single.SegmentSequence[0].TrackingUID = "mine", "2.25.9"

    lesions = read_lesions(store([several], tmp_path), RULES, tmp_path)
    assert dict(lesions.tracking) == {1: "2.25.1", 2: "2.25.2"}
    assert (lesions.labels.array == 2).sum() == first.sum()
    lesions = read_lesions(store([single], tmp_path), RULES, tmp_path)
    sizes = np.bincount(lesions.labels.array.ravel())
    assert lesions.tracking == ((int(np.argmax(sizes[1:])) + 1, "2.25.9"),)


def test_what_was_made_from_our_own_is_a_readers_whatever_the_viewer_calls_it(tmp_path: Path) -> None:
    dataset = _segmentation(_source(), two_lesions().astype(np.uint8), [LESION])
    dataset.SegmentSequence[0].SegmentAlgorithmType = "AUTOMATIC"
    assert not read_lesions(store([dataset], tmp_path), RULES, tmp_path).by_reader

    dataset.SegmentSequence[0].TrackingID, dataset.SegmentSequence[0].TrackingUID = "E00007 lesion 3", "2.25.3"
    assert read_lesions(store([dataset], tmp_path), RULES, tmp_path).by_reader


def test_two_segments_that_share_voxels_cost_no_lesion(tmp_path: Path) -> None:
    first, second = two_lesions(), two_lesions()
    first[4:], second[:2] = False, False
    stored = store([_segmentation(_source(), np.stack([first, second], axis=-1).astype(np.uint8), [LESION] * 2)], tmp_path)

    labels = read_lesions(stored, RULES, tmp_path).labels.array

    assert np.count_nonzero(labels) == np.count_nonzero(two_lesions())
    assert np.count_nonzero(labels == 2) == np.count_nonzero(second)


def test_the_series_that_was_drawn_on_is_told(tmp_path: Path) -> None:
    source = _source()
    stored = store([_segmentation(source, two_lesions().astype(np.uint8), [LESION])], tmp_path)
    t1 = store(source, tmp_path)[0].header
    flair = replace(t1, series_uid="1.2.3.4")

    assert read_lesions(stored, RULES, tmp_path, mrs={Role.T1: t1, Role.FLAIR: flair}).drawn_on is Role.T1
    assert read_lesions(stored, RULES, tmp_path, mrs={Role.FLAIR: flair}).drawn_on is None


@pytest.mark.parametrize(
    ("label", "type_"),
    [
        ("Rim of lesion 3", LESION),
        ("rims of lesions", None),
        ("Perilesional tissue", None),
        ("x", Code("110706", "DCM", "Perilesional White Matter")),
        ("x", Code("LESION-RIM", "99EMBER", "Rim of a lesion")),
        ("Lesions", Code("RAISED-TSPO", "99EMBER", "Region of raised TSPO signal")),
    ],
)
def test_what_lies_around_a_lesion_and_what_is_ours_is_no_lesion(label: str, type_: Code | None) -> None:
    from node.domain.codes import Code as OurCode

    coded = None if type_ is None else OurCode(type_.value, type_.scheme_designator, type_.meaning)
    assert not is_lesion(SegmentLabel(1, label, coded), RULES)


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
