"""PET → T1 and frame motion against known displacements: low-contrast TSPO-like PET painted on real anatomy.

::

    python benchmarks/registration.py EXAM_FOLDER… [--seeds 50] [--large 12] [--json]

An exam folder holds ``dicom/`` and ``truth/``; its T1 is the real one, its PET is painted from the truth's tissue labels by
`benchmarks.painted` (grey to white matter some 10 %, 6 mm blur, 10 % noise), each seed with other uptake, noise and pose. The seeds are
dealt to the exams in turn.

- *usual*: turned by up to ±10° about each axis and shifted by up to ±15 mm along each: median ≤ 1.0 mm, 95th percentile ≤ 2.5 mm.
- *large*: ±30° and ±40 mm; told, without a limit but the next.
- A *failure* is a mean error above 2.5 mm, and each must be held by a Check.
- *false alarms*: good alignments that a Check would hold; told.
- *motion*: six frames of 5 min, the last three moved by 8 mm, nodding by 6°, or drifting by 1.2 mm and 0.5° a frame: mean error of
  every frame against the others ≤ 0.5 mm.

Errors are over grey and white matter. Ends with 2 when a limit does not hold. The subject is `node.align` itself; the errors are
measured without it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.painted import Anatomy, miss_mm, painted, read_anatomy, scanned, turned
from node.align.brain import Brain, extract_brain
from node.align.motion import correct_motion
from node.align.pose import one_thread
from node.align.rigid import t1_from_pet
from node.atlas.template import load_template
from node.domain.exam import Check, Gravity, PetSeries, SeriesSource
from node.domain.timing import Administration, FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Array, Volume

MEDIAN_MM, P95_MM, FAILURE_MM, FRAME_MM = 1.0, 2.5, 2.5, 0.5
USUAL, LARGE = (10.0, 15.0), (30.0, 40.0)
"""Largest turn (deg) and shift (mm) about and along each axis."""

MOTIONS = {
    "8 mm jump": [((0.0, 0.0, 0.0), (0.0, 0.0, 8.0 * (k > 2))) for k in range(6)],
    "6° nod": [((6.0 * (k > 2), 0.0, 0.0), (0.0, 0.0, 0.0)) for k in range(6)],
    "drift": [((0.5 * k, 0.0, 0.0), (0.0, 0.0, 1.2 * k)) for k in range(6)],
    "none": [((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))] * 6,
}
FRAME_NOISE = 0.2


@dataclass(frozen=True)
class Trial:
    """One displacement: what it was, mean error (mm), and the Checks that would hold the exam."""

    exam: str
    seed: int
    mean_mm: float
    held: tuple[str, ...]
    values: dict[str, float | None]


def held(checks: tuple[Check, ...]) -> tuple[str, ...]:
    """Names of the Checks that hold an exam."""
    return tuple(check.name for check in checks if not check.passed and check.gravity is Gravity.HOLD)


def trial(anatomy: Anatomy, brain: Brain, seed: int, limits: tuple[float, float]) -> Trial:
    """One seeded displacement."""
    random = np.random.default_rng([seed, 0])
    points = anatomy.parenchyma_mm()
    turn, shift = (random.uniform(-limit, limit, 3) for limit in limits)
    pose = turned(turn, shift, points[:, :3].mean(axis=0))
    pet = scanned(painted(anatomy, seed=seed), pose, seed=seed)
    found, checks = t1_from_pet(brain.t1, brain.mask, pet, seed=seed)
    return Trial(
        anatomy.name, seed, float(miss_mm(points, found, pose).mean()), held(checks), {check.name: check.value for check in checks}
    )


def motion(anatomy: Anatomy, name: str, seed: int) -> float:
    """Largest mean error (mm) of a frame's pose against those of the others, in one kind of motion."""
    points = anatomy.parenchyma_mm()
    centre = points[:, :3].mean(axis=0)
    poses = [turned(np.array(turn), np.array(shift), centre) for turn, shift in MOTIONS[name]]
    uptake = painted(anatomy, seed=seed)
    frames = [scanned(uptake, pose, seed=100 * seed + k, noise=FRAME_NOISE) for k, pose in enumerate(poses)]
    found = correct_motion(series(frames), seed=seed).pet_from_frame
    return worst_frame_mm(points, found, poses)


