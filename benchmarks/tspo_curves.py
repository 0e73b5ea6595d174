"""Real [11C]PBR28 curves, five people measured twice (kinfitr's data): what the models make of them.

::

    python benchmarks/tspo_curves.py [FOLDER]

The folder holds ``pbr28_tacdata.csv``; without it ``tspo_tacs`` of the folder that EMBER_DATA names. Six regions: frontal and temporal
cortex, striatum, thalamus, whole brain, cerebellum. No white matter, no truth: what can be judged is how well two measurements of one
person agree, how far the models are from each other, and how often k2′ can be told at all.

- *k2′*: by the node's rule from each scan, with the cerebellum and with the whole brain as reference.
- *retest*: mean over people of |test − retest| / mean (%), the usual "average absolute percentage difference", of DVR.
- *against MRTM2*: mean difference of DVR over all scans and regions (%).

A scan whose k2′ is refused is modelled with the median of the others, so that all ten enter the comparison; the node itself would refuse.

The unit is not told reliably: the activity would be 80 g/mL of SUV in kBq/mL and is plausible in nCi/mL. DVR does not depend on it.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.domain.result import Curve
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.errors import DataError
from node.quantify.kinetics import estimate_k2_ref, frame_weights, logan, mrtm2, srtm, srtm2, zhou

REGIONS = ("FC", "TC", "STR", "THA", "CBL", "WB")
REFERENCES = {"CBL": ("FC", "TC", "STR", "THA"), "WB": ("FC", "TC", "STR", "THA", "CBL")}
MODELS = ("MRTM2", "Logan", "SRTM", "SRTM2", "Zhou")
HALF_LIFE_S = 1223.4
T_STAR_S = 1800.0


@dataclass(frozen=True, eq=False)
class Scan:
    """One measurement: `curves` (F,) by region, `weights` by the whole brain's activity."""

    name: str
    timing: FrameTiming
    curves: dict[str, Array]
    weights: Array

    def curve(self, region: str) -> Curve:
        """One region's."""
        return Curve(region, self.curves[region], 1.0)


def read(path: Path) -> list[Scan]:
    """All scans of the table; its first row of each, without length, is a zero that somebody added."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if float(row["Duration"]) > 0:
                rows[row["PET"]].append(row)
    return [_scan(name, found) for name, found in rows.items()]


def _scan(name: str, rows: list[dict[str, str]]) -> Scan:
    columns = {key: np.array([float(row[key]) for row in rows]) for key in (*REGIONS, "StartTime", "Duration")}
    timing = FrameTiming(columns["StartTime"], columns["Duration"])
    return Scan(name, timing, {name: columns[name] for name in REGIONS}, frame_weights(timing, HALF_LIFE_S, columns["WB"]))


def k2_refs(scans: list[Scan], reference: str) -> dict[str, float]:
    """k2′ (1/s) of each scan that has one."""
    found = {}
    for scan in scans:
        curves = [scan.curve(region) for region in REFERENCES[reference]]
        try:
            found[scan.name] = estimate_k2_ref(curves, scan.curve(reference), scan.timing, weights=scan.weights).k2_ref_per_s
        except DataError:
            continue
    return found


def dvr(scan: Scan, reference: str, k2_ref_per_s: float) -> Array:
    """(models, regions) DVR of one scan."""
    curves = np.stack([scan.curves[region] for region in REFERENCES[reference]], axis=1)
    common = (curves, scan.curves[reference], scan.timing)
    late = {"t_star_s": T_STAR_S, "k2_ref_per_s": k2_ref_per_s, "weights": scan.weights}
    return np.stack(
        [
            mrtm2(*common, **late).dvr,
            logan(*common, **late).dvr,
            srtm(*common, weights=scan.weights).dvr,
            srtm2(*common, k2_ref_per_s=k2_ref_per_s, weights=scan.weights).dvr,
            zhou(*common, weights=scan.weights).dvr,
        ]
    )


def report(scans: list[Scan], reference: str) -> None:
    """Print what was found with one reference."""
    known = k2_refs(scans, reference)
    typical = float(np.median(list(known.values())))
    told = ", ".join(f"{60 * value:.3f}" for value in sorted(known.values()))
    print(f"\nreference {reference}: k2' from {len(known)} of {len(scans)} scans: {told} per min")
    values = {scan.name: dvr(scan, reference, known.get(scan.name, typical)) for scan in scans}
    first = np.stack([values[name] for name in sorted(values) if name.endswith("_1")])
    second = np.stack([values[name] for name in sorted(values) if name.endswith("_2")])
    retest = 100 * (2 * np.abs(first - second) / (first + second)).mean(axis=0)
    both = np.concatenate([first, second])
    against = 100 * (both / both[:, :1] - 1).mean(axis=(0, 2))
    print(f"{'':7}" + "".join(f"{region:>16}" for region in REFERENCES[reference]) + f"{'against MRTM2':>16}")
    for i, model in enumerate(MODELS):
        cells = "".join(f"{mean:9.3f} {again:4.1f} %" for mean, again in zip(both[:, i].mean(axis=0), retest[i], strict=True))
        print(f"{model:7}{cells}{against[i]:+14.1f} %")
    spans = np.stack([dvr(scan, reference, 0.05 / 60)[:2] / dvr(scan, reference, 0.15 / 60)[:2] - 1 for scan in scans])
    told = ", ".join(f"{100 * span:.1f}" for span in np.sort(np.abs(spans).max(axis=(1, 2))))
    print(f"k2' of 0.05 instead of 0.15 per min changes DVR by Logan and MRTM2 by at most (%, a scan each): {told}")


def main() -> int:
    """Read the table and print."""
    parser = argparse.ArgumentParser(description="Kinetic models on real TSPO curves, test and retest.")
    parser.add_argument("folder", nargs="?", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(os.environ.get("EMBER_DATA", "")) / "tspo_tacs"
    path = folder / "pbr28_tacdata.csv"
    if not path.is_file():
        print(f"real exams: no {path.name} in the folder given, nor in tspo_tacs of EMBER_DATA", file=sys.stderr)
        return 1
    scans = read(path)
    print(f"{len(scans)} scans of {len(scans[0].timing)} frames, t* {T_STAR_S / 60:g} min; each cell: mean DVR, retest difference")
    for reference in REFERENCES:
        report(scans, reference)
    return 0


if __name__ == "__main__":
    sys.exit(main())
