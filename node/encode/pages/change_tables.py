"""The tables of change: the visits, what has changed beside its repeatability, and what has become of the lesions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest

from node.domain.history import Change, Fate, LesionChange, Visit
from node.domain.result import Phenotype, Quantity
from node.encode.canvas import INK, SOFT, WARNING, Style
from node.encode.flow import Column, Paragraph, Row, Section, TableRow, fitted, paragraphs, soft
from node.encode.languages import Speech
from node.encode.material import Material
from node.encode.page import columns
from node.encode.pages.timeline import letters, region_changes
from node.encode.words import MISSING, moment_words, number_words, region_words, shown, signed_words

WIDTH = columns(2)[0].width
"""Of the column that a table is drawn in, units of the page."""

_VISITS = (Column(24, "left"), Column(110, "left"), Column(110, "left"), Column(300, "left"))
_CHANGES = (Column(244, "left"), Column(80), Column(66), Column(86), Column(72), Column(10), Column(186, "left"))
_PAIRS = (*(Column(270, "left"), Column(70)), Column(24), *(Column(270, "left"), Column(70)))
_LESIONS = (*(Column(40), Column(10), Column(150, "left")), *(Column(108),) * 3, *(Column(10), Column(224, "left")))
ORDER = (Fate.NEW, Fate.ENLARGED, Fate.SMALLER, Fate.VANISHED, Fate.SAME)
"""Lesions are listed by their fate, what asks for a look first."""


def visit_section(material: Material) -> Section:
    """The visits, oldest first, and why one is not compared."""
    say, marks = material.say, letters(material)
    rows: list[Row] = [_visit_row(visit, marks[visit.exam]) for visit in material.history.visits]
    now = material.exam.pet.source.acquired_at
    rows.append(TableRow(("●", _date(now), say("this exam"), shown(material.result.tracer.name)), _VISITS, Style.SMALL_STRONG))
    alike = dict.fromkeys(visit.method for visit in material.history.visits if not visit.unlike)
    rows += [soft(say("Alike: {method}.", method=say.sentence(shown(method)))) for method in alike]
    rows += [
        row
        for visit in material.history.visits
        if visit.unlike
        for row in paragraphs(say.sentence(shown(visit.unlike)), mark=marks[visit.exam], style=Style.SMALL, colour=INK, mark_colour=SOFT)
    ]
    if any(visit.scanned_at is None for visit in material.history.visits):
        rows.append(soft(say("A visit without a date is not drawn.")))
    rows += [row for note in material.history.notes for row in paragraphs(say.sentence(shown(note)), mark="•", style=Style.SMALL)]
    return fitted(Section(say("Visits"), tuple(rows)), WIDTH)


def change_section(material: Material) -> Section:
    """Each number before and now, and whether the difference exceeds what an unchanged person shows."""
    say, changes = material.say, region_changes(material)
    if not changes:
        return Section(say("Change"), paragraphs(say("No earlier visit is alike: no number is compared."), style=Style.SMALL))
    sources = list(dict.fromkeys(change.source for change in changes if change.source))
    rows: list[Row] = [_change_row(change, sources, say) for change in changes]
    rows.append(soft(say("±: what two scans of an unchanged person differ by in 19 of 20 cases at most; the band in the plots.")))
    rows += [soft(f"[{number}] {say.sentence(shown(source))}") for number, source in enumerate(sources, start=1)]
    head = TableRow(("", say("before"), say("now"), say("change"), "±", "", ""), _CHANGES, Style.SMALL_STRONG, SOFT, ruled=True)
    return fitted(Section(say("Change since {visit}", visit=_since(material, changes[0].since)), tuple(rows), head), WIDTH)


def fate_section(material: Material) -> Section:
    """How many lesions are new, enlarged, …, and how many were classed how, and are classed how now."""
    say, lesions = material.say, material.history.lesions
    if not lesions:
        return Section(say("Lesions"), paragraphs(say("Not compared with an earlier visit."), style=Style.SMALL))
    counts = [(sum(lesion.fate is fate for lesion in lesions), _fate(fate, say)) for fate in ORDER]
    told = " · ".join(f"{count} {words}" for count, words in counts)
    title = say("Lesions since {visit}", visit=_since(material, lesions[0].since))
    return fitted(Section(title, (*paragraphs(told, style=Style.SMALL_STRONG), *_classed(lesions, say))), WIDTH)


def lesion_section(material: Material) -> Section:
    """Lesion by lesion: volume and signal before and now."""
    say, quantity = material.say, material.result.primary.quantity.value
    lesions = sorted(material.history.lesions, key=lambda lesion: (ORDER.index(lesion.fate), lesion.number))
    by_part = {(change.lesion, change.region): change for change in material.history.changes if change.lesion is not None}
    heads = (say("No."), "", "", "mL", say("core"), say("rim"), "", say("type"))
    head = TableRow(heads, _LESIONS, Style.SMALL_STRONG, SOFT, ruled=True)
    rows: list[Row] = [_lesion_row(lesion, by_part, say) for lesion in lesions]
    if rows:
        rows.append(
            soft(say("Core and rim: {quantity} as measured. Some of many differ by chance: none is judged alone.", quantity=quantity))
        )
    return fitted(Section(say("Lesion by lesion"), tuple(rows), head), WIDTH)


def _visit_row(visit: Visit, letter: str) -> TableRow:
    cells = (letter or "●", _date(visit.scanned_at), shown(visit.exam), shown(visit.tracer))
    return TableRow(cells, _VISITS, Style.SMALL, SOFT if letter else INK)


def _change_row(change: Change, sources: Sequence[str], say: Speech) -> TableRow:
    digits = 0 if change.quantity is Quantity.COUNT else 2
    limit = MISSING if change.repeatability is None else number_words(change.repeatability, digits)
    source = f"[{sources.index(change.source) + 1}]" if change.source else ""
    cells = (
        _what(change, say),
        number_words(change.before, digits),
        number_words(change.now, digits),
        signed_words(change.difference, digits),
        limit,
        "",
        f"{_verdict(change, say)} {source}",
    )
    # What exceeds is heavier as well, since colour alone is lost in a grey print.
    style, colour = (Style.SMALL_STRONG, WARNING) if change.exceeds else (Style.SMALL, INK)
    return TableRow(cells, _CHANGES, style, colour)


def _verdict(change: Change, say: Speech) -> str:
    if change.exceeds is None:
        return say("± not known")
    return say("exceeds ±") if change.exceeds else say("within ±")


def _what(change: Change, say: Speech) -> str:
    return say("NAWM") if change.region == "nawm" else shown(region_words(change.region, say))


def _classed(lesions: Sequence[LesionChange], say: Speech) -> list[Row]:
    """What lesions were and are, two pairs a row, with how many; nothing where no lesion was classed at either visit."""
    if not any(lesion.phenotype_before or lesion.phenotype_now for lesion in lesions):
        return []
    counts = Counter((_before(lesion), _now(lesion)) for lesion in lesions)
    pairs = sorted(counts, key=lambda pair: (_CLASSES.index(pair[0]), _CLASSES.index(pair[1])))
    cells = [(_from_to(_class(before, say), _class(now, say)), str(counts[before, now])) for before, now in pairs]
    half = -(-len(cells) // 2)
    title = (say("before → now"), say("number"))
    head = TableRow((*title, "", *(title if len(cells) > 1 else ("", ""))), _PAIRS, Style.SMALL_STRONG, SOFT, ruled=True)
    beside = zip_longest(cells[:half], cells[half:], fillvalue=("", ""))
    return [Paragraph("", space=4), head, *(TableRow((*left, "", *right), _PAIRS, Style.SMALL) for left, right in beside)]


Class = Phenotype | Fate | None
"""What a lesion was or is: its phenotype, new or no longer seen, or None where nothing was called."""

_CLASSES: tuple[Class, ...] = (*Phenotype, None, Fate.NEW, Fate.VANISHED)


def _before(lesion: LesionChange) -> Class:
    return Fate.NEW if lesion.fate is Fate.NEW else lesion.phenotype_before


def _now(lesion: LesionChange) -> Class:
    return Fate.VANISHED if lesion.fate is Fate.VANISHED else lesion.phenotype_now


def _class(kind: Class, say: Speech) -> str:
    if isinstance(kind, Fate):
        return _fate(kind, say)
    if kind is None or kind is Phenotype.NOT_RESOLVABLE:
        return say("not called") if kind is None else say("unresolved")
    return say.sentence(kind.value)


def _fate(fate: Fate, say: Speech) -> str:
    words = {
        Fate.NEW: say("new"),
        Fate.ENLARGED: say("enlarged"),
        Fate.SAME: say("unchanged"),
        Fate.SMALLER: say("smaller"),
        Fate.VANISHED: say("no longer seen"),
    }
    return words[fate]


def _lesion_row(lesion: LesionChange, by_part: Mapping[tuple[int, str], Change], say: Speech) -> TableRow:
    core, rim = (by_part.get((lesion.number, part)) for part in ("lesions", "rims"))
    signal = (_pair(None, None) if change is None else _pair(change.before, change.now) for change in (core, rim))
    before, now = (MISSING if kind is None else _class(kind, say) for kind in (lesion.phenotype_before, lesion.phenotype_now))
    cells = (str(lesion.number), "", _fate(lesion.fate, say), _pair(lesion.before_ml, lesion.now_ml), *signal, "", _from_to(before, now))
    return TableRow(cells, _LESIONS, Style.SMALL, SOFT if lesion.fate is Fate.SAME else INK)


def _from_to(before: str, now: str) -> str:
    """What was and is; once where it is the same."""
    return now if before == now else f"{before} → {now}"


def _pair(before: float | None, now: float | None) -> str:
    return MISSING if before is None and now is None else f"{number_words(before)} → {number_words(now)}"


def _since(material: Material, exam: str) -> str:
    when = next((visit.scanned_at for visit in material.history.visits if visit.exam == exam), None)
    return f"{_date(when)} ({shown(exam)})" if when else shown(exam)


def _date(when: datetime | None) -> str:
    return moment_words(when)[:10]
