"""The site's settings: one TOML file, the files that it names, and the environment, made into frozen objects.

`load(path)` reads ``node.toml`` and reports all mistakes at once, each with its key path. A variable ``EMBER__SECTION__KEY``
replaces the key of that section, so that a container needs no file of its own: ``EMBER__RECEIVER__PORT=11113``. Paths in the file are
relative to the file's folder. Every key is described in ``config/node.toml``; ``config/tracers`` and ``config/scanners`` hold one
TOML file a tracer or a manufacturer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from node.domain.codes import Code
from node.domain.tracer import ScannerProfile, TracerProfile
from node.errors import SettingsError

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)  # what is not read costs no start


class NodeSection(_Section):
    """[node]: who this node is and where it keeps things."""

    ae_title: AETitle = "EMBER"
    storage: Path = Field(strict=False)
    institution: str = ""


class ReceiverSection(_Section):
    """[receiver]: the door through which images come in."""

    host: str = "0.0.0.0"
    port: Port = 11112
    max_associations: Annotated[int, Field(ge=1, le=1000)] = 20
    accept_from: tuple[AETitle, ...] = Field(default=(), strict=False)
    min_free_gib: Annotated[float, Field(ge=0, strict=False)] = 5.0


class Destination(_Section):
    """[[destination]]: a PACS to which results go."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    host: str
    port: Port
    ae_title: AETitle
    timeout_s: Annotated[float, Field(gt=0, strict=False)] = 30.0


class AnalysisSection(_Section):
    """[analysis]: what is analysed, and how it is shown."""

    rules: Path = Field(default=Path("rules.toml"), strict=False)
    tracers: Path = Field(default=Path("tracers"), strict=False)
    scanners: Path = Field(default=Path("scanners"), strict=False)
    template: Path | None = Field(default=None, strict=False)
    reading: Literal["FLAIR", "T1"] = "FLAIR"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101


class ComputeSection(_Section):
    """[compute]: the limits of the process that does the sums."""

    timeout_s: Annotated[float, Field(gt=0, strict=False)] = 1800.0
    memory_mib: Annotated[int, Field(ge=512)] = 6144
    attempts: Annotated[int, Field(ge=1, le=10)] = 3


class LogSection(_Section):
    """[log]: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    form: Literal["text", "json"] = "text"


class Settings(_Section):
    """Everything that the site says, checked as a whole."""

    node: NodeSection
    receiver: ReceiverSection = ReceiverSection()
    destination: tuple[Destination, ...] = Field(default=(), strict=False)
    analysis: AnalysisSection = AnalysisSection()
    compute: ComputeSection = ComputeSection()
    log: LogSection = LogSection()

    @field_validator("destination")
    @classmethod
    def _names_differ(cls, value: tuple[Destination, ...]) -> tuple[Destination, ...]:
        names = [destination.name for destination in value]
        if len(set(names)) != len(names):
            raise ValueError(f"each destination needs a name of its own; found {', '.join(names)}")
        return value


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read ``node.toml``, with the environment's replacements.

    Raises
    ------
    SettingsError : the file cannot be read, or it holds mistakes; all of them are listed
    """
    table = read_toml(path)
    for name, value in sorted(environment.items()):
        if name.startswith("EMBER__"):
            _replace(table, name, value)
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        raise SettingsError([_sentence(item) for item in error.errors()]) from error
    return _absolute(settings, path.resolve().parent)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a table; SettingsError says where it is broken."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: cannot be read: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path}: is not TOML: {error}"]) from error


def digest(settings: Settings) -> str:
    """First 12 hexadecimal digits of a SHA-256 over all that can change a number or a picture: [analysis] and the files that it names."""
    analysis = settings.analysis
    whole = hashlib.sha256(json.dumps([analysis.reading, analysis.seed, str(analysis.template or "")]).encode())
    for place in (analysis.rules, analysis.tracers, analysis.scanners):
        for file in [place] if place.is_file() else sorted(place.glob("*.toml")):
            whole.update(file.name.encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()[:12]


def tracers(folder: Path) -> dict[str, TracerProfile]:
    """Every tracer of ``config/tracers``, by the name of its file.

    Raises
    ------
    SettingsError : a file is wrong, or there is none
    """
    mistakes: list[str] = []
    found: dict[str, TracerProfile] = {}
    for file in sorted(folder.glob("*.toml")):
        try:
            entry = _TracerFile.model_validate(read_toml(file))
        except ValidationError as error:
            mistakes += [f"{file.name}: {_sentence(item)}" for item in error.errors()]
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
            mistakes += [f"{file.name}: {_sentence(item)}" for item in error.errors()]
        else:
            found += [ScannerProfile(**dict(entry)) for entry in entries.scanner]
    if mistakes:
        raise SettingsError(mistakes)
    return tuple(found)


def shipped_folder() -> Path:
    """The configuration that comes with the package: beside it in a checkout, inside it when installed."""
    inside = Path(__file__).with_name("config")
    return inside if inside.is_dir() else Path(__file__).parent.parent / "config"


class _CodeTable(_Section):
    value: str
    scheme: str
    meaning: str


class _TracerFile(_Section):
    name: str
    code: _CodeTable | None = None
    pattern: str
    radionuclide: Literal["C-11", "F-18"]
    half_life_s: Annotated[float, Field(gt=0, strict=False)]
    genotype_sensitive: bool
    window_min: Annotated[tuple[float, float], Field(strict=False)]
    shortest_window_min: Annotated[float, Field(gt=0, strict=False)]
    reference: Literal["cerebellar_gm"]
    sources: dict[str, str]

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
            window_s=(start * 60.0, end * 60.0),
            shortest_window_s=self.shortest_window_min * 60.0,
            reference=self.reference,
            sources=tuple(sorted(self.sources.items())),
        )


class _Scanner(_Section):
    manufacturer: str
    model: str
    reconstruction: str = ""
    fwhm_mm: Annotated[float, Field(gt=0, lt=20, strict=False)]
    source: str


class _ScannerFile(_Section):
    scanner: tuple[_Scanner, ...] = Field(default=(), strict=False)


def _replace(table: dict[str, Any], name: str, text: str) -> None:
    section, _, key = name.removeprefix("EMBER__").lower().partition("__")
    if not key or section == "destination":
        raise SettingsError([f"{name}: expected EMBER__SECTION__KEY of one of the plain sections"])
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text
    table.setdefault(section, {})[key] = value


def _sentence(item: Any) -> str:
    path = ".".join(str(part + 1) if isinstance(part, int) else part for part in item["loc"])
    found = "" if item["type"] == "missing" else f"; found {item['input']!r}"
    advice = "this key is unknown" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
    return f"{path}: {advice}{found}"


def _absolute(settings: Settings, folder: Path) -> Settings:
    analysis = settings.analysis
    placed = {name: folder / getattr(analysis, name) for name in ("rules", "tracers", "scanners")}
    placed["template"] = folder / analysis.template if analysis.template else None
    node = settings.node.model_copy(update={"storage": folder / settings.node.storage.expanduser()})
    return settings.model_copy(update={"node": node, "analysis": analysis.model_copy(update=placed)})
