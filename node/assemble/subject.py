"""Who it was: weight, height, sex and genotype, with the guards that real headers need, and a person's corrections over them."""

from __future__ import annotations

from dataclasses import dataclass

from node.assemble.body import Body
from node.assemble.corrections import GENOTYPES, Amendments, Known
from node.assemble.header import Header
from node.domain.correction import Correctable
from node.domain.exam import Check, Gravity, Subject
from node.errors import DataError


@dataclass(frozen=True)
class Person:
    """The subject of an exam, and where each value that SUV depends on came from.

    `as_scanned` is the body as the scanner knew it, before any correction.
    """

    subject: Subject
    weight: Known[float]
    height: Known[float]
    sex: Known[str]
    as_scanned: Body
    checks: tuple[Check, ...]


def person_of(header: Header, amended: Amendments, *, genotype: str | None, genotype_source: str) -> Person:
    """The subject, with weight in kg and height in m.

    Raises
    ------
    DataError : a genotype other than HAB, MAB, LAB or None
    """
    if genotype not in (None, *GENOTYPES):
        raise DataError(f"expected a genotype {', '.join(GENOTYPES)} or none; found {genotype!r}")
    written = _weight(header.weight_kg), _height(header.height_m), _sex(header.person.sex)
    weight, height = amended.over(Correctable.WEIGHT, written[0]), amended.over(Correctable.HEIGHT, written[1])
    sex = amended.over(Correctable.SEX, written[2])
    kind = amended.over(Correctable.GENOTYPE, Known(genotype, genotype_source, genotype or "unknown"))
    who = header.person
    subject = Subject(
        patient_id=who.patient_id,
        issuer=who.issuer,
        name=who.name,
        birth_date=who.birth_date,
        sex=sex.value or "",
        weight_kg=weight.value,
        height_m=height.value,
        genotype=None if kind.value == "unknown" else kind.value,
        genotype_source=kind.source,
    )
    checks = (*weight.checks, *height.checks, *sex.checks, *kind.checks)
    return Person(subject, weight, height, sex, Body(written[0].value, written[1].value, written[2].value or ""), checks)


def _weight(value: float | None) -> Known[float]:
    source, found = "PatientWeight (0010,1030)", "nothing" if value is None else f"{value:g} kg"
    if value is None or value <= 0:
        return Known(None, source, found, (Check("weight", False, "the header has no body weight: no SUV"),))
    if value > 1000:
        message = f"the weight is written as {value:g}, too much for kg: it was read as grams"
        return Known(value / 1000.0, source, found, (Check("weight", False, message, value=value, limit=1000.0, unit="kg"),))
    return Known(value, source, found)


def _height(value: float | None) -> Known[float]:
    """SUV by body weight does not depend on it, so that its absence needs no word."""
    source, found = "PatientSize (0010,1020)", "nothing" if value is None else f"{value:g} m"
    if value is None or value <= 0:
        return Known(None, source, found)
    if value > 3:
        message = f"the height is written as {value:g}, too much for m: it was read as cm"
        return Known(value / 100.0, source, found, (Check("height", False, message, Gravity.NOTE, value, 3.0, "m"),))
    return Known(value, source, found)


def _sex(value: str) -> Known[str]:
    return Known(value or None, "PatientSex (0010,0040)", value or "nothing")
