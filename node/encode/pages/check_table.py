"""Every check in words: those that did not pass by their gravity, those that passed by the step that made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.domain.exam import Check, Gravity
from node.encode.canvas import GOOD, INK, SOFT, WARNING, Canvas, Colour, Style
from node.encode.flow import Column, Row, Section, TableRow, paragraphs
from node.encode.languages import Speech
from node.encode.material import Material
from node.encode.words import number_words, stated

_COLUMNS = (Column(118, "left"), Column(620, "left"))
EXPECTED = "expected"
"""A message with this word says in English what was found and what was expected; to others the numbers are added."""

MARKS = {Gravity.HOLD: "✗", Gravity.WARNING: "!", Gravity.NOTE: "•"}


@dataclass(frozen=True)
class CheckRow:
    """A table's row with a mark before it in a colour of its own."""

    row: TableRow
    mark: str
    colour: Colour

    def height(self, width: int) -> int:
        return self.row.height(width)

    def draw(self, canvas: Canvas, left: int, top: int, width: int) -> None:
        canvas.text(left, top, self.mark, Style.SMALL_STRONG, self.colour)
        self.row.draw(canvas, left, top, width)


def failed_section(material: Material) -> Section:
    """What did not pass, the gravest first; an assumption that had to be made is among them."""
    say, checks = material.say, material.result.checks
    failed = sorted((c for c in checks if not c.passed), key=lambda c: list(Gravity).index(c.gravity), reverse=True)
    title = say("Checks: {passed} passed, {failed} not passed or assumed", passed=len(checks) - len(failed), failed=len(failed))
    if not failed:
        return Section(title, paragraphs(say("Every check passed."), colour=SOFT))
    return Section(title, tuple(_failed_row(check, say) for check in failed))


def passed_sections(material: Material) -> tuple[Section, ...]:
    """What passed, a section for each step."""
    say = material.say
    titles = (
        (say("Headers, dose and times"), material.exam.checks),
        (say("Alignment"), material.alignment.checks),
        (say("Segmentation"), material.segmentation.checks),
        (say("Numbers"), _of_numbers(material)),
    )
    made = ((title, [row for check in checks if check.passed for row in _passed_row(check, say)]) for title, checks in titles)
    return tuple(Section(say("{step}: passed", step=title), tuple(rows)) for title, rows in made if rows)


def _of_numbers(material: Material) -> Sequence[Check]:
    before = (*material.exam.checks, *material.alignment.checks, *material.segmentation.checks)
    return [check for check in material.result.checks if check not in before]


def _failed_row(check: Check, say: Speech) -> Row:
    words = {Gravity.HOLD: say("hold"), Gravity.WARNING: say("warning"), Gravity.NOTE: say("note")}
    colour = SOFT if check.gravity is Gravity.NOTE else WARNING
    row = TableRow(("", _told(check, say)), _COLUMNS, Style.SMALL, INK)
    return CheckRow(row, f"{MARKS[check.gravity]} {words[check.gravity]}", colour)


def _passed_row(check: Check, say: Speech) -> tuple[Row, ...]:
    rows = paragraphs(_told(check, say), mark="✓", style=Style.SMALL, mark_colour=GOOD)
    return tuple(replace(row, space=1) for row in rows)


def _told(check: Check, say: Speech) -> str:
    found, limit = _number(check.value, check.unit), _number(check.limit, check.unit)
    if not found or EXPECTED in check.message:
        return stated(say, check.message)
    return stated(say, check.message, say("({found}; limit {limit})", found=found, limit=limit) if limit else f"({found})")


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100.0 or value == round(value) else 1 if abs(value) >= 10.0 else 2
    return f"{number_words(value, digits)} {'' if unit == '1' else unit}".strip()
