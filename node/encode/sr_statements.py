"""What the structured report says that is no number: coded statements first, sentences after them, earlier reports last."""

from __future__ import annotations

from collections.abc import Iterator

from highdicom import sr

from node.domain import codes
from node.domain.codes import Code
from node.domain.exam import Check, Gravity
from node.domain.history import Fate, LesionChange, Visit
from node.domain.result import LesionOrigin, Phenotype, Quantity
from node.encode.material import Material
from node.encode.page import NO_FREE_REGION, RESEARCH_USE
from node.encode.phenotypes import LOOKS
from node.encode.quantities import dicom, plain
from node.encode.sr_codes import (
    ABSENT,
    CAVEAT,
    CHECK_NOT_PASSED,
    COMPARISON,
    GENOTYPE,
    GENOTYPES,
    NOT_ASSESSED,
    NOT_COMPUTED,
    PRESENT,
    PRIOR_REPORT,
    QUALITATIVE_EVALUATIONS,
    QUALITY_ASSESSMENT,
    RADIOPHARMACEUTICAL,
    SUMMARY,
    USABLE,
    USABLE_WITH_FAULTS,
)
from node.encode.sr_codes import RESEARCH_USE as USE
from node.encode.sr_evidence import cited_reports
from node.encode.sr_library import container, tracer_code
from node.encode.words import CONTRAST_SENTENCES, moment_words

CONTAINS = sr.RelationshipTypeValues.CONTAINS


def evaluations(material: Material) -> sr.ContainerContentItem:
    """The container of all that is no number."""
    item = container(dicom(QUALITATIVE_EVALUATIONS))
    content = item.ContentSequence
    for name, code in _statements(material):
        content.append(sr.CodeContentItem(dicom(name), dicom(code), CONTAINS))
    for name, text in (*_sentences(material), *_compared(material)):
        content.append(sr.TextContentItem(dicom(name), plain(text), CONTAINS))
    for visit in cited_reports(material):
        assert visit.report is not None
        content.append(sr.CompositeContentItem(dicom(PRIOR_REPORT), *visit.report, relationship_type=CONTAINS))
    return item


def _statements(material: Material) -> Iterator[tuple[Code, Code]]:
    result = material.result
    yield RADIOPHARMACEUTICAL, tracer_code(result.tracer)
    yield GENOTYPE, GENOTYPES[material.exam.subject.genotype]
    yield QUALITY_ASSESSMENT, _quality(result.checks)
    looked = material.segmentation.lesion_origin is not LesionOrigin.NONE
    yield codes.LESION_OF_BRAIN, (PRESENT if result.lesions else ABSENT) if looked else NOT_ASSESSED
    yield LOOKS[Phenotype.RIM_ACTIVE].code, _rim_active(material) if looked else NOT_ASSESSED
    yield codes.RAISED_TSPO_SIGNAL, PRESENT if result.raised.array.any() else ABSENT


def _quality(checks: tuple[Check, ...]) -> Code:
    """Usable in any case, or there would be no report; with faults where a check did not pass that is more than a note."""
    faults = any(not check.passed and check.gravity is not Gravity.NOTE for check in checks)
    return USABLE_WITH_FAULTS if faults else USABLE


def _rim_active(material: Material) -> Code:
    """Whether a lesion is rim-active; not assessed where there are lesions and none could be classed."""
    called = {lesion.phenotype for lesion in material.result.lesions}
    if Phenotype.RIM_ACTIVE in called:
        return PRESENT
    classed = called & {Phenotype.OVERALL_ACTIVE, Phenotype.INACTIVE}
    return ABSENT if classed or not called else NOT_ASSESSED


def _sentences(material: Material) -> Iterator[tuple[Code, str]]:
    result = material.result
    yield USE, RESEARCH_USE
    yield SUMMARY, result.headline
    yield CAVEAT, NO_FREE_REGION
    if any(finding.quantity is Quantity.CONTRAST for finding in result.findings):
        yield CAVEAT, CONTRAST_SENTENCES
    for check in result.checks:
        if not check.passed:
            yield CHECK_NOT_PASSED, f"{check.gravity.value}: {check.message}"
    for sentence in result.not_computed:
        yield NOT_COMPUTED, sentence


def _compared(material: Material) -> Iterator[tuple[Code, str]]:
    """Each earlier exam, what is to be known of it, and the lesions that are no longer seen: they have no group of their own."""
    history = material.history
    yield from ((COMPARISON, _visit_words(visit)) for visit in history.visits)
    yield from ((COMPARISON, note) for note in history.notes)
    yield from ((COMPARISON, _gone_words(change)) for change in history.lesions if change.fate is Fate.VANISHED)


def _visit_words(visit: Visit) -> str:
    told = f"Exam {visit.exam} of {moment_words(visit.scanned_at)}: {visit.tracer}, {visit.method}"
    return f"{told}. {visit.unlike}" if visit.unlike else told


def _gone_words(change: LesionChange) -> str:
    size = "" if change.before_ml is None else f", {change.before_ml:.2f} ml on exam {change.since}"
    return f"Lesion {change.number}{size}: {change.fate.value}"
