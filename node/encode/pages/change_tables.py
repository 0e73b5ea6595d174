"""The tables of change: the visits, what has changed beside its repeatability, and what has become of the lesions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from node.domain.history import Change, Fate, LesionChange, Visit
from node.domain.result import Phenotype, Quantity
from node.encode.canvas import INK, SOFT, WARNING, Style
from node.encode.flow import Column, Paragraph, Row, Section, TableRow, paragraphs, soft
from node.encode.languages import Speech
from node.encode.material import Material
from node.encode.pages.timeline import letters, region_changes
from node.encode.words import MISSING, moment_words, number_words, region_words, shown, signed_words

_VISITS = (Column(24, "left"), Column(110, "left"), Column(110, "left"), Column(300, "left"))
_CHANGES = (Column(170, "left"), Column(78), Column(54), Column(80), Column(60), Column(8), Column(154, "left"))
_MATRIX_NAME = Column(140, "left")
_LESIONS = (*(Column(46), Column(10), Column(116, "left")), *(Column(124),) * 3, *(Column(10), Column(192, "left")))
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
    return Section(say("Visits"), tuple(rows))


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
    return Section(say("Change since {visit}", visit=_since(material, changes[0].since)), tuple(rows), head)


def fate_section(material: Material) -> Section:
    """How many lesions are new, enlarged, …, and how they are classed before and now."""
    say, lesions = material.say, material.history.lesions
    if not lesions:
        return Section(say("Lesions"), paragraphs(say("Not compared with an earlier visit."), style=Style.SMALL))
    counts = [(sum(lesion.fate is fate for lesion in lesions), _fate(fate, say)) for fate in ORDER]
    told = " · ".join(f"{count} {words}" for count, words in counts)
    title = say("Lesions since {visit}", visit=_since(material, lesions[0].since))
    return Section(title, (*paragraphs(told, style=Style.STRONG), *_matrix(lesions, say)))


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
            soft(
                say("Core and rim: {quantity} as measured. Of many lesions some differ by chance: none is judged alone.", quantity=quantity)
            )
        )
    return Section(say("Lesion by lesion"), tuple(rows), head)


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
    return say("exceeds ±") if change.exceeds else say("does not exceed ±")


def _what(change: Change, say: Speech) -> str:
    return shown(region_words(change.region, say))


def _matrix(lesions: Sequence[LesionChange], say: Speech) -> list[Row]:
    """Rows are what lesions were, columns what they are; nothing where no lesion was classed at either visit."""
    if not any(lesion.phenotype_before or lesion.phenotype_now for lesion in lesions):
        return []
    befores, nows = (_classes(lesions, told) for told in (_before, _now))
    columns = (_MATRIX_NAME, *(Column(730 / len(nows)) for _ in nows))
    head = TableRow((say("before ↓  now →"), *(_class(now, say) for now in nows)), columns, Style.SMALL_STRONG, SOFT, ruled=True)
    rows: list[Row] = [Paragraph("", space=4), head]
    for before in befores:
        counts = [sum(_before(lesion) is before and _now(lesion) is now for lesion in lesions) for now in nows]
        rows.append(TableRow((_class(before, say), *(str(count) if count else MISSING for count in counts)), columns, Style.SMALL))
    return rows


Class = Phenotype | Fate | None
"""What a lesion was or is: its phenotype, new or no longer seen, or None where nothing was called."""


def _before(lesion: LesionChange) -> Class:
    return Fate.NEW if lesion.fate is Fate.NEW else lesion.phenotype_before


def _now(lesion: LesionChange) -> Class:
    return Fate.VANISHED if lesion.fate is Fate.VANISHED else lesion.phenotype_now


def _classes(lesions: Sequence[LesionChange], told: Callable[[LesionChange], Class]) -> list[Class]:
    there = [told(lesion) for lesion in lesions]
    order: tuple[Class, ...] = (*Phenotype, None, Fate.NEW, Fate.VANISHED)
    return [kind for kind in order if kind in there]


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
    kinds = now if before == now else f"{before} → {now}"
    cells = (str(lesion.number), "", _fate(lesion.fate, say), _pair(lesion.before_ml, lesion.now_ml), *signal, "", kinds)
    return TableRow(cells, _LESIONS, Style.SMALL, SOFT if lesion.fate is Fate.SAME else INK)


def _pair(before: float | None, now: float | None) -> str:
    return MISSING if before is None and now is None else f"{number_words(before)} → {number_words(now)}"


def _since(material: Material, exam: str) -> str:
    when = next((visit.scanned_at for visit in material.history.visits if visit.exam == exam), None)
    return f"{_date(when)} ({shown(exam)})" if when else shown(exam)


def _date(when: datetime | None) -> str:
    return moment_words(when)[:10]
