"""T1 → template, deformable: the affine pose of the head, then a smooth displacement between brain and template brain.

The template's T1 is brought to the contrast of the subject by three points, fluid, grey and white matter; then demons with symmetric
forces move it, at 4 mm and with a field that is smoothed by 10 mm after each step.

Decisions
---------
We chose so stiff a field because what the template must tell is where a structure lies, while its edge is taken from the T1: finer
fields overlapped better in grey and white matter and worse in the thalamus, whose edge is fainter than the lesions, fluid and sulci
that pull at it (on the heads that we had). The template's own T1 is used, and not an image painted from its tissue maps, because deep
grey matter is brighter than cortex and the maps do not know it. Instead of a B-spline on mutual information, which costs far more for
as stiff a field.

References
----------
Vercauteren et al., NeuroImage 45:S61 (2009): demons with symmetric forces.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from node.align.bias import TissueMeans, tissue_means, tissue_share
from node.align.brain import Brain
from node.align.grid import grid_around, onto, upright_grid
from node.atlas.template import Template
from node.domain.exam import Check, Gravity
from node.domain.transform import Deformation, Transform
from node.domain.volume import Array, Volume
from node.imaging import resample, to_sitk

LEAST_SIMILARITY = 0.55
"""Correlation of warped template and T1 in the brain, at 4 mm."""

LEAST_STRETCH, MOST_STRETCH = 0.25, 4.0
"""Local change of volume beyond which a deformation is not anatomy."""

_STEP_MM, _MARGIN_MM = 4.0, 16.0
_ITERATIONS = 50
_SMOOTHING_STEPS = 2.5
_BRIGHTEST = 1.1
"""Times white matter; brighter is a vessel."""


def template_from_t1(brain: Brain, template: Template) -> tuple[Deformation, tuple[Check, ...]]:
    """Carry a brain into template space.

    Returns
    -------
    template from T1: affine, and a displacement on an upright 4 mm grid around the brain; and whether it can be believed
    """
    affine = brain.fit.t1_from_template.inverse()
    place = resample(brain.mask, upright_grid(brain.mask, _STEP_MM), interpolation="nearest")
    grid = grid_around(place, _STEP_MM, margin_mm=_MARGIN_MM)
    fixed = onto(_normalised(brain), grid)
    moving = onto(resample(_in_contrast_of(brain.means, template), upright_grid(grid, _STEP_MM / 2.0), affine), grid)
    shift = _demons(fixed, moving)
    deformation = Deformation(affine, _through(affine, shift))
    inside = onto(brain.mask, grid).array > 0.5
    return deformation, (_similarity(fixed, moving, shift, inside), _stretch(shift, inside))


def _normalised(brain: Brain) -> Volume:
    """The brain alone, white matter 1."""
    values = np.minimum(brain.t1.array / brain.means.wm, _BRIGHTEST)
    return brain.t1.like(np.where(brain.mask.array, values, 0.0).astype(np.float32))


def _in_contrast_of(means: TissueMeans, template: Template) -> Volume:
    """The template's T1 with the subject's fluid, grey and white matter, white matter 1."""
    inside = template.brain.array
    share = tissue_share(template.gm.array[inside], template.wm.array[inside])
    theirs = tissue_means(template.t1.array[inside][::7].astype(np.float64), share[::7])
    fluid, grey = means.csf / means.wm, means.gm / means.wm
    black = max(0.0, fluid - (grey - fluid) / (theirs.gm - theirs.csf) * theirs.csf)
    bright = 1.0 + (1.0 - grey) / (theirs.wm - theirs.gm) * 0.2 * theirs.wm
    values = np.interp(template.t1.array, [0.0, theirs.csf, theirs.gm, theirs.wm, 1.2 * theirs.wm], [black, fluid, grey, 1.0, bright])
    return template.t1.like((values * inside).astype(np.float32))


def _demons(fixed: Volume, moving: Volume) -> Volume:
    """(3, S, R, C) mm: where a point of the fixed image is found in the moving one, less the point."""
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(_ITERATIONS)
    demons.SetMaximumRMSError(0.0)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations(_SMOOTHING_STEPS)
    demons.SetNumberOfThreads(1)
    field = sitk.GetArrayFromImage(demons.Execute(to_sitk(fixed), to_sitk(moving)))
    return Volume(np.moveaxis(field, -1, 0), fixed.affine, "mm", fixed.frame_of_reference_uid)


def _through(affine: Transform, shift: Volume) -> Volume:
    """Demons move points before the affine map, a Deformation after it: A (p + d) = A p + A d."""
    moved = np.einsum("ij,jsrc->isrc", affine.matrix[:3, :3], shift.array)
    return Volume(moved.astype(np.float32), shift.affine, "mm", shift.frame_of_reference_uid)


def _similarity(fixed: Volume, moving: Volume, shift: Volume, inside: Array) -> Check:
    warped = resample(moving, fixed, Deformation(Transform.identity(), shift)).array
    value = float(np.corrcoef(fixed.array[inside], warped[inside])[0, 1]) if inside.sum() > 2 else 0.0
    message = f"Correlation of T1 and warped template in the brain is {value:.2f}; expected at least {LEAST_SIMILARITY:.2f}."
    return Check("template_similarity", value >= LEAST_SIMILARITY, message, Gravity.WARNING, value, LEAST_SIMILARITY, "1")


def _stretch(shift: Volume, inside: Array) -> Check:
    """The Jacobian determinant of the displacement: a fold is no anatomy."""
    gradient = [np.gradient(component, _STEP_MM) for component in shift.array[::-1]]
    jacobian = np.moveaxis(np.array(gradient), (0, 1), (-2, -1)) + np.eye(3)
    determinant = np.linalg.det(jacobian)[inside]
    least, most = float(determinant.min(initial=1.0)), float(determinant.max(initial=1.0))
    message = f"The template is stretched {least:.2f} to {most:.2f} times in volume; expected {LEAST_STRETCH:.2f} to {MOST_STRETCH:.2f}."
    passed = least >= LEAST_STRETCH and most <= MOST_STRETCH
    value, limit = (most, MOST_STRETCH) if most > MOST_STRETCH else (least, LEAST_STRETCH)
    return Check("template_stretch", passed, message, Gravity.WARNING, value, limit, "1")
