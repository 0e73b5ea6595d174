"""Page 1, the answer: is the TSPO signal raised, where, how much, against what; and can it be trusted.

From top to bottom as it is asked. The places are fixed; the pictures take what the words leave. What a column cannot hold is not cut:
`carried_over` gives it to the page Quality.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.encode.canvas import BAD, SOFT, WARNING, Box, Canvas, Style, width_of, wrap
from node.encode.flow import Section, fill, height_of
from node.encode.material import Material
from node.encode.page import ANSWER, BODY_BOTTOM, BODY_TOP, LEFT, QUALITY, RIGHT, columns, start_page
from node.encode.pages import context
from node.encode.pages.light import Light, banner, draw_quality_box, light
from node.encode.pages.pictures import draw_pictures
from node.encode.pages.sentences import answer
from node.encode.pages.tiles import draw_tiles
from node.encode.words import told

COLUMNS_HEIGHT = 268
SIGNATURE_HEIGHT = 36
PICTURES_WIDTH = 930
GAP = 12


def draw_answer(material: Material) -> list[Canvas]:
    """The first page, without its foot."""
    page = start_page(material, ANSWER)
    y = _banner(page, material, BODY_TOP)
    y = _headline(page, material, y)
    y = draw_tiles(page, material, LEFT, RIGHT, y) + GAP
    reminders = [line for text in context.to_bear_in_mind(material) for line in wrap(text, Style.SMALL, RIGHT - LEFT)]
    words_top = BODY_BOTTOM - SIGNATURE_HEIGHT - len(reminders) * Style.SMALL.step
    columns_top = words_top - 6 - _columns_height(_sections(material))
    draw_pictures(page, material, Box(LEFT, y, LEFT + PICTURES_WIDTH, columns_top - GAP))
    draw_quality_box(page, material, Box(LEFT + PICTURES_WIDTH + 20, y, RIGHT, columns_top - GAP))
    _columns(page, material, words_top - 6)
    for number, line in enumerate(reminders):
        page.text(LEFT, words_top + number * Style.SMALL.step, line, Style.SMALL, SOFT)
    _signature(page, BODY_BOTTOM - SIGNATURE_HEIGHT)
    return [page]


def carried_over(material: Material) -> tuple[Section, ...]:
    """What the first page has no room for, whole, for the page Quality: series and methods where it shows a part, and each series' UID.

    What was not computed, and the checks, that page has anyhow.
    """
    blank = Canvas(ANSWER, material.say)
    parts = (context.sources(material), context.methods(material))
    cut = tuple(part for part, box in zip(parts, columns(3, top=0, bottom=COLUMNS_HEIGHT), strict=False) if fill(blank, box, (part,)))
    return (*cut, context.identifiers(material))


def _banner(page: Canvas, material: Material, top: int) -> int:
    text = banner(material)
    if not text:
        return top
    lit = light(material.result.checks)
    colour = BAD if lit is Light.RED else WARNING
    page.frame(Box(LEFT, top, RIGHT, top + 38), colour)
    page.text(LEFT + 14, top + 8, f"{lit.mark}  {text}", Style.STRONG, colour)
    return top + 38 + GAP


def _headline(page: Canvas, material: Material, top: int) -> int:
    """The answer in large letters, and below it the sentence to copy."""
    y = page.lines(LEFT, top, RIGHT - LEFT, " ".join(answer(material)), Style.HEADLINE)
    label = material.say("For the report:")
    room = RIGHT - LEFT - width_of(label, Style.STRONG) - 12
    page.text(LEFT, y, label, Style.STRONG, SOFT)
    return page.lines(RIGHT - room, y, room, told(material.say, material.result.headline), Style.BODY) + 8


def _sections(material: Material) -> tuple[Section, ...]:
    return (context.sources(material), context.methods(material), context.not_computed(material))


def _columns(page: Canvas, material: Material, bottom: int) -> None:
    parts = _sections(material)
    for part, box in zip(parts, columns(len(parts), top=bottom - _columns_height(parts), bottom=bottom), strict=True):
        _fill(page, material, box, part)


def _columns_height(parts: Sequence[Section]) -> int:
    """What the longest column needs, as far as the page has it."""
    width = columns(len(parts))[0].width
    return min(COLUMNS_HEIGHT, max(height_of((part,), width) for part in parts))


def _fill(page: Canvas, material: Material, box: Box, section: Section) -> None:
    """A section whole, or as much of it as leaves a line to say where the rest is."""
    blank = Canvas(ANSWER, material.say)
    if not fill(blank, box, (section,)):
        fill(page, box, (section,))
        return
    fill(page, Box(box.left, box.top, box.right, box.bottom - Style.SMALL.step), (section,))
    more = material.say("more on the page {title}", title=material.say(QUALITY))
    page.text(box.left, box.bottom - Style.SMALL.step, more, Style.SMALL, SOFT)


def _signature(page: Canvas, top: int) -> None:
    """Fields that a person fills in; empty."""
    x, say = LEFT, page.say
    for text, room in ((say("Reviewed by"), 560), (say("Date"), 240), (say("Signature"), 420)):
        page.text(x, top + 8, text, Style.SMALL_STRONG, SOFT)
        x += width_of(text, Style.SMALL_STRONG) + 10
        page.rule(x, min(x + room, RIGHT), top + 29, SOFT)
        x += room + 20
