"""The numbers: SUV, SUVR in the tracer's window, contrast with the NAWM, lesions with core and rim. `quantify` is the only door.

The *part* is the box of the PET grid that holds the brain; a *fraction* is how much of a PET voxel a mask of the T1 grid fills.

The path: `window` takes the late frames to the reference pose → `project` puts masks on the PET grid as fractions → `reference` is made
clean and measured → `measure` gives regional means → `contrast`, `raised`, `lesions` follow → `report` says it in findings and a sentence.

Decisions
---------
Values are measured on the PET grid, because then no count is interpolated before it is measured; instead of on the MR, where every
voxel would be a mixture that depends on the resampling.

A ratio of means is reported, not a mean of ratios, because the noise of the reference would bias the latter.

The SUVR needs no weight, activity or time of injection beyond the window; what is missing for SUV takes away SUV alone.
"""

from __future__ import annotations

import numpy as np

from node.domain.exam import Exam
from node.domain.result import Alignment, ParametricMap, Provenance, Quantity, Result, Segmentation, Tracer
from node.domain.tracer import TracerProfile
from node.domain.volume import Array, Volume
from node.quantify import raised as raised_signal
from node.quantify.contrast import NawmScale, nawm_scale
from node.quantify.lesions import measure_lesions
from node.quantify.measure import measure
from node.quantify.project import Projection, project
from node.quantify.reference import clean_reference, measure_reference
from node.quantify.report import headline, not_computed, regional_findings, volume_findings
from node.quantify.suv import suv_scale
from node.quantify.trim import trim
from node.quantify.window import LateWindow, late_window, minutes

MEASURED = ("cerebral_gm", "cortex", "thalamus", "deep_gm", "brainstem", "nawm", "white_matter", "cerebellar_gm")
DYNAMIC_FROM_S = 120.0
"""A scan that begins within this time of the injection is a dynamic one."""


def quantify(exam: Exam, alignment: Alignment, segmentation: Segmentation, *, tracer: TracerProfile, provenance: Provenance) -> Result:
    """Everything that is measured in one exam.

    Raises
    ------
    DataError : the window was not measured, the Units cannot be used, or the reference region or the NAWM cannot be measured
    """
    small, brain = trim(segmentation, alignment.brain)
    scale = suv_scale(exam.pet, exam.subject)
    window = late_window(exam.pet, alignment.pet_from_frame, tracer, scale.decay)
    way = project(brain, window.mean, alignment.t1_from_pet)
    mask = clean_reference(small, tracer.reference)
    masks = {region.name: region.mask.array for region in small.regions if region.name in MEASURED}
    if small.lesions.array.any():
        masks["lesions"] = small.lesions.array > 0
    fractions = way.fractions(masks | {"reference": mask.array, "search": raised_signal.searched(small)})
    reference = measure_reference(tracer.reference, way.cut(window.mean), fractions["reference"], window.mean.voxel_ml)
    # The reference is told as it was divided by, so that its own ratio is 1.
    regions = {name: fractions["reference" if name == tracer.reference else name] for name in masks}
    measured = measure(way.cut(window.frames), window.weights, regions, fractions["reference"])

    suvr = way.cut(window.mean) / np.float32(reference.mean)
    nawm = nawm_scale(suvr, fractions["nawm"])
    raised, _ = raised_signal.find_raised(suvr, nawm=fractions["nawm"], search=fractions["search"], projection=way)
    raised_volume = window.mean.like(way.uncut(raised, window.mean), unit="1")
    raised_ml = raised_signal.volume_ml(raised_volume)
    lesions = measure_lesions(small, suvr, way, nawm, exam=provenance.exam)

    missing = [name for name in ("cortex", "thalamus", "nawm") if name not in measured]
    return Result(
        suvr=_suvr_map(window, reference.mean, tracer),
        maps=_maps(window, way, nawm, suvr, g_per_ml=scale.g_per_ml, basis=scale.basis),
        raised=raised_volume,
        tracer=_tracer(tracer, window),
        headline=headline(measured, lesions, segmentation.lesion_origin, raised_ml, tracer.name),
        findings=regional_findings(measured, nawm, g_per_ml=scale.g_per_ml, window_s=window.window_s, reference=tracer.reference)
        + volume_findings(segmentation, float(brain.array.sum()) * brain.voxel_ml, raised_ml, lesions),
        lesions=lesions,
        checks=(*exam.checks, *alignment.checks, *segmentation.checks, *window.checks, *reference.checks),
        not_computed=not_computed(
            segmentation,
            tracer,
            suv_missing=scale.missing,
            dynamic=float(exam.pet.timing.start_s[0]) < DYNAMIC_FROM_S,
            missing_regions=missing,
        ),
        provenance=provenance,
    )


def _suvr_map(window: LateWindow, reference: float, tracer: TracerProfile) -> ParametricMap:
    values = (window.mean.array / np.float32(reference)).astype(np.float32)
    parameters = (
        ("window", minutes(window.window_s)),
        ("reference", tracer.reference),
        ("frames resampled for motion", str(window.resampled)),
    )
    return ParametricMap(window.mean.like(values, unit="1"), Quantity.SUVR, "ratio of late means", parameters, "")


def _maps(
    window: LateWindow, way: Projection, nawm: NawmScale, suvr: Array, *, g_per_ml: float | None, basis: str
) -> tuple[ParametricMap, ...]:
    score = nawm.score(suvr).astype(np.float32)
    contrast: Volume = window.mean.like(way.uncut(score, window.mean), unit="1")
    parameters = (("NAWM voxels", str(nawm.voxels)), ("least fraction of NAWM", f"{nawm.filled:g}"))
    maps = [ParametricMap(contrast, Quantity.CONTRAST, "median and MAD of the patient's own NAWM", parameters, "")]
    if g_per_ml is not None:
        suv = window.mean.like((window.mean.array * np.float32(g_per_ml)).astype(np.float32), unit="g/ml{SUVbw}")
        maps.append(ParametricMap(suv, Quantity.SUV, "body weight", (("basis", basis),), ""))
    return tuple(maps)


def _tracer(profile: TracerProfile, window: LateWindow) -> Tracer:
    return Tracer(
        key=profile.key,
        name=profile.name,
        code=profile.code,
        genotype_sensitive=profile.genotype_sensitive,
        window_s=window.window_s,
        reference=profile.reference,
        sources=tuple(f"{fact}: {source}" for fact, source in profile.sources),
    )
