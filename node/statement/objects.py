"""The appendix of the conformance statement: which attributes the written objects hold, and where each value comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pydicom.datadict import dictionary_description, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from node.encode.headers import COPIED
from node.statement.markdown import table


def attributes(written: Mapping[str, Iterable[Dataset]]) -> str:
    """Attributes at the top level of objects, Markdown.

    Parameters
    ----------
    written : kind → objects of that kind, with or without their pixels
    """
    parts = [
        "# Attributes of the written objects\n",
        "*Read from written objects; see the [conformance statement](conformance.md).*\n"
        "Presence: always, or in some objects of the kind only.\n"
        "Source of the value: *study*, copied from the study that the object goes into; *node*, made by the node.\n",
    ]
    for kind, datasets in written.items():
        parts.append(_of_kind(kind, list(datasets)))
    return "\n".join(parts)


def _of_kind(kind: str, datasets: list[Dataset]) -> str:
    count: dict[BaseTag, int] = defaultdict(int)
    for dataset in datasets:
        for element in dataset:
            count[element.tag] += 1
    name = ", ".join(sorted({UID(dataset.SOPClassUID).name for dataset in datasets}))
    rows = [(str(tag), dictionary_description(tag), _presence(count[tag], len(datasets)), _source(tag)) for tag in sorted(count)]
    return f"## {kind}: {name}\n\n{table(('tag', 'attribute', 'presence', 'source'), rows)}\n"


def _presence(found: int, of: int) -> str:
    return "always" if found == of else "some"


def _source(tag: BaseTag) -> str:
    return "study" if keyword_for_tag(tag) in COPIED else "node"
