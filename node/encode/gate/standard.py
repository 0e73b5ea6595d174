"""The module tables of PS3.3, as highdicom ships them: what each of our IODs demands, as a tree of levels.

A *level* is what the tables say of one data set: of an object as a whole, or of the items of one sequence. It is merged from the modules of
the IOD. Of modules that the IOD leaves to the user, or to a condition, those count that the object has begun: it holds an attribute that
no other module has.

The tables are read by their path, because highdicom has no public way to them; a test fails when they move. They are older than Label Map
Segmentation, which is looked up as Segmentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import highdicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from node.encode.gate.conditions import Condition, condition_of

TABLES = Path(highdicom.__file__).parent / "_standard"
"""Where highdicom keeps them."""

LABELMAP_CLASS = "1.2.840.10008.5.1.4.1.1.66.7"
_LIKE = {LABELMAP_CLASS: str(SegmentationStorage)}

FRAME_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
CONTENT = "ContentSequence"


@dataclass(frozen=True)
class Demand:
    """An attribute that must be there where `condition` holds; None is always."""

    tag: int
    keyword: str
    kind: str
    condition: Condition | None


@dataclass(eq=False)
class Level:
    """What is said of one data set: what must be there, what must have a value where it is there, and what the items of sequences hold."""

    demands: list[Demand] = field(default_factory=list)
    valued: dict[int, str] = field(default_factory=dict)
    inside: dict[int, Level] = field(default_factory=dict)


def level_of(dataset: Dataset) -> Level:
    """What is said of an object.

    Raises
    ------
    KeyError : no IOD of its SOP class is known
    """
    sop_class = _LIKE.get(str(dataset.SOPClassUID), str(dataset.SOPClassUID))
    present = {int(tag) for tag in dataset.keys()}  # noqa: SIM118 - a data set iterates over elements
    return _level(tuple(name for name, mandatory, own in _modules(sop_class) if mandatory or own & present))


@cache
def _modules(sop_class_uid: str) -> tuple[tuple[str, bool, frozenset[int]], ...]:
    """Each module of the IOD: its name, whether it is mandatory, and the attributes that no other module has."""
    entries = _read("iod_module_map.json")[_read("sop_class_iod_map.json")[sop_class_uid]]
    tags = {
        entry["key"]: {tag_for_keyword(line["keyword"]) or 0 for line in _tables()[entry["key"]] if not line["path"]} for entry in entries
    }
    others = {name: set().union(*(tags[other] for other in tags if other != name)) for name in tags}
    return tuple((e["key"], e["usage"] == "M", frozenset(tags[e["key"]] - others[e["key"]] - {0})) for e in entries)


@cache
def _level(modules: tuple[str, ...]) -> Level:
    root = Level()
    for module in modules:
        _add(root, _tables()[module], module)
        if module == "sr-document-content":
            _recurse(root, module)
    return root


def _add(root: Level, lines: Iterable[dict[str, Any]], module: str) -> None:
    for line in lines:
        tag = tag_for_keyword(line["keyword"])
        if tag is None:
            continue  # a repeating group (60xx), which we never write
        level = root
        for keyword in line["path"]:
            level = level.inside.setdefault(tag_for_keyword(keyword) or 0, Level())
        _put(level, tag, line, module)


def _put(level: Level, tag: int, line: dict[str, Any], module: str) -> None:
    keyword, path, kind = line["keyword"], line["path"], line["type"]
    condition = condition_of(module, keyword)
    # A functional group may be shared or each frame's own, so that neither sequence must hold it: `frames` looks at both.
    demanded = (kind in ("1", "2") or condition is not None) and kind != "3" and not (path and path[-1] in FRAME_GROUPS)
    if demanded:
        level.demands.append(Demand(tag, keyword, kind, condition))
    if kind[0] == "1":
        level.valued[tag] = kind


def _recurse(root: Level, module: str) -> None:
    """Content items hold content items, of which the table shows two generations."""
    tag = tag_for_keyword(CONTENT) or 0
    item = root.inside[tag]
    _add(item, (line for line in _tables()[module] if CONTENT not in line["path"] and line["keyword"] != CONTENT), module)
    item.inside[tag] = item


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = _read("module_attribute_map.json")
    return tables


def _read(name: str) -> Any:
    return json.loads((TABLES / name).read_text(encoding="utf-8"))
