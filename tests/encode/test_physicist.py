"""The physicist's pages: curves where they belong, every frame and every value with its source, nothing over anything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Phantom, make_phantom
from pydicom import dcmread
from test_pages import Placed, overlap, placed, words  # noqa: F401 placed is a fixture

from node.domain.correction import Correctable, Correction
from node.domain.exam import FrameRecord, Sourced
from node.domain.result import Curve, Finding, Fit, Kinetics, Quantity
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.encode import EncodeOptions, Kind, encode
from node.encode.canvas import GROUND, HEIGHT, SCALE, WIDTH, Box, Canvas
from node.encode.physicist import draw_physicist
from node.encode.plot import Axes, Line, draw_plot, nice_ticks

DURATIONS = np.array([15.0] * 8 + [60.0] * 3 + [120.0] * 5 + [300.0] * 9)
START = np.concatenate([[0.0], np.cumsum(DURATIONS)[:-1]])
AT = datetime(2024, 3, 12, 13, 40, 20)  # noqa: DTZ001 a scanner's local time
RED = (255, 0, 0)


def kinetics() -> Kinetics:
    timing = FrameTiming(START, DURATIONS)
    middle = START + DURATIONS / 2
    reference = Curve("cerebellar_gm", 9000.0 * (np.exp(-middle / 4000) - np.exp(-middle / 90)), 60.0)
    curves = tuple(Curve(name, reference.values * k, 10.0) for name, k in (("thalamus", 1.3), ("nawm", 1.1), ("lesions", 1.5)))
    fits = tuple(fit for curve in curves for fit in _fits(curve, middle))
    return Kinetics(
        timing, reference, "cerebellar grey matter", curves, fits, 0.0012, "median of MRTM over 3 of 3 regions", 1200.0, ((0.0, 1.1),)
    )


def _fits(curve: Curve, middle: Array) -> tuple[Fit, ...]:
    used = middle >= 1200.0
    logan = Fit(curve.region, "Logan (1996)", 1.1, 0.01, None, None, middle, 1.1 * middle + 30, 1.1 * middle + 30, used)
    mrtm2 = Fit(curve.region, "MRTM2 (Ichise 2003)", 1.1, 0.01, 0.9, 0.0012, middle, curve.values, curve.values * 1.01, used)
    return logan, mrtm2


def dynamic_phantom(folder: Path) -> Phantom:
    phantom = make_phantom(folder)
    chain = (
        Sourced("Injected activity", "427.5 MBq", "RadionuclideTotalDose (0018,1074)"),
        Sourced("Decay reference", "13:40:20", "SeriesTime (0008,0031), not after the first AcquisitionTime (0008,0032)"),
    )
    records = tuple(FrameRecord(AT + timedelta(seconds=float(s)), 1.01, 1.01, 1.0) for s in START)
    volume = phantom.exam.pet.volume
    frames = np.broadcast_to(volume.array[:1], (len(START), *volume.shape))
    pet = replace(
        phantom.exam.pet,
        volume=volume.like(frames),
        timing=FrameTiming(START, DURATIONS),
        chain=chain,
        records=records,
        time_zero_basis="injection in the header",
    )
    made = Correction(Correctable.WEIGHT, "71", "A. Physicist", "weight of 0 in the header", datetime(2026, 3, 1, 9, tzinfo=UTC))
    moved = tuple(np.where(START < 180, np.nan, 0.2 + START / 3600).tolist())
    alignment = replace(phantom.alignment, motion_mm=moved)
    exam = replace(phantom.exam, pet=pet, corrections=(made,))
    corrected = Finding("thalamus", Quantity.SUVR, 1.42, "1", 0.02, "SUVR relative to it", "geometric transfer matrix (Rousset 1998)")
    findings = (*phantom.result.findings, corrected)
    return replace(phantom.with_result(kinetics=kinetics(), findings=findings), exam=exam, alignment=alignment)


def test_no_text_of_the_physicists_pages_overlaps_or_leaves_the_page(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    draw_physicist(dynamic_phantom(tmp_path).material())

    assert placed
    for number, one in enumerate(placed):
        left, top, right, bottom = one.box
        assert left >= 0, one
        assert top >= 0, one
        assert right <= WIDTH, one
        assert bottom <= HEIGHT, one
        for other in placed[number + 1 :]:
            assert one.page != other.page or not overlap(one.box, other.box), (one, other)


def test_the_physicists_pages_tell_the_model_the_frames_and_the_chain(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    draw_physicist(dynamic_phantom(tmp_path).material())

    text = words(placed)
    for expected in (
        *("k2′ 0.0720 /min", "t* 20 min", "cerebellar grey matter", "median of MRTM over 3 of 3 regions"),
        *("Logan plot", "Residuals of MRTM2", "Motion of the head", "Time–activity curves"),
        *("427.5 MBq", "RadionuclideTotalDose", "(0018,1074)", "injection in the header"),
        *("Partial volume corrected", "geometric transfer matrix (Rousset 1998)", "1.420"),
        *("weight 71: weight of 0 in the header", "A. Physicist"),
    ):
        assert expected in text, expected
    assert sum(line.text == "13:40:20" for line in placed) >= 1
    assert {str(n) for n in range(1, len(START) + 1)} <= {line.text for line in placed}


@pytest.mark.parametrize(("wanted", "dynamic", "expected"), [("dynamic", True, True), ("dynamic", False, False), ("always", False, True)])
def test_the_site_says_when_the_physicists_pages_are_written(tmp_path: Path, wanted: str, dynamic: bool, expected: bool) -> None:
    phantom = dynamic_phantom(tmp_path) if dynamic else make_phantom(tmp_path)
    options = EncodeOptions(physicist_page=wanted, objects=("physicist",))  # type: ignore[arg-type]

    written = encode(*phantom.parts, storage=tmp_path, folder=tmp_path, options=options)

    pages = [item for item in written if item.kind is Kind.PHYSICIST]
    assert bool(pages) is expected
    for page in pages:
        dataset = dcmread(page.path)
        assert dataset.BurnedInAnnotation == "YES"
        assert dataset.SeriesNumber == 9005


def test_a_point_is_drawn_where_the_axes_say() -> None:
    canvas = Canvas()
    line = Line(np.array([0.0, 10.0]), np.array([0.0, 4.0]), "", RED)

    draw_plot(canvas, Box(100, 100, 700, 500), Axes("", "", ""), [line])

    red = np.argwhere((canvas.pixels() == RED).all(axis=2)) / SCALE
    (top, right), (bottom, left) = red.min(axis=0), red.max(axis=0)
    assert (top, left, bottom, right) == pytest.approx((134, 683, 447, 166), abs=4)


def test_values_that_are_not_finite_are_left_out_of_a_plot() -> None:
    canvas = Canvas()
    nothing = Line(np.array([0.0, 1.0]), np.full(2, np.nan), "", RED, "circle")

    draw_plot(canvas, Box(100, 100, 700, 500), Axes("", "", "", 0.0, 1.0), [nothing])

    assert not (canvas.pixels() == RED).all(axis=2).any()
    assert (canvas.pixels() == GROUND).all(axis=2).any()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.3, 117.2), (-4e-3, 2e-3), (5, 5), (0, 3600)])
def test_ticks_are_round_hold_the_span_and_are_few(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)

    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
    step = ticks[1] - ticks[0]
    assert f"{step:.0e}"[0] in "1225"
