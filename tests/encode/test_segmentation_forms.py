"""Segments by phenotype, and rims; the three forms of a SEG; what the colours can be told apart by."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from encode_phantom import MR_CLASS, Phantom, Plan, grid, rotation
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code as DicomCode
from rich_phantom import KINDS, rich_phantom, voxels

from benchmarks.conformance import complaints
from benchmarks.conformance import our_points as points_by_frames
from node import imaging
from node.domain import codes
from node.domain.exam import Instance, MrSeries, Role, SeriesSource
from node.domain.result import Phenotype
from node.domain.volume import Array, Volume
from node.encode import EncodeOptions, Kind
from node.encode.phenotypes import LOOKS, lesion_rgb
from node.encode.region_segments import encode_regions
from node.encode.seg_object import Drawn, _packed, write_segments
from node.encode.segmentation import encode_lesions, encode_raised, encode_rims, lesion_segments, rim_tracking
from node.encode.segments import MOST_SEGMENTS, Method, Patch, Segment, joined, patch_of, patches
from node.encode.slices import Slices, SliceSource

FORMS = ("BINARY", "FRACTIONAL", "LABELMAP")


def read(phantom: Phantom, folder: Path, make: object, form: str = "BINARY") -> Dataset:
    (encoded,) = make(phantom.material(EncodeOptions(seg_form=form), folder))  # type: ignore[operator]
    return dcmread(encoded.path)


def one_slice(phantom: Phantom, index: int) -> Phantom:
    """The same with a FLAIR of one slice."""
    flair = phantom.exam.flair
    assert flair is not None
    affine = flair.volume.affine.copy()
    affine[:3, 3] += affine[:3, 0] * index
    volume = Volume(flair.volume.array[index : index + 1], affine, "", flair.volume.frame_of_reference_uid)
    source = replace(flair.source, instances=flair.source.instances[index : index + 1])
    return replace(phantom, exam=replace(phantom.exam, flair=replace(flair, volume=volume, source=source)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("enhanced", [False, True])
def test_every_form_holds_the_lesions_where_they_are(tmp_path: Path, form: str, enhanced: bool) -> None:
    phantom = rich_phantom(tmp_path, Plan(enhanced=enhanced))
    shown = phantom.material().lesions.labels.array

    seg = read(phantom, tmp_path, encode_lesions, form)

    found = voxels(seg, phantom)
    assert seg.SegmentationType == form
    assert seg.SegmentsOverlap == "NO"
    assert set(found) - {0} == {1, 2, 3, 4}
    for number in (1, 2, 3, 4):
        if form == "FRACTIONAL":  # the smallest fill no voxel by half; there the one that they fill most is shown
            most = found[number] >= min(128, found[number].max())
            assert np.array_equal(most, shown == number)
        else:
            assert np.array_equal(found[number] > 0, shown == number)


@pytest.mark.parametrize("form", FORMS)
def test_more_lesions_than_segments_keep_every_voxel_in_every_form(tmp_path: Path, form: str) -> None:
    phantom = rich_phantom(tmp_path, Plan(lesions=MOST_SEGMENTS + 15))
    shown = phantom.material().lesions.labels.array

    seg = read(phantom, tmp_path, encode_lesions, form)

    found = voxels(seg, phantom)
    last = found[MOST_SEGMENTS] > 0
    assert max(found) == MOST_SEGMENTS
    assert np.all(last[shown >= MOST_SEGMENTS])
    assert form == "FRACTIONAL" or np.array_equal(last, shown >= MOST_SEGMENTS)
    assert np.all(np.any([share > 0 for number, share in found.items() if number], axis=0)[shown > 0])


def test_a_fractional_segment_holds_the_share_of_each_voxel(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    flair, from_flair = phantom.exam.flair, phantom.alignment.t1_from_flair
    assert flair is not None
    mask = phantom.segmentation.lesions
    expected = imaging.fractions(mask.like(mask.array == 1), flair.volume, from_flair).array

    seg = read(phantom, tmp_path, encode_lesions, "FRACTIONAL")

    shares = voxels(seg, phantom)[1] / seg.MaximumFractionalValue
    assert seg.SegmentationFractionalType == "OCCUPANCY"
    assert shares == pytest.approx(expected, abs=0.5 / 255 + 1e-6)
    assert shares.sum() * flair.volume.voxel_ml == pytest.approx(
        (mask.array == 1).sum() * mask.voxel_ml, rel=0.02
    )  # sampled at 4³ points a voxel


def test_highdicom_reads_a_label_map_with_the_same_voxels(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    shown = phantom.material().lesions.labels.array

    seg = hd.seg.Segmentation.from_dataset(read(phantom, tmp_path, encode_lesions, "LABELMAP"))
    flair = phantom.exam.flair
    assert flair is not None
    uids = [instance.sop_instance_uid for instance in flair.source.instances]

    read_back = seg.get_pixels_by_source_instance(uids, combine_segments=True, assert_missing_frames_are_empty=True)
    assert np.array_equal(read_back, shown)


def test_each_phenotype_is_coded_and_has_its_colour(tmp_path: Path) -> None:
    seg = read(rich_phantom(tmp_path, Plan(lesions=7)), tmp_path, encode_lesions)

    for item, kind in zip(seg.SegmentSequence, (*KINDS, None, None), strict=True):
        modifiers = item.SegmentedPropertyTypeCodeSequence[0].get("SegmentedPropertyTypeModifierCodeSequence", [])
        expected = [] if kind is None else [(LOOKS[kind].code.value, "99EMBER")]
        assert [(code.CodeValue, code.CodingSchemeDesignator) for code in modifiers] == expected
        lab = hd.color.CIELabColor.from_dicom_value(item.RecommendedDisplayCIELabValue)
        assert tuple(lab.to_rgb()) == pytest.approx(lesion_rgb(kind), abs=1)
        assert (kind.value if kind else "matter") in item.SegmentLabel


def test_rims_carry_a_tracking_uid_that_follows_from_the_lesions(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    assert phantom.result.rims is not None
    material = phantom.material()

    seg = read(phantom, tmp_path, encode_rims)

    expected = [rim_tracking(lesion, material).uid for lesion in lesion_segments(material)[0]]
    assert [item.TrackingUID for item in seg.SegmentSequence] == expected
    later = replace(phantom.result.provenance, exam="E-000002", version=3)
    assert [rim_tracking(lesion, phantom.with_result(provenance=later).material()).uid for lesion in phantom.result.lesions] == expected
    assert not set(expected) & {lesion.tracking_uid for lesion in phantom.result.lesions}


def test_a_rim_lies_around_its_lesion_and_holds_its_volume(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path, Plan(flair=False))
    rims = phantom.result.rims
    assert rims is not None

    found = voxels(read(phantom, tmp_path, encode_rims), phantom, on_t1=True)

    for number, lesion in enumerate(lesion_segments(phantom.material())[0], start=1):
        assert np.array_equal(found[number] > 0, rims.array == lesion.number)


def test_rims_on_a_finer_grid_than_the_t1_keep_their_place(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path, Plan(flair=False))
    coarse = phantom.result.rims
    assert coarse is not None
    affine = coarse.affine.copy()
    affine[:3, :3] = coarse.affine[:3, :3] / 2
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, 0.5)
    fine = Volume(np.kron(coarse.array, np.ones((2, 2, 2), np.int32)), affine, "1", coarse.frame_of_reference_uid)

    (one,) = encode_rims(phantom.material(folder=tmp_path))
    as_drawn = voxels(dcmread(one.path), phantom, on_t1=True)
    (two,) = encode_rims(phantom.with_result(rims=fine).material(folder=tmp_path))
    as_fine = voxels(dcmread(two.path), phantom, on_t1=True)

    assert all(np.array_equal(as_drawn[number], as_fine[number]) for number in as_drawn)


def test_without_rims_there_is_no_object(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    assert phantom.result.rims is not None
    empty = phantom.result.rims.like(np.zeros_like(phantom.result.rims.array))

    assert encode_rims(phantom.with_result(rims=None).material(folder=tmp_path)) == ()
    assert encode_rims(phantom.with_result(rims=empty).material(folder=tmp_path)) == ()


@pytest.mark.parametrize("form", FORMS)
def test_a_series_of_one_slice_can_be_drawn_on(tmp_path: Path, form: str) -> None:
    phantom = one_slice(rich_phantom(tmp_path), 7)
    shown = phantom.material().lesions.labels.array
    assert shown.any()

    seg = read(phantom, tmp_path, encode_lesions, form)

    assert int(seg.NumberOfFrames) == (1 if form == "LABELMAP" else len(seg.SegmentSequence))
    found = voxels(seg, phantom)
    alone, _ = lesion_segments(phantom.material())
    for number, lesion in enumerate(alone, start=1):
        assert found[number].any()
        assert form == "FRACTIONAL" or np.array_equal(found[number] > 0, shown == lesion.number)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product((1, -1), repeat=3)))
def test_a_mask_keeps_its_place_in_every_orientation(tmp_path: Path, axes: tuple[int, int, int], flips: tuple[int, int, int]) -> None:
    """All 48 orders and directions of axes, tilted: each voxel where its frame's own header puts it."""
    directions = rotation(6, 0) @ np.eye(3)[:, axes] * flips
    volume = grid((4, 5, 6), directions, (3.0, 1.5, 2.0), "1.2.9.1", centre=12.0)
    instances = tuple(Instance(f"1.2.5.{index + 1}", MR_CLASS, "", "") for index in range(4))
    series = MrSeries(volume, Role.T1, SeriesSource("1.2.3.1", "1.2.3.1.1", "MR", "T1", "", "", instances))
    positions = [volume.affine[:3, :3] @ [index, 0, 0] + volume.affine[:3, 3] for index in range(4)]
    sources = tuple(SliceSource(MR_CLASS, i.sop_instance_uid, None, _three(p)) for i, p in zip(instances, positions, strict=True))
    cosines = tuple(f"{x:.9f}" for x in (*directions[:, 2], *directions[:, 1]))
    phantom = rich_phantom(tmp_path)
    drawn = Drawn(series, Slices(phantom.material().slices.header, sources, cosines, ("1.5", "2"), "3", "3"))
    mask = np.random.default_rng(1).random((4, 5, 6)) < 0.3
    patch = patch_of(mask)
    assert patch is not None
    segment = Segment(
        "x", codes.TISSUE, codes.WHITE_MATTER, patch, Method("x", DicomCode("123104", "DCM", "Morphological Operations")), (1, 2, 3)
    )

    encoded = write_segments([segment], Kind.LESIONS, drawn, phantom.material(folder=tmp_path), text="RESEARCH x", label="X")

    (points,) = points_by_frames(encoded.path).values()
    expected = np.argwhere(mask) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    assert points[np.lexsort(points.T.round(3))] == pytest.approx(expected[np.lexsort(expected.T.round(3))], abs=0.01)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="seg_form is BINARY, FRACTIONAL or LABELMAP; found 'SPARSE'"):
        EncodeOptions(seg_form="SPARSE")  # type: ignore[arg-type]


