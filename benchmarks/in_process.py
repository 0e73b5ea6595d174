"""The verbs from assemble to quantify on a folder of DICOM files, in this process, each step kept on disk: no network, no store.

For benchmarks that need many exams. What is judged is the same code that the node's workflow calls; what is left out is receiving,
encoding and sending.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.running import SHIPPED
from node import settings as settings_module
from node.align import align
from node.assemble.choice import choose
from node.assemble.header import read_header
from node.assemble.read import read_exam
from node.assemble.roles import judge
from node.assemble.rules import load_rules
from node.assemble.series import summarise
from node.assemble.stored import StoredInstance
from node.atlas.template import load_template
from node.domain.exam import Exam, Instance, Role
from node.domain.result import Alignment, Provenance, Result, Segmentation
from node.domain.tracer import ScannerProfile
from node.quantify import QuantifyOptions, quantify
from node.segment import segment
from node.workflow import artefacts

T = TypeVar("T")
SEED = 20260101


@dataclass(frozen=True, eq=False)
class Analysed:
    """What the verbs made of one exam."""

    exam: Exam
    alignment: Alignment
    segmentation: Segmentation
    result: Result


def analyse(dicom: Path, kept: Path, *, fwhm_mm: float | None) -> Analysed:
    """Take an exam through the verbs, or as far as it was not taken before.

    Parameters
    ----------
    dicom : folder with the files of one exam
    kept : folder for what each verb made; a verb whose artefact is there is not done again
    fwhm_mm : the camera's point spread, None where it is not known

    Raises
    ------
    NodeError : as the verbs raise it
    """
    kept.mkdir(parents=True, exist_ok=True)
    template = load_template(None)
    exam = _once(kept, "exam", Exam, lambda: read(dicom))
    alignment = _once(kept, "alignment", Alignment, lambda: align(exam, template, seed=SEED))
    segmentation = _once(kept, "segmentation", Segmentation, lambda: segment(exam, alignment, template, seed=SEED))
    result = _once(kept, "result", Result, lambda: _measured(exam, alignment, segmentation, fwhm_mm))
    return Analysed(exam, alignment, segmentation, result)


def read(dicom: Path) -> Exam:
    """The exam that the files of a folder make, by the shipped rules and tracers."""
    rules = load_rules(settings_module.read_toml(SHIPPED / "rules.toml"))
    tracers = settings_module.tracers(SHIPPED / "tracers")
    series: dict[str, list[StoredInstance]] = defaultdict(list)
    for path in sorted(path for path in dicom.rglob("*") if path.is_file()):
        header = read_header(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        instance = Instance(header.sop_instance_uid, header.sop_class_uid, path.relative_to(dicom).as_posix(), digest)
        series[header.series_uid].append(StoredInstance(header, instance))
    summaries = [summarise([item.header for item in items]) for items in series.values()]
    choice = choose([(summary, judge(summary, rules, tracers)) for summary in summaries], rules)
    chosen = {role: choice.get(role) for role in Role}
    stored = {role: series[item.summary.series_uid] if item else [] for role, item in chosen.items()}
    pet = chosen[Role.PET]
    assert pet is not None, f"{dicom}: no PET was chosen"
    return read_exam(
        pet=stored[Role.PET],
        t1=stored[Role.T1],
        flair=stored[Role.FLAIR],
        judgement=pet.judgement,
        storage=dicom,
        rules=rules,
        tracers=tracers,
        checks=choice.checks,
    )


def scanners_of(exam: Exam, fwhm_mm: float | None) -> tuple[ScannerProfile, ...]:
    """The camera of an exam with its point spread; none where that is not known."""
    if fwhm_mm is None:
        return ()
    words = (re.escape(text) for text in (exam.pet.source.manufacturer, exam.pet.source.model, exam.pet.reconstruction))
    manufacturer, model, reconstruction = words
    return (ScannerProfile(manufacturer, model, reconstruction, fwhm_mm, "the truth of the simulated exam"),)


def measured(exam: Exam, alignment: Alignment, segmentation: Segmentation, *, scanners: tuple[ScannerProfile, ...]) -> Result:
    """What `quantify` makes of an exam, by the shipped tracers."""
    profile = settings_module.tracers(SHIPPED / "tracers")[exam.pet.administration.tracer]
    provenance = Provenance("E00001", 1, "Ember benchmarks", "shipped", SEED, datetime(2026, 1, 1, tzinfo=UTC), ())
    options = QuantifyOptions(scanners=scanners)
    return quantify(exam, alignment, segmentation, tracer=profile, provenance=provenance, options=options)


def _measured(exam: Exam, alignment: Alignment, segmentation: Segmentation, fwhm_mm: float | None) -> Result:
    return measured(exam, alignment, segmentation, scanners=scanners_of(exam, fwhm_mm))


def _once(folder: Path, name: str, kind: type[T], make: Callable[[], Any]) -> T:
    if not artefacts.exists(folder, name):
        artefacts.save(folder, name, make())
    return artefacts.load(folder, name, kind)
