"""What of our own results may be asked for over DICOMweb, and the protocol by which the web's process learns of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Shown:
    """One frozen object that may be asked for.

    Parameters
    ----------
    path : of its file, which is never changed
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: Path


class Results(Protocol):
    """The results that may be asked for now. May be called from several threads."""

    def versions(self) -> frozenset[str]:
        """The names of the versions of exams whose objects may be asked for: "E00012/v1". Asked often, hence quick."""
        ...

    def objects(self, version: str) -> tuple[Shown, ...]:
        """The objects of a version, always the same ones; none where it has none, or has gone meanwhile."""
        ...
