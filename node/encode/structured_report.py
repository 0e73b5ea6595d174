"""The structured report: every number of the result, coded, for programs that read results (Comprehensive 3D SR, PS3.16 TID 1500).

It says who observed (the node, its algorithm and version), on what (image library), what was measured (groups by lesion and by region,
which cite the SEGs), and in a container of evaluations what is no number: the headline, whether lesions and raised signal are there, what
did not pass, what was not computed, and what the report may be used for. "None found" is a statement of its own, and differs from "not
assessed". It goes into the PET's study.

Decisions
---------
- **The report is PRELIMINARY, COMPLETE and UNVERIFIED**: all of what the node has to say, and nobody has looked at it.
- **The title is DCM 126000 "Imaging Measurement Report"** instead of 126003 "PET Measurement Report", because OHIF 3.13 reads points and
  numbers from that one alone, and shows the other as plain text.
- **The image library names each series by its first image**: a dynamic PET has thousands, the series is what is meant, and viewers that
  print a report print a line for each. The images of the reading series are all listed as evidence, in the header.
- **It cites the SEGs that are written**, so that nothing cited is missing from the PACS: its own UID depends on which those are.
- **Texts are ASCII**, whatever the character set of the study.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

from highdicom import sr
from pydicom import Dataset

from node.domain import codes
from node.domain.codes import Code
from node.domain.result import LesionOrigin, Quantity
from node.encode.headers import MANUFACTURER, MODEL, describe, own_scheme, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.page import NO_FREE_REGION, RESEARCH_USE
from node.encode.quantities import dicom, plain
from node.encode.sections import CONTRAST_SENTENCES
from node.encode.sr_codes import (
    ABSENT,
    CAVEAT,
    CHECK_NOT_PASSED,
    GENOTYPE,
    GENOTYPES,
    NOT_ASSESSED,
    NOT_COMPUTED,
    PET_PROCEDURE,
    PRESENT,
    QUALITATIVE_EVALUATIONS,
    RADIOPHARMACEUTICAL,
    SUMMARY,
    TITLE,
)
from node.encode.sr_codes import RESEARCH_USE as USE
from node.encode.sr_groups import cited_kinds, lesion_groups, region_groups
from node.encode.sr_library import container, evidence, image_library

CONTAINS = sr.RelationshipTypeValues.CONTAINS


def encode_report(material: Material) -> tuple[Encoded, ...]:
    """The report, in the PET's study."""
    maker, root = material.maker, _content(material)[0]
    items, root.ContentSequence = root.ContentSequence, sr.ContentSequence()
    dataset = sr.Comprehensive3DSR(
        evidence=evidence(material),
        content=root,
        series_instance_uid=maker.uid(Kind.REPORT, "series"),
        series_number=1,
        sop_instance_uid=maker.uid(Kind.REPORT, "instance", 1),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
    )
    dataset.ContentSequence = items  # put in afterwards: highdicom would copy it, and search the whole of it, more than once
    describe(dataset, Kind.REPORT, material.pet_header, maker, cited=(), description="RESEARCH TSPO measurement report")
    del dataset.BodyPartExamined  # no attribute of a report
    dataset.CodingSchemeIdentificationSequence = [own_scheme()]
    _name_by_citation(dataset, material)
    return (write(dataset, Kind.REPORT, maker),)


def _name_by_citation(dataset: Dataset, material: Material) -> None:
    cited = " ".join(kind.value for kind in cited_kinds(material))
    dataset.SOPInstanceUID = material.maker.uid(Kind.REPORT, f"instance citing {cited}", 1)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _content(material: Material) -> sr.MeasurementReport:
    groups = [*lesion_groups(material), *region_groups(material)]
    observer = sr.ObservationContext(observer_device_context=_observer(material))
    report = sr.MeasurementReport(observer, dicom(PET_PROCEDURE), groups, title=dicom(TITLE))
    content = report[0].ContentSequence
    content.insert(len(content) - 1, image_library(material))
    content.append(_evaluations(material))
    return report


def _observer(material: Material) -> sr.ObserverContext:
    serial = material.maker.options.device_serial_number
    digest = hashlib.sha256(f"{MODEL} {serial}".encode()).digest()
    uid = f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"
    device = sr.DeviceObserverIdentifyingAttributes(uid, plain(serial), MANUFACTURER, MODEL, plain(serial))
    return sr.ObserverContext(dicom(Code("121007", "DCM", "Device")), device)


def _evaluations(material: Material) -> sr.ContainerContentItem:
    """What is no number: coded statements first, sentences after them."""
    item = container(dicom(QUALITATIVE_EVALUATIONS))
    for name, code in _statements(material):
        item.ContentSequence.append(sr.CodeContentItem(dicom(name), dicom(code), CONTAINS))
    for name, text in _sentences(material):
        item.ContentSequence.append(sr.TextContentItem(dicom(name), plain(text), CONTAINS))
    return item


def _statements(material: Material) -> Iterator[tuple[Code, Code]]:
    result, tracer = material.result, material.result.tracer
    yield RADIOPHARMACEUTICAL, tracer.code or Code(tracer.key.upper()[:16], codes.PRIVATE_SCHEME, plain(tracer.name))
    yield GENOTYPE, GENOTYPES[material.exam.subject.genotype]
    looked = material.segmentation.lesion_origin is not LesionOrigin.NONE
    yield codes.LESION_OF_BRAIN, (PRESENT if result.lesions else ABSENT) if looked else NOT_ASSESSED
    yield codes.RAISED_TSPO_SIGNAL, PRESENT if result.raised.array.any() else ABSENT


def _sentences(material: Material) -> Iterator[tuple[Code, str]]:
    result = material.result
    yield USE, RESEARCH_USE
    yield SUMMARY, result.headline
    yield CAVEAT, NO_FREE_REGION
    if any(finding.quantity is Quantity.CONTRAST for finding in result.findings):
        yield CAVEAT, CONTRAST_SENTENCES
    for check in result.checks:
        if not check.passed:
            yield CHECK_NOT_PASSED, f"{check.gravity.value}: {check.message}"
    for sentence in result.not_computed:
        yield NOT_COMPUTED, sentence
