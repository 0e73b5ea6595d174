"""Regions overlap, and their segments in no object: which region is drawn in which SEG, and who finds it there."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Phantom, Plan, _make
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code as DicomCode
from report_reading import EVERYTHING, group_of, items, report
from rich_phantom import rich_phantom, voxels

from benchmarks.conformance import segments_by_dcmqi
from node.domain import codes
from node.domain.result import Region, Result
from node.domain.volume import Array
from node.encode import EncodeOptions, Kind
from node.encode.region_layers import DrawnRegion, placed_regions
from node.encode.region_segments import drawn_regions, encode_regions
from node.encode.seg_object import Drawn, write_segments
from node.encode.segments import Method, Patch, Segment

FORMS = ("BINARY", "FRACTIONAL", "LABELMAP")
LAYERS = [["Thalamus, left", "Thalamus, right", "Cerebellar grey matter"], ["Normal-appearing WM"]]
"""Of the rich phantom, whose white matter meets all others."""


def read(phantom: Phantom, folder: Path, form: str = "BINARY") -> list[Dataset]:
    return [dcmread(e.path) for e in encode_regions(phantom.material(EncodeOptions(seg_form=form), folder))]  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_regions_are_drawn_on_the_t1_by_side_in_every_form(tmp_path: Path, form: str) -> None:
    phantom = rich_phantom(tmp_path)
    masks = {region.name: region.mask.array for region in phantom.segmentation.regions}

    segs = read(phantom, tmp_path, form)

    assert [[item.SegmentLabel for item in seg.SegmentSequence if item.SegmentNumber] for seg in segs] == LAYERS
    assert [(seg.SegmentationType, seg.SegmentsOverlap) for seg in segs] == [(form, "NO")] * 2
    found: dict[str, Array] = {}
    for seg in segs:
        assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == phantom.exam.t1.source.series_uid
        shares = voxels(seg, phantom, on_t1=True)
        found |= {item.TrackingID.split()[1]: shares[item.SegmentNumber] > 0 for item in seg.SegmentSequence if item.SegmentNumber}
    assert set(found) == {"thalamus_left", "thalamus_right", "nawm", "cerebellar_gm"}
    assert all(np.array_equal(drawn, masks[name]) for name, drawn in found.items())


def test_regions_are_coded_with_their_side(tmp_path: Path) -> None:
    items_ = [item for seg in read(rich_phantom(tmp_path), tmp_path) for item in seg.SegmentSequence]

    kinds = [item.SegmentedPropertyTypeCodeSequence[0] for item in items_]
    sides = [[code.CodeValue for code in kind.get("SegmentedPropertyTypeModifierCodeSequence", [])] for kind in kinds]
    assert [kind.CodeValue for kind in kinds] == ["42695009", "42695009", "25991003", "NAWM"]
    assert sides == [["7771000"], ["24028007"], [], []]


def test_each_layer_is_a_series_since_viewers_show_one_segmentation_of_a_series(tmp_path: Path) -> None:
    segs = read(rich_phantom(tmp_path), tmp_path)

    assert [int(seg.SeriesNumber) for seg in segs] == [9801, 9802]
    assert [seg.SeriesDescription for seg in segs] == [f"RESEARCH Regions measured, layer {n} on T1" for n in (1, 2)]
    for keyword in ("SeriesInstanceUID", "SOPInstanceUID"):
        assert len({str(seg[keyword].value) for seg in segs}) == 2


@pytest.mark.parametrize("form", FORMS)
def test_a_report_cites_each_region_in_the_object_and_segment_that_draws_it(tmp_path: Path, form: str) -> None:
    phantom, options = rich_phantom(tmp_path), replace(EVERYTHING, seg_form=form)
    segs = {e.sop_instance_uid: dcmread(e.path) for e in encode_regions(phantom.material(options, tmp_path))}

    sr = report(phantom, tmp_path, options)

    named = {str(i.ReferencedSOPInstanceUID) for i in evidence_of(sr)}
    assert named >= set(segs)
    for name in ("thalamus_left", "thalamus_right", "nawm", "cerebellar_gm"):
        group = group_of(sr, f"E-000001 {name}")
        (cited,) = items(group, meaning="Referenced Segment")
        reference = cited.ReferencedSOPSequence[0]
        seg = segs[reference.ReferencedSOPInstanceUID]
        (segment,) = (item for item in seg.SegmentSequence if item.SegmentNumber == reference.ReferencedSegmentNumber)
        assert reference.ReferencedSOPClassUID == seg.SOPClassUID
        assert segment.TrackingUID == next(items(group, meaning="Tracking Unique Identifier")).UID
        assert segment.TrackingID == f"E-000001 {name}"


def evidence_of(sr: Dataset) -> list[Dataset]:
    studies = (*sr.CurrentRequestedProcedureEvidenceSequence, *sr.get("PertinentOtherEvidenceSequence", ()))
    return [item for study in studies for series in study.ReferencedSeriesSequence for item in series.ReferencedSOPSequence]


def test_without_a_measured_region_there_is_no_object(tmp_path: Path) -> None:
    assert encode_regions(rich_phantom(tmp_path).with_result(findings=()).material(folder=tmp_path)) == ()


def test_a_label_map_of_segments_that_overlap_is_refused(tmp_path: Path) -> None:
    material = rich_phantom(tmp_path).material(EncodeOptions(seg_form="LABELMAP"), tmp_path)
    how = Method("x", DicomCode("123104", "DCM", "Morphological Operations"))
    patch = Patch((0, 0, 0), np.ones((2, 2, 2), bool))
    same = [Segment("x", codes.TISSUE, codes.WHITE_MATTER, patch, how, (1, 2, 3)) for _ in range(2)]

    with pytest.raises(ValueError, match="found segments of lesions that overlap"):
        write_segments(same, Kind.LESIONS, Drawn(material.reading, material.slices), material, text="RESEARCH x", label="X")


@pytest.mark.peer("segimage2itkimage")
def test_dcmqi_reads_regions_voxel_for_voxel(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    material = phantom.material(folder=tmp_path)

    written = encode_regions(material)

    for layer, drawn in itertools.groupby(drawn_regions(material), key=lambda one: one.layer):
        held = list(drawn)
        read_back = segments_by_dcmqi(written[layer].path, len(held))
        for one in held:
            mask, grid = read_back[one.segment], one.region.mask
            theirs = np.argwhere(mask.array) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
            ours = np.argwhere(grid.array) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
            assert np.sort(theirs, axis=0) == pytest.approx(np.sort(ours, axis=0), abs=0.01)


NAMES = ("a_left", "a_right", "b_left", "b_right", "c", "d", "e")
SIDES = {"left": codes.LEFT, "right": codes.RIGHT}


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.bool_, (len(NAMES), 20, 24, 22), elements=st.booleans(), fill=st.just(value=False)))
def test_every_region_is_drawn_once_and_no_two_meet_in_a_layer(masks: Array) -> None:
    drawn = place(dict(zip(NAMES, masks, strict=True)))

    assert sorted(one.region.name for one in drawn) == [name for name, mask in zip(NAMES, masks, strict=True) if mask.any()]
    for _, layer in itertools.groupby(drawn, key=lambda one: one.layer):
        held = list(layer)
        assert [one.segment for one in held] == list(range(1, len(held) + 1))
        assert np.sum([one.region.mask.array for one in held], axis=0).max() == 1


def test_both_sides_go_where_neither_meets_anything_and_each_alone_where_they_meet() -> None:
    def line(*where: int) -> Array:
        mask = np.zeros((20, 24, 22), bool)
        mask[0, 0, list(where)] = True
        return mask

    together = place({"c": line(0, 1), "a_left": line(1), "a_right": line(5), "d": line(3)})
    meeting = place({"a_left": line(1, 2), "a_right": line(2, 3)})

    assert [(one.region.name, one.layer, one.segment) for one in together] == [
        ("c", 0, 1),
        ("d", 0, 2),
        ("a_left", 1, 1),
        ("a_right", 1, 2),
    ]
    assert [(one.region.name, one.layer) for one in meeting] == [("a_left", 0), ("a_right", 1)]


def place(masks: dict[str, Array]) -> tuple[DrawnRegion, ...]:
    """The layers of regions with these masks (20, 24, 22), all of them measured."""
    phantom = _make(Plan())[0]
    t1 = phantom.exam.t1.volume
    regions = tuple(Region(n, codes.THALAMUS, t1.like(mask), SIDES.get(n.rpartition("_")[2])) for n, mask in masks.items())
    return placed_regions(replace(phantom.segmentation, regions=regions), measured(phantom.result, masks))


def measured(result: Result, names: dict[str, Array]) -> Result:
    first = next(finding for finding in result.findings if finding.quantity.value == "SUVR")
    return replace(result, findings=tuple(replace(first, region=name) for name in names))
