"""A site's own atlas: read as BIDS has it, carried to the subject, and every mistake told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.result import Alignment
from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume
from node.errors import SettingsError
from node.segment.atlas_file import Label, SiteAtlas, atlas_regions, code, read_atlas

NAME = "tpl-MNI152NLin2009cAsym_atlas-site_dseg.nii.gz"
TABLE = "index\tname\tcolor\n0\tbackground\t#000000\n1\tleft spot\t#ff0000\n7\tright spot\t#00ff00\n"
LEFT_MM, RIGHT_MM = (20.0, -10.0, 30.0), (-20.0, 6.0, -4.0)
"""LPS mm."""


def write(folder: Path, labels: np.ndarray | None = None, *, name: str = NAME, table: str | None = TABLE, flip: bool = False) -> Path:
    """A 2 mm atlas with two spots of 3³ voxels, with its first axis towards the left or, flipped, towards the right."""
    if labels is None:
        labels = np.zeros((40, 50, 45), dtype=np.int16)
        for index, place in ((1, LEFT_MM), (7, RIGHT_MM)):
            c, r, s = (round((x + edge) / 2.0) for x, edge in zip(place, (44.0, 50.0, 40.0), strict=True))
            labels[s - 1 : s + 2, r - 1 : r + 2, c - 1 : c + 2] = index
    image = sitk.GetImageFromArray(labels[:, :, ::-1] if flip else labels, isVector=False)
    image.SetSpacing((2.0,) * labels.ndim)
    if labels.ndim == 3:
        image.SetOrigin((44.0 if flip else -44.0, -50.0, -40.0))
        image.SetDirection((-1.0 if flip else 1.0, 0, 0, 0, 1, 0, 0, 0, 1))
    path = folder / name
    sitk.WriteImage(image, str(path))
    if table is not None:
        path.with_name(name.partition("_dseg")[0] + "_dseg.tsv").write_text(table, encoding="utf-8")
    return path


def alignment(shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Alignment:
    """A 2 mm T1 around the origin whose points lie `shift_mm` further in the template."""
    grid = Volume(np.ones((60, 60, 60), dtype=np.float32), np.array([[0, 0, 2, -60], [0, 2, 0, -60], [2, 0, 0, -60], [0, 0, 0, 1.0]]))
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    still = Volume(np.zeros((3, 1, 1, 1), dtype=np.float32), np.eye(4), "mm")
    identity = Transform.identity()
    return Alignment(grid, grid.like(grid.array > 0), identity, (identity,), None, Deformation(Transform(matrix), still), ())


def middle_mm(mask: Volume) -> np.ndarray:
    return np.asarray((np.argwhere(mask.array) @ mask.affine[:3, :3].T + mask.affine[:3, 3]).mean(axis=0))


def mistakes(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_atlas(path)
    assert all(mistake.startswith("analysis.atlas: ") for mistake in caught.value.mistakes)
    return str(caught.value)


@pytest.mark.parametrize("flip", [False, True])
def test_labels_come_to_lie_in_the_subject_where_they_were_drawn(tmp_path: Path, flip: bool) -> None:
    """In LPS mm, whichever way the file's axes run."""
    given_alignment = alignment()
    atlas = read_atlas(write(tmp_path, flip=flip))
    left, right = atlas_regions(atlas, given_alignment, given_alignment.t1)
    assert (left.name, right.name, atlas.space) == ("atlas:left spot", "atlas:right spot", "MNI152NLin2009cAsym")
    np.testing.assert_allclose(middle_mm(left.mask), LEFT_MM, atol=1e-4)
    np.testing.assert_allclose(middle_mm(right.mask), RIGHT_MM, atol=1e-4)
    assert float(left.mask.array.sum()) * left.mask.voxel_ml == pytest.approx(0.216)
    assert left.mask.same_grid(given_alignment.t1)


def test_the_file_s_right_is_read_as_nifti_means_it(tmp_path: Path) -> None:
    """NIfTI counts +x to the right: with the srow of the file written by hand, a label at +20 lies on the patient's right."""
    path = write(tmp_path)
    raw = sitk.ReadImage(str(path))
    header = [float(raw.GetMetaData(f"srow_{axis}").split()[3]) for axis in "xyz"]
    assert header == [44.0, 50.0, -40.0]  # RAS in the file: x and y of LPS change sign
    labels = np.zeros((5, 5, 5), dtype=np.uint8)
    labels[2, 2, 0] = 1  # the first column, +44 mm of the file's x: the patient's right
    (region,) = atlas_regions(read_atlas(write(tmp_path, labels, table="index\tname\n1\ta\n")), alignment(), alignment().t1)
    assert middle_mm(region.mask)[0] == pytest.approx(-44.0)


