"""The physicist's pages: what the numbers were made from, so that each can be checked by hand.

Of a dynamic scan the first page shows the curves, the plots that the models were fitted to, their residuals and the motion; every exam
has the frame table and the dose and decay chain, each value with the attribute that it came from.
"""

from __future__ import annotations

import numpy as np

from node.domain.result import Fit, Kinetics
from node.domain.volume import Array
from node.encode.canvas import GUTTER, INK, SOFT, Box, Canvas, Style
from node.encode.capture import write_pages
from node.encode.flow import Column, Row, Section, TableRow, fill, paragraphs, soft
from node.encode.languages import Speech
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.page import BODY_BOTTOM, BODY_TOP, LEFT, NO_FREE_REGION, RIGHT, close_pages, start_page
from node.encode.pages.motion import motion_lines
from node.encode.plot import MARKS, PALETTE, Axes, Line, draw_legend, draw_plot
from node.encode.words import MISSING, number_words, region_words, shown

TITLE = "For the physicist: how the numbers were made"
SHOWN = ("thalamus", "cortex", "nawm", "lesions")
"""Regions whose curves and plots are drawn; the table holds all."""

_FITS = (Column(180, "left"), Column(90, "left"), Column(70), Column(70), Column(60))
_FRAMES = (Column(34), Column(90), Column(64), Column(60), Column(80), Column(80), Column(80), Column(76))
_BOTH = (Column(240, "left"), Column(110), Column(110), Column(90))
_CHAIN = (Column(190, "left"), Column(190, "left"), Column(330, "left"))


def encode_physicist(material: Material) -> tuple[Encoded, ...]:
    """The pages as secondary captures in the PET's study; none where the site does not want them."""
    wanted = material.maker.options.physicist_page
    if wanted == "never" or (wanted == "dynamic" and material.result.kinetics is None):
        return ()
    pages = draw_physicist(material)
    close_pages(pages, material.result.provenance, remark=NO_FREE_REGION)
    return write_pages(pages, Kind.PHYSICIST, material, description="RESEARCH TSPO how the numbers were made")


def draw_physicist(material: Material) -> list[Canvas]:
    """The pages, still without their feet."""
    first = [] if material.result.kinetics is None else [_curves(material, material.result.kinetics)]
    return [*first, *_tables(material)]


def _curves(material: Material, kinetics: Kinetics) -> Canvas:
    page = start_page(material, TITLE)
    side = RIGHT - 500
    width, height = (side - LEFT - 2 * GUTTER) // 2, (BODY_BOTTOM - BODY_TOP - 76 - GUTTER) // 2
    boxes = [
        Box(left, top, left + width, top + height)
        for top in (BODY_TOP, BODY_TOP + height + GUTTER)
        for left in (LEFT, LEFT + width + GUTTER)
    ]
    say, curves = material.say, _activity(kinetics, material.say)
    time = say("min after time zero")
    draw_plot(page, boxes[0], Axes(say("Time–activity curves"), time, _activity_unit(material), floor=0.0), curves)
    logan = Axes(say("Logan plot (hollow: before t*)"), "(∫R + R/k2′) / T, min", "∫T / T, min", floor=0.0)
    draw_plot(page, boxes[1], logan, _linear(kinetics, "Logan"))
    residuals = Axes(say("Residuals of MRTM2"), time, say("% of the curve's peak"), 0.0, 0.0)
    draw_plot(page, boxes[2], residuals, _residuals(kinetics))
    motion = Axes(say("Motion of the head"), time, say("mm, largest in the head"), 0.0, 1.0)
    draw_plot(page, boxes[3], motion, motion_lines(material))
    draw_legend(page, Box(LEFT, boxes[3].bottom + 16, side - GUTTER, BODY_BOTTOM), curves)
    fill(page, Box(side, BODY_TOP, RIGHT, BODY_BOTTOM), (_model(kinetics, say), _fits(kinetics, say)))
    return page


def _activity_unit(material: Material) -> str:
    return "kBq/mL" if material.exam.pet.units == "BQML" else "g/mL"


