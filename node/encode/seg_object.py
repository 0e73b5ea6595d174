"""One DICOM SEG object, a series of its own: segments on the images of one MR series, in the form that a site chose (PS3.3 A.51, A.90).

BINARY in Explicit VR Little Endian is the default, since that is what every reader tried could show: OHIF refuses FRACTIONAL, older stores
refuse LABELMAP, and compressed forms fail in some. Frames without a voxel are left out; each frame cites its own source image.

highdicom makes the object from stand-ins of one pixel, which say in which slices a segment lies, and the pixels are put in afterwards. We
chose that because three dozen segments of a whole head would be a gigabyte as the one array that it wants; instead of segments that
must not overlap. The stand-ins have identity and geometry only, so that it neither stumbles over a patient's odd header nor over an
enhanced object that keeps its Pixel Measures in each frame (Siemens XA).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.uid import UID, SegmentationStorage

from node.domain.exam import MrSeries, SeriesSource
from node.domain.volume import Array
from node.encode.headers import MANUFACTURER, MODEL, describe, instance_uid, own_scheme, write
from node.encode.material import Material
from node.encode.objects import Encoded, EncodeOptions, Kind
from node.encode.segments import Segment, overlap
from node.encode.slices import Slices, SliceSource

BINARY, FRACTIONAL, LABELMAP = "BINARY", "FRACTIONAL", "LABELMAP"
LABELMAP_CLASS = UID("1.2.840.10008.5.1.4.1.1.66.7")
"""Label Map Segmentation Storage, which pydicom 3.0 does not name."""

WHOLE = 255
"""What a voxel that is filled wholly holds in FRACTIONAL form (Maximum Fractional Value)."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a SEG is drawn on: an MR series, and its images slice for slice."""

    series: MrSeries
    slices: Slices


def write_segments(
    segments: Sequence[Segment], kind: Kind, drawn: Drawn, material: Material, *, text: str, label: str, series: int = 0
) -> Encoded:
    """Write segments, numbered from 1 in their order.

    Parameters
    ----------
    segments : at least one; none of them empty
    text : what they are, for a reader
    label : the same as a Content Label, capitals
    series : which series of its kind, from 0

    Raises
    ------
    ValueError : segments that overlap, as a label map
    """
    maker = material.maker
    form, overlapping = maker.options.seg_form, overlap(segments)
    if overlapping and form == LABELMAP:
        raise ValueError(f"a label map holds one segment a voxel; found segments of {kind.value} that overlap")
    sources, order = _sources(drawn)
    dataset = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=_presence(segments, drawn, form)[order],
        segmentation_type=form,
        fractional_type=hd.seg.SegmentationFractionalTypeValues.OCCUPANCY,
        max_fractional_value=WHOLE,
        segment_descriptions=[s.described(number, maker.provenance.software) for number, s in enumerate(segments, start=1)],
        series_instance_uid=maker.uid(kind, "series", series),
        series_number=1,
        sop_instance_uid=instance_uid(maker, kind, 1, series),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=maker.provenance.software,
        device_serial_number=maker.options.device_serial_number,
        content_label=label,
        content_description=f"{text}, shown on {drawn.series.contrast.value}",
    )
    _put_pixels(dataset, segments, drawn, form)
    dataset.SegmentsOverlap = "YES" if overlapping else "NO"
    description = f"{text} on {drawn.series.contrast.value}"
    describe(dataset, kind, drawn.slices.header, maker, cited=_cited(drawn, material), description=description, series=series)
    _name_dimensions(dataset, maker.uid(kind, "dimensions"))
    dataset.CodingSchemeIdentificationSequence = [own_scheme()]
    return write(dataset, kind, maker)


def _cited(drawn: Drawn, material: Material) -> tuple[SeriesSource, ...]:
    """The series drawn on, and what else it rests on in other studies: of several series of its study OHIF 3.13 takes any for the one."""
    own = drawn.series.source
    return (own, *(source for source in material.cited() if source.study_uid != own.study_uid))


def sop_class(options: EncodeOptions) -> UID:
    """The SOP class of the SEGs."""
    return LABELMAP_CLASS if options.seg_form == LABELMAP else SegmentationStorage


def _presence(segments: Sequence[Segment], drawn: Drawn, form: str) -> Array:
    """(S, 1, 1, N) uint8, whether a segment lies in a slice; for a label map (S, 1, 1) the number of one that does."""
    there = np.zeros((drawn.series.volume.shape[0], 1, 1, len(segments)), dtype=np.uint8)
    for number, segment in enumerate(segments):
        inside = segment.patch.where[0]
        there[inside, 0, 0, number] = (segment.patch.share > 0).any(axis=(1, 2))
    if form != LABELMAP:
        return there
    return np.asarray((there * np.arange(1, len(segments) + 1, dtype=np.uint8)).max(axis=-1))


