"""The concepts of the structured report: standard ones where there are any, our own scheme where there are none (quantification section L).

DCM 126393 "R1" is relaxation of MR and DCM 126312 a transfer constant of contrast agents; neither may carry what the reference tissue
models give. A value of core or rim has a concept of its own, instead of SUVR with a modifier, because what lists measurements by name
alone would show two values under one name.
"""

from __future__ import annotations

from node.domain import codes
from node.domain.codes import PRIVATE_SCHEME, Code
from node.domain.history import Change, Fate
from node.domain.result import Finding, Phenotype, Quantity
from node.encode.quantities import RATIO, measure

VOLUME = Code("118565006", "SCT", "Volume")
LESION_COUNT = Code("246206008", "SCT", "Number of lesions")
MEAN = Code("373098007", "SCT", "Mean")
PRESENT = Code("52101004", "SCT", "Present")
ABSENT = Code("272519000", "SCT", "Absent")
SUMMARY = Code("121111", "DCM", "Summary")
COMMENT = Code("121106", "DCM", "Comment")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
RADIOPHARMACEUTICAL = Code("349358000", "SCT", "Radiopharmaceutical agent")
SOURCE = Code("260753009", "SCT", "Source")
REPRESENTATIVE_POINT = Code("128140", "DCM", "Representative point")
SOURCE_OF_MEASUREMENT = Code("121112", "DCM", "Source of Measurement")
PRIOR_REPORT = Code("122075", "DCM", "Prior report for current patient")
QUALITY_ASSESSMENT = Code("111050", "DCM", "Quality Assessment")
USABLE = Code("111237", "DCM", "Usable - Meets the quality control standard")
USABLE_WITH_FAULTS = Code("111236", "DCM", "Usable - Does not meet the quality control standard")
Z_SCORE = Code("121416", "DCM", "Z-Score of measurement")
POPULATION_MEAN = Code("373098007", "SCT", "Mean Value of population")
RANGE_LOWER = Code("385524004", "SCT", "Normal Range Lower Limit")
RANGE_UPPER = Code("371933006", "SCT", "Normal Range Upper Limit")
NORM_DESCRIPTION = Code("121405", "DCM", "Population description")
UNCERTAINTY_UPPER = Code("371886008", "SCT", "+, range of upper measurement uncertainty")
UNCERTAINTY_LOWER = Code("371885007", "SCT", "-, range of lower measurement uncertainty")
TITLE = Code("126000", "DCM", "Imaging Measurement Report")
PET_PROCEDURE = Code("44136-0", "LN", "PET unspecified body region")

MILLILITRE = Code("ml", "UCUM", "ml")
MILLIMETRE = Code("mm", "UCUM", "mm")
PER_MINUTE = Code("/min", "UCUM", "/min")
PER_CENT = Code("%", "UCUM", "%")
PIXELS = Code("{pixels}", "UCUM", "Pixels")
BECQUEREL = Code("Bq", "UCUM", "Bq")

PHENOTYPE = Code("PHENOTYPE", PRIVATE_SCHEME, "TSPO phenotype of a lesion")
CONFIDENCE = Code("CONFIDENCE", PRIVATE_SCHEME, "Share of draws from the errors that agree")
INSCRIBED_RADIUS = Code("INSCRIBED-RADIUS", PRIVATE_SCHEME, "Radius of the largest sphere inside")
ACTIVE_LEVEL = Code("ACTIVE-LEVEL", PRIVATE_SCHEME, "Value from which on tissue is called active")
CORE_ACTIVE = Code("CORE-ACTIVE", PRIVATE_SCHEME, "Share of the core above the active level, as measured")
RIM_ACTIVE = Code("RIM-ACTIVE-SHARE", PRIVATE_SCHEME, "Share of the rim above the active level, as measured")
SHARE_OF_BRAIN = Code("SHARE-OF-BRAIN", PRIVATE_SCHEME, "Share of tissue and fluid inside the brain mask")
ASYMMETRY = Code("ASYMMETRY", PRIVATE_SCHEME, "Asymmetry of TSPO signal, left against right")
K2_REFERENCE = Code("K2-REFERENCE", PRIVATE_SCHEME, "Efflux constant of the reference, k2'")
ROLE = Code("ROLE", PRIVATE_SCHEME, "Role of a region")
REFERENCE = Code("REFERENCE", PRIVATE_SCHEME, "Reference region")
GENOTYPE = Code("RS6971", PRIVATE_SCHEME, "TSPO rs6971 binding class")
NOT_ASSESSED = Code("NOT-ASSESSED", PRIVATE_SCHEME, "Not assessed")
RESEARCH_USE = Code("RESEARCH-USE", PRIVATE_SCHEME, "What this report may be used for")
CAVEAT = Code("CAVEAT", PRIVATE_SCHEME, "What must be known to read it")
CHECK_NOT_PASSED = Code("CHECK-NOT-PASSED", PRIVATE_SCHEME, "Check that did not pass")
NOT_COMPUTED = Code("NOT-COMPUTED", PRIVATE_SCHEME, "What was not computed, and why")
COMPARISON = Code("COMPARISON", PRIVATE_SCHEME, "Comparison with earlier exams")
FATE = Code("FATE", PRIVATE_SCHEME, "What has become of a lesion since the earlier exam")
PRIOR_VALUE = Code("PRIOR-VALUE", PRIVATE_SCHEME, "Value at the earlier exam")
REPEATABILITY = Code("REPEATABILITY", PRIVATE_SCHEME, "Limit of change in 19 of 20 unchanged people")
REPEATABILITY_OF = Code("REPEAT-SOURCE", PRIVATE_SCHEME, "Whose repeatability, or why there is none")
EARLIER_EXAM = Code("EARLIER-EXAM", PRIVATE_SCHEME, "Earlier exam that it is compared with")
MAP_QUANTITY = Code("MAP-QUANTITY", PRIVATE_SCHEME, "Quantity that a map holds")
MAP_METHOD = Code("MAP-METHOD", PRIVATE_SCHEME, "How a map was made")
SERIES_ROLE = Code("SERIES-ROLE", PRIVATE_SCHEME, "What a series is to the exam")