def _activity(kinetics: Kinetics, say: Speech) -> list[Line]:
    middle = _middle_min(kinetics)
    curves = [(say("reference: {region}", region=region_words(kinetics.reference.region, say)), kinetics.reference)]
    curves += [(region_words(curve.region, say), curve) for curve in kinetics.curves if curve.region in SHOWN]
    scale = 1e-3 if max(float(np.max(curve.values)) for _, curve in curves) > 200.0 else 1.0
    return [
        Line(middle, curve.values * scale, name, _colour(number), MARKS[number % len(MARKS)]) for number, (name, curve) in enumerate(curves)
    ]


def _linear(kinetics: Kinetics, model: str) -> list[Line]:
    lines = []
    for number, fit in _chosen(kinetics, model):
        x, y = fit.x / 60.0, fit.y / 60.0
        lines.append(Line(x, y, "", _colour(number), MARKS[number % len(MARKS)], joined=False, hollow=~fit.used))
        lines.append(Line(x[fit.used], fit.line[fit.used] / 60.0, "", _colour(number)))
    return lines


def _residuals(kinetics: Kinetics) -> list[Line]:
    lines = [Line(_middle_min(kinetics)[[0, -1]], np.zeros(2), "", SOFT)]
    for number, fit in _chosen(kinetics, "MRTM2"):
        residual = 100.0 * (fit.y - fit.line) / np.max(np.abs(fit.y))
        mark = MARKS[number % len(MARKS)]
        lines.append(Line(fit.x[fit.used] / 60.0, residual[fit.used], "", _colour(number), mark, joined=False))
    return lines


def _chosen(kinetics: Kinetics, model: str) -> list[tuple[int, Fit]]:
    """Fits that are drawn, with the number of their curve's colour: 0 is the reference."""
    shown_regions = [curve.region for curve in kinetics.curves if curve.region in SHOWN]
    fits = {fit.region: fit for fit in kinetics.fits if fit.model.startswith(model)}
    return [(number, fits[region]) for number, region in enumerate(shown_regions, start=1) if region in fits]


def _colour(number: int) -> tuple[int, int, int]:
    return PALETTE[number % len(PALETTE)]


def _middle_min(kinetics: Kinetics) -> Array:
    return np.asarray((kinetics.timing.start_s + kinetics.timing.end_s) / 120.0)


def _model(kinetics: Kinetics, say: Speech) -> Section:
    later = "; ".join(f"+{shift / 60:g} min {number_words(dvr, 3)}" for shift, dvr in kinetics.t_star_shifts)
    reference, k2_basis = (say.sentence(shown(basis)) for basis in (kinetics.reference_basis, kinetics.k2_ref_basis))
    told = (
        say("Reference: {basis}; {volume} mL.", basis=reference, volume=number_words(kinetics.reference.volume_ml, 1)),
        say("k2′ {value} /min: {basis}.", value=number_words(60 * kinetics.k2_ref_per_s, 4), basis=k2_basis),
        say("t* {minutes} min. DVR of the NAWM with t* moved: {later}.", minutes=f"{kinetics.t_star_s / 60:g}", later=later or MISSING),
    )
    return Section(say("Model"), tuple(row for text in told for row in paragraphs(text, style=Style.SMALL)))


def _fits(kinetics: Kinetics, say: Speech) -> Section:
    head = TableRow((say("Region"), say("Model"), "DVR", "SE", "R1"), _FITS, Style.SMALL_STRONG, SOFT, ruled=True)
    rows = [
        TableRow(
            (
                region_words(fit.region, say),
                shown(fit.model.split(" (")[0]),
                number_words(fit.dvr, 3),
                number_words(fit.dvr_error, 3),
                number_words(fit.r1),
            ),
            _FITS,
            Style.SMALL,
        )
        for fit in kinetics.fits
        if fit.region in SHOWN
    ]
    return Section(say("Fits to the regions' curves"), tuple(rows), head)


def _tables(material: Material) -> list[Canvas]:
    """As many pages of two columns as frames and chain need."""
    frames: tuple[Section, ...] = (_frame_table(material),)
    chain: tuple[Section, ...] = (_chain(material), *_corrections(material), *_partial_volume(material), *_maps(material))
    width = (RIGHT - LEFT - GUTTER) // 2
    pages = []
    while frames or chain:
        page = start_page(material, TITLE)
        frames, chain = (frames, chain) if frames else (chain, ())
        frames = fill(page, Box(LEFT, BODY_TOP, LEFT + width, BODY_BOTTOM), frames)
        chain = fill(page, Box(LEFT + width + GUTTER, BODY_TOP, RIGHT, BODY_BOTTOM), chain)
        pages.append(page)
    return pages


