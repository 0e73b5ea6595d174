"""Fluid, grey and white matter on the T1: a mixture of three classes whose means drift slowly over the brain.

Each class is Gaussian in intensity; its probability is weighted weakly by the template's prior and by the six neighbours (a mean-field
Markov random field). Class means are taken locally, over some centimetres, which follows what is left of the coil's shading and the
real difference between, say, cerebellar and frontal grey matter. A voxel that two classes share is decided at
`FLUID_CUT` and `WHITE_CUT`, because all classes get one common width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.domain.result import Tissue
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.segment.local import local_mean
from node.segment.place import Place

PRIOR_STRENGTH = 0.3
"""Exponent of the template's prior: it settles what intensity leaves open, it does not draw the cortex."""

PRIOR_FLOOR = 0.05
"""Least prior of a class: the template is an average, and a patient's ventricles are not in it."""

NEIGHBOUR_STRENGTH = 0.25
"""Weight of each neighbour's probability in the exponent (per neighbour at 1 mm)."""

ROUNDS = 4
ROUNDS_FILLED = 2
"""Rounds before lesions are known, and after them, on the T1 in which they are filled."""

FILL_WHITE_PRIOR = 0.5
"""What touches a lesion is filled with it where the prior holds it for white matter: it is lesion in part, and looks grey."""

DARKEST_PERCENTILE = 2.0
SUREST_PERCENT = 15.0
"""Where the means begin: fluid among the darkest of the deep brain, grey and white matter where the template is surest of them."""

PURE_FLUID_PERCENTILE = 20.0
"""Of what is darker than the first cut: most sulcal fluid is mixed with tissue, the darkest fifth is hardly."""

FLUID_CUT = 2.0 / 3.0
"""A voxel is grey matter when at least this share of it is: what is measured in cortex should be cortex, and there is no other class
for the dura and the vessels beside it."""

WHITE_CUT = 0.6
"""A voxel is white matter when at least this share of it is. Two thirds and three fifths keep all three means near those of the pure
tissues (caudate, corpus callosum); half and half let grey matter's mean sink towards fluid."""

LEAST_WIDTH = 0.2
"""Least class width, as a share of the contrast between grey and white matter."""

DEEP_MM = 4.0
"""Means are taken this deep in the brain mask: its edge holds dura, vessels, and what the mask got wrong."""

SURE = 0.8
LOCAL_MM = 25.0
"""Standard deviation of the window in which a local class mean is taken."""

LOCAL_TRUST = 0.15
"""Share of the window that a class must fill for its local mean to weigh as much as the global one."""

_CLASSES = (Tissue.CSF, Tissue.GRAY_MATTER, Tissue.WHITE_MATTER)


@dataclass(frozen=True, eq=False)
class TissueModel:
    """The classes found.

    Parameters
    ----------
    labels : (S, R, C) uint8, values of `Tissue`; 0 outside the brain
    means : (3,) global mean of fluid, grey and white matter, in units of the T1
    noise : robust standard deviation inside white matter, in units of the T1
    chance : (3, S, R, C) float32 probability of each class; 0 outside the brain
    local : (3, S, R, C) float32 class means around each voxel, relative to `scale`
    scale : white matter's first mean, in units of the T1
    """

    labels: Array
    means: tuple[float, float, float]
    noise: float
    chance: Array
    local: Array
    scale: float


def classify(t1: Volume, place: Place) -> TissueModel:
    """Fluid, grey and white matter, before anything is known of lesions.

    Parameters
    ----------
    t1 : (S, R, C) bias-corrected, on the grid of `place`

    Raises
    ------
    DataError : fluid, grey and white matter do not follow each other in brightness, as they do on a T1-weighted image
    """
    prior, deep = _prior(place), _deep(place)
    means = _global_means(t1.array[deep.array], place.gm[deep.array], place.wm[deep.array])
    scale = float(means[2])
    scaled = (t1.array / scale).astype(np.float32)
    local = np.empty_like(prior)
    local[:] = (means / scale)[:, None, None, None]
    chance = _posterior(scaled, prior, None, local, place.brain)
    chance = _settled(scaled, prior, chance, local, deep, place.brain, rounds=ROUNDS - 1)
    return _model(t1, chance, local, scale, ~np.zeros(t1.shape, dtype=bool))


