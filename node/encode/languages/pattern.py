"""Patterns: an English sentence with places for values, and its translation."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACE = re.compile(r"\{([#=]?)\}")
_TEXT, _NUMBER = "(.+?)", r"([+−-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"


@dataclass(frozen=True)
class Pattern:
    """What meets an English sentence.

    Parameters
    ----------
    english : with `{}` for any text, `{#}` for a number, and `{=}` for a text that the table knows
    own : the translation, whose n-th `{}` stands for the n-th place; `{0}`, `{1}` … where the order differs
    meets : the same as an expression for a whole text
    pieces : the letters between the places
    names : the places, from 0, whose text must be known
    """

    english: str
    own: str
    meets: re.Pattern[str]
    pieces: tuple[str, ...]
    names: tuple[int, ...] = ()

    @classmethod
    def of(cls, english: str, own: str) -> Pattern:
        """A pattern as a table writes it."""
        parts = _PLACE.split(english)
        pieces, kinds = parts[::2], parts[1::2]
        expression = re.escape(pieces[0])
        for kind, piece in zip(kinds, pieces[1:], strict=True):
            expression += (_NUMBER if kind == "#" else _TEXT) + re.escape(piece)
        names = tuple(place for place, kind in enumerate(kinds) if kind == "=")
        return cls(english, own, re.compile(expression, re.DOTALL), tuple(piece for piece in pieces if piece), names)

    @property
    def letters(self) -> int:
        """How specific it is: the letters of its own, and one for each place that takes a number alone."""
        return sum(len(piece) for piece in self.pieces) + self.english.count("{#}")

    def values(self, text: str) -> tuple[str, ...] | None:
        """What stands at its places, None where it does not meet the text."""
        if not all(piece in text for piece in self.pieces):
            return None
        met = self.meets.fullmatch(text)
        return met.groups() if met else None
