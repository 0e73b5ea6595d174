"""Phenotypes of lesions whose truth is known: digital lesions by the hundred, and those of whole exams.

::

    python benchmarks/phenotype.py [EXAM_FOLDER…] [--lesions N] [--kept FOLDER] [--json]

*Digital lesions* (`benchmarks.digital_lesions`): spheres and irregular shapes of 3 to 8 mm, every class, 2.5 to 6 mm of blur, two levels
of noise; the mask that the node gets is the true one, or off: shifted by half a millimetre, its border a millimetre too far out or in.
*Noise-free* are the spheres of check J15 without noise.

*Exams* (``dicom/`` and ``truth/``) go through the verbs in this process, with the point spread that the truth names; what was made of
them before is taken from `--kept`. They are judged twice: with the node's own lesions, and with the true masks in their place.

*Callable* is a lesion that was called rim-active, overall-active or inactive. Limits: of the callable ones `RIGHT_PERCENT` right, no
rim-active lesion called overall-active with confidence, no noise-free value further off than `NOISE_FREE_PERCENT`. Ends with 1 when
one does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import lesion_truth, truth
from benchmarks.digital_lesions import UPTAKE, Case, Scene, scene
from benchmarks.images import on_grid
from benchmarks.in_process import analyse, measured, scanners_of
from node.domain.result import Lesion, Phenotype, Segmentation, Tissue
from node.quantify.lesions import measure_lesions

RIGHT_PERCENT = 85.0
NOISE_FREE_PERCENT = 2.0
RADII_MM = (3.0, 4.0, 5.0, 6.0, 8.0)
FWHM_MM = (2.5, 4.5, 6.0)
NOISES = (0.035, 0.06)
MASKS = ((0.0, 0.0), (0.0, 0.5), (1.0, 0.0), (-1.0, 0.0))
"""How far the border of the mask is too far out, and how far the mask is shifted (mm)."""


def main() -> int:
    """Run, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exams", nargs="*", type=Path)
    parser.add_argument("--lesions", type=int, default=360, help="digital lesions with noise")
    parser.add_argument("--kept", type=Path, help="folder for what the verbs make of the exams")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = {"noise_free": noise_free(), "digital": digital(given.lesions)}
        for folder in given.exams:
            found |= exam(folder, (given.kept or Path(scratch)) / folder.name)
    missed = [line for name, record in found.items() for line in judged(name, record)]
    print(json.dumps(found, indent=1) if given.json else "\n".join(f"{name}: {told(record)}" for name, record in found.items()))
    print("\n".join(missed) or "all limits hold", file=sys.stderr if given.json else sys.stdout)
    return 1 if missed else 0


def noise_free() -> dict[str, Any]:
    """Largest error of core and rim of rim-active spheres without noise (%), by radius and blur."""
    worst = {}
    for radius, fwhm in product(RADII_MM, FWHM_MM):
        made = scene(Case("rim-active", radius, fwhm))
        unmixed = lesion_of(made).unmixed
        assert unmixed is not None, f"radius {radius}, {fwhm} mm: nothing was unmixed"
        worst[f"r={radius:g} fwhm={fwhm:g}"] = 100.0 * max(abs(unmixed.core / made.core - 1.0), abs(unmixed.rim / made.rim - 1.0))
    return {"worst_percent": max(worst.values()), "percent": worst}


def digital(count: int) -> dict[str, Any]:
    """Confusion of digital lesions, all together and by how the mask was off; and how well the standard errors describe the errors."""
    by_mask: dict[str, Counter[tuple[str, str]]] = {}
    deviations, turned = [], 0
    for case in cases(count):
        made = scene(case)
        lesion = lesion_of(made)
        key = f"border {case.border_mm:+g} mm, shift {case.shift_mm:g} mm"
        by_mask.setdefault(key, Counter())[case.kind, lesion.phenotype.value if lesion.phenotype else "none"] += 1
        turned += case.kind == "rim-active" and lesion.phenotype is Phenotype.OVERALL_ACTIVE and (lesion.confidence or 0.0) >= 0.8
        if lesion.unmixed is not None and lesion.phenotype is not Phenotype.NOT_RESOLVABLE:
            unmixed = lesion.unmixed
            deviations.append((unmixed.rim - unmixed.core - made.rim + made.core) / unmixed.difference_error)
    whole = summary(sum(by_mask.values(), Counter()), turned)
    spread = float(np.sqrt(np.mean(np.square(deviations))))
    return whole | {"error_over_standard_error": spread, "by_mask": {key: summary(counts, 0) for key, counts in by_mask.items()}}


