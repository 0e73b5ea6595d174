"""The named regions beside two references: an atlas of another brain, and the labels of exams whose truth is known.

::

    python benchmarks/regions.py --allen FOLDER [EXAM_FOLDER…] [--kept FOLDER] [--json]

- *template*: the node's regions in the template itself (its own tissue maps are the tissue classes) against the Allen Human Reference Atlas
  (``AllenAtlas.nii.gz`` and ``.json``, drawn on the ICBM 152 nonlinear symmetric template of 2009), without moving one to the other.
  The surfaces of thalamus, brain stem, cerebellum, lentiform nucleus and amygdala were fitted to that atlas, and are marked so: their Dice
  says how well few coefficients describe it, and what our own conventions changed since; it is no independent evidence. The other regions
  were drawn by hand, from the template's tissue and coordinates of the literature; the hippocampus was moved to it, so were some seeds.
- *exam*: align and segment as the node does, against the truth's labels. The truth has no label for ventricles: lateral ventricles are its
  fluid within 5 mm of the Allen atlas's, carried to the subject by the node's own alignment. The truth's cerebellum is its grey and white
  matter, its brain stem what it calls so: a part of the dorsal pons and the upper cerebral peduncles are white matter there. Where the
  brain stem's planes lie within a millimetre or two, and the width of folia, were settled with dev-01 and dev-02 in view.
- *lobes*: each cortical voxel of the Allen atlas by the nearest seed.

Sides: how much of the left and of the right cortex lies on that side of the middle of the true cerebrum.

Ends with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import in_process, truth
from benchmarks.images import on_grid, read_image
from node.align import align
from node.atlas.lobes import Lobe, nearest_lobe
from node.atlas.template import Template, load_template
from node.domain.exam import Exam
from node.domain.result import Alignment, Region, Segmentation, Tissue
from node.domain.transform import Deformation, Transform
from node.domain.volume import Array, Volume
from node.imaging import distance_mm, resample
from node.segment import segment
from node.segment.parts import find_parts
from node.segment.place import find_place
from node.segment.regions import find_regions
from node.segment.window import around
from node.workflow import artefacts

GOALS = {"thalamus": 0.80, "brainstem": 0.85, "cerebellum": 0.90, "lateral_ventricle": 0.75}
NOTES = dict.fromkeys(("thalamus", "brainstem", "cerebellum", "putamen", "amygdala"), "fitted to it") | {"hippocampus": "moved to it"}
VENTRICLE_REACH_MM = 5.0
SIDE_GOAL = 0.95

ALLEN = {
    "thalamus": "THM ANC LD MD Re LP Pul VA VL VPL VPM CM Pf",
    "brainstem": "MTg RN SN SC IC cpd PTR Aq PnBa PnTg MoPy MoTg IO",
    "cerebellum": "CBL CBPV CBV CbDN HWM icp mcp scp",
    "lateral_ventricle": "aLV bLV pLV iLV xLV",
    "third_ventricle": "3V",
    "fourth_ventricle": "4V cec",
    "caudate": "CaH CaB CaT NAC",
    "putamen": "Pu PuPV",
    "pallidum": "GPe GPi",
    "amygdala": "AMY AAA CEN La BL BM CoA CoP Me AHA",
    "hippocampus": "HiH HiB HiT",
    "corpus_callosum": "cc",
}
"""The node's name of a region → the atlas's labels."""

ALLEN_LOBES = {
    Lobe.FRONTAL: "PrCG SFG MFG IFGtr IFGop ReG MOrG AOrG POrG LOrG PCLr FrO RoG FMG FP PaCG SCG CgGr",
    Lobe.PARIETAL: "PoCG SPL SMG AnG PrCun PCLc PaO CgGc IsCPH",
    Lobe.TEMPORAL: "STG MTG ITG FuGt TTG PLT TP PLP APH PPH AG HiH HiB HiT PRG",
    Lobe.OCCIPITAL: "OP Cun LiG FuGo IOG SOG",
    Lobe.INSULAR: "LIG SIG LI",
}

EXAM = {"thalamus": ("thalamus",), "brainstem": ("brainstem",), "cerebellum": ("cereb_gm", "cereb_wm")}


@dataclass(frozen=True)
class Overlap:
    """One line: what was compared with what, and the Dice index."""

    where: str
    region: str
    dice: float
    ours_ml: float
    theirs_ml: float
    goal: float | None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether a goal was not reached."""
        return self.goal is not None and not self.dice >= self.goal


class Allen:
    """The atlas in its own space."""

    def __init__(self, folder: Path) -> None:
        self.image = read_image(folder / "AllenAtlas.nii.gz")
        self._names: list[str] = json.loads((folder / "AllenAtlas.json").read_text())["labels"]

    def on(self, grid: Volume, template_from_grid: Transform | Deformation) -> Volume:
        """(S, R, C) indices at the voxel centres of a grid."""
        return resample(self.image, grid, template_from_grid, interpolation="nearest")

    def where(self, indices: Volume, words: str) -> Array:
        """(S, R, C) bool: voxels of these labels."""
        return np.isin(indices.array, [self._names.index(word) for word in words.split() if word in self._names])


