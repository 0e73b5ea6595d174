"""Whole exams through a running node: the numbers beside the known truth, the time, the memory, the objects.

::

    python benchmarks/exam_accuracy.py EXAM_FOLDER… [--keep FOLDER] [--json] [--unknown-scanner]

An exam folder holds ``dicom/`` (what a scanner would send) and ``truth/`` (see `benchmarks.truth`). For each one a fresh node and a fresh
Orthanc are started; all files go by DCMTK's storescu, in shuffled order, over two associations at the same time; nobody touches anything.

The node is told the point spread of the simulated camera, as a site tells it: an entry in a scanners folder, made from the PET's own
headers and the truth. ``--unknown-scanner`` leaves it out. The output says which.

What is compared (limits: `benchmarks.report.LIMITS`):

- *brain*: the node's brain mask on the truth's labels.
- *pet_to_t1_mm*: the node's PET → T1 against the true pose, over the truth's grey and white matter. A T1 with voxels of at most 1.5 mm
  in every direction counts as 3-D.
- *frame_motion_mm*: what is left of the motion between frames (`truth.frame_motion_mm`).
- *own_mask_bias_percent*: the node's value against the noise-free blurred truth over the node's own mask, put on the PET grid by the
  node's own transform, so that the measurement alone is judged (registration and masks have their own lines). A region's SUVR or DVR
  truth is divided by the same over the node's own reference mask: the ratio of a mixture is the mixture of the ratios.
- *bias_percent*: against the truth's region. `suvr_psf` is relative to the whole cerebellar grey matter; a reference that is eroded by
  1 mm, as the node's is, differs by one factor that is common to all regions, and that is taken out: `cereb_gm_eroded1mm` of the truth.
  *reference_factor* has it, and beside it the same for the node's own reference mask. The line "reference" is the SUV that the node
  divided by (SUV ÷ SUVR of a region), over the part of its reference region that it divides by (1 mm inside it, 5 mm from lesions).
  Regions of `truth.BESIDE` are drawn otherwise in the truth; their bias is shown, not judged.
- *dvr_regions*: the same of the DVR, of a dynamic exam; *kinetics* has k2' beside the truth's.
- *dice*: the node's regions with the truth's labels.
- *lesions*, *phenotypes*: by the matching rule of `benchmarks.lesion_truth`; *dice_in_pacs* is of the segmentation that reached the PACS,
  as dcmqi reads it.
- *held*: kind and reason of each object that the gate before sending did not let out; empty where all is well.
- *seconds*: from the end of storescu to the moment when the Orthanc's count of instances last rose (looked at every 0.1 s).
- *cpu_seconds*: processor time of all processes of the node, from its start: on a busy machine it tells more than *seconds*.
- *peak_mib*: proportional set size of all processes of the node together, looked at every 0.2 s.

Ends with 1 when an exam did not come to DELIVERED, with 2 when one was delivered and a limit does not hold.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import UID, SegmentationStorage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import comparison, lesion_truth, report, truth
from benchmarks.conformance import segments_by_dcmqi
from benchmarks.peers import Orthanc, find, send
from benchmarks.running import Camera, RunningNode, Usage
from node.domain.exam import Exam
from node.domain.ports import DeliveryState
from node.domain.result import Alignment, Result, Segmentation

SEED = 20260101
TIMEOUT_S = 1800.0

THREE_D_MM = 1.5
"""A T1 with coarser voxels counts as 2-D."""


class ArrivalClock:
    """When the count of instances in an Orthanc last rose, as a context manager that looks every 0.1 s."""

    def __init__(self, orthanc: Orthanc) -> None:
        self.last_s: float | None = None
        self._orthanc = orthanc
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ArrivalClock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        seen = 0
        while not self._done.wait(0.1):
            count = self._orthanc.count()
            if count > seen:
                seen, self.last_s = count, time.monotonic()


def run(exam: Path, keep: Path | None, *, scanner: bool = True, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """One exam through a fresh node; the record that ``--json`` prints.

    Parameters
    ----------
    exam : folder with ``dicom/`` and ``truth/``
    keep : folder for the objects that reached the PACS, None to throw them away
    scanner : whether the node is told the camera's point spread
    """
    files = [path for path in sorted((exam / "dicom").rglob("*")) if path.is_file()]
    known = truth.read(exam / "truth")
    camera = camera_of(files, known.psf_fwhm_mm) if scanner and known.psf_fwhm_mm else None
    with tempfile.TemporaryDirectory(prefix="ember-accuracy-") as scratch, Orthanc(Path(scratch) / "pacs") as orthanc:
        node = RunningNode(Path(scratch), destination=(orthanc.dicom_port, orthanc.ae_title), camera=camera)
        with node, Usage(node) as usage, ArrivalClock(orthanc) as arrival:
            send(files, node.port, called=node.ae_title, associations=2, seed=SEED)
            sent_s = time.monotonic()
            states = _settled(node, timeout_s)
            time.sleep(0.5)
        record = _frame(exam, states) | {"scanner": None if camera is None else str(camera), "dynamic": known.dynamic}
        record["seconds_last_image_to_last_result"] = None if arrival.last_s is None else arrival.last_s - sent_s
        record["peak_mib"] = usage.peak_mib
        record["cpu_seconds"] = usage.cpu_s
        record["held"] = [row for state in states for row in held_by_the_gate(node.show(str(state["exam"])))]
        objects = orthanc.download(Path(scratch) / "objects")
        record["objects"] = _classes(objects)
        if keep is not None:
            shutil.copytree(Path(scratch) / "objects", keep / exam.name, dirs_exist_ok=True)
        if record["state"] == "DELIVERED":
            record |= measure(node, str(states[0]["exam"]), int(states[0]["version"]), known)
            record["lesions"]["dice_in_pacs"] = in_the_pacs(objects, known)
        return record


def held_by_the_gate(shown: dict[str, Any]) -> list[str]:
    """Kind and reason of each object that an exam, as ``ember show --json`` tells it, was not allowed to send."""
    return [f"{row['kind']}: {row['detail']}" for row in shown["deliveries"] if row["state"] == DeliveryState.HELD.value]


def camera_of(files: list[Path], fwhm_mm: float) -> Camera | None:
    """The camera as the headers of the PET name it; None where there is no PET."""
    tags = ["Modality", "Manufacturer", "ManufacturerModelName", "ReconstructionMethod", "ConvolutionKernel"]
    for file in files:
        header = pydicom.dcmread(file, specific_tags=tags, stop_before_pixels=True)
        if header.Modality == "PT":
            words = [str(header.get(tag) or "") for tag in tags[1:]]
            return Camera(words[0], words[1], " ".join(word for word in words[2:] if word), fwhm_mm)
    return None


def measure(node: RunningNode, exam: str, version: int, known: truth.Truth) -> dict[str, Any]:
    """What the node made of an exam beside the truth."""
    alignment = node.artefact(exam, "alignment", Alignment, version=version)
    segmentation = node.artefact(exam, "segmentation", Segmentation, version=version)
    result = node.artefact(exam, "result", Result, version=version)
    t1 = node.artefact(exam, "exam", Exam, version=version).t1.volume
    return {"t1_is": "3-D" if t1.spacing_mm.max() <= THREE_D_MM else "2-D", **comparison.compare(alignment, segmentation, result, known)}


def in_the_pacs(objects: list[Path], known: truth.Truth) -> float | None:
    """Dice of the lesion segmentation that reached the PACS, as dcmqi reads it, with the true lesions.

    None where no lesion segmentation is there, or dcmqi is not installed.
    """
    for file in objects if find("segimage2itkimage") else []:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        if header.SOPClassUID == SegmentationStorage and "lesion" in header.SeriesDescription.lower():
            series = {item.SeriesInstanceUID for item in header.ReferencedSeriesSequence}
            masks = segments_by_dcmqi(file, len(header.SegmentSequence))
            return lesion_truth.overlap(known, list(masks.values()), known.t1_from_flair if known.flair_series_uid in series else np.eye(4))
    return None


def _settled(node: RunningNode, timeout_s: float) -> list[dict[str, Any]]:
    """What `list` says when nothing more happens, or when the time is over."""
    try:
        return node.wait(timeout_s=timeout_s, every_s=5.0)
    except TimeoutError as error:
        none = {"exam": "", "version": 0, "state": "NONE", "reason": "the node knows of no exam"}
        return [{**state, "reason": f"{state['reason']} ({error})"} for state in node.exams()] or [none]


def _frame(exam: Path, states: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of an exam of which nothing was measured."""
    several = {"exams": len(states)} if len(states) > 1 else {}
    return {
        "exam": exam.name,
        "state": states[0]["state"] if len(states) == 1 else " + ".join(state["state"] for state in states),
        "reason": "; ".join(str(state["reason"]) for state in states),
        **several,
        "t1_is": None,
        "brain": {"parenchyma_inside_percent": None, "mask_on_other_tissue_percent": None},
        "pet_to_t1_mm": {"mean": None, "max": None},
        "frame_motion_mm": {"mean": None, "worst": None, "worst_of_all": None, "moved": None, "frames": 0},
        "reference": {"region": None, "suv_mean": None, "truth": None, "bias_percent": None},
        "regions": {name: dict(comparison.NO_REGION | {"suvr": None}) for name in truth.REGIONS if name != truth.REFERENCE},
        "dvr_regions": {},
        "kinetics": None,
        "dice": dict.fromkeys(truth.SHAPES),
        "lesions": dict(lesion_truth.NOTHING),
        "phenotypes": lesion_truth.summary({}, confident=None),
        "checks_failed": [],
    }


def _classes(files: list[Path]) -> dict[str, int]:
    found = (pydicom.filereader.read_file_meta_info(file).MediaStorageSOPClassUID for file in files)
    return dict(sorted(Counter(UID(uid).name for uid in found).items()))


def main() -> int:
    """Run the exams that the command line names."""
    parser = argparse.ArgumentParser(description="Whole exams through a running node, beside their truth.")
    parser.add_argument("exams", nargs="+", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("--keep", type=Path, help="folder for every object that reached the PACS")
    parser.add_argument("--json", action="store_true", help="one object an exam, one a line")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="seconds that an exam may take")
    parser.add_argument("--unknown-scanner", action="store_true", help="do not tell the node the camera's point spread")
    options = parser.parse_args()
    records = []
    for exam in options.exams:
        record = run(exam, options.keep, scanner=not options.unknown_scanner, timeout_s=options.timeout)
        records.append(record)
        print(json.dumps(record, ensure_ascii=False) if options.json else report.table(record), flush=True)
    if any(record["state"] != "DELIVERED" for record in records):
        return 1
    return 0 if all(report.holds(record) for record in records) else 2


if __name__ == "__main__":
    sys.exit(main())