def classify_filled(t1: Volume, lesions: Array, place: Place, before: TissueModel) -> TissueModel:
    """The classes once more, with lesions as bright as the white matter around them: they bend neither means nor neighbours.

    Lesions themselves are white matter in the answer. The filled T1 is used here alone, and never registered.

    Parameters
    ----------
    lesions : (S, R, C) bool
    before : what `classify` made of the same T1
    """
    touching = ndimage.binary_dilation(lesions) & (place.wm > FILL_WHITE_PRIOR)
    filled = lesions | (touching & (before.labels == Tissue.GRAY_MATTER.value))
    scaled = np.where(filled, before.local[2], t1.array / before.scale).astype(np.float32)
    local = before.local.copy()
    deep = _deep(place)
    chance = _settled(scaled, _prior(place), before.chance, local, deep, place.brain, rounds=ROUNDS_FILLED)
    chance[:, lesions] = np.array([0.0, 0.0, 1.0], dtype=np.float32)[:, None]
    return _model(t1, chance, local, before.scale, ~lesions)


def _settled(scaled: Array, prior: Array, chance: Array, local: Array, deep: Volume, brain: Volume, *, rounds: int) -> Array:
    """(3, S, R, C) probability after some rounds of means and neighbours; `local` is brought up to date in place."""
    for _ in range(rounds):
        _update_means(local, scaled, chance, deep)
        chance = _posterior(scaled, prior, chance, local, brain)
    return chance


def _deep(place: Place) -> Volume:
    deep = place.brain.like(place.depth_mm > DEEP_MM)
    if not deep.array.any():
        raise DataError(f"segment: expected a brain mask deeper than {DEEP_MM:g} mm; found a thinner one")
    return deep


def _model(t1: Volume, chance: Array, local: Array, scale: float, healthy: Array) -> TissueModel:
    labels = np.where(chance.any(axis=0), chance.argmax(axis=0) + 1, 0).astype(np.uint8)
    values = [t1.array[healthy & (labels == tissue.value)] for tissue in _CLASSES]
    if min(len(v) for v in values) == 0:
        raise DataError("segment: expected fluid, grey and white matter on the T1; one of them was not found")
    csf, gm, wm = (float(np.median(v)) for v in values)
    return TissueModel(labels, (csf, gm, wm), float(1.4826 * np.median(np.abs(values[2] - wm))), chance, local, scale)


def _prior(place: Place) -> Array:
    """(3, S, R, C) float32 prior, floored and normalised."""
    fluid = np.clip(1.0 - place.gm - place.wm, 0.0, 1.0)
    prior = np.stack([fluid, place.gm, place.wm])
    prior += np.float32(PRIOR_FLOOR)
    prior /= prior.sum(axis=0)
    return np.asarray(prior)


def _global_means(values: Array, gm: Array, wm: Array) -> Array:
    """(3,) pure fluid, grey and white matter, by k-means on the intensities.

    The template says only where to begin, because k-means alone takes grey matter for fluid in a young brain that has hardly any;
    from there on the intensities decide, which the template's errors cannot bend.

    Parameters
    ----------
    values, gm, wm : (N,) intensity, and prior probability of grey and white matter

    Raises
    ------
    DataError : the three means do not rise
    """
    low, high = np.percentile(values, [0.5, 99.5])
    inside = (values >= low) & (values <= high)
    values, gm, wm = values[inside], gm[inside], wm[inside]
    means = np.array([np.percentile(values, DARKEST_PERCENTILE), _typical(values, gm), _typical(values, wm)])
    for _ in range(30):
        groups = np.digitize(values, _cuts(means)) if (np.diff(means) > 0).all() else np.zeros(len(values), dtype=int)
        if np.bincount(groups, minlength=3).min() == 0:
            break
        fluid, gray, white = (values[groups == k] for k in range(3))
        means = np.array([np.percentile(fluid, PURE_FLUID_PERCENTILE), np.median(gray), np.median(white)])
    if not 0 <= means[0] < means[1] < means[2]:
        raise DataError(f"segment: expected fluid < grey < white matter on the T1; found {means.round(3).tolist()}")
    return means


