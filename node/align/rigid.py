"""PET → T1 and FLAIR → T1: rigid, by mutual information around the brain, and whether it can be believed.

The fixed image is the T1 inside the dilated brain mask, so that scalp and neck, which move on their own, do not lead. Many starts are
ranked on a 6 mm rung, since a bed may lie hundreds of mm from the magnet's origin and a head may be turned; the best are followed
down to 2 mm.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from node.align.pose import (
    Pose,
    Rung,
    Setup,
    centroid_mm,
    crop,
    displacement_mm,
    pyramid,
    refine,
    rigid,
    search,
    sharpened_rung,
    similarity,
)
from node.domain.exam import Check, Gravity
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.imaging import distance_mm

MASK_MARGIN_MM = 5.0
"""How far around the brain points are compared: as far as its edge blurs in PET."""

SHARPENING_FWHM_MM = 5.0
"""Blur that is taken back before the last step; a clinical PET has about this and more."""

LEAST_SHARE_IN_FIELD = 0.97
"""Of the brain, inside the field of view of the other image. Our default: less means that a part was not scanned."""

LEAST_DROP = 0.02
"""Relative loss of similarity that each displacement by 4 mm or 4° must bring. Our default, between good and failed alignments."""

AGREEMENT_MM = 2.0
"""Three of four displaced starts must come back to within this, on average over the brain."""

_BOX_MARGIN_MM = 30.0


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


def _align(
    t1: Volume, brain: Volume, moving: Volume, *, name: str, word: str, fwhm_mm: float | None, seed: int
) -> tuple[Transform, tuple[Check, ...]]:
    _must_hold_something(t1, brain, moving, word)
    moving = moving.like(np.nan_to_num(moving.array).astype(np.float32))
    t1, brain = crop(t1, brain, margin_mm=_BOX_MARGIN_MM), crop(brain, brain, margin_mm=_BOX_MARGIN_MM)
    outside_mm = distance_mm(brain)
    around = brain.like(outside_mm <= MASK_MARGIN_MM)
    setup = Setup(seed=seed, share=0.5)
    head = crop(moving, _bright(moving), margin_mm=_BOX_MARGIN_MM)
    coarse, middle, fine = pyramid(t1, around, head, spacings_mm=(6.0, 4.0, 2.0))
    if fwhm_mm is not None:
        fine = sharpened_rung(t1, around, head, spacing_mm=fine.spacing_mm, fwhm_mm=fwhm_mm)
    best = search((coarse, middle, fine), _starts(t1, brain, moving), setup)
    points = _points_mm(brain)
    checks = (
        _is_optimum(middle, best, name, word),
        _starts_agree((coarse, middle), best, setup, points, name, word),
        _in_field(moving, best.moving_from_fixed, points, name, word),
    )
    return best.moving_from_fixed.inverse(), checks


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


def _displaced(rung: Rung, pose: Transform, turn_deg: float, shift_mm: float) -> list[Transform]:
    """The pose moved both ways along, and turned both ways about, each axis."""
    unit = np.eye(3)
    moves = [(tuple(sign * turn_deg * axis), (0.0, 0.0, 0.0)) for axis in unit for sign in (1, -1)]
    moves += [((0.0, 0.0, 0.0), tuple(sign * shift_mm * axis)) for axis in unit for sign in (1, -1)]
    return [pose @ rigid(turn, shift, np.array(rung.centre_mm)) for turn, shift in moves]


def _is_optimum(rung: Rung, best: Pose, name: str, word: str) -> Check:
    here = similarity(rung, best.moving_from_fixed)
    near = max(similarity(rung, pose) for pose in _displaced(rung, best.moving_from_fixed, 4.0, 4.0))
    drop = 1.0 - near / here if here > 0 else 0.0
    return Check(
        f"{name}_optimum",
        drop >= LEAST_DROP,
        f"Moved by 4 mm or 4° from where they were put, {word} and T1 lose {100 * drop:.1f} % of their mutual information or more "
        f"(expected {100 * LEAST_DROP:.0f} % at least: a clear optimum).",
        Gravity.HOLD,
        drop,
        LEAST_DROP,
        "1",
    )


def _starts_agree(rungs: tuple[Rung, ...], best: Pose, setup: Setup, points: Array, name: str, word: str) -> Check:
    reached = refine(rungs[-1], best.moving_from_fixed, setup).moving_from_fixed
    moved = _displaced(rungs[-1], best.moving_from_fixed, 8.0, 8.0)[1::3]
    back = [search(rungs, [start], setup).moving_from_fixed for start in moved]
    apart = sorted(float(displacement_mm(pose, reached, points).mean()) for pose in back)
    # One may get lost: moved along the body, a brain can leave the few slices of a 2-D image.
    third = apart[2]
    return Check(
        f"{name}_starts_agree",
        third <= AGREEMENT_MM,
        f"{word} to T1: three of four starts displaced by 8 mm or 8° came back to within {third:.1f} mm (expected {AGREEMENT_MM:.0f} mm).",
        Gravity.HOLD,
        third,
        AGREEMENT_MM,
        "mm",
    )


def _in_field(moving: Volume, moving_from_fixed: Transform, points: Array, name: str, word: str) -> Check:
    index_from_fixed = moving.index_from_lps @ moving_from_fixed.matrix
    index = points @ index_from_fixed[:3, :3].T + index_from_fixed[:3, 3]
    share = float(np.all((index > -0.5) & (index < np.array(moving.shape) - 0.5), axis=1).mean())
    return Check(
        f"{name}_brain_in_field",
        share >= LEAST_SHARE_IN_FIELD,
        f"{100 * share:.1f} % of the brain lies in the field of view of the {word} (expected {100 * LEAST_SHARE_IN_FIELD:.0f} %).",
        Gravity.HOLD,
        share,
        LEAST_SHARE_IN_FIELD,
        "1",
    )
