"""The site's list of rs6971 genotypes: a CSV file with the columns patient_id, issuer, genotype, source.

A row without an issuer fits a patient ID of any issuer; one with an issuer fits that one alone, and is preferred. Mistakes are told by
their line, never by a patient ID.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from node.errors import SettingsError

COLUMNS = ("patient_id", "issuer", "genotype", "source")
CLASSES = ("HAB", "MAB", "LAB", "unknown")


@dataclass(frozen=True)
class Genotype:
    """What the list says of one person: `binding` HAB, MAB, LAB or None where nobody knows, `source` who says so."""

    binding: str | None
    source: str


@dataclass(frozen=True)
class Genotypes:
    """The whole list, by (patient ID, issuer)."""

    entries: Mapping[tuple[str, str], Genotype]

    def __len__(self) -> int:
        return len(self.entries)

    def of(self, patient_id: str, issuer: str) -> Genotype | None:
        """What the list says of a person; None where it does not name them."""
        if not patient_id:
            return None
        return self.entries.get((patient_id, issuer)) or self.entries.get((patient_id, ""))


def load_genotypes(path: Path) -> Genotypes:
    """Read the list.

    Raises
    ------
    SettingsError : it cannot be read, or it holds mistakes; all of them are listed
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError([f"analysis.genotypes: {path.name} cannot be read: {error}"]) from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise SettingsError([f"analysis.genotypes: {path.name} line 1: expected the columns {','.join(COLUMNS)}"])
    mistakes: list[str] = []
    entries: dict[tuple[str, str], Genotype] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        wrong = _mistake(cells, entries) if any(cells) else ""
        if wrong:
            mistakes.append(f"analysis.genotypes: {path.name} line {number}: {wrong}")
        elif any(cells):
            patient_id, issuer, binding, source = cells
            entries[patient_id, issuer] = Genotype(None if binding == "unknown" else binding, source)
    if mistakes:
        raise SettingsError(mistakes)
    return Genotypes(entries)


def _mistake(cells: list[str], entries: Mapping[tuple[str, str], Genotype]) -> str:
    """What is wrong with a row; empty where nothing is."""
    if len(cells) != len(COLUMNS):
        return f"expected {len(COLUMNS)} columns; found {len(cells)}"
    patient_id, issuer, binding, source = cells
    if not patient_id:
        return "expected a patient_id; found none"
    if binding not in CLASSES:
        return f"expected a genotype of {', '.join(CLASSES)}; found something else"  # a patient ID, where columns were mixed up
    if not source:
        return "expected a source, who found the genotype and when; found none"
    if (patient_id, issuer) in entries:
        return "the same patient_id and issuer stand in an earlier line"
    return ""
