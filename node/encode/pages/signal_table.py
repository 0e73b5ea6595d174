"""The table of TSPO signal by region: groups with their parts, left beside right, and where each lies against norm or NAWM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node.domain.result import Finding, Quantity
from node.encode.canvas import SOFT, Style
from node.encode.flow import Column, Paragraph, Row, Section, TableRow, paragraphs, soft
from node.encode.languages import Speech
from node.encode.material import Material
from node.encode.pages.strip import StripRow, norm_strip, own_strip
from node.encode.words import CONTRAST_SENTENCES, number_words, region_words, shown, sided, signed_words

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("whole_brain", ()),
    ("white_matter", ("nawm", "periventricular_wm", "deep_wm", "juxtacortical_wm", "corpus_callosum")),
    ("lesions", ()),
    ("cerebral_gm", ("cortex", "frontal_gm", "parietal_gm", "temporal_gm", "occipital_gm", "insular_gm")),
    ("thalamus", ()),
    ("deep_gm", ("caudate", "putamen", "striatum", "pallidum", "amygdala", "hippocampus")),
    ("infratentorial", ("brainstem", "cerebellum", "cerebellar_gm", "cerebellar_wm")),
)
"""A whole, and its parts; what no group names comes last."""

FURTHER = ""
"""Stands for the whole of what no group names."""

_INDENT, _NAME, _STRIP = 14, 256, 92
_TABLED = (Quantity.SUVR, Quantity.SUV, Quantity.CONTRAST)


def signal_sections(material: Material) -> tuple[Section, Section]:
    """The table; and without a title, since it stands right below, what its columns and strips are."""
    table = _Table(material)
    rows = [row for whole, parts in _groups(table.regions) for row in table.group(whole, parts)]
    told = Section(material.say("TSPO signal by region"), tuple(rows), table.head())
    return told, Section("", tuple(_notes(table)))


def _groups(measured: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    named = {name for whole, parts in GROUPS for name in (whole, *parts)}
    rest = tuple(name for name in measured if name not in named and not sided(name))
    kept = ((whole, tuple(part for part in parts if part in measured)) for whole, parts in GROUPS)
    return [(whole, parts) for whole, parts in (*kept, (FURTHER, rest)) if whole in measured or parts]


class _Table:
    """The columns that an exam has, and its rows."""

    def __init__(self, material: Material) -> None:
        self.material, self.say = material, material.say
        self.primary = material.result.primary.quantity
        findings = [f for f in material.result.findings if not f.partial_volume]
        self.regions = list(dict.fromkeys(f.region for f in findings if f.quantity is self.primary))
        self.by_key = {(f.region, f.quantity): f for f in reversed(findings)}
        self.normed = any(f.norm is not None and f.quantity is self.primary for f in findings)
        self.others = [q for q in _TABLED if q is not self.primary and any(f.quantity is q for f in findings)]

    def columns(self, *, part: bool) -> tuple[Column, ...]:
        name = (Column(_INDENT, "left"), Column(_NAME, "left")) if part else (Column(_INDENT + _NAME, "left"),)
        sides = (Column(70), Column(54), Column(54), Column(68))
        strip = (Column(12), Column(_STRIP, "left"))
        return (
            *name,
            Column(58),
            *sides,
            *(Column(90 if q is Quantity.CONTRAST else 60) for q in self.others),
            *strip,
            *((Column(56),) if self.normed else ()),
        )

    def head(self) -> TableRow:
        say = self.say
        names = {Quantity.SUV: "SUV", Quantity.CONTRAST: say("contrast")}
        others = (names.get(q, q.value) for q in self.others)
        where = say("norm") if self.normed else "NAWM"
        cells = (say("Region"), self.primary.value, "SE", say("left"), say("right"), say("L–R %"), *others, "", where)
        cells += ("z",) if self.normed else ()
        return TableRow(cells, self.columns(part=False), Style.SMALL_STRONG, SOFT, ruled=True)

    def group(self, whole: str, parts: Sequence[str]) -> list[Row]:
        first: Row = self._row(whole, part=False) if whole in self.regions else self._title(whole)
        return [first, *(self._row(part, part=True) for part in parts), Paragraph("", space=3)]

    def _title(self, whole: str) -> Row:
        words = region_words(whole, self.say) if whole != FURTHER else self.say("Further regions")
        return Paragraph(words, style=Style.SMALL_STRONG, space=0)

    def _row(self, name: str, *, part: bool) -> Row:
        found = self.by_key.get((name, self.primary))
        contrast = self.by_key.get((name, Quantity.CONTRAST))
        cells = (
            *(("",) if part else ()),
            self._name(name),
            _digits(found),
            number_words(None if found is None else found.uncertainty, 3),
            *(_digits(self.by_key.get((f"{name}_{side}", self.primary))) for side in ("left", "right")),
            _signed(self.by_key.get((name, Quantity.ASYMMETRY))),
            *(_digits(self.by_key.get((name, quantity)), 1 if quantity is Quantity.CONTRAST else 2) for quantity in self.others),
            "",
            "",
            *((_z(found),) if self.normed else ()),
        )
        strip = norm_strip(found) or (None if name == "nawm" else own_strip(contrast))
        style = Style.SMALL if part else Style.SMALL_STRONG
        row = TableRow(cells, self.columns(part=part), style)
        return StripRow(row, len(cells) - (2 if self.normed else 1), strip)

    def _name(self, name: str) -> str:
        words = shown(region_words(name, self.say))
        return self.say("{region}, ref.", region=words) if name == self.material.result.tracer.reference else words


def _notes(table: _Table) -> list[Row]:
    say = table.say
    error = say("SE: standard error from the image's noise alone. L–R: 200 × (left − right) / (left + right).")
    told = (
        " ".join(_norm_words(table, say)),
        f"{error} {_bases(table, say)}",
        say(CONTRAST_SENTENCES) if Quantity.CONTRAST in table.others else "",
    )
    return [soft(piece.text) for text in told for piece in paragraphs(text)]


def _norm_words(table: _Table, say: Speech) -> Iterator[str]:
    """Whose ranges the strips show: each norm, the patient's own NAWM where a region has none, or that there is no norm at all."""
    found = [f for f in table.by_key.values() if f.quantity is table.primary and not sided(f.region)]
    norms = [f.norm for f in found if f.norm is not None]
    if norms:
        yield say("Filled strip: the range of 95 % of healthy people; ◆ lies outside, an arrow further than the strip reaches.")
        for source in dict.fromkeys(norm.source for norm in norms):
            yield say("Norm: {source}.", source=say.sentence(shown(source)))
    else:
        yield say("No normative comparison: no norm matches this exam.")
    if len(norms) < len(found):
        yield say("Framed strip: the patient's own NAWM, median ± 2 robust standard deviations of its voxels; no norm.")


def _bases(table: _Table, say: Speech) -> str:
    names = {Quantity.SUV: "SUV (g/mL)", Quantity.CONTRAST: say("contrast (NAWM contrast score)")}
    told = []
    for quantity in (table.primary, *table.others):
        bases = dict.fromkeys(f.basis for f in table.by_key.values() if f.quantity is quantity and f.basis and not sided(f.region))
        told += [f"{names.get(quantity, quantity.value)}: {'; '.join(say.sentence(shown(basis)) for basis in bases)}"] if bases else []
    return " · ".join(told)


def _digits(finding: Finding | None, digits: int = 2) -> str:
    return number_words(None if finding is None else finding.value, digits)


def _signed(finding: Finding | None) -> str:
    return signed_words(None if finding is None else finding.value, 1)


def _z(finding: Finding | None) -> str:
    return signed_words(None if finding is None or finding.norm is None else finding.norm.z, 1)
