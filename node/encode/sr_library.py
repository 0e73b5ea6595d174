"""The image library of the structured report: what it rests on, series by series (PS3.16 TID 1600).

A group for each series that was read, and one for each map that was made of them and is written. A series is named by its first image.
Of all is said what they are and how they lie (TID 1602, 1604), of the PET also what was injected, how much and when (TID 1607), as used:
a person may have corrected what the header says.
"""

from __future__ import annotations

from collections.abc import Iterator

from highdicom import sr

from node.domain import codes
from node.domain.codes import PRIVATE_SCHEME, Code
from node.domain.exam import SeriesSource
from node.domain.result import Tracer
from node.domain.volume import Volume
from node.encode.material import Material
from node.encode.objects import Kind
from node.encode.quantities import dicom, measure, plain
from node.encode.sr_codes import (
    BECQUEREL,
    MAP_METHOD,
    MAP_QUANTITY,
    MILLIMETRE,
    PIXELS,
    RADIOPHARMACEUTICAL,
    SERIES_ROLE,
    SOURCE,
    SOURCE_OF_MEASUREMENT,
)
from node.encode.sr_evidence import CitedMap, cited_maps, map_uid

CONTAINS = sr.RelationshipTypeValues.CONTAINS
CONTEXT = sr.RelationshipTypeValues.HAS_ACQ_CONTEXT

_LIBRARY = dicom(Code("111028", "DCM", "Image Library"))
_GROUP = dicom(Code("126200", "DCM", "Image Library Group"))
_MODALITY = dicom(Code("121139", "DCM", "Modality"))
_TARGET = dicom(Code("123014", "DCM", "Target Region"))
_DATE = dicom(Code("126201", "DCM", "Acquisition Date"))
_TIME = dicom(Code("126202", "DCM", "Acquisition Time"))
_FRAME_OF_REFERENCE = dicom(Code("112227", "DCM", "Frame of Reference UID"))
_GEOMETRY = (
    Code("110910", "DCM", "Pixel Data Rows"),
    Code("110911", "DCM", "Pixel Data Columns"),
    Code("111026", "DCM", "Horizontal Pixel Spacing"),
    Code("111066", "DCM", "Vertical Pixel Spacing"),
    Code("112226", "DCM", "Spacing between slices"),
)
_RADIONUCLIDE = dicom(Code("89457008", "SCT", "Radionuclide"))
_DOSE = dicom(Code("123006", "DCM", "Radionuclide Total Dose"))
_INJECTED = dicom(Code("123003", "DCM", "Radiopharmaceutical Start DateTime"))
_MODALITIES = {
    "PT": Code("PT", "DCM", "Positron emission tomography"),
    "MR": Code("MR", "DCM", "Magnetic Resonance"),
    "SEG": Code("SEG", "DCM", "Segmentation"),
}
_NUCLIDES = {"F-18": Code("77004003", "SCT", "^18^Fluorine"), "C-11": Code("40565003", "SCT", "^11^Carbon")}


def image_library(material: Material) -> sr.ContainerContentItem:
    """A group for each series read, then one for each map written."""
    library = container(_LIBRARY)
    for source in material.cited():
        library.ContentSequence.append(_read(source, material))
    for one in cited_maps(material):
        library.ContentSequence.append(_made(one, material))
    return library


def container(name: object) -> sr.ContainerContentItem:
    """An empty container whose items stand apart."""
    item = sr.ContainerContentItem(name, is_content_continuous=False, relationship_type=CONTAINS)
    item.ContentSequence = sr.ContentSequence()
    return item


def tracer_code(tracer: Tracer) -> Code:
    """The tracer as coded; in our own scheme where the standard has no code."""
    return tracer.code or Code(tracer.key.upper()[:16], PRIVATE_SCHEME, plain(tracer.name))


