"""An earlier T1 of the same person → this exam's T1: rigid, and refused rather than wrong.

By mutual information as in `rigid`, so that an earlier image of another sequence or of thick slices can be used too. What nobody waits
for must not be guessed: a check that fails takes the earlier exam out of the comparison of lesions, and holds nothing.
"""

from __future__ import annotations

from node.align.pose import one_thread
from node.align.rigid import Sought, reached, seek
from node.align.rigid_checks import drop, is_optimum, sides
from node.domain.exam import Check
from node.domain.transform import Transform
from node.domain.volume import Volume

SAME_HEAD = 0.25
"""Loss of similarity when displaced, and when the sides are exchanged, together. Two MR images of one head (T1 or FLAIR, 1 to 4 mm slices,
two visits) lost 39 to 102 %, those of two heads 5 to 13 %. Stricter than `rigid_checks.one_head`, which is content with either loss: MR has
the contrast, and another person's lesions must not get this one's numbers. Our default."""

_NAME, _WORD = "prior_to_t1", "earlier T1"


def t1_from_prior(t1: Volume, brain: Volume, prior_t1: Volume, *, seed: int) -> tuple[Transform, tuple[Check, ...]]:
    """Where an earlier T1 lies in this one.

    Parameters
    ----------
    t1, brain : (S, R, C) on the T1 grid; `brain` is bool
    prior_t1 : (S, R, C)
    seed : of the jitter of sample points; the same seed gives the same bits

    Returns
    -------
    rigid transform of LPS mm in the earlier T1 onto LPS mm in this one, and the Checks: to be used only where all have passed

    Raises
    ------
    DataError : one of the images holds nothing to align by
    """
    with one_thread():
        found = seek(t1, brain, prior_t1, word=_WORD, fwhm_mm=None, seed=seed)
        checks = (*_fits(found), *reached(found, _NAME, _WORD))
    return found.t1_from_moving, checks


def _fits(found: Sought) -> tuple[Check, Check]:
    lost, sides_lost = drop(found.rungs[-1], found.best.moving_from_fixed), sides(found.rungs[-1], found.best, found.setup)
    same = Check(
        f"{_NAME}_same_head",
        lost + sides_lost >= SAME_HEAD,
        f"{_WORD} and T1 lose {100 * lost:.1f} % of their mutual information when moved by 4 mm or 4°, and {100 * sides_lost:.1f} % with "
        f"the sides exchanged (expected {100 * SAME_HEAD:.0f} % together at least: less is seen with two people's heads, with a wrong "
        "orientation, or in much noise).",
        value=lost + sides_lost,
        limit=SAME_HEAD,
        unit="1",
    )
    return is_optimum(lost, _NAME, _WORD), same
