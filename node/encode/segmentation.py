"""DICOM SEG: the lesions, and the region of raised TSPO signal, on the grid of the MR series that is scrolled.

BINARY in Explicit VR Little Endian, since that is what every reader tried could show: OHIF refuses FRACTIONAL, older stores refuse
LABELMAP, and compressed forms fail in some. Frames without a voxel are left out; each frame cites its own source image.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.sr.coding import Code as DicomCode

from node.domain.codes import ABNORMAL_STRUCTURE, BRAIN, FUNCTION, LESION_OF_BRAIN, PRIVATE_SCHEME, RAISED_TSPO_SIGNAL, Code
from node.domain.result import Lesion, LesionOrigin
from node.domain.volume import Array
from node.encode.colour import LESION_RGB
from node.encode.headers import MANUFACTURER, MODEL, describe, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.slices import Slices, SliceSource

MOST_SEGMENTS = 60
"""Up to here a lesion is a segment of its own, with its tracking UID; the smallest beyond share the last one. Viewers were seen to
fail above 90 segments (OHIF, 2023 to 2025), and nobody reads a list of more than this."""

RAISED_COLOUR = (255, 176, 0)
FOUND = ("Lesion finder on FLAIR", DicomCode("123108", "DCM", "Multispectral Processing"))
IMPORTED = ("Projection of an imported SEG", DicomCode("123104", "DCM", "Morphological Operations"))
THRESHOLD = ("Threshold on TSPO PET", DicomCode("123105", "DCM", "Histogram Analysis"))
"""Name of the method, and its family of CID 7162."""

Method = tuple[str, DicomCode]


def encode_lesions(material: Material) -> tuple[Encoded, ...]:
    """The lesions, one segment each (see `MOST_SEGMENTS`); nothing where no lesion lies on the reading grid."""
    labels = material.lesions.labels.array
    lesions = [lesion for lesion in _by_number(material) if lesion.number not in material.lesions.outside]
    if not lesions:
        return ()
    alone = lesions if len(lesions) <= MOST_SEGMENTS else lesions[: MOST_SEGMENTS - 1]
    rest = lesions[len(alone) :]
    segments = np.zeros(labels.max() + 1, dtype=np.uint8)
    for number, lesion in enumerate(alone, start=1):
        segments[lesion.number] = number
    segments[[lesion.number for lesion in rest]] = len(alone) + 1
    how = _how_lesions(material)
    described = [_lesion_segment(number, lesion, how, material) for number, lesion in enumerate(alone, start=1)]
    if rest:
        described.append(_segment(len(alone) + 1, _rest_label(rest), ABNORMAL_STRUCTURE, LESION_OF_BRAIN, how, LESION_RGB, material))
    return (_encode(material, Kind.LESIONS, segments[labels], described, "RESEARCH Lesions of brain", "LESIONS"),)


def encode_raised(material: Material) -> tuple[Encoded, ...]:
    """The region of raised TSPO signal as one segment; nothing where there is none."""
    mask = material.raised.array
    if not mask.any():
        return ()
    segment = _segment(1, "Raised TSPO signal", FUNCTION, RAISED_TSPO_SIGNAL, THRESHOLD, RAISED_COLOUR, material)
    return (_encode(material, Kind.RAISED, mask.astype(np.uint8), [segment], "RESEARCH Raised TSPO signal", "RAISED_TSPO"),)


def _by_number(material: Material) -> list[Lesion]:
    return sorted(material.result.lesions, key=lambda lesion: lesion.number)


def _how_lesions(material: Material) -> Method:
    return IMPORTED if material.segmentation.lesion_origin is LesionOrigin.IMPORTED else FOUND


def _rest_label(rest: list[Lesion]) -> str:
    return f"Lesions {rest[0].number} to {rest[-1].number}"


def _lesion_segment(number: int, lesion: Lesion, how: Method, material: Material) -> hd.seg.SegmentDescription:
    label = f"Lesion {lesion.number}, {lesion.place}"
    return _segment(number, label, ABNORMAL_STRUCTURE, LESION_OF_BRAIN, how, LESION_RGB, material, lesion=lesion)


def _segment(
    number: int,
    label: str,
    category: Code,
    kind: Code,
    how: Method,
    rgb: tuple[int, int, int],
    material: Material,
    *,
    lesion: Lesion | None = None,
) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        number,
        label[:64],
        _dicom(category),
        _dicom(kind),
        hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        hd.AlgorithmIdentificationSequence(f"{MANUFACTURER}: {how[0]}", how[1], material.result.provenance.software),
        tracking_id=f"{material.result.provenance.exam} lesion {lesion.number}" if lesion else None,
        tracking_uid=lesion.tracking_uid if lesion else None,
        anatomic_regions=[_dicom(BRAIN)],
        display_color=hd.color.CIELabColor.from_rgb(*rgb),
    )


def _dicom(code: Code) -> DicomCode:
    return DicomCode(code.value, code.scheme, code.meaning)


def _encode(material: Material, kind: Kind, segments: Array, described: list[hd.seg.SegmentDescription], text: str, label: str) -> Encoded:
    """Write segments (S, R, C) uint8, numbers of `described`, on the reading grid."""
    slices, maker = material.slices, material.maker
    sources, order = _sources(slices, material)
    dataset = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=segments[order],
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=maker.uid(kind, "series"),
        series_number=1,
        sop_instance_uid=maker.uid(kind, "instance", 1),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=maker.provenance.software,
        device_serial_number=maker.options.device_serial_number,
        content_label=label,
        content_description=f"{text}, shown on {material.reading.contrast.value}",
    )
    where = material.reading.contrast.value
    describe(dataset, kind, slices.header, maker, cited=material.cited_for_grid(), description=f"{text} on {where}")
    _name_dimensions(dataset, maker.uid(kind, "dimensions"))
    dataset.CodingSchemeIdentificationSequence = [_own_scheme()]
    del dataset.ContributingEquipmentSequence  # highdicom's, with the time of day in it
    return write(dataset, kind, maker)


def _name_dimensions(dataset: Dataset, uid: str) -> None:
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = uid
    for item in dataset.DimensionIndexSequence:
        item.DimensionOrganizationUID = uid


def _own_scheme() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "Codes of the Ember TSPO node"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item


def _sources(slices: Slices, material: Material) -> tuple[list[Dataset], list[int]]:
    """The source images as highdicom wants them, and the slices in their order.

    Stand-ins with identity and geometry only: highdicom then neither stumbles over a patient's odd header nor over an enhanced
    object that keeps its Pixel Measures in each frame (Siemens XA).
    """
    if slices.sources[0].frame is None:
        return [_classic(slices, source, material) for source in slices.sources], list(range(len(slices.sources)))
    order = sorted(range(len(slices.sources)), key=lambda index: slices.sources[index].frame or 0)
    return [_enhanced(slices, [slices.sources[index] for index in order], material)], order


def _stand_in(source: SliceSource, material: Material) -> Dataset:
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = source.sop_class_uid, source.sop_instance_uid
    item.StudyInstanceUID, item.SeriesInstanceUID = material.reading.source.study_uid, material.reading.source.series_uid
    item.FrameOfReferenceUID = material.reading.volume.frame_of_reference_uid
    item.Modality = "MR"
    item.Rows, item.Columns = material.reading.volume.shape[1:]
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(item, keyword, "")
    return item


def _measure(item: Dataset, slices: Slices) -> None:
    item.PixelSpacing = list(slices.pixel_spacing)
    item.SliceThickness = slices.thickness
    item.SpacingBetweenSlices = slices.step


def _classic(slices: Slices, source: SliceSource, material: Material) -> Dataset:
    item = _stand_in(source, material)
    item.ImagePositionPatient = list(source.position_mm)
    item.ImageOrientationPatient = list(slices.orientation)
    _measure(item, slices)
    return item


def _enhanced(slices: Slices, sources: list[SliceSource], material: Material) -> Dataset:
    item = _stand_in(sources[0], material)
    item.NumberOfFrames = len(sources)
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    _measure(measures, slices)
    orientation.ImageOrientationPatient = list(slices.orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    item.SharedFunctionalGroupsSequence = [shared]
    item.PerFrameFunctionalGroupsSequence = [_frame(source) for source in sources]
    return item


def _frame(source: SliceSource) -> Dataset:
    position, frame = Dataset(), Dataset()
    position.ImagePositionPatient = list(source.position_mm)
    frame.PlanePositionSequence = [position]
    return frame
