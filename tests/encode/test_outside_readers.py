"""The table of what other readers read: nothing differs, and what differs is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Plan
from rich_phantom import rich_phantom

from benchmarks.readers import kind_of, markdown, same_numbers, same_slices
from node.encode import EncodeOptions, Kind, encode
from node.encode.objects import series_number

OBJECTS = ("summary", "lesions", "report", "map", "parametric_maps", "key_objects")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of objects."""
    storage = tmp_path_factory.mktemp("read")
    folder = storage / "out"
    folder.mkdir()
    phantom = rich_phantom(storage, Plan(studies=1))
    encode(*phantom.parts, storage=storage, folder=folder, options=EncodeOptions(objects=OBJECTS))
    return folder


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.REFUSAL])
def test_a_kind_is_told_from_the_number_of_its_series(kind: Kind) -> None:
    assert {kind_of(series_number(kind, version)) for version in (1, 2, 9, 20, 21, 77)} == {kind}


def test_the_second_series_of_a_kind_is_of_that_kind() -> None:
    assert [kind_of(series_number(kind, 3, 4)) for kind in (Kind.REGISTRATION, Kind.PARAMETRIC_MAPS)] == [
        Kind.REGISTRATION,
        Kind.PARAMETRIC_MAPS,
    ]


@pytest.mark.peer("dciodvfy", "dcmdump", "dsrdump", "segimage2itkimage", "tid1500reader", "paramap2itkimage")
def test_every_reader_agrees_with_every_object(written: Path) -> None:
    table, agrees = markdown([written])

    assert agrees, table
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == sorted(OBJECTS, key=lambda name: series_number(Kind(name), 1))


OURS = [("SUVR", 1.25, "1"), ("118565006", 0.5, "ml")]


@pytest.mark.parametrize(
    ("theirs", "count"),
    [
        (OURS[::-1], 2),
        ([("SUVR", 1.26, "1"), OURS[1]], 1),
        ([("SUVR", 1.25, "ml"), OURS[1]], 1),
        ([("DVR", 1.25, "1"), OURS[1]], 1),
        (OURS[:1], 0),
        ([*OURS, ("SUVR", 1.25, "1")], 2),
    ],
    ids=["another order", "value", "unit", "concept", "one less", "one more"],
)
def test_a_number_that_is_read_otherwise_is_seen(theirs: list[tuple[str, float, str]], count: int) -> None:
    reading = same_numbers(OURS, theirs, "numbers")

    assert (reading.count, bool(reading.differs)) == (count, theirs != OURS[::-1])


def test_a_slice_that_is_read_elsewhere_or_with_other_values_is_seen() -> None:
    values, positions = np.arange(24.0).reshape(2, 3, 4), np.array([[0.0, 0, 0], [0, 0, 5]])
    affine = np.array([[0.0, 0, 1, 0], [0, 1, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]])
    moved, turned = affine.copy(), affine.copy()
    moved[2, 3], turned[2, 0], turned[2, 3] = 0.2, -5, 5

    assert same_slices(values, positions, values, affine).count == 24
    assert same_slices(values, positions, values, moved).differs == "a slice lies 0.20 mm away"
    assert same_slices(values, positions, values[::-1], turned).count == 24
    assert same_slices(values, positions, values, turned).differs
    assert same_slices(values, positions, values + 1, affine).differs.startswith("values differ")
