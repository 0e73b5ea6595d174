"""The site's settings: one TOML file, the files that it names, and the environment, made into frozen objects.

`load(path)` reads ``node.toml`` and reports all mistakes at once, each with its key path. A variable ``EMBER__SECTION__KEY``
replaces the key of that section, so that a container needs no file of its own: ``EMBER__RECEIVER__PORT=11113``. Paths in the file are
relative to the file's folder. Every key is described in ``config/node.toml``; ``config/tracers`` and ``config/scanners`` hold one
TOML file a tracer or a manufacturer.

What each file holds: `sections` the shape of ``node.toml``, `network` those of its sections that speak of the network, `profiles` tracers
and scanners, `protocols` what a rule may have an exam do otherwise, `files` how a TOML file is read and its mistakes are told; here `load`
and `digest`.

Decisions
---------
A tracer's file must say for each of its facts where it is from, or the node does not start, because a number without a source is taken
for a published one sooner or later; instead of trusting that whoever adds a tracer also adds the line.

What is from memory or ours is called so in the file and travels with the result, instead of being cited as if it had been looked up.

The digest of an exam's settings leaves out what only routes: which exams are analysed, by which rule, how soon, after which waiting. Two
exams of one protocol have one digest, whatever rule led them there, and a rule that is added changes nobody's UIDs; a protocol's own values
are in it.

The site sets the reference for all tracers or leaves it to each tracer's file; there is no third place.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from node.errors import SettingsError
from node.settings.files import read_toml, sentences
from node.settings.network import Destination, PeerSection, ReceiverSection, Section
from node.settings.profiles import scanners, tracers
from node.settings.protocols import load_protocols, with_overrides
from node.settings.sections import AnalysisSection, NodeSection, Settings

__all__ = [
    "AnalysisSection",
    "Destination",
    "NodeSection",
    "PeerSection",
    "ReceiverSection",
    "Settings",
    "digest",
    "load",
    "load_protocols",
    "read_toml",
    "scanners",
    "shipped_folder",
    "tracers",
    "with_overrides",
]

AnySection = TypeVar("AnySection", bound=Section)

PLACES = ("rules", "tracers", "scanners", "template", "genotypes", "svca_classes", "atlas")
"""Keys of [analysis] that name a file or a folder."""

ROUTING = ("analyse", "completeness", "exam", "protocol")
"""Sections of ``rules.toml`` that say whether, when and by which protocol an exam is analysed, and never what comes out of it."""


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
        raise SettingsError(sentences(error)) from error
    return _absolute(settings, path.resolve().parent)


def digest(settings: Settings) -> str:
    """First 12 hexadecimal digits of a SHA-256 over all that can change a number or a picture: [analysis] and the files that it names.

    Of the rules, the sections that only route are left out. Of the rest, two things: the list of genotypes, which grows with every person
    and of which a result names its own line; and the site's lesion program, of which only the command line is known here.
    """
    analysis = settings.analysis
    plain = analysis.model_dump(mode="json", exclude=set(PLACES)) | {"template": str(analysis.template or "")}
    whole = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    rules = read_toml(analysis.rules) if analysis.rules.is_file() else {}
    deciding = {section: values for section, values in rules.items() if section not in ROUTING}
    whole.update(json.dumps(deciding, sort_keys=True, default=str).encode())
    for name in ("tracers", "scanners", "svca_classes", "atlas"):
        for file in _files(name, getattr(analysis, name)):
            whole.update(f"{name}/{file.name}\0".encode() + file.read_bytes())
    return whole.hexdigest()[:12]


def shipped_folder() -> Path:
    """The configuration that comes with the package: beside it in a checkout, inside it when installed."""
    package = Path(__file__).parent.parent
    inside = package / "config"
    return inside if inside.is_dir() else package.parent / "config"


def _files(name: str, place: Path | None) -> list[Path]:
    """What a key of [analysis] names: itself, the files of a folder, an atlas with its table."""
    if place is None:
        return []
    if place.is_dir():
        return sorted(file for file in place.glob("*" if name == "svca_classes" else "*.toml") if file.is_file())
    table = place.with_name(f"{place.name.removesuffix('.gz').removesuffix('.nii')}.tsv")
    return [file for file in dict.fromkeys((place, table)) if file.is_file()]


def _replace(table: dict[str, Any], name: str, text: str) -> None:
    section, _, key = name.removeprefix("EMBER__").lower().partition("__")
    if not key or section == "destination":
        raise SettingsError([f"{name}: expected EMBER__SECTION__KEY of one of the plain sections"])
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text
    table.setdefault(section, {})[key] = value


def _absolute(settings: Settings, folder: Path) -> Settings:
    analysis = settings.analysis
    named = {name: getattr(analysis, name) for name in PLACES}
    placed = {name: None if place is None else folder / place.expanduser() for name, place in named.items()}
    node = settings.node.model_copy(update={"storage": folder / settings.node.storage.expanduser()})
    changed: dict[str, object] = {"node": node, "analysis": analysis.model_copy(update=placed), "web": _placed(settings.web, folder)}
    changed |= {"peer": tuple(_placed(one, folder) for one in settings.peer)}
    changed |= {"destination": tuple(_placed(one, folder) for one in settings.destination)}
    changed |= {"tls": None if settings.tls is None else _placed(settings.tls, folder)}
    return settings.model_copy(update=changed)


def _placed(section: AnySection, folder: Path) -> AnySection:
    """A section with its paths relative to the file's folder."""
    paths = {name: folder / value.expanduser() for name in type(section).model_fields if isinstance(value := getattr(section, name), Path)}
    return section.model_copy(update=paths)
