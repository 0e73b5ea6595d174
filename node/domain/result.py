"""What the verbs after assembling make: Alignment, Segmentation, Result, and their parts.

*Reference pose* means the pose of the PET frame (or mean of frames) onto which the other frames were moved; `t1_from_pet` belongs to it.
Masks live on the T1 grid and are projected onto the PET grid as volume fractions when something is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from node.domain.codes import Code
from node.domain.exam import Check
from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the images of an exam lie to each other.

    Parameters
    ----------
    t1 : (S, R, C) the T1 with its intensity bias taken out, float32, on the T1 series' own grid
    brain : (S, R, C) bool on the T1 grid: cerebrum, cerebellum, brain stem down to the foramen magnum, with the fluid inside; no scalp,
        skull, neck or sinus
    t1_from_pet : of the reference pose, rigid
    pet_from_frame : F rigid transforms, reference pose from the pose of each frame
    t1_from_flair : rigid; None without FLAIR
    template_from_t1 : T1 → template, deformable
    """

    t1: Volume
    brain: Volume
    t1_from_pet: Transform
    pet_from_frame: tuple[Transform, ...]
    t1_from_flair: Transform | None
    template_from_t1: Deformation
    checks: tuple[Check, ...]


@dataclass(frozen=True, eq=False)
class Region:
    """A named part of the brain: `mask` (S, R, C) bool on the T1 grid."""

    name: str
    code: Code
    mask: Volume


class Tissue(Enum):
    """Labels of `Segmentation.tissue`."""

    BACKGROUND = 0
    CSF = 1
    GRAY_MATTER = 2
    WHITE_MATTER = 3  #: lesions included


class LesionOrigin(Enum):
    """Who drew the lesions."""

    IMPORTED = "imported"  #: a DICOM SEG that came with the exam
    FOUND = "found"  #: the node, on the FLAIR
    NONE = "none"  #: nobody: no FLAIR and no SEG


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The parts of the brain, on the T1 grid.

    Parameters
    ----------
    tissue : (S, R, C) uint8, values of `Tissue`
    regions : by name; always "cerebellar_gm", "nawm", "thalamus", "cortex", "white_matter", "brain"
    lesions : (S, R, C) int32 labels, 0 background, numbered 1…n by falling volume; all 0 where `lesion_origin` is NONE
    """

    tissue: Volume
    regions: tuple[Region, ...]
    lesions: Volume
    lesion_origin: LesionOrigin
    checks: tuple[Check, ...]

    def region(self, name: str) -> Region:
        """The region of that name; KeyError where there is none."""
        for region in self.regions:
            if region.name == name:
                return region
        raise KeyError(name)


class Quantity(Enum):
    """What is measured: value is the name that a reader sees."""

    SUV = "SUVbw"
    SUVR = "SUVR"
    CONTRAST = "NAWM contrast score"
    VOLUME = "Volume"
    COUNT = "Count"


@dataclass(frozen=True)
class Finding:
    """One statement.

    Parameters
    ----------
    region : name of the region that it is about, or "lesions"
    quantity : what was measured
    value : in `unit`
    unit : UCUM
    uncertainty : standard error in `unit`, None where it is not known
    basis : against what and over what, one phrase: "60–90 min, relative to cerebellar grey matter"
    """

    region: str
    quantity: Quantity
    value: float
    unit: str
    uncertainty: float | None
    basis: str


@dataclass(frozen=True)
class Lesion:
    """One lesion, with its core and its 2 mm rim.

    Parameters
    ----------
    number : its label in `Segmentation.lesions`, shown to the reader
    tracking_uid : follows the lesion from visit to visit
    volume_ml : on the T1 grid
    place : "periventricular", "juxtacortical", "infratentorial" or "deep white matter"
    centroid_mm : LPS mm in the T1 frame of reference
    inscribed_radius_mm : largest sphere inside
    core_suvr, rim_suvr : volume-fraction-weighted means; None where a mean could not be measured
    core_contrast, rim_contrast : the same as NAWM contrast score
    note : why something is missing, or empty
    """

    number: int
    tracking_uid: str
    volume_ml: float
    place: str
    centroid_mm: tuple[float, float, float]
    inscribed_radius_mm: float
    core_suvr: float | None
    rim_suvr: float | None
    core_contrast: float | None
    rim_contrast: float | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class ParametricMap:
    """A map on the PET grid, reference pose.

    Parameters
    ----------
    volume : (S, R, C) float32
    method : how it was made, with author and year where it is somebody's
    parameters : name and value, as printed
    """

    volume: Volume
    quantity: Quantity
    method: str
    parameters: tuple[tuple[str, str], ...]
    citation: str


@dataclass(frozen=True)
class Tracer:
    """What a reader must know of the tracer used: one file of ``config/tracers``, as applied.

    `window_s` is the part of the scan that was used, s after the injection; `reference` the reference region's name.
    """

    key: str
    name: str
    code: Code | None
    genotype_sensitive: bool
    window_s: tuple[float, float]
    reference: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """What the result was made from and with.

    `made_at` is aware, and the only date that may appear inside objects as theirs; `inputs` are (SOP Instance UID, SHA-256).
    """

    exam: str
    version: int
    software: str
    settings_digest: str
    seed: int
    made_at: datetime
    inputs: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Result:
    """What was measured.

    Parameters
    ----------
    suvr : the SUVR map on the PET grid, reference pose
    maps : further maps (SUV, contrast score)
    raised : (S, R, C) bool on the PET grid: region of raised TSPO signal
    headline : one sentence that can be copied into a report
    findings, lesions, checks : see there; `checks` are all of the exam's, assembling to quantifying
    not_computed : what was not computed, and why, one sentence each
    """

    suvr: ParametricMap
    maps: tuple[ParametricMap, ...]
    raised: Volume
    tracer: Tracer
    headline: str
    findings: tuple[Finding, ...]
    lesions: tuple[Lesion, ...]
    checks: tuple[Check, ...]
    not_computed: tuple[str, ...]
    provenance: Provenance

    def finding(self, region: str, quantity: Quantity) -> Finding | None:
        """The finding of that region and quantity, None where there is none."""
        for finding in self.findings:
            if finding.region == region and finding.quantity is quantity:
                return finding
        return None
