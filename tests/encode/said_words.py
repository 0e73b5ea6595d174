"""What the code says, read from its syntax trees: the phrases of the pages, and the sentences that other verbs make.

A *template* is a text with `{}` at each place that is filled in when the code runs. A text that is put together from a local variable is
resolved: its variable's own templates are tried in its place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path

NODE = Path(__file__).parents[2] / "node"
MOST = 48
"""Templates that one expression may give at most."""

_PLACE = re.compile(r"\{[^{}]*\}")
_WORDS = re.compile(r"[a-zäöü]{3,}.* .*[a-zäöü]{3,}|\} [a-z]{4,}|[a-z]{4,} \{")
_NOT_FOR_READERS = ("ValueError", "KeyError", "TypeError", "RuntimeError", "SettingsError", "AssertionError")


def phrases(folder: Path) -> set[str]:
    """Every text that is given to `say(...)` and `….say(...)` below a folder: literals, and constants of its modules by their name."""
    trees = [ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))]
    constants: dict[str, list[str]] = {}
    for name, texts in (found for tree in trees for found in _constants(tree)):
        constants.setdefault(name, []).extend(texts)
    calls = (call for tree in trees for call in ast.walk(tree) if isinstance(call, ast.Call) and _name(call.func) == "say" and call.args)
    return {text for call in calls for text in _choices(call.args[0], constants)}


def literals(folder: Path) -> set[str]:
    """Every text that stands in the code below a folder as it is."""
    trees = (ast.parse(path.read_text()) for path in folder.rglob("*.py"))
    return {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def placeholders(template: str) -> set[str]:
    """The names of its places."""
    return set(_PLACE.findall(template))


def sentences(path: Path) -> set[str]:
    """Every template of a file that reads like words, but those that only a programmer sees."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(child) for function in functions for child in ast.walk(function) if child is not function}
    top = [node for node in functions if id(node) not in inside]
    found: set[str] = set()
    for function in top:
        found |= _Scope(function).templates()
    rest = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    for node in rest:
        found |= _Scope(node).templates()
    return {text for text in found if _WORDS.search(text) and "\n" not in text}


class _Scope:
    """One function, or one statement of a module."""

    def __init__(self, node: ast.AST) -> None:
        self._node = node
        self._values: dict[str, list[ast.expr]] = {}
        self._added: dict[str, list[ast.expr]] = {}
        for child in ast.walk(node):
            self._keep(child)
        # Something is added in one branch alone: what it is added to stands by itself in the other.
        self._perhaps = any(
            isinstance(child, ast.AugAssign) for branch in ast.walk(node) if isinstance(branch, ast.If) for child in branch.body
        )
        self._used: set[int] = set()

    def templates(self) -> set[str]:
        roots = list(self._roots(self._node))
        given = [(root, self._of(root, frozenset())) for root in roots]
        longer = [text for name in self._added if name in self._values for text in self._of_variable(name, frozenset({name})) or ()]
        return {text for root, texts in given if id(root) not in self._used for text in texts or ()} | set(longer)

    def _keep(self, child: ast.AST) -> None:
        if isinstance(child, ast.Assign) and len(child.targets) == 1 and isinstance(child.targets[0], ast.Name):
            self._values.setdefault(child.targets[0].id, []).append(child.value)
        if isinstance(child, ast.AugAssign) and isinstance(child.target, ast.Name):
            self._added.setdefault(child.target.id, []).append(child.value)

    def _roots(self, node: ast.AST) -> Iterator[ast.expr]:
        """The outermost expressions that make text, without docstrings and what only a programmer sees."""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.Call) and _unread(node):
            return
        if isinstance(node, ast.Constant | ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)):
            texts = self._of(node, frozenset())
            if texts is not None:
                yield node
                return
        for child in ast.iter_child_nodes(node):
            yield from self._roots(child)

    def _of(self, node: ast.expr, seen: frozenset[str]) -> list[str] | None:
        if isinstance(node, ast.Constant):
            return [_PLACE.sub("{}", node.value)] if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return _joined([self._part(part, seen) for part in node.values])
        if isinstance(node, ast.IfExp):
            texts = [self._of(side, seen) for side in (node.body, node.orelse)]
            return None if texts == [None, None] else [text for side in texts for text in side or ["{}"]]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = [self._of(side, seen) for side in (node.left, node.right)]
            return None if None in sides else _joined([side for side in sides if side is not None])
        if isinstance(node, ast.Name) and node.id in self._values and node.id not in seen:
            return self._of_variable(node.id, seen | {node.id})
        return None

    def _part(self, part: ast.expr, seen: frozenset[str]) -> list[str]:
        if not isinstance(part, ast.FormattedValue):
            return self._of(part, seen) or ["{}"]
        return self._of(part.value, seen) or ["{}"]

    def _of_variable(self, name: str, seen: frozenset[str]) -> list[str] | None:
        values = [self._of(value, seen) for value in self._values[name]]
        if not any(values):
            return None
        texts = [text for value in values for text in value or ["{}"]]
        added = [text for value in self._added.get(name, ()) for text in self._of(value, seen) or ["{}"]]
        for value in (*self._values[name], *self._added.get(name, ())):
            self._used |= {id(child) for child in ast.walk(value)}
        longer = [a + b for a, b in product(texts, added)]
        return list(dict.fromkeys(longer if added and not self._perhaps else [*texts, *longer]))[:MOST]


def _joined(parts: list[list[str]]) -> list[str]:
    return list(dict.fromkeys("".join(each) for each in product(*parts)))[:MOST]


def _unread(call: ast.Call) -> bool:
    func = call.func
    name = _name(func)
    logged = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in ("log", "re", "logger")
    return name in _NOT_FOR_READERS or logged


def _name(func: ast.expr) -> str:
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""


def _constants(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Names of a module's texts, of its tuples of texts name by name, and of its tables, with all that they hold."""
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            yield from ((name.id, _texts([part])) for name, part in zip(target.elts, value.elts, strict=True) if isinstance(name, ast.Name))
        elif isinstance(target, ast.Name):
            yield target.id, _texts(value.values if isinstance(value, ast.Dict) else [value])


def _texts(nodes: Iterable[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _choices(node: ast.expr, constants: Mapping[str, list[str]]) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_choices(node.body, constants), *_choices(node.orelse, constants)]
    if isinstance(node, ast.Subscript):
        return _choices(node.value, constants)
    return constants.get(node.id, []) if isinstance(node, ast.Name) else _texts([node])


def filled(template: str, start: int = 70) -> tuple[str, Mapping[str, str]]:
    """A template with a number of its own at each place, and those numbers."""
    numbers: dict[str, str] = {}

    def number(_: re.Match[str]) -> str:
        numbers[str(len(numbers))] = f"{start + len(numbers)}.5"
        return numbers[str(len(numbers) - 1)]

    return _PLACE.sub(number, template), numbers
