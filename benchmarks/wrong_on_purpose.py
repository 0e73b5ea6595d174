"""Exams that are wrong on purpose: the alignment must come out right, or be refused or held with the cause.

::

    python benchmarks/wrong_on_purpose.py EXAM_FOLDER… [--orders 48] [--only WORD] [--json]

The T1 of each exam is real or simulated, its PET is painted on it (`benchmarks.painted`). What is done to them:

- *PET axes*, *T1 axes*: the same image with its axes in another order and direction, its header rightly so; *tilt*: on an oblique grid.
- *PET header*, *T1 header*: one axis runs the other way and the header does not say so.
- *lying*: the patient lies feet first or prone, and the header says head first, supine.
- *half*: half of the head is outside the field of view, or blank.
- *another head*: the PET of one exam on the T1 of another, each on each; five paintings.
- *mass*: a ball of 28 mm radius in one hemisphere, grey in the T1, twice as bright as cortex in the PET.
- *contrast*: sinuses and a skin around the brain 1.6 times as bright as white matter, as after a contrast agent.
- *motion*: half of the frames moved by 8 mm, uncorrected in the mean that is aligned; and corrected.

An outcome is *right* (mean error ≤ 2.5 mm, nothing held), *held* (a Check holds the exam), *refused* (DataError), or *missed*: wrong, and
nobody told. Where only being caught is right (a wrong header, half a head, another head) an unheld result counts as missed, whatever it
is; where the images are good, one that is held is a *false alarm*. Ends with 2 when anything was missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations, product
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.images import on_grid
from benchmarks.painted import Anatomy, miss_mm, painted, read_anatomy, scanned, turned
from benchmarks.registration import FAILURE_MM, held, motion
from benchmarks.truth import PARENCHYMA
from node.align.brain import Brain, extract_brain
from node.align.pose import one_thread
from node.align.rigid import t1_from_pet
from node.atlas.template import Template, load_template
from node.domain.exam import Check
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.imaging import resample

LEAST_BRAIN = 0.97
"""Share of grey and white matter that the brain mask must hold where the T1 was painted on."""

MASS_RADIUS_MM = 28.0


@dataclass(frozen=True)
class Outcome:
    """What came of one case: "right", "held", "refused", "false alarm" or "missed", and why."""

    case: str
    variant: str
    what: str
    told: str


@dataclass(frozen=True, eq=False)
class Bench:
    """A head with its brain found, its PET, and the true pose."""

    anatomy: Anatomy
    brain: Brain
    pet: Volume
    pose: Transform
    template: Template

    def judge(self, case: str, variant: str, *, t1: Volume | None = None, pet: Volume | None = None, good: bool) -> Outcome:
        """Align changed images; `good` says that an unheld right answer is what is wanted, else only being caught is."""
        try:
            brain = self.brain if t1 is None else extract_brain(t1, self.template)
            found, checks = t1_from_pet(brain.t1, brain.mask, self.pet if pet is None else pet, seed=1)
        except DataError as error:
            return Outcome(case, variant, "refused", str(error))
        miss = float(miss_mm(self.anatomy.parenchyma_mm(), found, self.pose).mean())
        return verdict(case, variant, (*brain.checks, *checks), miss, good=good)


def verdict(case: str, variant: str, checks: tuple[Check, ...], miss_mm_mean: float, *, good: bool) -> Outcome:
    """An outcome from the Checks and the error."""
    names = held(checks)
    if good:
        what = "missed" if not names and miss_mm_mean > FAILURE_MM else "right" if not names else "false alarm"
        what = "held" if names and miss_mm_mean > FAILURE_MM else what
    else:
        what = "held" if names else "missed"
    return Outcome(case, variant, what, f"{miss_mm_mean:.2f} mm; {', '.join(names)}")


def bench(exam: Path, template: Template) -> Bench:
    """The head of an exam, and a PET in a usual pose."""
    anatomy = read_anatomy(exam)
    pose = turned(np.array([5.0, -4.0, 6.0]), np.array([6.0, -8.0, 10.0]), anatomy.parenchyma_mm()[:, :3].mean(axis=0))
    return Bench(anatomy, extract_brain(anatomy.t1, template), scanned(painted(anatomy, seed=1), pose, seed=1), pose, template)


def reordered(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same image, its axes in another order and direction."""
    array, affine = volume.array.transpose(order), volume.affine[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    return replace(volume, array=np.ascontiguousarray(array), affine=affine)


def misread(volume: Volume, *axes: int) -> Volume:
    """An image whose header has the direction of some axes wrong."""
    return volume.like(np.ascontiguousarray(np.flip(volume.array, axes)))


def tilted(volume: Volume, turn_deg: Array) -> Volume:
    """The image on an oblique grid of its own spacing."""
    turn = turned(turn_deg, np.zeros(3), volume.centre_mm())
    return resample(volume, Volume(np.zeros(volume.shape, np.uint8), turn.matrix @ volume.affine, "", volume.frame_of_reference_uid))


def axes_and_tilts(head: Bench, orders: int) -> Iterator[Outcome]:
    """Right headers of every kind."""
    every = list(product(permutations(range(3)), product((0, 1), repeat=3)))
    for order, flips in every[:: max(1, len(every) // orders)]:
        yield head.judge("PET axes", f"{order} {flips}", pet=reordered(head.pet, order, flips), good=True)
    for order, flips in (((2, 0, 1), (1, 0, 0)), ((1, 2, 0), (0, 1, 1)), ((0, 2, 1), (1, 1, 1))):
        yield head.judge("T1 axes", f"{order} {flips}", t1=reordered(head.anatomy.t1, order, flips), good=True)
    for turn in (np.array([25.0, 0.0, 0.0]), np.array([0.0, 20.0, -15.0])):
        yield head.judge("tilt", f"PET {turn}", pet=tilted(head.pet, turn), good=True)
        yield head.judge("tilt", f"T1 {turn}", t1=tilted(head.anatomy.t1, turn), good=True)


def headers(head: Bench) -> Iterator[Outcome]:
    """Wrong headers."""
    for way, lps in (("left–right", 0), ("front–back", 1), ("head–feet", 2)):
        yield head.judge("PET header", way, pet=misread(head.pet, _axis(head.pet, lps)), good=False)
        yield head.judge("T1 header", way, t1=misread(head.anatomy.t1, _axis(head.anatomy.t1, lps)), good=False)
    for way, two in (("feet first", (0, 2)), ("prone", (0, 1)), ("feet first, prone", (1, 2))):
        # A turn by 180°: the sides are right again once the head is found, so that a right answer would do.
        axes = tuple(_axis(head.pet, lps) for lps in two)
        turn = np.diag([*(-1.0 if lps in two else 1.0 for lps in range(3)), 1.0])
        turn[:3, 3] = head.pet.centre_mm() - turn[:3, :3] @ head.pet.centre_mm()
        yield replace(head, pose=Transform(turn) @ head.pose).judge("lying", way, pet=misread(head.pet, *axes), good=True)


def _axis(volume: Volume, lps: int) -> int:
    return int(np.argmax(np.abs(volume.affine[lps, :3]) / volume.spacing_mm))


def halves(head: Bench) -> Iterator[Outcome]:
    """Half a head."""
    middle = head.pet.index_from_lps @ np.append(head.pose.apply(head.anatomy.parenchyma_mm()[:, :3].mean(axis=0)), 1.0)
    for axis, name in ((0, "upper half"), (2, "one side")):
        cut = round(float(middle[axis]))
        kept = [slice(None)] * 3
        kept[axis] = slice(cut, None)
        affine = head.pet.affine.copy()
        affine[:3, 3] += affine[:3, axis] * cut
        yield head.judge("half", f"PET, {name}", pet=replace(head.pet, array=head.pet.array[tuple(kept)], affine=affine), good=False)
        blank = head.pet.array.copy()
        kept[axis] = slice(None, cut)
        blank[tuple(kept)] = 0.0
        yield head.judge("half", f"PET, {name} blank", pet=head.pet.like(blank), good=False)
    t1, up = head.anatomy.t1, _axis(head.anatomy.t1, 2)
    inside = np.argwhere(head.brain.mask.array)[:, up]
    kept = [slice(None)] * 3
    kept[up] = slice(None, int(np.median(inside)))
    yield head.judge("half", "T1", t1=replace(t1, array=np.ascontiguousarray(t1.array[tuple(kept)])), good=False)


def others(heads: list[Bench]) -> Iterator[Outcome]:
    """Each PET on the T1 of each other exam."""
    for mine, other in permutations(heads, 2):
        for seed in range(5):
            pet = scanned(painted(other.anatomy, seed=seed), other.pose, seed=seed)
            yield mine.judge("another head", f"PET {other.anatomy.name}, T1 {mine.anatomy.name}, {seed}", pet=pet, good=False)


def mass(head: Bench) -> Iterator[Outcome]:
    """A large tumour."""
    points = head.anatomy.parenchyma_mm()[:, :3]
    middle = points.mean(axis=0) + np.array([32.0, -10.0, 22.0])
    t1 = _with_ball(head.anatomy.t1, middle, 1.05 * head.brain.means.gm)
    pet = _with_ball(head.pet, head.pose.apply(middle), 10000.0)
    yield _brain_too(head, "mass", t1, pet)


def _with_ball(volume: Volume, middle_mm: Array, value: float) -> Volume:
    index = np.indices(volume.shape).reshape(3, -1)
    place = volume.affine[:3, :3] @ index + volume.affine[:3, 3:]
    inside = (np.linalg.norm(place - middle_mm[:, None], axis=0) < MASS_RADIUS_MM).reshape(volume.shape)
    return volume.like(np.where(inside, np.float32(value), volume.array).astype(np.float32))


def contrast(head: Bench) -> Iterator[Outcome]:
    """Bright vessels and meninges."""
    anatomy = head.anatomy
    brain = anatomy.where(*PARENCHYMA, "csf")
    skin = ndimage.binary_dilation(brain, iterations=2) & ~brain
    bright = anatomy.labels.like((skin | anatomy.where("sinus")).astype(np.uint8))
    value = np.float32(1.6 * head.brain.means.wm)
    t1 = anatomy.t1.like(np.where(on_grid(bright, anatomy.t1) > 0, value, anatomy.t1.array).astype(np.float32))
    yield _brain_too(head, "contrast", t1, None)


def _brain_too(head: Bench, case: str, t1: Volume, pet: Volume | None) -> Outcome:
    """As `judge`, and the brain mask must hold the brain."""
    outcome = head.judge(case, head.anatomy.name, t1=t1, pet=pet, good=True)
    if outcome.what not in ("right", "false alarm"):
        return outcome
    inside = on_grid(extract_brain(t1, head.template).mask, head.anatomy.labels) > 0
    share = float(inside[head.anatomy.where(*PARENCHYMA)].mean())
    what = "missed" if outcome.what == "right" and share < LEAST_BRAIN else outcome.what
    return replace(outcome, what=what, told=f"{outcome.told} brain mask holds {100 * share:.1f} %")


def motions(head: Bench) -> Iterator[Outcome]:
    """8 mm between frames: corrected, and left in the mean."""
    worst = motion(head.anatomy, "8 mm jump", 1)
    yield Outcome("motion", f"{head.anatomy.name}, corrected", "right" if worst <= 0.5 else "missed", f"{worst:.2f} mm")
    uptake = painted(head.anatomy, seed=2)
    up = turned(np.zeros(3), np.array([0.0, 0.0, 8.0]), np.zeros(3))
    both = [scanned(uptake, pose, seed=3).array for pose in (head.pose, up @ head.pose)]
    between = turned(np.zeros(3), np.array([0.0, 0.0, 4.0]), np.zeros(3)) @ head.pose
    yield replace(head, pose=between).judge("motion", "left in the mean", pet=head.pet.like((both[0] + both[1]) / 2.0), good=True)


def outcomes(heads: list[Bench], orders: int, only: str) -> Iterator[Outcome]:
    """Every case that was asked for."""
    for head in heads:
        cases: dict[str, Callable[[], Iterable[Outcome]]] = {
            "axes": partial(axes_and_tilts, head, orders),
            "headers": partial(headers, head),
            "half": partial(halves, head),
            "mass": partial(mass, head),
            "contrast": partial(contrast, head),
            "motion": partial(motions, head),
        }
        for name, run in cases.items():
            if only in ("", name):
                yield from run()
    if only in ("", "another"):
        yield from others(heads)


def main() -> int:
    """Run the cases that the command line asks for."""
    parser = argparse.ArgumentParser(description="Exams that are wrong on purpose.")
    parser.add_argument("exams", nargs="+", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("--orders", type=int, default=48, help="how many of the 48 axis orders of the PET")
    parser.add_argument("--only", default="", help="axes, headers, half, mass, contrast, motion or another")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    with one_thread():
        template = load_template()
        for outcome in outcomes([bench(exam, template) for exam in options.exams], options.orders, options.only):
            counts.setdefault(outcome.case, Counter())[outcome.what] += 1
            if outcome.what != "right":
                print(f"{outcome.case}, {outcome.variant}: {outcome.what} ({outcome.told})", file=sys.stderr, flush=True)
    missed = sum(count["missed"] for count in counts.values())
    if options.json:
        print(json.dumps({"cases": counts, "missed": missed}))
    else:
        for case, count in counts.items():
            print(f"{case:<14} " + ", ".join(f"{number} {what}" for what, number in sorted(count.items())))
    return 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
