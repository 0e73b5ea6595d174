"""The tables of volumes: the brain and its parts with their share of it, and lesions by zone; with what may be read from them."""

from __future__ import annotations

from node.domain.result import Finding, LesionOrigin, Quantity
from node.encode.canvas import SOFT, Style
from node.encode.flow import Column, Paragraph, Row, Section, TableRow, paragraphs, soft
from node.encode.material import Material
from node.encode.pages.strip import StripRow, norm_strip
from node.encode.words import MISSING, number_words, region_words, shown

TISSUES = ("brain", "whole_brain", "gray_matter", "all_white_matter", "csf")
PARTS = (
    *("cerebral_gm", "white_matter", "thalamus", "deep_gm", "hippocampus", "corpus_callosum", "cerebellum", "brainstem"),
    *("lateral_ventricle", "third_ventricle", "fourth_ventricle"),
)
"""What is listed, in this order, as far as the exam has it; further volumes are in the report."""

ZONES = {
    "lesions_periventricular": "periventricular",
    "lesions_juxtacortical": "juxtacortical",
    "lesions_deep": "deep white matter",
    "lesions_infratentorial": "infratentorial",
}
"""The sums over the lesions of one zone, and what the zone is called where lesions are."""

_LESIONS = (Column(300, "left"), Column(90), Column(90))


def volume_section(material: Material) -> Section:
    """Volumes of the brain and its parts, left beside right."""
    table = _Table(material)
    rows: list[Row] = [table.row(name) for name in TISSUES if table.has(name)]
    rows += [Paragraph("", space=6)] if rows else []
    rows += [table.row(name) for name in PARTS if table.has(name)]
    if not rows:
        return Section(material.say("Volumes"), paragraphs(material.say("Not measured."), colour=SOFT))
    return Section(material.say("Volumes"), (*rows, Paragraph("", space=6), *(soft(text) for text in _caveats(table))), table.head())


def load_section(material: Material) -> Section:
    """Lesions by zone."""
    say, table = material.say, _Table(material)
    title = say("Lesions by zone")
    if material.segmentation.lesion_origin is LesionOrigin.NONE:
        return Section(title, paragraphs(say("Not looked for: the exam has neither a FLAIR nor a lesion segmentation.")))
    rows: list[Row] = [_load_row(table, name) for name in ZONES if table.has(name)]
    rows.append(_load_row(table, "lesions", style=Style.SMALL_STRONG))
    if table.has("lesions_t1_dark"):
        rows.append(_load_row(table, "lesions_t1_dark"))
        rows.append(soft(say("Dark: darker than cerebral grey matter on average; less after a contrast agent.")))
    head = TableRow((say("Zone"), say("number"), "mL"), _LESIONS, Style.SMALL_STRONG, SOFT, ruled=True)
    return Section(title, tuple(rows), head)


class _Table:
    def __init__(self, material: Material) -> None:
        self.say = material.say
        self.by_key = {(f.region, f.quantity): f for f in material.result.findings if not f.partial_volume}
        listed = [self.by_key.get((name, Quantity.VOLUME)) for name in (*TISSUES, *PARTS)]
        self.normed = any(f is not None and f.norm is not None for f in listed)

    def has(self, name: str) -> bool:
        return (name, Quantity.VOLUME) in self.by_key

    def value(self, name: str, quantity: Quantity) -> Finding | None:
        return self.by_key.get((name, quantity))

    def columns(self) -> tuple[Column, ...]:
        strip = (Column(6), Column(64, "left")) if self.normed else ()
        return (Column(222, "left"), Column(60), Column(68), Column(56), Column(58), *strip)

    def head(self) -> TableRow:
        say = self.say
        cells = (say("Structure"), "mL", say("share %"), say("left"), say("right"), *(("", say("norm")) if self.normed else ()))
        return TableRow(cells, self.columns(), Style.SMALL_STRONG, SOFT, ruled=True)

    def row(self, name: str) -> Row:
        volume = self.value(name, Quantity.VOLUME)
        cells = (
            region_words(name, self.say),
            _ml(volume),
            _per_cent(self.value(name, Quantity.FRACTION)),
            *(_ml(self.value(f"{name}_{side}", Quantity.VOLUME)) for side in ("left", "right")),
            *(("", "") if self.normed else ()),
        )
        row = TableRow(cells, self.columns(), Style.SMALL)
        return StripRow(row, len(cells) - 1, norm_strip(volume)) if self.normed else row


def _load_row(table: _Table, name: str, style: Style = Style.SMALL) -> TableRow:
    count = table.value(name, Quantity.COUNT)
    zone = ZONES.get(name)
    words = table.say("All lesions") if name == "lesions" else table.say.sentence(zone) if zone else region_words(name, table.say)
    counted = "" if count is None else number_words(count.value, 0)
    return TableRow((words, counted, _ml(table.value(name, Quantity.VOLUME), 2)), _LESIONS, style)


def _caveats(table: _Table) -> list[str]:
    say = table.say
    told = [
        say(
            "Share: of tissue and fluid inside the brain mask, not of the intracranial volume; that of the parenchyma, lesions counted as "
            "tissue, is the brain parenchymal fraction."
        ),
    ]
    sources = dict.fromkeys(f.norm.source for f in table.by_key.values() if f.norm is not None and f.quantity is Quantity.VOLUME)
    told += [say("Norm: {source}.", source=say.sentence(shown(source))) for source in sources]
    told += [] if sources else [say("No normative comparison of volumes: no norm matches this exam.")]
    told.append(
        say(
            "Volumes on MR are precise enough for groups, and not enough to judge atrophy in one person with confidence "
            "(Rocca et al. 2017, MAGNIMS): none is judged here."
        )
    )
    return told


def _ml(finding: Finding | None, digits: int = 1) -> str:
    return MISSING if finding is None else number_words(finding.value, digits if finding.value < 100.0 else 0)


def _per_cent(finding: Finding | None) -> str:
    return MISSING if finding is None else number_words(100.0 * finding.value, 1 if finding.value >= 0.01 else 2)
