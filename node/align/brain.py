"""The brain in a T1, without learned weights: find the template's head, take out the bias, draw the edge on the T1 itself.

1. The T1 at 2 mm is divided by its local tissue level, and the head model is found in it (`affine`).
2. With the template's tissues in place the bias is fitted once more, and fluid, grey and white matter get their typical intensities
   (`bias`).
3. At 1 mm, near the template's brain: what is as bright as grey or white matter, cut off from dura and scalp by an opening, the largest
   part, grown back, with the ventricles and fissures that lie deep in the template's brain, its sulci closed and its holes filled. So
   the edge is the T1's own, and the template says where to look and what lies inside.
4. Checks tell a brain from a mask that is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.align.affine import HeadFit, fit_head
from node.align.bias import TissueMeans, tissue_field, tissue_level, tissue_means, tissue_share
from node.align.brain_checks import brain_checks
from node.align.grid import grid_around, onto, upright_grid
from node.align.head import head_points
from node.align.morphology import closed, dilated, eroded, filled, largest, outside_mm
from node.atlas.template import Template
from node.domain.exam import Check
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.errors import DataError
from node.imaging import resample

_FIT_MM, _FIELD_MM, _EDGE_MM = 2.0, 4.0, 1.0
_BAND_MM = 7.0
"""How far outside the template's brain the subject's may reach: heads are not affine copies of each other."""

_DEEP_MM = 7.0
"""How deep in the template's brain everything is brain, bright or dark: ventricles, fissures, cisterns, black holes."""

_OPENING_MM, _CLOSING_MM = 2.0, 4.0
_NOISE_MM = 0.6
"""Standard deviation of the blur under which the edge is drawn: at an SNR of 8 the mask held 96 % of the brain without it, 99 % with it."""

_TOO_BRIGHT = 1.25
"""Times white matter: brighter is fat, marrow or a vessel with inflow."""


@dataclass(frozen=True, eq=False)
class Brain:
    """A brain found in a T1.

    Parameters
    ----------
    mask : (S, R, C) bool on the T1 grid
    t1 : (S, R, C) float32 on the T1 grid, bias taken out, in the scanner's own scale
    means : typical intensities in `t1`
    fit : the affine pose of the template
    checks : whether it is a brain
    """

    mask: Volume
    t1: Volume
    means: TissueMeans
    fit: HeadFit
    checks: tuple[Check, ...]


def extract_brain(t1: Volume, template: Template) -> Brain:
    """Find the brain in a T1 of the head.

    Parameters
    ----------
    t1 : (S, R, C) T1-weighted, any orientation and voxel size
    template : skull-stripped

    Raises
    ------
    DataError : the image is empty, or nothing in it looks like a brain
    """
    if not np.isfinite(t1.array).all() or float(np.max(t1.array)) <= 0.0:
        raise DataError("T1: expected finite values and some signal; found none")
    head = onto(t1, upright_grid(t1, _FIT_MM))
    coarse = onto(head, upright_grid(t1, _FIELD_MM))
    level = coarse.like(tissue_level(coarse).astype(np.float32))
    flat = head.like(head.array / resample(level, head, outside=1.0).array)
    fit = fit_head(flat, *head_points(template))
    template_from_t1 = fit.t1_from_template.inverse()
    field, means = _bias(coarse, level, template, template_from_t1)
    corrected = _divided(t1, field)
    mask = _draw(corrected, means, template, template_from_t1)
    on_t1 = resample(mask, t1).array > 0.5
    if not on_t1.any():
        raise DataError("T1: no brain was found; expected a T1-weighted image of the head")
    brain = t1.like(on_t1, unit="1")
    return Brain(brain, corrected, means, fit, brain_checks(brain, corrected, means, fit, template))


def _bias(coarse: Volume, level: Volume, template: Template, template_from_t1: Transform) -> tuple[Volume, TissueMeans]:
    """The whole bias, 1 on average in the brain, and the tissues' intensities without it."""
    gm, wm, inside = (resample(v, level, template_from_t1).array for v in (template.gm, template.wm, template.brain))
    brain = (inside > 0.5) & (coarse.array > 0)
    if not brain.any():
        raise DataError("T1: the head lies outside the image; expected a T1-weighted image of the whole brain")
    field = level.array * tissue_field(coarse.like(coarse.array / level.array), gm, wm, brain)
    field = field / np.exp(np.log(field[brain]).mean())
    means = tissue_means(coarse.array[brain] / field[brain], tissue_share(gm[brain], wm[brain]))
    return level.like(field.astype(np.float32)), means


def _divided(t1: Volume, field: Volume) -> Volume:
    factor = resample(field, t1, outside=1.0).array
    return t1.like((np.asarray(t1.array, dtype=np.float32) / np.maximum(factor, 1e-3)).astype(np.float32))


def _draw(t1: Volume, means: TissueMeans, template: Template, template_from_t1: Transform) -> Volume:
    """(S, R, C) bool on an upright 1 mm grid."""
    place = resample(template.brain, upright_grid(t1, _FIELD_MM), template_from_t1, interpolation="nearest")
    grid = grid_around(place, _EDGE_MM, margin_mm=_BAND_MM + _CLOSING_MM + 2.0)
    theirs = resample(template.brain, grid, template_from_t1, interpolation="nearest")
    near = outside_mm(theirs) <= _BAND_MM
    values = ndimage.gaussian_filter(onto(t1, grid).array, _NOISE_MM / _EDGE_MM)
    darkest = (means.csf + means.gm) / 2.0
    tissue = grid.like(near & (values > darkest) & (values < _TOO_BRIGHT * means.wm))
    core = largest(eroded(tissue, _OPENING_MM))
    grown = grid.like(tissue.array & dilated(core, _OPENING_MM + _EDGE_MM).array)
    return filled(closed(grid.like(grown.array | eroded(theirs, _DEEP_MM).array), _CLOSING_MM))
