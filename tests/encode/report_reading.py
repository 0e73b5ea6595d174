"""Reading a report back in tests: its items, groups, numbers and statements, from the data set alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from encode_phantom import Phantom
from pydicom import Dataset, dcmread

from node.domain.history import History
from node.encode import EncodeOptions, Kind
from node.encode.objects import OBJECT_NAMES
from node.encode.structured_report import encode_report

EVERYTHING = EncodeOptions(objects=OBJECT_NAMES)


def report(phantom: Phantom, folder: Path, options: EncodeOptions = EVERYTHING, history: History | None = None) -> Dataset:
    (encoded,) = encode_report(phantom.material(options, folder, history))
    assert encoded.kind is Kind.REPORT
    return dcmread(encoded.path)


def items(node: Dataset, *, meaning: str = "", kind: str = "") -> Iterator[Dataset]:
    """The items right below one, by the meaning of their name and by value type."""
    for item in node.get("ContentSequence", []):
        if kind in ("", item.ValueType) and meaning in ("", item.ConceptNameCodeSequence[0].CodeMeaning):
            yield item


def groups(sr: Dataset) -> list[Dataset]:
    (container,) = items(sr, meaning="Imaging Measurements")
    return list(container.ContentSequence)


def numbers(group: Dataset) -> dict[tuple[str, str], tuple[float, str]]:
    """(scheme, code) → value and unit of every number of a group; a number that is there twice is an error."""
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for item in items(group, kind="NUM"):
        name, measured = item.ConceptNameCodeSequence[0], item.MeasuredValueSequence[0]
        key = (name.CodingSchemeDesignator, name.CodeValue)
        assert key not in found
        found[key] = (float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue)
    return found


def group_of(sr: Dataset, tracking: str, *, kind: str = "NUM") -> Dataset:
    """The group of that tracking identifier that has an item of a kind."""
    found = [g for g in groups(sr) if next(items(g, meaning="Tracking Identifier")).TextValue == tracking]
    (group,) = [g for g in found if any(items(g, kind=kind))]
    return group


def texts(sr: Dataset, meaning: str) -> list[str]:
    (container,) = items(sr, meaning="Qualitative Evaluations")
    return [str(item.TextValue) for item in items(container, meaning=meaning)]


def statement(sr: Dataset, meaning: str) -> str:
    (container,) = items(sr, meaning="Qualitative Evaluations")
    (item,) = items(container, meaning=meaning)
    return str(item.ConceptCodeSequence[0].CodeMeaning)


def all_items(node: Dataset) -> Iterator[Dataset]:
    """Every item below one."""
    for item in node.get("ContentSequence", []):
        yield item
        yield from all_items(item)
