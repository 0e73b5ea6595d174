"""What the gate's checks take and give.

A *sheet* is one written object as it was read back. A *finding* is a complaint whose object is known from the sheet; its *path* leads
through sequences and the numbers of their items, from 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from node.encode.objects import Complaint, Encoded

Path = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Finding:
    """What is wrong, where: `keyword` names an attribute, or the rule that was broken."""

    path: Path
    keyword: str
    expected: str
    found: str

    def complaint(self, sop_instance_uid: str) -> Complaint:
        """The same of an object."""
        steps = (f"{keyword}[{number}]" for keyword, number in self.path)
        return Complaint(sop_instance_uid, ".".join((*steps, self.keyword)), self.expected, self.found)


@dataclass(frozen=True, eq=False)
class Sheet:
    """One written object, and what its file holds."""

    encoded: Encoded
    dataset: Dataset
