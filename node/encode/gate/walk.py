"""One pass over an object: what its IOD demands, whether its values are legal, and what it refers to.

An element is looked at once in each place where it may stand: the images of a series, and the codes of a report, hold the same bytes again
and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from node.encode.gate.legality import TEXTS, illegal
from node.encode.gate.sheet import Finding, Path
from node.encode.gate.standard import Level, level_of

PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
"""Float, double and integer Pixel Data: looked at by their lengths and values, elsewhere."""

_REFERENCED_INSTANCE = 0x00081155


@dataclass(frozen=True)
class Reference:
    """An instance that an object names: `sop_class_uid` is empty where it does not say."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str


@dataclass
class Seen:
    """What a pass has found; paths lead from where it began."""

    findings: list[Finding] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def add(self, other: Seen, *steps: tuple[str, int]) -> None:
        """Take over what was seen in an item, to which `steps` lead."""
        self.findings += [replace(finding, path=(*steps, *finding.path)) for finding in other.findings] if steps else other.findings
        self.references += [replace(named, path=(*steps, *named.path)) for named in other.references] if steps else other.references


class Walker:
    """Walks over the objects of one exam, and remembers elements that it has looked at."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, bytes, tuple[str, ...]], Seen] = {}
        self._charset: tuple[str, ...] = ()

    def walk(self, dataset: Dataset) -> Seen:
        """What an object holds and does not hold."""
        try:
            level = level_of(dataset)
        except KeyError:
            return Seen([Finding((), "SOPClassUID", "a SOP class whose IOD is known", str(dataset.get("SOPClassUID")))])
        self._charset = _charset(dataset)
        return self._item(dataset, dataset, level)

    def _item(self, item: Dataset, whole: Dataset, level: Level) -> Seen:
        seen = Seen(list(_missing(item, whole, level)))
        for element in _elements(item):
            seen.add(self._element(element, item, whole, level))
        if _REFERENCED_INSTANCE in item.keys():  # noqa: SIM118 - quicker by far
            sop_class = str(item.get("ReferencedSOPClassUID", ""))
            seen.references.append(Reference((), sop_class, str(item[_REFERENCED_INSTANCE].value)))
        return seen

    def _element(self, element: DataElement | RawDataElement, item: Dataset, whole: Dataset, level: Level) -> Seen:
        if not isinstance(element, RawDataElement) or not element.value:
            return self._look(element, item, whole, level)
        key = (id(level), int(element.tag), element.value, self._charset)
        if key not in self._known:
            self._known[key] = self._look(element, item, whole, level)
        return self._known[key]

    def _look(self, element: DataElement | RawDataElement, item: Dataset, whole: Dataset, level: Level) -> Seen:
        tag = int(element.tag)
        if _is_empty(element):
            return Seen([Finding((), keyword_for_tag(tag), f"a value (type {level.valued[tag]})", "none")] if tag in level.valued else [])
        if element.VR != "SQ":
            return Seen(list(illegal(element, self._charset)))
        seen, inside = Seen(), level.inside.get(tag) or Level()
        for number, inner in enumerate(item[tag].value, start=1):
            seen.add(self._item(inner, whole, inside), (keyword_for_tag(tag), number))
        return seen


def _charset(dataset: Dataset) -> tuple[str, ...]:
    named = dataset.get("SpecificCharacterSet") or ()
    return (named,) if isinstance(named, str) else tuple(str(name) for name in named)


def _elements(item: Dataset) -> Iterator[DataElement | RawDataElement]:
    for tag in item.keys():  # noqa: SIM118 - a data set iterates over decoded elements
        if tag not in PIXELS:
            yield item.get_item(tag)


def _missing(item: Dataset, whole: Dataset, level: Level) -> Iterator[Finding]:
    present = item.keys()
    for demand in level.demands:
        if demand.tag not in present and (demand.condition is None or demand.condition(item, whole)):
            yield Finding((), demand.keyword, f"type {demand.kind}", "none")


def _is_empty(element: DataElement | RawDataElement) -> bool:
    if isinstance(element, DataElement):
        return bool(element.is_empty)
    return not element.value or (element.VR in TEXTS and not element.value.strip(b" \0"))
