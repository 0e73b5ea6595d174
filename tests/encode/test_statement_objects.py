"""The appendix of the conformance statement: what the written objects hold. How to write it anew is said in tests/test_statement.py."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from rich_phantom import rich_phantom

from node.encode import Encoded, EncodeOptions, encode, encode_refusal
from node.encode.objects import OBJECT_NAMES, SOP_CLASSES, Kind
from node.statement import attributes

APPENDIX = Path(__file__).parents[2] / "docs" / "conformance-objects.md"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, list[Dataset]]:
    found: dict[Kind, list[Dataset]] = defaultdict(list)
    for item in _everything(tmp_path_factory.mktemp("storage"), tmp_path_factory.mktemp("objects")):
        found[item.kind].append(dcmread(item.path))
    return found


def _everything(storage: Path, folder: Path) -> Iterator[Encoded]:
    phantom = rich_phantom(storage)
    options = EncodeOptions(objects=OBJECT_NAMES, physicist_page="always")
    yield from encode(
        phantom.exam, phantom.alignment, phantom.segmentation, phantom.result, storage=storage, folder=folder, options=options
    )
    provenance = phantom.result.provenance
    yield from encode_refusal(phantom.exam.pet.source, "why", "what", provenance, storage=storage, folder=folder, options=options)


def test_each_kind_is_of_the_class_that_the_table_says(written: dict[Kind, list[Dataset]]) -> None:
    for kind, objects in written.items():
        assert {item.SOPClassUID for item in objects} == {SOP_CLASSES[kind]}


def test_the_appendix_in_docs_is_what_the_objects_hold(written: dict[Kind, list[Dataset]]) -> None:
    made = attributes({kind.value: written[kind] for kind in Kind if kind in written})
    if os.environ.get("EMBER_WRITE_DOCS"):
        APPENDIX.write_text(made, encoding="utf-8")
    assert APPENDIX.read_text(encoding="utf-8") == made
    assert "(0010,0010) | Patient's Name | always | study" in made
