"""Artefacts: what a step made, kept on disk as JSON and a NumPy archive, so that a later step or a restart reads it back.

`save(folder, name, value)` writes ``name.npz`` (the arrays; masks as bits, see `node.workflow.masks`) and then ``name.json`` (everything
else, with the array's key where an array stood). The JSON is written last, by rename: where it is, the artefact is whole. Frozen
dataclasses, tuples, enums, dates, paths, numbers, text, None and arrays are understood; the reading side is driven by the annotated types,
so that nothing in the file decides what is made of it.
"""

from __future__ import annotations

import json
import os
import types
import typing
import zipfile
import zlib
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from node.errors import DataError
from node.workflow.masks import is_packed, pack, unpack

T = TypeVar("T")

_UNREADABLE = (OSError, KeyError, TypeError, ValueError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a file raises that was cut off, swapped or made by another version."""


def save(folder: Path, name: str, value: Any) -> None:
    """Write an artefact durably; it replaces one of that name."""
    arrays: dict[str, Any] = {}
    plain = _to_plain(value, arrays)
    _write(folder / f"{name}.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    text = json.dumps(plain, indent=1, ensure_ascii=False).encode()
    _write(folder / f"{name}.json", lambda file: file.write(text))


def exists(folder: Path, name: str) -> bool:
    """Whether a whole artefact of that name is there."""
    return (folder / f"{name}.json").is_file()


def load(folder: Path, name: str, kind: type[T]) -> T:
    """Read an artefact back.

    Raises
    ------
    DataError : there is none, or it is not of that kind
    """
    return _load(folder, name, kind, lambda plain: plain)


def load_part(folder: Path, name: str, kind: type[T]) -> T:
    """Read a part of an artefact back.

    Parameters
    ----------
    kind : a dataclass with some of the fields of what was saved, and so on within its fields; arrays that it leaves out are not read

    Raises
    ------
    DataError : there is none, or it has not these fields
    """
    return _load(folder, name, kind, lambda plain: _pruned(plain, kind))


def _load(folder: Path, name: str, kind: type[T], prepared: typing.Callable[[Any], Any]) -> T:
    try:
        plain = prepared(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
        # Opened here, because NumPy leaves the file of a spoilt archive open.
        with (folder / f"{name}.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return typing.cast(T, _from_plain(plain, kind, arrays))
    except _UNREADABLE as error:
        raise DataError(f"artefact {name} in {folder.name}: expected a whole {kind.__name__}; found {error}") from error


def _pruned(plain: Any, kind: Any) -> Any:
    """Without the fields that a dataclass does not have."""
    options = [option for option in typing.get_args(kind) if isinstance(option, type) and is_dataclass(option)]
    if typing.get_origin(kind) in (typing.Union, types.UnionType) and options and plain is not None:
        return _pruned(plain, options[0])
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return plain
    hints = _types(kind)
    return {key: _pruned(item, hints[key]) for key, item in plain.items() if key in hints}


def _write(path: Path, write: typing.Callable[[typing.BinaryIO], object]) -> None:
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _to_plain(value: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(value, np.ndarray):
        key = f"a{len(arrays)}"
        arrays.update(pack(key, value) if value.dtype == bool else {key: value})
        return key
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _to_plain(getattr(value, field.name), arrays) for field in fields(value) if field.init}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [_to_plain(item, arrays) for item in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"an artefact cannot hold a {type(value).__name__}")


@cache
def _types(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _from_plain(plain: Any, kind: Any, arrays: typing.Mapping[str, Any]) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if plain is None:
            return None
        (kind,) = (option for option in typing.get_args(kind) if option is not type(None))
        return _from_plain(plain, kind, arrays)
    if origin is tuple:
        options = typing.get_args(kind)
        if len(options) == 2 and options[1] is Ellipsis:
            return tuple(_from_plain(item, options[0], arrays) for item in plain)
        return tuple(_from_plain(item, option, arrays) for item, option in zip(plain, options, strict=True))
    if origin is np.ndarray:
        return unpack(plain, arrays) if is_packed(plain, arrays) else arrays[plain]
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _types(kind)
        return kind(**{key: _from_plain(item, hints[key], arrays) for key, item in plain.items()})
    return _scalar(plain, kind)


def _scalar(plain: Any, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if kind in (datetime, date):
        return kind.fromisoformat(plain)
    if kind is Path:
        return Path(plain)
    if kind is float and isinstance(plain, (int, float)):
        return float(plain)
    if not isinstance(plain, kind):
        raise TypeError(f"expected {kind.__name__}; found {plain!r}")
    return plain
