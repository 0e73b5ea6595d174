"""Whether a rigid alignment can be believed: is it an optimum, do other starts agree, is the brain in view, are the sides right.

The limits stand between what right pairs of images gave and what wrong ones did (benchmarks/registration.py, wrong_on_purpose.py); they
are defaults of ours, found on few heads.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from node.align.pose import Pose, Rung, Setup, displacement_mm, refine, rigid, search, similarity
from node.domain.exam import Check, Gravity
from node.domain.transform import Transform
from node.domain.volume import Array, Volume

LEAST_DROP = 0.02
"""Relative loss of similarity that each displacement by 4 mm or 4° must bring. Our default, between good and failed alignments."""

ONE_HEAD_DROP, ONE_HEAD_SIDES = 0.07, 0.06
"""PET of the same head lost 9 to 15 % when displaced and 14 % and more when its sides were exchanged; of another head −3 to 6 % and at
most 5 % (5 real and simulated heads, each on each). Either is enough: noise lowers both. Our defaults."""

LEAST_SHARE_IN_FIELD = 0.97
"""Of the brain, inside the field of view of the other image. Our default: less means that a part was not scanned."""

AGREEMENT_MM = 2.0
"""Three of four displaced starts must come back to within this, on average over the brain."""

MIRROR_GAIN = 0.1
"""More similarity than this when mirrored, and the header is suspected."""

EXCHANGED = {
    "left and right": (0,),
    "front and back": (1,),
    "head and feet": (2,),
    "left and right, head and feet": (0, 2),
    "left and right, front and back": (0, 1),
    "front and back, head and feet": (1, 2),
}
"""What a wrong header exchanges, and the LPS axes of it: one where a direction is wrong, two where the patient lay another way."""


def is_optimum(lost: float, name: str, word: str) -> Check:
    """Whether the pose is an optimum.

    Parameters
    ----------
    lost : what `drop` says of it
    """
    return Check(
        f"{name}_optimum",
        lost >= LEAST_DROP,
        f"Moved by 4 mm or 4° from where they were put, {word} and T1 lose {100 * lost:.1f} % of their mutual information or more "
        f"(expected {100 * LEAST_DROP:.0f} % at least: a clear optimum).",
        Gravity.HOLD,
        lost,
        LEAST_DROP,
        "1",
    )


def one_head(lost: float, sides_lost: float, name: str, word: str) -> Check:
    """Whether both images show one head. Two people's heads fit each other too, but loosely, and as well with the sides exchanged.

    Parameters
    ----------
    lost, sides_lost : what `drop` and `sides` say
    """
    return Check(
        f"{name}_one_head",
        lost >= ONE_HEAD_DROP or sides_lost >= ONE_HEAD_SIDES,
        f"{word} and T1 lose {100 * lost:.1f} % of their mutual information when moved by 4 mm or 4°, and {100 * sides_lost:.1f} % with "
        f"the sides exchanged (expected {100 * ONE_HEAD_DROP:.0f} % or {100 * ONE_HEAD_SIDES:.0f} % at least: less is seen with two "
        "people's heads, with a wrong orientation, or in much noise).",
        Gravity.HOLD,
        lost,
        ONE_HEAD_DROP,
        "1",
    )


def drop(rung: Rung, pose: Transform) -> float:
    """Relative loss of similarity that a displacement by 4 mm or 4° brings, the least of twelve."""
    here = similarity(rung, pose)
    near = max(similarity(rung, other) for other in _displaced(rung, pose, 4.0, 4.0))
    return 1.0 - near / here if here > 0 else 0.0


def _displaced(rung: Rung, pose: Transform, turn_deg: float, shift_mm: float) -> list[Transform]:
    """The pose moved both ways along, and turned both ways about, each axis."""
    unit = np.eye(3)
    moves = [(tuple(sign * turn_deg * axis), (0.0, 0.0, 0.0)) for axis in unit for sign in (1, -1)]
    moves += [((0.0, 0.0, 0.0), tuple(sign * shift_mm * axis)) for axis in unit for sign in (1, -1)]
    return [pose @ rigid(turn, shift, np.array(rung.centre_mm)) for turn, shift in moves]


def starts_agree(rungs: tuple[Rung, ...], best: Pose, setup: Setup, points: Array, name: str, word: str) -> Check:
    """Starts displaced by 8 mm or 8° come back to one pose."""
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


def in_field(moving: Volume, moving_from_fixed: Transform, points: Array, name: str, word: str) -> Check:
    """Which share of the brain the other image shows; slices, rows and columns that hold one value alone show nothing."""
    index_from_fixed = moving.index_from_lps @ moving_from_fixed.matrix
    index = points @ index_from_fixed[:3, :3].T + index_from_fixed[:3, 3]
    shown = np.array([_shown(moving.array, axis) for axis in range(3)])
    share = float(np.all((index > shown[:, 0] - 0.5) & (index < shown[:, 1] + 0.5), axis=1).mean())
    return Check(
        f"{name}_brain_in_field",
        share >= LEAST_SHARE_IN_FIELD,
        f"{100 * share:.1f} % of the brain lies in the field of view of the {word} (expected {100 * LEAST_SHARE_IN_FIELD:.0f} %).",
        Gravity.HOLD,
        share,
        LEAST_SHARE_IN_FIELD,
        "1",
    )


def _shown(array: Array, axis: int) -> tuple[int, int]:
    """First and last index along an axis at which the values differ from each other."""
    others = tuple(other for other in range(3) if other != axis)
    differ = np.flatnonzero(array.max(axis=others) > array.min(axis=others))
    return (int(differ[0]), int(differ[-1])) if differ.size else (0, -1)


def sides(rung: Rung, best: Pose, setup: Setup) -> float:
    """Relative loss of similarity when left and right of the moving image are exchanged; brains are not quite symmetrical."""
    as_is = refine(rung, best.moving_from_fixed, setup).similarity
    other = mirrored(rung, (0,))
    exchanged = refine(other, _mirrored_start(rung, best.moving_from_fixed), setup).similarity
    return 1.0 - exchanged / as_is if as_is > 0 else 0.0


def sides_right(loss: float, name: str, word: str) -> Check:
    """A header that exchanges left and right looks right to every measure but this, and this one is not certain.

    Parameters
    ----------
    loss : what `sides` says
    """
    return Check(
        f"{name}_sides",
        loss > 0.0,
        f"With left and right of the {word} exchanged, {word} and T1 {'lose' if loss > 0 else 'gain'} {100 * abs(loss):.1f} % of their "
        "mutual information (expected a loss: where they gain, one of the two headers has the sides wrong).",
        Gravity.HOLD,
        loss,
        0.0,
        "1",
    )


def mirrored(rung: Rung, axes: tuple[int, ...]) -> Rung:
    """The rung with its moving image as if its header had said the opposite: along each LPS axis, the nearest grid axis runs backwards."""
    moving = rung.moving
    nearest = tuple(int(np.argmax(np.abs(moving.affine[axis, :3]) / moving.spacing_mm)) for axis in axes)
    return replace(rung, moving=moving.like(np.ascontiguousarray(np.flip(moving.array, axis=nearest))))


def _mirrored_start(rung: Rung, moving_from_fixed: Transform) -> Transform:
    """The pose in which a symmetrical head would look the same after `mirrored(rung, (0,))`."""
    affine = rung.moving.affine
    nearest = int(np.argmax(np.abs(affine[0, :3]) / rung.moving.spacing_mm))
    normal = affine[:3, nearest] / np.linalg.norm(affine[:3, nearest])
    there = _reflection(normal, rung.moving.centre_mm())
    here = _reflection(np.array([1.0, 0.0, 0.0]), np.array(rung.centre_mm))
    return Transform(there @ moving_from_fixed.matrix @ here)


def _reflection(normal: Array, point: Array) -> Array:
    out = np.eye(4)
    out[:3, :3] -= 2.0 * np.outer(normal, normal)
    out[:3, 3] = 2.0 * normal * float(normal @ point)
    return out


def wrong_way_round(rungs: tuple[Rung, ...], starts: list[Transform], best: Pose, setup: Setup, name: str, word: str) -> Check:
    """Asked only where an alignment failed: would the other image fit if its header had some directions wrong?"""
    here = similarity(rungs[-1], best.moving_from_fixed)
    found = {what: search(tuple(mirrored(rung, axes) for rung in rungs), starts, setup).similarity for what, axes in EXCHANGED.items()}
    what = max(found, key=lambda key: found[key])
    gain = found[what] / here - 1.0 if here > 0 else 0.0
    than = "more" if gain > 0 else "less"
    return Check(
        f"{name}_orientation",
        gain <= MIRROR_GAIN,
        f"With {what} of the {word} exchanged, {word} and T1 share {abs(100 * gain):.0f} % {than} information than as "
        f"the headers say (expected {100 * MIRROR_GAIN:.0f} % more at most; beyond it a header is likely to be wrong).",
        Gravity.HOLD,
        gain,
        MIRROR_GAIN,
        "1",
    )