def _put_pixels(dataset: Dataset, segments: Sequence[Segment], drawn: Drawn, form: str) -> None:
    """Draw each frame that the functional groups name."""
    _, dataset.Rows, dataset.Columns = drawn.series.volume.shape
    frames = (_frame(segments, number, index, drawn, form) for number, index in _named_frames(dataset, drawn, form))
    pixels = b"".join(_packed(frames) if form == BINARY else (frame.tobytes() for frame in frames))
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)


def _named_frames(dataset: Dataset, drawn: Drawn, form: str) -> Iterator[tuple[int, int]]:
    """(segment number, index of the slice) of each frame; segment 0 stands for all in a label map."""
    index = {(source.sop_instance_uid, source.frame): number for number, source in enumerate(drawn.slices.sources)}
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        where = index[source.ReferencedSOPInstanceUID, source.get("ReferencedFrameNumber")]
        named = groups if "SegmentIdentificationSequence" in groups else shared
        yield (0 if form == LABELMAP else int(named.SegmentIdentificationSequence[0].ReferencedSegmentNumber)), where


def _frame(segments: Sequence[Segment], number: int, index: int, drawn: Drawn, form: str) -> Array:
    """(R, C) uint8 of one frame: 0 and 1, shares of `WHOLE`, or segment numbers."""
    frame = np.zeros(drawn.series.volume.shape[1:], dtype=np.uint8)
    wanted = enumerate(segments, start=1) if number == 0 else ((1, segments[number - 1]),)
    for value, segment in wanted:
        share = segment.patch.on_slice(index)
        if share is not None:
            inside = frame[segment.patch.where[1:]]
            if form == FRACTIONAL:
                inside[...] = np.round(share * WHOLE)
            else:
                inside[share > 0] = value
    return frame


def _packed(frames: Iterable[Array]) -> Iterator[bytes]:
    """One bit a pixel, the first in the lowest bit, frames joined without gaps (PS3.5 8.1.1): eight frames are whole bytes."""
    held: list[Array] = []
    for frame in frames:
        held.append(frame)
        if len(held) == 8:
            yield np.packbits(np.stack(held), bitorder="little").tobytes()
            held = []
    if held:
        yield np.packbits(np.stack(held), bitorder="little").tobytes()


def _name_dimensions(dataset: Dataset, uid: str) -> None:
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = uid
    for item in dataset.DimensionIndexSequence:
        item.DimensionOrganizationUID = uid


def _sources(drawn: Drawn) -> tuple[list[Dataset], list[int]]:
    """The stand-ins of the source images as highdicom wants them, and the slices in their order."""
    slices = drawn.slices
    if slices.sources[0].frame is None:
        return [_classic(drawn, source) for source in slices.sources], list(range(len(slices.sources)))
    order = sorted(range(len(slices.sources)), key=lambda index: slices.sources[index].frame or 0)
    return [_enhanced(drawn, [slices.sources[index] for index in order])], order


def _stand_in(drawn: Drawn, source: SliceSource) -> Dataset:
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = source.sop_class_uid, source.sop_instance_uid
    item.StudyInstanceUID, item.SeriesInstanceUID = drawn.series.source.study_uid, drawn.series.source.series_uid
    item.FrameOfReferenceUID = drawn.series.volume.frame_of_reference_uid
    item.Modality = "MR"
    item.Rows, item.Columns = 1, 1
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(item, keyword, "")
    return item


def _measure(item: Dataset, slices: Slices) -> None:
    item.PixelSpacing = list(slices.pixel_spacing)
    item.SliceThickness = slices.thickness
    item.SpacingBetweenSlices = slices.step


def _classic(drawn: Drawn, source: SliceSource) -> Dataset:
    item = _stand_in(drawn, source)
    item.ImagePositionPatient = list(source.position_mm)
    item.ImageOrientationPatient = list(drawn.slices.orientation)
    _measure(item, drawn.slices)
    return item


def _enhanced(drawn: Drawn, sources: list[SliceSource]) -> Dataset:
    item = _stand_in(drawn, sources[0])
    item.NumberOfFrames = len(sources)
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    _measure(measures, drawn.slices)
    orientation.ImageOrientationPatient = list(drawn.slices.orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    item.SharedFunctionalGroupsSequence = [shared]
    item.PerFrameFunctionalGroupsSequence = [_group(source) for source in sources]
    return item


def _group(source: SliceSource) -> Dataset:
    position, frame = Dataset(), Dataset()
    position.ImagePositionPatient = list(source.position_mm)
    frame.PlanePositionSequence = [position]
    return frame
