"""Page 4: visits over their dates, like joined to like, the repeatability around the earlier value, and what has become of lesions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Plan, make_phantom
from page_reading import faults, lines, words

from node.domain.history import Change, Fate, History, LesionChange, Visit
from node.domain.result import Finding, Phenotype, Quantity
from node.encode import EncodeOptions
from node.encode.canvas import Box, Canvas, pixels_at
from node.encode.material import Material
from node.encode.pages.change import draw_change
from node.encode.pages.timeline import BAND, date_ticks, draw_timeline, stops_of
from node.encode.plot import PALETTE, Axes, Band, Line, draw_plot

METHOD = "SUVR, 60–90 min, relative to cerebellar grey matter"
UNLIKE = "Not compared: the tracer was [11C]PBR28, is [18F]DPA-714."
SOURCE = "Somebody et al. 2017, thalamus (n = 12)"


def on(day: str) -> datetime:
    """A scanner's local time."""
    return datetime.fromisoformat(f"{day} 11:20:00")


def visit(number: int, day: str | None, value: float, unlike: str = "") -> Visit:
    findings = tuple(Finding(region, Quantity.SUVR, value, "1", 0.01, METHOD) for region in ("nawm", "thalamus", "cortex", "lesions"))
    return Visit(f"E{number:05d}", on(day) if day else None, "1.2.3", "[18F]DPA-714", METHOD, findings, (), unlike)


VISITS = (
    visit(1, "2018-01-10", 1.30, UNLIKE),
    visit(2, "2019-05-02", 1.18),
    visit(3, "2020-06-11", 1.20),
    visit(4, None, 1.21),
    visit(5, "2022-02-20", 1.22),
    visit(6, "2023-03-15", 1.25),
)


def change(region: str, before: float, now: float, limit: float | None, lesion: int | None = None) -> Change:
    quantity = Quantity.COUNT if region.endswith("lesions") and region != "lesions" else Quantity.SUVR
    return Change(region, quantity, before, now, "1", "E00006", limit, SOURCE if limit else "nobody has published it", lesion)


CHANGES = (
    *(change("thalamus", 1.25, 1.40, 0.10), change("nawm", 1.25, 1.27, 0.10), change("cortex", 1.25, 1.26, None)),
    *(change("rim-active lesions", 1, 3, None), change("lesions", 1.30, 1.41, None, 1), change("rims", 1.2, 1.1, None, 1)),
)


def lesion(number: int, fate: Fate, before: Phenotype | None, now: Phenotype | None) -> LesionChange:
    then, today = None if fate is Fate.NEW else 0.5, None if fate is Fate.VANISHED else 0.7
    return LesionChange(number, fate, "E00006", then, today, before, now)


LESIONS = (
    lesion(1, Fate.SAME, Phenotype.INACTIVE, Phenotype.RIM_ACTIVE),
    lesion(2, Fate.SAME, Phenotype.INACTIVE, Phenotype.RIM_ACTIVE),
    lesion(3, Fate.ENLARGED, Phenotype.RIM_ACTIVE, Phenotype.RIM_ACTIVE),
    lesion(4, Fate.NEW, None, Phenotype.INDETERMINATE),
    lesion(5, Fate.VANISHED, Phenotype.NOT_RESOLVABLE, None),
    lesion(6, Fate.SMALLER, None, None),
)
FULL = History(VISITS, CHANGES, LESIONS, ("E00006 was scanned at 08:10, this exam at 13:40: TSPO signal may change over the day.",))


def material(folder: Path, history: History, options: EncodeOptions | None = None) -> Material:
    phantom = make_phantom(folder)
    found = tuple(Finding(region, Quantity.SUVR, 1.4, "1", 0.02, METHOD) for region in ("nawm", "thalamus", "cortex", "lesions"))
    return replace(phantom.with_result(findings=found).material(options), history=history)


