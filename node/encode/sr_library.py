"""The image library of the structured report (PS3.16 TID 1600), and the evidence that its header must list (PS3.3 C.17.2.3)."""

from __future__ import annotations

from highdicom import sr
from pydicom import Dataset

from node.domain import codes
from node.domain.codes import Code
from node.domain.exam import SeriesSource
from node.encode.material import Material
from node.encode.quantities import dicom
from node.encode.seg_object import sop_class
from node.encode.sr_codes import SOURCE
from node.encode.sr_groups import cited_kinds

CONTAINS = sr.RelationshipTypeValues.CONTAINS
CONTEXT = sr.RelationshipTypeValues.HAS_ACQ_CONTEXT

_LIBRARY = dicom(Code("111028", "DCM", "Image Library"))
_GROUP = dicom(Code("126200", "DCM", "Image Library Group"))
_MODALITY = dicom(Code("121139", "DCM", "Modality"))
_TARGET = dicom(Code("123014", "DCM", "Target Region"))
_FRAME_OF_REFERENCE = dicom(Code("112227", "DCM", "Frame of Reference UID"))
_MODALITIES = {
    "PT": Code("PT", "DCM", "Positron emission tomography"),
    "MR": Code("MR", "DCM", "Magnetic Resonance"),
    "SEG": Code("SEG", "DCM", "Segmentation"),
}


def image_library(material: Material) -> sr.ContainerContentItem:
    """A group for each series, which its first image stands for."""
    library = container(_LIBRARY)
    for source in material.cited():
        library.ContentSequence.append(_group(source, material))
    return library


def evidence(material: Material) -> list[Dataset]:
    """Identities of what the report rests on, every image of the reading series; the PET first: highdicom takes the study from it."""
    pet = material.exam.pet.source
    sources = sorted(material.cited_for_grid(), key=lambda source: source.series_uid != pet.series_uid)
    named = [_identity(s.study_uid, s.series_uid, i.sop_instance_uid, i.sop_class_uid) for s in sources for i in s.instances]
    return [*named, *_segmentations(material)]


def container(name: object) -> sr.ContainerContentItem:
    """An empty container whose items stand apart."""
    item = sr.ContainerContentItem(name, is_content_continuous=False, relationship_type=CONTAINS)
    item.ContentSequence = sr.ContentSequence()
    return item


def _group(source: SeriesSource, material: Material) -> sr.ContainerContentItem:
    group = container(_GROUP)
    content = group.ContentSequence
    content.append(sr.CodeContentItem(_MODALITY, dicom(_MODALITIES[source.modality]), CONTEXT))
    content.append(sr.CodeContentItem(_TARGET, dicom(codes.BRAIN), CONTEXT))
    frame = _frames_of_reference(material).get(source.series_uid)
    if frame:
        content.append(sr.UIDRefContentItem(_FRAME_OF_REFERENCE, frame, CONTEXT))
    for image in source.instances:
        content.append(sr.ImageContentItem(dicom(SOURCE), image.sop_class_uid, image.sop_instance_uid, relationship_type=CONTAINS))
    return group


def _frames_of_reference(material: Material) -> dict[str, str]:
    exam = material.exam
    held = [(exam.pet.source, exam.pet.volume), (exam.t1.source, exam.t1.volume)]
    held += [(exam.flair.source, exam.flair.volume)] if exam.flair else []
    held += [(exam.lesions.source, exam.lesions.labels)] if exam.lesions else []
    return {source.series_uid: volume.frame_of_reference_uid for source, volume in held}


def _segmentations(material: Material) -> list[Dataset]:
    uid, study = material.maker.uid, str(material.slices.header.StudyInstanceUID)
    return [
        _identity(study, uid(kind, "series"), uid(kind, "instance", 1), sop_class(kind, material.maker.options))
        for kind in cited_kinds(material)
    ]


def _identity(study: str, series: str, instance: str, sop_class_uid: str) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID, item.SeriesInstanceUID = study, series
    item.SOPInstanceUID, item.SOPClassUID = instance, sop_class_uid
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(item, keyword, "")
    return item
