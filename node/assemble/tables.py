"""Table: a TOML table that is read key by key, and that notes every mistake with its key path instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


class Table:
    """A TOML table at a key path. Each reader gives a harmless value where it has noted a mistake; `finish` notes unknown keys."""

    def __init__(self, values: object, path: str, mistakes: list[str]) -> None:
        self._values: Mapping[str, object] = values if isinstance(values, Mapping) else {}
        self._path, self._mistakes = path, mistakes
        self._read: set[str] = set()
        self._children: list[Table] = []
        if not isinstance(values, Mapping):
            self.mistake("", f"expected a table; found {values!r}")

    def mistake(self, key: str, sentence: str) -> None:
        """Note a mistake at a key of this table."""
        self._mistakes.append(f"{self._path}{'.' if key else ''}{key}: {sentence}")

    def finish(self) -> None:
        """Note the keys that nobody has asked for, here and below."""
        for key in self._values:
            if key not in self._read:
                self.mistake(key, "this key is unknown")
        for child in self._children:
            child.finish()

    def table(self, key: str) -> Table:
        """The table at a key, which must be there."""
        return self._child(self._get(key, {}), f"{self._path}.{key}")

    def tables(self, key: str) -> list[Table]:
        """The tables of an array of tables, perhaps none."""
        self._read.add(key)
        values = self._values.get(key, [])
        if not isinstance(values, list):
            self.mistake(key, f"expected [[{key}]] entries; found {values!r}")
            return []
        return [self._child(value, f"{self._path}.{key}.{number}") for number, value in enumerate(values, 1)]

    def has(self, key: str) -> bool:
        """Whether a key is given."""
        return key in self._values

    def names(self, key: str) -> tuple[str, ...]:
        """The names of the tables below a key, which others read; none where it is left out."""
        value = self._optional(key, {})
        if not isinstance(value, Mapping):
            self.mistake(key, f"expected [{key}.NAME] tables; found {value!r}")
            return ()
        return tuple(value)

    def text(self, key: str, *, default: str | None = None) -> str:
        """A text that is not empty; must be there unless it has a default."""
        if default is not None and not self.has(key):
            return default
        value = self._get(key, "?")
        if not isinstance(value, str) or not value:
            self.mistake(key, f"expected a text; found {value!r}")
            return "?"
        return value

    def choice(self, key: str, among: Sequence[str], *, default: str | None = None) -> str:
        """One of some texts; must be there unless it has a default."""
        value = self._get(key, among[0]) if default is None else self._optional(key, default)
        if value not in among:
            self.mistake(key, f"expected one of {', '.join(filter(None, among))}; found {value!r}")
        return value if isinstance(value, str) and value in among else among[0]

    def truth(self, key: str, *, default: bool | None = None) -> bool:
        """true or false; must be there unless it has a default."""
        value = self._get(key, False) if default is None else self._optional(key, default)
        if not isinstance(value, bool):
            self.mistake(key, f"expected true or false; found {value!r}")
        return value is True

    def number(self, key: str, least: float, most: float) -> float:
        """A number within limits."""
        value = self._get(key, least)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.mistake(key, f"expected a number from {least:g} to {most:g}; found {value!r}")
            return least
        return float(value)

    def some_number(self, key: str, least: float, most: float) -> float | None:
        """A number within limits; None where it is left out."""
        return self.number(key, least, most) if self.has(key) else None

    def range(self, key: str, *, default: tuple[float, float] | None = None) -> tuple[float, float]:
        """A pair of numbers that rises; must be there unless it has a default."""
        value = self._get(key, [0.0, 0.0]) if default is None else self._optional(key, list(default))
        numbers = value if isinstance(value, list) else []
        if len(numbers) != 2 or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers) or numbers[0] > numbers[1]:
            self.mistake(key, f"expected [from, to]; found {value!r}")
            return (0.0, 0.0)
        return (float(numbers[0]), float(numbers[1]))

    def texts(self, key: str, *, least: int) -> tuple[str, ...]:
        """A list of texts; may be left out where `least` is 0."""
        value = self._get(key, ["?"]) if least else self._optional(key, [])
        if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value) or len(value) < least:
            self.mistake(key, f"expected a list of texts{', at least one' if least else ''}; found {value!r}")
            return ()
        return tuple(value)

    def patterns(self, key: str) -> tuple[re.Pattern[str], ...]:
        """A list of regular expressions, matched without regard to case; may be left out."""
        compiled = (self._compiled(key, text) for text in self.texts(key, least=0))
        return tuple(pattern for pattern in compiled if pattern is not None)

    def pattern(self, key: str) -> re.Pattern[str] | None:
        """A regular expression; None where it is left out."""
        value = self._optional(key, None)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            self.mistake(key, f"expected a regular expression; found {value!r}")
            return None
        return self._compiled(key, value)

    def _compiled(self, key: str, text: str) -> re.Pattern[str] | None:
        try:
            return re.compile(text, re.IGNORECASE)
        except re.error as error:
            self.mistake(key, f"expected a regular expression; {error} in {text!r}")
            return None

    def _get(self, key: str, harmless: object) -> object:
        self._read.add(key)
        if key not in self._values:
            self.mistake(key, "this key is missing")
            return harmless
        return self._values[key]

    def _optional(self, key: str, default: object) -> object:
        self._read.add(key)
        return self._values.get(key, default)

    def _child(self, value: object, path: str) -> Table:
        child = Table(value, path, self._mistakes)
        self._children.append(child)
        return child