def many(count: int) -> History:
    fates = list(Fate)
    listed = (lesion(n, fates[n % 5], Phenotype.INACTIVE, Phenotype.OVERALL_ACTIVE) for n in range(1, count + 1))
    return replace(FULL, lesions=tuple(listed))


CASES = {
    "two": History(VISITS[-1:], CHANGES, LESIONS),
    "three": History(VISITS[-2:], CHANGES, LESIONS),
    "six": FULL,
    "unlike": History(VISITS[:1]),
    "many lesions": many(90),
    "long": replace(FULL, visits=(replace(VISITS[0], unlike=UNLIKE * 8), *VISITS[1:]), notes=("A note that is long. " * 40,)),
}


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", CASES)
def test_no_text_of_the_page_of_change_overlaps_or_leaves_it(tmp_path: Path, name: str, language: str) -> None:
    pages = draw_change(material(tmp_path, CASES[name], EncodeOptions(language=language)))  # type: ignore[arg-type]

    assert pages
    assert not faults(pages)


def test_without_an_earlier_exam_there_is_no_page_of_change(tmp_path: Path) -> None:
    assert draw_change(material(tmp_path, History())) == []


def test_the_page_says_what_exceeds_the_repeatability_and_whose_that_is(tmp_path: Path) -> None:
    told = words(draw_change(material(tmp_path, FULL)))

    for expected in (
        *("Change since 2023-03-15 (E00006)", "+0.15", "exceeds ±", "within ±", "± not known", SOURCE, "nobody has published it"),
        *("E00001", "E00004", "this exam", UNLIKE, "TSPO signal may change over the day.", "A visit without a date is not drawn."),
        *("1 new · 1 enlarged · 1 smaller · 1 no longer seen · 2 unchanged", "inactive → rim-active", "1.30 → 1.41", "0.50 → 0.70"),
    ):
        assert expected in told, expected
    assert "therapy" not in told
    assert "inflammation" not in told


def test_counts_are_told_without_decimals(tmp_path: Path) -> None:
    told = [line.text for line in lines(draw_change(material(tmp_path, FULL))[0])]

    row = told.index("Rim-active lesions")
    assert told[row + 1 : row + 4] == ["1", "3", "+2"]


def test_each_lesion_is_counted_once_under_what_it_was_and_is(tmp_path: Path) -> None:
    told = [line.text for line in lines(draw_change(material(tmp_path, FULL))[0])]

    start = told.index("before → now")
    counts = {text: int(told[start + n + 1]) for n, text in enumerate(told[start : told.index("Visits")]) if told[start + n + 1].isdigit()}
    assert counts == {
        "inactive → rim-active": 2,
        "rim-active": 1,
        "unresolved → no longer seen": 1,
        "new → indeterminate": 1,
        "not called": 1,
    }


def test_twenty_lesions_stand_on_the_page_of_the_plots(tmp_path: Path) -> None:
    assert len(draw_change(material(tmp_path, replace(CASES["two"], lesions=many(20).lesions)))) == 1


def test_what_fits_beside_the_numbers_stands_beside_them(tmp_path: Path) -> None:
    (page,) = draw_change(material(tmp_path, CASES["two"]))

    left = {line.text: line.box[0] for line in lines(page)}
    assert left["Visits"] == left["Lesion by lesion"] > left["Change since 2023-03-15 (E00006)"]


def test_every_lesion_is_listed_however_many_changed(tmp_path: Path) -> None:
    pages = draw_change(material(tmp_path, many(90)))

    told = [line.text for page in pages for line in lines(page)]
    assert {str(number) for number in range(1, 91)} <= set(told)


def test_only_an_unlike_visit_says_that_nothing_is_compared(tmp_path: Path) -> None:
    told = words(draw_change(material(tmp_path, CASES["unlike"])))

    assert "No earlier visit is alike: no number is compared." in told
    assert "Not compared with an earlier visit." in told


