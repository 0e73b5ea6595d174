"""What the summary says, as sections: numbers, lesions, checks, and what was not computed."""

from __future__ import annotations

from collections.abc import Iterable

from node.domain.exam import Check, Gravity
from node.domain.result import Finding, Lesion, LesionOrigin, Phenotype, Quantity
from node.encode.canvas import INK, SOFT, WARNING, Style
from node.encode.flow import Column, Row, Section, TableRow, paragraphs, soft
from node.encode.material import Material
from node.encode.words import MISSING, number_words, region_rank, region_words, shown, sided

_REGION = Column(222, "left")
_QUANTITIES = {Quantity.DVR: "DVR", Quantity.SUVR: "SUVR", Quantity.SUV: "SUV", Quantity.CONTRAST: "contrast"}
"""The columns of the table of regions, as far as the exam has them."""

_LESION_COLUMNS = (
    *(Column(40), Column(8), Column(128, "left"), Column(54), Column(52), Column(50)),
    *(Column(10), Column(128, "left"), Column(16, "left")),
)
_TYPES = {Phenotype.NOT_RESOLVABLE: "unresolved"}
CONFIDENT = 0.8
"""A phenotype that fewer draws than this share agree on is marked as uncertain (quantification E2)."""
CONTRAST_SENTENCES = (
    "The contrast score cannot see diffuse activation of the NAWM, rises where the NAWM is homogeneous, and is blind to a shift of the "
    "whole brain."
)
"""To be printed wherever the score is."""


def numbers(material: Material) -> Section:
    """The table of regions, with the basis of each quantity below it."""
    findings = material.result.findings
    shown_quantities = [q for q in _QUANTITIES if q is not Quantity.DVR or any(f.quantity is q for f in findings)]
    width = 176 / (len(shown_quantities) - 1)
    columns = (_REGION, *(Column(88 if q is Quantity.CONTRAST else width) for q in shown_quantities))
    measured = dict.fromkeys(f.region for f in findings if f.quantity in _QUANTITIES)
    regions = sorted((region for region in measured if not sided(region)), key=region_rank)
    rows: list[Row] = [
        TableRow((_region(material, region), *(_measured(material.result.finding(region, q)) for q in shown_quantities)), columns)
        for region in regions
    ]
    rows += [soft(line) for line in (*_raised(material), *_bases(findings))]
    if any(finding.quantity is Quantity.CONTRAST for finding in findings):
        rows.append(soft(CONTRAST_SENTENCES))
    heads = ("Region", *(_QUANTITIES[q] for q in shown_quantities))
    head = TableRow(heads, columns, Style.SMALL_STRONG, SOFT, ruled=True)
    return Section("TSPO signal by region", tuple(rows), head)


def lesions(material: Material) -> Section:
    """The lesions by falling volume, each with its core and rim."""
    origin = material.segmentation.lesion_origin
    if origin is LesionOrigin.NONE:
        return Section("Lesions", paragraphs("Not looked for: the exam has neither a FLAIR nor a lesion segmentation."))
    listed = sorted(material.result.lesions, key=lambda lesion: (-lesion.volume_ml, lesion.number))
    if not listed:
        return Section("Lesions", (*paragraphs("None found."), soft(_origin(material))))
    notes = {note: _letters(i) for i, note in enumerate(dict.fromkeys(lesion.note for lesion in listed if lesion.note))}
    heads = ("No.", "", "Place", "mL", "core", "rim", "", "type", "")
    head = TableRow(heads, _LESION_COLUMNS, Style.SMALL_STRONG, SOFT, ruled=True)
    rows: list[Row] = [_lesion_row(material, lesion, notes) for lesion in listed]
    rows += [soft(f"{letter}  {shown(note)}") for note, letter in notes.items()]
    rows += [soft(line) for line in _types(listed)]
    what = material.result.primary.quantity.value
    rows.append(soft(f"{_origin(material)} Core and rim: {what} as measured. Rim: 2 mm around the lesion, white matter only."))
    total = number_words(sum(lesion.volume_ml for lesion in listed), 1)
    return Section(f"Lesions: {len(listed)}, together {total} mL", tuple(rows), head)


def failed_checks(material: Material) -> Section:
    """The checks that did not pass, the gravest first."""
    checks = material.result.checks
    failed = sorted((c for c in checks if not c.passed), key=lambda c: list(Gravity).index(c.gravity), reverse=True)
    count = f"{len(checks) - len(failed)} passed, {len(failed)} not passed"
    rows = [row for check in failed for row in _check_rows(check)]
    return Section(f"Checks: {count}", tuple(rows) or paragraphs("Every check passed.", colour=SOFT))


def passed_checks(material: Material) -> Section:
    """The checks that passed, in words."""
    passed = (check for check in material.result.checks if check.passed)
    return Section("Checks passed", tuple(row for check in passed for row in _check_rows(check)))


