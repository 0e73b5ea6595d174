"""Which earlier exams of the patient an exam is compared with, and what is read of them from their folders.

A visit is an exam of this node, of the same person, that was delivered, was not rejected since, and whose PET is of an earlier date.
What cannot be read of it never fails the new exam: a sentence says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from node.domain.exam import SeriesSource, Subject
from node.domain.history import Visit
from node.domain.ports import ARRIVED
from node.domain.result import Finding, Lesion, LesionOrigin, Quantity, Tracer
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError
from node.quantify.likeness import Method
from node.workflow import artefacts
from node.workflow.states import State
from node.workflow.steps.outbox import Outbox
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow
from node.workflow.story import version_folder

REPORT = "report"
"""The kind of the structured report, as deliveries name it."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What is read of an analysed exam: who, how and with which numbers; `flair_mm` are the voxel's edges, none without a FLAIR."""

    subject: Subject
    pet: SeriesSource
    t1: SeriesSource
    method: Method
    findings: tuple[Finding, ...]
    lesions: tuple[Lesion, ...]
    origin: LesionOrigin
    flair_mm: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Prior:
    """An earlier exam as it is kept with the new one.

    Parameters
    ----------
    visit : `t1` and `t1_from_t1` only where its T1 was aligned; `unlike` is told once the new exam has numbers
    t1 : its T1 series
    version : of the earlier exam
    digest : SHA-256 of its result, as text
    """

    visit: Visit
    t1: SeriesSource
    version: int
    digest: str
    method: Method
    origin: LesionOrigin
    flair_mm: tuple[float, ...]


def read_parts(folder: Path) -> Parts:
    """What is compared, from the artefacts of one version of an exam.

    Raises
    ------
    DataError : an artefact is missing, or cannot be read
    """
    exam = artefacts.load_part(folder, "exam", _Exam)
    result = artefacts.load_part(folder, "result", _Result)
    drawn = artefacts.load_part(folder, "segmentation", _Drawn)
    method = _method(exam.pet, result)
    flair_mm = () if exam.flair is None else tuple(float(step) for step in np.linalg.norm(exam.flair.volume.affine[:3, :3], axis=0))
    return Parts(exam.subject, exam.pet.source, exam.t1.source, method, result.findings, result.lesions, drawn.lesion_origin, flair_mm)


def find_priors(store: Store, storage: Path, row: ExamRow, *, subject: Subject, pet: SeriesSource) -> tuple[tuple[Prior, ...], list[str]]:
    """The visits, oldest first, and a sentence for each that could not be used.

    Parameters
    ----------
    row : the new exam
    subject, pet : its own
    """
    found: list[Prior] = []
    notes: list[str] = []
    if not subject.patient_id or pet.acquired_at is None:
        return (), notes
    for other in store.exams.of_patient(row.patient_key):
        versions = [] if other.number == row.number else _good_versions(store, other)
        if not versions:
            continue
        prior = _read(store, storage, other, versions, subject, notes)
        if prior is None:
            continue
        if prior.visit.scanned_at is None:
            notes.append(f"{other.name} could not be compared: its PET does not say when it was measured.")
        elif prior.visit.scanned_at.date() < pet.acquired_at.date():
            found.append(prior)
    return tuple(sorted(found, key=_when)), notes


def _when(prior: Prior) -> tuple[datetime, str]:
    assert prior.visit.scanned_at is not None
    return prior.visit.scanned_at, prior.visit.exam


def _good_versions(store: Store, exam: ExamRow) -> list[int]:
    """The versions that were delivered and that no reader has rejected, the latest first."""
    delivered = {event.version for event in store.exams.events(exam.number) if event.state is State.DELIVERED}
    return sorted(delivered - store.verdicts.rejected(exam.number), reverse=True)


def _read(store: Store, storage: Path, other: ExamRow, versions: list[int], subject: Subject, notes: list[str]) -> Prior | None:
    """The latest good version that can be read, if it is of this person; else a note."""
    for version in versions:
        folder = version_folder(storage, replace(other, version=version))
        try:
            parts = read_parts(folder)
        except DataError:
            continue
        if parts.subject.patient_id != subject.patient_id:
            return None  # its study began with an image under this patient's ID, and its PET is of somebody else
        if differing := _differing(subject, parts.subject):
            notes.append(f"{other.name} has the same patient ID and differs in {', '.join(differing)}: it is not taken for this patient's.")
            return None
        return _prior(store, other, version, folder, parts)
    notes.append(f"{other.name} could not be compared: its files are no longer here, or cannot be read.")
    return None


