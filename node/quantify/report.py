"""What is said: findings with unit and basis, one sentence that can be copied into a report, and what was not computed and why.

The words are "TSPO signal", never "inflammation": the tracer binds to microglia, astrocytes and vessels alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.domain.result import Finding, Lesion, LesionOrigin, Quantity, Segmentation
from node.domain.tracer import TracerProfile
from node.quantify.contrast import NawmScale
from node.quantify.measure import Measured
from node.quantify.window import minutes

WORDS = {"cerebellar_gm": "cerebellar grey matter", "nawm": "normal-appearing white matter", "cerebral_gm": "cerebral grey matter"}
UNIT_SUV = "g/ml{SUVbw}"


def regional_findings(
    measured: Mapping[str, Measured], scale: NawmScale, *, g_per_ml: float | None, window_s: tuple[float, float], reference: str
) -> tuple[Finding, ...]:
    """SUVR, SUVbw and contrast of every region."""
    when = minutes(window_s)
    relative = f"{when}, relative to {words(reference)}"
    findings = []
    for name, item in measured.items():
        findings.append(Finding(name, Quantity.SUVR, item.suvr, "1", item.suvr_error, relative))
        if g_per_ml is not None:
            findings.append(Finding(name, Quantity.SUV, item.mean * g_per_ml, UNIT_SUV, None, when))
        findings.append(
            Finding(name, Quantity.CONTRAST, scale.score_of(item.suvr), "1", None, f"{when}, SUVR against the patient's own NAWM")
        )
    return tuple(findings)


def volume_findings(segmentation: Segmentation, brain_ml: float, raised_ml: float, lesions: Sequence[Lesion]) -> tuple[Finding, ...]:
    """Volumes and counts."""
    findings = [
        Finding("brain", Quantity.VOLUME, brain_ml, "ml", None, "brain mask on the T1"),
        Finding("raised", Quantity.VOLUME, raised_ml, "ml", None, "white matter that stands out from the patient's own NAWM"),
    ]
    if segmentation.lesion_origin is not LesionOrigin.NONE:
        basis = "drawn elsewhere, imported" if segmentation.lesion_origin is LesionOrigin.IMPORTED else "found by the node on the FLAIR"
        findings.append(Finding("lesions", Quantity.COUNT, float(len(lesions)), "1", None, basis))
        findings.append(Finding("lesions", Quantity.VOLUME, sum(lesion.volume_ml for lesion in lesions), "ml", None, basis))
    return tuple(findings)


def headline(measured: Mapping[str, Measured], lesions: Sequence[Lesion], origin: LesionOrigin, raised_ml: float, tracer: str) -> str:
    """One sentence."""
    parts = [f"{words(name)} {measured[name].suvr:.2f}" for name in ("thalamus", "cortex", "nawm") if name in measured]
    told = f"TSPO signal ({tracer}, SUVR to cerebellar grey matter): {', '.join(parts)}"
    return f"{told}; {_lesions_told(lesions, origin)}; {_raised_told(raised_ml)}."


def _lesions_told(lesions: Sequence[Lesion], origin: LesionOrigin) -> str:
    if origin is LesionOrigin.NONE:
        return "lesions not assessed"
    highest = max((lesion.core_suvr for lesion in lesions if lesion.core_suvr is not None), default=None)
    if highest is None:
        return "no lesion found"
    return f"{len(lesions)} lesion{'s' if len(lesions) > 1 else ''}, core up to {highest:.2f}"


def _raised_told(raised_ml: float) -> str:
    return f"raised signal in {raised_ml:.1f} mL of white matter" if raised_ml > 0 else "no region of raised signal in white matter"


def not_computed(
    segmentation: Segmentation, tracer: TracerProfile, *, suv_missing: str, dynamic: bool, missing_regions: Sequence[str]
) -> tuple[str, ...]:
    """What was not computed, and why, one sentence each."""
    sentences = [suv_missing] if suv_missing else []
    if dynamic:
        sentences.append("DVR was not computed: this version measures the late window alone.")
    else:
        sentences.append("DVR was not computed: it needs a dynamic scan from the injection.")
    sentences.append("No z-score: no normative database matches; the contrast score compares with the patient's own white matter only.")
    if segmentation.lesion_origin is LesionOrigin.NONE:
        sentences.append("Lesions were not assessed: there was no FLAIR and no lesion segmentation.")
    else:
        sentences.append("Lesions were not classed by their rim: core and rim are given as measured, with the scanner's blur in them.")
    if tracer.genotype_sensitive:
        sentences.append("No comparison of absolute uptake with other people: the rs6971 genotype is not known.")
    sentences += [f"{words(name).capitalize()} was not measured: it was not found, or lies outside the PET." for name in missing_regions]
    return tuple(sentences)


def words(region: str) -> str:
    """A region's name in a sentence."""
    return WORDS.get(region, region.replace("_", " "))
