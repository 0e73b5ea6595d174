"""Hundreds of simulated lesions: how many are found, how many are false, what they are called, with intervals.

::

    python benchmarks/many_lesions.py FOLDER [--heads N] [--psf 2.5 4 5 6] [--slices 0 3] [--spacing MM] [--first-seed N] [--json]

Heads of `node/simulate` with 24 lesions each, of all kinds and places: seed × point spread × thickness of the FLAIR (0 is a 3-D FLAIR,
3 an axial 2-D one of 3 mm; the T1 is 3-D). Each head has another seed, so that no two lesions are alike. The verbs run in this process
on the written DICOM, with the camera's point spread known. FOLDER keeps what was counted, so that a run that was ended goes on; take
another one for another version of the node.

Matching rule: `benchmarks.lesion_truth`. Intervals are Wilson's, 95 %. Lesions of one head share their PET's noise and their alignment,
so that the true intervals are somewhat wider. Ends with 2 where a limit of `benchmarks.report.LIMITS` does not hold over all heads
together.

The anatomy is the smooth average of 152 people, bent at random: lesions are easier to find there than in a patient's brain. The figure says
what blur, noise and thickness do to a phenotype, not how many lesions would be found in a hospital.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import comparison, lesion_truth, report, truth
from benchmarks.in_process import analyse
from node.simulate.exam import write_exam
from node.simulate.options import Pose, SimulatedTracer, SimulationOptions

LESIONS = 24
Z_95 = 1.96


@dataclass(frozen=True)
class Case:
    """One head: seed, point spread (mm FWHM), slice thickness of the FLAIR (mm, 0 for 3-D), voxel of the MR (mm)."""

    seed: int
    psf_mm: float
    slice_mm: float
    spacing_mm: float

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.psf_mm:g} mm, {'3-D FLAIR' if self.slice_mm == 0 else f'{self.slice_mm:g} mm FLAIR'}"

    def options(self) -> SimulationOptions:
        """The exam: the PET's voxels are about half its point spread, as cameras have them."""
        random = np.random.default_rng(self.seed)
        turn, shift = random.uniform(-8.0, 8.0, 3), random.uniform(-10.0, 10.0, 3)
        step = min(2.5, max(1.25, self.psf_mm / 2.0))
        return SimulationOptions(
            seed=self.seed,
            tracer=SimulatedTracer.DPA714 if self.seed % 2 else SimulatedTracer.PK11195,
            pose=Pose(rotation_deg=(turn[0], turn[1], turn[2]), shift_mm=(shift[0], shift[1], shift[2])),
            mr_spacing_mm=self.spacing_mm,
            flair_slice_mm=self.slice_mm or None,
            pet_spacing_mm=(step, step, step),
            psf_fwhm_mm=self.psf_mm,
            lesions=LESIONS,
        )


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Every head that is asked for, another seed each."""
    settings = list(product(options.psf, options.slices))
    for number in range(options.heads):
        psf_mm, slice_mm = settings[number % len(settings)]
        yield Case(options.first_seed + number, psf_mm, slice_mm, options.spacing)


def count(case: Case, folder: Path) -> dict[str, Any]:
    """What the verbs made of one head; from the folder, where it was counted before."""
    kept = folder / f"{case}, MR {case.spacing_mm:g} mm.json".replace(",", "").replace(" ", "-")
    if not kept.is_file():
        with tempfile.TemporaryDirectory(prefix="head-", dir=folder) as scratch:
            record = _judged(case, Path(scratch))
        part = kept.with_suffix(".part")
        part.write_text(json.dumps(record))
        part.replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def _judged(case: Case, scratch: Path) -> dict[str, Any]:
    exam = write_exam(scratch / "exam", case.options())
    known = truth.read(exam.folder / "truth")
    made = analyse(exam.folder / "dicom", scratch / "kept", fwhm_mm=known.psf_fwhm_mm)
    record = comparison.compare(made.alignment, made.segmentation, made.result, known)
    shutil.rmtree(exam.folder)
    large = [region for region in record["regions"].values() if (region["volume_ml"] or 0.0) >= report.SMALLEST_ML]
    own = [abs(region["own_mask_bias_percent"]) for region in large]
    wanted = ("lesions", "phenotypes", "pet_to_t1_mm", "brain")
    return {"case": str(case), "largest_own_mask_bias_percent": max(own), **{key: record[key] for key in wanted}}


def together(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Lesions and phenotypes of many heads as if they were one."""
    rows = list(records)
    found = {
        key: sum(row["lesions"][key] for row in rows) for key in ("judged", "detected", "judged_false", "found", "true", "hit", "false")
    }
    confusion: dict[str, Counter[str]] = {}
    for row in rows:
        for true, calls in row["phenotypes"]["confusion"].items():
            confusion.setdefault(true, Counter()).update(calls)
    confident = [row["phenotypes"]["rim_called_overall"] for row in rows if row["phenotypes"]["given"]]
    rates = lesion_truth.rates(judged=found["judged"], detected=found["detected"], false=found["judged_false"])
    plain = {true: dict(sorted(calls.items())) for true, calls in sorted(confusion.items())}
    return {
        "heads": len(rows),
        "lesions": {**found, **rates, "dice": float(np.median([row["lesions"]["dice"] for row in rows]))},
        "phenotypes": lesion_truth.summary(plain, confident=sum(confident) if confident else None),
        "pet_to_t1_mm": {"median": float(np.median([row["pet_to_t1_mm"]["mean"] for row in rows]))},
        "largest_own_mask_bias_percent": max(row["largest_own_mask_bias_percent"] for row in rows),
    }


