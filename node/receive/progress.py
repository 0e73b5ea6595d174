"""How far a journal is filed, as the filer tells its writer: what lies before may be overwritten, and how much waits.

The register holds the truth (`node.domain.filing.Position`); this is its copy in the journal's folder, written after each commit, so that
the writer need not open a database. One that is missing, torn or of another journal says that nothing is filed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from node.domain.filing import Position
from node.receive.segments import opened


@dataclass(frozen=True)
class Progress:
    """The segment that is being filed, and up to where."""

    sequence: int
    offset: int


def read_progress(folder: Path, identity: str) -> Progress:
    """Up to where the journal in a folder is filed."""
    try:
        text = (folder / "filed").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return Progress(0, 0)
    said, _, check = text.rpartition(" ")
    of, *numbers = said.split(" ")
    if check != _check(said) or of != identity or len(numbers) != 2:
        return Progress(0, 0)
    return Progress(int(numbers[0]), int(numbers[1]))


def write_progress(folder: Path, position: Position) -> None:
    """Tell it. Not made durable: an older one costs nothing."""
    said = f"{position.identity} {position.sequence:020d} {position.offset:020d}"
    # Over the old one, in one piece of one length: a reader sees this or that, or a checksum that does not match.
    with opened(folder / "filed", os.O_WRONLY | os.O_CREAT) as descriptor:
        os.pwrite(descriptor, f"{said} {_check(said)}".encode("ascii"), 0)


def _check(said: str) -> str:
    return f"{crc32(said.encode('ascii', 'replace')):08x}"
