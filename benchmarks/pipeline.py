"""The common alternative on the same exam, ANTsPy and NiftyPAD: time and accuracy beside ours.

::

    python benchmarks/pipeline.py EXAM_FOLDER [--threads 2] [--full] [--sample 4000] [--kept FOLDER] [--json]

What the alternative does: N4 on the T1; T1 → MNI152 by SyN (``antsRegistrationSyNQuick[s]``, with ``--full`` ``antsRegistrationSyN[s]``);
three tissue classes by Atropos; PET → T1 rigid; regions from tissue and an atlas in template space (Allen, of the data folder: EMBER_DATA);
the SUVR of a static exam, the DVR of a dynamic one voxel by voxel with NiftyPAD (Logan and MRTM2 with fixed k2'). NiftyPAD takes some
hundreds of voxels a second, so that it is timed on a random sample and the time is multiplied up to the brain: the table says so.

What it is given and does not pay for: reading DICOM, the brain mask (ours: SyN onto a skull-stripped template fails on a whole head),
k2' (the truth's), frames that lie still (it corrects no motion). It looks for no lesions. Ours is `align`, `segment` and `quantify`
whole, lesions and phenotypes included, in this process. Both take ``--threads`` threads; neither reads nor writes DICOM.

Ends with 2 where ours is not at least `FASTER` times faster by the clock at no worse accuracy (`WORSE`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import comparison, in_process, truth
from benchmarks.images import on_grid, read_image, values_at
from node import settings as settings_module
from node.align import align
from node.atlas.template import load_template
from node.domain.exam import Exam
from node.domain.result import Alignment
from node.domain.volume import Array, Volume
from node.imaging import to_sitk
from node.segment import segment

FASTER = 5.0
WORSE = {"pet_to_t1_mm": 0.05, "dice": 0.02, "bias_percent": 0.2}
"""By so much ours may be worse and still count as no worse: what two runs of either differ by."""

ATLAS = {
    "thalamus": (*range(27, 42),),
    "brainstem": (*range(112, 118), *range(122, 127), 131),
    "cerebellum": (62, 63, 118, 120, 121, 127, 128),
}
"""Region → labels of the Allen atlas."""

GRAY, WHITE = 2, 3
"""Atropos numbers its classes by rising intensity of the T1."""


@dataclass
class Clock:
    """Seconds by the clock and of the processor, step by step; `times` multiplies a step that was done on a sample."""

    steps: dict[str, tuple[float, float]] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, *, times: float = 1.0) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.steps[name] = (times * (time.perf_counter() - wall), times * (time.process_time() - cpu))

    @property
    def total_s(self) -> float:
        return sum(wall for wall, _ in self.steps.values())

    @property
    def cpu_s(self) -> float:
        return sum(cpu for _, cpu in self.steps.values())


@dataclass(frozen=True)
class Side:
    """What one side took and reached: Dice by shape, bias over its own masks by region (%) of `quantity`."""

    steps: dict[str, tuple[float, float]]
    total_s: float
    cpu_s: float
    pet_to_t1_mm: float
    dice: dict[str, float | None]
    quantity: str
    bias_percent: dict[str, float]


def ours(exam: Exam, known: truth.Truth, camera_mm: float | None) -> tuple[Side, Alignment]:
    """The verbs from align to quantify."""
    clock, template = Clock(), load_template(None)
    with clock.step("align"):
        alignment = align(exam, template, seed=in_process.SEED)
    with clock.step("segment"):
        segmentation = segment(exam, alignment, template, seed=in_process.SEED)
    with clock.step("quantify"):
        result = in_process.measured(exam, alignment, segmentation, scanners=in_process.scanners_of(exam, camera_mm))
    record = comparison.compare(alignment, segmentation, result, known)
    rows = record["dvr_regions"] if known.dynamic else record["regions"]
    bias = {name: row["own_mask_bias_percent"] for name, row in rows.items() if row["own_mask_bias_percent"] is not None}
    quantity = "DVR" if known.dynamic else "SUVR"
    return Side(clock.steps, clock.total_s, clock.cpu_s, record["pet_to_t1_mm"]["mean"], record["dice"], quantity, bias), alignment


def theirs(exam: Exam, known: truth.Truth, brain: Volume, options: argparse.Namespace) -> Side:
    """The alternative, given our brain mask."""
    import ants

    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="pipeline-") as scratch:
        image = _Images(Path(scratch), ants)
        t1, mask, pet = image.of(exam.t1.volume), image.of(brain), image.of(_mean(exam))
        with clock.step("N4"):
            t1 = ants.n4_bias_field_correction(t1)
        with clock.step("PET → T1, rigid"):
            rigid = ants.registration(fixed=t1, moving=pet, type_of_transform="Rigid")
        template = image.of(load_template(None).t1)
        stripped = t1 * mask
        with clock.step("T1 → template, SyN"):
            kind = "antsRegistrationSyN[s]" if options.full else "antsRegistrationSyNQuick[s]"
            warp = ants.registration(fixed=template, moving=stripped, type_of_transform=kind)
        with clock.step("tissue, Atropos"):
            tissue = ants.atropos(a=stripped, x=mask, i="kmeans[3]", m="[0.2,1x1x1]", c="[3,0]")["segmentation"]
        pet_from_t1 = _matrix(rigid["fwdtransforms"][0])
        classes = exam.t1.volume.like(image.back(tissue))
        atlas = _atlas(ants, t1, warp, exam.t1.volume, image)
    regions = _regions(classes, atlas)
    measure = _dvr if known.dynamic else _suvr
    bias = measure(exam, known, brain, regions, pet_from_t1, clock, options.sample)
    miss = truth.pet_to_t1_mm(known, np.linalg.inv(pet_from_t1), known.pet_from_t1)["mean"]
    return Side(clock.steps, clock.total_s, clock.cpu_s, miss, _dice(known, atlas), "DVR" if known.dynamic else "SUVR", bias)


class _Images:
    """Volumes as ANTs images and back, by NIfTI files in a folder."""

    def __init__(self, folder: Path, ants: Any) -> None:
        self._folder, self._ants, self._count = folder, ants, 0

    def of(self, volume: Volume) -> Any:
        self._count += 1
        path = self._folder / f"{self._count}.nii.gz"
        sitk.WriteImage(to_sitk(volume.like(volume.array.astype(np.float32))), str(path))
        return self._ants.image_read(str(path))

    def back(self, image: Any) -> Array:
        """(S, R, C)"""
        path = self._folder / "back.nii.gz"
        self._ants.image_write(image, str(path))
        return read_image(path).array


def _mean(exam: Exam) -> Volume:
    """Mean of all frames, weighted with their lengths: what a rigid registration is usually given."""
    pet = exam.pet
    return pet.volume.like(np.average(pet.volume.array, axis=0, weights=pet.timing.duration_s).astype(np.float32))


def _matrix(path: str) -> Array:
    """(4, 4) LPS mm, fixed → moving points, of an ITK transform file."""
    transform = sitk.ReadTransform(path)
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)], axis=1)
    matrix[:3, 3] = origin
    return matrix


def atlas_file() -> Path:
    """The Allen atlas in the folder of real data, which is not in the repository.

    Raises
    ------
    FileNotFoundError : it is not there
    """
    data = Path(os.environ.get("EMBER_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    file = data / "atlas" / "allen" / "AllenAtlas.nii.gz"
    if not file.is_file():
        raise FileNotFoundError(
            f"the alternative takes its regions from the Allen atlas, which is not at {file}; EMBER_DATA names the folder"
        )
    return file


def _atlas(ants: Any, t1: Any, warp: dict[str, Any], grid: Volume, image: _Images) -> Volume:
    """The atlas' labels on the T1 grid."""
    moved = ants.apply_transforms(
        fixed=t1, moving=ants.image_read(str(atlas_file())), transformlist=warp["invtransforms"], interpolator="nearestNeighbor"
    )
    return grid.like(np.round(image.back(moved)).astype(np.int32))