def test_the_alignment_carries_them(tmp_path: Path) -> None:
    moved = alignment((6.0, -4.0, 2.0))
    left, _ = atlas_regions(read_atlas(write(tmp_path)), moved, moved.t1)
    np.testing.assert_allclose(middle_mm(left.mask), np.array(LEFT_MM) - (6.0, -4.0, 2.0), atol=1e-4)


def test_nothing_lies_outside_the_brain_and_a_label_there_is_an_empty_region(tmp_path: Path) -> None:
    whole = alignment()
    brain = whole.brain.array.copy()
    brain[:, :, 30:] = False  # the patient's left
    half = replace(whole, brain=whole.brain.like(brain))
    left, right = atlas_regions(read_atlas(write(tmp_path)), half, half.t1)
    assert (left.mask.array.any(), right.mask.array.any()) == (False, True)


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 2**31 - 1), st.text(min_size=1, max_size=200))
def test_a_label_s_code_fits_into_dicom(index: int, name: str) -> None:
    found = code(Label(index, name))
    assert len(found.value) <= 16
    assert len(found.meaning) <= 64


def test_a_table_with_a_byte_order_mark_and_labels_that_the_image_lacks_is_read(tmp_path: Path) -> None:
    atlas = read_atlas(write(tmp_path, table="\ufeff" + TABLE + "9\tnot drawn\t#0000ff\n"))
    assert [label.index for label in atlas.labels] == [1, 7, 9]


def test_a_float_image_of_whole_numbers_is_read(tmp_path: Path) -> None:
    labels = np.zeros((4, 4, 4), dtype=np.float32)
    labels[1, 1, 1] = 7.0
    assert read_atlas(write(tmp_path, labels)).image.array.dtype == np.int32


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (None, "expected a table"),
        ("", "columns index and name"),
        ("number\tname\n1\ta\n", "columns index and name"),
        ("index,name\n1,a\n7,b\n", "columns index and name"),
        ("index\tname\n1\ta\n", "label 7 of the image has no line"),
        ("index\tname\n1\ta\n7\tn/a\n", "line 3.*index 7 has no name"),
        ("index\tname\n1\ta\n7\t\n", "index 7 has no name"),
        ("index\tname\n1\ta\n7.5\tb\n", "found 7.5"),
        ("index\tname\n1\ta\n-7\tb\n", "found -7"),
        ("index\tname\n1\ta\n7\tb\n7\tc\n", "index 7 stands in more than one line"),
        ("index\tname\n1\ta\n7\ta\n", "name a stands in more than one line"),
    ],
)
def test_a_table_that_leaves_something_open_is_refused(tmp_path: Path, table: str | None, told: str) -> None:
    assert re.search(told, mistakes(write(tmp_path, table=table)))


@pytest.mark.parametrize("name", ["atlas-site_dseg.nii.gz", "space-MNI152NLin6Asym_dseg.nii.gz", "space-T1w_dseg.nii.gz"])
def test_a_space_that_is_not_the_template_s_is_refused(tmp_path: Path, name: str) -> None:
    assert "space- or tpl-" in mistakes(write(tmp_path, name=name))


def test_a_file_that_is_no_segmentation_by_its_name_is_refused(tmp_path: Path) -> None:
    assert "_dseg.nii.gz" in mistakes(tmp_path / "space-MNI152NLin2009cAsym_probseg.nii.gz")


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.full((3, 3, 3), 1.5, dtype=np.float32), "whole numbers"),
        (np.full((3, 3, 3), -1, dtype=np.int16), "whole numbers"),
        (np.zeros((3, 3, 3), dtype=np.uint8), "found none"),
        (np.ones((2, 3, 3, 3), dtype=np.uint8), "3-D NIfTI"),
    ],
)
def test_an_image_that_holds_no_labels_is_refused(tmp_path: Path, labels: np.ndarray, told: str) -> None:
    assert told in mistakes(write(tmp_path, labels))


def test_a_missing_or_broken_image_is_told_together_with_the_rest(tmp_path: Path) -> None:
    told = mistakes(tmp_path / "space-T1w_dseg.nii.gz")
    assert "there is no such file" in told
    assert "space- or tpl-" in told
    assert "expected a table" in told
    (tmp_path / NAME).write_bytes(b"no image")
    assert "cannot be read" in mistakes(tmp_path / NAME)


def test_an_alignment_on_another_grid_is_our_own_mistake(tmp_path: Path) -> None:
    atlas = SiteAtlas("a", "MNI152NLin2009cAsym", Volume(np.ones((2, 2, 2), dtype=np.int32), np.eye(4), "1"), (Label(1, "a"),))
    with pytest.raises(ValueError, match="grid of the T1"):
        atlas_regions(atlas, alignment(), Volume(np.zeros((3, 3, 3)), np.eye(4)))
