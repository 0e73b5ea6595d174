"""encode_overlay: pictures that lie on the MR, slice for slice, whichever way the head was cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import T1_FROM_FLAIR, Plan, ball, make_phantom
from pydicom import Dataset, dcmread
from rich_phantom import rich_phantom
from slanted import CUTS, cut, grid_points

from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.encode.colour import LESION_RGB, RAISED_RGB, colours, display_limits, dotted, grey, ring, rings, ticks
from node.encode.material import Material, brain_on_reading
from node.encode.objects import EncodeOptions, Kind
from node.encode.overlay import AROUND_BRAIN_MM, encode_overlay, encode_overlay_t1, shown_box
from node.encode.phenotypes import lesion_rgb
from node.encode.slice_series import patient_orientation

WAYS = [(name, Plan()) for name in CUTS] + [("axial", Plan(enhanced=True)), ("coronal", Plan(enhanced=True, lesions=0))]
SEEN = [way for way in WAYS if way[0] != "coarse"]  # where letters and digits leave room for a picture
IDS = [f"{name}{', enhanced' * plan.enhanced}" for name, plan in WAYS]


def pictures(material: Material) -> list[Dataset]:
    return [dcmread(encoded.path) for encoded in encode_overlay(material)]


def drawn(material: Material) -> Array:
    """(S, R, C, 3) the pictures without their margins."""
    box = shown_box(material)
    rows, columns = (side.stop - side.start for side in box[1:])
    return np.stack([d.pixel_array[:rows, :columns] for d in pictures(material)])


def places(d: Dataset, shape: tuple[int, int]) -> Array:
    """(R, C, 3) LPS mm of the pixels of an image, from its own attributes (PS3.3 C.7.6.2.1.1)."""
    row, column = np.array(d.ImageOrientationPatient, float).reshape(2, 3)
    down, right = (float(mm) for mm in d.PixelSpacing)
    r, c = (axis[..., None] for axis in np.indices(shape))
    return np.array(d.ImagePositionPatient, float) + c * right * row + r * down * column


@pytest.mark.parametrize(("name", "plan"), WAYS, ids=IDS)
def test_each_pixel_shows_the_place_of_an_mr_pixel(tmp_path: Path, name: str, plan: Plan) -> None:
    material = cut(tmp_path, name, plan).material()
    volume, box = material.reading.volume, shown_box(material)
    expected = grid_points(volume)[box]

    images = pictures(material)

    assert [d.InstanceNumber for d in images] == list(range(1, volume.shape[0] + 1))
    for index, d in enumerate(images):
        assert np.abs(places(d, expected.shape[1:3]) - expected[index]).max() < 1e-3
        assert d.FrameOfReferenceUID == volume.frame_of_reference_uid
        assert d.SourceImageSequence[0].get("ReferencedFrameNumber") == (volume.shape[0] - index if plan.enhanced else None)


@pytest.mark.parametrize(("name", "plan"), SEEN)
def test_grey_values_and_outlines_are_at_their_place_in_the_patient(tmp_path: Path, name: str, plan: Plan) -> None:
    material = cut(tmp_path, name, plan).material()
    volume = material.reading.volume
    brain = ball(volume, 62, to_t1=T1_FROM_FLAIR)
    limits = display_limits(volume.array, brain_on_reading(material).array)
    outlines = []

    for d in pictures(material):
        shape = tuple(side.stop - side.start for side in shown_box(material)[1:])
        there = places(d, shape)
        index = np.rint(there @ volume.index_from_lps[:3, :3].T + volume.index_from_lps[:3, 3]).astype(int)
        picture = d.pixel_array[: shape[0], : shape[1]]
        plain = (np.ptp(picture.astype(int), axis=-1) == 0) & ~brain[tuple(np.moveaxis(index, -1, 0))]
        same = (picture == grey(volume.array[tuple(np.moveaxis(index, -1, 0))], limits)).all(-1)
        assert same[plain].mean() > 0.8  # the rest are the letters of the sides
        outlines.append(T1_FROM_FLAIR.apply(there[(picture == LESION_RGB).all(-1)]))

    if plan.lesions:
        # Lesion 1 is a ball of 14 mm about this point of the T1, drawn in voxels of 8 mm there.
        near = [distance for distance in np.linalg.norm(np.concatenate(outlines) - (20, 20, 20), axis=1) if distance < 28]
        assert len(near) > 20
        assert np.median(near) == pytest.approx(14, abs=4)


def test_a_classic_image_is_cited_and_its_orientation_copied_as_written(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()

    for instance, d in zip(material.reading.source.instances, pictures(material), strict=True):
        source = dcmread(tmp_path / instance.path)
        assert d.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert d.ImageOrientationPatient == source.ImageOrientationPatient
        assert d.PixelSpacing == source.PixelSpacing


def test_what_is_shown_holds_brain_lesions_and_raised_signal_with_room_around(tmp_path: Path) -> None:
    material = cut(tmp_path, "oblique").material()
    volume, box = material.reading.volume, shown_box(material)
    needed = brain_on_reading(material).array | (material.lesions.labels.array > 0) | material.raised.array

    outside = needed.copy()
    outside[box] = False

    assert not outside.any()
    assert box[0] == slice(0, volume.shape[0])
    for axis in (1, 2):
        hit = np.flatnonzero(needed.any(axis=tuple({0, 1, 2} - {axis})))
        around = (hit[0] - box[axis].start) * volume.spacing_mm[axis], (box[axis].stop - 1 - hit[-1]) * volume.spacing_mm[axis]
        assert min(around) >= AROUND_BRAIN_MM
        assert max(around) <= AROUND_BRAIN_MM + volume.spacing_mm[axis]


def test_all_is_shown_where_no_brain_is_in_view(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=0))
    nothing = phantom.alignment.brain.like(np.zeros(phantom.alignment.brain.shape, bool))
    phantom = replace(phantom, alignment=replace(phantom.alignment, brain=nothing))
    no_outline = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))
    material = phantom.with_result(raised=no_outline).material()

    assert shown_box(material) == tuple(slice(0, size) for size in material.reading.volume.shape)
    assert pictures(material)[0].ImagePositionPatient == list(map(float, material.slices.sources[0].position_mm))


def test_colour_is_inside_the_brain_alone(tmp_path: Path) -> None:
    phantom = cut(tmp_path, "axial", Plan(lesions=0))
    material = phantom.material()
    brain = brain_on_reading(material).array[shown_box(material)]

    coloured = np.ptp(drawn(material).astype(int), axis=-1) > 0

    assert coloured[brain].mean() > 0.9
    assert not (coloured & ~brain).any()


def test_no_colour_where_the_pet_does_not_reach(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=0))
    suvr = phantom.result.suvr.volume
    short = replace(
        phantom.result.suvr, volume=Volume(suvr.array[8:], suvr.affine @ translation(8), suvr.unit, suvr.frame_of_reference_uid)
    )
    no_outline = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))
    material = phantom.with_result(suvr=short, raised=no_outline).material()
    there = grid_points(material.reading.volume)[shown_box(material)]
    reached = material.pet_from_reading.apply(there.reshape(-1, 3))[:, 2].reshape(there.shape[:3]) >= short.volume.affine[2, 3] - 4

    coloured = np.ptp(drawn(material).astype(int), axis=-1) > 0

    assert coloured.any()
    assert not (coloured & ~reached).any()


def translation(slices: int) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3] = slices
    return matrix


def test_lesions_are_outlined_in_the_colour_of_their_phenotype(tmp_path: Path) -> None:
    rich = rich_phantom(tmp_path)
    material = replace(cut(tmp_path, "axial"), segmentation=rich.segmentation, result=rich.result).material()
    labels = material.lesions.labels.array[shown_box(material)]
    looks = {lesion.number: lesion_rgb(lesion.phenotype) for lesion in material.result.lesions}

    pixels = drawn(material)

    assert len(set(looks.values())) == len(looks) == 4
    for number, rgb in looks.items():
        around = np.stack([rings(part) == number for part in labels])
        assert around.any()
        assert (pixels[around] == rgb).all(-1).all()


def test_the_raised_signal_has_a_dotted_outline(tmp_path: Path) -> None:
    material = cut(tmp_path, "axial", Plan(lesions=0)).material()
    raised = material.raised.array[shown_box(material)]

    pixels = drawn(material)

    line = np.stack([ring(part) for part in raised])
    dots = np.stack([dotted(ring(part)) for part in raised])
    assert (pixels[dots] == RAISED_RGB).all()
    assert not (pixels[line & ~dots] == RAISED_RGB).all(-1).any()


@pytest.mark.parametrize("count", [0, 90])
def test_no_lesion_and_ninety_lesions_are_drawn(tmp_path: Path, count: int) -> None:
    material = make_phantom(tmp_path, Plan(lesions=count)).material()

    images = pictures(material)

    assert len({(d.Rows, d.Columns) for d in images}) == 1
    assert sum((d.pixel_array == LESION_RGB).all(-1).sum() for d in images) > 0 or count == 0


def test_the_t1_has_an_overlay_of_its_own_where_the_flair_is_read(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()
    t1 = material.exam.t1

    written = encode_overlay_t1(material)

    images = [dcmread(item.path) for item in written]
    expected = grid_points(t1.volume)[shown_box(material.on(t1))]
    assert {item.kind for item in written} == {Kind.OVERLAY_T1}
    assert len(images) == t1.volume.shape[0]
    assert {d.SeriesDescription for d in images} == {"RESEARCH TSPO signal SUVR on T1"}
    for index, d in enumerate(images):
        assert np.abs(places(d, expected.shape[1:3]) - expected[index]).max() < 1e-3
        assert d.SourceImageSequence[0].ReferencedSOPInstanceUID == t1.source.instances[index].sop_instance_uid


def test_there_is_one_overlay_where_the_t1_is_read(tmp_path: Path) -> None:
    material = make_phantom(tmp_path, Plan(flair=False)).material()

    assert encode_overlay_t1(material) == ()
    assert material.on(material.exam.t1) is material


def test_an_exam_is_bound_to_its_t1_once_and_to_nothing_else(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material()
    other = replace(material.exam.t1)

    assert material.on(material.exam.t1) is material.on(material.exam.t1)
    assert material.on(material.exam.t1).lesions.labels.same_grid(material.segmentation.lesions)
    assert material.on(material.exam.t1).t1_from_reading.matrix.tolist() == Transform.identity().matrix.tolist()
    with pytest.raises(ValueError, match="the reading series or the T1; found series"):
        material.on(other)


def test_words_are_below_the_image_and_not_on_it(tmp_path: Path) -> None:
    material = make_phantom(tmp_path).material(EncodeOptions(language="de"))
    rows, columns = (side.stop - side.start for side in shown_box(material)[1:])

    d = pictures(material)[0]

    assert d.Rows > rows
    assert d.Columns >= columns
    assert d.pixel_array[rows:].any()
    assert not d.pixel_array[:rows, columns:].any()
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


def test_rings_lie_around_labels_and_know_whose_they_are() -> None:
    labels = np.zeros((7, 9), int)
    labels[3, 2:4], labels[3, 6] = 4, 7

    found = rings(labels)

    assert np.array_equal(found > 0, ring(labels > 0))
    assert (found[2, 2], found[3, 1], found[3, 4], found[3, 5], found[4, 6]) == (4, 4, 4, 7, 7)


@pytest.mark.parametrize("step", [(0, 1), (1, 0), (1, 1), (1, -1)])
def test_a_dotted_line_has_gaps_in_every_direction(step: tuple[int, int]) -> None:
    line = np.zeros((40, 40), bool)
    path = [(4 + k * step[0], 20 + k * step[1]) if step[0] else (20, 4 + k) for k in range(16)]
    line[tuple(zip(*path, strict=True))] = True

    on = dotted(line)[tuple(zip(*path, strict=True))]

    assert on.sum() == len(path) / 2


@pytest.mark.parametrize("limits", [(0.6, 1.6), (0.5, 2.0), (0.0, 4.0), (0.8, 1.2)])
def test_a_colour_bar_has_a_handful_of_marks_that_do_not_touch(limits: tuple[float, float]) -> None:
    values = [value for value, _ in ticks(limits)]

    assert 3 <= len(values) <= 8
    assert values == sorted(values)
    assert (values[0], values[-1]) == limits
    assert min(np.diff(values)) > (limits[1] - limits[0]) / 20
