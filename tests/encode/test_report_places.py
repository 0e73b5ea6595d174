"""What a report measured, and where: segments that it cites, and points that viewers draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encode_phantom import AXIAL, Plan, grid, make_phantom
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from report_reading import EVERYTHING, group_of, groups, items, numbers, report
from rich_phantom import rich_phantom, voxels

from node.encode.segmentation import encode_lesions
from node.encode.segments import MOST_SEGMENTS, Patch
from node.encode.sr_points import representative_point


def test_a_region_is_named_by_code_and_side(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    (site,) = items(group_of(sr, "E-000001 thalamus_left"), meaning="Finding Site")

    (side,) = items(site)
    assert site.ConceptCodeSequence[0].CodeValue == "42695009"
    assert (side.ConceptNameCodeSequence[0].CodeMeaning, side.ConceptCodeSequence[0].CodeValue) == ("Laterality", "7771000")


def test_the_reference_region_is_said_to_be_one(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    named = [(next(items(g, meaning="Tracking Identifier")).TextValue, list(items(g, meaning="Role of a region"))) for g in groups(sr)]
    roles = {name: [item.ConceptCodeSequence[0].CodeValue for item in found] for name, found in named if found}
    assert roles == {"E-000001 cerebellar_gm": ["REFERENCE"]}


def test_each_lesion_cites_its_own_segment_by_the_same_tracking_uid(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    (lesions,) = encode_lesions(phantom.material(EVERYTHING, tmp_path))
    seg = dcmread(lesions.path)

    sr = report(phantom, tmp_path)

    by_number = {item.SegmentNumber: item for item in seg.SegmentSequence}
    for lesion in phantom.result.lesions:
        group = group_of(sr, f"E-000001 lesion {lesion.number}", kind="NUM")
        (cited,) = items(group, meaning="Referenced Segment")
        reference = cited.ReferencedSOPSequence[0]
        segment = by_number[reference.ReferencedSegmentNumber]
        assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert reference.ReferencedSOPClassUID == seg.SOPClassUID
        assert segment.TrackingUID == next(items(group, meaning="Tracking Unique Identifier")).UID == lesion.tracking_uid
        assert segment.TrackingID == f"E-000001 lesion {lesion.number}"


def test_the_point_of_a_lesion_lies_in_its_segment_on_a_slice(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    flair = phantom.exam.flair
    assert flair is not None
    (lesions,) = encode_lesions(phantom.material(EVERYTHING, tmp_path))
    drawn = voxels(dcmread(lesions.path), phantom)

    sr = report(phantom, tmp_path)

    for number, lesion in enumerate(phantom.result.lesions, start=1):
        group = group_of(sr, f"E-000001 lesion {lesion.number}", kind="SCOORD3D")
        (point,) = items(group, kind="SCOORD3D")
        assert (point.GraphicType, point.ReferencedFrameOfReferenceUID) == ("POINT", flair.volume.frame_of_reference_uid)
        assert lesion.tracking_uid == next(items(group, meaning="Tracking Unique Identifier")).UID
        index = flair.volume.index_from_lps @ [*point.GraphicData, 1.0]
        assert index == pytest.approx(np.round(index), abs=1e-4)
        assert drawn[number][tuple(np.round(index[:3]).astype(int))]
        assert not numbers(group)


@pytest.mark.parametrize("plan", [Plan(), Plan(lesions=0), Plan(flair=False, lesions=0)])
def test_every_group_with_numbers_has_a_group_with_a_point_in_it(tmp_path: Path, plan: Plan) -> None:
    """A viewer was seen to draw nothing at all where one group had none."""
    phantom = rich_phantom(tmp_path, plan)
    none = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))
    material = phantom.material()
    grid_, regions = material.reading.volume, {region.name: region.mask for region in phantom.segmentation.regions}

    sr = report(phantom.with_result(raised=none) if not plan.lesions else phantom, tmp_path)

    tracked = [(next(items(g, meaning="Tracking Unique Identifier")).UID, g) for g in groups(sr)]
    by_kind = {kind: [uid for uid, g in tracked if any(items(g, kind=kind))] for kind in ("NUM", "SCOORD3D")}
    assert by_kind["NUM"] == by_kind["SCOORD3D"]
    for group in groups(sr):
        name = next(items(group, meaning="Tracking Identifier")).TextValue.removeprefix("E-000001 ")
        for point in items(group, kind="SCOORD3D"):
            index = grid_.index_from_lps @ [*point.GraphicData, 1.0]
            assert index == pytest.approx(np.round(index), abs=1e-4)
            if name in regions:
                there = regions[name].index_from_lps @ [*material.t1_from_reading.apply(np.array(point.GraphicData)), 1.0]
                near = np.argwhere(regions[name].array)
                assert np.abs(near - there[:3]).max(axis=1).min() < 1.5  # half a voxel of each grid


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20, unique=True))
def test_the_point_of_a_lesion_is_one_of_its_voxels_and_none_lies_nearer_to_the_centroid(places: list[tuple[int, int, int]]) -> None:
    volume = grid((10, 10, 10), AXIAL, (3, 1, 2), "1.2.9.1")
    share = np.zeros((6, 6, 6), bool)
    share[tuple(np.array(places).T)] = True

    point = np.array(representative_point(Patch((3, 2, 1), share), volume))

    points = np.add(places, (3, 2, 1)) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
    assert np.linalg.norm(points - point, axis=1).min() == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(point - points.mean(axis=0)) == pytest.approx(distance.min())


def test_lesions_that_share_a_segment_cite_none_and_keep_their_numbers(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=MOST_SEGMENTS + 2))

    sr = report(phantom, tmp_path)

    last = group_of(sr, f"E-000001 lesion {MOST_SEGMENTS}", kind="NUM")
    assert not list(items(last, meaning="Referenced Segment"))
    assert ("99EMBER", "SUVR-RIM") in numbers(last)
    assert group_of(sr, f"E-000001 lesion {MOST_SEGMENTS}", kind="SCOORD3D")
    assert list(items(group_of(sr, f"E-000001 lesion {MOST_SEGMENTS - 1}", kind="NUM"), meaning="Referenced Segment"))


def test_each_point_says_what_it_is(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    said = {
        name: next(items(group_of(sr, f"E-000001 {name}", kind="SCOORD3D"), meaning="Comment")).TextValue
        for name in ("lesion 1", "lesion 2", "thalamus_left", "reference", "lesions")
    }
    assert said == {
        "lesion 1": "Lesion 1, deep white matter, rim-active: SUVR core 1.40, rim 1.20",
        "lesion 2": "Lesion 2, deep white matter, overall-active: SUVR rim 1.20",
        "thalamus_left": "Thalamus, left: SUVR 1.29",
        "reference": "Reference: k2' 0.07 /min",
        "lesions": "Lesions: Count 4.00",
    }
