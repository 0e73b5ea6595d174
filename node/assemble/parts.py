"""The parts of a Header: who, where, how an MR was made, how a PET was made, what a SEG holds.

In the house's units (s, mm, kg, Bq; MR times in ms, as MR people say them). An empty text or None means that the file does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from node.domain.codes import Code

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Person:
    """Who the file says it is of. `name_key` is the name made comparable over character sets; none of it reaches a log line."""

    patient_id: str
    issuer: str
    name: str
    name_key: str
    birth_date: date | None
    sex: str


@dataclass(frozen=True)
class Geometry:
    """Where the pixels lie: `positions` LPS mm of the first pixel of each frame (one for a classic image), `row_axis` and `column_axis`
    unit vectors along rising column and row index, `pixel_spacing` mm between rows and between columns (PS3.3 C.7.6.2)."""

    positions: tuple[Point, ...]
    row_axis: Point
    column_axis: Point
    rows: int
    columns: int
    pixel_spacing: tuple[float, float]
    slice_thickness_mm: float | None


@dataclass(frozen=True)
class MrPhysics:
    """How an MR image was made, in the words of the classic MR IOD (PS3.3 C.8.3.1); times in ms as MR people say them.

    `complex_component` is MAGNITUDE, PHASE, REAL, IMAGINARY or empty; `preparation` says INVERSION where TI or the sequence says so.
    """

    scanning_sequence: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    acquisition_type: str
    repetition_ms: float | None
    echo_ms: float | None
    inversion_ms: float | None
    flip_deg: float | None
    contrast_agent: str
    angiography: bool
    complex_component: str = ""


@dataclass(frozen=True)
class CountedDose:
    """Syringe before and after the injection, as a GE console holds it privately (0009,xx38 to 0009,xx3D), units as written there."""

    activity: float
    measured_at: datetime | None
    administered_at: datetime | None
    residual: float
    residual_at: datetime | None


@dataclass(frozen=True)
class FrameTime:
    """When one frame of a multi-frame PET was measured: what `PetPhysics` and `Header` say of a classic image."""

    acquired_at: datetime | None
    duration_s: float | None
    reference_s: float | None
    decay_factor: float | None
    temporal_index: int | None


@dataclass(frozen=True)
class Concatenation:
    """Which part of a concatenation an object is (PS3.3 C.7.6.16.2.2.4); `parts` None where it does not say of how many."""

    uid: str
    part: int
    parts: int | None


@dataclass(frozen=True)
class Counts:
    """How many images the scanner says that it made, as written; whether to believe it is for `counts` to say.

    Parameters
    ----------
    images : ImagesInAcquisition (0020,1002)
    temporal_positions : NumberOfTemporalPositions (0020,0105)
    time_slots, heart_beats : NumberOfTimeSlots (0054,0071) and NumberOfRRIntervals (0054,0061) of a gated PET
    locations : slice positions by a private element of GE (0021,xx4F) or Philips (2001,xx18)
    number : InstanceNumber (0020,0013), a weak hint
    """

    images: int | None = None
    temporal_positions: int | None = None
    time_slots: int | None = None
    heart_beats: int | None = None
    locations: int | None = None
    number: int | None = None


@dataclass(frozen=True)
class PetPhysics:
    """How a PET image was made (PS3.3 C.8.9), vendors' private values included.

    Parameters
    ----------
    corrections : CorrectedImage
    reconstruction : ReconstructionMethod and ConvolutionKernel
    activity : RadionuclideTotalDose as written (Bq by the standard, MBq in some files)
    injected_at : RadiopharmaceuticalStartDateTime; None where only the time of day is given
    injection_time : RadiopharmaceuticalStartTime
    radiopharmaceuticals : number of items of RadiopharmaceuticalInformationSequence
    frame_duration_s, frame_reference_s : ActualFrameDuration and FrameReferenceTime, which the standard has in ms
    decay_instant : GE scan_datetime or Siemens decay correction date-time, private
    philips_suv_factor, philips_activity_factor : (7053,1000) and (7053,1009), private
    decay_attribute : which attribute `decay_instant` was read from, as a reader sees it
    temporal_index : TemporalPositionIndex of a multi-frame object
    counted : the dose as GE's console counted it, private; None where it did not
    """

    series_type: tuple[str, ...]
    units: str
    suv_type: str
    corrections: tuple[str, ...]
    decay_correction: str
    attenuation_method: str
    reconstruction: str
    radiopharmaceutical: str
    radiopharmaceutical_code: Code | None
    radionuclide_code: Code | None
    radiopharmaceuticals: int
    half_life_s: float | None
    activity: float | None
    injected_at: datetime | None
    injection_time: time | None
    slices: int | None
    time_slices: int | None
    image_index: int | None
    frame_duration_s: float | None
    frame_reference_s: float | None
    decay_factor: float | None
    decay_instant: datetime | None
    philips_suv_factor: float | None
    philips_activity_factor: float | None
    decay_attribute: str = ""
    counted: CountedDose | None = None
    temporal_index: int | None = None


@dataclass(frozen=True)
class SegmentLabel:
    """One segment of a DICOM SEG: its number, free label and coded property type; `algorithm` is AUTOMATIC, SEMIAUTOMATIC or MANUAL."""

    number: int
    label: str
    type: Code | None
    algorithm: str = ""
    tracking_id: str = ""
    tracking_uid: str = ""


@dataclass(frozen=True)
class Selection:
    """A Key Object Selection: its title, and the SOP Instance UIDs that it names (PS3.3 C.17.6)."""

    title: Code
    instances: tuple[str, ...]
