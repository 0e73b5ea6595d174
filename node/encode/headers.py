"""What an object copies from the study that it goes into, and what it says of itself.

An object's patient and study must be, byte for byte, those of its study, or the PACS files it elsewhere: the attributes of the
Patient, General Study and Patient Study modules are taken from one instance of that study, with its character set. All text of our
own is ASCII, which every character set of DICOM holds. So are its institution (`equipment`), the order that it answers to and the step
that it was performed in (`procedure`); what an earlier version left in its place is named (`former`).

Dates of ours are those of the Provenance: in the study's time zone where it names one, in the node's own otherwise, which is the time that
scanners beside it tell. Study Date and Time are the study's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from zlib import crc32

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, ExplicitVRLittleEndian

from node.domain.codes import PRIVATE_SCHEME
from node.domain.exam import Exam, SeriesSource
from node.domain.result import Provenance
from node.encode.equipment import PROCESSING, Contribution, characters, contributing, copy_institution, processing
from node.encode.former import Former, name_formers
from node.encode.languages import Speech, speech
from node.encode.objects import Encoded, EncodeOptions, Kind, series_number
from node.encode.procedure import copy_procedure
from node.encode.uids import UidMaker
from node.errors import DataError

MANUFACTURER = "Ember"
MODEL = "Ember TSPO node"
LONGEST_DESCRIPTION = 64
IMPLEMENTATION_UID = UID("2.25.138417466137106128914106262213246093861")
"""A random UUID, made once for this implementation (PS3.7 D.3.3.2)."""

COPIED = (
    *("SpecificCharacterSet", "TimezoneOffsetFromUTC"),
    # Patient, PS3.3 C.7.1.1
    *("PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID", "PatientBirthDate"),
    *("PatientBirthTime", "PatientSex", "OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "EthnicGroup"),
    *("EthnicGroupCodeSequence", "PatientSpeciesCodeSequence", "ResponsiblePersonRole", "ResponsibleOrganization"),
    *("PatientComments", "QualityControlSubject", "PatientIdentityRemoved", "DeidentificationMethod"),
    *("DeidentificationMethodCodeSequence", "ReferencedPatientSequence", "PatientSpeciesDescription", "ResponsiblePerson"),
    # Clinical Trial Subject and Study, C.7.1.3 and C.7.2.3
    *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName", "ClinicalTrialSiteID"),
    *("ClinicalTrialSiteName", "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID", "ClinicalTrialTimePointID"),
    *("ClinicalTrialTimePointDescription",),
    # General Study, C.7.2.1
    *("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "ReferringPhysicianIdentificationSequence", "StudyID"),
    *("AccessionNumber", "IssuerOfAccessionNumberSequence", "StudyDescription", "PhysiciansOfRecord", "ConsultingPhysicianName"),
    *("NameOfPhysiciansReadingStudy", "ProcedureCodeSequence", "ReferencedStudySequence", "RequestingService"),
    *("ConsultingPhysicianIdentificationSequence", "PhysiciansOfRecordIdentificationSequence", "RequestingServiceCodeSequence"),
    *("PhysiciansReadingStudyIdentificationSequence", "ReasonForPerformedProcedureCodeSequence"),
    # Patient Study, C.7.2.2
    *("AdmittingDiagnosesDescription", "AdmittingDiagnosesCodeSequence", "PatientAge", "PatientSize", "PatientWeight"),
    *("PatientBodyMassIndex", "MedicalAlerts", "Allergies", "SmokingStatus", "PregnancyStatus", "LastMenstrualDate"),
    *("PatientState", "Occupation", "AdditionalPatientHistory", "AdmissionID", "IssuerOfAdmissionIDSequence", "ServiceEpisodeID"),
    *("ServiceEpisodeDescription", "IssuerOfServiceEpisodeIDSequence", "PatientSexNeutered", "PatientSizeCodeSequence"),
    *("ReasonForVisit", "ReasonForVisitCodeSequence"),
)
"""What an object takes from the study that it goes into, value for value."""

_OFFSET = re.compile(r"[+-](0[0-9]|1[0-4])[0-5][0-9]")
"""A legal offset (PS3.3 C.12.1.1.8); one that is none rules nothing."""

_TYPE_2 = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID")


@dataclass(frozen=True, eq=False)
class Maker:
    """Who makes the objects, from what, when, and with which UIDs.

    Parameters
    ----------
    folder : where the objects are written
    formers : what earlier versions left at the destinations
    contributions : what each scanner gave
    """

    provenance: Provenance
    options: EncodeOptions
    folder: Path
    formers: tuple[Former, ...] = ()
    contributions: tuple[Contribution, ...] = ()

    @cached_property
    def uid(self) -> UidMaker:
        """Maker of UIDs."""
        return UidMaker(self.provenance, self.options)

    @property
    def say(self) -> Speech:
        """The language of the pages."""
        return speech(self.options.language)


def read_header(storage: Path, source: SeriesSource, index: int = 0) -> Dataset:
    """The header of one instance of a series, without pixels.

    Raises
    ------
    DataError : the file is missing, is not DICOM, or holds another instance
    """
    instance = source.instances[index]
    try:
        header = dcmread(storage / instance.path, stop_before_pixels=True)
    except (OSError, InvalidDicomError) as error:
        raise DataError(f"instance {instance.sop_instance_uid} cannot be read from the storage") from error
    if header.SOPInstanceUID != instance.sop_instance_uid:
        raise DataError(f"expected instance {instance.sop_instance_uid} in its file; found {header.SOPInstanceUID}")
    return header


def contributions(exam: Exam, storage: Path) -> tuple[Contribution, ...]:
    """What the scanners gave to an exam, and what drew lesions that came with it.

    Raises
    ------
    DataError : a source file is missing
    """
    series = (("PET", exam.pet), ("T1", exam.t1), ("FLAIR", exam.flair))
    taken = [contribution(one.source, name, storage) for name, one in series if one is not None]
    drawn = exam.lesions
    if drawn is None:
        return tuple(taken)
    return (*taken, replace(contribution(drawn.source, "lesions", storage), purpose=PROCESSING))


def contribution(source: SeriesSource, what: str, storage: Path) -> Contribution:
    """What one series' device gave; `what` in ASCII.

    Raises
    ------
    DataError : the file is missing
    """
    return Contribution(read_header(storage, source), what, source.acquired_at)


def describe(
    dataset: Dataset,
    kind: Kind,
    study: Dataset,
    maker: Maker,
    *,
    cited: tuple[SeriesSource, ...],
    description: str,
    number: int = 1,
    series: int = 0,
) -> None:
    """Fill in everything of an object that is not its picture: patient, study, series, equipment, dates, UIDs, references.

    Parameters
    ----------
    study : header of one instance of the study that the object goes into
    cited : the series, and of them the instances, that it names as its sources, in this study or another
    description : ASCII; the end of one that leaves no room for the version is cut
    number : InstanceNumber, from 1
    series : which series of its kind, from 0; each has its own instances
    """
    _copy_study(dataset, study)
    provenance = maker.provenance
    dataset.SeriesInstanceUID = maker.uid(kind, "series", series)
    dataset.SeriesNumber = series_number(kind, provenance.version, series)
    name = shortened(description, provenance.version)
    dataset.SeriesDescription = f"{name}{_suffix(provenance.version)}"
    dataset.BodyPartExamined = "BRAIN"
    dataset.SOPInstanceUID = instance_uid(maker, kind, number, series)
    dataset.InstanceNumber = number
    copy_procedure(dataset, study, kind)
    moment = _date(dataset, provenance.made_at)
    _equip(dataset, study, maker, moment)
    refer(dataset, cited)
    name_formers(dataset, kind, name, maker.formers)
    if "RelatedSeriesSequence" in dataset:
        dataset.CodingSchemeIdentificationSequence = [own_scheme()]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_UID
    dataset.file_meta.ImplementationVersionName = "EMBER"


def instance_uid(maker: Maker, kind: Kind, number: int, series: int = 0) -> str:
    """The SOP Instance UID of an object: its number in its series, from 1, and the place of that series within its kind, from 0."""
    return maker.uid(kind, "instance" if series == 0 else f"instance of series {series}", number)


def shortened(description: str, version: int) -> str:
    """A series' description as far as it leaves room for its version: the version is never cut (LO, 64 characters)."""
    return description[: LONGEST_DESCRIPTION - len(_suffix(version))].rstrip()


