"""The parts of the brain on the T1: tissue classes, named regions, lesions. `segment` is the only door.

Words: the *window* is the box of the T1 grid around the brain; a *prior* is the template's grey or white matter probability, warped to
the subject; a *level* is how many mm a voxel lies inside a surface of the template (`node.atlas.regions`).

The path: cut the window → `place` carries priors, coordinates and surfaces to it → `tissue` classifies → `parts` cuts the brain →
`imported` or `lesions` give the lesions → lesions become white matter → `regions` names what is measured → `checks` judge.

Decisions
---------
We chose classes by intensity with a weak prior, because a patient's ventricles and lesions are not those of an average; instead of a
strong prior, which draws the template's cortex into every subject.

We chose the incoming lesion SEG, when there is one, over our own finding, because an expert drew it; what we find ourselves is always
said to be found automatically.

We chose to measure "cortex" only where it lies 4 mm, nearly a PET point spread, inside the brain's border, because scalp, marrow,
sinuses and meninges bind TSPO tracers too; instead of the whole mantle, which is there as "cerebral_gm" for volumes.

We chose to seed a lesion from belief above grey matter, away from grey matter that lines sulci, because nearly all that is bright and no
lesion is cortex that the prior takes for white matter; instead of trusting the warped prior alone, which gave five false lesions to one.

We chose to keep the lesions in white matter (`Tissue.WHITE_MATTER`), because they are white matter that is ill; on the T1 alone they
would pass for grey.
"""

from __future__ import annotations

import numpy as np

from node.atlas.template import Template
from node.domain.exam import Exam
from node.domain.result import Alignment, LesionOrigin, Segmentation, Tissue
from node.domain.volume import Array, Volume
from node.imaging import resample
from node.segment.checks import judge
from node.segment.imported import import_lesions
from node.segment.lesions import find_lesions, number_lesions
from node.segment.parts import Parts, find_parts
from node.segment.place import Place, find_place
from node.segment.regions import find_regions
from node.segment.tissue import classify
from node.segment.window import around

MARGIN_MM = 4.0


def segment(exam: Exam, alignment: Alignment, template: Template, *, seed: int) -> Segmentation:
    """Tissue, regions and lesions on the T1 grid.

    Parameters
    ----------
    alignment : its T1, brain mask and transforms are used
    seed : recorded for Provenance; nothing here is random

    Raises
    ------
    DataError : the brain mask is empty, the T1 does not show fluid < grey < white matter, the FLAIR shows neither, or a lesion SEG lies
        in another frame of reference
    """
    grid = alignment.t1
    window = around(alignment.brain, margin_mm=MARGIN_MM)
    t1 = window.cut(alignment.t1)
    place = find_place(window.cut(alignment.brain), template, alignment.template_from_t1)
    tissue = classify(t1, place)
    parts = find_parts(place)
    lesions, origin = _lesions(exam, alignment, tissue.labels, place, parts)
    labels = t1.like(np.where(lesions, Tissue.WHITE_MATTER.value, tissue.labels).astype(np.uint8), unit="1")
    regions = find_regions(labels, lesions, parts, window=window, grid=grid)
    numbered = number_lesions(labels.like(lesions))
    checks = judge(labels, tissue, regions, numbered, origin)
    return Segmentation(window.paste(labels.array, grid), regions, window.paste(numbered, grid), origin, checks)


def _lesions(exam: Exam, alignment: Alignment, labels: Array, place: Place, parts: Parts) -> tuple[Array, LesionOrigin]:
    """(S, R, C) bool inside the window, and who drew them."""
    if exam.lesions is not None:
        return import_lesions(exam, exam.lesions, alignment, place.brain) & place.brain.array, LesionOrigin.IMPORTED
    if exam.flair is None or alignment.t1_from_flair is None:
        return np.zeros(labels.shape, dtype=bool), LesionOrigin.NONE
    flair: Volume = resample(exam.flair.volume, place.brain, alignment.t1_from_flair.inverse())
    return find_lesions(flair, labels, place, parts), LesionOrigin.FOUND
