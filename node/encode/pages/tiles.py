"""The headline numbers: one tile a region, its value large, and below it what it is compared with.

A value is compared with the norm where there is one, else with the patient's own NAWM, in words; and with the last visit that is alike,
where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.exam import LesionImport
from node.domain.history import Change, Fate, Visit
from node.domain.result import Finding, LesionOrigin, Norm, Phenotype, Quantity
from node.encode.canvas import INK, SOFT, WARNING, Box, Canvas, Colour, Style, largest, width_of, wrap
from node.encode.languages import Speech
from node.encode.material import Material
from node.encode.phenotypes import lesion_rgb
from node.encode.words import MISSING, moment_words, number_words, shown

REGIONS = ("nawm", "thalamus", "cortex", "lesions")
"""Whose numbers are large."""

CONTRAST_LIMIT = 2.0
"""A contrast score beyond it is told as above or below: two robust standard deviations, as in the region of raised signal; ours."""

PAD, NARROW, BETWEEN, CHIP = 12, 270, 12, 22


@dataclass(frozen=True)
class Tile:
    """What a tile says: a name, a large number, what goes beside it, and lines below in their colours."""

    name: str
    number: str
    beside: str
    lines: tuple[tuple[str, Colour], ...]


def draw_tiles(page: Canvas, material: Material, left: int, right: int, top: int) -> int:
    """The tiles in a row, the lesions' kinds in the last; where they end."""
    say = material.say
    names = (say("Normal-appearing WM"), say("Thalamus"), say("Cortex, inner"), say("In lesions"))
    tiles = [_tile(material, region, name) for region, name in zip(REGIONS, names, strict=True)]
    start = left + len(tiles) * (NARROW + BETWEEN)
    bottom = top + max(*(_height(tile) for tile in tiles), _kinds_height(material, right - start - 2 * PAD))
    for number, tile in enumerate(tiles):
        x = left + number * (NARROW + BETWEEN)
        _draw(page, tile, Box(x, top, x + NARROW, bottom))
    _draw_kinds(page, material, Box(start, top, right, bottom))
    return bottom


def last_visit(material: Material) -> Visit | None:
    """The visit that changes are told against: the latest that is alike."""
    return next((visit for visit in reversed(material.history.visits) if not visit.unlike), None)


def lesions_told(material: Material) -> str:
    """How many lesions there are and how large they are together, or why none is told."""
    say, lesions = material.say, material.result.lesions
    if material.segmentation.lesion_origin is LesionOrigin.NONE:
        return say("Lesions: not assessed")
    if not lesions:
        return say("Lesions: none found")
    volume = number_words(sum(lesion.volume_ml for lesion in lesions), 1)
    return say("Lesions: {count}, together {volume} mL", count=len(lesions), volume=volume)


def origin(material: Material) -> str:
    """Who drew the lesions, one sentence."""
    say, imported = material.say, material.exam.lesions
    if material.segmentation.lesion_origin is LesionOrigin.IMPORTED and imported is not None:
        return _imported(imported, say)
    if material.segmentation.lesion_origin is LesionOrigin.PROGRAM:
        program = dict(material.result.provenance.parameters).get("lesion program", "")
        return say("Lesions drawn by {program}, not confirmed by a reader.", program=shown(program) or say("a program of the site"))
    return say("Lesions found by the node on the FLAIR, not confirmed by a reader.")


def _imported(lesions: LesionImport, say: Speech) -> str:
    product = shown(lesions.creator) or say("somebody unnamed")
    when = moment_words(lesions.drawn_at)
    if not lesions.by_reader:
        return say("Lesions drawn by {creator}.", creator=product)
    if not lesions.labels.array.any():
        return say("No lesion, says the reader (SEG of {date}, {product}).", date=when, product=product)
    return say("Lesions drawn by a reader (SEG of {date}, {product}).", date=when, product=product)


def _tile(material: Material, region: str, name: str) -> Tile:
    result = material.result
    quantity = result.primary.quantity
    finding = result.finding(region, quantity)
    if finding is None:
        return Tile(name, MISSING, "", ((_why_missing(material, region), SOFT),))
    lines = (_normal(material, finding, finding.norm),) if finding.norm else (_contrast(material, region),)
    return Tile(name, number_words(finding.value), quantity.value, (*lines, *_change(material, region, quantity)))


def _why_missing(material: Material, region: str) -> str:
    say = material.say
    if region != "lesions":
        return say("not measured")
    if material.segmentation.lesion_origin is LesionOrigin.NONE:
        return say("lesions were not assessed")
    return say("not measured") if material.result.lesions else say("no lesion found")


def _normal(material: Material, finding: Finding, norm: Norm) -> tuple[str, Colour]:
    say = material.say
    span = f"{number_words(norm.low)}–{number_words(norm.high)}"
    score = "" if norm.z is None else f", z {'+' if norm.z > 0 else ''}{number_words(norm.z, 1)}"
    if finding.value > norm.high:
        return "▲ " + say("above the norm {span}", span=span) + score, WARNING
    if finding.value < norm.low:
        return "▼ " + say("below the norm {span}", span=span) + score, WARNING
    return "● " + say("within the norm {span}", span=span) + score, INK


def _contrast(material: Material, region: str) -> tuple[str, Colour]:
    say, score = material.say, material.result.finding(region, Quantity.CONTRAST)
    if region == "nawm" or score is None:
        return say("no normative comparison"), SOFT
    value = f"{'+' if score.value > 0 else ''}{number_words(score.value, 1)}"
    if score.value >= CONTRAST_LIMIT:
        return "▲ " + say("above the patient's own NAWM, contrast {value}", value=value), INK
    if score.value <= -CONTRAST_LIMIT:
        return "▼ " + say("below the patient's own NAWM, contrast {value}", value=value), INK
    return "● " + say("like the patient's own NAWM, contrast {value}", value=value), INK


