"""The files of ``config/tracers`` and ``config/scanners``, read into `TracerProfile` and `ScannerProfile`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from node.domain.codes import Code
from node.domain.result import Quantity
from node.domain.tracer import Repeatability, ScannerProfile, Spread, TracerProfile
from node.errors import SettingsError
from node.settings.files import read_toml, sentences
from node.settings.network import Section
from node.settings.sections import DynamicReference, Reference

UNSOURCED = frozenset({"name", "sources", "repeatability"})
"""Keys of a tracer's file that are no facts, or bring their source with them."""

Minutes = Annotated[float, Field(gt=0, strict=False)]


def tracers(folder: Path) -> dict[str, TracerProfile]:
    """Every tracer of ``config/tracers``, by the name of its file.

    Raises
    ------
    SettingsError : a file is wrong, a fact in it has no source, or there is none
    """
    mistakes: list[str] = []
    found: dict[str, TracerProfile] = {}
    for file in sorted(folder.glob("*.toml")):
        try:
            entry = _TracerFile.model_validate(read_toml(file))
        except ValidationError as error:
            mistakes += [f"{file.name}: {sentence}" for sentence in sentences(error)]
        else:
            found[file.stem] = entry.profile(file.stem)
    if not found and not mistakes:
        mistakes.append(f"analysis.tracers: expected TOML files in {folder}; found none")
    if mistakes:
        raise SettingsError(mistakes)
    return found


def scanners(folder: Path) -> tuple[ScannerProfile, ...]:
    """Every entry of ``config/scanners``, in the order of the files; SettingsError where one is wrong."""
    mistakes: list[str] = []
    found: list[ScannerProfile] = []
    for file in sorted(folder.glob("*.toml")):
        try:
            entries = _ScannerFile.model_validate(read_toml(file))
        except ValidationError as error:
            mistakes += [f"{file.name}: {sentence}" for sentence in sentences(error)]
        else:
            found += [ScannerProfile(**dict(entry)) for entry in entries.scanner]
    if mistakes:
        raise SettingsError(mistakes)
    return tuple(found)


class _CodeTable(Section):
    value: str
    scheme: str
    meaning: str


class _RepeatabilityTable(Section):
    quantity: Literal["SUVR", "DVR"]
    regions: tuple[str, ...] = Field(default=(), strict=False)
    references: Annotated[tuple[DynamicReference, ...], Field(min_length=1, strict=False)]
    window_min: Annotated[tuple[float, float], Field(strict=False)] | None = None
    coefficient_percent: Annotated[float, Field(gt=0, strict=False)] | None = None
    difference_percent: Annotated[float, Field(gt=0, strict=False)] | None = None
    within_subject_percent: Annotated[float, Field(gt=0, strict=False)] | None = None
    people: Annotated[int, Field(ge=2)] | None = None
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _one_measure(self) -> _RepeatabilityTable:
        if len(self._measures()) > 1:
            raise ValueError("expected one of coefficient_percent, difference_percent and within_subject_percent, or none; found several")
        return self

    def _measures(self) -> dict[Spread, float]:
        said = {
            Spread.COEFFICIENT: self.coefficient_percent,
            Spread.DIFFERENCE: self.difference_percent,
            Spread.WITHIN_SUBJECT: self.within_subject_percent,
        }
        return {spread: value for spread, value in said.items() if value is not None}

    def entry(self) -> Repeatability:
        spread, percent = next(iter(self._measures().items()), (Spread.COEFFICIENT, None))
        window = None if self.window_min is None else (self.window_min[0] * 60.0, self.window_min[1] * 60.0)
        quantity = {"SUVR": Quantity.SUVR, "DVR": Quantity.DVR}[self.quantity]
        return Repeatability(quantity, self.regions, self.references, window, spread, percent, self.people, self.source)


class _TracerFile(Section):
    name: str
    code: _CodeTable | None = None
    pattern: str
    radionuclide: Literal["C-11", "F-18"]
    half_life_s: Annotated[float, Field(gt=0, strict=False)]
    genotype_sensitive: bool
    lab_interpretable: bool
    affinity_ratio: Annotated[float, Field(ge=1, strict=False)] | None = None
    window_min: Annotated[tuple[float, float], Field(strict=False)]
    shortest_window_min: Minutes
    t_star_min: Minutes
    reference: Reference
    dynamic_reference: DynamicReference
    repeatability: tuple[_RepeatabilityTable, ...] = Field(default=(), strict=False)
    sources: dict[str, Annotated[str, Field(min_length=1)]]

    @field_validator("pattern")
    @classmethod
    def _is_an_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"expected a regular expression; {error}") from error
        return value

    @field_validator("window_min")
    @classmethod
    def _rises(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1]:
            raise ValueError(f"expected a start and a later end in minutes; found {value}")
        return value

    @model_validator(mode="after")
    def _every_fact_has_a_source(self) -> _TracerFile:
        facts = self.model_fields_set - UNSOURCED
        if wrong := sorted(facts ^ set(self.sources)):
            raise ValueError(f"sources: expected one line for each fact and no other; missing, or too many: {', '.join(wrong)}")
        return self

    @model_validator(mode="after")
    def _genotype_is_of_one_mind(self) -> _TracerFile:
        if not self.lab_interpretable and not self.genotype_sensitive:
            raise ValueError("lab_interpretable = false needs genotype_sensitive = true")
        return self

    def profile(self, key: str) -> TracerProfile:
        code = Code(self.code.value, self.code.scheme, self.code.meaning) if self.code else None
        start, end = self.window_min
        return TracerProfile(
            key=key,
            name=self.name,
            code=code,
            pattern=self.pattern,
            radionuclide=self.radionuclide,
            half_life_s=self.half_life_s,
            genotype_sensitive=self.genotype_sensitive,
            lab_interpretable=self.lab_interpretable,
            affinity_ratio=self.affinity_ratio,
            window_s=(start * 60.0, end * 60.0),
            shortest_window_s=self.shortest_window_min * 60.0,
            t_star_s=self.t_star_min * 60.0,
            reference=self.reference,
            dynamic_reference=self.dynamic_reference,
            sources=tuple(sorted(self.sources.items())),
            repeatability=tuple(table.entry() for table in self.repeatability),
        )


class _Scanner(Section):
    manufacturer: str
    model: str
    reconstruction: str = ""
    fwhm_mm: Annotated[float, Field(gt=0, lt=20, strict=False)]
    source: str


class _ScannerFile(Section):
    scanner: tuple[_Scanner, ...] = Field(default=(), strict=False)