def test_a_timeline_holds_every_dated_visit_and_this_exam_at_its_date(tmp_path: Path) -> None:
    stops = stops_of(material(tmp_path, FULL), "thalamus")

    assert [stop.value for stop in stops] == [1.30, 1.18, 1.20, 1.22, 1.25, 1.4]
    assert [stop.letter for stop in stops] == ["a", "", "", "", "", ""]
    assert stops[-1].at == datetime.fromisoformat("2024-03-12 11:20:00")


def test_a_timeline_of_a_region_that_was_never_measured_says_so(tmp_path: Path) -> None:
    canvas = Canvas()

    draw_timeline(canvas, Box(40, 140, 480, 380), material(tmp_path, FULL), "putamen")

    assert "Not measured." in words([canvas])


def test_the_band_reaches_by_the_repeatability_to_both_sides_of_the_earlier_value(tmp_path: Path) -> None:
    canvas, box = Canvas(), Box(40, 140, 480, 380)

    draw_timeline(canvas, box, material(tmp_path, FULL), "thalamus")

    field = canvas.pixels()[box.top + 30 :]  # below the title, which is white too
    # Near its colour, since the edges are smooth.
    rows = np.flatnonzero((np.abs(field.astype(int) - BAND).max(axis=-1) < 16).sum(axis=1) > 10)
    today = np.argwhere((field == PALETTE[0]).all(axis=-1)).mean(axis=0)[0]
    # Today's value, 1.40, lies 0.05 above the band's upper end of 1.35, and the band is 0.20 high.
    assert rows[0] - today == pytest.approx((rows[-1] - rows[0]) / 4, abs=3)


@pytest.mark.parametrize(
    ("first", "last"),
    [("2024-03-05", "2024-03-12"), ("2024-01-31", "2024-02-01"), ("2019-12-31", "2024-03-12"), ("1999-01-01", "2031-12-31")],
)
def test_ticks_of_dates_hold_all_dates_in_steps_of_whole_months(first: str, last: str) -> None:
    ticks = date_ticks([on(last), on(first)])

    assert ticks[0][0] <= on(first).toordinal()
    assert ticks[-1][0] > on(last).toordinal()
    assert 2 <= len(ticks) <= 9
    assert all(datetime.fromordinal(int(day)).day == 1 for day, _ in ticks)


def test_a_plot_tells_where_its_points_lie() -> None:
    canvas, box = Canvas(), Box(40, 140, 480, 380)
    line = Line(
        np.array([0.0, 10.0, 20.0]), np.array([1.0, 3.0, 2.0]), "", (255, 0, 0), "circle", joined=False, error=np.array([0.5, np.nan, 0.1])
    )

    frame = draw_plot(canvas, box, Axes("title", "x", "y"), [line], [Band((0.0, 10.0), (1.0, 2.0), (0, 0, 255))])

    for x, y in zip(line.x, line.y, strict=True):
        column, row = pixels_at(*frame.at(float(x), float(y)))
        assert canvas.pixels()[row, column].tolist() == pytest.approx([255, 0, 0], abs=3)
    left, bottom = pixels_at(*frame.at(1.0, 1.1))
    right, top = pixels_at(*frame.at(9.0, 1.9))
    assert (canvas.pixels()[top:bottom, left:right, 2] > 100).mean() > 0.9
    assert frame.limits[2] <= 0.5  # the error bar is held


def test_lesions_that_were_not_called_take_part_in_no_matrix(tmp_path: Path) -> None:
    history = replace(FULL, lesions=(lesion(1, Fate.SAME, None, None), lesion(2, Fate.NEW, None, None)))

    told = words(draw_change(material(tmp_path, history)))

    assert "1 new" in told
    assert "before → now" not in told


def test_no_lesions_at_either_visit_are_told_as_not_compared(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=0))

    told = words(draw_change(replace(phantom.material(), history=History(VISITS[-1:]))))

    assert "Not compared with an earlier visit." in told
