"""Languages of the pages: English, and one table a language beside it (``de.toml``).

English is what the code says: `speech("en")` gives every phrase back as it is. Another language is a file that maps each English phrase to
its own::

    [phrases]                       # said by the pages: `say("page {number} of {count}", number=1, count=4)`
    "page {number} of {count}" = "Seite {number} von {count}"

    [sentences]                     # made by other verbs in English, met here with the values already in them
    "Lesions were found automatically on the {}; nobody has looked at them yet." = "…"

We chose English phrases as keys instead of invented ones, because the code reads as what it prints; and patterns for the sentences of other
verbs instead of handing languages to them, because a Check's message is also what the log, the list and the structured report say, in
English everywhere. A sentence that no pattern meets is printed in English: wrong language is better than a lost fact. A test collects every
phrase and sentence of the code and finds each in every table.

Codes, quantities (SUVR, DVR), units, series descriptions and coded meanings in objects are never translated.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

ENGLISH = "en"


@dataclass(frozen=True, eq=False)
class Speech:
    """Says phrases in one language.

    Parameters
    ----------
    code : ISO 639-1
    phrases : English template → template
    sentences : (pattern of an English sentence, template whose n-th `{}` stands for the n-th group)
    """

    code: str
    phrases: dict[str, str]
    sentences: tuple[tuple[re.Pattern[str], str], ...]

    def __call__(self, template: str, /, **values: object) -> str:
        """A phrase of the pages, with its values."""
        return self.phrases.get(template, template).format(**values)

    def sentence(self, text: str) -> str:
        """A sentence that another verb made in English; as it is, where the table does not know it."""
        for pattern, template in self.sentences:
            if met := pattern.fullmatch(text):
                return template.format(*met.groups())
        return text


@cache
def speech(code: str) -> Speech:
    """The speech of a language.

    Raises
    ------
    KeyError : there is no table of that language
    """
    if code == ENGLISH:
        return Speech(code, {}, ())
    table = resources.files(__package__) / f"{code}.toml"
    if not table.is_file():
        raise KeyError(code)
    read = tomllib.loads(table.read_text(encoding="utf-8"))
    patterns = tuple((_pattern(english), own) for english, own in read.get("sentences", {}).items())
    return Speech(code, dict(read.get("phrases", {})), patterns)


def _pattern(template: str) -> re.Pattern[str]:
    """What meets an English sentence: each `{}` stands for any text."""
    return re.compile("(.+?)".join(re.escape(piece) for piece in template.split("{}")), re.DOTALL)