def own_scheme() -> Dataset:
    """The item of Coding Scheme Identification Sequence that says whose our private codes are (PS3.3 C.12.1)."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "Codes of the Ember TSPO node"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item


def write(dataset: Dataset, kind: Kind, maker: Maker) -> Encoded:
    """Write an object that has been described, as ``<SOP Instance UID>.dcm``."""
    path = maker.folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return Encoded(
        path,
        str(dataset.SOPInstanceUID),
        str(dataset.SOPClassUID),
        str(dataset.file_meta.TransferSyntaxUID),
        str(dataset.StudyInstanceUID),
        str(dataset.SeriesInstanceUID),
        kind,
        content_sum(dataset),
    )


def content_sum(dataset: Dataset) -> int | None:
    """CRC-32 of an object's pixels or printed document; None where it has neither. The gate compares it with what the file holds."""
    keywords = ("PixelData", "FloatPixelData", "EncapsulatedDocument")
    return next((crc32(dataset[keyword].value) for keyword in keywords if keyword in dataset), None)


def _copy_study(dataset: Dataset, header: Dataset) -> None:
    for keyword in COPIED:
        if keyword in dataset:
            del dataset[keyword]
        if keyword in header:
            dataset[keyword] = header[keyword]
    for keyword in (*_TYPE_2, "AccessionNumber"):
        if keyword not in dataset:
            setattr(dataset, keyword, "")


