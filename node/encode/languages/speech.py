"""Speech: says phrases and sentences in one language. What it knows comes from a table, see the folder's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.encode.languages.pattern import Pattern


@dataclass(frozen=True, eq=False)
class Speech:
    """One language.

    Parameters
    ----------
    code : ISO 639-1
    phrases : English template of the pages → own template
    whole : English sentence or word without places → own
    patterns : English sentences with places, the most specific first
    """

    code: str
    phrases: Mapping[str, str]
    whole: Mapping[str, str]
    patterns: tuple[Pattern, ...]

    def __call__(self, template: str, /, **values: object) -> str:
        """A phrase of the pages, with its values."""
        return self.word(template).format(**values)

    def word(self, text: str) -> str:
        """A phrase, or a word that stands alone, without values: braces in it stay as they are."""
        return self.phrases.get(text) or self._whole(text) or text

    def sentence(self, text: str) -> str:
        """A sentence, or a name, that another verb made in English; what the table does not know stays as it is."""
        if not self.whole:
            return text
        known = self._known(text)
        if known is not None:
            return known
        return "; ".join(self._known(part) or part for part in text.split("; "))

    def knows(self, text: str) -> bool:
        """Whether the table says a sentence or a name, perhaps with the same letters as English."""
        return self._known(text) is not None

    def _known(self, text: str) -> str | None:
        """The translation, None where the table has none, or where there is nothing to translate."""
        if not any(letter.isalpha() for letter in text):
            return None
        return self._whole(text) or self._joined(text) or self._patterned(text) or self._listed(text)

    def _joined(self, text: str) -> str | None:
        """Sentences joined by semicolons, each of them known and as short as it can be: a sentence may hold semicolons of its own."""
        parts = text.split("; ")
        for count in range(1, len(parts)):
            first = "; ".join(parts[:count])
            own = self._whole(first) or self._patterned(first) or self._listed(first)
            rest = self._known("; ".join(parts[count:])) if own else None
            if rest:
                return f"{own}; {rest}"
        return None

    def _whole(self, text: str) -> str | None:
        """A sentence or word without places; one that begins a line, with a capital."""
        lowered = text[:1].lower() + text[1:]
        if text in self.whole:
            return self.whole[text]
        own = self.whole.get(lowered, "")
        return f"{own[:1].upper()}{own[1:]}" or None

    def _patterned(self, text: str) -> str | None:
        for pattern in self.patterns:
            values = pattern.values(text)
            if values is not None and all(self._known(values[place]) for place in pattern.names):
                return pattern.own.format(*(self.sentence(value) for value in values))
        return None

    def _listed(self, text: str) -> str | None:
        """A list of words, each of them known."""
        parts = text.split(", ")
        own = [self._known(part) for part in parts] if len(parts) > 1 else [None]
        return ", ".join(part for part in own if part) if all(own) else None
