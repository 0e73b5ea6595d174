"""Range strip: where a number lies against what is usual, in one row of a table.

Every strip has the same shape, whatever its quantity: the middle third is the range, its ends one range's width away. So the eye runs
down a column of strips and stops at what lies outside. A filled range is that of healthy people, and what lies outside it stands out. An
empty frame is the spread of the patient's own normal-appearing white matter: grey matter may well lie outside, so nothing is coloured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from node.domain.result import Finding
from node.encode.canvas import INK, WARNING, Box, Canvas, Colour, Style
from node.encode.flow import TableRow

HEIGHT, BAND_HEIGHT = 23, 13
NORM: Colour = (46, 74, 104)
"""Of a filled range: dark enough for the mark on it, apart from the ground in any colour vision."""

FRAME: Colour = (104, 114, 128)
"""Of an empty frame."""

OWN_SPREAD = 2.0
"""The frame of a contrast score reaches so many robust standard deviations to either side of the NAWM: 95 % of its voxels, were they
normal."""


class Basis(Enum):
    """Whose range it is."""

    NORM = "norm"  #: of healthy people
    OWN = "own"  #: of the patient's own normal-appearing white matter


@dataclass(frozen=True)
class Strip:
    """A number against a range: `place` is 0 at its lower and 1 at its upper end."""

    place: float
    basis: Basis

    @property
    def inside(self) -> bool:
        """Whether the number lies within the range."""
        return 0.0 <= self.place <= 1.0


def norm_strip(finding: Finding | None) -> Strip | None:
    """A finding against its norm; None where there is none."""
    if finding is None or finding.norm is None or not finding.norm.high > finding.norm.low:
        return None
    return Strip((finding.value - finding.norm.low) / (finding.norm.high - finding.norm.low), Basis.NORM)


def own_strip(contrast: Finding | None) -> Strip | None:
    """A NAWM contrast score against the NAWM's own spread."""
    return None if contrast is None else Strip((contrast.value + OWN_SPREAD) / (2 * OWN_SPREAD), Basis.OWN)


def draw_strip(canvas: Canvas, box: Box, strip: Strip) -> None:
    """Draw a strip: a line, the range in its middle third, and the mark, a disc, or a diamond where it lies outside a norm.

    Beyond the ends an arrow says that the number lies further out.
    """
    middle = (box.top + box.bottom) // 2
    low, high = box.left + box.width // 3, box.right - box.width // 3
    canvas.rule(box.left, box.right, middle)
    band = Box(low, middle - BAND_HEIGHT // 2, high, middle + BAND_HEIGHT // 2 + 1)
    if strip.basis is Basis.NORM:
        canvas.panel(band, NORM)
    else:
        canvas.frame(band, FRAME)
    _mark(canvas, box, round(low + strip.place * (high - low)), middle, strip)


def _mark(canvas: Canvas, box: Box, x: int, middle: int, strip: Strip) -> None:
    apart = strip.basis is Basis.NORM and not strip.inside
    if box.left <= x < box.right and not apart:
        canvas.disc(x, middle, 5, INK)
        return
    sign = "◀" if x < box.left else "▶" if x >= box.right else "◆"
    canvas.text(min(max(x, box.left + 7), box.right - 7), middle, sign, Style.SMALL, WARNING if apart else INK, anchor="mm")


@dataclass(frozen=True)
class StripRow:
    """A table's row with a strip in one of its cells, whose text is empty."""

    row: TableRow
    cell: int
    strip: Strip | None

    def height(self, width: int) -> int:
        return self.row.height(width)

    def draw(self, canvas: Canvas, left: int, top: int, width: int) -> None:
        self.row.draw(canvas, left, top, width)
        if self.strip is None:
            return
        start, end = self.row.edges(width)[self.cell]
        draw_strip(canvas, Box(left + start, top, left + end, top + HEIGHT), self.strip)
