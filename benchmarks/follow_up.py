"""Simulated people at three visits: is each lesion's fate told right, and is nothing called changed that did not change?

::

    python benchmarks/follow_up.py FOLDER [--heads N] [--first-seed N] [--spacing MM] [--flair-slices MM]

Heads of `node/simulate`. At the first visit one lesion is not there yet; at the second it is there, another has vanished, one has grown by
2 mm and one has shrunk by 2 mm; at the third all is as at the first. Each visit has its own noise, receive field, and pose in both
scanners. The node's own steps run on a store in FOLDER, which is emptied first; receiving and sending are left out.

A lesion's true fate follows from its true volumes (beyond a third), the told one is that of the node's lesion that shares most with it.
Prints for each head and all together: how many fates were told right, the largest change of an unchanged region, the error of the T1's
alignment, and the CPU seconds that the comparison added.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.images import read_image
from benchmarks.in_process import read
from benchmarks.running import SHIPPED
from node import settings as settings_module
from node.app import SystemClock
from node.domain.history import Fate, History
from node.domain.result import Alignment, Result, Segmentation
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.segment.numbering import Earlier, match_lesions, volumes_ml
from node.simulate.exam import write_exam
from node.simulate.options import Pose, SimulationOptions, Stage
from node.simulate.warp import pet_from_mr
from node.workflow import artefacts
from node.workflow.states import State, Verb
from node.workflow.steps import priors
from node.workflow.steps.compute import ComputeSteps
from node.workflow.store.database import Store

SAME_TO = 1.35
VERBS = (Verb.ALIGN, Verb.SEGMENT, Verb.QUANTIFY)
STAGES = (
    Stage(1, absent=(7,)),
    Stage(2, lying=Pose((5.0, -4.0, 7.0), (6.0, -9.0, 12.0)), absent=(5,), grown_mm=((2, 2.0), (3, -2.0))),
    Stage(3, lying=Pose((-2.0, 4.0, -6.0), (2.0, 9.0, -6.0)), absent=(7,)),
)
POSES = (Pose(), Pose((-3.0, 5.0, 2.0), (-4.0, 3.0, 8.0)), Pose((2.0, 5.0, 2.0), (-4.0, 3.0, 8.0)))


def main() -> int:
    """Run the heads; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--spacing", type=float, default=1.0)
    parser.add_argument("--flair-slices", type=float, default=None)
    said = parser.parse_args()
    fates: Counter[tuple[str, str]] = Counter()
    for seed in range(said.first_seed, said.first_seed + said.heads):
        options = SimulationOptions(seed=seed, lesions=9, mr_spacing_mm=said.spacing, flair_slice_mm=said.flair_slices)
        fates += head(said.folder, options)
    told = sum(count for (true, answer), count in fates.items() if true == answer)
    print(f"\nall: {told} of {sum(fates.values())} fates told right")
    for (true, answer), count in sorted(fates.items()):
        print(f"  truly {true:<15} told {answer:<15} {count}")
    return 0


def head(folder: Path, base: SimulationOptions) -> Counter[tuple[str, str]]:
    """One head at all visits; counts (true fate, told fate)."""
    shutil.rmtree(folder, ignore_errors=True)
    site = folder / "site"
    site.mkdir(parents=True)
    store = Store(site, SystemClock())
    store.migrate()
    steps = ComputeSteps(_settings(site), store, lambda text: None)
    fates: Counter[tuple[str, str]] = Counter()
    for number, (stage, pose) in enumerate(zip(STAGES, POSES, strict=True), start=1):
        start = base.start + timedelta(days=180 * number)
        options = replace(base, stage=stage, pose=pose, start=start)
        write_exam(folder / f"visit{number}", options)
        _through(steps, store, site, folder / f"visit{number}" / "dicom", number)
        if number > 1:
            fates += _judged(folder, site, number)
    store.close()
    return fates


def _settings(site: Path) -> settings_module.Settings:
    for name in ("tracers", "scanners", "rules.toml"):
        (site / name).symlink_to(SHIPPED / name)
    shutil.copy(SHIPPED / "node.toml", site / "node.toml")
    settings = settings_module.load(site / "node.toml")
    return settings.model_copy(update={"node": settings.node.model_copy(update={"storage": site})})


