"""encode_lesions and encode_raised: SEG objects whose every frame lies on the image that it cites."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Phantom, Plan, make_phantom
from pydicom import Dataset, dcmread

from node.domain.result import LesionOrigin
from node.encode import EncodeOptions, Kind
from node.encode.segmentation import MOST_SEGMENTS, encode_lesions, encode_raised


def lesions_object(phantom: Phantom, folder: Path, options: EncodeOptions | None = None) -> Dataset:
    (encoded,) = encode_lesions(phantom.material(options, folder))
    assert encoded.kind is Kind.LESIONS
    return dcmread(encoded.path)


def volume_of(seg: Dataset, phantom: Phantom, number: int) -> np.ndarray:
    """(S, R, C) bool of one segment, each frame put where the image that it cites lies."""
    reading = phantom.exam.flair or phantom.exam.t1
    order = {instance.sop_instance_uid: index for index, instance in enumerate(reading.source.instances)}
    out = np.zeros(reading.volume.shape, bool)
    shared = seg.SharedFunctionalGroupsSequence[0]
    for frame, groups in zip(seg.pixel_array.reshape(-1, *out.shape[1:]), seg.PerFrameFunctionalGroupsSequence, strict=True):
        identified = groups if "SegmentIdentificationSequence" in groups else shared
        if identified.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            source = groups.DerivationImageSequence[0].SourceImageSequence[0]
            cited = source.ReferencedSOPInstanceUID
            out[out.shape[0] - source.ReferencedFrameNumber if "ReferencedFrameNumber" in source else order[cited]] = frame
    return out


@pytest.mark.parametrize("enhanced", [False, True])
def test_each_segment_holds_its_lesion_voxel_for_voxel(tmp_path: Path, enhanced: bool) -> None:
    phantom = make_phantom(tmp_path, Plan(enhanced=enhanced))
    expected = phantom.material().lesions.labels.array

    seg = lesions_object(phantom, tmp_path)

    assert seg.SegmentSequence[0].SegmentLabel == "Lesion 1, deep white matter"
    for item in seg.SegmentSequence:
        assert np.array_equal(volume_of(seg, phantom, item.SegmentNumber), expected == item.SegmentNumber)


@pytest.mark.parametrize("enhanced", [False, True])
def test_each_frame_lies_exactly_on_the_image_that_it_cites(tmp_path: Path, enhanced: bool) -> None:
    phantom = make_phantom(tmp_path, Plan(enhanced=enhanced))

    seg = lesions_object(phantom, tmp_path)

    for groups in seg.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        image = dcmread(tmp_path / f"{source.ReferencedSOPInstanceUID}.dcm")
        if enhanced:
            image = image.PerFrameFunctionalGroupsSequence[source.ReferencedFrameNumber - 1].PlanePositionSequence[0]
        assert list(groups.PlanePositionSequence[0].ImagePositionPatient) == list(image.ImagePositionPatient)
        assert source.SpatialLocationsPreserved == "YES"
    assert seg.FrameOfReferenceUID == "1.2.9.1"


def test_a_lesion_carries_its_tracking_uid(tmp_path: Path) -> None:
    seg = lesions_object(make_phantom(tmp_path), tmp_path)

    assert [item.TrackingUID for item in seg.SegmentSequence] == [f"1.2.7.{number}" for number in (1, 2, 3, 4)]
    assert {item.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for item in seg.SegmentSequence} == {"Lesion of brain"}


def test_beyond_sixty_the_smallest_lesions_share_the_last_segment(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=75))
    shown = phantom.material().lesions.labels.array

    seg = lesions_object(phantom, tmp_path)

    last = seg.SegmentSequence[-1]
    assert len(seg.SegmentSequence) == MOST_SEGMENTS
    assert last.SegmentLabel == "16 smaller lesions, of numbers 60 to 75"
    assert "TrackingUID" not in last
    assert np.array_equal(volume_of(seg, phantom, MOST_SEGMENTS), shown >= MOST_SEGMENTS)


def test_a_large_lesion_has_a_segment_of_its_own_whatever_its_number(tmp_path: Path) -> None:
    """A number is kept from an earlier exam, and says nothing of the size now."""
    phantom = make_phantom(tmp_path, Plan(lesions=MOST_SEGMENTS + 3))
    last = MOST_SEGMENTS + 3
    lesions = tuple(replace(lesion, volume_ml=9.0) if lesion.number == last else lesion for lesion in phantom.result.lesions)
    shown = phantom.material().lesions.labels.array

    seg = lesions_object(phantom.with_result(lesions=lesions), tmp_path)

    assert seg.SegmentSequence[-2].SegmentLabel.startswith(f"Lesion {last},")
    assert seg.SegmentSequence[-1].SegmentLabel == "4 smaller lesions, of numbers 59 to 62"
    assert np.array_equal(volume_of(seg, phantom, MOST_SEGMENTS - 1), shown == last)


def test_no_lesion_gives_no_object(tmp_path: Path) -> None:
    assert encode_lesions(make_phantom(tmp_path, Plan(lesions=0)).material(folder=tmp_path)) == ()


def test_no_raised_signal_gives_no_object(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    none = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))

    assert encode_raised(phantom.with_result(raised=none).material(folder=tmp_path)) == ()


def test_raised_signal_lies_where_the_pet_has_it(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)

    (encoded,) = encode_raised(phantom.material(folder=tmp_path))
    seg = dcmread(encoded.path)

    mask = volume_of(seg, phantom, 1)
    flair = phantom.exam.flair
    assert flair is not None
    assert phantom.alignment.t1_from_flair is not None
    points = np.argwhere(mask) @ flair.volume.affine[:3, :3].T + flair.volume.affine[:3, 3]
    assert phantom.alignment.t1_from_flair.apply(points).mean(0) == pytest.approx((20, 20, 20), abs=2)
    assert mask.sum() * flair.volume.voxel_ml == pytest.approx(phantom.result.raised.array.sum() * phantom.result.raised.voxel_ml, rel=0.15)


def test_without_a_flair_the_t1_is_read(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(flair=False))
    phantom = replace(phantom, segmentation=replace(phantom.segmentation, lesion_origin=LesionOrigin.IMPORTED))

    seg = lesions_object(phantom, tmp_path)

    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == phantom.exam.t1.source.series_uid
    for number in (1, 2, 3, 4):
        assert np.array_equal(volume_of(seg, phantom, number), phantom.segmentation.lesions.array == number)


def test_a_site_may_read_on_the_t1(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)

    seg = lesions_object(phantom, tmp_path, EncodeOptions(reading="T1"))

    assert seg.SeriesDescription == "RESEARCH Lesions of brain on T1"
    assert (seg.Rows, seg.Columns) == phantom.exam.t1.volume.shape[1:]


def test_lesions_that_are_drawn_but_not_listed_are_our_fault(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)

    with pytest.raises(ValueError, match=r"differ: \[4\]"):
        phantom.with_result(lesions=phantom.result.lesions[:3]).material()