def _change(material: Material, region: str, quantity: Quantity) -> tuple[tuple[str, Colour], ...]:
    found = [c for c in material.history.changes if c.region == region and c.quantity is quantity and c.lesion is None]
    return _change_lines(material, found[-1]) if found else ()


def _change_lines(material: Material, change: Change) -> tuple[tuple[str, Colour], ...]:
    say = material.say
    arrow = "▲" if change.difference > 0 else "▼" if change.difference < 0 else "●"
    sign = "+" if change.difference > 0 else ""
    since = next((v.scanned_at for v in material.history.visits if v.exam == change.since), None)
    first = say("{difference} since {date}", difference=f"{arrow} {sign}{number_words(change.difference)}", date=moment_words(since)[:10])
    if change.exceeds is None:
        return (first, INK), (say("repeatability not published"), SOFT)
    limit = number_words(change.repeatability)
    if change.exceeds:
        return (first, WARNING), (say("exceeds repeatability ±{limit}", limit=limit), WARNING)
    return (first, INK), (say("within repeatability ±{limit}", limit=limit), SOFT)


def _height(tile: Tile) -> int:
    lines = sum(len(wrap(text, Style.SMALL, NARROW - 2 * PAD)) for text, _ in tile.lines)
    return 10 + Style.SMALL.step + Style.NUMBER.step + lines * Style.SMALL.step + 10


def _draw(page: Canvas, tile: Tile, box: Box) -> None:
    page.panel(box)
    left, width = box.left + PAD, box.width - 2 * PAD
    page.text(left, box.top + 10, tile.name, Style.SMALL_STRONG, SOFT)
    baseline = box.top + 10 + Style.SMALL.step + 42
    page.text(left, baseline, tile.number, Style.NUMBER, anchor="ls")
    page.text(left + width_of(tile.number, Style.NUMBER) + 10, baseline, tile.beside, Style.SMALL, SOFT, anchor="ls")
    y = box.top + 10 + Style.SMALL.step + Style.NUMBER.step
    for text, colour in tile.lines:
        y = page.lines(left, y, width, text, Style.SMALL, colour)


def _kinds(material: Material) -> list[tuple[int, Phenotype | None]]:
    """How many lesions there are of each phenotype that occurs; None stands for those that were not called."""
    called = [lesion.phenotype for lesion in material.result.lesions]
    return [(called.count(kind), kind) for kind in (*Phenotype, None) if kind in called]


Chips = list[tuple[int, Phenotype | None, str]]
"""How far to the right each chip stands, its phenotype, its words."""


def _chips(material: Material, width: int) -> list[Chips]:
    """The phenotypes that occur, with their counts, in as many lines as that takes."""
    lines: list[Chips] = [[]]
    x = 0
    for count, kind in _kinds(material):
        words = f"{count} {material.say.sentence(kind.value) if kind else material.say('not called')}"
        wide = CHIP + width_of(words, Style.SMALL)
        if lines[-1] and x + wide > width:
            lines.append([])
            x = 0
        lines[-1].append((x, kind, words))
        x += wide + CHIP
    return lines


def _draw_kinds(page: Canvas, material: Material, box: Box) -> None:
    page.panel(box)
    left, y, width = box.left + PAD, box.top + 10, box.width - 2 * PAD
    title = lesions_told(material)
    page.text(left, y, title, largest(title, width, (Style.LEAD_STRONG, Style.STRONG, Style.SMALL_STRONG)))
    y += Style.LEAD_STRONG.step
    for chips in _chips(material, width):
        for x, kind, words in chips:
            page.disc(left + x + 7, y + 11, 6, lesion_rgb(kind))
            page.text(left + x + CHIP, y, words, Style.SMALL)
        y += Style.SMALL.step if chips else 0
    for text in _below(material):
        y = page.lines(left, y, width, text, Style.SMALL)


def _kinds_height(material: Material, width: int) -> int:
    chips = sum(1 for line in _chips(material, width) if line)
    below = sum(len(wrap(text, Style.SMALL, width)) for text in _below(material))
    return 10 + Style.LEAD_STRONG.step + (chips + below) * Style.SMALL.step + 10


def _below(material: Material) -> tuple[str, ...]:
    return (*_why_none(material), *_fates(material), _raised(material))


def _why_none(material: Material) -> tuple[str, ...]:
    say = material.say
    if material.segmentation.lesion_origin is LesionOrigin.NONE:
        return (say("The exam has neither a FLAIR nor a lesion segmentation."),)
    if material.result.lesions:
        return ()
    if material.segmentation.lesion_origin is LesionOrigin.IMPORTED:
        return (say("The lesion segmentation of the exam is empty."),)
    return (say("Looked for automatically, not confirmed by a reader."),)


def _fates(material: Material) -> tuple[str, ...]:
    """What has become of the lesions since the last visit, in one line."""
    say, changes = material.say, material.history.lesions
    counts = [(sum(change.fate is fate for change in changes), fate) for fate in Fate]
    words = ", ".join(f"{count} {say.sentence(fate.value)}" for count, fate in counts if count)
    return (say("Since the last visit: {words}", words=words),) if words else ()


def _raised(material: Material) -> str:
    mask = material.result.raised
    volume_ml = float(mask.array.sum()) * mask.voxel_ml
    if not volume_ml:
        return material.say("Raised signal in white matter: none found")
    return material.say("Raised signal in white matter: {volume} mL", volume=number_words(volume_ml, 1))
