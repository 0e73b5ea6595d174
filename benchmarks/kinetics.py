"""Kinetic models: error on noise-free curves, bias by noise, and speed and memory beside NiftyPAD.

::

    python benchmarks/kinetics.py [--json] [--only speed accuracy noise two-tissue]

- *accuracy*: largest and median error of DVR over the physiological grid (k2′ 0.04–0.15 per min, R1 0.8–1.2, BP_ND 0–1) of frame-averaged
  curves in closed form, scans of 60 and 94 min, C-11 and F-18, t* 20 min (`tests/kinetics.py`, which shares no code with the node).
- *noise*: 10 % noise in a late frame of 5 min, 10 000 voxels, DVR 1.5: mean and spread of what each model gives.
- *two tissue*: what the reference models make of two tissue compartments in tissue and reference (`tests/kinetics.py`, rates invented near
  those of the tracer), 90 min, t* 30 min, k2′ as the node estimates it. No limit: it is what these models cost.
- *speed*: all voxels of a series of 26 frames of 200 × 200 × 109 in float32, by the node; the same model of NiftyPAD on a sample of those
  voxels, its reference and basis functions made beforehand. Both on one thread of one process, by processor time, so that the ratio means
  something on a busy machine. Memory is the largest resident set of the process up to the end of the node's maps, the series in it.

Ends with 2 when a limit does not hold.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MPLBACKEND="agg")  # before NumPy is loaded

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.domain.result import Curve
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics import estimate_k2_ref, frame_weights, logan, mrtm2, srtm, srtm2, zhou
from tests import kinetics as known

HALF_LIVES_S = {"C-11": 1223.4, "F-18": 6586.2}
T_STAR_S = 1200.0
NAMES = ("Logan", "MRTM2", "SRTM", "SRTM2", "Zhou")
ACCURACY_PERCENT = {"Logan": 0.1, "MRTM2": 0.1, "SRTM": 0.3, "SRTM2": 0.3, "Zhou": 0.3}
FASTER = {"Logan": 500.0, "MRTM2": 500.0, "SRTM": 100.0, "SRTM2": 100.0}
NOISE_PERCENT = {"MRTM2": 2.0}
PEAK_GB = 1.5

SHAPE = (109, 200, 200)
SAMPLE = {"Logan": 1500, "MRTM2": 1500, "SRTM": 600, "SRTM2": 600}

Dvr = Callable[[Array], Array]


@dataclass(frozen=True)
class Line:
    """One figure: what, its value and unit, and the limit with its direction ("" where there is none)."""

    claim: str
    what: str
    value: float
    unit: str
    limit: float | None = None
    sign: str = ""
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value keeps the limit; True where there is none."""
        if self.limit is None:
            return True
        return abs(self.value) <= self.limit if self.sign == "≤" else self.value >= self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"  {self.sign} {self.limit:g}{'' if self.holds else '  DOES NOT HOLD'}"
        return f"{self.claim:10} {self.what:34} {self.value:10.4g} {self.unit}{limit}{'  ' + self.note if self.note else ''}"


def dvr_by(name: str, reference: Array, timing: FrameTiming, weights: Array, k2_ref_per_min: float, *, t_star_s: float = T_STAR_S) -> Dvr:
    """The node's model of that name, ready for curves (F, ...)."""
    k2 = k2_ref_per_min / 60
    models: dict[str, Any] = {
        "Logan": partial(logan, t_star_s=t_star_s, k2_ref_per_s=k2),
        "MRTM2": partial(mrtm2, t_star_s=t_star_s, k2_ref_per_s=k2),
        "SRTM": srtm,
        "SRTM2": partial(srtm2, k2_ref_per_s=k2),
        "Zhou": zhou,
    }
    return lambda curves: np.asarray(models[name](curves, reference, timing, weights=weights).dvr)


def accuracy() -> Iterator[Line]:
    """Noise-free errors."""
    for total_min in (60.0, 94.0):
        for isotope, half_life_s in HALF_LIVES_S.items():
            start, length = known.frames_min(total_min)
            timing = FrameTiming(60 * start, 60 * length)
            weights = frame_weights(timing, half_life_s)
            for name in NAMES:
                errors = np.concatenate([_errors(name, timing, weights, k2_ref) for k2_ref in known.K2_REF])
                note = f"median {np.median(errors):.4f}"
                what = f"{name}, {total_min:g} min, {isotope}"
                yield Line("accuracy", what, float(errors.max()), "%", ACCURACY_PERCENT[name], "≤", note)


