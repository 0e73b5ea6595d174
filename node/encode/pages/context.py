"""What stands behind the numbers of the first page: the series, how they were measured, what was not computed, and what to bear in mind."""

from __future__ import annotations

from node.domain.exam import MrSeries, SeriesSource
from node.domain.result import Finding, Quantity
from node.encode.canvas import SOFT, Style
from node.encode.flow import Column, Row, Section, TableRow, paragraphs
from node.encode.material import Material
from node.encode.page import accession_words, series_words
from node.encode.pages.tiles import REGIONS, last_visit
from node.encode.words import CONTRAST_SENTENCES, moment_words, shown, told, window_words

NOT_SPECIFIC = (
    "TSPO is on microglia, macrophages, astrocytes and endothelium, in MS not only on activated ones (Nutma 2019). "
    "No TSPO tracer is licensed, as far as we know."
)
_FACTS = (Column(132, "left"), Column(358, "left"))
_SERIES = (Column(72, "left"), Column(418, "left"))


def sources(material: Material) -> Section:
    """The series that the result was made from, with their times."""
    say, exam = material.say, material.exam
    rows = [
        *_series(material, "PET", exam.pet.source),
        *_mr(material, "T1", exam.t1),
        *(_mr(material, "FLAIR", exam.flair) if exam.flair else (TableRow(("FLAIR", say("none")), _SERIES, Style.SMALL),)),
    ]
    if exam.lesions:
        rows += _series(material, "SEG", exam.lesions.source)
    return Section(say("Made from"), tuple(rows))


def methods(material: Material) -> Section:
    """How the numbers were measured: tracer, window, model, reference, genotype, partial volume, norm, repeatability."""
    say, tracer = material.say, material.result.tracer
    facts = (
        (say("Tracer"), f"{shown(tracer.name)}, {_dose(material)}"),
        (say("Genotype"), f"rs6971 {_genotype(material)}"),
        (say("Value"), _value(material)),
        (say("Norm"), _norm(material)),
        (say("Repeatability"), _repeatability(material)),
        *((("SUVR", window_words(tracer)),) if material.result.kinetics else ()),
        (say("Blur"), say("not taken out of these numbers")),
    )
    return Section(say("Measured how"), tuple(_fact(name, value) for name, value in facts))


def not_computed(material: Material) -> Section:
    """What was not computed, and why."""
    lines = [*(told(material.say, line) for line in material.result.not_computed), *_not_shown(material)]
    rows = tuple(row for line in lines for row in paragraphs(line, mark="–", style=Style.SMALL, mark_colour=SOFT))
    return Section(
        material.say("Not computed"), rows or paragraphs(material.say("Everything was computed."), style=Style.SMALL, colour=SOFT)
    )


def identifiers(material: Material) -> Section:
    """The UIDs of the series that the result was made from."""
    exam = material.exam
    optional = (("FLAIR", exam.flair), ("SEG", exam.lesions))
    named = (("PET", exam.pet.source), ("T1", exam.t1.source), *((name, item.source) for name, item in optional if item is not None))
    return Section(
        material.say("Series by UID"), tuple(TableRow((name, source.series_uid), _SERIES, Style.SMALL) for name, source in named)
    )


def to_bear_in_mind(material: Material) -> tuple[str, ...]:
    """The sentences that every first page has."""
    has_contrast = any(finding.quantity is Quantity.CONTRAST for finding in material.result.findings)
    return (material.say(NOT_SPECIFIC), *((material.say(CONTRAST_SENTENCES),) if has_contrast else ()))


def _fact(name: str, value: str) -> Row:
    return TableRow((name, value), _FACTS, Style.SMALL)


def _series(material: Material, name: str, source: SeriesSource, *more: str) -> list[Row]:
    description, acquired = series_words(source.description, source.acquired_at, material.say)
    lines = (description, ", ".join((acquired, *more)))
    return [TableRow((name if number == 0 else "", line), _SERIES, Style.SMALL) for number, line in enumerate(lines)]


def _mr(material: Material, name: str, series: MrSeries) -> list[Row]:
    """An MR series; the accession number where it is another than the PET's, which the page's head has."""
    elsewhere = series.source.study_uid != material.exam.pet.source.study_uid
    known = series.source.study_uid == material.slices.header.StudyInstanceUID
    more = (accession_words(material.slices.header, material.say),) if elsewhere and known else ()
    return _series(material, name, series.source, *more)


def _dose(material: Material) -> str:
    say = material.say
    dose, scan = material.exam.pet.administration, material.exam.pet.source.acquired_at
    activity = f"{dose.activity_bq / 1e6:.0f} MBq" if dose.activity_bq else say("activity unknown")
    if dose.injected_at is None:
        return say("{activity}, injected at an unknown time", activity=activity)
    same_day = scan is not None and scan.date() == dose.injected_at.date()
    when = dose.injected_at.strftime("%H:%M") if same_day else moment_words(dose.injected_at)
    return say("{activity} at {when}", activity=activity, when=when)


def _genotype(material: Material) -> str:
    genotype, say = material.exam.subject.genotype, material.say
    if genotype:
        return genotype
    return say("unknown") if material.result.tracer.genotype_sensitive else say("unknown, matters little here")


def _value(material: Material) -> str:
    quantity = material.result.primary.quantity
    bases = dict.fromkeys(told(material.say, finding.basis) for finding in _headline(material) if finding.quantity is quantity)
    return f"{quantity.value}, {'; '.join(bases)}" if bases else quantity.value


def _headline(material: Material) -> list[Finding]:
    """The findings behind the large numbers."""
    quantity = material.result.primary.quantity
    found = (material.result.finding(region, quantity) for region in REGIONS)
    return [finding for finding in found if finding is not None]


def _norm(material: Material) -> str:
    norms = dict.fromkeys(told(material.say, finding.norm.source) for finding in _headline(material) if finding.norm)
    return "; ".join(norms) or material.say("no normative comparison")


def _repeatability(material: Material) -> str:
    say, history = material.say, material.history
    if not history.visits:
        return say("none used: no earlier visit")
    visit = last_visit(material)
    if visit is None:
        return say("none used: no earlier visit is alike")
    sources = dict.fromkeys(told(say, change.source) for change in history.changes if change.region in REGIONS and change.lesion is None)
    return "; ".join(sources) or say("none used")


def _not_shown(material: Material) -> tuple[str, ...]:
    outside = material.lesions.outside
    if not outside:
        return ()
    numbers, series = ", ".join(str(number) for number in outside), material.reading.contrast.value
    said = material.say(
        "Lesions {numbers} lie outside the {series}'s field of view and are not in the segmentation.", numbers=numbers, series=series
    )
    return (said,)
