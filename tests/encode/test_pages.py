"""The pages: everything is on them, nothing overlaps, nothing is cut, whatever the exam is like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encode_phantom import Phantom, Plan, make_phantom
from pydicom import dcmread

from node.domain.exam import Check, Gravity
from node.domain.result import Finding, LesionOrigin, Quantity
from node.encode import EncodeOptions, Kind, encode_refusal, summary
from node.encode.canvas import GROUND, HEIGHT, INK, WIDTH, Canvas, Style, width_of, wrap
from node.encode.material import Material
from node.encode.page import NO_FREE_REGION, RESEARCH_USE, close_pages
from node.encode.planes import ROOM_MM, Plane, Point
from node.encode.summary import draw_summary
from node.encode.typeface import font

LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff-WWWWWWWWW^Hubert Blaine WWWW"
"""As long as a name may be, in wide letters."""


@dataclass(frozen=True)
class Placed:
    """A line of text on a page, and the pixels that it covers."""

    page: int
    text: str
    box: tuple[float, float, float, float]


def blank_planes(material: Material, point: Point, *, pixels_per_mm: float) -> tuple[Plane, ...]:
    """Pictures of the right size, quickly: for tests of what stands around them."""
    sizes = {name: (round(h * pixels_per_mm), round(w * pixels_per_mm), 3) for name, (h, w) in ROOM_MM.items()}
    return tuple(Plane(name, np.zeros(size, np.uint8), ("R", "L"), name) for name, size in sizes.items())


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[Placed]:
    """Every line of text that is drawn while the test runs."""
    lines: list[Placed] = []
    pages: list[Canvas] = []
    draw = Canvas.text

    def note(self: Canvas, x: int, y: int, text: str, style: Style, colour: Any = INK, *, anchor: str = "la") -> None:
        if self not in pages:
            pages.append(self)
        size, bold, _ = style.value
        left, top, right, bottom = font(size, bold=bold).getbbox(text, anchor=anchor)
        lines.append(Placed(pages.index(self), text, (x + left, y + top, x + right, y + bottom)))
        draw(self, x, y, text, style, colour, anchor=anchor)

    monkeypatch.setattr(Canvas, "text", note)
    monkeypatch.setattr(summary, "draw_planes", blank_planes)
    return lines


def many_lesions(tmp_path: Path) -> Phantom:
    return make_phantom(tmp_path, Plan(lesions=110))


def no_lesions(tmp_path: Path) -> Phantom:
    return make_phantom(tmp_path, Plan(lesions=0))


def no_flair(tmp_path: Path) -> Phantom:
    phantom = make_phantom(tmp_path, Plan(flair=False, lesions=0))
    assert phantom.segmentation.lesion_origin is LesionOrigin.NONE
    return phantom


def long_words(tmp_path: Path) -> Phantom:
    extra = (
        ("PatientID", "X" * 64),
        ("StudyDescription", "A very long description of a study of the brain in 64 letters"),
        ("AccessionNumber", "8" * 16),
    )
    phantom = make_phantom(tmp_path, Plan(name=LONG_NAME, extra=extra))
    lesions = tuple(
        replace(lesion, place="a place with many words in its name", note=f"note {lesion.number}") for lesion in phantom.result.lesions
    )
    return phantom.with_result(headline="TSPO signal is raised in the thalamus, the cortex and in lesions. " * 5, lesions=lesions)


def failed_checks(tmp_path: Path) -> Phantom:
    checks = tuple(
        Check(f"c{i}", i % 3 == 0, f"Check {i}: " + "found much more than was expected here. " * (1 + i % 4), list(Gravity)[i % 3])
        for i in range(24)
    )
    return make_phantom(tmp_path).with_result(checks=checks, not_computed=("Something was not computed, and here is why. " * 60,) * 2)


def no_suv(tmp_path: Path) -> Phantom:
    phantom = make_phantom(tmp_path)
    findings = tuple(f for f in phantom.result.findings if f.quantity is Quantity.SUVR)
    return phantom.with_result(findings=findings, not_computed=("SUV was not computed: the header has no weight.",))


def many_regions(tmp_path: Path) -> Phantom:
    phantom = make_phantom(tmp_path)
    findings = tuple(
        Finding(f"region_number_{i}", q, 1.0, "1", 0.1, f"basis {i}") for i in range(30) for q in (Quantity.SUVR, Quantity.SUV)
    )
    return phantom.with_result(findings=findings)


CASES = [make_phantom, many_lesions, no_lesions, no_flair, long_words, failed_checks, no_suv, many_regions]


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_no_text_overlaps_another_or_leaves_the_page(tmp_path: Path, placed: list[Placed], make: Any) -> None:
    material = make(tmp_path).material()
    placed.clear()

    close_pages(draw_summary(material), material.result.provenance, remark=NO_FREE_REGION)

    for line in placed:
        left, top, right, bottom = line.box
        assert left >= 0
        assert top >= 0
        assert right <= WIDTH, line
        assert bottom <= HEIGHT, line
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            assert one.page != other.page or not overlap(one.box, other.box), (one, other)


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def words(placed: list[Placed]) -> str:
    return " ".join(line.text for line in placed)


def test_the_page_says_who_what_and_what_for(tmp_path: Path, placed: list[Placed]) -> None:
    material = make_phantom(tmp_path).material()
    placed.clear()

    close_pages(draw_summary(material), material.result.provenance, remark=NO_FREE_REGION)

    text = words(placed)
    for expected in (
        *("Phantom, Ball", "ID P-1", "born 1980-01-02", "sex F", RESEARCH_USE, NO_FREE_REGION),
        *("PET Brain AC", "acquired 2024-03-12 11:20", "FLAIR (results are shown on it)", "study 2024-03-05 09:12, acc. A1"),
        *("[18F]DPA-714, 200 MBq at 10:20", "window 60–90 min after injection", "reference cerebellar grey matter"),
        *("TSPO genotype (rs6971) unknown", "TSPO signal in the thalamus is 1.30", "SUVR (unit 1)", "Thalamus", "1.30", "1.40"),
        *("Lesions: 4", "deep WM", "core too small to be measured", "Raised TSPO signal: 17.5 mL"),
        *("Checks: 1 passed, 1 not passed", "The TSPO genotype is not known.", "No z-score", "blind to a shift"),
        *("Ember 0.1.0", "settings abababababab", "exam E-000001, version 1", "made 2026-11-22 10:15 +0100"),
    ):
        assert expected in text, expected
    assert "inflammation" not in text


def test_every_lesion_is_listed_however_many(tmp_path: Path, placed: list[Placed]) -> None:
    material = many_lesions(tmp_path).material()
    placed.clear()

    pages = draw_summary(material)

    numbers = [line.text for line in placed if line.text.isdigit()]
    assert sorted(map(int, numbers)) == list(range(1, 111))
    assert len(pages) > 2


def test_every_check_is_told_the_gravest_first(tmp_path: Path, placed: list[Placed]) -> None:
    material = failed_checks(tmp_path).material()
    placed.clear()

    draw_summary(material)

    told = [line.text.split(":")[0] for line in placed if line.text.startswith("Check ")]
    failed = [i for i in range(24) if i % 3]
    assert told == [f"Check {i}" for i in (*(i for i in failed if i % 3 == 2), *(i for i in failed if i % 3 == 1), *range(0, 24, 3))]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (no_lesions, "None found."),
        (no_flair, "neither a FLAIR nor a lesion segmentation"),
        (no_suv, "SUV was not computed: the header has no weight."),
        (many_regions, "Region number 29"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, placed: list[Placed], make: Any, expected: str) -> None:
    material = make(tmp_path).material()
    placed.clear()

    draw_summary(material)

    assert expected in words(placed)


def test_planes_show_the_brain_in_colour_and_the_right_on_the_left(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()

    page = draw_summary(material)[0].pixels()

    colourful = np.ptp(page.astype(int), axis=-1) > 60
    assert colourful.sum() > 50_000
    assert (page[HEIGHT - 10 :] == GROUND).all()


def test_a_refusal_says_why_and_what_to_do_in_its_own_study(tmp_path: Path, placed: list[Placed]) -> None:
    phantom = make_phantom(tmp_path)
    reason, advice = "The PET's Units are CNTS; BQML or GML is needed. " * 30, "Reconstruct it with Units BQML."
    source = phantom.exam.t1.source

    encoded = encode_refusal(source, reason, advice, phantom.result.provenance, storage=tmp_path, folder=tmp_path, options=EncodeOptions())

    text = words(placed)
    assert "This exam was not analysed." in text
    assert text.count("BQML or GML") == 30
    assert advice in text
    assert [e.kind for e in encoded] == [Kind.REFUSAL] * len(encoded)
    d = dcmread(encoded[0].path)
    assert (d.StudyInstanceUID, d.AccessionNumber, d.BurnedInAnnotation) == ("1.2.3.1", "A1", "YES")
    assert d.SeriesDescription == "RESEARCH TSPO not analysed"
    assert not any(overlap(a.box, b.box) for i, a in enumerate(placed) for b in placed[i + 1 :] if a.page == b.page)


def test_wrapping_keeps_every_letter_and_the_width() -> None:
    text = "short words and one" + "very" * 40 + "long word"

    lines = wrap(text, Style.BODY, 200)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line, Style.BODY) <= 200 for line in lines)