def cases(count: int) -> Iterator[Case]:
    """So many of all combinations, spread evenly; each with a shape and noise of its own."""
    all_of_them = list(product(UPTAKE, RADII_MM, FWHM_MM, NOISES, MASKS, (0.0, 0.8)))
    order = np.random.default_rng(20260101).permutation(len(all_of_them))
    for number in range(count):
        kind, radius, fwhm, noise, (border, shift), irregular = all_of_them[order[number % len(order)]]
        yield Case(kind, radius, fwhm, noise=noise, irregular=irregular, border_mm=border, shift_mm=shift, seed=number)


def lesion_of(made: Scene) -> Lesion:
    """The digital lesion as the node measures it; the largest piece of a mask that fell apart."""
    return measure_lesions(made.segmentation, made.values, made.projection, made.scale, exam="E", blurred=made.blurred)[0]


def summary(counts: Counter[tuple[str, str]], turned: int) -> dict[str, Any]:
    """As `lesion_truth` tells it."""
    confusion: dict[str, dict[str, int]] = {}
    for (true, call), n in sorted(counts.items()):
        confusion.setdefault(true, {})[call] = n
    return lesion_truth.summary(confusion, confident=turned)


def exam(folder: Path, kept: Path) -> dict[str, dict[str, Any]]:
    """One exam, with the node's lesions and with the true ones."""
    known = truth.read(folder / "truth")
    fwhm_mm = float(json.loads((folder / "truth" / "truth.json").read_text())["psf_fwhm_mm"])
    made = analyse(folder / "dicom", kept, fwhm_mm=fwhm_mm)
    found = {}
    for name, segmentation in (("own masks", made.segmentation), ("true masks", with_true_lesions(made.segmentation, known))):
        result = measured(made.exam, made.alignment, segmentation, scanners=scanners_of(made.exam, fwhm_mm))
        found[f"{folder.name}, {name}"] = lesion_truth.phenotypes(known, segmentation.lesions, result.lesions)
    return found


def with_true_lesions(segmentation: Segmentation, known: truth.Truth) -> Segmentation:
    """The node's tissue with the truth's lesions."""
    labels = on_grid(known.lesions, segmentation.lesions).astype(np.int32)
    white = np.where(labels > 0, Tissue.WHITE_MATTER.value, segmentation.tissue.array).astype(np.uint8)
    return replace(segmentation, lesions=segmentation.lesions.like(labels), tissue=segmentation.tissue.like(white))


def judged(name: str, record: dict[str, Any]) -> list[str]:
    """The limits that do not hold."""
    if name == "noise_free":
        worst = record["worst_percent"]
        return [f"{name}: {worst:.2f} % off, at most {NOISE_FREE_PERCENT:g} %"] if worst > NOISE_FREE_PERCENT else []
    missed = []
    if record["right_percent"] is not None and record["right_percent"] < RIGHT_PERCENT:
        missed.append(f"{name}: {record['right_percent']:.1f} % of the callable right, at least {RIGHT_PERCENT:g} %")
    if record["rim_called_overall"]:
        missed.append(f"{name}: {record['rim_called_overall']} rim-active called overall-active with confidence, none allowed")
    return missed


def told(record: dict[str, Any]) -> str:
    """A record in lines."""
    if "worst_percent" in record:
        return f"core and rim at most {record['worst_percent']:.2f} % off, {len(record['percent'])} spheres"
    lines = [_counts(record)]
    if "error_over_standard_error" in record:
        lines.append(f"  error of rim − core over its standard error, of resolved lesions: {record['error_over_standard_error']:.2f}")
    lines += [f"  {true}: {', '.join(f'{call} {n}' for call, n in calls.items())}" for true, calls in record["confusion"].items()]
    lines += [f"  {mask}: {_counts(each)}" for mask, each in record.get("by_mask", {}).items()]
    return "\n".join(lines)


def _counts(record: dict[str, Any]) -> str:
    share = "" if record["right_percent"] is None else f" ({record['right_percent']:.1f} %)"
    turned = f"; rim-active called overall-active with confidence: {record['rim_called_overall']}"
    return f"{record['matched']} lesions, {record['callable']} callable, {record['right']} of them right{share}{turned}"


if __name__ == "__main__":
    sys.exit(main())
