"""What is said: findings with unit and basis, one sentence that can be copied into a report, and what was not computed and why.

The words are "TSPO signal", never "inflammation": the tracer binds to microglia, astrocytes and vessels alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.domain.exam import Subject
from node.domain.result import Finding, Lesion, LesionOrigin, Phenotype, Quantity
from node.domain.tracer import TracerProfile
from node.quantify.dynamic import PRIMARY_FIT_BASIS, Dynamic
from node.quantify.late import Late
from node.quantify.primary import Primary
from node.quantify.project import weighted_mean
from node.quantify.region_words import region_words
from node.quantify.suv import UNIT_SUV
from node.quantify.window import minutes

HEADLINE = ("thalamus", "cortex", "nawm")
NOT_TRACKED = {
    "pbr28": "Late ratios of [11C]PBR28 repeat well, and have not been shown to follow its distribution volume (Matheson et al. 2017)."
}
"""What must be said wherever a tracer's ratio is printed."""


def regional_findings(late: Late) -> tuple[Finding, ...]:
    """SUVR, and SUV where it is known, of every region."""
    when = minutes(late.window.window_s)
    findings = []
    for name, item in late.measured.items():
        basis = f"{when}, relative to {late.choice.basis}"
        findings.append(Finding(name, Quantity.SUVR, item.suvr, "1", item.suvr_error, basis))
        if late.scale.g_per_ml is not None:
            findings.append(Finding(name, Quantity.SUV, item.mean * late.scale.g_per_ml, UNIT_SUV, None, when))
    return tuple(findings)


def kinetic_findings(dynamic: Dynamic) -> tuple[Finding, ...]:
    """DVR of every region by the primary model, and k2′."""
    kinetics = dynamic.kinetics
    model = f"{PRIMARY_FIT_BASIS}, t* {kinetics.t_star_s / 60:g} min, k2′ {60 * kinetics.k2_ref_per_s:.3f} /min"
    basis = f"{model}, relative to {kinetics.reference_basis}"
    k2_ref = Finding("reference", Quantity.K2_REF, 60.0 * kinetics.k2_ref_per_s, "/min", None, kinetics.k2_ref_basis)
    itself = Finding(kinetics.reference.region, Quantity.DVR, 1.0, "1", None, basis)
    return (*(Finding(name, Quantity.DVR, fit.dvr, "1", fit.dvr_error, basis) for name, fit in dynamic.dvr.items()), itself, k2_ref)


def contrast_findings(late: Late, primary: Primary) -> tuple[Finding, ...]:
    """NAWM contrast score of every region, of its mean on the primary map."""
    basis = f"{primary.quantity.value} against the patient's own NAWM"
    return tuple(
        Finding(name, Quantity.CONTRAST, primary.scale.score_of(weighted_mean(primary.values, late.regions[name])), "1", None, basis)
        for name in late.measured
    )


def headline(late: Late, dynamic: Dynamic | None, lesions: Sequence[Lesion], origin: LesionOrigin, raised_ml: float, tracer: str) -> str:
    """One sentence."""
    if dynamic is None:
        quantity, values = Quantity.SUVR, {name: item.suvr for name, item in late.measured.items()}
    else:
        quantity, values = Quantity.DVR, {name: fit.dvr for name, fit in dynamic.dvr.items()}
    parts = [f"{region_words(name)} {values[name]:.2f}" for name in HEADLINE if name in values]
    told = f"TSPO signal ({tracer}, {quantity.value} to {region_words(late.choice.name)}): {', '.join(parts)}"
    return f"{told}; {_lesions_told(lesions, origin, quantity)}; {_raised_told(raised_ml)}."


def _lesions_told(lesions: Sequence[Lesion], origin: LesionOrigin, quantity: Quantity) -> str:
    if origin is LesionOrigin.NONE:
        return "lesions not assessed"
    cores = [lesion.core_dvr if quantity is Quantity.DVR else lesion.core_suvr for lesion in lesions]
    if not lesions:
        return "no lesion, says the reader" if origin is LesionOrigin.IMPORTED else "no lesion found"
    highest = max((core for core in cores if core is not None), default=None)
    counted = [(kind.value, sum(lesion.phenotype is kind for lesion in lesions)) for kind in _TOLD]
    kinds = ", ".join(f"{count} {kind}" for kind, count in counted if count)
    core = "" if highest is None else f", core up to {highest:.2f}"
    return f"{len(lesions)} lesion{'s' if len(lesions) > 1 else ''}{f' ({kinds})' if kinds else ''}{core}"


_TOLD = (Phenotype.RIM_ACTIVE, Phenotype.OVERALL_ACTIVE, Phenotype.INACTIVE)


def _raised_told(raised_ml: float) -> str:
    return f"raised signal in {raised_ml:.1f} mL of white matter" if raised_ml > 0 else "no region of raised signal in white matter"


def not_computed(
    late: Late, subject: Subject, tracer: TracerProfile, *, no_dvr: str, no_phenotype: str, no_correction: str, origin: LesionOrigin
) -> tuple[str, ...]:
    """What was not computed, and why, one sentence each.

    Parameters
    ----------
    no_dvr, no_phenotype, no_correction : why there is none; empty where there is one, or none was asked for
    """
    sentences = [late.scale.missing] if late.scale.missing else []
    if no_dvr:
        sentences.append(f"DVR was not computed: {no_dvr}.")
    sentences.append("No z-score: no normative database matches; the contrast score compares with the patient's own white matter only.")
    if origin is LesionOrigin.NONE:
        sentences.append("Lesions were not assessed: there was no FLAIR and no lesion segmentation.")
    elif no_phenotype:
        sentences.append(f"Lesions were not classed by their rim: {no_phenotype}.")
    if no_correction:
        sentences.append(f"No partial-volume correction: {no_correction}.")
    if tracer.genotype_sensitive and subject.genotype is None:
        sentences.append("No comparison of absolute uptake with other people: the rs6971 genotype is not known.")
    missing = [name for name in HEADLINE if name not in late.measured]
    sentences += [f"{region_words(name).capitalize()} was not measured: it was not found, or lies outside the PET." for name in missing]
    return (*sentences, *((NOT_TRACKED[tracer.key],) if tracer.key in NOT_TRACKED else ()))