def _read(source: SeriesSource, material: Material) -> sr.ContainerContentItem:
    role, volume = _roles(material)[source.series_uid]
    group = container(_GROUP)
    content = group.ContentSequence
    content.extend((_code(_MODALITY, _MODALITIES[source.modality]), _code(_TARGET, codes.BRAIN), _code(dicom(SERIES_ROLE), role)))
    if volume.frame_of_reference_uid:
        content.append(sr.UIDRefContentItem(_FRAME_OF_REFERENCE, volume.frame_of_reference_uid, CONTEXT))
    if source.acquired_at is not None:
        content.append(sr.DateContentItem(_DATE, source.acquired_at.date(), CONTEXT))
        content.append(sr.TimeContentItem(_TIME, source.acquired_at.time(), CONTEXT))
    content.extend(_geometry(volume))
    content.extend(_injection(material) if source.series_uid == material.exam.pet.source.series_uid else ())
    for image in source.instances:
        content.append(sr.ImageContentItem(dicom(SOURCE), image.sop_class_uid, image.sop_instance_uid, relationship_type=CONTAINS))
    return group


def _made(one: CitedMap, material: Material) -> sr.ContainerContentItem:
    group = container(_GROUP)
    on_pet = one.kind is Kind.PARAMETRIC_MAPS
    volume = material.exam.pet.volume if on_pet else material.reading.volume
    content = group.ContentSequence
    content.extend((_code(_MODALITY, _MODALITIES["PT"]), _code(_TARGET, codes.BRAIN)))
    content.append(_code(dicom(MAP_QUANTITY), measure(one.made.quantity).concept))
    content.append(sr.TextContentItem(dicom(MAP_METHOD), plain(one.made.method), CONTEXT))
    content.append(sr.UIDRefContentItem(_FRAME_OF_REFERENCE, volume.frame_of_reference_uid, CONTEXT))
    content.extend(_geometry(volume))
    content.append(sr.ImageContentItem(dicom(SOURCE_OF_MEASUREMENT), *map_uid(one, material), relationship_type=CONTAINS))
    return group


def _roles(material: Material) -> dict[str, tuple[Code, Volume]]:
    """Series → what it is to the exam, and its grid."""
    exam = material.exam
    held = [("PET", exam.pet.source, exam.pet.volume), ("T1", exam.t1.source, exam.t1.volume)]
    held += [("FLAIR", exam.flair.source, exam.flair.volume)] if exam.flair else []
    held += [("LESION-SEG", exam.lesions.source, exam.lesions.labels)] if exam.lesions else []
    return {source.series_uid: (Code(name, PRIVATE_SCHEME, name), volume) for name, source, volume in held}


def _geometry(volume: Volume) -> Iterator[sr.NumContentItem]:
    rows, columns = volume.shape[-2:]
    between, vertical, horizontal = (float(mm) for mm in volume.spacing_mm)
    for name, value in zip(_GEOMETRY, (rows, columns, horizontal, vertical, between), strict=True):
        unit = PIXELS if isinstance(value, int) else MILLIMETRE
        yield sr.NumContentItem(dicom(name), round(value, 6), dicom(unit), relationship_type=CONTEXT)


def _injection(material: Material) -> Iterator[sr.ContentItem]:
    given = material.exam.pet.administration
    yield _code(dicom(RADIOPHARMACEUTICAL), tracer_code(material.result.tracer))
    if given.radionuclide in _NUCLIDES:
        yield _code(_RADIONUCLIDE, _NUCLIDES[given.radionuclide])
    if given.injected_at is not None:
        yield sr.DateTimeContentItem(_INJECTED, given.injected_at, CONTEXT)
    if given.activity_bq is not None:
        yield sr.NumContentItem(_DOSE, given.activity_bq, dicom(BECQUEREL), relationship_type=CONTEXT)


def _code(name: object, value: Code) -> sr.CodeContentItem:
    return sr.CodeContentItem(name, dicom(value), CONTEXT)