def not_computed(material: Material) -> Section:
    """What was not computed, and why."""
    lines = [*material.result.not_computed, *_not_shown(material)]
    return Section("Not computed", tuple(row for line in lines for row in paragraphs(shown(line), mark="–", mark_colour=SOFT)))


def _raised(material: Material) -> tuple[str, ...]:
    mask, finding = material.result.raised, material.result.finding("raised", Quantity.VOLUME)
    volume_ml = float(mask.array.sum()) * mask.voxel_ml
    volume = f"Raised TSPO signal: {number_words(volume_ml, 1)} mL" if volume_ml else "Raised TSPO signal: none found"
    return (volume, f"Raised: {shown(finding.basis)}") if finding and finding.basis else (volume,)


def _region(material: Material, region: str) -> str:
    name = region_words(region)
    return f"{name.replace('grey matter', 'GM')}, reference" if region == material.result.tracer.reference else name


def _measured(finding: Finding | None) -> str:
    # Without its standard error: that tells the image's noise alone, and would read as certainty about place and reference too.
    return MISSING if finding is None else number_words(finding.value)


def _bases(findings: Iterable[Finding]) -> list[str]:
    by_quantity: dict[Quantity, dict[str, None]] = {}
    for finding in findings:
        if finding.quantity in _QUANTITIES and finding.basis and not finding.partial_volume:
            by_quantity.setdefault(finding.quantity, {})[shown(finding.basis)] = None
    names = {Quantity.SUV: "SUV (g/mL)", Quantity.CONTRAST: "contrast (NAWM contrast score)"}
    return [f"{names.get(quantity, quantity.value)}: {'; '.join(bases)}" for quantity, bases in by_quantity.items()]


def _origin(material: Material) -> str:
    imported = material.exam.lesions
    if material.segmentation.lesion_origin is LesionOrigin.IMPORTED and imported is not None:
        return f"Imported: drawn by {shown(imported.creator) or 'somebody unnamed'}."
    if material.segmentation.lesion_origin is LesionOrigin.PROGRAM:
        program = dict(material.result.provenance.parameters).get("lesion program", "a program of the site")
        return f"Drawn by {shown(program)}, not confirmed by a reader."
    return "Found by the node on the FLAIR, not confirmed by a reader."


def _lesion_row(material: Material, lesion: Lesion, notes: dict[str, str]) -> TableRow:
    dynamic = material.result.primary.quantity is Quantity.DVR
    core, rim = (lesion.core_dvr, lesion.rim_dvr) if dynamic else (lesion.core_suvr, lesion.rim_suvr)
    place = shown(lesion.place).replace("white matter", "WM")
    values = (number_words(lesion.volume_ml, 2 if lesion.volume_ml < 10.0 else 1), number_words(core), number_words(rim))
    return TableRow((str(lesion.number), "", place, *values, "", _type(lesion), notes.get(lesion.note, "")), _LESION_COLUMNS, Style.SMALL)


def _type(lesion: Lesion) -> str:
    if lesion.phenotype is None:
        return MISSING
    word = _TYPES.get(lesion.phenotype, lesion.phenotype.value)
    return f"{word} ?" if lesion.confidence is not None and lesion.confidence < CONFIDENT else word


def _types(listed: Iterable[Lesion]) -> list[str]:
    words = [_type(lesion) for lesion in listed]
    told = []
    if any(word != MISSING for word in words):
        told.append("Type: from core and rim with the scanner's blur taken out (phenotype).")
    if _TYPES[Phenotype.NOT_RESOLVABLE] in words:
        told.append("Unresolved: at this scanner's resolution and noise the rim cannot be told from the core.")
    if any(word.endswith("?") for word in words):
        told.append(f"?: low confidence, fewer than {CONFIDENT:.0%} of draws from the errors agree.")
    return told


def _letters(index: int) -> str:
    """a … z, aa, ab …"""
    first = _letters(index // 26 - 1) if index >= 26 else ""
    return first + chr(ord("a") + index % 26)


def _check_rows(check: Check) -> tuple[Row, ...]:
    text = shown(check.message)
    if check.passed:
        return paragraphs(text, mark="✓", style=Style.SMALL, colour=SOFT, mark_colour=SOFT)
    mark = {Gravity.NOTE: "•", Gravity.WARNING: "!", Gravity.HOLD: "✗"}[check.gravity]
    colour = WARNING if check.gravity is Gravity.HOLD else INK
    return paragraphs(text, mark=mark, colour=colour, mark_colour=WARNING)


def _not_shown(material: Material) -> tuple[str, ...]:
    outside = material.lesions.outside
    if not outside:
        return ()
    numbers_ = ", ".join(str(number) for number in outside)
    return (f"Lesions {numbers_} lie outside the {material.reading.contrast.value}'s field of view and are not in the segmentation.",)
