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
- **It cites the SEGs and maps that are written**, so that nothing cited is missing from the PACS: its own UID depends on which those are.
  Maps stand in the image library and not below each number, since viewers take an image below a number for the place where it was drawn.
- **Earlier exams**: the groups say which time point this is (TID 1502), a change is a number of its own with the earlier value and the
  repeatability as its properties, and the earlier report is named where its series is known. **Norms** are properties (TID 311, 312).
- **Texts are ASCII**, whatever the character set of the study.
"""

from __future__ import annotations

from highdicom import sr
from pydicom import Dataset

from node.domain.codes import Code
from node.encode.headers import MANUFACTURER, MODEL, describe, own_scheme, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.quantities import dicom, plain
from node.encode.sr_codes import PET_PROCEDURE, TITLE
from node.encode.sr_evidence import cited_maps, cited_reports, cited_segs, evidence
from node.encode.sr_groups import lesion_groups, region_groups
from node.encode.sr_library import image_library
from node.encode.sr_statements import evaluations
from node.encode.uids import device_uid


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
    own = [kind.value for kind in cited_segs(material)] + [one.kind.value for one in cited_maps(material)]
    earlier = [visit.report[1] for visit in cited_reports(material) if visit.report is not None]
    dataset.SOPInstanceUID = material.maker.uid(Kind.REPORT, f"instance citing {' '.join((*own, *earlier))}", 1)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _content(material: Material) -> sr.MeasurementReport:
    groups = [*lesion_groups(material), *region_groups(material)]
    observer = sr.ObservationContext(observer_device_context=_observer(material))
    report = sr.MeasurementReport(observer, dicom(PET_PROCEDURE), groups, title=dicom(TITLE))
    content = report[0].ContentSequence
    content.insert(len(content) - 1, image_library(material))
    content.append(evaluations(material))
    return report


def _observer(material: Material) -> sr.ObserverContext:
    serial = material.maker.options.device_serial_number
    device = sr.DeviceObserverIdentifyingAttributes(device_uid(material.maker.options), plain(serial), MANUFACTURER, MODEL, plain(serial))
    return sr.ObserverContext(dicom(Code("121007", "DCM", "Device")), device)