def _suffix(version: int) -> str:
    return "" if version == 1 else f" (version {version})"


def _date(dataset: Dataset, made_at: datetime) -> datetime:
    moment = _in_zone_of(dataset, made_at)
    for name in ("InstanceCreation", "Content", "Series"):
        setattr(dataset, f"{name}Date", moment.strftime("%Y%m%d"))
        setattr(dataset, f"{name}Time", moment.strftime("%H%M%S"))
    return moment


def _in_zone_of(dataset: Dataset, moment: datetime) -> datetime:
    # Timezone Offset From UTC rules every time in an object: with the study's, ours must be told in it.
    offset = str(dataset.get("TimezoneOffsetFromUTC", "") or "")
    if not _OFFSET.fullmatch(offset):
        return moment
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
    return moment.astimezone(timezone(-shift if offset[0] == "-" else shift))


def _equip(dataset: Dataset, study: Dataset, maker: Maker, moment: datetime) -> None:
    copy_institution(dataset, study)
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MODEL
    dataset.DeviceSerialNumber = maker.options.device_serial_number
    dataset.SoftwareVersions = [maker.provenance.software, f"settings {short_digest(maker.provenance)}"]
    scanners = contributing(maker.contributions, characters(dataset))
    dataset.ContributingEquipmentSequence = [*scanners, processing(dataset, moment)]


def short_digest(provenance: Provenance) -> str:
    """The settings' digest, as short as it can be printed and still told from another."""
    return provenance.settings_digest.removeprefix("sha256:")[:12]


def by_one_image(source: SeriesSource) -> SeriesSource:
    """The series cited by its first image: the series is what is meant, and thousands of references would outweigh a picture."""
    return replace(source, instances=source.instances[:1])


def refer(dataset: Dataset, cited: tuple[SeriesSource, ...]) -> None:
    """Name sources, instead of any named before (Common Instance Reference, PS3.3 C.12.2): the study's own, and the others by study."""
    for keyword in ("ReferencedSeriesSequence", "StudiesContainingOtherReferencedInstancesSequence"):
        if keyword in dataset:
            del dataset[keyword]
    own = str(dataset.StudyInstanceUID)
    here = [_series_item(source) for source in cited if source.study_uid == own]
    if here:
        dataset.ReferencedSeriesSequence = here
    others = sorted({source.study_uid for source in cited} - {own})
    if others:
        dataset.StudiesContainingOtherReferencedInstancesSequence = [_study_item(uid, cited) for uid in others]


def _series_item(source: SeriesSource) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = source.series_uid
    item.ReferencedInstanceSequence = [reference(i.sop_class_uid, i.sop_instance_uid) for i in source.instances]
    return item


def _study_item(study_uid: str, sources: tuple[SeriesSource, ...]) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = study_uid
    item.ReferencedSeriesSequence = [_series_item(source) for source in sources if source.study_uid == study_uid]
    return item


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """An item that names one instance (PS3.3 10.8)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item
