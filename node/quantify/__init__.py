"""The numbers: SUV, SUVR, DVR, contrast with the NAWM, lesions with core, rim and phenotype. `quantify` is the only door.

The *part* is the box of the PET grid that holds the brain; a *fraction* is how much of a PET voxel a mask of the T1 grid fills.

The path: `late` takes the late frames to the reference pose (`window`), puts masks on the PET grid as fractions (`project`), chooses what
everything is divided by (`references`, `reference`) and measures every region (`measure`) → of a dynamic scan `scan` holds all frames and
`dynamic` models them with `kinetics` → on the primary map `contrast`, `raised` and `lesions` follow → `corrected` gives what a
partial-volume correction would, where the site asks → `report` says it in findings and a sentence, `volumes` and `asymmetry` add theirs.
Two exams: `likeness` says whether their numbers may be compared, `change` what has changed beside the published repeatability, `fates` what
has become of each lesion.

Decisions
---------
Values are measured on the PET grid, because then no count is interpolated before it is measured; instead of on the MR, where every
voxel would be a mixture that depends on the resampling.

A ratio of means is reported, not a mean of ratios, because the noise of the reference would bias the latter. For the same reason the DVR
of a region is that of its mean curve, not the mean of the map, which noise raises by about 1 % (MRTM2) or lowers by 3 % (Logan).

The *primary map* is DVR by MRTM2 where the scan began with the injection, else SUVR: lesions, contrast and raised signal are read from it.

A difference between two exams is called a change only beyond a repeatability that somebody has published for this tracer, quantity, region,
reference and window; without one it stands alone, because a limit of ours would be an opinion. One lesion's change has no limit either:
of many lesions some differ by chance. A lesion is enlarged or smaller when its border has moved by `fates.SURFACE_MM` all round, because
what drawing repeats is a border and not a percentage; instead of one percentage, which no small lesion would keep.

The SUVR needs no weight, activity or time of injection beyond the window; what is missing for SUV takes away SUV alone. A dynamic scan
whose kinetics cannot be modelled is measured as if it were static, and says why.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.domain.exam import Exam
from node.domain.result import Alignment, Finding, ParametricMap, Provenance, Result, Segmentation, Tracer
from node.domain.tracer import TracerProfile
from node.errors import DataError
from node.quantify import report
from node.quantify.asymmetry import asymmetry_findings
from node.quantify.corrected import corrected_findings
from node.quantify.dynamic import Dynamic, analyse, curve_of
from node.quantify.genotype import judge_genotype
from node.quantify.late import Late, measure_late
from node.quantify.lesions import measure_lesions
from node.quantify.maps import contrast_map, scan_maps, suv_map, suvr_map
from node.quantify.options import QuantifyOptions
from node.quantify.primary import Primary, read_primary
from node.quantify.resolution import resolution_of
from node.quantify.rims import draw_rims
from node.quantify.volumes import volume_findings

__all__ = ["QuantifyOptions", "quantify"]

STATIC = "it needs a dynamic scan from the injection"


def quantify(
    exam: Exam,
    alignment: Alignment,
    segmentation: Segmentation,
    *,
    tracer: TracerProfile,
    provenance: Provenance,
    options: QuantifyOptions | None = None,
    tracking: Mapping[int, str] | None = None,
) -> Result:
    """Everything that is measured in one exam.

    Parameters
    ----------
    tracking : number → tracking UID of lesions that an earlier exam of the patient has named; the others get one of their own

    Raises
    ------
    DataError : the window was not measured, the Units cannot be used, the reference region or the NAWM cannot be measured, or the
        genotype lets the image say nothing
    """
    options = options or QuantifyOptions()
    genotype = judge_genotype(exam.subject, tracer)
    late = measure_late(exam, alignment, segmentation, tracer=tracer, options=options)
    dynamic, no_dvr = _model(late, options)
    scanner = resolution_of(exam.pet, options.scanners)
    primary = read_primary(late, dynamic, fwhm_mm=None if scanner is None else scanner.fwhm_mm, seed=provenance.seed)
    dvr = None if dynamic is None else dynamic.maps[0].values
    rims = draw_rims(late.segmentation, late.way) if late.segmentation.lesions.array.any() else None
    lesions = measure_lesions(
        late.segmentation,
        late.suvr,
        late.way,
        primary.scale,
        exam=provenance.exam,
        dvr=dvr,
        blurred=primary.blurred,
        rims=rims,
        tracking=tracking,
    )
    corrected, no_correction = corrected_findings(late, primary, scanner, options.partial_volume)
    return Result(
        suvr=suvr_map(late),
        maps=_maps(late, dynamic, primary),
        raised=primary.raised,
        tracer=_tracer(tracer, late),
        headline=report.headline(late, dynamic, lesions, segmentation.lesion_origin, primary.raised_ml, tracer.name),
        findings=(*_measured(late, dynamic, primary), *volume_findings(segmentation, alignment, primary.raised_ml, lesions), *corrected),
        lesions=lesions,
        checks=(
            *exam.checks,
            genotype,
            *alignment.checks,
            *segmentation.checks,
            *late.checks,
            *(() if dynamic is None else dynamic.checks),
        ),
        not_computed=report.not_computed(
            late,
            exam.subject,
            tracer,
            no_dvr=no_dvr,
            no_phenotype=primary.no_phenotype,
            no_correction=no_correction,
            origin=segmentation.lesion_origin,
        ),
        provenance=provenance,
        kinetics=None if dynamic is None else dynamic.kinetics,
        rims=None if rims is None else rims.labels,
    )


def _model(late: Late, options: QuantifyOptions) -> tuple[Dynamic | None, str]:
    """The dynamic scan modelled, or why not."""
    if late.scan is None:
        return None, STATIC
    try:
        reference = curve_of(late.scan, late.choice.name, late.reference.fraction)
        brain, nawm = late.fractions["brain"], late.fractions["nawm"]
        made = analyse(late.scan, reference, late.choice.basis, late.regions, brain=brain, nawm=nawm, maps=options.maps)
        return made, ""
    except DataError as error:
        return None, str(error)


def _maps(late: Late, dynamic: Dynamic | None, primary: Primary) -> tuple[ParametricMap, ...]:
    of_scan = () if dynamic is None else scan_maps(late, dynamic)
    suv = () if late.scale.g_per_ml is None else (suv_map(late, late.scale.g_per_ml),)
    return (*of_scan, contrast_map(late, primary.scale, primary.values, primary.quantity), *suv)


def _measured(late: Late, dynamic: Dynamic | None, primary: Primary) -> tuple[Finding, ...]:
    """TSPO signal by region."""
    kinetic = () if dynamic is None else report.kinetic_findings(dynamic)
    regional = report.regional_findings(late)
    sides = asymmetry_findings((*kinetic, *regional), primary.quantity)
    return (*kinetic, *regional, *report.contrast_findings(late, primary), *sides)


def _tracer(profile: TracerProfile, late: Late) -> Tracer:
    return Tracer(
        key=profile.key,
        name=profile.name,
        code=profile.code,
        genotype_sensitive=profile.genotype_sensitive,
        window_s=late.window.window_s,
        reference=late.choice.name,
        sources=tuple(f"{fact}: {source}" for fact, source in profile.sources),
    )
