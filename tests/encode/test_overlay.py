"""encode_overlay: pictures that lie on the MR, slice for slice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Plan, make_phantom
from pydicom import Dataset, dcmread

from node.domain.volume import Volume
from node.encode.capture import patient_orientation
from node.encode.colour import LESION_RGB, RAISED_RGB, colours, grey, ring, ticks
from node.encode.material import Material, brain_on_reading
from node.encode.overlay import _frame, encode_overlay


def pictures(material: Material) -> list[Dataset]:
    return [dcmread(encoded.path) for encoded in encode_overlay(material)]


def side_letters(material: Material) -> np.ndarray:
    """(R, C) bool: where the letters of the sides lie on the picture."""
    _, rows, columns = material.reading.volume.shape
    return _frame(material)[:rows, :columns].any(-1)


@pytest.mark.parametrize("plan", [Plan(), Plan(flair=False), Plan(enhanced=True)])
def test_the_series_follows_the_mr_slice_for_slice(tmp_path: Path, plan: Plan) -> None:
    material = make_phantom(tmp_path, plan).material()
    volume = material.reading.volume

    drawn = pictures(material)

    assert [d.InstanceNumber for d in drawn] == list(range(1, volume.shape[0] + 1))
    for index, d in enumerate(drawn):
        place = volume.affine[:3, :3] @ [index, 0, 0] + volume.affine[:3, 3]
        assert np.array(d.ImagePositionPatient, float) == pytest.approx(place, abs=1e-5)
        assert d.FrameOfReferenceUID == volume.frame_of_reference_uid
        assert np.array(d.PixelSpacing, float) == pytest.approx(volume.spacing_mm[1:])
        assert d.SourceImageSequence[0].get("ReferencedFrameNumber") == (volume.shape[0] - index if plan.enhanced else None)


def test_a_classic_image_is_cited_and_its_position_copied_as_written(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()

    for instance, d in zip(material.reading.source.instances, pictures(material), strict=True):
        source = dcmread(tmp_path / instance.path)
        assert d.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert d.ImagePositionPatient == source.ImagePositionPatient
        assert d.ImageOrientationPatient == source.ImageOrientationPatient


def test_colour_is_inside_the_brain_alone(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()
    brain, letters = brain_on_reading(material).array, side_letters(material)
    _, rows, columns = brain.shape

    for index, d in enumerate(pictures(material)):
        picture = d.pixel_array[:rows, :columns].astype(int)
        coloured = np.ptp(picture, axis=-1) > 0
        outline = (picture == LESION_RGB).all(-1)
        assert not (coloured & ~outline & ~brain[index] & ~letters).any()


def test_no_colour_where_the_pet_does_not_reach(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    suvr = phantom.result.suvr.volume
    short = replace(
        phantom.result.suvr, volume=Volume(suvr.array[8:], suvr.affine @ translation(8), suvr.unit, suvr.frame_of_reference_uid)
    )
    no_outline = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))
    material = phantom.with_result(suvr=short, raised=no_outline).material()
    volume, letters = material.reading.volume, side_letters(material)
    index = np.indices(volume.shape).reshape(3, -1).T @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    reached = (material.pet_from_reading.apply(index)[:, 2] >= short.volume.affine[2, 3] - 4).reshape(volume.shape)

    pixels = np.stack([d.pixel_array[: volume.shape[1], : volume.shape[2]] for d in pictures(material)]).astype(int)

    coloured = (np.ptp(pixels, axis=-1) > 0) & ~(pixels == LESION_RGB).all(-1) & ~letters
    assert coloured.any()
    assert not (coloured & ~reached).any()


def translation(slices: int) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3] = slices
    return matrix


def test_outlines_lie_around_lesions_and_raised_signal(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()
    _, rows, columns = material.reading.volume.shape
    lesions, raised = material.lesions.labels.array > 0, material.raised.array
    free = ~side_letters(material)

    for index, d in enumerate(pictures(material)):
        picture = d.pixel_array[:rows, :columns]
        around = ring(lesions[index]) & free
        assert (picture[around] == LESION_RGB).all()
        assert (picture[ring(raised[index]) & ~around & free] == RAISED_RGB).all()


def test_words_are_beside_the_image_and_not_on_it(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()
    _, rows, columns = material.reading.volume.shape

    d = pictures(material)[0]

    assert d.Rows > rows
    assert d.Columns > columns
    assert d.pixel_array[rows:].any()
    assert d.pixel_array[:rows, columns:].any()
    assert d.BurnedInAnnotation == "NO"


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [("1 0 0 0 1 0", ["L", "P"]), ("0 1 0 0 0 -1", ["P", "F"]), ("1 0 0 0 0 -1", ["L", "F"]), ("-0.9 0.1 0 0 -0.9 0.2", ["R", "A"])],
)
def test_sides_are_those_of_the_patient(orientation: str, expected: list[str]) -> None:
    assert patient_orientation(tuple(orientation.split())) == expected


def test_colours_rise_in_lightness_and_hold_beyond_the_ends() -> None:
    table = colours(np.linspace(0.6, 1.6, 256), (0.6, 1.6)).astype(float)
    lightness = table @ (0.2126, 0.7152, 0.0722)

    assert (np.diff(lightness) > -1).all()
    assert lightness[-1] - lightness[0] > 200
    assert np.array_equal(colours(np.array([-5.0, 9.0]), (0.6, 1.6)), table[[0, -1]])


def test_grey_spans_the_window() -> None:
    assert grey(np.array([0.0, 50.0, 100.0, 200.0]), (0.0, 100.0))[:, 0].tolist() == [0, 127, 255, 255]


@pytest.mark.parametrize("limits", [(0.6, 1.6), (0.5, 2.0), (0.0, 4.0), (0.8, 1.2)])
def test_a_colour_bar_has_a_handful_of_marks_that_do_not_touch(limits: tuple[float, float]) -> None:
    values = [value for value, _ in ticks(limits)]

    assert 3 <= len(values) <= 8
    assert values == sorted(values)
    assert (values[0], values[-1]) == limits
    assert min(np.diff(values)) > (limits[1] - limits[0]) / 20