def _regions(classes: Volume, atlas: Volume) -> dict[str, Volume]:
    """Masks on the T1 grid, from tissue and the atlas."""
    gray, white = classes.array == GRAY, classes.array == WHITE
    parts = {name: np.isin(atlas.array, labels) for name, labels in ATLAS.items()}
    cortex = gray & ~parts["cerebellum"] & ~parts["thalamus"] & ~parts["brainstem"]
    deep_white = ndimage.binary_erosion(white & ~parts["cerebellum"] & ~parts["brainstem"], iterations=2)
    reference = ndimage.binary_erosion(gray & parts["cerebellum"])
    masks = {"thalamus": parts["thalamus"] & (gray | white), "brainstem": parts["brainstem"] & (gray | white)}
    return {name: classes.like(mask) for name, mask in (masks | {"cortex": cortex, "nawm": deep_white, "reference": reference}).items()}


def _on_pet(mask: Volume, pet: Volume, pet_from_t1: Array) -> Array:
    """(S, R, C) bool on the PET grid: voxels whose middle lies in a mask of the T1 grid."""
    index = np.argwhere(np.ones(pet.shape, dtype=bool))
    points = np.c_[index, np.ones(len(index))] @ pet.affine.T @ np.linalg.inv(pet_from_t1).T
    return np.asarray(values_at(mask.like(mask.array.astype(np.uint8)), points, order=0) > 0).reshape(pet.shape)


