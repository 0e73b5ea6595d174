"""`verify`: read every file of every backup and compare its digest."""

from __future__ import annotations

from pathlib import Path

from node.workflow.backup.manifest import manifests
from node.workflow.backup.shelf import Shelf


def verify(target: Path) -> tuple[int, tuple[str, ...]]:
    """How many files were read, and a sentence for each that is missing or damaged.

    Raises
    ------
    DataError : a manifest cannot be read
    """
    shelf = Shelf(target)
    named = {entry.digest: entry.path for one in manifests(target) for entry in one.entries()}
    complaints = []
    for digest, path in sorted(named.items(), key=lambda item: item[1]):
        found = shelf.digest_of(digest)
        if found != digest:
            complaints.append(f"{path}: expected digest {digest}; found {found or 'no file'}")
    return len(named), tuple(complaints)
