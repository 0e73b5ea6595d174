"""Page 1, the answer: is the TSPO signal raised, where, how much, against what; and can it be trusted.

From top to bottom as it is asked. The places are fixed; the pictures take what the words leave. Nothing is lost where that is too little:
the page Quality has it all, with what `carried_over` gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.encode.canvas import BAD, SOFT, WARNING, Box, Canvas, Style, balanced, clipped, width_of, wrap
from node.encode.flow import Section, fill, height_of, paragraphs
from node.encode.material import Material
from node.encode.page import ANSWER, BODY_BOTTOM, BODY_TOP, LEFT, QUALITY, RIGHT, columns, start_page
from node.encode.pages import context
from node.encode.pages.light import Light, banner, draw_quality_box, light, quality_box_height
from node.encode.pages.pictures import draw_pictures
from node.encode.pages.sentences import answer
from node.encode.pages.tiles import draw_tiles
from node.encode.words import told

SIGNATURE_HEIGHT = 36
LEFT_WIDTH = 930
"""Of the pictures and what stands below them; quality and methods stand to the right."""

QUALITY_HEIGHT = 250
"""That the box of quality has at least where its sentences need it, whatever the methods need."""

MOST_REPORT, MOST_DESCRIPTION = 3, 2
"""Lines of the sentence to copy, and of a series' description."""

MOST_NOT_COMPUTED = 5
"""Lines on the first page, fewer where the pictures would be lower than `PICTURES_LEAST`."""

PICTURES_LEAST = 240
"""Pixels, with caption and legend."""

GAP = 12


def draw_answer(material: Material) -> list[Canvas]:
    """The first page, without its foot."""
    page = start_page(material, ANSWER)
    left, right = _around(page, material)
    _left(page, material, left)
    _right(page, material, right)
    _signature(page, BODY_BOTTOM - SIGNATURE_HEIGHT)
    return [page]


def carried_over(material: Material) -> tuple[Section, ...]:
    """For the page Quality, what the first page lacks room for: its sentence, how the numbers were measured; and each series' UID.

    What was not computed, and the checks, that page has anyhow.
    """
    text = told(material.say, material.result.headline)
    report = () if _whole(text, _report_room(material)) else (Section(material.say("For the report:"), paragraphs(text)),)
    _, right = _around(Canvas(ANSWER, material.say), material)
    methods = context.methods(material)
    return (context.identifiers(material), *report, *(() if _methods_fit(methods, material, right) else (methods,)))


def _around(page: Canvas, material: Material) -> tuple[Box, Box]:
    """What stands above and below the middle of the page; the boxes that are left, for pictures and for quality with methods."""
    y = _banner(page, material, BODY_TOP)
    y = _headline(page, material, y)
    y = draw_tiles(page, material, LEFT, RIGHT, y) + GAP
    bottom = _reminders(page, material, BODY_BOTTOM - SIGNATURE_HEIGHT) - GAP
    return Box(LEFT, y, LEFT + LEFT_WIDTH, bottom), Box(LEFT + LEFT_WIDTH + 20, y, RIGHT, bottom)


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
    y = top
    for line in balanced(" ".join(answer(material)), Style.HEADLINE, RIGHT - LEFT):
        page.text(LEFT, y, line, Style.HEADLINE)
        y += Style.HEADLINE.step
    page.text(LEFT, y, material.say("For the report:"), Style.STRONG, SOFT)
    room = _report_room(material)
    return page.lines(RIGHT - room, y, room, _report(material, room), Style.BODY) + 8


def _report_room(material: Material) -> int:
    """The width that is left beside its label."""
    return RIGHT - LEFT - width_of(material.say("For the report:"), Style.STRONG) - 12


def _report(material: Material, width: int) -> str:
    """The sentence to copy; it is not torn apart: where it is too long, where it stands."""
    text = told(material.say, material.result.headline)
    return text if _whole(text, width) else material.say("… more on the page {title}", title=material.say(QUALITY))


def _whole(text: str, width: int) -> bool:
    return len(wrap(text, Style.BODY, width)) <= MOST_REPORT