def _typical(values: Array, prior: Array) -> float:
    """Median where the template is surest of a class."""
    return float(np.median(values[prior >= np.percentile(prior, 100.0 - SUREST_PERCENT)]))


def _cuts(means: Array) -> Array:
    """(2,) where fluid becomes grey, and grey becomes white matter."""
    return np.array([means[0] + FLUID_CUT * (means[1] - means[0]), means[1] + WHITE_CUT * (means[2] - means[1])])


def _posterior(scaled: Array, prior: Array, chance: Array | None, local: Array, brain: Volume) -> Array:
    """(3, S, R, C) float32 probability of each class; 0 outside the brain."""
    odds = PRIOR_STRENGTH * np.log(prior)
    # One common width, an eighth of the contrast between fluid and white matter at least: a boundary lies where it is said to lie.
    sharpness = np.float32(0.5) / _width(scaled, local, brain) ** 2
    # Stand-ins for fluid and white matter, so placed that the cut is half way to them; what lies beyond them is theirs all the same.
    fluid = local[1] - np.float32(2.0 * (1.0 - FLUID_CUT)) * (local[1] - local[0])
    white = local[1] + np.float32(2.0 * WHITE_CUT) * (local[2] - local[1])
    for k, centre in enumerate((fluid, local[1], white)):
        apart = scaled - centre
        if k == 0:
            np.maximum(apart, 0.0, out=apart)
        if k == 2:
            np.minimum(apart, 0.0, out=apart)
        odds[k] -= sharpness * apart**2
    if chance is not None:
        _add_neighbours(odds, chance, brain.spacing_mm)
    odds -= odds.max(axis=0)
    np.exp(odds, out=odds)
    odds /= odds.sum(axis=0)
    odds *= brain.array
    return np.asarray(odds)


def _width(scaled: Array, local: Array, brain: Volume) -> np.float32:
    """Spread of what is brighter than white matter's mean, where no other class mixes in: noise and the tissue's own variety."""
    above = (scaled - local[2])[brain.array & (scaled > local[2])]
    spread = 1.4826 * float(np.median(above)) if len(above) else 0.0
    contrast = float(np.median(local[2][brain.array] - local[1][brain.array]))
    return np.float32(max(spread, LEAST_WIDTH * contrast))


def _add_neighbours(odds: Array, chance: Array, spacing_mm: Array) -> None:
    """Add, for each of the six neighbours, its probability weighted by 1 mm over its distance."""
    for axis in range(3):
        weight = np.float32(NEIGHBOUR_STRENGTH / max(float(spacing_mm[axis]), 1.0))
        weighted = weight * chance
        low, high = [slice(None)] * 4, [slice(None)] * 4
        low[axis + 1], high[axis + 1] = slice(None, -1), slice(1, None)
        odds[tuple(high)] += weighted[tuple(low)]
        odds[tuple(low)] += weighted[tuple(high)]


def _update_means(local: Array, scaled: Array, chance: Array, deep: Volume) -> None:
    """Grey and white matter's means in a Gaussian window, drawn to the global mean where the class is rare; on a coarse grid.

    Fluid keeps one global value: there is too little pure fluid for more.
    """
    for k in (1, 2):
        sure = deep.array & (chance[k] > SURE)
        local[k] = local_mean(scaled, sure, deep.spacing_mm, sigma_mm=LOCAL_MM, trust=LOCAL_TRUST)
