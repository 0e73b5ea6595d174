"""Artefacts come back as they were, and a broken one is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

from node.domain.exam import Check, Gravity
from node.domain.transform import Deformation, Transform
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.workflow import artefacts, masks


@dataclass(frozen=True, eq=False)
class Sample:
    volume: Volume
    field: Deformation
    checks: tuple[Check, ...]
    pair: tuple[float, float]
    when: datetime | None
    numbers: Array
    folder: Path


def sample(when: datetime | None) -> Sample:
    volume = Volume(np.arange(24).reshape(2, 3, 4).astype(np.float32), np.diag([3.0, 2.0, 1.0, 1.0]), "1")
    shift = volume.like(np.ones((3, 2, 3, 4), np.float32), unit="mm")
    check = Check("motion", False, "The head moved by 4 mm.", Gravity.HOLD, 4.0, 3.0, "mm")
    return Sample(volume, Deformation(Transform.identity(), shift), (check,), (1.0, 2.5), when, np.array([1.5]), Path("a/b"))


@pytest.mark.parametrize("when", [None, datetime(2026, 3, 1, 12, tzinfo=UTC)])
def test_an_artefact_comes_back_as_it_was(tmp_path: Path, when: datetime | None) -> None:
    before = sample(when)
    artefacts.save(tmp_path, "sample", before)
    after = artefacts.load(tmp_path, "sample", Sample)

    assert np.array_equal(before.volume.array, after.volume.array)
    assert before.volume.array.dtype == after.volume.array.dtype
    assert np.array_equal(before.volume.affine, after.volume.affine)
    assert np.array_equal(before.field.displacement.array, after.field.displacement.array)
    assert (before.checks, before.pair, before.when, before.folder) == (after.checks, after.pair, after.when, after.folder)
    assert np.array_equal(before.numbers, after.numbers)


def test_an_artefact_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    assert not artefacts.exists(tmp_path, "sample")
    artefacts.save(tmp_path, "sample", sample(None))
    assert artefacts.exists(tmp_path, "sample")
    (tmp_path / "sample.npz").write_bytes(b"cut short")
    with pytest.raises(DataError, match="expected a whole Sample"):
        artefacts.load(tmp_path, "sample", Sample)


def test_an_artefact_of_another_kind_is_refused(tmp_path: Path) -> None:
    artefacts.save(tmp_path, "check", Check("a", True, "b"))
    with pytest.raises(DataError, match="expected a whole Sample"):
        artefacts.load(tmp_path, "check", Sample)


def test_what_is_not_data_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold a function"):
        artefacts.save(tmp_path, "x", test_what_is_not_data_cannot_be_kept)


@dataclass(frozen=True, eq=False)
class Masked:
    masks: tuple[Array, ...]


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 3).flatmap(lambda axes: hypothesis_numpy.arrays(bool, hypothesis_numpy.array_shapes(min_dims=axes, max_dims=axes))))
def test_a_mask_comes_back_bit_for_bit(mask: np.ndarray) -> None:
    arrays = masks.pack("a0", mask)
    back = masks.unpack("a0", arrays)
    assert (back.dtype, back.shape) == (mask.dtype, mask.shape)
    np.testing.assert_array_equal(back, mask)


def test_masks_are_kept_as_bits_of_their_box(tmp_path: Path) -> None:
    """A hundredth of the bytes, for a structure that fills an eighth of the grid along each axis."""
    mask = np.zeros((64, 64, 64), dtype=bool)
    mask[8:16, 30:38, 50:58] = True
    artefacts.save(tmp_path, "masked", Masked((mask, np.zeros((5, 4, 3), dtype=bool), np.ones((0, 4), dtype=bool))))
    after = artefacts.load(tmp_path, "masked", Masked)

    assert (tmp_path / "masked.npz").stat().st_size < mask.nbytes / 100
    np.testing.assert_array_equal(after.masks[0], mask)
    assert (after.masks[1].shape, after.masks[1].any(), after.masks[2].shape) == ((5, 4, 3), False, (0, 4))


@pytest.mark.parametrize("spoil", [("bits", np.zeros(3, np.uint8)), ("box", np.array([[8, 8], [0, 0], [9, 8]]))])
def test_a_mask_that_does_not_fit_its_box_is_refused(spoil: tuple[str, np.ndarray]) -> None:
    arrays = masks.pack("a0", np.ones((8, 8), dtype=bool)) | {f"a0.{spoil[0]}": spoil[1]}
    with pytest.raises(ValueError, match="mask a0"):
        masks.unpack("a0", arrays)


@dataclass(frozen=True, eq=False)
class Whole:
    name: str
    inner: Masked
    large: Array
    other: Check | None = None


@dataclass(frozen=True)
class CheckPart:
    name: str


@dataclass(frozen=True, eq=False)
class Part:
    inner: Masked
    other: CheckPart | None


def test_a_part_is_read_without_the_rest(tmp_path: Path) -> None:
    """Of a file of hundreds of megabytes only what is asked for is read: the rest of it may even be spoilt."""
    mask = np.eye(3, dtype=bool)
    artefacts.save(tmp_path, "whole", Whole("x", Masked((mask,)), np.arange(1000), Check("a", True, "b")))
    part = artefacts.load_part(tmp_path, "whole", Part)
    np.testing.assert_array_equal(part.inner.masks[0], mask)
    assert part.other == CheckPart("a")
    assert artefacts.load_part(tmp_path, "whole", CheckPart) == CheckPart("x")


def test_a_file_cut_off_or_of_another_kind_is_a_data_error(tmp_path: Path) -> None:
    artefacts.save(tmp_path, "whole", Whole("x", Masked(()), np.arange(1000)))
    with pytest.raises(DataError, match="expected a whole Check"):
        artefacts.load_part(tmp_path, "whole", Check)
    file = tmp_path / "whole.npz"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DataError, match="artefact whole"):
        artefacts.load(tmp_path, "whole", Whole)
