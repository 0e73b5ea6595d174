"""The typeface, DejaVu Sans as it comes with matplotlib: sizes, weights, and which names it can print.

Laid out letter by letter from left to right (no shaping engine), so that a page is the same on every machine; what cannot be printed
rightly that way is said in words instead of being printed wrongly.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.ft2font import FT2Font
from PIL import ImageFont
from pydicom.valuerep import PersonName

NO_GLYPHS = "name in the image header (script not printed here)"
NO_NAME = "no name in the header"


@cache
def font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The typeface at a size in pixels."""
    return ImageFont.truetype(_file(bold=bold), size, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True, eq=False)
class Face:
    """One weight of the typeface as print needs it; lengths in thousandths of the type size."""

    name: str
    file: str
    box: tuple[int, int, int, int]
    ascent: int
    descent: int
    glyphs: dict[int, int]

    def glyph(self, letter: str) -> int:
        """The number of a letter's glyph in the file; 0, an empty box, where it has none."""
        return self.glyphs.get(ord(letter), 0)

    def width(self, letter: str) -> float:
        """How far a letter moves the next one."""
        return _LARGE_WIDTH * font(_LARGE, bold=self.name == _BOLD).getlength(letter)


_BOLD = "DejaVuSans-Bold"
_LARGE = 2048
"""The typeface's own units per em: at this size no hinting moves a letter."""
_LARGE_WIDTH = 1000 / _LARGE


@cache
def face(*, bold: bool) -> Face:
    """A weight of the typeface for print."""
    loaded = FT2Font(_file(bold=bold))
    thousandths = 1000 / loaded.units_per_EM
    left, bottom, right, top = (round(edge * thousandths) for edge in loaded.bbox)
    ascent, descent = round(loaded.ascender * thousandths), round(loaded.descender * thousandths)
    name = _BOLD if bold else "DejaVuSans"
    return Face(name, _file(bold=bold), (left, bottom, right, top), ascent, descent, dict(loaded.get_charmap()))


def printable(text: str) -> bool:
    """Whether every letter is in the typeface and is written from left to right, one glyph a letter."""
    known = _letters()
    return all(ord(c) in known and unicodedata.bidirectional(c) not in ("R", "AL") and not unicodedata.combining(c) for c in text)


def printable_name(name: PersonName | str) -> str:
    """A patient's name as it can be printed: the first of its groups (alphabetic, ideographic, phonetic) that the typeface holds.

    A name without one is not printed as boxes: `NO_GLYPHS` says where to find it.
    """
    for group in str(name).split("="):
        family, *given = [unicodedata.normalize("NFC", part).strip() for part in group.split("^")]
        text = ", ".join(part for part in (family, " ".join(g for g in given if g)) if part)
        if text and printable(text):
            return text
    return NO_GLYPHS if str(name).strip("^= ") else NO_NAME


@cache
def _letters() -> frozenset[int]:
    return frozenset(FT2Font(_file(bold=False)).get_charmap()) & frozenset(FT2Font(_file(bold=True)).get_charmap())


def _file(*, bold: bool) -> str:
    return str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))
