"""Protocols: named sets of overrides of [analysis], from ``[protocol.NAME]`` of ``config/rules.toml``; a rule says which exam takes which.

A protocol may say other methods and another presentation. It may not say other files, another seed or another lesion program: those are
the site's, and what is installed there has to be checked once.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from node.errors import SettingsError
from node.settings.files import read_toml, sentences
from node.settings.sections import AnalysisSection, Settings

Overrides = Mapping[str, object]
"""Key of [analysis] → value, as TOML and JSON have it."""

OVERRIDABLE = ("reading", "reference", "maps", "partial_volume", "physicist_page", "objects", "seg_form", "language")
"""Keys of [analysis] that a protocol may say otherwise."""


def load_protocols(settings: Settings, table: Mapping[str, object] | None = None) -> dict[str, Overrides]:
    """Every protocol of the site, by name.

    Parameters
    ----------
    table : the parsed ``rules.toml``; read from where the settings say without it

    Raises
    ------
    SettingsError : lists every mistake, each beginning with its key path
    """
    found = (read_toml(settings.analysis.rules) if table is None else table).get("protocol", {})
    named = dict(found) if isinstance(found, Mapping) else {}
    mistakes = [mistake for name, overrides in named.items() for mistake in _mistakes(settings, name, overrides)]
    if mistakes:
        raise SettingsError(mistakes)
    return named


def with_overrides(settings: Settings, overrides: Overrides) -> Settings:
    """The settings of an exam that takes a protocol.

    Raises
    ------
    SettingsError : the overrides do not fit the rest of [analysis]
    """
    try:
        analysis = AnalysisSection.model_validate(settings.analysis.model_dump() | dict(overrides))
    except ValidationError as error:
        raise SettingsError(sentences(error)) from error
    return settings.model_copy(update={"analysis": analysis})


def _mistakes(settings: Settings, name: str, overrides: object) -> list[str]:
    path = f"rules.protocol.{name}"
    if not isinstance(overrides, Mapping) or not overrides:
        return [f"{path}: expected a table with some of {', '.join(OVERRIDABLE)}; found {overrides!r}"]
    allowed = {key: value for key, value in overrides.items() if key in OVERRIDABLE}
    told = [
        f"{path}.{key}: a protocol cannot say this; expected one of {', '.join(OVERRIDABLE)}" for key in overrides if key not in allowed
    ]
    try:
        with_overrides(settings, allowed)
    except SettingsError as error:
        told += [f"{path}.{mistake}" for mistake in error.mistakes]
    return told
