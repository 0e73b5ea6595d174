"""The pages: everything is on them, nothing overlaps, nothing is cut, whatever the exam is like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import page_cases
import pytest
from encode_phantom import Plan, make_phantom
from pydicom import dcmread

from node.domain.exam import Check
from node.domain.volume import Array
from node.encode import Kind
from node.encode.canvas import GROUND, HEIGHT, INK, WIDTH, Canvas, Style, width_of, wrap
from node.encode.material import Material
from node.encode.page import ANSWER, LESIONS, NO_FREE_REGION, QUALITY, REGIONS, RESEARCH_USE, close_pages
from node.encode.pages import lesions, pictures
from node.encode.planes import ROOM_MM, Plane, Point
from node.encode.summary import draw_summary, encode_summary
from node.encode.typeface import font


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


def blank_thumbnails(material: Material, listed: Any, size: int) -> dict[int, tuple[Array, Array]]:
    """The same of lesions."""
    return {lesion.number: (np.zeros((size, size, 3), np.uint8),) * 2 for lesion in listed}


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[Placed]:
    """Every line of text that is drawn while the test runs on pages that are looked at."""
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
    monkeypatch.setattr(pictures, "draw_planes", blank_planes)
    monkeypatch.setattr(lesions, "draw_thumbnails", blank_thumbnails)
    return lines


def seen(placed: list[Placed]) -> list[Placed]:
    """What stands on pages with a title: a canvas that only measures has none."""
    titled = {line.page for line in placed if line.text.startswith("TSPO PET and MR · ")}
    return [line for line in placed if line.page in titled]


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def words(placed: list[Placed]) -> str:
    return " ".join(line.text for line in placed)


def page_words(placed: list[Placed], title: str) -> str:
    """Everything that stands on the pages of a title, in the order in which it was drawn."""
    pages = {line.page for line in placed if line.text == f"TSPO PET and MR · {title}"}
    return words([line for line in placed if line.page in pages])


@pytest.mark.parametrize("make", page_cases.CASES, ids=lambda make: make.__name__)
def test_no_text_overlaps_another_or_leaves_the_page(tmp_path: Path, placed: list[Placed], make: Any) -> None:
    material = make(tmp_path)

    close_pages(draw_summary(material), material.result.provenance, remark=NO_FREE_REGION)

    for line in (drawn := seen(placed)):
        left, top, right, bottom = line.box
        assert left >= 0, line
        assert top >= 0, line
        assert right <= WIDTH, line
        assert bottom <= HEIGHT, line
    for number, one in enumerate(drawn):
        for other in drawn[number + 1 :]:
            assert one.page != other.page or not overlap(one.box, other.box), (one, other)


def test_every_page_says_whose_it_is_and_what_it_may_be_used_for(tmp_path: Path, placed: list[Placed]) -> None:
    material = page_cases.plain(tmp_path)

    pages = close_pages(draw_summary(material), material.result.provenance, remark=NO_FREE_REGION)

    for number in {line.page for line in seen(placed)}:
        text = words([line for line in placed if line.page == number])
        for expected in (
            *("Phantom, Ball", "ID P-1 · born 1980-01-02 · sex F · 44 years at the scan", "PET 2024-03-12 11:20, acc. A2"),
            *(RESEARCH_USE, NO_FREE_REGION, f"of {len(pages)}", "Ember 0.1.0", "settings abababababab"),
            *("exam E-000001, version 1", "made 2026-11-22 10:15 +0100"),
        ):
            assert expected in text, expected


def test_no_page_speaks_of_inflammation(tmp_path: Path, placed: list[Placed]) -> None:
    draw_summary(page_cases.every_phenotype(tmp_path))

    assert "inflammat" not in words(placed).lower()


def test_the_pages_are_one_series_in_order_with_their_titles(tmp_path: Path) -> None:
    material = page_cases.plain(tmp_path)

    written = [dcmread(encoded.path) for encoded in encode_summary(material)]

    assert {d.SeriesInstanceUID for d in written} == {written[0].SeriesInstanceUID}
    assert [d.InstanceNumber for d in written] == list(range(1, len(written) + 1))
    assert list(dict.fromkeys(d.ImageComments for d in written)) == [ANSWER, LESIONS, REGIONS, QUALITY]
    assert {d.BurnedInAnnotation for d in written} == {"YES"}
    assert {e.kind for e in encode_summary(material)} == {Kind.SUMMARY}


def test_every_check_is_told_on_the_page_of_quality(tmp_path: Path, placed: list[Placed]) -> None:
    draw_summary(page_cases.failed_checks(tmp_path))

    text = page_words(placed, QUALITY)
    assert all(f"Check {i}:" in text for i in range(24))


def test_what_the_first_page_cannot_hold_stands_on_the_page_of_quality(tmp_path: Path, placed: list[Placed]) -> None:
    material = page_cases.failed_checks(tmp_path)

    draw_summary(material)

    first, quality = page_words(placed, ANSWER), page_words(placed, QUALITY)
    assert f"{16 - first.count('Check ')} more on the page Quality" in first
    assert "… more on the page Quality" in first
    assert quality.count("and here is why") == 120
    for source in (material.exam.pet.source, material.exam.t1.source):
        assert source.series_uid in quality


def test_a_crowded_first_page_keeps_pictures_of_a_size_and_says_where_the_rest_is(
    tmp_path: Path,
    placed: list[Placed],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scales: list[float] = []

    def note(material: Material, point: Point, *, pixels_per_mm: float) -> tuple[Plane, ...]:
        scales.append(pixels_per_mm)
        return blank_planes(material, point, pixels_per_mm=pixels_per_mm)

    monkeypatch.setattr(pictures, "draw_planes", note)
    material = page_cases.crowded(tmp_path)

    draw_summary(material)

    first, quality = page_words(placed, ANSWER), page_words(placed, QUALITY)
    assert scales[0] > 0.6
    assert "For the report: … more on the page Quality" in first
    assert quality.count("1.30 times") == 12
    assert first.count("…") > 3
    assert quality.count("WWWW WWW WWWWWWWW") == 9


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (page_cases.no_lesions, "Lesions: none found"),
        (page_cases.no_flair, "The exam has neither a FLAIR nor a lesion segmentation."),
        (page_cases.no_suv, "SUV was not computed: the header has no weight."),
        (page_cases.many_regions, "Region number 29"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, placed: list[Placed], make: Any, expected: str) -> None:
    draw_summary(make(tmp_path))

    assert expected in words(placed)


def test_a_name_with_braces_is_printed_as_it_is(tmp_path: Path, placed: list[Placed]) -> None:
    phantom = make_phantom(tmp_path, Plan(name="Brace{0}^A{b}"))
    phantom = phantom.with_result(headline="{x} {0}", checks=(Check("c", False, "{found} {}"),), not_computed=("{why}",))

    draw_summary(phantom.material())

    assert all(text in words(placed) for text in ("Brace{0}, A{b}", "{x} {0}", "{found} {}", "{why}"))


def test_planes_show_the_brain_in_colour(tmp_path: Path) -> None:
    page = draw_summary(page_cases.plain(tmp_path))[0].pixels()

    colourful = np.ptp(page.astype(int), axis=-1) > 60
    assert colourful.sum() > 40_000
    assert (page[HEIGHT - 10 :] == GROUND).all()


def test_wrapping_keeps_every_letter_and_the_width() -> None:
    text = "short words and one" + "very" * 40 + "long word"

    lines = wrap(text, Style.BODY, 200)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line, Style.BODY) <= 200 for line in lines)


def test_the_smallest_letters_are_13_pixels_when_a_page_is_shown_at_1280_by_960() -> None:
    assert min(style.value[0] for style in Style) * 1280 / WIDTH >= 13
