"""How the images of an exam lie to each other: brain in the T1, frames of the PET, PET and FLAIR onto the T1, T1 onto the template.

- `brain.py` finds the brain without learned weights: template head → T1 (`affine.py`, with the head model of `head.py`), the bias
  (`bias.py`), the edge on the T1 itself, and Checks that tell a brain from a mask that is none (`brain_checks.py`).
- `motion.py` moves the frames of the PET onto each other (`realign.py` two of them), `motion_checks.py` tells how far and when.
- `rigid.py` lays the PET and the FLAIR onto the T1, `rigid_checks.py` says whether to believe it; `template.py` the T1 onto the template.
- `prior.py` lays the T1 of an earlier exam onto this one, by the same search under stricter checks.
- `grid.py`, `morphology.py` and `pose.py` hold what they share.

Decisions
---------
We chose to look for a whole head, with a dark and a bright shell drawn around the template's brain, because a brain alone grows in an
affine registration until its edge meets the scalp; instead of a first mask from thresholds, which on some heads was a neck.

We chose an own Gauss–Newton with priors on size and shape for that step, because it fits the bias along with the pose, follows many
starts in a second and cannot blow up; instead of mutual information with an unbounded affine transform, which did.

We chose to take the brain's edge from the T1 (bright tissue, opened, its sulci closed) within 7 mm of the template's, because the PET
near the skull is measured with this edge; instead of warping the template's mask, which is no one's brain.

We chose to align a dynamic PET by the mean of all frames that were compared, 3 min after the injection to the end, which holds the
flow-like minutes and most counts; instead of an early sum alone. On a simulated PK11195 exam (truth known) it missed by 0.29 mm, a sum
of 0–10 min by 0.27, of 0–5 min by 0.40, of the late 20 min by 0.41: no gain that pays for frames whose pose nobody compared.

We chose to tell another person's head, or a header with the sides exchanged, by what mutual information loses when the PET is displaced
by 4 mm and when its sides are exchanged; instead of the overlap of outlines, which told pairs of heads badly (Dice 0.80 for a right
pair, 0.94 for a wrong one) where scalp and skull take up tracer.

We chose to lay an earlier T1 straight onto this one, because only the lesions' labels are carried over, by nearest voxel, and nothing is
measured on a resampled image; the half-way space of both, which a Jacobian needs, comes with the slowly expanding lesions.

We chose to name what a wrong header may have exchanged, and to hold the exam; instead of righting it, because which of two headers is
wrong cannot be known from them.

Every number is computed on one thread where threads would change bits, and without random sampling where that was fast enough.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from node.align.brain import Brain, extract_brain
from node.align.motion import correct_motion
from node.align.pose import one_thread
from node.align.prior import t1_from_prior
from node.align.rigid import t1_from_flair, t1_from_pet
from node.align.template import template_from_t1
from node.atlas.template import Template
from node.domain.exam import Check, Exam
from node.domain.result import Alignment
from node.domain.transform import Transform

__all__ = ["Brain", "align", "extract_brain", "t1_from_prior"]


def align(exam: Exam, template: Template, *, seed: int) -> Alignment:
    """Bring the images of an exam together.

    Parameters
    ----------
    exam : PET and T1, perhaps a FLAIR
    template : the brain that regions are drawn in
    seed : of the sampling in registrations; the same seed gives the same bits

    Raises
    ------
    DataError : the T1 holds no brain, or an image holds nothing
    """
    # Side by side where nothing waits for the other: each is one thread's work, so that the bits do not depend on who comes first.
    with one_thread(), ThreadPoolExecutor(max_workers=1) as side_by_side:
        moving = side_by_side.submit(correct_motion, exam.pet, seed=seed)
        brain = extract_brain(exam.t1.volume, template)
        motion = moving.result()
        pet = side_by_side.submit(t1_from_pet, brain.t1, brain.mask, motion.mean, seed=seed)
        to_template, template_checks = template_from_t1(brain, template)
        from_flair, flair_checks = _flair(exam, brain, seed)
        from_pet, pet_checks = pet.result()
    return Alignment(
        t1=brain.t1,
        brain=brain.mask,
        t1_from_pet=from_pet,
        pet_from_frame=motion.pet_from_frame,
        t1_from_flair=from_flair,
        template_from_t1=to_template,
        checks=(*brain.checks, *motion.checks, *pet_checks, *flair_checks, *template_checks),
        motion_mm=motion.displacement_mm,
    )


def _flair(exam: Exam, brain: Brain, seed: int) -> tuple[Transform | None, tuple[Check, ...]]:
    if exam.flair is None:
        return None, ()
    return t1_from_flair(brain.t1, brain.mask, exam.flair.volume, seed=seed)
