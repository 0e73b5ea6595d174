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
from node.domain.timing import FrameTiming
from node.domain.transform import Deformation, Transform
from node.domain.volume import Array, Volume


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
    motion_mm : F largest displacements within the head against the reference pose; NaN for frames that were not compared
    """

    t1: Volume
    brain: Volume
    t1_from_pet: Transform
    pet_from_frame: tuple[Transform, ...]
    t1_from_flair: Transform | None
    template_from_t1: Deformation
    checks: tuple[Check, ...]
    motion_mm: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Region:
    """A named part of the brain: `mask` (S, R, C) bool on the T1 grid; `side` is `codes.LEFT` or `codes.RIGHT` of a paired one."""

    name: str
    code: Code
    mask: Volume
    side: Code | None = None


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
    PROGRAM = "program"  #: a program of the site, started by the node
    NONE = "none"  #: nobody: no FLAIR and no SEG


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The parts of the brain, on the T1 grid.

    Parameters
    ----------
    tissue : (S, R, C) uint8, values of `Tissue`
    regions : by name; always "cerebellar_gm", "nawm", "thalamus", "cortex", "white_matter", "brain"
    lesions : (S, R, C) int32 labels, 0 background; all 0 where `lesion_origin` is NONE. Numbers begin with 1 and fall with volume in a
        first exam; a lesion that an earlier exam of the patient showed keeps its number, so that there may be gaps, in any order
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
    DVR = "DVR"
    BP_ND = "BP_ND"
    R1 = "R1"
    K2_REF = "k2'"
    CONTRAST = "NAWM contrast score"
    VOLUME = "Volume"
    COUNT = "Count"
    FRACTION = "Share of the brain"
    ASYMMETRY = "Asymmetry"


@dataclass(frozen=True)
class Norm:
    """What healthy people have: `expected` and the range `low` to `high` of 95 % of them, in the finding's unit.

    `z` is the finding's distance from `expected` in standard deviations, None where the norm gives none; `source` says whose norm, how many
    people and how they were matched, one phrase.
    """

    expected: float
    low: float
    high: float
    z: float | None
    source: str


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
    partial_volume : name of the partial-volume correction that is in the value; empty where none is
    norm : what healthy people have, None where no norm matches
    """

    region: str
    quantity: Quantity
    value: float
    unit: str
    uncertainty: float | None
    basis: str
    partial_volume: str = ""
    norm: Norm | None = None


class Phenotype(Enum):
    """What a lesion's core and rim say, unmixed; value is what a reader sees."""

    RIM_ACTIVE = "rim-active"
    OVERALL_ACTIVE = "overall-active"
    INACTIVE = "inactive"
    INDETERMINATE = "indeterminate"
    NOT_RESOLVABLE = "rim not resolvable"


@dataclass(frozen=True)
class Unmixed:
    """A lesion's core, rim and surroundings with the scanner's blur taken out, beside what was measured; in `quantity`.

    Parameters
    ----------
    core, rim, background : unmixed
    core_error, rim_error : their standard errors
    difference_error : standard error of rim − core
    measured_core, measured_rim, measured_background : volume-fraction-weighted means as they are
    active_level : what a value is called active from, and `active_basis` how it was found
    core_active, rim_active : share of voxels, fraction-weighted, above that level as measured (the published scheme's measure)
    """

    quantity: Quantity
    core: float
    rim: float
    background: float
    core_error: float
    rim_error: float
    difference_error: float
    measured_core: float
    measured_rim: float
    measured_background: float
    active_level: float
    active_basis: str
    core_active: float
    rim_active: float


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
    core_contrast, rim_contrast : NAWM contrast score of the result's primary map
    core_dvr, rim_dvr : the means in DVR; None without a dynamic scan
    note : why something is missing, or empty
    phenotype : None where nothing could be measured
    confidence : share of draws from the covariance that give the same phenotype, None without a call
    unmixed : None where the scanner's resolution is unknown or the lesion is too small
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
    core_dvr: float | None = None
    rim_dvr: float | None = None
    phenotype: Phenotype | None = None
    confidence: float | None = None
    unmixed: Unmixed | None = None


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


@dataclass(frozen=True, eq=False)
class Curve:
    """A time–activity curve: `values` (F,) Bq/mL (or g/mL), decay-corrected to one instant, of a region in the reference pose."""

    region: str
    values: Array
    volume_ml: float


@dataclass(frozen=True, eq=False)
class Fit:
    """One model on one curve.

    Parameters
    ----------
    model : "Logan 1996", "MRTM2 (Ichise 2003)", "SRTM (Lammertsma 1996)", …
    dvr, dvr_error : with standard error; error None where the model gives none
    r1, k2_ref_per_s : None where the model does not give them
    x, y : (n,) points of the linear plot, or time (s) and curve where the model is no line
    line : (n,) fitted y at x
    used : (n,) bool, points that the fit used
    """

    region: str
    model: str
    dvr: float
    dvr_error: float | None
    r1: float | None
    k2_ref_per_s: float | None
    x: Array
    y: Array
    line: Array
    used: Array


@dataclass(frozen=True, eq=False)
class Kinetics:
    """What was made of a dynamic scan.

    Parameters
    ----------
    timing : of the F frames, s after time zero
    reference : curve of the reference
    reference_basis : how the reference was made, one phrase; says when it stands in for another
    k2_ref_per_s : k2' that the maps used
    k2_ref_basis : how it was found, one phrase
    t_star_s : start of the linear part
    t_star_shifts : (later by s, DVR of the NAWM) with t* moved, the self-check
    """

    timing: FrameTiming
    reference: Curve
    reference_basis: str
    curves: tuple[Curve, ...]
    fits: tuple[Fit, ...]
    k2_ref_per_s: float
    k2_ref_basis: str
    t_star_s: float
    t_star_shifts: tuple[tuple[float, float], ...]


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

    `made_at` is aware, and the only date that may appear inside objects as theirs; `inputs` are (SOP Instance UID, SHA-256); `replaces` is
    the latest earlier version of which a destination has objects, None where none has.
    """

    exam: str
    version: int
    software: str
    settings_digest: str
    seed: int
    made_at: datetime
    inputs: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...] = ()
    replaces: int | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """What was measured.

    Parameters
    ----------
    suvr : the SUVR map on the PET grid, reference pose
    maps : further maps (SUV, contrast score); of a dynamic scan DVR first, the primary one before those of other models
    raised : (S, R, C) bool on the PET grid: region of raised TSPO signal
    headline : one sentence that can be copied into a report
    findings, lesions, checks : see there; `checks` are all of the exam's, assembling to quantifying
    not_computed : what was not computed, and why, one sentence each
    kinetics : of a dynamic scan
    rims : (S, R, C) integers in the T1's frame of reference, on the T1's grid or a finer one: the number of the lesion whose 2 mm rim a
        voxel is, 0 elsewhere; None where they were not kept
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
    kinetics: Kinetics | None = None
    rims: Volume | None = None

    @property
    def primary(self) -> ParametricMap:
        """The map that lesions, contrast and raised signal were read from: DVR where there is one, else SUVR."""
        return next((item for item in self.maps if item.quantity is Quantity.DVR), self.suvr)

    def finding(self, region: str, quantity: Quantity) -> Finding | None:
        """The finding of that region and quantity without partial-volume correction, None where there is none."""
        for finding in self.findings:
            if finding.region == region and finding.quantity is quantity and not finding.partial_volume:
                return finding
        return None
