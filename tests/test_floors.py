"""The floors of the house: who may import whom, as data, and a walk over the syntax trees of ``node/``.

A *room* is a folder or a top-level file of ``node/``. Everyone may import the standard library, structlog and `node.errors`, and
NumPy where the nouns are allowed, because their arrays are its arrays. Imports inside a function count like those at the top.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

NODE = Path(__file__).parent.parent / "node"

VERBS = ("receive", "retrieve", "assemble", "align", "segment", "quantify", "encode", "deliver")

EVERYWHERE = {"errors", "structlog", ""}
"""What every room may import; "" is `node` itself, for the version."""

FLOORS: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "domain": {"numpy"},
    "imaging": {"domain", "SimpleITK", "scipy"},
    "atlas": {"domain", "imaging", "SimpleITK", "scipy"},
    "tls": {"domain", "cryptography"},
    "dimse": {"domain", "tls", "pydicom", "pynetdicom"},
    "multipart": set(),
    "part10": {"dimse"},
    "settings": {"domain", "pydantic"},
    "receive": {"domain", "dimse", "multipart", "part10", "tls", "pydicom", "pynetdicom", "starlette", "anyio", "uvicorn"},
    "retrieve": {"domain", "dimse", "multipart", "part10", "tls", "pydicom", "pynetdicom", "dicomweb_client", "requests", "starlette"},
    "deliver": {"domain", "dimse", "tls", "pydicom", "pynetdicom", "dicomweb_client", "requests", "starlette"},
    "assemble": {"domain", "pydicom", "highdicom"},
    "align": {"domain", "imaging", "atlas", "scipy", "SimpleITK"},
    "segment": {"domain", "imaging", "atlas", "scipy", "SimpleITK"},
    "quantify": {"domain", "imaging", "scipy"},
    "encode": {"domain", "imaging", "scipy", "pydicom", "highdicom", "matplotlib", "mpl_toolkits", "PIL"},
    "simulate": {"domain", "imaging", "atlas", "scipy", "SimpleITK", "pydicom"},
    "workflow": {"domain", "settings", "dbos", "sqlalchemy", "alembic", "psutil"},
    "interfaces": {"domain", "workflow", "fastapi", "jinja2"},
    "web": {"domain", "workflow", "fastapi", "jinja2"},
}
"""Room → the rooms and third-party packages that it may import. A room that is not listed (`app`, `cli`) may import everything."""

EXCEPTIONS: dict[str, set[str]] = {
    "workflow.steps": {*VERBS, "atlas", "dimse", "tls", "pydicom"},
    "simulate.pacs": {"pynetdicom"},
}
"""Modules, with those below them, that may import more than their room.

The steps call the verbs and hand them the template and the peer; the demo's PACS is a C-STORE SCP.
"""

ABOVE = {"app", "cli", "check", "commands", "demo", "statement", "train"}
"""The composition root, and the faces to people beside the web: they see everything."""


def modules() -> dict[str, Path]:
    """Every module below `node`, by its dotted name without "node."; a package by its folder's name."""
    found = {}
    for path in sorted(NODE.rglob("*.py")):
        parts = path.relative_to(NODE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(package, rest) of each import in a file: ("numpy", ""), ("node", "domain.volume.Volume")."""
    for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path)):
        if isinstance(item, ast.Import):
            names = [alias.name for alias in item.names]
        elif isinstance(item, ast.ImportFrom):
            assert item.level == 0, f"{path.name} line {item.lineno}: an import is absolute"
            names = [f"{item.module}.{alias.name}" for alias in item.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            yield package, rest


def forbidden(name: str, path: Path) -> list[str]:
    """What a module imports and may not."""
    room = name.partition(".")[0]
    if room in ABOVE:
        return []
    allowed = EVERYWHERE | {room} | FLOORS[room]
    for module, more in EXCEPTIONS.items():
        allowed |= more if f"{name}.".startswith(f"{module}.") else set()
    if "domain" in allowed:
        allowed |= {"numpy"}
    wrong = []
    for package, rest in imports(path):
        if package == "node":
            target = rest.partition(".")[0]
            room_of_target = target if (NODE / target).is_dir() or (NODE / f"{target}.py").is_file() else ""
            wrong += [room_of_target] * (room_of_target not in allowed)
        elif package not in sys.stdlib_module_names and package not in allowed:
            wrong.append(package)
    return sorted(set(wrong))


def graph() -> dict[str, set[str]]:
    """Module → the modules of `node` that it imports."""
    known = modules()
    edges: dict[str, set[str]] = {}
    for name, path in known.items():
        targets = set()
        for package, rest in imports(path):
            if package == "node":
                targets.add(rest if rest in known else rest.rpartition(".")[0])
        edges[name] = targets & set(known) - {name}
    return edges


@pytest.mark.parametrize("name", modules())
def test_a_module_imports_only_what_its_floor_allows(name: str) -> None:
    assert forbidden(name, modules()[name]) == []


def test_every_room_has_its_line_in_the_table() -> None:
    rooms = {name.partition(".")[0] for name in modules()}

    assert rooms - ABOVE <= set(FLOORS)


def test_no_verb_may_import_a_verb_by_the_table_itself() -> None:
    for verb in VERBS:
        assert not FLOORS[verb] & set(VERBS)


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def test_the_walk_sees_a_forbidden_import(tmp_path: Path) -> None:
    file = tmp_path / "sneaky.py"
    file.write_text("def f():\n    from node.encode import page\n    import requests\n    import numpy, json\n")

    assert forbidden("align.sneaky", file) == ["encode", "requests"]
