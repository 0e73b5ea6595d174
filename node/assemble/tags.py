"""From a dataset to the parts of a Header, and the list of tags that are wanted for it (PS3.3 C.7, C.8.3, C.8.9, C.8.20)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydicom.dataset import Dataset

from node.assemble.attributes import (
    code,
    date_time,
    day,
    items,
    number,
    numbers,
    parse_date_time,
    private,
    private_number,
    private_tags,
    tag_of,
    text,
    texts,
    time_of_day,
    whole,
)
from node.assemble.enhanced import ENHANCED_KEYWORDS
from node.assemble.enhanced_pet import ENHANCED_PET_KEYWORDS
from node.assemble.names import name_key
from node.assemble.parts import Concatenation, CountedDose, Counts, Geometry, MrPhysics, Person, PetPhysics, SegmentLabel, Selection

_GE, _SIEMENS, _PHILIPS = "GEMS_PETD_01", "SIEMENS MED PT", "Philips PET Private Group"
_GE_MR, _PHILIPS_MR = "GEMS_RELA_01", "Philips Imaging DD 001"

_KEYWORDS = """
SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID StudyDate SeriesDate AcquisitionDate StudyTime SeriesTime AcquisitionTime
AcquisitionDateTime AccessionNumber Modality Manufacturer StationName StudyDescription SeriesDescription ProcedureCodeSequence
ManufacturerModelName PatientName PatientID IssuerOfPatientID PatientBirthDate PatientSex PatientSize PatientWeight BodyPartExamined
ScanningSequence SequenceVariant MRAcquisitionType AngioFlag SliceThickness RepetitionTime EchoTime InversionTime FlipAngle
ContrastBolusAgent ProtocolName ConvolutionKernel ActualFrameDuration StudyInstanceUID SeriesInstanceUID SeriesNumber
ImagePositionPatient ImageOrientationPatient FrameOfReferenceUID NumberOfFrames Rows Columns PixelSpacing CorrectedImage
RadiopharmaceuticalInformationSequence NumberOfSlices NumberOfTimeSlices SeriesType Units SUVType DecayCorrection
AttenuationCorrectionMethod ReconstructionMethod FrameReferenceTime DecayFactor ImageIndex SegmentSequence
RequestAttributesSequence PerformedProtocolCodeSequence ComplexImageComponent ConcatenationUID InConcatenationNumber
InConcatenationTotalNumber ContentDate ContentTime ContentCreatorName ReferencedSeriesSequence
StudiesContainingOtherReferencedInstancesSequence ContributingEquipmentSequence ConceptNameCodeSequence
CurrentRequestedProcedureEvidenceSequence ImagesInAcquisition NumberOfTemporalPositions NumberOfTimeSlots NumberOfRRIntervals InstanceNumber
"""
PUBLIC = tuple(tag_of(keyword) for keyword in (_KEYWORDS + ENHANCED_KEYWORDS + ENHANCED_PET_KEYWORDS).split())
"""Standard attributes that are read."""

PRIVATE = (
    (_GE, 0x0009, (0x0D, 0x38, 0x39, 0x3B, 0x3C, 0x3D)),
    (_SIEMENS, 0x0071, (0x22,)),
    (_PHILIPS, 0x7053, (0x00, 0x09)),
    (_GE_MR, 0x0021, (0x4F,)),
    (_PHILIPS_MR, 0x2001, (0x18,)),
)
"""Private elements that are read: creator, group, and the last byte of each element."""

WANTED = [*PUBLIC, *(tag for _, group, elements in PRIVATE for tag in private_tags(group, elements))]
"""What is read of a header; private elements in whichever block their creator has reserved."""


def person_of(dataset: Dataset, encodings: Sequence[str]) -> Person:
    name = text(dataset, "PatientName", encodings=encodings)
    return Person(
        patient_id=text(dataset, "PatientID", encodings=encodings),
        issuer=text(dataset, "IssuerOfPatientID", encodings=encodings),
        name=name,
        name_key=name_key(name),
        birth_date=day(dataset, "PatientBirthDate"),
        sex=text(dataset, "PatientSex").upper(),
    )


def procedure_codes_of(dataset: Dataset) -> tuple[str, ...]:
    holders = [(dataset, "ProcedureCodeSequence"), (dataset, "PerformedProtocolCodeSequence")]
    holders += [(item, "RequestedProcedureCodeSequence") for item in items(dataset, "RequestAttributesSequence")]
    found = (code(holder, key) for holder, key in holders)
    return tuple(dict.fromkeys(f"{c.value}^{c.scheme}" for c in found if c is not None))


def geometry_of(dataset: Dataset) -> Geometry | None:
    """Of a classic image; None where a part of it is missing (a SEG, a report, a secondary capture)."""
    position, orientation = numbers(dataset, "ImagePositionPatient"), numbers(dataset, "ImageOrientationPatient")
    spacing, rows, columns = numbers(dataset, "PixelSpacing"), whole(dataset, "Rows"), whole(dataset, "Columns")
    if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2 or not rows or not columns:
        return None
    return Geometry(
        (position,),
        orientation[:3],
        orientation[3:],
        rows,
        columns,
        (spacing[0], spacing[1]),
        number(dataset, "SliceThickness"),
    )


def mr_of(dataset: Dataset) -> MrPhysics:
    return MrPhysics(
        scanning_sequence=texts(dataset, "ScanningSequence"),
        sequence_variant=texts(dataset, "SequenceVariant"),
        acquisition_type=text(dataset, "MRAcquisitionType"),
        repetition_ms=number(dataset, "RepetitionTime"),
        echo_ms=number(dataset, "EchoTime"),
        inversion_ms=number(dataset, "InversionTime"),
        flip_deg=number(dataset, "FlipAngle"),
        contrast_agent=text(dataset, "ContrastBolusAgent"),
        angiography=text(dataset, "AngioFlag") == "Y",
        complex_component=text(dataset, "ComplexImageComponent"),
    )


def pet_of(dataset: Dataset, encodings: Sequence[str]) -> PetPhysics:
    injections = items(dataset, "RadiopharmaceuticalInformationSequence")
    first = injections[0] if injections else Dataset()
    decay_instant, decay_attribute = _decay_instant(dataset)
    return PetPhysics(
        series_type=texts(dataset, "SeriesType"),
        units=text(dataset, "Units"),
        suv_type=text(dataset, "SUVType"),
        corrections=texts(dataset, "CorrectedImage"),
        decay_correction=text(dataset, "DecayCorrection"),
        attenuation_method=text(dataset, "AttenuationCorrectionMethod"),
        reconstruction=" ".join(filter(None, (text(dataset, "ReconstructionMethod"), text(dataset, "ConvolutionKernel")))),
        radiopharmaceutical=text(first, "Radiopharmaceutical", encodings=encodings),
        radiopharmaceutical_code=code(first, "RadiopharmaceuticalCodeSequence", encodings=encodings),
        radionuclide_code=code(first, "RadionuclideCodeSequence", encodings=encodings),
        radiopharmaceuticals=len(injections),
        half_life_s=number(first, "RadionuclideHalfLife"),
        activity=number(first, "RadionuclideTotalDose"),
        injected_at=date_time(first, "RadiopharmaceuticalStartDateTime"),
        injection_time=time_of_day(first, "RadiopharmaceuticalStartTime"),
        slices=whole(dataset, "NumberOfSlices"),
        time_slices=whole(dataset, "NumberOfTimeSlices"),
        image_index=whole(dataset, "ImageIndex"),
        frame_duration_s=_seconds(dataset, "ActualFrameDuration"),
        frame_reference_s=_seconds(dataset, "FrameReferenceTime"),
        decay_factor=number(dataset, "DecayFactor"),
        decay_instant=decay_instant,
        philips_suv_factor=_factor(private(dataset, 0x7053, _PHILIPS, 0x00)),
        philips_activity_factor=_factor(private(dataset, 0x7053, _PHILIPS, 0x09)),
        decay_attribute=decay_attribute,
        counted=_counted(dataset),
    )


def _decay_instant(dataset: Dataset) -> tuple[datetime | None, str]:
    """The instant to which values are corrected where an attribute says so itself, and that attribute."""
    found = (
        (date_time(dataset, "DecayCorrectionDateTime"), "DecayCorrectionDateTime (0018,9701)"),
        (parse_date_time(private(dataset, 0x0009, _GE, 0x0D)), "GE scan_datetime (0009,xx0D)"),
        (parse_date_time(private(dataset, 0x0071, _SIEMENS, 0x22)), "Siemens decay correction date-time (0071,xx22)"),
    )
    return next(((instant, name) for instant, name in found if instant is not None), (None, ""))


def _counted(dataset: Dataset) -> CountedDose | None:
    activity = private_number(dataset, 0x0009, _GE, 0x38, letter="f")
    residual = private_number(dataset, 0x0009, _GE, 0x3C, letter="f")
    if activity is None or residual is None:
        return None
    measured, administered, after = (parse_date_time(private(dataset, 0x0009, _GE, element)) for element in (0x39, 0x3B, 0x3D))
    return CountedDose(activity, measured, administered, residual, after)


def concatenation_of(dataset: Dataset) -> Concatenation | None:
    """Which part of a concatenation an object is."""
    uid, part = text(dataset, "ConcatenationUID"), whole(dataset, "InConcatenationNumber")
    return Concatenation(uid, part, whole(dataset, "InConcatenationTotalNumber")) if uid and part else None


def counts_of(dataset: Dataset) -> Counts:
    """What the scanner says of how many there are. Vendors' counts of slice positions are GE's locations in acquisition (SS) and Philips'
    number of slices (SL)."""
    ge = private_number(dataset, 0x0021, _GE_MR, 0x4F, letter="h")
    philips = private_number(dataset, 0x2001, _PHILIPS_MR, 0x18, letter="i")
    locations = next((int(value) for value in (ge, philips) if value is not None and value > 0), None)
    return Counts(
        images=_positive(dataset, "ImagesInAcquisition"),
        temporal_positions=_positive(dataset, "NumberOfTemporalPositions"),
        time_slots=_positive(dataset, "NumberOfTimeSlots"),
        heart_beats=_positive(dataset, "NumberOfRRIntervals"),
        locations=locations,
        number=_positive(dataset, "InstanceNumber"),
    )


def _positive(dataset: Dataset, keyword: str) -> int | None:
    value = whole(dataset, keyword)
    return value if value is not None and value > 0 else None


def _seconds(dataset: Dataset, keyword: str) -> float | None:
    """An element in ms, as s; what is longer than a week is no time of a scan."""
    value = number(dataset, keyword)
    return None if value is None or abs(value) > 7 * 86400e3 else value / 1000.0


def _factor(value: str) -> float | None:
    try:
        return float(value) or None
    except ValueError:
        return None


def segments_of(dataset: Dataset, encodings: Sequence[str]) -> tuple[SegmentLabel, ...]:
    return tuple(
        SegmentLabel(
            number=whole(item, "SegmentNumber") or 0,
            label=text(item, "SegmentLabel", encodings=encodings),
            type=code(item, "SegmentedPropertyTypeCodeSequence", encodings=encodings),
            algorithm=text(item, "SegmentAlgorithmType").upper(),
            tracking_id=text(item, "TrackingID", encodings=encodings),
            tracking_uid=text(item, "TrackingUID"),
        )
        for item in items(dataset, "SegmentSequence")
    )


def cited_series_of(dataset: Dataset) -> tuple[str, ...]:
    """The series that an object says it was made from, in its own study and in others (PS3.3 C.12.2)."""
    studies = (dataset, *items(dataset, "StudiesContainingOtherReferencedInstancesSequence"))
    cited = (text(item, "SeriesInstanceUID") for study in studies for item in items(study, "ReferencedSeriesSequence"))
    return tuple(dict.fromkeys(uid for uid in cited if uid))


def selection_of(dataset: Dataset, encodings: Sequence[str]) -> Selection | None:
    """What a Key Object Selection names; None where it has no title."""
    title = code(dataset, "ConceptNameCodeSequence", encodings=encodings)
    studies = items(dataset, "CurrentRequestedProcedureEvidenceSequence")
    series = [item for study in studies for item in items(study, "ReferencedSeriesSequence")]
    named = (text(item, "ReferencedSOPInstanceUID") for one in series for item in items(one, "ReferencedSOPSequence"))
    return None if title is None else Selection(title, tuple(dict.fromkeys(uid for uid in named if uid)))


def processed_by_of(dataset: Dataset, encodings: Sequence[str]) -> tuple[str, ...]:
    """Manufacturers of the processing equipment (DCM 109102) that contributed."""
    made = [item for item in items(dataset, "ContributingEquipmentSequence") if _purpose(item) == "109102"]
    return tuple(text(item, "Manufacturer", encodings=encodings) for item in made)


def _purpose(item: Dataset) -> str:
    purpose = code(item, "PurposeOfReferenceCodeSequence")
    return "" if purpose is None or purpose.scheme != "DCM" else purpose.value
