"""Lesions that the node finds: on whole exams, beside an expert's drawing, and on simulated heads whose lesions are faint.

::

    python benchmarks/lesions.py [EXAM_FOLDER…] [--expert FOLDER] [--heads N] [--first-seed N] [--json]

- An exam folder holds ``dicom/`` and ``truth/`` (see `benchmarks.truth`). Assemble, align and segment run in this process.
- An expert's folder holds one NIfTI each whose name begins with ``T1``, ``FLAIR`` and ``GOLD_STANDARD``: a skull-stripped brain in MNI
  space, all on one grid. Its brain mask is where the T1 is not 0, the T1 → template deformation is the node's own demons from the identity,
  T1 and FLAIR lie on each other. What such images are not made of (N4, skull-stripping, registration) is not judged.
- Simulated heads have 40 lesions each, with the mean of a lesion's middle on the FLAIR brought down from 930 to `FAINT` (cortex is 640,
  white matter 535), twice the noise, and every second one a 2-D FLAIR of 3 mm. There is no PET: only align's brain and segment run.

Matching rule: `benchmarks.lesion_truth`; an expert's lesions of fewer than `LEAST_VOXELS` voxels are left out, on both sides.
Ends with 2 when a limit does not hold: detection and false ones over all exams together, and over all heads together; Dice of the expert's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import lesion_truth, truth
from benchmarks.images import on_grid, read_image
from benchmarks.in_process import read
from node.align import align, extract_brain
from node.align.affine import HeadFit
from node.align.bias import tissue_means, tissue_share
from node.align.brain import Brain
from node.align.template import template_from_t1
from node.atlas.template import Template, load_template
from node.domain.exam import Exam, MrSeries, PetSeries, Role, SeriesSource, Subject
from node.domain.result import Alignment, Segmentation
from node.domain.timing import Administration, FrameTiming
from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume
from node.imaging import resample
from node.segment import segment
from node.simulate.appearance import FLAIR, T1, acquire, paint
from node.simulate.head import build_head
from node.simulate.lesions import draw_lesions
from node.simulate.warp import axial_mr_grid, individual, mr_grid

SEED = 20260101
LEAST_DETECTED_PERCENT, MOST_FALSE, LEAST_DICE = 80.0, 0.3, 0.55
LEAST_VOXELS = 3
FAINT = 760.0
NOISE = 24.0
LESIONS_A_HEAD = 40
COUNTS = ("judged", "detected", "judged_false", "true", "hit", "false", "true_ml", "found_ml", "segment_cpu_s")
FRAME = "2.25.1"


@dataclass(frozen=True, eq=False)
class Known:
    """As much of a `truth.Truth` as lesions are judged by: `lesions` (S, R, C) numbers and `uncertain` bool on the grid of `labels`."""

    labels: Volume
    lesions: Volume
    uncertain: Volume


def exams(folders: list[Path], template: Template) -> dict[str, dict[str, Any]]:
    """Whole exams from DICOM, by the folder's name."""
    records = {}
    for folder in folders:
        exam = read(folder / "dicom")
        made, cpu_s = _timed(exam, align(exam, template, seed=SEED), template)
        known = truth.read(folder / "truth")
        records[folder.name] = judged(Known(known.labels, known.lesions, known.uncertain), made.lesions, cpu_s)
    return records


def expert(folder: Path, template: Template) -> dict[str, Any]:
    """A skull-stripped brain with an expert's mask."""
    t1, flair, drawn = (read_image(next(folder.glob(f"{name}*.nii.gz"))) for name in ("T1", "FLAIR", "GOLD_STANDARD"))
    t1, flair = (Volume(image.array.astype(np.float32), image.affine, "", FRAME) for image in (t1, flair))
    brain = t1.like(ndimage.binary_fill_holes(t1.array > 0), unit="1")
    made, cpu_s = _timed(_exam(t1, flair), _alignment(t1, brain, _deformation(t1, brain, template)), template)
    numbers = _large(drawn.array > 0.5)
    found = _large(on_grid(made.lesions, drawn) > 0)
    known = Known(drawn, drawn.like(numbers), drawn.like(np.zeros(drawn.shape, dtype=bool)))
    return judged(known, drawn.like(found), cpu_s)


def heads(count: int, first_seed: int, template: Template) -> dict[str, dict[str, Any]]:
    """Simulated heads with faint lesions, every second one with a thick-slice FLAIR."""
    head = build_head(template, spacing_mm=1.0)
    records = {}
    for seed in range(first_seed, first_seed + count):
        slice_mm = 3.0 if seed % 2 else None
        mr = mr_grid(seed, 1.0, FRAME)
        drawn, template_from_mr = draw_lesions(head, seed=seed, count=LESIONS_A_HEAD), individual(seed, mr)
        on = axial_mr_grid(seed, 1.0, slice_mm, FRAME) if slice_mm else mr
        faint = replace(FLAIR, lesion=FAINT, noise=NOISE)
        t1 = acquire(paint(T1, head, drawn.ids.array, seed=seed), mr, template_from_mr, T1, seed=seed)
        flair = acquire(paint(faint, head, drawn.ids.array, seed=seed), on, template_from_mr, faint, seed=seed)
        brain = extract_brain(t1, template)
        alignment = _alignment(brain.t1, brain.mask, template_from_t1(brain, template)[0])
        made, cpu_s = _timed(_exam(t1, flair), alignment, template)
        name = f"head {seed}, {'3-D' if slice_mm is None else f'{slice_mm:g} mm'} FLAIR"
        records[name] = judged(_drawn(drawn.ids, mr, template_from_mr), made.lesions, cpu_s)
        print(_line(name, records[name]), file=sys.stderr, flush=True)
    return records


