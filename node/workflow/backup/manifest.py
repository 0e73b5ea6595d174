"""`Manifest`: what one backup holds, as lines of JSON: what it was made of, then one line a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from node.errors import DataError
from node.workflow.backup.shelf import sync_folder

REGISTER = "node.db"
"""The path of the register among the entries."""


@dataclass(frozen=True)
class Entry:
    """One file: `path` relative to the storage folder, `digest` SHA-256, `changed_ns` its time of change."""

    path: str
    digest: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class Manifest:
    """One backup: where it is listed, and what made it."""

    file: Path
    taken_at: datetime
    version: str
    schema: str
    count: int

    def entries(self) -> Iterator[Entry]:
        """Its files.

        Raises
        ------
        DataError : the manifest is damaged
        """
        try:
            with self.file.open(encoding="utf-8") as lines:
                next(lines)
                found = 0
                for line in lines:
                    found += 1
                    yield Entry(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise DataError(f"the backup's manifest {self.file.name} is damaged in line {found + 2}") from error
        if found != self.count:
            raise DataError(f"the backup's manifest {self.file.name} is damaged: expected {self.count} files; found {found}")


def manifests(target: Path) -> tuple[Manifest, ...]:
    """The backups of a target, oldest first.

    Raises
    ------
    DataError : one of them cannot be read
    """
    return tuple(_read(file) for file in sorted((target / "backups").glob("*.jsonl")))


def write_manifest(target: Path, entries: Iterable[Entry], *, taken_at: datetime, version: str, schema: str) -> Manifest:
    """Write a manifest durably; from then on the backup exists."""
    folder = target / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    entries = list(entries)
    head = {"ember": version, "schema": schema, "taken_at": taken_at.isoformat(), "count": len(entries)}
    file = folder / f"{taken_at:%Y%m%dT%H%M%S.%fZ}.jsonl"
    part = file.with_suffix(".part")
    with part.open("w", encoding="utf-8") as lines:
        lines.write(json.dumps(head) + "\n")
        lines.writelines(json.dumps(asdict(entry)) + "\n" for entry in entries)
        lines.flush()
        os.fsync(lines.fileno())
    part.rename(file)
    sync_folder(folder)
    return _read(file)


def _read(file: Path) -> Manifest:
    try:
        with file.open(encoding="utf-8") as lines:
            head = json.loads(lines.readline())
        return Manifest(file, datetime.fromisoformat(head["taken_at"]), head["ember"], head["schema"], head["count"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"expected the manifest of a backup; {file.name} cannot be read") from error