@pytest.mark.peer("dciodvfy", "dcentvfy", "segimage2itkimage")
@pytest.mark.parametrize("enhanced", [False, True])
def test_judges_find_no_fault_with_any_segmentation(tmp_path: Path, enhanced: bool) -> None:
    phantom = rich_phantom(tmp_path, Plan(enhanced=enhanced))
    folder = tmp_path / "out"
    folder.mkdir()
    material = phantom.material(folder=folder)

    encoded = [e for make in (encode_lesions, encode_rims, encode_raised, encode_regions) for e in make(material)]

    assert complaints([e.path for e in encoded], sorted(tmp_path.glob("*.dcm"))) == []


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 19), st.integers(1, 5), st.integers(1, 7))))
def test_bits_are_packed_without_gaps_between_frames(frames: Array) -> None:
    packed = np.frombuffer(b"".join(_packed(list(frames.astype(np.uint8)))), np.uint8)

    bits = np.unpackbits(packed, bitorder="little")
    assert np.array_equal(bits[: frames.size].astype(bool), frames.ravel())
    assert not bits[frames.size :].any()


@given(arrays.arrays(np.bool_, (4, 3, 5)))
def test_a_patch_holds_every_voxel_of_its_mask(mask: Array) -> None:
    patch = patch_of(mask)

    if patch is None:
        assert not mask.any()
        return
    whole = np.zeros_like(mask)
    whole[patch.where] = patch.share
    assert np.array_equal(whole, mask)
    assert all(patch.share.any(axis=tuple(a for a in range(3) if a != axis))[[0, -1]].all() for axis in range(3))


