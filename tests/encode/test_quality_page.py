"""Page 5: outlines where the alignment puts them, sides right, the motion of the head, every check in words, the gravest first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import T1_FROM_PET, Phantom, Plan, ball, make_phantom, rigid
from page_reading import faults, lines, words

from node.domain import codes
from node.domain.correction import Correctable, Correction
from node.domain.exam import Check, Gravity, Sourced
from node.domain.result import Region
from node.domain.timing import FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Array
from node.encode import EncodeOptions
from node.encode.canvas import Style
from node.encode.flow import Paragraph, Section
from node.encode.languages import speech
from node.encode.material import Material
from node.encode.pages.contours import BRAIN_RGB, INNER_RGB, draw_layer, late_pet, layers
from node.encode.pages.quality import draw_quality
from node.encode.pages.spread import spread
from node.encode.planes import FINE, Point, cut, plane_grid
from node.encode.words import stated
from node.imaging import resample

PIXELS_PER_MM = 2.0
CENTRE = Point((0.0, 0.0, 0.0), "")


def checks(step: str, count: int) -> tuple[Check, ...]:
    made = (Check(f"{step}_{i}", i % 4 != 0, f"The {step} check {i}", list(Gravity)[i % 3], 1.5 * i, 20.0, "mm") for i in range(count))
    return tuple(made)


def plain(folder: Path) -> Phantom:
    return make_phantom(folder)


def many_checks(folder: Path) -> Phantom:
    phantom = make_phantom(folder)
    exam = replace(phantom.exam, checks=checks("header", 12), corrections=(_correction(),), pet=replace(phantom.exam.pet, chain=_chain()))
    alignment = replace(phantom.alignment, checks=checks("alignment", 30), motion_mm=(0.4, 2.2))
    segmentation = replace(phantom.segmentation, checks=checks("segmentation", 14))
    told = (*exam.checks, *alignment.checks, *segmentation.checks, *checks("number", 9))
    made = phantom.with_result(checks=told, not_computed=("Something was not computed, and here is why. " * 30,) * 3)
    return replace(made, exam=exam, alignment=alignment, segmentation=segmentation)


def one_frame(folder: Path) -> Phantom:
    phantom = make_phantom(folder)
    pet = phantom.exam.pet
    single = replace(pet, volume=pet.volume.like(pet.volume.array[:1]), timing=FrameTiming(np.array([3600.0]), np.array([1800.0])))
    alignment = replace(phantom.alignment, pet_from_frame=(Transform.identity(),))
    return replace(phantom, exam=replace(phantom.exam, pet=single), alignment=alignment)


def no_flair(folder: Path) -> Phantom:
    return make_phantom(folder, Plan(flair=False, lesions=0))


def _correction() -> Correction:
    return Correction(Correctable.WEIGHT, "71", "A. Physicist", "weight of 0 in the header", datetime(2026, 3, 1, 9, tzinfo=UTC))


def _chain() -> tuple[Sourced, ...]:
    return (Sourced("Injected activity", "427.5 MBq", "RadionuclideTotalDose (0018,1074)"), Sourced("Slope", "0.02", "RescaleSlope"))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("make", [plain, many_checks, one_frame, no_flair], ids=lambda make: make.__name__)
def test_no_text_of_the_page_of_quality_overlaps_or_leaves_it(tmp_path: Path, make: object, language: str) -> None:
    options = EncodeOptions(language=language)  # type: ignore[arg-type]

    assert not faults(draw_quality(make(tmp_path).material(options)))  # type: ignore[operator]


def test_every_check_is_told_once_and_those_that_failed_come_first_by_gravity(tmp_path: Path) -> None:
    phantom = many_checks(tmp_path)

    told = [line.text for page in draw_quality(phantom.material()) for line in lines(page)]

    order = [next(i for i, text in enumerate(told) if text.startswith(f"{check.message} ")) for check in phantom.result.checks]
    assert all(sum(text.startswith(f"{check.message} ") for text in told) == 1 for check in phantom.result.checks)
    failed = [(at, list(Gravity).index(check.gravity)) for at, check in zip(order, phantom.result.checks, strict=True) if not check.passed]
    gravities = [gravity for _, gravity in sorted(failed)]
    assert gravities == sorted(gravities, reverse=True)
    assert max(at for at, _ in failed) < min(at for at, check in zip(order, phantom.result.checks, strict=True) if check.passed)


def test_each_step_lists_its_own_checks(tmp_path: Path) -> None:
    told = words(draw_quality(many_checks(tmp_path).material()))

    places = [
        told.index(step) for step in ("Headers, dose and times: passed", "Alignment: passed", "Segmentation: passed", "Numbers: passed")
    ]
    assert places == sorted(places)
    assert places[2] < told.index("segmentation check 13") < places[3]
    assert "(19.5 mm; limit 20 mm)" in told


def test_what_a_person_corrected_and_dose_and_times_are_told(tmp_path: Path) -> None:
    told = words(draw_quality(many_checks(tmp_path).material()))

    for expected in ("weight 71: weight of 0 in the header (A. Physicist", "427.5 MBq", "Not computed", "2 of 2 frames were compared."):
        assert expected in told
    assert "RescaleSlope" not in told


def test_one_frame_says_that_there_is_no_motion_to_measure(tmp_path: Path) -> None:
    told = words(draw_quality(one_frame(tmp_path).material()))

    assert "One frame: no motion to measure." in told
    assert "Motion of the head" not in told


def test_without_a_flair_there_are_two_rows_of_pictures(tmp_path: Path) -> None:
    assert len(layers(no_flair(tmp_path).material())) == 2
    assert len(layers(plain(tmp_path).material())) == 3


def outlined(picture: Array, colour: tuple[int, int, int]) -> Array:
    """(n, 2) rows and columns, mm from the middle of the picture, where an outline was drawn."""
    near = np.abs(picture.astype(int) - colour).max(axis=-1) < 40
    return (np.argwhere(near) - (np.array(picture.shape[:2]) - 1) / 2) / PIXELS_PER_MM


def plane(material: Material, name: str, layer: int) -> Array:
    grid = plane_grid(name, CENTRE, np.zeros(3), PIXELS_PER_MM, material.alignment.t1.frame_of_reference_uid)
    assert grid.spacing_mm[1] == pytest.approx(1 / (PIXELS_PER_MM * FINE))
    return draw_layer(layers(material)[layer], grid)


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("layer", [0, 2], ids=["PET", "FLAIR"])
def test_the_brains_outline_is_a_circle_of_its_radius_on_pet_and_flair(tmp_path: Path, name: str, layer: int) -> None:
    points = outlined(plane(plain(tmp_path).material(), name, layer), BRAIN_RGB)

    radii = np.linalg.norm(points, axis=1)
    assert abs(np.median(radii) - 62) < 4  # half a voxel
    assert np.ptp(np.percentile(radii, (5, 95))) < 8


def test_the_pets_outline_lies_on_the_t1_where_the_alignment_puts_it(tmp_path: Path) -> None:
    phantom = plain(tmp_path)
    moved = replace(phantom.alignment, t1_from_pet=rigid(0, 2, (12, 0, 0)) @ T1_FROM_PET)

    right = outlined(plane(phantom.material(), "axial", 1), BRAIN_RGB)
    wrong = outlined(plane(replace(phantom, alignment=moved).material(), "axial", 1), BRAIN_RGB)

    middles = [(points.min(axis=0) + points.max(axis=0)) / 2 for points in (right, wrong)]
    assert middles[0] == pytest.approx((0, 0), abs=3)
    assert middles[1] - middles[0] == pytest.approx((0, 12), abs=1.5)  # the patient's left is on the right


def test_what_lies_on_the_patients_left_is_outlined_on_the_right(tmp_path: Path) -> None:
    phantom = plain(tmp_path)
    t1 = phantom.exam.t1.volume
    regions = (Region("ventricles", codes.BRAIN_VENTRICLE, t1.like(ball(t1, 16, (30, -15, 0)))),)
    material = replace(phantom, segmentation=replace(phantom.segmentation, regions=regions)).material()

    middle = outlined(plane(material, "axial", 0), INNER_RGB).mean(axis=0)

    assert middle == pytest.approx((-15, 30), abs=4)


def test_the_late_pet_is_the_mean_of_the_windows_frames_weighted_with_their_lengths(tmp_path: Path) -> None:
    phantom = plain(tmp_path)
    pet = replace(phantom.exam.pet, timing=FrameTiming(np.array([3600.0, 4200.0]), np.array([600.0, 1200.0])))
    tracer = replace(phantom.result.tracer, window_s=(3600.0, 5400.0))

    late = late_pet(replace(phantom, exam=replace(phantom.exam, pet=pet)).with_result(tracer=tracer).material())

    assert late.array.max() == pytest.approx(5000 / 3 + 4000 * 2 / 3)


def test_the_late_pet_leaves_out_what_was_measured_before_the_window(tmp_path: Path) -> None:
    phantom = plain(tmp_path)
    tracer = replace(phantom.result.tracer, window_s=(4500.0, 5400.0))

    assert late_pet(phantom.with_result(tracer=tracer).material()).array.max() == pytest.approx(4000.0)


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_plane_cut_from_the_part_that_it_meets_is_that_cut_from_the_whole(tmp_path: Path, name: str) -> None:
    phantom = plain(tmp_path)
    flair, tilt = phantom.exam.flair, rigid(20, 1, (9, -4, 6))
    assert flair is not None
    place = Point((21.0, -33.0, 40.0), "")
    grid = plane_grid(name, place, np.array([5.0, 3.0, -2.0]), PIXELS_PER_MM, flair.volume.frame_of_reference_uid)
    values = np.random.default_rng(2).normal(size=flair.volume.shape).astype(np.float32)

    assert cut(flair.volume.like(values), grid, tilt) == pytest.approx(resample(flair.volume.like(values), grid, tilt).array[0], abs=1e-4)


def test_a_plane_beside_the_volume_is_empty(tmp_path: Path) -> None:
    t1 = plain(tmp_path).exam.t1.volume
    grid = plane_grid("axial", Point((0.0, 0.0, 900.0), ""), np.zeros(3), PIXELS_PER_MM, "")

    assert np.isnan(cut(t1, grid, outside=np.nan)).all()


def test_what_is_left_is_spread_evenly_over_the_pages(tmp_path: Path) -> None:
    rows = tuple(Paragraph(f"line {n}", style=Style.SMALL) for n in range(75))
    material = plain(tmp_path).material()

    pages = spread(material, "Quality", (Section("Title", rows),))

    told = [[line.text for line in lines(page) if line.text.startswith("line ")] for page in pages]
    assert [line for page in told for line in page] == [f"line {n}" for n in range(75)]
    assert len(pages) == 2
    assert len(told[1]) > 25
    assert spread(material, "Quality", ()) == []


@pytest.mark.parametrize(
    ("code", "message", "more", "sentence"),
    [
        ("en", "the header has no body weight: no SUV", "", "The header has no body weight: no SUV."),
        (
            "en",
            "times are counted from the start of the scan",
            "(12 s; limit 60 s)",
            "Times are counted from the start of the scan (12 s; limit 60 s).",
        ),
        ("en", "All is well.", "(3)", "All is well (3)."),
        ("en", "k2' is 0.0725 per min", "", "k2' is 0.0725 per min."),
        (
            "de",
            "The cerebellar grey matter measures 96.5 mL (expected 40 to 180 mL).",
            "",
            "Volumen (Kleinhirnrinde): 96.5 mL (erwartet 40 bis 180 mL).",
        ),
        ("de", "the header has no body weight: no SUV", "", "Der Header enthält kein Körpergewicht: kein SUV."),
    ],
)
def test_a_check_is_told_as_a_sentence(code: str, message: str, more: str, sentence: str) -> None:
    assert stated(speech(code), message, more) == sentence
