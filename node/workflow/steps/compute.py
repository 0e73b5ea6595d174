"""`ComputeSteps`: the sums of one exam, in the compute process. Each verb reads the artefacts of those before it and writes its own.

A verb whose artefact is there already is not done again: bytes are frozen with the first whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from node import __version__
from node import settings as settings_module
from node.domain.assignment import Assignment
from node.domain.exam import Check, Exam, Gravity, SeriesSource, Subject
from node.domain.result import Alignment, Provenance, Result, Segmentation
from node.domain.tracer import TracerProfile
from node.errors import ConflictError, DataError, QualityError
from node.settings import Settings
from node.workflow import artefacts
from node.workflow.states import Verb
from node.workflow.steps import outbox
from node.workflow.steps.choices import encode_options, lesion_program, quantify_options, settings_for, site_atlas
from node.workflow.steps.formers import formers
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow
from node.workflow.story import version_folder

Parameters = tuple[tuple[str, str], ...]
"""Name and value, as printed."""


class ComputeSteps:
    """The verbs from assemble to encode, refuse, and withdraw."""

    def __init__(self, settings: Settings, store: Store, progress: Callable[[str], None]) -> None:
        self._settings = settings
        self._store = store
        self._progress = progress
        self._storage = settings.node.storage

    def run(self, verb: Verb, exam: int, version: int) -> str:
        """Do one verb for a version of an exam; returns the sentence that tells what was done.

        Raises
        ------
        NodeError : as the verb raises it; QualityError for a failed check that only a person may pass; ConflictError for a version that
            a person has overtaken since it was ordered
        """
        row = self._store.exams.get(exam)
        if row.version != version:
            raise ConflictError(f"{row.name} is at version {row.version}; version {version} was ordered")
        # What follows is done with the settings of this exam's protocol.
        return ComputeSteps(settings_for(self._settings, row), self._store, self._progress)._do(verb, row)

    def _do(self, verb: Verb, row: ExamRow) -> str:
        folder = version_folder(self._storage, row)
        folder.mkdir(parents=True, exist_ok=True)
        self._progress(f"{verb.value} …")
        work = {
            Verb.ASSEMBLE: self._assemble,
            Verb.ALIGN: self._align,
            Verb.SEGMENT: self._segment,
            Verb.QUANTIFY: self._quantify,
            Verb.ENCODE: self._encode,
            Verb.REFUSE: self._refuse,
            Verb.WITHDRAW: self._withdraw,
        }
        return work[verb](row, folder)

    def _assemble(self, row: ExamRow, folder: Path) -> str:
        from node.workflow.steps.reading import read_planned

        if not artefacts.exists(folder, "exam"):
            artefacts.save(folder, "exam", read_planned(row, self._settings, self._store))
        exam = artefacts.load(folder, "exam", Exam)
        self._hold(row, exam.checks)
        lesions = "lesion SEG" if exam.lesions else "FLAIR" if exam.flair else "no lesion source"
        return f"assembled: PET {exam.pet.volume.frames} frames, T1, {lesions}"

    def _align(self, row: ExamRow, folder: Path) -> str:
        from node.align import align
        from node.atlas.template import load_template
        from node.workflow.steps.priors import keep_priors

        if not artefacts.exists(folder, "alignment"):
            exam = artefacts.load(folder, "exam", Exam)
            template = load_template(self._settings.analysis.template)
            artefacts.save(folder, "alignment", align(exam, template, seed=self._settings.analysis.seed))
        priors = keep_priors(folder, self._store, self._storage, row, seed=self._settings.analysis.seed)
        alignment = artefacts.load(folder, "alignment", Alignment)
        self._hold(row, alignment.checks)
        beside = f", beside {', '.join(one.visit.exam for one in priors.visits)}" if priors.visits else ""
        return f"aligned: brain {alignment.brain.array.sum() * alignment.brain.voxel_ml:.0f} mL{beside}"

    def _segment(self, row: ExamRow, folder: Path) -> str:
        from node.atlas.template import load_template
        from node.segment import segment
        from node.segment.numbering import volumes_ml
        from node.workflow.steps.priors import keep_numbers, keep_priors

        if not artefacts.exists(folder, "segmentation"):
            keep_priors(folder, self._store, self._storage, row, seed=self._settings.analysis.seed)
            exam = artefacts.load(folder, "exam", Exam)
            alignment = artefacts.load(folder, "alignment", Alignment)
            template = load_template(self._settings.analysis.template)
            segmentation = segment(
                exam,
                alignment,
                template,
                seed=self._settings.analysis.seed,
                lesion_program=lesion_program(self._settings),
                atlas=site_atlas(self._settings),
            )
            artefacts.save(folder, "segmentation", keep_numbers(folder, segmentation, exam, alignment))
        segmentation = artefacts.load(folder, "segmentation", Segmentation)
        self._hold(row, segmentation.checks)
        return f"segmented: {len(volumes_ml(segmentation.lesions))} lesions ({segmentation.lesion_origin.value})"

    def _quantify(self, row: ExamRow, folder: Path) -> str:
        from node.quantify import quantify
        from node.workflow.steps import priors

        if not artefacts.exists(folder, "result"):
            exam = artefacts.load(folder, "exam", Exam)
            result = quantify(
                exam,
                artefacts.load(folder, "alignment", Alignment),
                artefacts.load(folder, "segmentation", Segmentation),
                tracer=self._tracer(exam.pet.administration.tracer),
                provenance=self._provenance(
                    row, _sources(exam), parameters=(*_genotype(exam.subject), *self._program(), *priors.parameters(folder))
                ),
                options=quantify_options(self._settings),
                tracking=priors.tracking(folder),
            )
            artefacts.save(folder, "result", result)
        result = artefacts.load(folder, "result", Result)
        priors.keep_history(folder, self._tracer(result.tracer.key))
        self._hold(row, result.checks)
        return f"quantified: {len(result.findings)} findings, {len(result.lesions)} lesions"

    def _encode(self, row: ExamRow, folder: Path) -> str:
        from node.encode import encode
        from node.workflow.steps.priors import read_history

        if not artefacts.exists(folder, "objects"):
            place = folder / "objects"
            place.mkdir(exist_ok=True)
            encoded = encode(
                artefacts.load(folder, "exam", Exam),
                artefacts.load(folder, "alignment", Alignment),
                artefacts.load(folder, "segmentation", Segmentation),
                artefacts.load(folder, "result", Result),
                storage=self._storage,
                folder=place,
                options=encode_options(self._settings),
                formers=formers(self._store, self._storage, row),
                history=read_history(folder),
            )
            outbox.freeze(folder, "objects", encoded)
        return outbox.post(self._store, self._settings, row, folder, "objects")

    def _refuse(self, row: ExamRow, folder: Path) -> str:
        from node.encode import encode_refusal
        from node.workflow.steps.reading import planned_sources

        if not artefacts.exists(folder, "refusal"):
            place = folder / "objects"
            place.mkdir(exist_ok=True)
            sources = planned_sources(row, self._store)
            encoded = encode_refusal(
                sources[0],
                row.reason,
                f"Correct what is said above and send the images again, or ask the administrator of the node: `ember correct {row.name}` "
                f"puts a wrong value of the header right, `ember rerun {row.name}` analyses it again.",
                self._provenance(row, sources),
                storage=self._storage,
                folder=place,
                options=encode_options(self._settings),
                formers=formers(self._store, self._storage, row),
                others=sources[1:],
            )
            outbox.freeze(folder, "refusal", encoded)
        return outbox.post(self._store, self._settings, row, folder, "refusal")

    def _withdraw(self, row: ExamRow, folder: Path) -> str:
        from node.workflow.steps.withdrawing import withdraw

        return withdraw(self._store, self._settings, row, folder, self._provenance(row, ()))

    def _tracer(self, key: str) -> TracerProfile:
        return settings_module.tracers(self._settings.analysis.tracers)[key]

    def _program(self) -> tuple[tuple[str, str], ...]:
        """The site's own lesion program, where there is one."""
        program = lesion_program(self._settings)
        if program is None:
            return ()
        version = (("lesion program version", program.version),) if program.version else ()
        return (("lesion program", str(program)), *version)

    def _provenance(self, row: ExamRow, sources: tuple[SeriesSource, ...], *, parameters: Parameters = ()) -> Provenance:
        """What this version is made from and by; what a person said is part of it, so that other words give other objects."""
        if row.made_at is None:
            raise DataError(f"exam {row.name}: version {row.version} was never begun")
        said = self._store.corrections.standing(row.number, row.version)
        return Provenance(
            exam=row.name,
            version=row.version,
            software=f"Ember {__version__}",
            settings_digest=settings_module.digest(self._settings),
            seed=self._settings.analysis.seed,
            made_at=row.made_at.astimezone(),  # the node's own zone: objects of a study that names none tell their times in it
            # A multi-frame object stands once for each of its slices.
            inputs=tuple(dict.fromkeys((item.sop_instance_uid, item.digest) for source in sources for item in source.instances)),
            parameters=(
                *parameters,
                *((f"corrected {one.what.value}", f"{one.text}, by {one.author}: {one.reason}") for one in said),
                *_routed(row),
                *((one.word.value, f"{_about(one)} {one.told}") for one in self._store.assignments.standing(row.number, row.version)),
            ),
        )

    def _hold(self, row: ExamRow, checks: tuple[Check, ...]) -> None:
        """A failed check that only a person may pass stops the exam, unless a person has passed it."""
        failed = [check.message for check in checks if not check.passed and check.gravity is Gravity.HOLD]
        if failed and not row.released:
            raise QualityError("; ".join(failed))


def _genotype(subject: Subject) -> Parameters:
    """The genotype as it was used: the site's list may say another tomorrow."""
    return (("TSPO rs6971", f"{subject.genotype or 'unknown'}, {subject.genotype_source}"),) if subject.genotype_source else ()


def _routed(row: ExamRow) -> Parameters:
    """The protocol by name; its values are in the digest of the settings."""
    protocol = (row.plan or {}).get("protocol")
    return () if protocol is None else (("protocol", str(protocol["name"])),)


def _about(one: Assignment) -> str:
    """What a person's word is about: an exam by its number, a series by its UID."""
    return f"E{one.other:05d}" if one.other is not None else " ".join(filter(None, (one.role, one.series_uid)))


def _sources(exam: Exam) -> tuple[SeriesSource, ...]:
    series = (exam.pet, exam.t1, exam.flair, exam.lesions)
    return tuple(item.source for item in series if item is not None)