@settings(max_examples=30)
@given(arrays.arrays(np.int32, (4, 4, 4), elements=st.integers(0, 3)))
def test_joined_patches_hold_what_each_held(labels: Array) -> None:
    parts = patches(labels)
    if not parts:
        return
    whole = np.zeros(labels.shape, bool)

    patch = joined(list(parts.values()))
    whole[patch.where] = patch.share

    assert np.array_equal(whole, labels > 0)
    assert set(parts) == set(np.unique(labels)) - {0}


def test_a_patch_says_which_slices_it_reaches() -> None:
    patch = Patch((2, 0, 0), np.ones((3, 1, 1), bool))

    assert [patch.on_slice(index) is not None for index in range(6)] == [False, False, True, True, True, False]


def test_every_phenotype_has_a_look() -> None:
    assert set(LOOKS) == set(Phenotype)
    assert all(len(look.code.value) <= 16 for look in LOOKS.values())


CONES = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""How linear RGB is seen without one kind of cone: Machado et al., IEEE Trans Vis Comput Graph 15:1291 (2009), severity 1."""


@pytest.mark.parametrize("eyes", ["all cones", *CONES])
def test_phenotypes_are_told_apart_by_colour_whatever_cones_one_has(eyes: str) -> None:
    seen = {kind: _seen(lesion_rgb(kind), eyes) for kind in (*Phenotype, None)}

    nearest = min((np.linalg.norm(seen[a] - seen[b]), a, b) for a, b in itertools.combinations(seen, 2) if a is not b)

    assert nearest[0] > 15, nearest  # CIELAB units; about 2 can just be told apart side by side


def _seen(rgb: tuple[int, int, int], eyes: str) -> Array:
    linear = (np.array(rgb) / 255) ** 2.2
    matrix = np.array(CONES[eyes]) if eyes in CONES else np.eye(3)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(matrix @ linear, 0, 1)
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _three(point: Array) -> tuple[str, str, str]:
    x, y, z = (f"{value:.9g}" for value in point)
    return x, y, z
