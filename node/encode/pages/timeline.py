"""Timelines: a number of each visit over its date, like joined to like, with the repeatability around the last visit that is alike.

A visit that is unlike this exam is drawn hollow, apart from the line, with a letter whose reason stands in the table of visits; it is drawn
only where it has a number in the same quantity. The band holds what two scans of an unchanged person differ by, around the earlier value:
today's point outside it has changed by more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from node.domain.history import Change
from node.domain.result import Finding, Quantity
from node.encode.canvas import SOFT, Box, Canvas, Colour, Style
from node.encode.material import Material
from node.encode.plot import PALETTE, Axes, Band, Line, draw_plot
from node.encode.words import region_words

REGIONS = ("nawm", "thalamus", "cortex", "lesions")
"""What is drawn over time."""

BAND: Colour = (38, 56, 76)
MONTHS = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240)
"""Distances between two ticks of a time axis, months."""

MOST_STEPS, MOST_YEARS = 3, 5
"""Steps of a time axis whose ticks are called by month, and by year."""

LEAST_SPAN = 0.1
"""The axis reaches so far beyond the values, as a share of them: a change of one per cent must not fill the plot."""

SECONDS_A_DAY = 86400.0


@dataclass(frozen=True)
class Stop:
    """One point of a timeline: `letter` is empty for a visit that is alike, and for this exam."""

    at: datetime
    value: float
    error: float | None
    letter: str = ""


def draw_timeline(canvas: Canvas, box: Box, material: Material, region: str) -> None:
    """The primary quantity of a region over the dates of the visits, this exam the last."""
    quantity = material.result.primary.quantity
    stops = stops_of(material, region)
    title = region_words(region, material.say)
    if not stops:
        canvas.text(box.left, box.top, title, Style.SMALL_STRONG)
        canvas.lines(box.left, box.top + 40, box.width, material.say("Not measured."), Style.SMALL, SOFT)
        return
    low, high = min(stop.value for stop in stops), max(stop.value for stop in stops)
    ticks = date_ticks([stop.at for stop in stops])
    axes = Axes(title, "", f"{quantity.value} (1)", (1 - LEAST_SPAN) * low, (1 + LEAST_SPAN) * high, ticks)
    alike, apart = [s for s in stops if not s.letter], [s for s in stops if s.letter]
    lines = [_line(alike, joined=True), _line(apart, joined=False), *_today(material, alike)]
    frame = draw_plot(canvas, box, axes, lines, _bands(material, region, quantity))
    for stop in apart:
        x, y = frame.at(_days(stop.at), stop.value)
        canvas.text(x + 10, y - 4, stop.letter, Style.SMALL_STRONG, SOFT, anchor="ls")


def stops_of(material: Material, region: str) -> tuple[Stop, ...]:
    """Every visit that has the number and a date, and this exam."""
    quantity = material.result.primary.quantity
    marks = letters(material)
    visits = [(visit.scanned_at, _finding(visit.findings, region, quantity), marks[visit.exam]) for visit in material.history.visits]
    visits.append((material.exam.pet.source.acquired_at, material.result.finding(region, quantity), ""))
    return tuple(Stop(at, found.value, found.uncertainty, letter) for at, found, letter in visits if at is not None and found is not None)


def letters(material: Material) -> dict[str, str]:
    """Visit → the letter that stands for why it is unlike this exam; empty where it is alike."""
    unlike = [visit.exam for visit in material.history.visits if visit.unlike]
    return {visit.exam: _letter(unlike.index(visit.exam)) if visit.unlike else "" for visit in material.history.visits}


def date_ticks(dates: Sequence[datetime]) -> tuple[tuple[float, str], ...]:
    """First days of months, a round number of months apart, that hold all dates: days of the calendar, and the words."""
    first, last = (when.year * 12 + when.month - 1 for when in (min(dates), max(dates)))
    step = next(
        (months for months in MONTHS if _steps(first, last, months) <= (MOST_YEARS if months % 12 == 0 else MOST_STEPS)), MONTHS[-1]
    )
    ends = range(first // step * step, -(-(last + 1) // step) * step + 1, step)
    return tuple((float(date(month // 12, month % 12 + 1, 1).toordinal()), _month_words(month, step)) for month in ends)


def _steps(first: int, last: int, months: int) -> int:
    return -(-(last + 1) // months) - first // months


def _month_words(month: int, step: int) -> str:
    return f"{month // 12}" if step % 12 == 0 else f"{month // 12}-{month % 12 + 1:02d}"


def _bands(material: Material, region: str, quantity: Quantity) -> list[Band]:
    dates = {visit.exam: visit.scanned_at for visit in material.history.visits}
    now = material.exam.pet.source.acquired_at
    return [
        Band((_days(since), _days(now)), (change.before - change.repeatability, change.before + change.repeatability), BAND)
        for change in region_changes(material)
        if change.region == region and change.quantity is quantity and change.repeatability is not None
        if (since := dates.get(change.since)) is not None and now is not None
    ]


def region_changes(material: Material) -> list[Change]:
    """The changes that are of no single lesion."""
    return [change for change in material.history.changes if change.lesion is None]


def _line(stops: Sequence[Stop], *, joined: bool) -> Line:
    x, y = (np.array([value(stop) for stop in stops], dtype=float) for value in (lambda s: _days(s.at), lambda s: s.value))
    error = np.array([np.nan if stop.error is None else stop.error for stop in stops], dtype=float)
    if joined:
        return Line(x, y, "", PALETTE[1], "circle", error=error)
    return Line(x, y, "", PALETTE[2], "square", joined=False, hollow=np.ones(len(stops), bool), error=error)


def _today(material: Material, alike: Sequence[Stop]) -> list[Line]:
    """This exam's point again, in white on its place."""
    now = [stop for stop in alike if stop.at == material.exam.pet.source.acquired_at]
    return [replace(_line(now, joined=True), colour=PALETTE[0])] if now else []


def _finding(findings: Sequence[Finding], region: str, quantity: Quantity) -> Finding | None:
    return next((f for f in findings if f.region == region and f.quantity is quantity and not f.partial_volume), None)


def _days(when: datetime) -> float:
    seconds = when.hour * 3600 + when.minute * 60 + when.second
    return when.toordinal() + seconds / SECONDS_A_DAY


def _letter(index: int) -> str:
    return chr(ord("a") + index % 26) * (index // 26 + 1)
