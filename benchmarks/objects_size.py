"""What the objects of an exam weigh, and what writing them costs: megabytes, seconds and memory by kind, of the default set and of all.

::

    python benchmarks/objects_size.py EXAM_FOLDER… [--keep FOLDER] [--json] [--compress]

An exam folder holds ``dicom/``. The verbs up to quantify are run first, or their artefacts taken from ``FOLDER/<exam>``. Then the default
set and everything are encoded, each in a process of its own, and the kinds one after the other in a third. Seconds count from the
artefacts in memory to the last object closed; memory is the highest above what the process held with the artefacts loaded. A kind is
charged with what it was the first to ask for, for instance the lesions on the reading grid. Wall time means something on a quiet machine
alone, so that CPU seconds stand beside it.

``--compress`` tells what lossless compression would leave, from every eighth image of a kind.

Ends with 1 where a limit of the issue is missed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydicom import dcmread
from pydicom.uid import JPEGLSLossless, RLELossless

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.in_process import Analysed, analyse
from node.encode import ABOUT_OBJECTS, OBJECTS, Encoded, EncodeOptions, encode
from node.encode.headers import Maker
from node.encode.material import gather
from node.encode.objects import DEFAULT_OBJECTS

MEGABYTE, MEBIBYTE = 1e6, 2.0**20
EVERYTHING = tuple(kind.value for kind, _ in (*OBJECTS, *ABOUT_OBJECTS))
MOST_MB = {"default": 80.0, "everything": 250.0}
MOST_S = {"default": 10.0, "everything": 25.0}
MOST_PEAK_MIB = 512.0
EVERY = 8
SYNTAXES = {"JPEG-LS": JPEGLSLossless, "RLE": RLELossless}
T = TypeVar("T")


@dataclass
class Cost:
    """What was written, and what it took."""

    name: str
    objects: int = 0
    megabytes: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mib: float = 0.0

    def misses(self) -> list[str]:
        """The limits that are missed, in words."""
        if self.name not in MOST_MB:
            return []
        limits = (
            ("MB", self.megabytes, MOST_MB[self.name]),
            ("s", self.wall_s, MOST_S[self.name]),
            ("MiB of memory", self.peak_mib, MOST_PEAK_MIB),
        )
        return [f"{self.name}: {value:.1f} {unit}, at most {most:g}" for unit, value, most in limits if value > most]


def main() -> int:
    """Measure exams."""
    parser = argparse.ArgumentParser(description="Size, time and memory of the objects of exams.")
    parser.add_argument("exams", nargs="+", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("--keep", type=Path, help="folder of the verbs' artefacts, kept from run to run")
    parser.add_argument("--json", action="store_true", help="one object an exam, one a line")
    parser.add_argument("--compress", action="store_true", help="what lossless compression would leave")
    options = parser.parse_args()
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ember-size-") as scratch:
        for exam in options.exams:
            record = measure(exam, (options.keep or Path(scratch)) / exam.name, compress=options.compress)
            missed += [f"{exam.name}: {words}" for cost in record["sets"] for words in Cost(**cost).misses()]
            print(json.dumps(record) if options.json else table(record), flush=True)
    if not options.json:
        print("\n".join(f"✗ {words}" for words in missed) or "every limit holds")
    return 1 if missed else 0


def measure(exam: Path, kept: Path, *, compress: bool) -> dict[str, Any]:
    """One exam's record."""
    analyse(exam / "dicom", kept, fwhm_mm=None)
    sets = [_apart(_whole_set, exam / "dicom", kept, name) for name in MOST_MB]
    kinds = _apart(_kind_by_kind, exam / "dicom", kept)
    record: dict[str, Any] = {"exam": exam.name, "sets": [asdict(cost) for cost in sets], "kinds": [asdict(cost) for cost in kinds]}
    if compress:
        record["compressed_mb"] = _apart(_compressed, exam / "dicom", kept)
    return record


def table(record: dict[str, Any]) -> str:
    """A record as text."""
    lines = [f"{record['exam']:<20} {'objects':>8} {'MB':>8} {'CPU s':>8} {'wall s':>8} {'peak MiB':>9}"]
    for cost in (*record["kinds"], *record["sets"]):
        numbers = f"{cost['megabytes']:8.1f} {cost['cpu_s']:8.2f} {cost['wall_s']:8.2f} {cost['peak_mib']:9.0f}"
        lines.append(f"  {cost['name']:<18} {cost['objects']:>8} {numbers}")
    for kind, sizes in record.get("compressed_mb", {}).items():
        lines.append(f"  {kind:<18} " + ", ".join(f"{name} {megabytes:.1f} MB" for name, megabytes in sizes.items()))
    return "\n".join(lines)


