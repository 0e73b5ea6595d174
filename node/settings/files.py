"""Reading of settings files, with mistakes told as sentences."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from node.errors import SettingsError


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a table; SettingsError says where it is broken."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: cannot be read: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path}: is not TOML: {error}"]) from error


def sentences(error: ValidationError) -> list[str]:
    """What pydantic found wrong, one sentence each, beginning with the key path."""
    return [_sentence(item) for item in error.errors()]


def _sentence(item: Any) -> str:
    path = ".".join(str(part + 1) if isinstance(part, int) else part for part in item["loc"])
    told = item["type"] == "missing" or isinstance(item["input"], dict)
    found = "" if told else f"; found {item['input']!r}"
    advice = "this key is unknown" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
    return f"{path}: {advice}{found}".removeprefix(": ")
