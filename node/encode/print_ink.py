"""Ink: the colours of the dark page on white paper.

A colour is turned over in its lightness and keeps its hue, so that what is told apart on the screen is told apart in print. Text is
darkened until it can be read on white. Images are never touched, nor are the marks that stand for their colours.
"""

from __future__ import annotations

import numpy as np

from node.domain.volume import Array
from node.encode.canvas import BAD, GOOD, GROUND, INK, PANEL, RULE, SOFT, WARNING
from node.encode.strokes import Rgb

PAPER: Rgb = (255, 255, 255)
OF_THE_PAGE = (BAD, GOOD, GROUND, INK, PANEL, RULE, SOFT, WARNING)
"""Colours that the page itself has; every other stands for something on an image."""

LIGHTEST_TEXT = 0.17
"""Relative luminance of text at most: 4.8 to 1 against white (WCAG 2.1 asks for 4.5)."""

_LIFT = 255.0 / (255 - max(GROUND))
"""Brings the ground to white, which turning over alone leaves a little grey."""

_GREYISH, _DARKER = 40.0, 0.3
"""Difference between a colour's largest and smallest part from which on it is strong; how much the strongest are darkened."""


def turned(rgb: Array) -> Array:
    """Colours (..., 3) uint8 with light and dark exchanged, the same hues; the page's ground becomes white.

    Strong colours are of middle lightness, which turning over leaves as it is: they are darkened, or they would be pale on white.
    """
    values = rgb.astype(np.float32)
    most, least = values.max(axis=-1, keepdims=True), values.min(axis=-1, keepdims=True)
    darker = 1.0 - _DARKER * np.clip((most - least - _GREYISH) / (255.0 - _GREYISH), 0.0, 1.0)
    opposite = (values + 255.0 - most - least) * _LIFT * darker
    return np.asarray(np.clip(opposite + 0.5, 0, 255).astype(np.uint8))


def area(colour: Rgb) -> Rgb:
    """The colour of a filled area, or a line."""
    return _rgb(turned(np.array(colour, dtype=np.uint8)))


def mark(colour: Rgb) -> Rgb:
    """The colour of a mark: one that stands for something on an image stays."""
    return area(colour) if colour in OF_THE_PAGE else colour


def edge(colour: Rgb) -> Rgb:
    """The colour of a mark's border: one that would be lost on white is darkened."""
    return mark(colour) if luminance(mark(colour)) < 0.5 else _darkened(mark(colour))


def ink(colour: Rgb) -> Rgb:
    """The colour of text. What was dark stands on a mark, and is white."""
    if luminance(colour) < luminance(PANEL):
        return PAPER
    return _darkened(area(colour))


def luminance(colour: Rgb) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (IEC 61966-2-1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255.0 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _darkened(colour: Rgb) -> Rgb:
    values = np.array(colour, dtype=np.float32)
    while luminance(_rgb(values)) > LIGHTEST_TEXT:
        values = values * np.float32(0.95)
    return _rgb(values)


def _rgb(values: Array) -> Rgb:
    red, green, blue = (int(part) for part in values)
    return red, green, blue
