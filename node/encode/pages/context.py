"""What stands behind the numbers of the first page: the series, how it was measured, what was not computed, and what to bear in mind."""

from __future__ import annotations

from node.domain.exam import MrSeries, SeriesSource
from node.domain.result import Finding, Quantity
from node.encode.canvas import Style
from node.encode.flow import Column, Row, Section, TableRow
from node.encode.material import Material
from node.encode.page import accession_words, series_words
from node.encode.pages.tiles import REGIONS, last_visit
from node.encode.words import CONTRAST_SENTENCES, moment_words, shown, told, window_words

NOT_SPECIFIC = (
    "TSPO is on microglia, macrophages, astrocytes and endothelium, in MS not only on activated ones (Nutma 2019). "
    "No TSPO tracer is licensed, as far as we know."
)
_FACTS = (Column(132, "left"), Column(418, "left"))
_UIDS = (Column(72, "left"), Column(478, "left"))


def sources(material: Material) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The series that the result was made from: what each is, and what is told of it."""
    say, exam = material.say, material.exam
    return (
        ("PET", _series(material, exam.pet.source)),
        (say("T1"), _mr(material, exam.t1)),
        ("FLAIR", _mr(material, exam.flair) if exam.flair else (say("none"),)),
        *(((say("Lesion SEG"), _series(material, exam.lesions.source)),) if exam.lesions else ()),
    )


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
        (say("Partial volume"), say("not corrected in these numbers")),
    )
    return Section(say("How it was measured"), tuple(_fact(name, value) for name, value in facts))


def not_computed(material: Material) -> tuple[str, ...]:
    """What was not computed, in brief: of each sentence what stands before its first semicolon. The page Quality has them whole."""
    whole = (*(told(material.say, text) for text in material.result.not_computed), *_not_shown(material))
    return tuple(f"{text.split('; ')[0].rstrip('.')}." for text in whole)


def identifiers(material: Material) -> Section:
    """The UIDs of the series that the result was made from."""
    exam = material.exam
    optional = (("FLAIR", exam.flair), ("SEG", exam.lesions))
    named = (("PET", exam.pet.source), ("T1", exam.t1.source), *((name, item.source) for name, item in optional if item is not None))
    return Section(
        material.say("Series by UID"),
        tuple(TableRow((name, f"{shown(source.description)} · {source.series_uid}"), _UIDS, Style.SMALL) for name, source in named),
    )


def to_bear_in_mind(material: Material) -> tuple[str, ...]:
    """The sentences that every first page has."""
    has_contrast = any(finding.quantity is Quantity.CONTRAST for finding in material.result.findings)
    return (material.say(NOT_SPECIFIC), *((material.say(CONTRAST_SENTENCES),) if has_contrast else ()))


def _fact(name: str, value: str) -> Row:
    return TableRow((name, value), _FACTS, Style.SMALL)


def _series(material: Material, source: SeriesSource, *more: str) -> tuple[str, ...]:
    return (*series_words(source.description, source.acquired_at, material.say), *more)


def _mr(material: Material, series: MrSeries) -> tuple[str, ...]:
    """An MR series; the accession number where it is another than the PET's, which the page's head has."""
    elsewhere = series.source.study_uid != material.exam.pet.source.study_uid
    known = series.source.study_uid == material.slices.header.StudyInstanceUID
    return _series(material, series.source, *((accession_words(material.slices.header, material.say),) if elsewhere and known else ()))


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
    said = "Lesions {numbers} lie outside the {series}'s field of view and are not in the segmentation."
    return (material.say(said, numbers=numbers, series=series),)
