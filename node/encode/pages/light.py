"""The quality light: the checks of an exam as one of three words, and the sentences behind it by gravity.

Told by place, mark and word as well as by colour: a lamp's place in the row is the same for a colour-blind reader and in a grey print.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from node.domain.exam import Check, Gravity
from node.encode.canvas import BAD, GOOD, GROUND, INK, SOFT, WARNING, Box, Canvas, Colour, Style, wrap
from node.encode.flow import Row, paragraphs
from node.encode.material import Material
from node.encode.page import QUALITY
from node.encode.words import stated


class Light(Enum):
    """The three lights: word, mark, colour, in the order of the lamps."""

    GREEN = ("GREEN", "✓", GOOD)
    AMBER = ("AMBER", "!", WARNING)
    RED = ("RED", "✗", BAD)

    @property
    def word(self) -> str:
        """The light's name, a phrase of the pages."""
        return self.value[0]

    @property
    def mark(self) -> str:
        """The sign inside the lamp."""
        return self.value[1]

    @property
    def colour(self) -> Colour:
        """The lamp's colour."""
        return self.value[2]


GENOTYPE = "genotype"
"""The check of the TSPO genotype. One that is not known forbids comparison with other people, and says nothing against a number that is
compared with the patient's own NAWM alone; one that is known and makes the signal weak does."""

OF_SUV = frozenset(("weight", "injected_activity"))
"""Checks that bear on the SUV alone."""

RADIUS = 15
INSIDE, LAMPS_TOP = 14, 34
UNLIT: Colour = (96, 104, 116)
MARKS = {Gravity.NOTE: "•", Gravity.WARNING: "!", Gravity.HOLD: "✗"}


def light(checks: Iterable[Check]) -> Light:
    """Red where a check failed that holds an exam (a person has released it, or there would be no page), amber where a warning did."""
    failed = {check.gravity for check in checks if not check.passed}
    return Light.RED if Gravity.HOLD in failed else Light.AMBER if Gravity.WARNING in failed else Light.GREEN


def by_gravity(checks: Iterable[Check]) -> list[Check]:
    """The checks that did not pass, the gravest first."""
    order = list(Gravity)
    return sorted((check for check in checks if not check.passed), key=lambda check: -order.index(check.gravity))


def draw_light(page: Canvas, material: Material, left: int, right: int, top: int) -> int:
    """Three lamps, of which one is lit, and its word; where they end."""
    lit = light(material.result.checks)
    for number, lamp in enumerate(Light):
        x, y = left + RADIUS + number * (2 * RADIUS + 10), top + RADIUS
        page.disc(x, y, RADIUS, lamp.colour if lamp is lit else GROUND, line=lamp.colour if lamp is lit else UNLIT)
        if lamp is lit:
            page.text(x, y, lamp.mark, Style.STRONG, GROUND, anchor="mm")
    x = left + len(Light) * (2 * RADIUS + 10) + 8
    lines = wrap(f"{material.say(lit.word)}: {_meaning(material, lit)}", Style.STRONG, right - x)
    y = top + RADIUS - len(lines) * Style.STRONG.step // 2 + 2
    for number, line in enumerate(lines):
        page.text(x, y + number * Style.STRONG.step, line, Style.STRONG, lit.colour)
    return top + max(2 * RADIUS, len(lines) * Style.STRONG.step) + 12


def draw_quality_box(page: Canvas, material: Material, box: Box) -> None:
    """The light and as many sentences of failed checks as there is room for; how many more there are, and where."""
    say, checks = material.say, material.result.checks
    page.panel(box)
    inner = box.inside(INSIDE)
    page.text(inner.left, inner.top, say("Quality"), Style.TITLE)
    passed = sum(check.passed for check in checks)
    count = say("{passed} of {count} checks passed", passed=passed, count=len(checks))
    page.text(inner.right, inner.top + 2, count, Style.SMALL, SOFT, anchor="ra")
    y = draw_light(page, material, inner.left, inner.right, inner.top + LAMPS_TOP)
    failed = by_gravity(checks)
    room = Box(inner.left, y, inner.right, inner.bottom - Style.SMALL.step)
    shown = _as_many(page, [check_rows(material, check) for check in failed], room)
    if shown < len(failed):
        more = say("{count} more on the page {title}", count=len(failed) - shown, title=say(QUALITY))
        page.text(inner.left, inner.bottom - Style.SMALL.step, more, Style.SMALL, SOFT)


def quality_box_height(material: Material, width: int) -> int:
    """What the box needs to hold every sentence, pixels, in a width."""
    rows = [row for check in by_gravity(material.result.checks) for row in check_rows(material, check)]
    inner = width - 2 * INSIDE
    return 2 * INSIDE + LAMPS_TOP + 2 * RADIUS + 12 + sum(row.height(inner) for row in rows) + Style.SMALL.step


def check_rows(material: Material, check: Check) -> tuple[Row, ...]:
    """A check as a reader meets it: its mark, its sentence."""
    text = stated(material.say, check.message)
    if check.passed:
        return paragraphs(text, mark="✓", style=Style.SMALL, colour=SOFT, mark_colour=SOFT)
    colour = BAD if check.gravity is Gravity.HOLD else WARNING
    return paragraphs(text, mark=MARKS[check.gravity], style=Style.SMALL, colour=INK, mark_colour=colour)


def banner(material: Material) -> str:
    """What stands above everything else where a check failed that makes a number of the page doubtful; empty where none did."""
    say, failed = material.say, by_gravity(material.result.checks)
    held = sum(check.gravity is Gravity.HOLD for check in failed)
    warned = sum(check.gravity is Gravity.WARNING and _doubtful(check, material) for check in failed)
    if held == 1:
        return say("1 check failed that holds an exam back; a person released it. Read Quality before any number.")
    if held:
        return say("{count} checks failed that hold an exam back; a person released it. Read Quality before any number.", count=held)
    if warned == 1:
        return say("1 warning: read Quality before the numbers.")
    return say("{count} warnings: read Quality before the numbers.", count=warned) if warned else ""


def _doubtful(check: Check, material: Material) -> bool:
    """Whether a check that failed bears on the numbers of the first page, which are ratios."""
    if check.name == GENOTYPE:
        normed = any(finding.norm for finding in material.result.findings)
        return material.exam.subject.genotype is not None or normed
    return check.name not in OF_SUV


def _meaning(material: Material, lit: Light) -> str:
    say = material.say
    return {
        Light.GREEN: say("no warning"),
        Light.AMBER: say("usable, mind the warnings"),
        Light.RED: say("held back, released by a person"),
    }[lit]


def _as_many(page: Canvas, sentences: Sequence[Sequence[Row]], box: Box) -> int:
    """Draw whole sentences until one does not fit; how many were drawn."""
    y = box.top
    for number, rows in enumerate(sentences):
        if y + sum(row.height(box.width) for row in rows) > box.bottom:
            return number
        for row in rows:
            row.draw(page, box.left, y, box.width)
            y += row.height(box.width)
    return len(sentences)
