"""Exam: one person's PET and MR, read from DICOM and ready to be worked on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from node.domain.correction import Correction
from node.domain.timing import Administration, FrameTiming
from node.domain.volume import Volume


class Role(Enum):
    """What a series is to an exam."""

    PET = "PET"  #: the TSPO PET series, all its frames
    T1 = "T1"  #: T1-weighted MR of the head: the anatomy on which everything is drawn
    FLAIR = "FLAIR"  #: T2-weighted FLAIR MR: lesions are found on it
    LESION_SEG = "LESION_SEG"  #: an incoming DICOM SEG of lesions, preferred to our own finding


class Gravity(Enum):
    """What a failed Check means for the exam."""

    NOTE = "note"  #: printed on the page
    WARNING = "warning"  #: printed on the page, prominently
    HOLD = "hold"  #: the exam is HELD until a person has looked


@dataclass(frozen=True)
class Check:
    """Quality, or an allowed assumption, as data.

    Parameters
    ----------
    name : short stable key in snake case, for instance "brain_volume"
    passed : whether the value lies within the limit; an assumption that had to be made is a Check that did not pass
    message : one sentence for a reader, with what was found and what was expected
    gravity : what it means when it did not pass
    value, limit : number found and limit, where there are any
    unit : UCUM unit of both
    """

    name: str
    passed: bool
    message: str
    gravity: Gravity = Gravity.WARNING
    value: float | None = None
    limit: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Instance:
    """One stored DICOM instance.

    Parameters
    ----------
    sop_instance_uid, sop_class_uid : its identity
    path : where its file lies, relative to the node's storage folder
    digest : SHA-256 of the encoded bytes as received, hexadecimal
    """

    sop_instance_uid: str
    sop_class_uid: str
    path: str
    digest: str


@dataclass(frozen=True)
class SeriesSource:
    """Where the pixels of a series came from.

    Parameters
    ----------
    instances : one a slice in the order of the volume's slices; for PET, frame after frame, each in slice order (F·S of them);
        a single one for an enhanced multi-frame object
    acquired_at : start of the acquisition, local time of the scanner
    """

    study_uid: str
    series_uid: str
    modality: str
    description: str
    manufacturer: str
    model: str
    instances: tuple[Instance, ...]
    series_number: int | None = None
    acquired_at: datetime | None = None


@dataclass(frozen=True)
class Subject:
    """The person, as far as the numbers need it.

    `patient_id` and `issuer` identify; they never reach a log line. `genotype` is the rs6971 binding class HAB, MAB or LAB, None where
    nobody knows it, and `genotype_source` who says so.
    """

    patient_id: str
    issuer: str
    name: str
    birth_date: date | None
    sex: str
    weight_kg: float | None
    height_m: float | None
    genotype: str | None = None
    genotype_source: str = ""


@dataclass(frozen=True)
class Sourced:
    """A value of the dose and decay chain as it was used, with where it came from, both as a reader sees them.

    For instance ("Injected activity", "253.1 MBq", "RadionuclideTotalDose (0018,1074)"); `source` names every attribute, or "corrected
    by …: …", or the rule by which it was calculated.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class FrameRecord:
    """One frame of a PET as its headers tell it.

    Parameters
    ----------
    acquired_at : start of the frame, local time of the scanner
    decay_factor : DecayFactor (0054,1321) as written, None where there is none
    expected_factor : the factor that START, the half-life and the times call for; None without decay correction
    applied_factor : what the node multiplied the frame by, 1 where the scanner's own correction stands
    """

    acquired_at: datetime
    decay_factor: float | None
    expected_factor: float | None
    applied_factor: float


@dataclass(frozen=True, eq=False)
class PetSeries:
    """The TSPO PET.

    Parameters
    ----------
    volume : (F, S, R, C) Bq/mL, or g/mL where `units` is GML; real-world values, slope of each slice applied
    timing : of the F frames, s after the injection (scan start where the injection's time is unknown)
    units : DICOM Units as found: BQML, GML, …
    decay_correction : DICOM DecayCorrection: START, ADMIN or NONE
    decay_reference : instant to which values are corrected (START); None otherwise
    corrections : CorrectedImage values
    reconstruction : ReconstructionMethod and ConvolutionKernel as text, to look up the point spread
    chain : every value that SUV and the times depend on, with its source, in the order of the calculation
    records : F frames as their headers tell them
    time_zero_basis : what time zero of `timing` is: "corrected by …", "bolus seen in the head", "injection in the header" or "scan start"
    suv_missing : why the values cannot become SUVbw whatever the dose, though their ratios hold; empty where nothing stands against it
    """

    volume: Volume
    timing: FrameTiming
    administration: Administration
    units: str
    decay_correction: str
    decay_reference: datetime | None
    corrections: tuple[str, ...]
    reconstruction: str
    source: SeriesSource
    chain: tuple[Sourced, ...] = ()
    records: tuple[FrameRecord, ...] = ()
    time_zero_basis: str = ""
    suv_missing: str = ""


@dataclass(frozen=True, eq=False)
class MrSeries:
    """One MR series. `volume` (S, R, C) has no unit."""

    volume: Volume
    contrast: Role
    source: SeriesSource


@dataclass(frozen=True, eq=False)
class LesionImport:
    """Lesions drawn elsewhere.

    Parameters
    ----------
    labels : (S, R, C) integers, 0 background, one number a lesion, on the grid of the SEG's own frames; all 0 where whoever drew says that
        there is none
    creator : the product that wrote them, never who
    drawn_at : when they were drawn, local time of where that was
    by_reader : whether a person drew or corrected them, as far as the SEG tells
    drawn_on : T1 or FLAIR, whose images the SEG cites; None where it cites neither
    tracking : label and tracking UID, of the segments that carry one; each UID stands once
    """

    labels: Volume
    source: SeriesSource
    creator: str
    drawn_at: datetime | None = None
    by_reader: bool = False
    drawn_on: Role | None = None
    tracking: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Exam:
    """One person's PET and MR.

    `flair` and `lesions` may both be absent: then the exam is analysed without lesions, and says so.
    """

    subject: Subject
    pet: PetSeries
    t1: MrSeries
    flair: MrSeries | None = None
    lesions: LesionImport | None = None
    checks: tuple[Check, ...] = field(default=())
    corrections: tuple[Correction, ...] = ()
