"""The parts of the brain on the T1: tissue classes, named regions, lesions. `segment` is the only door.

Words: the *window* is the box of the T1 grid around the brain; a *prior* is the template's grey or white matter probability, warped to
the subject; a *level* is how many mm a voxel lies inside a surface of the template (`node.atlas.regions`).

The path: cut the window → `place` carries priors, coordinates and surfaces to it → `tissue` classifies → `parts` cuts the brain →
`imported`, `program` or `lesions` (with `belief`) give the lesions → `tissue` classifies again, lesions filled as white matter →
`regions` names what is measured → `checks` judge. Beside an earlier exam of the patient, `numbering` then finds which lesion is which
of that exam and gives it its lasting number. `local` holds the means over centimetres that `tissue` and `belief` share.

Decisions
---------
We chose classes by intensity with a weak prior, because a patient's ventricles and lesions are not those of an average; instead of a
strong prior, which draws the template's cortex into every subject.

We chose to classify in four rounds, find the lesions, fill them and go on for two, because that costs no more than six rounds in one, and
brings 1.7 to 4.2 percentage points more of the voxels within 3 mm of a lesion into the right class (three heads: a 2-D T1, a 3-D T1 with
painted lesions, a simulated one; at most 0.12 points of the whole brain); instead of starting again on the filled T1, which took twice the
time for as much.

We chose the incoming lesion SEG, when there is one, over the site's program, and that over our own finding, because an expert drew it and
the site trusts its program; what we find ourselves is always said to be found automatically. A program that fails does not stop the exam: a
Check says so, and our own finding stands in.

We chose to measure "cortex" only where it lies 4 mm, nearly a PET point spread, inside the brain's border, because scalp, marrow,
sinuses and meninges bind TSPO tracers too; instead of the whole mantle, which is there as "cerebral_gm" for volumes.

We chose to seed a lesion from belief above the cortex around it, away from grey matter that lines sulci, because nearly all that is bright
and no lesion is cortex that the prior takes for white matter; instead of one grey level for the whole brain, under which the bright
frontal cortex of a real 2-D FLAIR gave eleven false lesions.

We chose to let a lesion end at 40 % of the way from white matter up to its own brightness, because a fixed level makes bright lesions too
large and faint ones too small; instead of a random field, which has parameters that we could not fix on the few real masks there are.

We chose to pair the lesions of two exams one to one, the pair that shares most first, when a tenth of the smaller lies in the other after
alignment, because a lesion may grow or shrink manyfold; what finds its partner taken has joined it or parted from it, instead of being new
or gone. A number is never given twice to one patient's lesions, so that numbers have gaps.

We chose to keep the lesions in white matter (`Tissue.WHITE_MATTER`), because they are white matter that is ill; on the T1 alone they
would pass for grey.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.atlas.template import Template
from node.domain.exam import Check, Exam
from node.domain.result import Alignment, LesionOrigin, Segmentation
from node.domain.volume import Array, Volume
from node.imaging import resample
from node.segment.atlas_file import SiteAtlas, atlas_regions, read_atlas
from node.segment.checks import judge
from node.segment.imported import import_lesions
from node.segment.lesions import find_lesions, number_lesions
from node.segment.parts import Parts, find_parts
from node.segment.place import Place, find_place
from node.segment.program import LesionProgram, ask_program
from node.segment.regions import find_regions
from node.segment.tissue import classify, classify_filled
from node.segment.window import Window, around

__all__ = ["LesionProgram", "SiteAtlas", "read_atlas", "segment"]

MARGIN_MM = 4.0


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Lesions (S, R, C) bool inside the window, who drew them, and what there is to say about it."""

    mask: Array
    origin: LesionOrigin
    checks: tuple[Check, ...] = ()


def segment(
    exam: Exam,
    alignment: Alignment,
    template: Template,
    *,
    seed: int,
    lesion_program: LesionProgram | None = None,
    atlas: SiteAtlas | None = None,
) -> Segmentation:
    """Tissue, regions and lesions on the T1 grid.

    Parameters
    ----------
    alignment : its T1, brain mask and transforms are used
    seed : recorded for Provenance; nothing here is random
    lesion_program : the site's own, asked where no lesion SEG came with the exam
    atlas : the site's own, whose labels become regions "atlas:<name>" beside ours

    Raises
    ------
    DataError : the brain mask is empty, the T1 does not show fluid < grey < white matter, the FLAIR shows neither, or a lesion SEG lies
        in another frame of reference
    """
    grid = alignment.t1
    window = around(alignment.brain, margin_mm=MARGIN_MM)
    t1 = window.cut(alignment.t1)
    place = find_place(window.cut(alignment.brain), template, alignment.template_from_t1)
    before = classify(t1, place)
    parts = find_parts(place)
    drawn = _draw(exam, alignment, lesion_program, window, before.labels, place, parts)
    lesions = drawn.mask
    tissue = classify_filled(t1, lesions, place, before) if lesions.any() else before
    labels = t1.like(tissue.labels, unit="1")
    regions = find_regions(labels, lesions, parts, window=window, grid=grid)
    named = regions if atlas is None else (*regions, *atlas_regions(atlas, alignment, grid))
    numbered = number_lesions(labels.like(lesions))
    checks = (*judge(labels, tissue, regions, numbered, drawn.origin), *drawn.checks)
    return Segmentation(window.paste(labels.array, grid), named, window.paste(numbered, grid), drawn.origin, checks)


def _draw(
    exam: Exam, alignment: Alignment, program: LesionProgram | None, window: Window, labels: Array, place: Place, parts: Parts
) -> _Drawn:
    """An expert's lesions before those of the site's program, and those before our own."""
    if exam.lesions is not None:
        imported = import_lesions(exam, exam.lesions, alignment, place.brain) & place.brain.array
        return _Drawn(imported, LesionOrigin.IMPORTED)
    checks: tuple[Check, ...] = ()
    if program is not None:
        answer = ask_program(program, alignment.t1, _flair_on(alignment.t1, exam, alignment), alignment.brain)
        checks = (answer.check,)
        if answer.mask is not None:
            return _Drawn(window.cut(alignment.brain.like(answer.mask)).array, LesionOrigin.PROGRAM, checks)
    flair = _flair_on(place.brain, exam, alignment)
    if flair is None:
        return _Drawn(np.zeros(labels.shape, dtype=bool), LesionOrigin.NONE, checks)
    return _Drawn(find_lesions(flair, labels, place, parts), LesionOrigin.FOUND, checks)


def _flair_on(grid: Volume, exam: Exam, alignment: Alignment) -> Volume | None:
    """(S, R, C) the FLAIR on a grid in T1 space; None where there is none."""
    if exam.flair is None or alignment.t1_from_flair is None:
        return None
    return resample(exam.flair.volume, grid, alignment.t1_from_flair.inverse())