def _left(page: Canvas, material: Material, box: Box) -> None:
    """The pictures, as high as the series and what was not computed leave them."""
    cells = _source_cells(material, box.width)
    height = Style.STRONG.step + max(len(lines) for _, lines in cells) * Style.SMALL.step
    spare = box.height - height - PICTURES_LEAST - 2 * GAP - Style.STRONG.step
    lines = _not_computed(material, box.width, max(1, min(spare // Style.SMALL.step, MOST_NOT_COMPUTED)))
    top = box.bottom - Style.STRONG.step - len(lines) * Style.SMALL.step
    _titled(page, box.left, top, material.say("Not computed"), lines)
    top -= GAP + height
    for (name, words), part in zip(cells, columns(len(cells), left=box.left, right=box.right), strict=True):
        _titled(page, part.left, top, name, words)
    draw_pictures(page, material, Box(box.left, box.top, box.right, top - GAP))


def _titled(page: Canvas, left: int, top: int, title: str, lines: Sequence[str]) -> None:
    page.text(left, top, title, Style.STRONG)
    for number, line in enumerate(lines):
        page.text(left, top + Style.STRONG.step + number * Style.SMALL.step, line, Style.SMALL)


def _not_computed(material: Material, width: int, most: int) -> list[str]:
    """A sentence a line; where they are more than `most`, the last line says where the rest is."""
    say = material.say
    lines = [line for text in context.not_computed(material) for line in wrap(f"– {text}", Style.SMALL, width)]
    if len(lines) > most:
        return [*lines[: most - 1], say("… more on the page {title}", title=say(QUALITY))]
    return lines or [say("Everything was computed.")]


def _source_cells(material: Material, width: int) -> list[tuple[str, list[str]]]:
    """The series side by side: the name of each, and its lines in a column of its own."""
    named = context.sources(material)
    room = columns(len(named), left=0, right=width)[0].width
    return [
        (
            name,
            [
                *clipped(texts[0], Style.SMALL, room, MOST_DESCRIPTION),
                *(line for text in texts[1:] for line in wrap(text, Style.SMALL, room)),
            ],
        )
        for name, texts in named
    ]


def _right(page: Canvas, material: Material, box: Box) -> None:
    """Quality above, methods below; where methods need more than quality can give, they end with where the rest is."""
    methods = context.methods(material)
    height = min(height_of((methods,), box.width), _methods_room(material, box))
    draw_quality_box(page, material, Box(box.left, box.top, box.right, box.bottom - height - GAP))
    room = Box(box.left, box.bottom - height, box.right, box.bottom)
    if _methods_fit(methods, material, box):
        fill(page, room, (methods,))
        return
    fill(page, Box(room.left, room.top, room.right, room.bottom - Style.SMALL.step), (methods,))
    more = material.say("… more on the page {title}", title=material.say(QUALITY))
    page.text(room.left, room.bottom - Style.SMALL.step, more, Style.SMALL, SOFT)


def _methods_room(material: Material, box: Box) -> int:
    return box.height - min(quality_box_height(material, box.width), QUALITY_HEIGHT) - GAP


def _methods_fit(methods: Section, material: Material, box: Box) -> bool:
    return height_of((methods,), box.width) <= _methods_room(material, box)


def _reminders(page: Canvas, material: Material, bottom: int) -> int:
    """What every first page must say, above a line; where it begins."""
    lines = [line for text in context.to_bear_in_mind(material) for line in wrap(text, Style.SMALL, RIGHT - LEFT)]
    top = bottom - len(lines) * Style.SMALL.step
    for number, line in enumerate(lines):
        page.text(LEFT, top + number * Style.SMALL.step, line, Style.SMALL, SOFT)
    return top


def _signature(page: Canvas, top: int) -> None:
    """Fields that a person fills in; empty."""
    x, say = LEFT, page.say
    for text, room in ((say("Reviewed by"), 560), (say("Date"), 240), (say("Signature"), 420)):
        page.text(x, top + 8, text, Style.SMALL_STRONG, SOFT)
        x += width_of(text, Style.SMALL_STRONG) + 10
        page.rule(x, min(x + room, RIGHT), top + 29, SOFT)
        x += room + 20
