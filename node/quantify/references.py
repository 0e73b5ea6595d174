"""Which reference: the site's choice, else the tracer's; of a static scan a region, of a dynamic one perhaps the clustered reference.

Where the clustered reference was asked for and cannot be had, cerebellar grey matter stands in and a Check says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.domain.exam import Check, Gravity
from node.domain.tracer import TracerProfile
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.quantify.dynamic import Scan
from node.quantify.options import QuantifyOptions
from node.quantify.region_words import region_words
from node.quantify.svca import clustered_reference
from node.quantify.svca_classes import find_classes

CLUSTERED = "svca"
MOSTLY = 0.5
STAND_IN = "cerebellar_gm"


@dataclass(frozen=True, eq=False)
class ReferenceChoice:
    """The reference: its `name`, how it was come by, and, of a clustered one, `weights` (S, R, C) on the part of the PET grid."""

    name: str
    basis: str
    weights: Array | None
    checks: tuple[Check, ...]


def anatomical(tracer: TracerProfile, options: QuantifyOptions, *, dynamic: bool) -> str:
    """The region that is the reference, or would stand in for the clustered one."""
    wanted = _wanted(tracer, options, dynamic=dynamic)
    return STAND_IN if wanted == CLUSTERED else wanted


def _wanted(tracer: TracerProfile, options: QuantifyOptions, *, dynamic: bool) -> str:
    if options.reference != "tracer":
        return options.reference
    return tracer.dynamic_reference if dynamic else tracer.reference


def choose_reference(
    tracer: TracerProfile, options: QuantifyOptions, scan: Scan | None, *, brain: Array, lesions: Array | None, grid: Volume
) -> ReferenceChoice:
    """The reference of an exam.

    Parameters
    ----------
    scan : None of a static exam
    brain, lesions : (S, R, C) volume fractions on the part of the PET grid; None without lesions
    grid : that part
    """
    wanted = _wanted(tracer, options, dynamic=scan is not None)
    if wanted != CLUSTERED:
        return ReferenceChoice(wanted, region_words(wanted), None, ())
    if scan is None:
        return _stand_in("the scan is static, and clustering needs the curves from the injection on")
    try:
        return _clustered(tracer, options.svca_classes, scan, brain=brain, lesions=lesions, grid=grid)
    except DataError as error:
        return _stand_in(str(error))


def _clustered(
    tracer: TracerProfile, folder: Path | None, scan: Scan, *, brain: Array, lesions: Array | None, grid: Volume
) -> ReferenceChoice:
    if folder is None:
        return _stand_in("the site has installed no kinetic classes")
    classes, told = find_classes(folder, tracer.key, scan.timing)
    if classes is None:
        return _stand_in(told.rstrip("."))
    among = None if lesions is None else lesions <= 0
    found = clustered_reference(grid.like(scan.frames), brain >= MOSTLY, classes, among=among)
    basis = f"{region_words(CLUSTERED)}, classes of {classes.subjects} subjects"
    return ReferenceChoice(CLUSTERED, basis, found.weights.array, (Check("svca_classes", True, told, Gravity.NOTE), *found.checks))


def _stand_in(why: str) -> ReferenceChoice:
    told = f"The clustered reference (SVCA4) was asked for and could not be had: {why}. {region_words(STAND_IN).capitalize()} stands in."
    return ReferenceChoice(
        STAND_IN, f"{region_words(STAND_IN)}, in place of the clustered one", None, (Check("reference_choice", False, told, Gravity.NOTE),)
    )