FATES = {fate: Code(f"FATE-{fate.name}", PRIVATE_SCHEME, f"Lesion {fate.value}") for fate in Fate}
COUNTS = {kind: Code(f"N-{kind.name.replace('_', '-')}", PRIVATE_SCHEME, f"Number of lesions, {kind.value}") for kind in Phenotype}
"""A phenotype → the number of its lesions, which has a concept of its own for the reason told above."""

GENOTYPES = {
    "HAB": Code("HAB", PRIVATE_SCHEME, "High-affinity binder"),
    "MAB": Code("MAB", PRIVATE_SCHEME, "Mixed-affinity binder"),
    "LAB": Code("LAB", PRIVATE_SCHEME, "Low-affinity binder"),
    None: Code("UNKNOWN", PRIVATE_SCHEME, "Not known"),
}

PLACES = {
    "periventricular": codes.PERIVENTRICULAR_WHITE_MATTER,
    "juxtacortical": codes.JUXTACORTICAL_WHITE_MATTER,
    "infratentorial": codes.INFRATENTORIAL,
    "deep white matter": codes.DEEP_WHITE_MATTER,
}
"""A lesion's place in words → the same as a code."""

_SHORT = {Quantity.SUVR: "SUVR", Quantity.DVR: "DVR", Quantity.CONTRAST: "CONTRAST"}
_PARTS = {
    "CORE": "of a lesion's core, as measured",
    "RIM": "of a lesion's 2 mm rim, as measured",
    "BG": "around a lesion, as measured",
    "CORE-UNMIX": "of a lesion's core, unmixed",
    "RIM-UNMIX": "of a lesion's 2 mm rim, unmixed",
    "BG-UNMIX": "around a lesion, unmixed",
    "DIFF-UNMIX": "of a lesion's rim less its core, unmixed",
}


def lesion_concept(quantity: Quantity, part: str) -> Code:
    """The concept of a quantity in a part of a lesion: a key of `_PARTS`.

    Raises
    ------
    KeyError : lesions are not measured in that quantity, or have no such part
    """
    return Code(f"{_SHORT[quantity]}-{part}", PRIVATE_SCHEME, f"{quantity.value} {_PARTS[part]}")


def change_concept(change: Change) -> Code:
    """The concept of a change, told by quantity, and by the part of a lesion or the phenotype counted where it is of those."""
    if change.quantity is Quantity.COUNT:
        kinds = [kind for kind in Phenotype if change.region == f"{kind.value} lesions"]
        what = COUNTS[kinds[0]] if kinds else LESION_COUNT
        return Code(f"CH-{what.value}"[:16], PRIVATE_SCHEME, f"Change: {what.meaning}")
    part = "" if change.lesion is None else " of a lesion's 2 mm rim" if change.region == "rims" else " of a lesion's core"
    short = {"": "", " of a lesion's core": "-CORE"}.get(part, "-RIM")
    return Code(f"CH-{change.quantity.name}{short}"[:16], PRIVATE_SCHEME, f"Change: {change.quantity.value}{part}")


def finding_concept(finding: Finding) -> Code:
    """The concept of a finding; of its own where it is corrected for partial volume."""
    if finding.quantity is Quantity.VOLUME:
        return VOLUME
    if finding.quantity is Quantity.COUNT:
        return LESION_COUNT
    own = {Quantity.K2_REF: K2_REFERENCE, Quantity.FRACTION: SHARE_OF_BRAIN, Quantity.ASYMMETRY: ASYMMETRY}
    if finding.quantity in own:
        return own[finding.quantity]
    concept = measure(finding.quantity).concept
    if not finding.partial_volume:
        return concept
    return Code(f"{finding.quantity.name}-PVC", PRIVATE_SCHEME, f"{finding.quantity.value}, corrected for partial volume")


def finding_unit(finding: Finding | Change) -> Code:
    """The unit of a finding or a change as coded: as the finding names it.

    Raises
    ------
    ValueError : an unknown unit
    """
    known = {"1": RATIO, "ml": MILLILITRE, "mL": MILLILITRE, "/min": PER_MINUTE, "1/min": PER_MINUTE, "%": PER_CENT}
    suv = {unit: measure(Quantity.SUV).unit for unit in ("g/mL", "g/ml", "g/ml{SUVbw}")}
    unit = {**known, **suv}.get(finding.unit)
    if unit is None:
        raise ValueError(f"expected a unit of the report; found {finding.unit!r} for {finding.quantity.value} of {finding.region}")
    return unit
