"""The typeface, DejaVu Sans as it comes with matplotlib: sizes, weights, and which names it can print.

Laid out letter by letter from left to right (no shaping engine), so that a page is the same on every machine; what cannot be printed
rightly that way is said in words instead of being printed wrongly.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.ft2font import FT2Font
from PIL import ImageFont
from pydicom.valuerep import PersonName

NO_GLYPHS = "name in the image header (script not printed here)"
NO_NAME = "no name in the header"


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The typeface at a size in pixels."""
    return ImageFont.truetype(_file(bold=bold), size, layout_engine=ImageFont.Layout.BASIC)


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