def judged(known: Known, found: Volume, cpu_s: float) -> dict[str, Any]:
    """Counts, Dice and volumes of found lesions (S, R, C numbers) beside the known ones."""
    certain = ~(known.uncertain.array > 0)
    true_ml = float(((known.lesions.array > 0) & certain).sum()) * known.lesions.voxel_ml
    found_ml = float(((on_grid(found, known.labels) > 0) & certain).sum()) * known.labels.voxel_ml
    record = lesion_truth.lesions(known, found)  # type: ignore[arg-type]
    return {**record, "true_ml": true_ml, "found_ml": found_ml, "segment_cpu_s": cpu_s}


def pooled(records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Several as if they were one."""
    total = {key: sum(record[key] for record in records.values()) for key in COUNTS}
    rates = lesion_truth.rates(judged=total["judged"], detected=total["detected"], false=total["judged_false"])
    return {**total, **rates, "dice": float(np.mean([record["dice"] for record in records.values()]))}


def holds(record: dict[str, Any]) -> bool:
    """Whether detection and false ones are within the limits; nothing to judge is not."""
    detected, false = record["detected_percent"], record["false_per_true"]
    return detected is not None and detected >= LEAST_DETECTED_PERCENT and false <= MOST_FALSE


def _timed(exam: Exam, alignment: Alignment, template: Template) -> tuple[Segmentation, float]:
    start = time.process_time()
    return segment(exam, alignment, template, seed=SEED), time.process_time() - start


def _drawn(ids: Volume, mr: Volume, template_from_mr: Deformation) -> Known:
    lesions = resample(ids, mr, template_from_mr, interpolation="nearest")
    return Known(lesions, lesions, lesions.like(np.zeros(lesions.shape, dtype=bool)))


def _large(mask: np.ndarray) -> np.ndarray:
    """Numbers of the components with `LEAST_VOXELS` voxels or more."""
    numbers, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    keep = sizes >= LEAST_VOXELS
    keep[0] = False
    return np.asarray((np.cumsum(keep) * keep)[numbers])


def _deformation(t1: Volume, brain: Volume, template: Template) -> Deformation:
    """The node's own demons, beginning where MNI space lies on the template."""
    gm, wm = (resample(prior, t1).array for prior in (template.gm, template.wm))
    inside = brain.array
    means = tissue_means(t1.array[inside][::7].astype(np.float64), tissue_share(gm[inside], wm[inside])[::7])
    return template_from_t1(Brain(brain, t1, means, HeadFit(Transform.identity(), 1.0, 1.0), ()), template)[0]


def _alignment(t1: Volume, brain: Volume, template_from_t1: Deformation) -> Alignment:
    """T1 and FLAIR lie on each other; there is no PET."""
    identity = Transform.identity()
    return Alignment(t1, brain, identity, (identity,), identity, template_from_t1, ())


def _exam(t1: Volume, flair: Volume) -> Exam:
    source = SeriesSource("2.25.2", "2.25.3", "MR", "", "", "", ())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given = Administration("dpa714", "", "F-18", 6586.2, 2e8, now)
    none = Volume(np.zeros((1, 1, 1, 1), dtype=np.float32), np.eye(4), "Bq/mL", FRAME)
    pet = PetSeries(none, FrameTiming(np.array([0.0]), np.array([60.0])), given, "BQML", "START", now, (), "", source)
    subject = Subject("", "", "", None, "O", None, None)
    return Exam(subject, pet, MrSeries(t1, Role.T1, source), MrSeries(flair, Role.FLAIR, source))


def _line(name: str, record: dict[str, Any]) -> str:
    percent, false = record["detected_percent"], record["false_per_true"]
    rates = f"{percent:.0f} %, {false:.2f} a true one" if percent is not None else "none to judge"
    return (
        f"{name:<26} detected {record['detected']:>3} of {record['judged']:>3}, false {record['judged_false']} ({rates}); "
        f"Dice {record['dice']:.3f}; {record['found_ml']:.2f} mL found, {record['true_ml']:.2f} true; "
        f"any size {record['hit']} of {record['true']} touched, {record['false']} touch none; {record['segment_cpu_s']:.1f} CPU s"
    )


def main() -> int:
    """Judge what the command line names. *CPU s* is of segment alone."""
    parser = argparse.ArgumentParser(description="Lesions that the node finds, beside known ones.")
    parser.add_argument("exams", nargs="*", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("--expert", type=Path, help="folder with T1*, FLAIR* and GOLD_STANDARD* in MNI space")
    parser.add_argument("--heads", type=int, default=0, help="how many simulated heads")
    parser.add_argument("--first-seed", type=int, default=501)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    template = load_template()
    groups = {"exams": exams(options.exams, template), "heads": heads(options.heads, options.first_seed, template)}
    records = {name: pooled(group) for name, group in groups.items() if group}
    fine = all(holds(record) for record in records.values())
    if options.expert:
        groups["expert"] = {"expert": expert(options.expert, template)}
        fine &= groups["expert"]["expert"]["dice"] >= LEAST_DICE
    if options.json:
        print(json.dumps({"each": {k: v for group in groups.values() for k, v in group.items()}, "together": records}))
    else:
        each = [(name, record) for group in groups.values() for name, record in group.items()]
        print("\n".join(_line(name, record) for name, record in [*each, *((f"all {k}", v) for k, v in records.items())]))
    return 0 if fine else 2


if __name__ == "__main__":
    sys.exit(main())
