"""The pages of lesions: every lesion once, the smouldering first, with its pictures, numbers and fate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import page_cases
from encode_phantom import Plan, ball, make_phantom
from rich_phantom import rich_phantom
from test_pages import Placed, page_words, placed  # noqa: F401 placed is a fixture

from node.domain.result import Phenotype
from node.encode.page import LESIONS
from node.encode.pages.lesions import draw_lesions, in_order
from node.encode.pages.thumbnails import draw_thumbnails
from node.encode.phenotypes import LOOKS
from node.encode.strokes import Picture


def test_every_lesion_is_listed_once_however_many(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    pages = draw_lesions(page_cases.many_lesions(tmp_path))

    numbers = [line.text for line in placed if line.text.isdigit()]
    assert sorted(map(int, numbers)) == list(range(1, 111))
    assert len(pages) > 4


def test_the_last_page_of_many_is_about_as_full_as_the_first(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    for count in (17, 33):
        placed.clear()
        draw_lesions(make_phantom(tmp_path, Plan(lesions=count)).material())

        per_page = np.bincount([line.page for line in placed if line.text.isdigit()])
        per_page = per_page[per_page > 0]
        assert per_page.sum() == count
        assert per_page.min() >= per_page.max() // 2


def test_rim_active_lesions_come_first_and_small_ones_of_a_kind_last(tmp_path: Path) -> None:
    lesions = rich_phantom(tmp_path, Plan(lesions=6)).result.lesions

    ordered = in_order(lesions[::-1])

    kinds = [Phenotype.RIM_ACTIVE, Phenotype.OVERALL_ACTIVE, Phenotype.INDETERMINATE, Phenotype.INACTIVE, Phenotype.NOT_RESOLVABLE, None]
    assert [lesion.phenotype for lesion in ordered] == kinds


def test_a_row_tells_place_volume_core_rim_phenotype_and_confidence(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    material = page_cases.every_phenotype(tmp_path)

    draw_lesions(material)

    text = page_words(placed, LESIONS)
    assert "deep white matter 11.8 mL core 1.40 rim 1.20 rim-active, confidence 56 %" in text
    assert "core too small to be measured" in text
    assert "Lesions found by the node on the FLAIR, not confirmed by a reader." in text


def test_what_has_become_of_lesions_since_the_visit_is_told(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    draw_lesions(page_cases.with_a_visit(tmp_path))

    text = page_words(placed, LESIONS)
    assert "▲ enlarged, 5.10 → 7.20 mL, was inactive" in text
    assert "+ new" in text
    assert "9: no longer seen, 0.31 mL before" in text


def test_without_a_lesion_there_is_no_page(tmp_path: Path) -> None:
    assert draw_lesions(page_cases.no_lesions(tmp_path)) == []


def test_a_picture_lies_on_its_lesion_with_the_patients_right_on_the_left(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path, Plan(lesions=1))
    # The lesion is a ball of 14 mm at (20, 20, 20) mm; to its left, which is further right on the picture, the map is hot.
    pet = phantom.result.suvr.volume
    hot = np.where(ball(pet, 9, (42, 20, 20), to_t1=phantom.alignment.t1_from_pet), 1.6, 0.6).astype(np.float32)
    suvr = pet.like(hot)
    phantom = phantom.with_result(suvr=type(phantom.result.suvr)(suvr, phantom.result.suvr.quantity, "ratio", (), ""))

    (mr, over) = draw_thumbnails(phantom.material(), phantom.result.lesions, 112)[1]

    line = np.argwhere((np.abs(mr.astype(int) - LOOKS[Phenotype.RIM_ACTIVE].rgb) < 60).all(-1))
    assert np.abs((line.min(0) + line.max(0)) / 2 - 55.5).max() < 8
    added = (over.astype(int) - mr.astype(int))[..., 0] - (over.astype(int) - mr.astype(int))[..., 2]
    assert added[:, 75:].mean() > added[:, :37].mean() + 10


def test_twenty_lesions_stand_on_one_page_with_pictures_of_100_units_at_least(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    (page,) = draw_lesions(make_phantom(tmp_path, Plan(lesions=20)).material())

    assert min(stroke.rgb.shape[0] for stroke in page.strokes if isinstance(stroke, Picture)) >= 100


def test_a_phenotype_that_the_note_says_is_told_once(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    phantom = rich_phantom(tmp_path, Plan(lesions=1))
    note = "rim not resolvable: one mean over core and rim"
    lesions = tuple(replace(one, phenotype=Phenotype.NOT_RESOLVABLE, confidence=None, note=note) for one in phantom.result.lesions)

    draw_lesions(phantom.with_result(lesions=lesions).material())

    assert page_words(placed, LESIONS).count("rim not resolvable") == 1