def _through(steps: ComputeSteps, store: Store, site: Path, dicom: Path, number: int) -> None:
    """Take one visit through the steps; it is delivered then, as far as the store knows."""
    exam = read(dicom)
    store.exams.create(anchor=f"2.25.{number}", patient_key=exam.subject.patient_id, text="simulated")
    store.exams.move(number, State.ASSEMBLED, "read", made_at=datetime.now(UTC).isoformat(), released=1)
    place = site / "exams" / f"E{number:05d}" / "v1"
    place.mkdir(parents=True)
    artefacts.save(place, "exam", exam)
    began = time.process_time()
    for verb in VERBS:
        steps.run(verb, number, 1)
    print(f"visit {number}: {time.process_time() - began:.1f} s of CPU", end="")
    _again(store, site, place, number)
    store.exams.move(number, State.DELIVERED, "simulated")


def _again(store: Store, site: Path, place: Path, number: int) -> None:
    """Time what comparing adds: the same once more, on its own."""
    (place / f"{priors.PRIORS}.json").unlink()
    began = time.process_time()
    priors.keep_priors(place, store, site, store.exams.get(number), seed=settings_module.load(site / "node.toml").analysis.seed)
    print(f", the earlier exams {time.process_time() - began:.1f} s of it")


def _judged(folder: Path, site: Path, number: int) -> Counter[tuple[str, str]]:
    place = site / "exams" / f"E{number:05d}" / "v1"
    history = artefacts.load(place, priors.HISTORY, History)
    visit = next(one for one in history.visits if one.t1_from_t1 is not None)
    now_from_first = [pet_from_mr(stage.lying) for stage in STAGES]
    known = now_from_first[number - 1] @ now_from_first[number - 2].inverse()
    brain = artefacts.load(place, "alignment", Alignment).brain
    assert visit.t1_from_t1 is not None
    print(f"  T1 off by {_off_mm(visit.t1_from_t1, known, brain):.2f} mm on average; notes: {history.notes or 'none'}")
    for change in history.changes:
        if change.lesion is None:
            percent = 100.0 * change.difference / (change.before or 1.0)
            print(f"  {change.region} {change.quantity.value} {change.before:.3f} → {change.now:.3f} ({percent:+.1f} %)")
    fates = _fates(folder, place, site / "exams" / visit.exam / "v1", known, number, history)
    print("  " + ", ".join(f"{true} told {told}: {count}" for (true, told), count in sorted(fates.items())))
    return fates


def _off_mm(found: Transform, known: Transform, brain: Volume) -> float:
    index = np.argwhere(brain.array)[::997]
    points = index @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    there = known.inverse().apply(points)
    return float(np.linalg.norm(found.apply(there) - points, axis=1).mean())


def _fates(folder: Path, place: Path, before: Path, known: Transform, number: int, history: History) -> Counter[tuple[str, str]]:
    now, then = (_truth(folder / f"visit{one}") for one in (number, number - 1))
    told = {change.number: change.fate.value for change in history.lesions}
    of_now, of_then = (_answers(one, truth) for one, truth in ((place, now), (before, then)))
    now_ml, then_ml = volumes_ml(now), volumes_ml(then)
    found: Counter[tuple[str, str]] = Counter()
    pairs = {one.before: one.now for one in match_lesions(now, Earlier(then, known))}
    for old, new in pairs.items():
        seen = of_now.get(new), of_then.get(old)
        answer = told.get(seen[0] or 0, "joined") if None not in seen else f"not found ({sum(one is None for one in seen)})"
        found[_true(then_ml[old], now_ml[new]).value, answer] += 1
    for new in now_ml.keys() - set(pairs.values()):
        found[Fate.NEW.value, told.get(of_now.get(new, 0), "not found")] += 1
    for old in then_ml.keys() - pairs.keys():
        found[Fate.VANISHED.value, told.get(of_then.get(old, 0), "not found")] += 1
    real = {*of_now.values(), *of_then.values()}
    for one in told.keys() - real:
        found["no lesion", told[one]] += 1
    return found


def _true(before_ml: float, now_ml: float) -> Fate:
    ratio = now_ml / before_ml
    return Fate.ENLARGED if ratio > SAME_TO else Fate.SMALLER if ratio < 1.0 / SAME_TO else Fate.SAME


def _truth(folder: Path) -> Volume:
    truth = read_image(folder / "truth" / "lesion_ids.nii.gz")
    return truth.like(truth.array.astype(np.int32))


def _answers(place: Path, truth: Volume) -> dict[int, int]:
    """True lesion → number of the node's lesion that is it."""
    drawn = artefacts.load(place, "segmentation", Segmentation).lesions
    assert {lesion.number for lesion in artefacts.load(place, "result", Result).lesions} == set(volumes_ml(drawn))
    return {one.before: one.now for one in match_lesions(drawn, Earlier(truth, Transform.identity()))}


if __name__ == "__main__":
    sys.exit(main())
