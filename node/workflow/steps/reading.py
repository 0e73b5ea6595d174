"""Reads the series that were planned for a version: the rows of the store become one Exam."""

from __future__ import annotations

from pathlib import Path

from node import settings as settings_module
from node.assemble.header import Header, from_json
from node.assemble.overruling import overrule
from node.assemble.read import read_exam
from node.assemble.roles import judge
from node.assemble.rules import load_rules
from node.assemble.series import summarise
from node.assemble.stored import StoredInstance, source_of
from node.domain.exam import Check, Exam, Gravity, Instance, Role, SeriesSource
from node.errors import DataError
from node.settings import Settings
from node.workflow.genotypes import Genotype, load_genotypes
from node.workflow.steps.belonging import overruling
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow


def read_planned(exam: ExamRow, settings: Settings, store: Store) -> Exam:
    """The Exam that the planned series make.

    Raises
    ------
    DataError : an essential is missing or contradicts itself
    ConflictError : the series may be of two people
    SettingsError : the site's list of genotypes holds a mistake
    """
    rules = load_rules(settings_module.read_toml(settings.analysis.rules))
    tracers = settings_module.tracers(settings.analysis.tracers)
    series = {role: _stored(exam, role, store) for role in Role}
    said = overruling(store, exam)
    summaries = {role: summarise([item.header for item in items]) for role, items in series.items() if items}
    judged = {
        role: overrule(summary, judge(summary, rules, tracers, source=_sender(exam, role, store)), said)
        for role, summary in summaries.items()
    }
    if Role.PET not in judged or Role.T1 not in judged:
        raise DataError(
            f"exam {exam.name}: expected a PET and a T1 in its plan; found {', '.join(role.value for role in judged) or 'none'}"
        )
    genotype = _genotype(series[Role.PET][0].header, settings.analysis.genotypes)
    return read_exam(
        pet=series[Role.PET],
        t1=series[Role.T1],
        flair=series[Role.FLAIR],
        lesion_seg=series[Role.LESION_SEG],
        judgement=judged[Role.PET],
        storage=settings.node.storage,
        rules=rules,
        tracers=tracers,
        checks=[*(check for judgement in judged.values() for check in judgement.checks), *_several_segs(exam), *_incomplete(exam)],
        genotype=genotype.binding,
        genotype_source=genotype.source,
        corrections=store.corrections.standing(exam.number, exam.version),
        merged=said.merged,
    )


def _several_segs(exam: ExamRow) -> tuple[Check, ...]:
    """Which of several segmentations of lesions counts, where there are several."""
    entry = (exam.plan or {}).get("series", {}).get(Role.LESION_SEG.value, {})
    if entry.get("among", 1) < 2:
        return ()
    return (Check("lesion_seg_choice", False, f"SEG series {entry['series_uid']} counts: {entry['why']}", Gravity.NOTE),)


def _incomplete(exam: ExamRow) -> tuple[Check, ...]:
    """What was missing, or announced and not here, when the exam began all the same."""
    return tuple(Check("completeness", False, text) for text in (exam.plan or {}).get("checks", ()))


def _genotype(header: Header, path: Path | None) -> Genotype:
    """What the site's list says of the person, read anew for every exam, because it grows while the node runs."""
    found = load_genotypes(path).of(header.person.patient_id, header.person.issuer) if path is not None else None
    if path is None or found is None:
        return Genotype(None, "")
    return Genotype(found.binding, f"{path.name}: {found.source}")


def planned_sources(exam: ExamRow, store: Store) -> tuple[SeriesSource, ...]:
    """The series that were planned; a refusal page goes into the study of the first: the PET where there is one, else the MR.

    Raises
    ------
    DataError : nothing was planned
    """
    planned = (_stored(exam, role, store) for role in (Role.PET, Role.T1, Role.FLAIR))
    found = tuple(source_of(stored, stored) for stored in planned if stored)
    if not found:
        raise DataError(f"exam {exam.name}: no series was planned, so that there is no study for a page")
    return found


def _series_uid(exam: ExamRow, role: Role) -> str:
    entry = (exam.plan or {}).get("series", {}).get(role.value)
    return str(entry["series_uid"]) if entry else ""


def _stored(exam: ExamRow, role: Role, store: Store) -> tuple[StoredInstance, ...]:
    rows = store.register.instances_of(_series_uid(exam, role))
    return tuple(
        StoredInstance(from_json(row.header), Instance(row.sop_instance_uid, row.sop_class_uid, row.path, row.digest))
        for row in rows
        if row.header is not None
    )


def _sender(exam: ExamRow, role: Role, store: Store) -> str:
    return store.register.instances_of(_series_uid(exam, role))[0].calling_ae