def _suvr(
    exam: Exam, known: truth.Truth, brain: Volume, regions: dict[str, Volume], pet_from_t1: Array, clock: Clock, sample: int
) -> dict[str, float]:
    """SUVR of the mean over all frames, region by region, beside the truth over the same voxels."""
    mean = _mean(exam)
    with clock.step("SUVR"):
        masks = {name: _on_pet(mask, mean, pet_from_t1) for name, mask in regions.items()}
        found = {name: float(mean.array[mask].mean()) for name, mask in masks.items()}
    true = {name: float(known.blurred.array[mask].mean()) for name, mask in masks.items()}
    return _biases(found, true)


def _dvr(
    exam: Exam, known: truth.Truth, brain: Volume, regions: dict[str, Volume], pet_from_t1: Array, clock: Clock, sample: int
) -> dict[str, float]:
    """DVR by NiftyPAD's MRTM2 over a sample of voxels, beside the truth over the same voxels; its Logan is timed too."""
    from niftypad import kt, models

    pet, timing = exam.pet.volume, exam.pet.timing
    assert known.dvr is not None
    assert known.k2_ref_per_min is not None
    masks = {name: _on_pet(mask, pet, pet_from_t1) for name, mask in regions.items()}
    whole = _on_pet(brain, pet, pet_from_t1)
    dt = np.round(np.stack([timing.start_s, timing.end_s])).astype(int)
    reference = pet.array[:, masks["reference"]].mean(axis=1, dtype=np.float64)
    every_second = kt.interpt1(kt.dt2mft(dt), reference, dt)
    t_star = settings_module.tracers(in_process.SHIPPED / "tracers")[exam.pet.administration.tracer].t_star_s
    random = np.random.default_rng(1)
    inside = np.argwhere(whole)
    chosen = inside[random.choice(len(inside), min(sample, len(inside)), replace=False)]
    curves = pet.array[:, chosen[:, 0], chosen[:, 1], chosen[:, 2]].T.astype(np.float64)
    times = len(inside) / len(chosen)

    def fit(model: Callable[..., dict[str, float]]) -> Array:
        k2_ref = known.k2_ref_per_min / 60.0
        return np.array([1.0 + model(curve.copy(), dt, every_second, k2_ref, None, t_star, None, False)["bp"] for curve in curves])

    with clock.step(f"Logan, {len(chosen)} of {len(inside)} voxels, multiplied up", times=times):
        fit(models.logan_ref_k2p)
    with clock.step(f"MRTM2, {len(chosen)} of {len(inside)} voxels, multiplied up", times=times):
        values = fit(models.mrtm_k2p)
    there = tuple(chosen.T)
    divisor = float(known.dvr.array[masks["reference"]].mean())
    picked = {name: mask[there] for name, mask in masks.items() if name != "reference" and mask[there].sum() >= 20}
    found = {name: float(values[mask].mean()) for name, mask in picked.items()}
    true = {name: float(known.dvr.array[there][mask].mean()) / divisor for name, mask in picked.items()}
    return {name: 100.0 * (found[name] / true[name] - 1.0) for name in found}


def _biases(found: dict[str, float], true: dict[str, float]) -> dict[str, float]:
    """Bias of the ratio to the reference (%)."""
    names = [name for name in found if name != "reference"]
    return {name: 100.0 * ((found[name] / found["reference"]) / (true[name] / true["reference"]) - 1.0) for name in names}


