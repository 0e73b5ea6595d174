"""Languages of the pages: English, and one table a language beside it (``de.toml``).

English is what the code says: `speech("en")` gives every phrase back as it is. Another language is a file that maps each English phrase to
its own::

    [phrases]                       # said by the pages: `say("page {number} of {count}", number=1, count=4)`
    "page {number} of {count}" = "Seite {number} von {count}"

    [sentences]                     # made by other verbs in English, met here with the values already in them
    "{}, relative to {}" = "{}, bezogen auf {}"
    "{#} lesions ({})" = "{} Läsionen ({})"

    [words]                         # one word, where a translation as long as a sentence would be wrong
    "thalamus" = "Thalamus"

Decisions
---------
- **English phrases are the keys** instead of invented ones, because the code reads as what it prints; and patterns for the sentences of
  other verbs instead of handing languages to them, because a Check's message is also what the log, the list and the structured report say,
  in English everywhere.
- **A pattern's places are translated in their turn**: "{}, relative to {}" holds a region's name, and a headline holds lists of what was
  found. So a table needs no entry for each combination. `{#}` stands for a number alone, `{=}` for a text that the table knows. Where
  several patterns meet, the one with the most letters of its own wins.
- **A text falls apart** at its semicolons, and where no pattern meets it at its commas, if every part is known: half a list in each
  language would be worse than the whole in English. Sentences that semicolons join are told one by one in the end, known or not.
- **What is not known is printed in English**: a wrong language is better than a lost fact. A test collects every phrase and sentence of
  the code, and finds each in every table.
- **Never translated**: codes, quantities (SUVR, DVR), units, series descriptions, coded meanings, and the decimal point, which the viewer
  beside the page and the report's numbers have too.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from node.encode.languages.pattern import Pattern
from node.encode.languages.speech import Speech

__all__ = ["ENGLISH", "Speech", "languages", "speech"]

ENGLISH = "en"


def languages() -> tuple[str, ...]:
    """The languages that pages can be written in, ISO 639-1: English, and each that has a table."""
    names = (entry.name for entry in resources.files(__package__).iterdir())
    return (ENGLISH, *sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def speech(code: str) -> Speech:
    """The speech of a language.

    Raises
    ------
    KeyError : there is no table of that language
    """
    if code == ENGLISH:
        return Speech(code, {}, {}, ())
    table = resources.files(__package__) / f"{code}.toml"
    if not table.is_file():
        raise KeyError(code)
    read = tomllib.loads(table.read_text(encoding="utf-8"))
    sentences: dict[str, str] = read.get("sentences", {})
    whole = {english: own for english, own in sentences.items() if "{" not in english} | read.get("words", {})
    patterns = (Pattern.of(english, own) for english, own in sentences.items() if "{" in english)
    return Speech(code, read.get("phrases", {}), whole, tuple(sorted(patterns, key=lambda pattern: -pattern.letters)))
