"""PET → T1 and FLAIR → T1: rigid, by mutual information around the brain, and whether it can be believed.

The fixed image is the T1 inside the dilated brain mask, so that scalp and neck, which move on their own, do not lead. Many starts are
ranked on a 6 mm rung, since a bed may lie hundreds of mm from the magnet's origin and a head may be turned; the best are followed
down to 2 mm. Where both images share a frame of reference (one session, a PET/MR) the search starts where the scanner says, and goes
on to the many starts only when no clear optimum is found there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from node.align.morphology import outside_mm
from node.align.pose import Pose, Rung, Setup, centroid_mm, crop, pyramid, rigid, search, sharpened_rung
from node.align.rigid_checks import ONE_HEAD_DROP, drop, in_field, is_optimum, one_head, sides, sides_right, starts_agree, wrong_way_round
from node.domain.exam import Check
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.errors import DataError

MASK_MARGIN_MM = 5.0
"""How far around the brain points are compared: as far as its edge blurs in PET."""

SHARPENING_FWHM_MM = 5.0
"""Blur that is taken back before the last step; a clinical PET has about this and more."""

_BOX_MARGIN_MM = 30.0
_T1_MARGIN_MM = 18.0


def t1_from_pet(t1: Volume, brain: Volume, pet_mean: Volume, *, seed: int) -> tuple[Transform, tuple[Check, ...]]:
    """Where the PET lies in the T1.

    Parameters
    ----------
    t1, brain : (S, R, C) on the T1 grid; `brain` is bool
    pet_mean : (S, R, C) mean of the frames, in the reference pose
    seed : of the jitter of sample points; the same seed gives the same bits

    Returns
    -------
    rigid transform of LPS mm in the PET onto LPS mm in the T1, and the Checks

    Raises
    ------
    DataError : one of the images holds nothing to align by
    """
    return _align(t1, brain, pet_mean, name="pet_to_t1", word="PET", fwhm_mm=SHARPENING_FWHM_MM, seed=seed)


def t1_from_flair(t1: Volume, brain: Volume, flair: Volume, *, seed: int) -> tuple[Transform, tuple[Check, ...]]:
    """Where the FLAIR lies in the T1; as `t1_from_pet`."""
    return _align(t1, brain, flair, name="flair_to_t1", word="FLAIR", fwhm_mm=None, seed=seed)


@dataclass(frozen=True, eq=False)
class Sought:
    """A pose that was found, and what it was found with.

    Parameters
    ----------
    best : T1 onto the moving image
    rungs : the coarse and the middle one
    starts : T1 onto the moving image, where the search began
    brain, moving : as compared
    """

    best: Pose
    rungs: tuple[Rung, Rung]
    starts: list[Transform]
    setup: Setup
    brain: Volume
    moving: Volume

    @property
    def t1_from_moving(self) -> Transform:
        """LPS mm in the moving image → LPS mm in the T1, rigid."""
        return self.best.moving_from_fixed.inverse()


def seek(t1: Volume, brain: Volume, moving: Volume, *, word: str, fwhm_mm: float | None, seed: int) -> Sought:
    """Look for the pose of an image of the same head.

    Parameters
    ----------
    t1, brain : (S, R, C) on the T1 grid; `brain` is bool
    moving : (S, R, C)
    word : what it is, in a sentence
    fwhm_mm : blur of it that is taken back before the last step; None for none

    Raises
    ------
    DataError : one of the images holds nothing to align by
    """
    _must_hold_something(t1, brain, moving, word)
    moving = moving.like(np.nan_to_num(moving.array).astype(np.float32))
    t1, brain = crop(t1, brain, margin_mm=_T1_MARGIN_MM), crop(brain, brain, margin_mm=_T1_MARGIN_MM)
    setup = Setup(seed=seed, share=0.5)
    rungs = _rungs(t1, brain, moving, fwhm_mm)
    starts = _starts(t1, brain, moving)
    best = _found(rungs, starts, setup, one_session=_one_session(t1, moving))
    return Sought(best, rungs[:2], starts, setup, brain, moving)


def reached(found: Sought, name: str, word: str) -> tuple[Check, ...]:
    """Whether other starts come to the same pose, and the whole brain can be seen in it."""
    points = _points_mm(found.brain)
    agree = starts_agree(found.rungs, found.best, found.setup, points, name, word)
    return agree, in_field(found.moving, found.best.moving_from_fixed, points, name, word)


def _align(
    t1: Volume, brain: Volume, moving: Volume, *, name: str, word: str, fwhm_mm: float | None, seed: int
) -> tuple[Transform, tuple[Check, ...]]:
    found = seek(t1, brain, moving, word=word, fwhm_mm=fwhm_mm, seed=seed)
    return found.t1_from_moving, (*_fits(found, name, word), *reached(found, name, word))


def _rungs(t1: Volume, brain: Volume, moving: Volume, fwhm_mm: float | None) -> tuple[Rung, Rung, Rung]:
    head = crop(moving, _bright(moving), margin_mm=_BOX_MARGIN_MM)
    around = brain.like(outside_mm(brain) <= MASK_MARGIN_MM)
    coarse, middle, fine = pyramid(t1, around, head, spacings_mm=(6.0, 4.0, 2.0))
    if fwhm_mm is not None:
        fine = sharpened_rung(t1, around, head, spacing_mm=fine.spacing_mm, fwhm_mm=fwhm_mm)
    return coarse, middle, fine


def _fits(found: Sought, name: str, word: str) -> tuple[Check, ...]:
    """Whether the two images belong together; where not, what a header may have wrong."""
    lost, sides_lost = drop(found.rungs[-1], found.best.moving_from_fixed), sides(found.rungs[-1], found.best, found.setup)
    checks = (is_optimum(lost, name, word), sides_right(sides_lost, name, word), one_head(lost, sides_lost, name, word))
    if all(check.passed for check in checks):
        return checks
    return (*checks, wrong_way_round(found.rungs, found.starts, found.best, found.setup, name, word))


def _one_session(t1: Volume, moving: Volume) -> bool:
    return bool(t1.frame_of_reference_uid) and t1.frame_of_reference_uid == moving.frame_of_reference_uid


def _found(rungs: tuple[Rung, ...], starts: list[Transform], setup: Setup, *, one_session: bool) -> Pose:
    """The best pose: of one session where the scanner says, if that is a clear optimum; else of all starts."""
    if one_session:
        near = search(rungs, [Transform.identity()], setup)
        if drop(rungs[1], near.moving_from_fixed) >= ONE_HEAD_DROP:
            return near
    return search(rungs, starts, setup)


def _must_hold_something(t1: Volume, brain: Volume, moving: Volume, word: str) -> None:
    if not brain.array.any():
        raise DataError(f"{word} to T1: the brain mask is empty; expected a brain")
    for what, array in (("T1", t1.array), (word, moving.array)):
        if not np.nanmax(array) > np.nanmin(array):
            raise DataError(f"{word} to T1: the {what} holds one value only ({float(array.flat[0]):g}); expected an image")


def _starts(t1: Volume, brain: Volume, moving: Volume) -> list[Transform]:
    """Moving-from-fixed: where the scanner says, middle on middle, and head on head, each shifted along the body and turned."""
    middle = centroid_mm(brain)
    shifts = [np.zeros(3), moving.centre_mm() - t1.centre_mm(), centroid_mm(_bright(moving)) - middle]
    along_body = [np.array([0.0, 0.0, z]) for z in (-40.0, -20.0, 0.0, 20.0, 40.0)]
    turns = [(0.0, 0.0, 0.0), (15.0, 0.0, 0.0), (-15.0, 0.0, 0.0), (0.0, 0.0, 15.0), (0.0, 0.0, -15.0), (0.0, 15.0, 0.0), (0.0, -15.0, 0.0)]
    return [rigid(turn, tuple(shift + up), middle) for shift, up, turn in product(shifts, along_body, turns)]


def _bright(volume: Volume) -> Volume:
    return volume.like(volume.array > volume.array.mean(dtype=np.float64))


def _points_mm(brain: Volume) -> Array:
    """(n, 3) LPS mm, a few thousand points all over the brain."""
    index = np.argwhere(brain.array)
    index = index[:: max(1, len(index) // 5000)]
    return np.asarray(index @ brain.affine[:3, :3].T + brain.affine[:3, 3])
