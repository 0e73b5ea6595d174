"""What tells a brain from a mask that is none: size, likeness to the template's head, tissues in the right order, a dark rim around it."""

from __future__ import annotations

import numpy as np

from node.align.affine import HeadFit
from node.align.bias import TissueMeans
from node.align.grid import grid_around, upright_grid
from node.align.morphology import outside_mm
from node.atlas.template import Template
from node.domain.exam import Check, Gravity
from node.domain.volume import Volume
from node.imaging import resample

LEAST_ML, MOST_ML = 900.0, 1900.0
"""Brain with the fluid inside, adults: outside of this a person looks."""

LEAST_LIKENESS = 0.45
"""Heads that were found gave 0.57 (strong bias, 2 mm) to 0.78; poses that missed gave 0.2 to 0.36."""

LEAST_OVERLAP = 0.85
LEAST_CONTRAST = 1.04
LEAST_DARK_RIM = 0.6
LEAST_IN_VIEW, HOLD_IN_VIEW = 0.97, 0.9
"""Share of the brain within the T1; under the second a person looks, since regions and volumes are cut."""

SIZES = (0.68, 1.12)
_CHECK_MM = 2.0
_RIM_MM = (1.0, 4.0)


def brain_checks(brain: Volume, t1: Volume, means: TissueMeans, fit: HeadFit, template: Template) -> tuple[Check, ...]:
    """Checks of a brain mask.

    Parameters
    ----------
    brain : (S, R, C) bool on the T1 grid
    t1 : (S, R, C) its T1, bias taken out
    """
    return (
        _volume(brain),
        _likeness(fit),
        _size(fit),
        _overlap(brain, fit, template),
        _in_view(t1, fit, template),
        _contrast(means),
        _rim(brain, t1, means),
    )


def _volume(brain: Volume) -> Check:
    ml = float(brain.array.sum()) * brain.voxel_ml
    return Check(
        "brain_volume",
        LEAST_ML <= ml <= MOST_ML,
        f"The brain mask holds {ml:.0f} mL; expected {LEAST_ML:.0f} to {MOST_ML:.0f} mL.",
        Gravity.HOLD,
        ml,
        LEAST_ML if ml < LEAST_ML else MOST_ML,
        "mL",
    )


def _likeness(fit: HeadFit) -> Check:
    message = "Correlation of the T1 with the template's head is {:.2f}; expected at least {:.2f}."
    return _at_least("head_likeness", fit.likeness, LEAST_LIKENESS, message, Gravity.HOLD)


def _size(fit: HeadFit) -> Check:
    low, high = SIZES
    return Check(
        "head_size",
        low <= fit.size <= high,
        f"The head is {fit.size:.2f} times the template's; expected {low:.2f} to {high:.2f}.",
        Gravity.WARNING,
        fit.size,
        low if fit.size < low else high,
        "1",
    )


def _overlap(brain: Volume, fit: HeadFit, template: Template) -> Check:
    grid = upright_grid(brain, _CHECK_MM)
    mine = resample(brain, grid, interpolation="nearest").array
    theirs = resample(template.brain, grid, fit.t1_from_template.inverse(), interpolation="nearest").array
    dice = 2.0 * float((mine & theirs).sum()) / max(1.0, float(mine.sum() + theirs.sum()))
    message = "Overlap (Dice) of brain mask and template is {:.2f}; expected at least {:.2f}."
    return _at_least("brain_overlap", dice, LEAST_OVERLAP, message, Gravity.HOLD)


def _in_view(t1: Volume, fit: HeadFit, template: Template) -> Check:
    brain = template.brain
    index = np.argwhere(brain.array)[::97]
    points = fit.t1_from_template.apply(index @ brain.affine[:3, :3].T + brain.affine[:3, 3])
    where = points @ t1.index_from_lps[:3, :3].T + t1.index_from_lps[:3, 3]
    seen = float(((where >= -0.5) & (where <= np.array(t1.shape) - 0.5)).all(axis=1).mean())
    message = "{:.3f} of the brain lies within the T1's field of view; expected at least {:.2f}."
    return _at_least("brain_in_view", seen, LEAST_IN_VIEW, message, Gravity.WARNING if seen >= HOLD_IN_VIEW else Gravity.HOLD)


def _contrast(means: TissueMeans) -> Check:
    ratio = means.wm / max(means.gm, 1e-6) if means.csf < means.gm else 0.0
    message = "White matter is {:.2f} times as bright as grey matter (0 where fluid is not darkest); expected at least {:.2f}."
    return _at_least("t1_contrast", ratio, LEAST_CONTRAST, message, Gravity.HOLD)


def _rim(brain: Volume, t1: Volume, means: TissueMeans) -> Check:
    """Around a brain lies fluid and bone, both dark; a mask that ran into muscle or stopped short has tissue around it."""
    upright = resample(brain, upright_grid(brain, _CHECK_MM), interpolation="nearest")
    grid = grid_around(upright, _CHECK_MM, margin_mm=_RIM_MM[1] + _CHECK_MM)
    distance = outside_mm(resample(brain, grid, interpolation="nearest"))
    rim = (distance > _RIM_MM[0]) & (distance <= _RIM_MM[1])
    dark = float((resample(t1, grid).array[rim] < (means.csf + means.gm) / 2.0).mean()) if rim.any() else 0.0
    message = "{:.2f} of the rim around the brain mask is dark; expected at least {:.2f}."
    return _at_least("brain_rim", dark, LEAST_DARK_RIM, message, Gravity.WARNING)


def _at_least(name: str, value: float, limit: float, message: str, gravity: Gravity) -> Check:
    return Check(name, value >= limit, message.format(value, limit), gravity, value, limit, "1")
