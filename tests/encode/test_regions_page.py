"""Page 3: every region and volume with its numbers, strips where they belong, the caveats, and nothing over anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Phantom, Plan, make_phantom
from page_reading import faults, lines, words
from rich_phantom import rich_phantom

from node.domain.result import Finding, LesionOrigin, Norm, Quantity
from node.encode import EncodeOptions
from node.encode.canvas import GROUND, INK, SCALE, WARNING, Box, Canvas, pixels_at
from node.encode.pages.regions import draw_regions
from node.encode.pages.signal_table import GROUPS
from node.encode.pages.strip import Basis, Strip, draw_strip, norm_strip, own_strip
from node.encode.pages.volume_table import PARTS, TISSUES, ZONES

BASIS = "60–90 min, relative to cerebellar grey matter"


def volumes() -> tuple[Finding, ...]:
    named = (*TISSUES, *PARTS, "thalamus_left", "thalamus_right", *ZONES, "lesions", "lesions_t1_dark")
    sized = [Finding(name, Quantity.VOLUME, 10.0 + number, "ml", None, "segmented") for number, name in enumerate(named)]
    shares = [
        Finding(name, Quantity.FRACTION, 0.842 if name == "whole_brain" else 0.01, "1", None, "share") for name in (*TISSUES[1:], *PARTS)
    ]
    counts = [Finding(name, Quantity.COUNT, 3.0, "1", None, "found") for name in (*ZONES, "lesions")]
    return (*sized, *shares, *counts)


def signal(norm: Norm | None = None) -> tuple[Finding, ...]:
    found = []
    for name in [name for whole, parts in GROUPS for name in (whole, *parts)]:
        found += [Finding(name, quantity, 1.1, "1", 0.004, BASIS, norm=norm) for quantity in (Quantity.SUVR, Quantity.SUV)]
        found += [Finding(f"{name}_{side}", Quantity.SUVR, 1.1, "1", 0.004, BASIS) for side in ("left", "right")]
        found.append(Finding(name, Quantity.ASYMMETRY, -1.25, "%", 0.1, "SUVR"))
        found.append(Finding(name, Quantity.CONTRAST, 0.7, "1", None, "against the patient's own NAWM"))
    return tuple(found)


def whole(folder: Path) -> Phantom:
    return make_phantom(folder).with_result(findings=(*signal(), *volumes()))


def with_norms(folder: Path) -> Phantom:
    norm = Norm(1.0, 0.9, 1.05, 2.6, "our own 24 healthy people, matched by tracer, genotype and camera")
    brain = Norm(11.0, 10.0, 12.0, None, "a table of 100 people by age and sex")
    sized = tuple(replace(f, norm=brain) if f.quantity is Quantity.VOLUME else f for f in volumes())
    return make_phantom(folder).with_result(findings=(*signal(norm), *sized))


def own_atlas(folder: Path) -> Phantom:
    extra = tuple(Finding(f"atlas:a_region_of_the_site_{n}", Quantity.SUVR, 1.0, "1", 0.1, BASIS) for n in range(60))
    return make_phantom(folder).with_result(findings=(*signal(), *extra, *volumes()))


def no_flair(folder: Path) -> Phantom:
    return make_phantom(folder, Plan(flair=False, lesions=0))


def corrected(folder: Path) -> Phantom:
    return rich_phantom(folder)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("make", [whole, with_norms, own_atlas, no_flair, corrected], ids=lambda make: make.__name__)
def test_no_text_of_the_page_of_regions_overlaps_or_leaves_it(tmp_path: Path, make: object, language: str) -> None:
    options = EncodeOptions(language=language)  # type: ignore[arg-type]

    assert not faults(draw_regions(make(tmp_path).material(options)))  # type: ignore[operator]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("make", [whole, with_norms], ids=lambda make: make.__name__)
def test_a_whole_exam_without_an_atlas_of_the_site_takes_one_page(tmp_path: Path, make: object, language: str) -> None:
    options = EncodeOptions(language=language)  # type: ignore[arg-type]

    assert len(draw_regions(make(tmp_path).material(options))) == 1  # type: ignore[operator]


def test_every_region_stands_on_the_page_with_its_sides_and_its_asymmetry(tmp_path: Path) -> None:
    (page,) = draw_regions(whole(tmp_path).material())

    told = words([page])
    regions = sum(1 + len(parts) for _, parts in GROUPS)
    assert told.count("−1.2") + told.count("−1.3") == regions
    assert sum(line.text == "1.10" for line in lines(page)) == 4 * regions  # SUVR, left, right, SUV
    assert "against the patient's own NAWM" in told
    assert "blind to a shift of the whole brain" in told


def test_the_page_says_that_there_is_no_norm_and_that_atrophy_is_not_judged(tmp_path: Path) -> None:
    told = words(draw_regions(whole(tmp_path).material()))

    for expected in (
        "No normative comparison: no norm matches",
        "No normative comparison of volumes",
        "not enough to judge atrophy",
        "84.2",
    ):
        assert expected in told


def test_the_page_says_whose_norm_it_is_with_each_z(tmp_path: Path) -> None:
    told = words(draw_regions(with_norms(tmp_path).material()))

    assert "Norm: our own 24 healthy people, matched by tracer, genotype and camera." in told
    assert "Norm: a table of 100 people by age and sex." in told
    assert "+2.6" in told
    assert "No normative comparison" not in told


def test_every_region_of_the_sites_atlas_is_told_however_many(tmp_path: Path) -> None:
    pages = draw_regions(own_atlas(tmp_path).material())

    assert len(pages) > 1
    assert all(f"A region of the site {n}" in words(pages) for n in range(60))


def test_lesions_are_counted_by_zone_or_said_not_to_have_been_looked_for(tmp_path: Path) -> None:
    counted, none = whole(tmp_path), no_flair(tmp_path)

    assert none.segmentation.lesion_origin is LesionOrigin.NONE
    assert "periventricular" in words(draw_regions(counted.material()))
    assert "Not looked for" in words(draw_regions(none.material()))


def test_numbers_corrected_for_partial_volume_are_not_mixed_with_those_measured(tmp_path: Path) -> None:
    told = words(draw_regions(corrected(tmp_path).material()))

    assert "1.62" not in told  # the thalamus, corrected


def finding(value: float, quantity: Quantity = Quantity.SUVR, norm: Norm | None = None) -> Finding:
    return Finding("thalamus", quantity, value, "1", None, "", norm=norm)


def test_a_strip_runs_from_the_lower_to_the_upper_end_of_its_range() -> None:
    norm = Norm(1.0, 0.8, 1.2, None, "")

    assert [norm_strip(finding(value, norm=norm)).place for value in (0.8, 1.0, 1.2)] == pytest.approx([0.0, 0.5, 1.0])  # type: ignore[union-attr]
    assert [own_strip(finding(value)).place for value in (-2.0, 0.0, 2.0)] == pytest.approx([0.0, 0.5, 1.0])  # type: ignore[union-attr]
    assert norm_strip(finding(1.0)) is None


@pytest.mark.parametrize(
    ("place", "basis", "colour"),
    [
        (0.5, Basis.NORM, INK),
        (1.4, Basis.NORM, WARNING),
        (9.0, Basis.NORM, WARNING),
        (-9.0, Basis.NORM, WARNING),
        (1.4, Basis.OWN, INK),
        (9.0, Basis.OWN, INK),
    ],
)
def test_the_mark_of_a_strip_lies_where_its_number_does(place: float, basis: Basis, colour: tuple[int, int, int]) -> None:
    canvas, box = Canvas(), Box(100, 50, 250, 73)

    draw_strip(canvas, box, Strip(place, basis))

    marked = (canvas.pixels() == colour).all(axis=-1)
    columns = np.flatnonzero(marked.any(axis=0)) / SCALE
    expected = np.clip(150 + place * 50, 107, 243)
    assert abs(columns.mean() - expected) < 2.5
    assert (canvas.pixels()[:, pixels_at(251, 0)[0] :] == GROUND).all()