def _dice(known: truth.Truth, atlas: Volume) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, labels in ATLAS.items():
        mine = on_grid(atlas.like(np.isin(atlas.array, labels)), known.labels) > 0
        true = known.where(*truth.SHAPES[name][1])
        found[name] = 2.0 * float((mine & true).sum()) / float(mine.sum() + true.sum())
    return found


def verdicts(mine: Side, other: Side) -> list[tuple[str, float, float, bool | None]]:
    """What is compared: ours, theirs, whether ours is good enough; None for what is only shown.

    Of the biases the largest is judged: theirs is of a sample of voxels, whose own error in one region is some tenths of a per cent.
    """
    rows: list[tuple[str, float, float, bool | None]] = [
        ("times faster, by the clock", other.total_s / mine.total_s, FASTER, other.total_s >= FASTER * mine.total_s),
        ("times faster, of the processor", other.cpu_s / mine.cpu_s, FASTER, None),
    ]
    close = mine.pet_to_t1_mm <= other.pet_to_t1_mm + WORSE["pet_to_t1_mm"]
    rows.append(("PET → T1, mm", mine.pet_to_t1_mm, other.pet_to_t1_mm, close))
    for name, dice in other.dice.items():
        own = mine.dice.get(name)
        rows.append((f"Dice of {name}", own or 0.0, dice or 0.0, own is not None and own >= (dice or 0.0) - WORSE["dice"]))
    for name, bias in other.bias_percent.items():
        own = mine.bias_percent.get(name)
        rows.append((f"{mine.quantity} of {name}, % over its own mask", float("nan") if own is None else own, bias, None))
    largest = max(abs(mine.bias_percent.get(name, np.inf)) for name in other.bias_percent)
    theirs_largest = max(map(abs, other.bias_percent.values()))
    rows.append((f"{mine.quantity}, largest of these", largest, theirs_largest, largest <= theirs_largest + WORSE["bias_percent"]))
    return rows


def text(name: str, mine: Side, other: Side, threads: int) -> str:
    """Both sides for people."""
    lines = [f"{name}, {threads} threads; seconds by the clock (of the processor)", "  ANTsPy and NiftyPAD"]
    lines += [f"    {step:<52} {wall:8.1f} ({cpu:.1f})" for step, (wall, cpu) in other.steps.items()]
    lines += [f"    {'in all':<52} {other.total_s:8.1f} ({other.cpu_s:.1f})", "  Ember"]
    lines += [f"    {step:<52} {wall:8.1f} ({cpu:.1f})" for step, (wall, cpu) in mine.steps.items()]
    lines += [f"    {'in all':<52} {mine.total_s:8.1f} ({mine.cpu_s:.1f})", f"    {'':<44} {'Ember':>10} {'theirs':>10}"]
    for what, own, their, good in verdicts(mine, other):
        label = "asked" if what.startswith("times") else ""
        mark = {True: "✓", False: "✗", None: " "}[good]
        lines.append(f"  {mark} {what:<44} {own:>10.2f} {their:>10.2f} {label}".rstrip())
    return "\n".join(lines)


def main() -> int:
    """Run both on one exam."""
    parser = argparse.ArgumentParser(description="The common alternative on the same exam: time and accuracy beside ours.")
    parser.add_argument("exam", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="antsRegistrationSyN instead of antsRegistrationSyNQuick")
    parser.add_argument("--sample", type=int, default=4000, help="voxels that NiftyPAD is timed on")
    parser.add_argument("--kept", type=Path, help="folder that keeps what the alternative reached, for exam and threads")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(options.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(options.threads)
    atlas_file()
    known, exam = truth.read(options.exam / "truth"), in_process.read(options.exam / "dicom")
    mine, alignment = ours(exam, known, known.psf_fwhm_mm)
    kept = options.kept and options.kept / f"{options.exam.name}-{options.threads}{'-full' if options.full else ''}.json"
    if kept and kept.is_file():
        other = Side(**json.loads(kept.read_text()))
    else:
        other = theirs(exam, known, alignment.brain, options)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(asdict(other)))
    print(
        json.dumps({"ember": asdict(mine), "theirs": asdict(other)})
        if options.json
        else text(options.exam.name, mine, other, options.threads)
    )
    return 0 if all(good is not False for *_, good in verdicts(mine, other)) else 2


if __name__ == "__main__":
    sys.exit(main())