def in_template(template: Template, allen: Allen) -> list[Overlap]:
    """The node's regions in the template against the atlas."""
    still = Deformation(Transform.identity(), Volume(np.zeros((3, 1, 1, 1), dtype=np.float32), np.eye(4), "mm"))
    brain = template.brain
    place = find_place(brain, template, still)
    solid = place.gm + place.wm >= 0.5
    kinds = np.select([~solid, place.gm >= place.wm], [Tissue.CSF.value, Tissue.GRAY_MATTER.value], Tissue.WHITE_MATTER.value)
    labels = brain.like(np.where(brain.array, kinds, 0).astype(np.uint8))
    window = around(brain, margin_mm=1000.0)
    regions = {r.name: r for r in find_regions(labels, np.zeros(brain.shape, bool), find_parts(place), window=window, grid=brain)}
    indices = allen.on(brain, Transform.identity())
    rows = [_overlap("template", regions[name], allen.where(indices, words), note=NOTES.get(name, "")) for name, words in ALLEN.items()]
    return rows + lobes(allen)


def lobes(allen: Allen) -> list[Overlap]:
    """The nearest seed of each cortical voxel of the atlas."""
    true = np.zeros(allen.image.shape, dtype=np.uint8)
    for lobe, words in ALLEN_LOBES.items():
        true[allen.where(allen.image, words)] = lobe.value
    index = np.argwhere(true > 0)
    points = index @ allen.image.affine[:3, :3].T + allen.image.affine[:3, 3]
    found, known = nearest_lobe(points), true[true > 0]
    rows = []
    for lobe in Lobe:
        ours, theirs = found == lobe, known == lobe
        volumes = _ml(ours, theirs, allen.image.voxel_ml)
        rows.append(Overlap("template", f"{lobe.name.lower()} lobe", _dice(ours, theirs), *volumes, None, "of its cortex, by nearest seed"))
    return rows


def in_exam(folder: Path, kept: Path, template: Template, allen: Allen) -> list[Overlap]:
    """The node's regions of one exam against its truth; the alignment is taken from `kept` where it is there."""
    kept.mkdir(parents=True, exist_ok=True)
    if not artefacts.exists(kept, "exam"):
        artefacts.save(kept, "exam", in_process.read(folder / "dicom"))
    exam = artefacts.load(kept, "exam", Exam)
    if not artefacts.exists(kept, "alignment"):
        artefacts.save(kept, "alignment", align(exam, template, seed=in_process.SEED))
    alignment = artefacts.load(kept, "alignment", Alignment)
    started = time.process_time()
    segmentation = segment(exam, alignment, template, seed=in_process.SEED)
    print(f"{folder.name}: segment took {time.process_time() - started:.1f} s of processor time", file=sys.stderr)
    known = truth.read(folder / "truth")
    labels = on_grid(known.labels, alignment.t1)
    rows = [
        _overlap(folder.name, segmentation.region(name), np.isin(labels, [known.label_values[word] for word in words]))
        for name, words in EXAM.items()
    ]
    atlas = allen.on(alignment.t1, alignment.template_from_t1)
    near = distance_mm(atlas.like(allen.where(atlas, ALLEN["lateral_ventricle"]))) <= VENTRICLE_REACH_MM
    fluid = near & (labels == known.label_values["csf"])
    return [
        *rows,
        _overlap(folder.name, segmentation.region("lateral_ventricle"), fluid, note="fluid of the truth near the atlas's"),
        *_sides(folder.name, segmentation, np.isin(labels, [known.label_values[word] for word in ("cortex", "nawm")])),
    ]


def _sides(where: str, segmentation: Segmentation, cerebrum: Array) -> list[Overlap]:
    """How much of each side's cortex lies on that side of the middle of the true cerebrum; a head may be tilted a little (+x is left)."""
    grid = segmentation.tissue
    middle = float((np.argwhere(cerebrum) @ grid.affine[0, :3]).mean())
    rows = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        mask = segmentation.region(f"cortex_{side}").mask.array
        share = float((sign * (np.argwhere(mask) @ grid.affine[0, :3] - middle) > 0).mean())
        volume = float(mask.sum()) * grid.voxel_ml
        rows.append(Overlap(where, f"cortex_{side} (share on its side)", share, volume, volume, SIDE_GOAL))
    return rows


def _overlap(where: str, region: Region, true: Array, *, note: str = "") -> Overlap:
    ours = region.mask.array
    return Overlap(where, region.name, _dice(ours, true), *_ml(ours, true, region.mask.voxel_ml), GOALS.get(region.name), note)


def _dice(a: Array, b: Array) -> float:
    return 2.0 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


def _ml(a: Array, b: Array, each: float) -> tuple[float, float]:
    return float(a.sum()) * each, float(b.sum()) * each


def main() -> int:
    """Print the table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exams", type=Path, nargs="*", help="folders with dicom/ and truth/")
    parser.add_argument("--allen", type=Path, required=True, help="folder of the Allen Human Reference Atlas")
    parser.add_argument("--kept", type=Path, default=Path("kept-regions"), help="folder for exams and alignments, one below it an exam")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    template, allen = load_template(), Allen(options.allen)
    rows = in_template(template, allen)
    for exam in options.exams:
        rows += in_exam(exam, options.kept / exam.name, template, allen)
    if options.json:
        print(json.dumps([asdict(row) | {"missed": row.missed} for row in rows], indent=1))
    else:
        _print(rows)
    return int(any(row.missed for row in rows))


def _print(rows: list[Overlap]) -> None:
    print(f"{'where':10} {'region':40} {'Dice':>6} {'goal':>6} {'ours mL':>8} {'theirs':>8}")
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:.2f}"
        mark = "MISSED" if row.missed else ""
        print(f"{row.where:10} {row.region:40} {row.dice:6.3f} {goal:>6} {row.ours_ml:8.1f} {row.theirs_ml:8.1f}  {mark} {row.note}")


if __name__ == "__main__":
    sys.exit(main())
