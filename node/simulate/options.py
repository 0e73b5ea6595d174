"""SimulationOptions: what exam is wanted; SimulatedExam: what was written, and where."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path

import numpy as np

DEMO_START = datetime.fromisoformat("2026-03-02T09:12:00")
"""Local time of the scanners, which has no zone in a header."""


class SimulatedTracer(Enum):
    """What was injected."""

    DPA714 = "dpa714"
    PK11195 = "pk11195"
    PBR28 = "pbr28"  #: the standard has no code for it: the header names it in free text alone
    FDG = "fdg"


class Protocol(Enum):
    """When the PET was measured: `FRAMES_S` has the lengths of the frames."""

    LATE = "late"  #: four to six frames of 5 min in the tracer's late window
    DYNAMIC = "dynamic"  #: from the injection to the end of the late window


class StudyLayout(Enum):
    """How PET and MR are filed."""

    ONE_STUDY = "one study"
    TWO_STUDIES = "two studies"


class Attenuation(Enum):
    """Whether the PET was corrected for attenuation."""

    CORRECTED = "corrected"
    UNCORRECTED = "uncorrected"


@dataclass(frozen=True)
class SimulatedPatient:
    """The person on the films; `mr_birth_date` differs from `birth_date` where two people are to be confused."""

    patient_id: str = "EMBER-DEMO"
    name: str = "Demo^Ember"
    birth_date: date = date(1984, 3, 12)
    mr_birth_date: date | None = None
    sex: str = "F"
    weight_kg: float = 68.0
    height_m: float | None = 1.68


@dataclass(frozen=True)
class Pose:
    """How the head lies in the PET scanner, against the MR: turns about the middle of the brain, then shifts, LPS.

    Parameters
    ----------
    rotation_deg : about x, y, z
    shift_mm : of the head
    bed_mm : by which the PET's patient coordinates as a whole lie elsewhere, grid and head alike
    """

    rotation_deg: tuple[float, float, float] = (4.0, -3.0, 6.0)
    shift_mm: tuple[float, float, float] = (5.0, -8.0, 6.0)
    bed_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Nod:
    """The head moves within the PET scanner, at once: from then on it lies turned and shifted by so much against its `Pose`, LPS.

    Parameters
    ----------
    at_s : s after the injection
    rotation_deg : about x, y, z
    """

    at_s: float
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Stage:
    """One of several visits of the same head: options that differ in their stage and `start` alone are the same person, later.

    Lesions are numbered here in the order in which they are drawn, which is the same at each visit of up to nine lesions.

    Parameters
    ----------
    visit : another one brings other noise and another receive field
    lying : how the head lies in the MR, against the first visit; the PET's `pose` is against this MR
    absent : lesions that are not there
    grown_mm : lesion, and by how much its border has moved outwards (inwards below 0)
    """

    visit: int = 1
    lying: Pose = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    absent: tuple[int, ...] = ()
    grown_mm: tuple[tuple[int, float], ...] = ()

    @property
    def suffix(self) -> str:
        """What tells its random streams from those of the first visit."""
        return "" if self.visit == 1 else f", visit {self.visit}"


@dataclass(frozen=True)
class SimulationOptions:
    """What exam is wanted. The defaults make a full-size, flawless one; `small_options` a quick one.

    Parameters
    ----------
    seed : another seed is another head, with other lesions and other noise
    nods : how the head moves in the PET, in the order of time; each at the border of two frames, so that no frame is smeared
    mr_spacing_mm : T1 and FLAIR, isotropic; of 2-D ones within the slice
    t1_slice_mm, flair_slice_mm : slice thickness of an axial 2-D series; None for a sagittal 3-D one
    pet_spacing_mm : (slice, row, column)
    psf_fwhm_mm : of the PET, isotropic
    noise : 1 is about 9 % of SD in a voxel of a 5 min frame; 0 is none
    start : of the MR; the tracer is injected an hour later, or `pet_days_after_mr` days and an hour
    lesions : how many to try to place
    with_pet, with_flair : False leaves that series out
    missing_pet_slices : so many slices of the last frame are not written
    with_weight : False leaves the weight out of the header
    pet_units : DICOM Units; the values are Bq/mL whatever it says
    stage : which visit of the head it is
    pet_coded : whether the header has codes for tracer and radionuclide; free text alone otherwise

    Raises
    ------
    ValueError : a spacing, width or count that cannot be simulated
    """

    seed: int = 1
    tracer: SimulatedTracer = SimulatedTracer.DPA714
    protocol: Protocol = Protocol.LATE
    layout: StudyLayout = StudyLayout.ONE_STUDY
    patient: SimulatedPatient = SimulatedPatient()
    pose: Pose = Pose()
    nods: tuple[Nod, ...] = ()
    start: datetime = DEMO_START
    pet_days_after_mr: int = 0
    mr_spacing_mm: float = 1.0
    t1_slice_mm: float | None = None
    flair_slice_mm: float | None = None
    pet_spacing_mm: tuple[float, float, float] = (2.2, 2.2, 2.2)
    psf_fwhm_mm: float = 5.0
    noise: float = 1.0
    lesions: int = 12
    with_pet: bool = True
    with_flair: bool = True
    with_weight: bool = True
    missing_pet_slices: int = 0
    pet_units: str = "BQML"
    pet_coded: bool = True
    attenuation: Attenuation = Attenuation.CORRECTED
    stage: Stage = field(default=Stage(), repr=False)  # UIDs follow from the text of these options, see `Identifiers.of`

    def __post_init__(self) -> None:
        if not 0.7 <= self.mr_spacing_mm <= 3.0:
            raise ValueError(f"mr_spacing_mm is 0.7 to 3; found {self.mr_spacing_mm}")
        if not all(slice_mm is None or self.mr_spacing_mm <= slice_mm <= 6.0 for slice_mm in (self.t1_slice_mm, self.flair_slice_mm)):
            raise ValueError(f"t1_slice_mm and flair_slice_mm are mr_spacing_mm to 6; found {self.t1_slice_mm} and {self.flair_slice_mm}")
        if not all(1.0 <= step <= 6.0 for step in self.pet_spacing_mm):
            raise ValueError(f"pet_spacing_mm is 1 to 6; found {self.pet_spacing_mm}")
        if self.psf_fwhm_mm < 2.0 * self.mr_spacing_mm:
            raise ValueError(f"psf_fwhm_mm is at least twice mr_spacing_mm, on whose grid it is drawn; found {self.psf_fwhm_mm}")
        if self.noise < 0 or self.lesions < 3 or self.missing_pet_slices < 0:
            raise ValueError("noise and missing_pet_slices are not below 0, lesions not below 3")

    def pose_at(self, at_s: float) -> Pose:
        """How the head lies at a time, s after the injection."""
        nod = next((nod for nod in reversed(self.nods) if nod.at_s <= at_s), Nod(0.0))
        turn, shift = self.pose.rotation_deg, self.pose.shift_mm
        return replace(self.pose, rotation_deg=_plus(turn, nod.rotation_deg), shift_mm=_plus(shift, nod.shift_mm))

    @property
    def injected_at(self) -> datetime:
        """Local time of the scanner."""
        return self.start + timedelta(days=self.pet_days_after_mr, hours=1)


def _plus(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float, float]:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2])


def small_options(seed: int = 1) -> SimulationOptions:
    """A small exam, made in seconds: MR 2 mm, PET 3 mm."""
    return SimulationOptions(seed=seed, mr_spacing_mm=2.0, pet_spacing_mm=(3.0, 3.0, 3.0), lesions=9)


def two_study_options(seed: int = 1) -> SimulationOptions:
    """Small, PET a week after the MR in a study of its own, on a bed far from the MR's origin."""
    pose = Pose(rotation_deg=(3.0, -5.0, -7.0), shift_mm=(-10.0, -1.5, 4.0), bed_mm=(0.0, -180.0, -733.0))
    return replace(small_options(seed), layout=StudyLayout.TWO_STUDIES, pet_days_after_mr=7, pose=pose)


def dynamic_options(seed: int = 1) -> SimulationOptions:
    """Small, [11C]PK11195 from the injection on, with two nods; PET 4 mm, so that 25 frames are written in seconds."""
    nods = (Nod(780.0, (1.0, 0.0, 2.0), (0.0, 1.0, 0.0)), Nod(2700.0, (4.0, 0.0, -3.0), (1.0, 2.0, -2.0)))
    return replace(
        small_options(seed), tracer=SimulatedTracer.PK11195, protocol=Protocol.DYNAMIC, pet_spacing_mm=(4.0, 4.0, 4.0), nods=nods
    )


@dataclass(frozen=True)
class SimulatedExam:
    """What was written.

    Parameters
    ----------
    folder : the exam's; `dicom` and `truth` lie in it
    files : all DICOM files, in the order of writing
    truth_file : truth.json
    """

    folder: Path
    files: tuple[Path, ...]
    truth_file: Path
    patient_id: str
    mr_study_uid: str
    pet_study_uid: str


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """An independent stream of random numbers for one purpose, so that a change in one part leaves the others as they were."""
    return np.random.default_rng([seed, *purpose.encode()])
