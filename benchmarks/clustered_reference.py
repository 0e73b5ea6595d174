"""The clustered reference (SVCA4) on scans made from a known exam's labels: does it find healthy grey matter, and does it stay healthy?

::

    python benchmarks/clustered_reference.py EXAM_FOLDER [--json]

From ``truth/`` of a dynamic exam the labels are taken to a grid of 3 mm, blurred by 5 mm, and given the true curves with noise like that of
counts. Eight controls, whose tissues differ by 4 %, teach the classes; then come scans that nobody has seen: a control, and patients in
whom a tenth to a third of the cortex (its front) is raised to above the thalamus.

- *late*: mean of the reference's curve from 40 min on, against the true curve of cerebellar grey matter, %. The blur alone takes
  4 % from the anatomical region, printed beside it.
- *grey*: share of the reference's voxels that is grey matter, %; *raised*: share of its voxels in the raised cortex, %.

Ends with 2 when a reference is not at least 90 % grey, or is off by more than 4 % late.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.images import read_image
from node.domain.timing import FrameTiming
from node.domain.volume import Array, Volume
from node.quantify.svca import clustered_reference
from node.quantify.svca_classes import SvcaClasses, TrainingScan, train_classes

GREY = ("cortex", "cereb_gm", "deep_gm")
BRAIN = (*GREY, "nawm", "cereb_wm", "thalamus", "brainstem", "csf")
STEP = 3
FWHM_MM = 5.0
HALF_LIFE_S = 1223.4
VARIATION = 0.04
NOISE = 0.08
"""Relative SD of a voxel of the head's mean in the last frame."""
CONTROLS = 8
RAISED = 1.3
"""The raised cortex follows 1.3 times the thalamus."""
LATE_S = 2400.0

LEAST_GREY, MOST_OFF = 90.0, 4.0


@dataclass(frozen=True, eq=False)
class Head:
    """What is known: `pure` and `blurred` (S, R, C) fractions by label, true `curves` (F,) by label."""

    timing: FrameTiming
    curves: dict[str, Array]
    pure: dict[str, Array]
    blurred: dict[str, Array]
    brain: Array
    affine: Array


@dataclass(frozen=True)
class Row:
    """One scan."""

    cortex_raised_percent: float
    late_percent: float
    anatomy_late_percent: float
    grey_percent: float
    raised_percent: float
    volume_ml: float
    explained_percent: float

    @property
    def holds(self) -> bool:
        """Whether the limits hold."""
        return self.grey_percent >= LEAST_GREY and abs(self.late_percent) <= MOST_OFF


def read_head(truth: Path) -> Head:
    """Labels and curves of an exam's ``truth/``."""
    values = json.loads((truth / "truth.json").read_text())["label_values"]
    header, *lines = (truth / "tacs_true.csv").read_text().splitlines()
    names = header.lstrip("# ").split(",")[2:]
    table = np.array([[float(cell) for cell in line.split(",")] for line in lines])
    labels = read_image(truth / "tissue.nii.gz")
    inside = np.argwhere((labels.array > 0) & (labels.array < 9))
    low, high = np.maximum(inside.min(axis=0) - 3 * STEP, 0), inside.max(axis=0) + 3 * STEP
    size = (np.minimum(high, labels.shape) - low) // STEP * STEP
    box = labels.array[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))]
    sigma = FWHM_MM / np.sqrt(8 * np.log(2)) / (labels.spacing_mm * STEP)
    pure = {name: _fraction(box == value) for name, value in values.items() if name in names}
    blurred = {name: ndimage.gaussian_filter(fraction, sigma) for name, fraction in pure.items()}
    brain = ndimage.binary_fill_holes(sum(blurred[name] for name in BRAIN) > 0.5)
    affine = labels.affine @ np.diag([STEP, STEP, STEP, 1.0])
    return Head(FrameTiming(table[:, 0], table[:, 1]), dict(zip(names, table[:, 2:].T, strict=True)), pure, blurred, brain, affine)