def _apart(work: Callable[..., T], *arguments: object) -> T:
    """Do something in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _whole_set(dicom: Path, kept: Path, name: str) -> Cost:
    loaded, cost = analyse(dicom, kept, fwhm_mm=None), Cost(name)
    with tempfile.TemporaryDirectory(prefix="ember-size-") as folder, _charged(cost):
        options = _options(DEFAULT_OBJECTS if name == "default" else EVERYTHING)
        written = encode(*_parts(loaded), storage=dicom, folder=Path(folder), options=options)
        _weigh(cost, written)
    return cost


def _kind_by_kind(dicom: Path, kept: Path) -> list[Cost]:
    loaded = analyse(dicom, kept, fwhm_mm=None)
    costs = [Cost("headers")]
    with tempfile.TemporaryDirectory(prefix="ember-size-") as folder:
        maker = Maker(loaded.result.provenance, _options(EVERYTHING), Path(folder))
        with _charged(costs[0]):
            material = gather(*_parts(loaded), storage=dicom, maker=maker)
        written: tuple[Encoded, ...] = ()
        for kind, make in OBJECTS:
            costs.append(Cost(kind.value))
            with _charged(costs[-1]):
                made = make(material)
            _weigh(costs[-1], made)
            written += made
        for kind, name in ABOUT_OBJECTS:
            costs.append(Cost(kind.value))
            with _charged(costs[-1]):
                made = name(material, written)
            _weigh(costs[-1], made)
    return costs


def _compressed(dicom: Path, kept: Path) -> dict[str, dict[str, float]]:
    """Kind → megabytes native and in each syntax, of the kinds that are images of classic objects."""
    loaded = analyse(dicom, kept, fwhm_mm=None)
    with tempfile.TemporaryDirectory(prefix="ember-size-") as folder:
        written = encode(*_parts(loaded), storage=dicom, folder=Path(folder), options=_options(EVERYTHING))
        by_kind: dict[str, list[Path]] = defaultdict(list)
        for item in written:
            by_kind[item.kind.value].append(item.path)
        return {kind: sizes for kind, paths in by_kind.items() if (sizes := _sizes(paths))}


def _sizes(paths: list[Path]) -> dict[str, float]:
    """Megabytes of all, from a sample."""
    sample = [dcmread(path) for path in paths[:: EVERY if len(paths) > EVERY else 1]]
    if "PixelData" not in sample[0] or "NumberOfFrames" in sample[0]:
        return {}
    scale = len(paths) / len(sample) / MEGABYTE
    sizes = {"native": sum(len(dataset.PixelData) for dataset in sample) * scale}
    for name, syntax in SYNTAXES.items():
        sizes[name] = sum(_length(dataset, syntax) for dataset in sample) * scale
    return sizes


def _length(dataset: Any, syntax: str) -> int:
    native, own = dataset.PixelData, dataset.file_meta.TransferSyntaxUID
    dataset.compress(syntax, generate_instance_uid=False)
    length = len(dataset.PixelData)
    dataset.PixelData, dataset.file_meta.TransferSyntaxUID = native, own
    dataset["PixelData"].is_undefined_length = False
    return length


def _parts(loaded: Analysed) -> tuple[Any, ...]:
    return loaded.exam, loaded.alignment, loaded.segmentation, loaded.result


def _options(objects: tuple[str, ...]) -> EncodeOptions:
    return EncodeOptions(objects=objects, physicist_page="always")


def _weigh(cost: Cost, written: Iterable[Encoded]) -> None:
    kinds = Counter(item.kind for item in written)
    cost.objects = sum(kinds.values())
    cost.megabytes = sum(item.path.stat().st_size for item in written) / MEGABYTE


@contextmanager
def _charged(cost: Cost) -> Iterator[None]:
    """Charge a cost with what is done inside."""
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the kernel's high-water mark begins anew
    cpu, wall = _cpu_s(), time.perf_counter()
    yield
    cost.cpu_s, cost.wall_s = _cpu_s() - cpu, time.perf_counter() - wall
    cost.peak_mib = max(_resident("VmHWM") - before, 0.0) / MEBIBYTE


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident(name: str) -> float:
    """Bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024.0 * int(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:")))


if __name__ == "__main__":
    sys.exit(main())
