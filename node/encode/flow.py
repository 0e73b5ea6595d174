"""Sections of rows that flow through columns and on to further pages: what does not fit moves on, nothing is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from node.encode.canvas import INK, SOFT, Box, Canvas, Colour, Style, width_of, wrap
from node.encode.languages import ENGLISH, Speech, speech

LONGEST = 900
"""A paragraph longer than this many letters is broken up, so that each piece fits into a column."""


class Row(Protocol):
    """A row is never torn apart: it is drawn whole or moves on."""

    def height(self, width: int) -> int:
        """Pixels that it takes in a column of that width."""
        ...

    def draw(self, canvas: Canvas, left: int, top: int, width: int) -> None:
        """Draw it."""
        ...


@dataclass(frozen=True)
class Paragraph:
    """Text, with a mark before it where there is one."""

    text: str
    mark: str = ""
    style: Style = Style.BODY
    colour: Colour = INK
    mark_colour: Colour = INK
    space: int = 5

    def height(self, width: int) -> int:
        return self.style.step * len(wrap(self.text, self.style, width - self._indent)) + self.space

    def draw(self, canvas: Canvas, left: int, top: int, width: int) -> None:
        if self.mark:
            canvas.text(left, top, self.mark, self.style, self.mark_colour)
        canvas.lines(left + self._indent, top, width - self._indent, self.text, self.style, self.colour)

    @property
    def _indent(self) -> int:
        return 26 if self.mark else 0


def paragraphs(
    text: str, *, mark: str = "", style: Style = Style.BODY, colour: Colour = INK, mark_colour: Colour = INK
) -> tuple[Paragraph, ...]:
    """A text as one paragraph, or several where it is very long."""
    pieces: list[str] = [""]
    for word in text.split():
        if len(pieces[-1]) + len(word) > LONGEST:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {word}".strip()
    return tuple(Paragraph(piece, mark, style, colour, mark_colour) for piece in pieces if piece)


APART = 8
"""Least distance between the texts of two columns, pixels."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its part of the width, and on which side its text stands."""

    share: float
    side: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class TableRow:
    """One row of a table; a cell that is too long for its column goes on below."""

    cells: tuple[str, ...]
    columns: tuple[Column, ...]
    style: Style = Style.BODY
    colour: Colour = INK
    ruled: bool = False

    def height(self, width: int) -> int:
        lines = max(len(wrap(cell, self.style, right - left)) for cell, (left, right) in zip(self.cells, self.edges(width), strict=True))
        return self.style.step * max(lines, 1) + (8 if self.ruled else 0)

    def draw(self, canvas: Canvas, left: int, top: int, width: int) -> None:
        for cell, column, (start, end) in zip(self.cells, self.columns, self.edges(width), strict=True):
            for number, line in enumerate(wrap(cell, self.style, end - start)):
                y = top + number * self.style.step
                if column.side == "right":
                    canvas.text(left + end, y, line, self.style, self.colour, anchor="ra")
                else:
                    canvas.text(left + start, y, line, self.style, self.colour)
        if self.ruled:
            canvas.rule(left, left + width, top + self.height(width) - 5)

    def edges(self, width: int) -> list[tuple[int, int]]:
        """Where each cell begins and ends, pixels from the row's left."""
        total = sum(column.share for column in self.columns)
        edges, start = [], 0.0
        for column in self.columns:
            end = start + column.share / total * width
            pad = (0, APART) if column.side == "left" else (APART, 0)
            edges.append((round(start) + pad[0], round(end) - pad[1]))
            start = end
        return edges


@dataclass(frozen=True)
class Section:
    """A title, perhaps a table's head that is repeated wherever the table goes on, and rows.

    `title` is in the page's language; `continued` says that its beginning stands elsewhere.
    """

    title: str
    rows: tuple[Row, ...]
    head: TableRow | None = None
    continued: bool = False

    def lead(self, say: Speech) -> tuple[Row, ...]:
        """Title and head."""
        words = say("{title} (continued)", title=self.title) if self.continued else self.title
        title = Paragraph(words, style=Style.TITLE, colour=INK, space=6)
        return (title, self.head) if self.head else (title,)

    def after(self, drawn: int) -> Section:
        """What is left when so many rows have been drawn."""
        rows = self.rows[drawn:]
        head = self.head if any(isinstance(row, TableRow) for row in rows) else None
        return replace(self, rows=rows, head=head, continued=self.continued or drawn > 0)


BETWEEN = 18
"""Pixels between two sections."""


def fitted(section: Section, width: int) -> Section:
    """The section with its table's columns wide enough for their longest words, as far as others have room to give.

    Parameters
    ----------
    width : of the narrowest column of a page that it is drawn in; all rows of the table have the same columns
    """
    table = [row for row in (section.head, *section.rows) if isinstance(row, TableRow)]
    if not table:
        return section
    fit = _fit(table, width)
    rows = tuple(replace(row, columns=fit) if isinstance(row, TableRow) else row for row in section.rows)
    return replace(section, rows=rows, head=replace(section.head, columns=fit) if section.head else None)


def _fit(table: Sequence[TableRow], width: int) -> tuple[Column, ...]:
    """Columns in units of the page: what some lack for a word is taken from the others by what they have to spare."""
    columns = table[0].columns
    unit = width / sum(column.share for column in columns)
    given = [column.share * unit for column in columns]
    needed = [max(_widest_word(row, cell) for row in table) for cell in range(len(columns))]
    lacking = sum(max(need - has, 0.0) for need, has in zip(needed, given, strict=True))
    spare = sum(max(has - need, 0.0) for need, has in zip(needed, given, strict=True))
    part = min(lacking / spare, 1.0) if spare else 0.0
    wide = [max(need, has - part * (has - need)) for need, has in zip(needed, given, strict=True)]
    return tuple(replace(column, share=share) for column, share in zip(columns, wide, strict=True))


def _widest_word(row: TableRow, cell: int) -> int:
    # One more for the rounding of a column's edges.
    return max((width_of(word, row.style) + APART + 1 for word in row.cells[cell].split()), default=0)


def height_of(sections: Sequence[Section], width: int) -> int:
    """Pixels that sections take in one column of endless height, none of them continued."""
    rows = [row for section in sections for row in (*section.lead(speech(ENGLISH)), *section.rows)]
    return sum(row.height(width) for row in rows) + BETWEEN * max(len(sections) - 1, 0)


def fill(canvas: Canvas, box: Box, sections: Sequence[Section]) -> tuple[Section, ...]:
    """Draw as much of the sections as the box holds; what is left over."""
    y = box.top
    for number, section in enumerate(sections):
        lead = section.lead(canvas.say)
        high = sum(row.height(box.width) for row in lead)
        first = section.rows[0].height(box.width) if section.rows else 0
        if y + high + first > box.bottom:
            return tuple(sections[number:])
        y = _draw(canvas, box, y, lead)
        for drawn, row in enumerate(section.rows):
            if y + row.height(box.width) > box.bottom:
                return (section.after(drawn), *sections[number + 1 :])
            y = _draw(canvas, box, y, (row,))
        y += BETWEEN
    return ()


def _draw(canvas: Canvas, box: Box, y: int, rows: Sequence[Row]) -> int:
    for row in rows:
        row.draw(canvas, box.left, y, box.width)
        y += row.height(box.width)
    return y


def soft(text: str) -> Paragraph:
    """A small remark."""
    return Paragraph(text, style=Style.SMALL, colour=SOFT, space=2)