def worst_frame_mm(points: Array, found: tuple[Transform, ...], poses: list[Transform]) -> float:
    """Mean error of the worst frame: found poses carry all frames onto one, whichever that is; the frame nearest to all is taken."""
    there = np.array([points @ (pose.matrix @ true.matrix).T for pose, true in zip(found, poses, strict=True)])[..., :3]
    return min(float(np.linalg.norm(there - one, axis=-1).mean(axis=-1).max()) for one in there)


def series(frames: list[Volume]) -> PetSeries:
    """Frames of 5 min in the late window."""
    volume = Volume(np.stack([frame.array for frame in frames]), frames[0].affine, "Bq/mL", "1.2.3.4")
    timing = FrameTiming(3600.0 + 300.0 * np.arange(len(frames)), np.full(len(frames), 300.0))
    given = Administration("dpa714", "code", "F-18", 6586.2, None, None)
    return PetSeries(volume, timing, given, "BQML", "START", None, ("ATTN", "DECY"), "", SeriesSource("1", "1.2", "PT", "", "", "", ()))


def summary(trials: list[Trial]) -> dict[str, Any]:
    """Figures of a set of trials."""
    errors = np.array([trial.mean_mm for trial in trials])
    failed = [trial for trial in trials if trial.mean_mm > FAILURE_MM]
    return {
        "trials": len(trials),
        "median_mm": float(np.median(errors)),
        "p95_mm": float(np.percentile(errors, 95)),
        "max_mm": float(errors.max()),
        "failures": len(failed),
        "failures_held": sum(bool(trial.held) for trial in failed),
        "false_alarms": sum(bool(trial.held) for trial in trials if trial.mean_mm <= FAILURE_MM),
        "least_drop": min(trial.values["pet_to_t1_optimum"] or 0.0 for trial in trials),
        "least_sides": min(trial.values["pet_to_t1_sides"] or 0.0 for trial in trials),
    }


def holds(record: dict[str, Any]) -> bool:
    """Whether every limit holds."""
    usual = record["usual"]
    caught = all(record[kind]["failures"] == record[kind]["failures_held"] for kind in ("usual", "large") if kind in record)
    still = all(value <= FRAME_MM for value in record["motion_mm"].values())
    return bool(usual["median_mm"] <= MEDIAN_MM and usual["p95_mm"] <= P95_MM and caught and still)


def main() -> int:
    """Run the trials that the command line asks for."""
    parser = argparse.ArgumentParser(description="PET to T1 and frame motion against known displacements.")
    parser.add_argument("exams", nargs="+", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--large", type=int, default=12, help="how many large displacements")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with one_thread():
        template = load_template()
        heads = [(anatomy, extract_brain(anatomy.t1, template)) for anatomy in map(read_anatomy, options.exams)]
        record: dict[str, Any] = {}
        record["motion_mm"] = {f"{head.name}: {name}": motion(head, name, seed) for seed, (head, _) in enumerate(heads) for name in MOTIONS}
        print(f"motion, mm: {record['motion_mm']}", file=sys.stderr, flush=True)
        for kind, count, limits in (("usual", options.seeds, USUAL), ("large", options.large, LARGE)):
            trials = [trial(*heads[seed % len(heads)], seed, limits) for seed in range(count)]
            if trials:
                record[kind] = summary(trials)
                print(f"{kind}: {record[kind]}", file=sys.stderr, flush=True)
    print(json.dumps(record) if options.json else "every limit holds" if holds(record) else "a limit does not hold")
    return 0 if holds(record) else 2


if __name__ == "__main__":
    sys.exit(main())