def _fraction(mask: Array) -> Array:
    s, r, c = (n // STEP for n in mask.shape)
    return mask.reshape(s, STEP, r, STEP, c, STEP).mean(axis=(1, 3, 5)).astype(np.float32)


def scan(head: Head, seed: int, raised: Array) -> Volume:
    """One person's scan (F, S, R, C); the cerebellar grey matter alone is as in the truth, the other tissues vary."""
    rng = np.random.default_rng(seed)
    frames = np.zeros((len(head.timing), *head.brain.shape), dtype=np.float32)
    for name, fraction in head.blurred.items():
        factor = 1.0 if name == "cereb_gm" else 1.0 + VARIATION * rng.standard_normal()
        frames += _place(factor * head.curves[name], fraction)
    frames += _place(RAISED * head.curves["thalamus"] - head.curves["cortex"], raised)
    late = frames[-1][head.brain].mean()
    local = np.maximum(ndimage.uniform_filter(frames, (0, 5, 5, 5)), 1e-4) * late
    lengths, starts = head.timing.duration_s, head.timing.start_s
    counts = lengths / lengths[-1] * np.exp(np.log(2) / HALF_LIFE_S * (starts[-1] - starts))
    sigma = NOISE * np.sqrt(local / counts[:, None, None, None])
    return Volume((frames + sigma * rng.standard_normal(frames.shape)).astype(np.float32), head.affine, "g/mL")


def _place(curve: Array, fraction: Array) -> Array:
    return np.asarray(curve[:, None, None, None].astype(np.float32) * fraction)


def train(head: Head) -> SvcaClasses:
    """Classes of the controls."""
    grey = sum(head.pure[name] for name in GREY) > 0.95
    white = ndimage.binary_erosion(head.pure["nawm"] + head.pure["cereb_wm"] > 0.99)
    thalamus = head.pure["thalamus"] > 0.95
    nothing = np.zeros(head.brain.shape, dtype=np.float32)
    people = [
        TrainingScan(scan(head, seed, nothing), head.timing, head.brain, grey, white, thalamus, None, f"{seed:064x}")
        for seed in range(CONTROLS)
    ]
    return train_classes(people, "pk11195")


def rows(head: Head, classes: SvcaClasses) -> Iterator[Row]:
    """A control and three patients."""
    truth = head.curves["cereb_gm"]
    late = head.timing.start_s >= LATE_S
    anatomy = head.pure["cereb_gm"] > 0.9
    along = np.arange(head.brain.shape[1])
    of_cortex = np.cumsum((head.blurred["cortex"] > 0.3).sum(axis=(0, 2)))
    for share in (0.0, 0.1, 0.2, 0.35):
        front = (along < np.searchsorted(of_cortex, share * of_cortex[-1]))[None, :, None]
        raised = (head.blurred["cortex"] * front).astype(np.float32)
        image = scan(head, 50, raised)
        found = clustered_reference(image, head.brain, classes)
        chosen = found.weights.array > 0
        yield Row(
            cortex_raised_percent=100 * share,
            late_percent=float(100 * (found.curve.values[late].mean() / truth[late].mean() - 1)),
            anatomy_late_percent=float(100 * (image.array[:, anatomy].mean(axis=1)[late].mean() / truth[late].mean() - 1)),
            grey_percent=float(100 * sum(head.pure[name] for name in GREY)[chosen].mean()),
            raised_percent=float(100 * (raised[chosen] > 0.3).mean()),
            volume_ml=found.curve.volume_ml,
            explained_percent=float(found.checks[0].value or 0.0),
        )


def main() -> int:
    """Train, find, print."""
    parser = argparse.ArgumentParser(description="The clustered reference on scans made from a known exam's labels.")
    parser.add_argument("exam", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("--json", action="store_true", help="one object a scan, one a line")
    options = parser.parse_args()
    head = read_head(options.exam / "truth")
    kept = True
    for row in rows(head, train(head)):
        kept &= row.holds
        if options.json:
            print(json.dumps(asdict(row) | {"holds": row.holds}), flush=True)
            continue
        found = f"late {row.late_percent:+.1f} % (anatomy {row.anatomy_late_percent:+.1f} %), grey {row.grey_percent:.0f} %"
        found += f", raised {row.raised_percent:.1f} %, {row.volume_ml:.0f} mL, explained {row.explained_percent:.0f} %"
        print(f"cortex raised {row.cortex_raised_percent:3.0f} %: {found}{'' if row.holds else '  DOES NOT HOLD'}", flush=True)
    return 0 if kept else 2


if __name__ == "__main__":
    sys.exit(main())