def _errors(name: str, timing: FrameTiming, weights: Array, k2_ref: float) -> Array:
    start, length = timing.start_s / 60, timing.duration_s / 60
    tissues = [tissue for tissue in known.grid() if tissue.k2_ref == k2_ref]
    curves = np.stack([known.tissue_curve(tissue, start, length) for tissue in tissues], axis=1)
    found = dvr_by(name, known.reference_curve(k2_ref, start, length), timing, weights, k2_ref)(curves)
    return np.asarray(100 * np.abs(found / [tissue.dvr for tissue in tissues] - 1))


def noise(voxels: int = 10_000) -> Iterator[Line]:
    """Bias and spread by noise."""
    start, length = known.frames_min(60)
    timing = FrameTiming(60 * start, 60 * length)
    weights = frame_weights(timing, HALF_LIVES_S["F-18"])
    tissue = known.Known(0.07, 1.0, 1.5)
    reference = known.reference_curve(tissue.k2_ref, start, length)
    clean = known.tissue_curve(tissue, start, length)
    sigma = 0.10 * clean[-1] * np.sqrt(weights[-1] / weights)
    noisy = clean[:, None] + sigma[:, None] * np.random.default_rng(10).standard_normal((len(timing), voxels))
    for name in NAMES:
        found = dvr_by(name, reference, timing, weights, tissue.k2_ref)(noisy)
        middle = np.median(found)
        note = f"median {100 * (middle / tissue.dvr - 1):+.2f} %, SD {100 * np.nanstd(np.clip(found, 0, 3)) / tissue.dvr:.1f} %"
        limit = NOISE_PERCENT.get(name)
        # A few voxels of a model with a free rate run away: their mean says nothing, their median does.
        bias = np.nanmean(found) if name in ("Logan", "MRTM2") else middle
        yield Line("noise", f"{name}, bias", 100 * (float(bias) / tissue.dvr - 1), "%", limit, "≤" if limit else "", note)


def two_tissue() -> Iterator[Line]:
    """Bias by a compartment too few."""
    start, length = known.frames_min(90)
    timing = FrameTiming(60 * start, 60 * length)
    weights = frame_weights(timing, HALF_LIVES_S["F-18"])
    for tracer, brain in (("PK11195-like", known.PK11195_LIKE), ("PBR28-like", known.PBR28_LIKE)):
        reference, *tissues = (Curve(one.name, known.two_tissue_curve(one, start, length), 1.0) for one in brain)
        k2_ref = estimate_k2_ref(tissues, reference, timing, weights=weights).k2_ref_per_s
        curves = np.stack([curve.values for curve in tissues], axis=1)
        truth = np.array([one.vt for one in brain[1:]]) / brain[0].vt
        for name in NAMES:
            found = dvr_by(name, reference.values, timing, weights, 60 * k2_ref, t_star_s=1800.0)(curves)
            for tissue, bias in zip(brain[1:], 100 * (found / truth - 1), strict=True):
                yield Line("two tissue", f"{tracer}, {tissue.name}, {name}", float(bias), "%", note=f"k2' {60 * k2_ref:.3f}/min")


@dataclass(frozen=True, eq=False)
class Series:
    """The simulated series: `curves` (F, S, R, C) float32, and what goes with it."""

    timing: FrameTiming
    weights: Array
    reference: Array
    k2_ref_per_min: float
    curves: Array


