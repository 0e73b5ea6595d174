"""One lesion as a row of the table: its pictures, beside them its numbers, and below these what must be known to read them."""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.history import Fate, LesionChange
from node.domain.result import Lesion, Quantity
from node.domain.volume import Array
from node.encode.canvas import INK, SOFT, WARNING, Canvas, Colour, Style, balanced, width_of, wrap
from node.encode.material import Material
from node.encode.phenotypes import lesion_rgb
from node.encode.words import number_words, told

CONFIDENT = 0.8
"""A phenotype that fewer draws than this share agree on is marked as uncertain (quantification E2)."""

BETWEEN, BESIDE, GAP, STEP = 4, 12, 8, Style.SMALL.step
CHIP, NUMBER = 22, 58
"""Room for the chip, and for chip and number of three figures."""
STARTS, APART = (0, 78, 172), 10
"""How far to the right volume, core and rim stand, and how far apart at least."""
MARKS = {Fate.NEW: "+", Fate.ENLARGED: "▲", Fate.SAME: "●", Fate.SMALLER: "▼", Fate.VANISHED: "–"}
COLOURS = {Fate.NEW: WARNING, Fate.ENLARGED: WARNING, Fate.SMALLER: INK}


@dataclass(frozen=True, eq=False)
class LesionRow:
    """A row: `pictures` side by side; `place`, `numbers` and `called` below each other; and remarks, each in its colour."""

    pictures: tuple[Array, ...]
    number: int
    colour: Colour
    place: str
    numbers: tuple[str, str, str]
    called: str
    remarks: tuple[tuple[str, Colour], ...]

    def height(self, width: int) -> int:
        lines = self._lines(width - self._text_start())
        return max(int(self.pictures[0].shape[0]), len(lines) * STEP) + GAP

    def draw(self, canvas: Canvas, left: int, top: int, width: int) -> None:
        for number, picture in enumerate(self.pictures):
            _draw_picture(canvas, picture, left + number * (int(picture.shape[1]) + BETWEEN), top)
        x = left + self._text_start()
        canvas.disc(x + 8, top + 11, 8, self.colour)
        canvas.text(x + CHIP, top, str(self.number), Style.SMALL_STRONG)
        for number, line in enumerate(self._lines(left + width - x)):
            for text, start, colour in line:
                canvas.text(x + start, top + number * STEP, text, Style.SMALL, colour)

    def _text_start(self) -> int:
        return sum(int(picture.shape[1]) + BETWEEN for picture in self.pictures) + BESIDE - BETWEEN

    def _lines(self, room: int) -> list[tuple[Piece, ...]]:
        place = [((line, NUMBER, INK),) for line in wrap(self.place, Style.SMALL, room - NUMBER)]
        called = [((line, 0, INK),) for line in balanced(self.called, Style.SMALL, room)]
        remarks = [((line, 0, colour),) for text, colour in self.remarks for line in wrap(text, Style.SMALL, room)]
        return [*place, _side_by_side(self.numbers), *called, *remarks]


Piece = tuple[str, int, Colour]
"""A part of a line, how far to the right it stands, its colour."""


def lesion_row(material: Material, lesion: Lesion, pictures: tuple[Array, ...]) -> LesionRow:
    """The row of a lesion."""
    say = material.say
    core, rim = _core_and_rim(material, lesion)
    numbers = (
        f"{_volume(lesion.volume_ml)} mL",
        say("core {value}", value=number_words(core)),
        say("rim {value}", value=number_words(rim)),
    )
    note, phenotype = told(say, lesion.note), _phenotype(material, lesion)
    # A note that begins with the phenotype says it.
    called = ", ".join(words for words in (phenotype, _confidence(material, lesion)) if words and not note.startswith(phenotype))
    uncertain = lesion.confidence is not None and lesion.confidence < CONFIDENT
    remarks = (*_changed(material, lesion), *(((note, WARNING if uncertain else SOFT),) if note else ()))
    return LesionRow(pictures, lesion.number, lesion_rgb(lesion.phenotype), say.sentence(lesion.place), numbers, called, remarks)


def _side_by_side(numbers: tuple[str, ...]) -> tuple[Piece, ...]:
    """Volume, core and rim below those of the other lesions, or further to the right where one is long."""
    pieces: list[Piece] = []
    free = 0
    for text, start in zip(numbers, STARTS, strict=True):
        pieces.append((text, max(start, free), INK))
        free = pieces[-1][1] + width_of(text, Style.SMALL) + APART
    return tuple(pieces)


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
    return number_words(volume_ml, 2 if volume_ml < 10.0 else 1 if volume_ml < 100.0 else 0)


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
