"""Whether a report says the result's numbers, and a registration its transforms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset

from node.domain.result import Lesion
from node.domain.transform import Transform
from node.encode.gate.sheet import Finding, Sheet
from node.encode.material import Material
from node.encode.objects import Kind
from node.encode.region_segments import region_tracking
from node.encode.segmentation import raised_tracking

AS_WRITTEN = 1e-9
"""Relative: a Decimal String has 16 characters, ten digits of them significant in the worst case."""

IN_MATRIX = 1e-6
TRACKING_UID = "112040"

OF_LESION = (
    *("volume_ml", "inscribed_radius_mm", "core_suvr", "rim_suvr", "core_dvr", "rim_dvr", "core_contrast", "rim_contrast"),
    "confidence",
)
"""The numbers of a lesion that a report says."""


def said_as_meant(sheet: Sheet, material: Material) -> Iterator[Finding]:
    """Numbers of the result that a report does not say in their place, and transforms that nobody found."""
    if sheet.encoded.kind is Kind.REPORT:
        yield from _report(sheet.dataset, material)
    elif sheet.encoded.kind is Kind.REGISTRATION:
        yield from _registration(sheet.dataset, material)


def _report(dataset: Dataset, material: Material) -> Iterator[Finding]:
    said = {uid: np.array(values) for uid, values in _groups(dataset).items()}
    for uid, numbers in _meant(material).items():
        found = said.get(uid)
        if found is None:
            yield Finding((), f"measurement group {uid}", f"{len(numbers)} numbers", "no such group")
            continue
        lost = [value for value in numbers if not np.isclose(found, value, rtol=AS_WRITTEN, atol=0).any()]
        if lost:
            yield Finding((), f"measurement group {uid}", f"{len(numbers)} numbers, as measured", f"{len(lost)} of them otherwise")


def _meant(material: Material) -> dict[str, list[float]]:
    """Tracking UID → the numbers of what it tracks."""
    meant = {lesion.tracking_uid: _of_lesion(lesion) for lesion in material.result.lesions}
    for finding in material.result.findings:
        name = finding.region
        uid = raised_tracking(material).uid if name == "raised" else region_tracking(name, material).uid
        meant.setdefault(uid, []).append(finding.value)
    return meant


def _of_lesion(lesion: Lesion) -> list[float]:
    unmixed = lesion.unmixed
    values = [getattr(lesion, name) for name in OF_LESION] + ([unmixed.core, unmixed.rim] if unmixed else [])
    return [value for value in values if value is not None and np.isfinite(value)]


def _groups(dataset: Dataset) -> dict[str, list[float]]:
    """Tracking UID → the numbers of the groups that carry it."""
    found: dict[str, list[float]] = {}
    for item in _items(dataset):
        children = item.get("ContentSequence", ())
        uid = next((str(child.UID) for child in children if child.get("ValueType") == "UIDREF" and _code(child) == TRACKING_UID), None)
        if uid is not None:
            found.setdefault(uid, []).extend(_value(child) for child in children if child.get("ValueType") == "NUM")
    return found


def _items(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", ()):
        if child.get("ValueType") == "CONTAINER":
            yield child
            yield from _items(child)


def _code(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].get("CodeValue", "")) if item.get("ConceptNameCodeSequence") else ""


def _value(item: Dataset) -> float:
    measured = (item.get("MeasuredValueSequence") or [Dataset()])[0]
    exact = measured.get("FloatingPointValue")
    return float(measured.get("NumericValue", "nan") if exact is None else exact)


def _registration(dataset: Dataset, material: Material) -> Iterator[Finding]:
    """Each matrix is one of the exam's transforms, to what a Decimal String holds."""
    alignment = material.alignment
    known = [Transform.identity(), alignment.t1_from_pet, alignment.t1_from_flair, *(visit.t1_from_t1 for visit in material.history.visits)]
    matrices = [transform.matrix for transform in known if transform is not None]
    for number, item in enumerate(dataset.get("RegistrationSequence", ()), start=1):
        for registration in item.get("MatrixRegistrationSequence", ()):
            for step in registration.get("MatrixSequence", ()):
                found = np.array(step.FrameOfReferenceTransformationMatrix, dtype=np.float64).reshape(4, 4)
                if not any(np.abs(found - matrix).max() < IN_MATRIX for matrix in matrices):
                    yield Finding(
                        (("RegistrationSequence", number),), "FrameOfReferenceTransformationMatrix", "a transform of the exam", "another"
                    )
