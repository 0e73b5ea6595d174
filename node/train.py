"""Training of the clustered reference's classes from exams that the node has processed: what `ember svca` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from node import settings as settings_module
from node.domain.exam import Exam
from node.domain.result import Alignment, Segmentation
from node.errors import DataError
from node.quantify.svca_classes import CLASSES, SvcaClasses, load_classes, save_classes, train_classes
from node.quantify.training import training_scan
from node.settings import Settings
from node.workflow import artefacts
from node.workflow.store.rows import ExamRow
from node.workflow.story import version_folder


def train(settings: Settings, tracer: str, controls: Sequence[ExamRow], patients: Sequence[ExamRow], folder: Path) -> Path:
    """Learn the classes and write them; the file.

    Raises
    ------
    DataError : an exam is not segmented yet or of another tracer, or the exams do not suffice
    """
    profiles = settings_module.tracers(settings.analysis.tracers)
    if tracer not in profiles:
        raise DataError(f"expected a tracer of config/tracers: {', '.join(sorted(profiles))}; found {tracer}")
    scans = []
    for row in (*controls, *patients):
        place = version_folder(settings.node.storage, row)
        exam = artefacts.load(place, "exam", Exam)
        if exam.pet.administration.tracer != tracer:
            raise DataError(f"exam {row.name}: expected {tracer}; its tracer is {exam.pet.administration.tracer}")
        alignment, segmentation = artefacts.load(place, "alignment", Alignment), artefacts.load(place, "segmentation", Segmentation)
        scans.append(training_scan(exam, alignment, segmentation, tracer=profiles[tracer], control=row in controls))
    folder.mkdir(parents=True, exist_ok=True)
    return save_classes(folder, train_classes(scans, tracer))


def told(folder: Path, tracers: Sequence[str]) -> list[str]:
    """What classes a folder holds, one line each.

    Raises
    ------
    DataError : a file is damaged
    """
    return [_line(classes) for tracer in tracers for classes in load_classes(folder, tracer)]


def _line(classes: SvcaClasses) -> str:
    minutes = float(classes.timing.end_s[-1]) / 60.0
    mix = ", ".join(f"{count} {genotype}" for genotype, count in classes.genotypes)
    return f"{classes.tracer}: {len(CLASSES)} classes, {len(classes.timing)} frames to {minutes:g} min, {classes.subjects} subjects ({mix})"
