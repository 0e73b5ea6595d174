"""The numbers of the structured report: of a lesion, of a region, and their changes (PS3.16 TID 300, 310 to 312).

A number's error, its norm and its earlier value are properties of it, in its own unit. An uncertainty is one standard error, above and
below. A norm is told as the mean of a population (TID 311), the number's z-score in it, and the range that holds 95 % (TID 312).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom import sr

from node.domain.codes import Code
from node.domain.history import Change
from node.domain.result import Finding, Lesion, Norm, Phenotype, Quantity
from node.encode.quantities import RATIO, dicom, plain
from node.encode.sr_codes import (
    ACTIVE_LEVEL,
    CONFIDENCE,
    CORE_ACTIVE,
    COUNTS,
    EARLIER_EXAM,
    INSCRIBED_RADIUS,
    MEAN,
    MILLILITRE,
    MILLIMETRE,
    NORM_DESCRIPTION,
    POPULATION_MEAN,
    PRIOR_VALUE,
    RANGE_LOWER,
    RANGE_UPPER,
    REPEATABILITY,
    REPEATABILITY_OF,
    RIM_ACTIVE,
    UNCERTAINTY_LOWER,
    UNCERTAINTY_UPPER,
    VOLUME,
    Z_SCORE,
    change_concept,
    finding_concept,
    finding_unit,
    lesion_concept,
)

PROPERTY = sr.RelationshipTypeValues.HAS_PROPERTIES
_NO_MEAN = (Quantity.VOLUME, Quantity.COUNT, Quantity.K2_REF, Quantity.FRACTION, Quantity.ASYMMETRY)


@dataclass(frozen=True)
class Property:
    """What is told of a number: a value in a unit of its own, or a text."""

    concept: Code
    value: float | str
    unit: Code = RATIO

    def item(self) -> sr.NumContentItem | sr.TextContentItem:
        """As a content item below the number."""
        if isinstance(self.value, str):
            return sr.TextContentItem(dicom(self.concept), plain(self.value), PROPERTY)
        return sr.NumContentItem(dicom(self.concept), self.value, dicom(self.unit), relationship_type=PROPERTY)


@dataclass(frozen=True)
class Number:
    """One number: its concept, value, unit, standard error (None where it is not known), and whether it is a mean over voxels."""

    concept: Code
    value: float
    unit: Code
    error: float | None = None
    mean: bool = False
    properties: tuple[Property, ...] = ()

    def measurement(self) -> sr.Measurement:
        """As TID 300 has it."""
        told = sr.MeasurementProperties()
        told.extend(item.item() for item in (*self.properties, *self._errors()))
        derivation = dicom(MEAN) if self.mean else None
        return sr.Measurement(dicom(self.concept), self.value, dicom(self.unit), derivation=derivation, properties=told or None)

    def _errors(self) -> tuple[Property, ...]:
        if self.error is None:
            return ()
        return tuple(Property(concept, self.error, self.unit) for concept in (UNCERTAINTY_UPPER, UNCERTAINTY_LOWER))


def lesion_numbers(lesion: Lesion) -> tuple[Number, ...]:
    """Every number that is known of a lesion."""
    parts = (
        (Quantity.SUVR, lesion.core_suvr, lesion.rim_suvr),
        (Quantity.DVR, lesion.core_dvr, lesion.rim_dvr),
        (Quantity.CONTRAST, lesion.core_contrast, lesion.rim_contrast),
    )
    measured = [
        Number(lesion_concept(quantity, part), value, RATIO, mean=True)
        for quantity, core, rim in parts
        for part, value in (("CORE", core), ("RIM", rim))
        if value is not None
    ]
    confidence = () if lesion.confidence is None else (Number(CONFIDENCE, lesion.confidence, RATIO),)
    size = (Number(VOLUME, lesion.volume_ml, MILLILITRE), Number(INSCRIBED_RADIUS, lesion.inscribed_radius_mm, MILLIMETRE))
    return (*size, *measured, *_unmixed_numbers(lesion), *confidence)


def finding_number(finding: Finding) -> Number:
    """A finding, with its norm where it has one."""
    unit = finding_unit(finding)
    norm = () if finding.norm is None else tuple(_normal(finding.norm, unit))
    return Number(finding_concept(finding), finding.value, unit, finding.uncertainty, finding.quantity not in _NO_MEAN, norm)


def change_number(change: Change) -> Number:
    """A difference, now less before; with the earlier value, the exam it is of, and what two scans differ by anyway."""
    unit = finding_unit(change)
    limit = () if change.repeatability is None else (Property(REPEATABILITY, change.repeatability, unit),)
    told = (Property(EARLIER_EXAM, change.since), Property(PRIOR_VALUE, change.before, unit), *limit)
    return Number(change_concept(change), change.difference, unit, properties=(*told, Property(REPEATABILITY_OF, change.source)))


def counts(lesions: Sequence[Lesion]) -> tuple[Number, ...]:
    """How many lesions there are of each phenotype, none of a kind included; nothing where none was classed."""
    classed = [lesion.phenotype for lesion in lesions if lesion.phenotype is not None]
    return tuple(Number(COUNTS[kind], float(classed.count(kind)), RATIO) for kind in Phenotype) if classed else ()


def of_lesion(changes: Iterable[Change], number: int) -> tuple[Number, ...]:
    """The changes of one lesion."""
    return tuple(change_number(change) for change in changes if change.lesion == number)


def of_region(changes: Iterable[Change], region: str) -> tuple[Number, ...]:
    """The changes of a region; those of the lesions' counts belong to the lesions."""
    regions = {region, *(f"{kind.value} lesions" for kind in Phenotype if region == "lesions")}
    return tuple(change_number(change) for change in changes if change.lesion is None and change.region in regions)


def _normal(norm: Norm, unit: Code) -> Iterator[Property]:
    yield Property(POPULATION_MEAN, norm.expected, unit)
    if norm.z is not None:
        yield Property(Z_SCORE, norm.z, RATIO)
    yield Property(NORM_DESCRIPTION, norm.source)
    yield Property(RANGE_LOWER, norm.low, unit)
    yield Property(RANGE_UPPER, norm.high, unit)


def _unmixed_numbers(lesion: Lesion) -> tuple[Number, ...]:
    un = lesion.unmixed
    if un is None:
        return ()
    told = (
        ("CORE-UNMIX", un.core, un.core_error),
        ("RIM-UNMIX", un.rim, un.rim_error),
        ("DIFF-UNMIX", un.rim - un.core, un.difference_error),
        ("BG-UNMIX", un.background, None),
        ("BG", un.measured_background, None),
    )
    numbers = (Number(lesion_concept(un.quantity, part), value, RATIO, error) for part, value, error in told if np.isfinite(value))
    shares = ((ACTIVE_LEVEL, un.active_level), (CORE_ACTIVE, un.core_active), (RIM_ACTIVE, un.rim_active))
    return (*numbers, *(Number(concept, value, RATIO) for concept, value in shares if np.isfinite(value)))
