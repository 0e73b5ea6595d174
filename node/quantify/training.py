"""One processed exam as a subject from whom the classes of the clustered reference are learnt.

*Pure* tissue is what a mask fills almost wholly on the PET grid: grey matter well inside the cortex, the normal-appearing white matter,
the thalamus as tissue rich in TSPO. A patient teaches blood alone, because neither tissue is sure to be healthy.
"""

from __future__ import annotations

from dataclasses import replace

from node.domain.exam import Exam
from node.domain.result import Alignment, Segmentation
from node.domain.tracer import TracerProfile
from node.domain.volume import Array
from node.errors import DataError
from node.quantify.late import measure_late
from node.quantify.options import QuantifyOptions
from node.quantify.references import MOSTLY, STAND_IN
from node.quantify.svca_classes import TrainingScan

PURE = 0.9
"""Least fraction of a voxel; our default."""


def training_scan(exam: Exam, alignment: Alignment, segmentation: Segmentation, *, tracer: TracerProfile, control: bool) -> TrainingScan:
    """One subject.

    Parameters
    ----------
    control : whether the subject is healthy, so that grey matter, white matter and thalamus may be learnt from

    Raises
    ------
    DataError : the scan is static, or its brain cannot be measured
    """
    late = measure_late(exam, alignment, segmentation, tracer=replace(tracer, dynamic_reference=STAND_IN), options=QuantifyOptions())
    if late.scan is None:
        raise DataError(f"PET series {exam.pet.source.series_uid}: classes are learnt from scans that begin with the injection")

    def pure(name: str) -> Array | None:
        return late.fractions[name] >= PURE if control and name in late.fractions else None

    return TrainingScan(
        frames=late.way.grid.like(late.scan.frames),
        timing=late.scan.timing,
        brain=late.fractions["brain"] >= MOSTLY,
        grey=pure("cortex"),
        white=pure("nawm"),
        high=pure("thalamus"),
        genotype=exam.subject.genotype,
        digest=exam.pet.source.instances[0].digest,
    )
