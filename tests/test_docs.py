"""What is documented is what there is: commands, settings, states and errors."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from node import errors
from node.cli import main
from node.settings import Settings, load
from node.workflow.states import State

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATION = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
MANUAL = (ROOT / "config" / "node.toml").read_text(encoding="utf-8")


def test_every_command_is_in_the_readme_and_has_help() -> None:
    for name, command in main.commands.items():
        if not command.hidden:
            assert f"ember {name}" in README
            assert command.help


def test_every_command_of_the_manual_is_one() -> None:
    named = set(re.findall(r"`ember ([a-z][a-z-]*)", OPERATION + README))
    assert {"callers", "backup"} < named
    assert named <= main.commands.keys()


def test_the_settings_of_the_readme_are_taken(tmp_path: Path) -> None:
    (example,) = re.findall(r"```\n(\[node\]\n.*?)```", README, re.DOTALL)
    (tmp_path / "node.toml").write_text(example, encoding="utf-8")
    settings = load(tmp_path / "node.toml", {})
    assert [peer.ae_titles for peer in settings.peer] == [("MR3T",)]
    assert [destination.name for destination in settings.destination] == ["pacs"]


def test_every_setting_that_the_manual_names_is_one() -> None:
    sections = {name: section_of(field.annotation).model_fields for name, field in Settings.model_fields.items()}
    named = re.findall(r"`(receiver|tls|peer|destination|retrieve|keeping|web|node)\.([a-z_]+)", OPERATION)
    assert named
    assert [key for section, key in named if key not in sections[section] and key not in ("toml", "db")] == []


def test_every_state_is_in_the_readme() -> None:
    for state in State:
        assert state.value in README


def section_of(annotation: object) -> type[BaseModel]:
    """The model of one section, also where there are several or where it may be left out."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    assert len(kinds) == 1
    return kinds[0]


def test_every_setting_is_in_the_manual() -> None:
    for section, field in Settings.model_fields.items():
        for key in section_of(field.annotation).model_fields:
            assert re.search(rf"^#? ?{key} = ", MANUAL, re.MULTILINE), f"{section}.{key} is not described in config/node.toml"


EXAMPLES = ("tls_port", "also_called", "template", "genotypes", "svca_classes", "atlas", "lesion_program", "days", "port", "tokens")
"""Keys that the manual shows with an example: the default is none."""

PLAIN = ("receiver", "analysis", "compute", "log", "retrieve", "keeping", "web")
"""Sections that are always there."""


def test_the_defaults_in_the_manual_are_the_defaults() -> None:
    parts = {part[: part.index("]")]: part for part in re.split(r"^(?:# )?\[+", MANUAL, flags=re.MULTILINE)[1:]}
    for section in PLAIN:
        shown = tomllib.loads(re.sub(r"^# ?(?=\w+ = )", "", "[" + parts[section], flags=re.MULTILINE))[section]
        model = section_of(Settings.model_fields[section].annotation)
        plain = {key: value for key, value in shown.items() if key not in EXAMPLES or (section, key) == ("receiver", "port")}
        assert plain.keys() | set(EXAMPLES) >= model.model_fields.keys()
        assert model.model_validate(plain) == model()


def test_the_examples_in_the_manual_are_taken(tmp_path: Path) -> None:
    text = re.sub(r"^# ?(?=(\w+ = |\[))", "", MANUAL, flags=re.MULTILINE)
    (tmp_path / "node.toml").write_text(text.replace('_name = ""', '_name = "L"'), encoding="utf-8")
    settings = load(tmp_path / "node.toml", {})
    assert settings.analysis.lesion_program
    assert settings.analysis.genotypes == tmp_path / "genotypes.csv"
    assert settings.destination[0].name == "pacs"


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)])
def test_every_error_class_is_in_the_tree(kind: type) -> None:
    assert kind.__name__ in str(errors.__doc__)