def wilson(part: int, whole: int) -> tuple[float, float]:
    """95 % interval of a share in per cent (Wilson, J Am Stat Assoc 22:209 (1927)); 0 to 100 of none."""
    if whole == 0:
        return 0.0, 100.0
    share, z = part / whole, Z_95
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * np.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return 100.0 * max(0.0, float(middle - half)), 100.0 * min(1.0, float(middle + half))


def text(name: str, record: dict[str, Any]) -> str:
    """The counts of some heads for people."""
    lesions, phenotypes = record["lesions"], record["phenotypes"]
    rows = [
        f"{name}: {record['heads']} heads, {lesions['true']} lesions, {lesions['judged']} of at least 0.1 mL",
        f"  detected        {_share(lesions['detected'], lesions['judged'])}",
        f"  false           {lesions['judged_false']} of at least 0.1 mL, {_number(lesions['false_per_true'])} a true one",
        f"  of any size     {lesions['hit']} of {lesions['true']} touched, {lesions['false']} touch none",
        f"  Dice            median {lesions['dice']:.2f}; PET → T1 {record['pet_to_t1_mm']['median']:.2f} mm; "
        f"largest own-mask bias {record['largest_own_mask_bias_percent']:.2f} %",
        f"  callable        {_share(phenotypes['callable'], phenotypes['matched'])}",
        f"  right           {_share(phenotypes['right'], phenotypes['callable'])}",
        f"  rim-active called overall-active, surely: {phenotypes['rim_called_overall'] if phenotypes['given'] else 'absent'}",
    ]
    for true, calls in phenotypes["confusion"].items():
        rows.append(f"    truly {true:<15} " + ", ".join(f"{n} {call}" for call, n in calls.items()))
    return "\n".join(rows)


def _share(part: int, whole: int) -> str:
    low, high = wilson(part, whole)
    return f"{part} of {whole}" + (f" = {100.0 * part / whole:.1f} % ({low:.1f} to {high:.1f})" if whole else "")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def holds(record: dict[str, Any]) -> bool:
    """Whether the limits of lesions and phenotypes hold; what is absent fails."""
    lesions, phenotypes = record["lesions"], record["phenotypes"]
    asked = {
        "lesions_detected": lesions["detected_percent"],
        "lesions_false": lesions["false_per_true"],
        "phenotype_right": phenotypes["right_percent"],
        "rim_called_overall": phenotypes["rim_called_overall"],
    }
    return all(value is not None and report.LIMITS[name].holds(value) for name, value in asked.items())


def main() -> int:
    """Count the heads that the command line asks for."""
    parser = argparse.ArgumentParser(description="Hundreds of simulated lesions, found and phenotyped.")
    parser.add_argument("folder", type=Path, help="keeps what was counted")
    parser.add_argument("--heads", type=int, default=24)
    parser.add_argument("--psf", type=float, nargs="+", default=[2.5, 4.0, 5.0, 6.0], help="mm FWHM")
    parser.add_argument("--slices", type=float, nargs="+", default=[0.0, 3.0], help="thickness of the FLAIR, 0 for 3-D")
    parser.add_argument("--spacing", type=float, default=1.0, help="voxel of the MR, mm")
    parser.add_argument("--first-seed", type=int, default=1001)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(options.threads)
    done: dict[Case, dict[str, Any]] = {}
    for case in cases(options):
        done[case] = count(case, options.folder)
        print(text(str(case), together([done[case]])), file=sys.stderr, flush=True)
    whole = together(done.values())
    if options.json:
        print(json.dumps(whole, ensure_ascii=False))
        return 0 if holds(whole) else 2
    for psf_mm in options.psf:
        some = [record for case, record in done.items() if case.psf_mm == psf_mm]
        print(text(f"{psf_mm:g} mm", together(some)) if some else "")
    for slice_mm in options.slices:
        some = [record for case, record in done.items() if case.slice_mm == slice_mm]
        print(text("3-D FLAIR" if slice_mm == 0 else f"FLAIR of {slice_mm:g} mm", together(some)) if some else "")
    print(text("all", whole))
    return 0 if holds(whole) else 2


if __name__ == "__main__":
    sys.exit(main())