def _frame_table(material: Material) -> Section:
    pet, say = material.exam.pet, material.say
    moved = material.alignment.motion_mm or (float("nan"),) * len(pet.timing)
    headers = (say("DF header"), say("DF due"), say("applied"))
    heads = (say("No."), say("acquired"), say("start min"), say("length s"), *headers, say("moved mm"))
    rows: list[Row] = []
    for index, (start, length) in enumerate(zip(pet.timing.start_s, pet.timing.duration_s, strict=True)):
        record = pet.records[index] if index < len(pet.records) else None
        cells = (
            str(index + 1),
            MISSING if record is None else record.acquired_at.strftime("%H:%M:%S"),
            number_words(float(start) / 60.0),
            number_words(float(length), 0),
            number_words(None if record is None else record.decay_factor, 4),
            number_words(None if record is None else record.expected_factor, 4),
            number_words(None if record is None else record.applied_factor, 4),
            number_words(None if np.isnan(moved[index]) else moved[index], 1),
        )
        rows.append(TableRow(cells, _FRAMES, Style.SMALL))
    rows.append(soft(""))
    basis = say.sentence(shown(pet.time_zero_basis) or "not told")
    rows.append(soft(say("Start: after time zero, which is {basis}. DF: decay factor.", basis=basis)))
    rows.append(soft(say("Moved: largest displacement in the head against the reference pose; a dash where the frame was not compared.")))
    return Section(say("Frames"), tuple(rows), TableRow(heads, _FRAMES, Style.SMALL_STRONG, SOFT, ruled=True))


def _chain(material: Material) -> Section:
    say = material.say
    told = [tuple(say.sentence(shown(text)) for text in (item.name, item.value, item.source)) for item in material.exam.pet.chain]
    rows = tuple(TableRow(cells, _CHAIN, Style.SMALL) for cells in told)
    head = TableRow((say("Value"), say("as used"), say("from")), _CHAIN, Style.SMALL_STRONG, SOFT, ruled=True)
    return Section(say("Dose and decay"), rows or paragraphs(say("The chain was not recorded."), colour=SOFT), head if rows else None)


def _corrections(material: Material) -> tuple[Section, ...]:
    made = material.exam.corrections
    if not made:
        return ()
    rows: list[Row] = []
    for item in made:
        told = f"{material.say.sentence(item.what.value)} {item.text}: {item.reason} ({item.author}, {item.made_at:%Y-%m-%d %H:%M})"
        rows += paragraphs(shown(told), mark="•", style=Style.SMALL)
    return (Section(material.say("Corrected by a person"), tuple(rows)),)


def _partial_volume(material: Material) -> tuple[Section, ...]:
    corrected = [finding for finding in material.result.findings if finding.partial_volume]
    if not corrected:
        return ()
    say = material.say
    rows: list[Row] = []
    for finding in corrected:
        plain = material.result.finding(finding.region, finding.quantity)
        values = (None if plain is None else plain.value, finding.value, finding.uncertainty)
        rows.append(TableRow((region_words(finding.region, say), *(number_words(v, 3) for v in values)), _BOTH, Style.SMALL))
    rows.append(soft(f"{say.sentence(shown(corrected[0].partial_volume))}; {say.sentence(shown(corrected[0].basis))}."))
    heads = (corrected[0].quantity.value, say("measured"), say("corrected"), "SE")
    head = TableRow(heads, _BOTH, Style.SMALL_STRONG, SOFT, ruled=True)
    return (Section(say("Partial volume corrected"), tuple(rows), head),)


def _maps(material: Material) -> tuple[Section, ...]:
    say = material.say
    rows: list[Row] = []
    for made in (material.result.suvr, *material.result.maps):
        parameters = "; ".join(f"{say.sentence(name)} {say.sentence(value)}" for name, value in made.parameters)
        told = ". ".join(part for part in (f"{made.quantity.value}: {say.sentence(made.method)}", parameters, made.citation) if part)
        rows += paragraphs(shown(told), mark="•", style=Style.SMALL, colour=INK)
    return (Section(say("Maps"), tuple(rows)),)