def series() -> Series:
    """26 frames of noisy curves of the grid, voxel by voxel at random."""
    lengths = np.array([10] * 6 + [20] * 3 + [60] * 5 + [120] * 2 + [300] * 10)
    timing = FrameTiming((np.cumsum(lengths) - lengths).astype(float), lengths.astype(float))
    start, length = timing.start_s / 60, timing.duration_s / 60
    tissues = [tissue for tissue in known.grid() if tissue.k2_ref == 0.07]
    base = np.stack([known.tissue_curve(tissue, start, length) for tissue in tissues], axis=1).astype(np.float32)
    rng = np.random.default_rng(1)
    kind = rng.integers(0, len(tissues), SHAPE, dtype=np.uint8)
    curves = np.empty((len(timing), *SHAPE), dtype=np.float32)
    for frame, values in zip(curves, base, strict=True):
        rng.standard_normal(out=frame, dtype=np.float32)
        frame *= np.float32(0.05)
        frame += 1
        frame *= values[kind]
    weights = frame_weights(timing, HALF_LIVES_S["C-11"])
    return Series(timing, weights, known.reference_curve(0.07, start, length), 0.07, curves)


def speed() -> Iterator[Line]:
    """Voxels per second, beside NiftyPAD, and memory."""
    scan = series()
    voxels = scan.curves[0].size
    rates = {}
    for name in NAMES:
        model = dvr_by(name, scan.reference, scan.timing, scan.weights, scan.k2_ref_per_min)
        began = time.process_time()
        model(scan.curves)
        rates[name] = voxels / (time.process_time() - began)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    theirs = niftypad_rates(scan)
    for name, rate in rates.items():
        yield Line("speed", f"{name}, node", rate, "voxels/s", note=f"{voxels / rate:.1f} s for all {voxels} voxels")
        if name in theirs:
            yield Line("speed", f"{name}, NiftyPAD", theirs[name], "voxels/s", note=f"on {SAMPLE[name]} of them")
            yield Line("speed", f"{name}, node : NiftyPAD", rate / theirs[name], "×", FASTER[name], "≥")
    yield Line("speed", "largest resident set", peak_gb, "GB", PEAK_GB, "≤", f"of which the series {scan.curves.nbytes / 1e9:.2f}")


def niftypad_rates(scan: Series) -> dict[str, float]:
    """Voxels per second of NiftyPAD 2.0."""
    from niftypad import basis, kt, models

    frames = np.stack([scan.timing.start_s, scan.timing.end_s]).astype(int)
    second = kt.interpt1(kt.dt2mft(frames), scan.reference, frames)
    k2 = scan.k2_ref_per_min / 60
    made = basis.make_basis(second, frames, beta_lim=[0.01 / 60, 0.3 / 60], n_beta=40, w=np.sqrt(scan.weights), k2p=k2)
    late = {"w": scan.weights, "linear_phase_start": T_STAR_S, "linear_phase_end": None, "fig": False}
    calls: dict[str, Callable[[Array], object]] = {
        "Logan": lambda tac: models.logan_ref_k2p(tac, frames, second, k2, **late),
        "MRTM2": lambda tac: models.mrtm_k2p(tac, frames, second, k2, **late),
        "SRTM": lambda tac: models.srtmb_basis(tac, made),
        "SRTM2": lambda tac: models.srtmb_k2p_basis(tac, made),
    }
    rates = {}
    for name, call in calls.items():
        sample = np.ascontiguousarray(scan.curves.reshape(len(scan.timing), -1)[:, : SAMPLE[name]].T).astype(float)
        began = time.process_time()
        for tac in sample:
            call(tac)
        rates[name] = SAMPLE[name] / (time.process_time() - began)
    return rates


CLAIMS = {"speed": speed, "accuracy": accuracy, "noise": noise, "two-tissue": two_tissue}
"""Speed first: memory is the process's largest, and nothing else shall have raised it."""


def main() -> int:
    """Print every figure."""
    parser = argparse.ArgumentParser(description="Accuracy, noise, speed and memory of the kinetic models.")
    parser.add_argument("--json", action="store_true", help="one object a figure, one a line")
    parser.add_argument("--only", nargs="+", choices=tuple(CLAIMS), default=tuple(CLAIMS))
    options = parser.parse_args()
    kept = True
    for claim, measure in CLAIMS.items():
        if claim not in options.only:
            continue
        for line in measure():
            kept &= line.holds
            print(json.dumps(asdict(line) | {"holds": line.holds}, ensure_ascii=False) if options.json else line, flush=True)
    return 0 if kept else 2


if __name__ == "__main__":
    sys.exit(main())
