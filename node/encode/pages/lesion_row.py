"""One lesion as a row of the table: its picture, its numbers in columns, and below them what must be known to read them."""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.history import Fate, LesionChange
from node.domain.result import Lesion, Quantity
from node.domain.volume import Array
from node.encode.canvas import INK, SOFT, WARNING, Canvas, Colour, Style, wrap
from node.encode.flow import Column, TableRow
from node.encode.material import Material
from node.encode.phenotypes import lesion_rgb
from node.encode.words import number_words, told

CONFIDENT = 0.8
"""A phenotype that fewer draws than this share agree on is marked as uncertain (quantification E2)."""

BETWEEN, BESIDE, GAP, STEP = 4, 14, 8, Style.SMALL.step
CHIP, NUMBER = 22, 58
"""Room for the chip, and for chip and number of three figures."""
COLUMNS = (Column(166, "left"), Column(100, "left"), Column(179, "left"))
"""Place and volume, core and rim, phenotype and confidence."""
MARKS = {Fate.NEW: "+", Fate.ENLARGED: "▲", Fate.SAME: "●", Fate.SMALLER: "▼", Fate.VANISHED: "–"}
COLOURS = {Fate.NEW: WARNING, Fate.ENLARGED: WARNING, Fate.SMALLER: INK}


@dataclass(frozen=True, eq=False)
class LesionRow:
    """A row: `pictures` side by side, a cell of lines for each of `COLUMNS`, and remarks below them, each in its colour."""

    pictures: tuple[Array, ...]
    number: int
    colour: Colour
    cells: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, Colour], ...]

    def height(self, width: int) -> int:
        room = width - text_start(self.pictures)
        words = sum(len(wrap(text, Style.SMALL, room)) for text, _ in self.remarks)
        cells = max(len(lines) for lines, _ in self._laid(room))
        return max(int(self.pictures[0].shape[0]), (cells + words) * STEP) + GAP

    def draw(self, canvas: Canvas, left: int, top: int, width: int) -> None:
        for number, picture in enumerate(self.pictures):
            _draw_picture(canvas, picture, left + number * (int(picture.shape[1]) + BETWEEN), top)
        x = left + text_start(self.pictures)
        canvas.disc(x - NUMBER + 8, top + 11, 8, self.colour)
        canvas.text(x - NUMBER + CHIP, top, str(self.number), Style.SMALL_STRONG)
        room = left + width - x
        laid = self._laid(room)
        for lines, start in laid:
            for number, line in enumerate(lines):
                canvas.text(x + start, top + number * STEP, line, Style.SMALL)
        y = top + max(len(lines) for lines, _ in laid) * STEP
        for text, colour in self.remarks:
            y = canvas.lines(x, y, room, text, Style.SMALL, colour)

    def _laid(self, room: int) -> list[tuple[list[str], int]]:
        """The lines of each cell, and how far to the right they stand."""
        edges = TableRow(("",) * len(COLUMNS), COLUMNS).edges(room)
        return [
            ([line for text in cell for line in wrap(text, Style.SMALL, end - start)], start)
            for cell, (start, end) in zip(self.cells, edges, strict=True)
        ]


def text_start(pictures: tuple[Array, ...]) -> int:
    """How far to the right of a row's beginning its columns begin."""
    return sum(int(picture.shape[1]) + BETWEEN for picture in pictures) + BESIDE - BETWEEN + NUMBER


def heads(material: Material) -> tuple[str, ...]:
    """The words above the columns."""
    say = material.say
    return (say("Place, volume"), material.result.primary.quantity.value, say("Phenotype"))


def lesion_row(material: Material, lesion: Lesion, pictures: tuple[Array, ...]) -> LesionRow:
    """The row of a lesion."""
    say = material.say
    core, rim = _core_and_rim(material, lesion)
    cells = (
        (say.sentence(lesion.place), f"{_volume(lesion.volume_ml)} mL"),
        (say("core {value}", value=number_words(core)), say("rim {value}", value=number_words(rim))),
        (_phenotype(material, lesion), _confidence(material, lesion)),
    )
    uncertain = lesion.confidence is not None and lesion.confidence < CONFIDENT
    note = told(say, lesion.note)
    remarks = (*_changed(material, lesion), *(((note, WARNING if uncertain else SOFT),) if note else ()))
    return LesionRow(pictures, lesion.number, lesion_rgb(lesion.phenotype), cells, remarks)


def _draw_picture(canvas: Canvas, picture: Array, left: int, top: int) -> None:
    height, width = picture.shape[:2]
    canvas.paste(picture, left, top)
    canvas.mark(left + 4, top + height - 4, "R", anchor="ls")
    canvas.mark(left + width - 4, top + height - 4, "L", anchor="rs")


def _changed(material: Material, lesion: Lesion) -> tuple[tuple[str, Colour], ...]:
    """What has become of the lesion since the visit, where that is known."""
    say = material.say
    change = next((c for c in material.history.lesions if c.number == lesion.number), None)
    if change is None:
        return ()
    words = (f"{MARKS[change.fate]} {say.sentence(change.fate.value)}", _volumes(change), _before(material, change))
    return ((", ".join(word for word in words if word), COLOURS.get(change.fate, SOFT)),)


def _core_and_rim(material: Material, lesion: Lesion) -> tuple[float | None, float | None]:
    if material.result.primary.quantity is Quantity.DVR:
        return lesion.core_dvr, lesion.rim_dvr
    return lesion.core_suvr, lesion.rim_suvr


def _volume(volume_ml: float) -> str:
    return number_words(volume_ml, 2 if volume_ml < 10.0 else 1)


def _phenotype(material: Material, lesion: Lesion) -> str:
    return material.say.sentence(lesion.phenotype.value) if lesion.phenotype else material.say("not called")


def _confidence(material: Material, lesion: Lesion) -> str:
    if lesion.confidence is None:
        return ""
    share = f"{100 * lesion.confidence:.0f}"
    return material.say("confidence {share} %", share=share)


def _volumes(change: LesionChange) -> str:
    if change.before_ml is None or change.now_ml is None:
        return ""
    return f"{_volume(change.before_ml)} → {_volume(change.now_ml)} mL"


def _before(material: Material, change: LesionChange) -> str:
    """The phenotype at the visit, where it was another."""
    before = change.phenotype_before
    if before is None or before is change.phenotype_now:
        return ""
    return material.say("was {phenotype}", phenotype=material.say.sentence(before.value))