def _prior(store: Store, other: ExamRow, version: int, folder: Path, parts: Parts) -> Prior:
    visit = Visit(
        exam=other.name,
        scanned_at=parts.pet.acquired_at,
        study_uid=parts.pet.study_uid,
        tracer=parts.method.tracer,
        method=parts.method.words,
        findings=parts.findings,
        lesions=parts.lesions,
        report=(report := _report(store, other.number, version)),
        report_series_uid=_series_of(folder, report),
    )
    digest = hashlib.sha256((folder / "result.json").read_bytes()).hexdigest()
    return Prior(visit, parts.t1, version, digest, parts.method, parts.origin, parts.flair_mm)


def _report(store: Store, exam: int, version: int) -> tuple[str, str] | None:
    """SOP class and instance of the structured report that a destination has taken."""
    rows = store.deliveries.of_exam(exam, version)
    stored = (row for row in rows if row.kind == REPORT and row.state in ARRIVED)
    return next(((row.sop_class_uid, row.sop_instance_uid) for row in stored), None)


def _series_of(folder: Path, report: tuple[str, str] | None) -> str:
    """The series of a report, as its version's outbox tells it; empty where it does not."""
    if report is None or not artefacts.exists(folder, "objects"):
        return ""
    frozen = artefacts.load(folder, "objects", Outbox).objects
    return next((item.series_uid for item in frozen if item.sop_instance_uid == report[1]), "")


def _differing(one: Subject, other: Subject) -> list[str]:
    """In what two people with one patient ID differ; what a side does not say differs from nothing, as between PET and MR of one exam."""
    pairs = (
        ("issuer of the patient ID", one.issuer, other.issuer),
        ("birth date", one.birth_date, other.birth_date),
        ("sex", one.sex, other.sex),
    )
    return [what for what, a, b in pairs if a and b and a != b]


def _method(pet: _Pet, result: _Result) -> Method:
    quantity = Quantity.SUVR
    reference, window = result.tracer.reference, result.tracer.window_s
    if result.kinetics is not None:
        quantity, reference = Quantity.DVR, result.kinetics.reference.region
        window = (result.kinetics.t_star_s, float(pet.timing.end_s[-1]))
    return Method(
        tracer=result.tracer.name,
        quantity=quantity,
        reference=reference,
        window_s=window,
        scanner=f"{pet.source.manufacturer} {pet.source.model}".strip(),
        reconstruction=pet.reconstruction,
        corrections=pet.corrections,
        at=pet.source.acquired_at,
        software=result.provenance.software,
    )


def tracking_of(lesions: tuple[Lesion, ...]) -> Iterator[tuple[str, int]]:
    """Tracking UID and number of each lesion."""
    return ((lesion.tracking_uid, lesion.number) for lesion in lesions)


# What is read of the artefacts, as `artefacts.load_part` wants it: some of the fields of Exam, Result and Segmentation.


@dataclass(frozen=True, eq=False)
class _Pet:
    timing: FrameTiming
    corrections: tuple[str, ...]
    reconstruction: str
    source: SeriesSource


@dataclass(frozen=True)
class _T1:
    source: SeriesSource


@dataclass(frozen=True, eq=False)
class _Grid:
    affine: Array


@dataclass(frozen=True, eq=False)
class _Flair:
    volume: _Grid


@dataclass(frozen=True, eq=False)
class _Exam:
    subject: Subject
    pet: _Pet
    t1: _T1
    flair: _Flair | None


@dataclass(frozen=True)
class _Curve:
    region: str


@dataclass(frozen=True)
class _Kinetics:
    reference: _Curve
    t_star_s: float


@dataclass(frozen=True)
class _Provenance:
    software: str


@dataclass(frozen=True)
class _Result:
    tracer: Tracer
    findings: tuple[Finding, ...]
    lesions: tuple[Lesion, ...]
    provenance: _Provenance
    kinetics: _Kinetics | None


@dataclass(frozen=True)
class _Drawn:
    lesion_origin: LesionOrigin
