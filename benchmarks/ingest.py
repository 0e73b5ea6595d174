"""How fast images are taken, beside pynetdicom, Orthanc and DCMTK, on the same machine and in the same run.

    python -m benchmarks.ingest [--json] [--rounds 5] [--images 300]
    python -m benchmarks.ingest --instances 1000000     the same with so many images in the register already
    python -m benchmarks.ingest --large 500             one enhanced object of so many MB: memory

131 kB PET slices are sent by DCMTK's storescu with TCP_NODELAY=1, over one association and over four. Each receiver is started fresh for
each round, rounds alternate between receivers, and the median counts. Ours is the receiver and the filer of `ember serve`: each image is
durable before its Success; the other three do not wait for the disk, Orthanc keeps an index besides. "DCMTK, durable" is storescp with the
measured cost of one fdatasync of such an image to a file that was written before, which is the least that durability can cost.

What is timed is storescu from its start to its end. "Filed" is the time until every image is a file of the inbox and a row as well.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage, generate_uid

from benchmarks.ingest_receivers import CALLER, Ours, PlainOrthanc, Receiver, Stock, Storescp
from benchmarks.peers import command

TARGETS = {"ratio_pynetdicom_1": 2.0, "ratio_orthanc_1": 2.0, "ratio_orthanc_4": 3.0, "ratio_dcmtk_1": 0.6}
WHO: dict[str, Callable[[Path], Receiver]] = {"ours": Ours, "pynetdicom": Stock, "orthanc": PlainOrthanc, "storescp": Storescp}


@dataclass
class Taken:
    """What was measured of one receiver with so many associations; rates in images a second."""

    rates: list[float] = field(default_factory=list)
    filed: list[float] = field(default_factory=list)
    peaks_mib: dict[str, float] = field(default_factory=dict)
    cpu_ms: dict[str, list[float]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """The median."""
        return statistics.median(self.rates)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=300, help="in a round, for each association")
    parser.add_argument("--instances", type=int, default=0, help="in the register beforehand, beside an empty one")
    parser.add_argument("--large", type=int, default=0, metavar="MB", help="send one object of this size instead")
    options = parser.parse_args()
    say = (lambda *_: None) if options.json else print
    with tempfile.TemporaryDirectory(prefix="ember-ingest-") as folder:
        home = Path(folder)
        if options.large:
            found = large(home, options.large, say)
        elif options.instances:
            found = filled(home, options.instances, options.images, options.rounds, say)
        else:
            found = compare(home, options.images, options.rounds, say)
    print(json.dumps(found))
    missed = [name for name, target in TARGETS.items() if found.get(name, target) < target]
    return 1 if missed or not found.get("holds", True) else 0


def compare(home: Path, images: int, rounds: int, say: Callable[..., None]) -> dict[str, float]:
    """All receivers, one association and four."""
    shares = [slices(home / f"share-{number}", images) for number in range(4)]
    taken = {(who, n): Taken() for who in WHO for n in (1, 4)}
    costs = []
    for turn in range(rounds):
        costs.append(durable_s(home / "durable", shares[0]))
        for n in (1, 4):
            for who, start in WHO.items():
                measure(start(home / f"{who}-{n}-{turn}"), shares[:n], images * n, taken[who, n])
    found = _figures(taken, statistics.median(costs))
    for line in _table(taken, found, images, rounds):
        say(line)
    return found


def filled(home: Path, instances: int, images: int, rounds: int, say: Callable[..., None]) -> dict[str, float]:
    """Ours with an empty register and with a full one."""
    shares = [slices(home / "share", images)]
    empty, full = Taken(), Taken()
    for turn in range(rounds):
        measure(Ours(home / f"empty-{turn}"), shares, images, empty)
        measure(Ours(home / f"full-{turn}", instances=instances), shares, images, full)
    ratio = full.rate / empty.rate
    say(f"{instances} images in the register: {full.rate:.0f} images/s taken, {statistics.median(full.filed):.0f} filed;")
    say(f"none: {empty.rate:.0f} taken, {statistics.median(empty.filed):.0f} filed; {100 * ratio:.0f} %")
    filed = statistics.median(full.filed) / statistics.median(empty.filed)
    return {
        "images_per_s_full": full.rate,
        "images_per_s_empty": empty.rate,
        "ratio_full": ratio,
        "ratio_full_filed": filed,
        "holds": ratio > 0.8,
    }


def large(home: Path, megabytes: int, say: Callable[..., None]) -> dict[str, float]:
    """Memory for one object, beside that for small ones."""
    small, big = slices(home / "small", 50), [enhanced(home / "big", megabytes)]
    peaks = {}
    for name, files in (("small", small), ("large", big)):
        taken = Taken()
        measure(Ours(home / f"ours-{name}"), [files], len(files), taken)
        peaks[name] = taken.peaks_mib
        receiver, filer = (taken.peaks_mib[process] for process in ("receiver", "filer"))
        say(f"{name}: receiver {receiver:.0f} MiB, filer {filer:.0f} MiB, {1 / taken.rate:.3f} s an object")
    more = {name: peaks["large"][name] - peaks["small"][name] for name in peaks["small"]}
    return {f"peak_mib_{name}": value for name, value in peaks["large"].items()} | {"holds": max(more.values()) < 64}


def measure(receiver: Receiver, shares: list[list[Path]], expected: int, taken: Taken) -> None:
    """Send each share over an association of its own, all at the same time."""
    with receiver:
        began = time.monotonic()
        senders = [_storescu(share, receiver) for share in shares]
        outputs = [sender.communicate()[0] for sender in senders]
        taken.rates.append(expected / (time.monotonic() - began))
        if any(sender.returncode for sender in senders):
            raise RuntimeError(f"storescu failed: {outputs[0][-500:]}")
        while receiver.count() < expected:
            if time.monotonic() - began > 300:
                raise RuntimeError(f"{receiver.count()} of {expected} images arrived")
            time.sleep(0.02)
        taken.filed.append(expected / (time.monotonic() - began))
        if isinstance(receiver, Ours):
            for name in receiver.processes:
                taken.peaks_mib[name] = max(taken.peaks_mib.get(name, 0.0), receiver.peak_mib(name))
                taken.cpu_ms.setdefault(name, []).append(1000 * receiver.cpu_s(name) / expected)


def _storescu(files: list[Path], receiver: Receiver) -> subprocess.Popen[str]:
    words = [command("storescu"), "-aet", CALLER, "-aec", receiver.ae_title, "127.0.0.1", str(receiver.port), "+sd", str(files[0].parent)]
    environment = {**os.environ, "TCP_NODELAY": "1"}
    return subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)


def slices(folder: Path, count: int) -> list[Path]:
    """PET slices of 256 × 256 × 16 bit, each with a UID of its own."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(count)
    series, study = generate_uid(), generate_uid()
    files = []
    for number in range(count):
        dataset = _image(PositronEmissionTomographyImageStorage, study, series, 256)
        dataset.PixelData = chance.integers(0, 30000, 256 * 256, dtype=np.uint16).tobytes()
        dataset.InstanceNumber = number + 1
        files.append(_written(dataset, folder / f"{number:05d}.dcm"))
    return files


def enhanced(folder: Path, megabytes: int) -> Path:
    """One multi-frame object of so many MB."""
    folder.mkdir(parents=True)
    dataset = _image(EnhancedMRImageStorage, generate_uid(), generate_uid(), 512)
    frames = megabytes * 10**6 // (512 * 512 * 2)
    dataset.NumberOfFrames = frames
    dataset.PixelData = np.zeros(frames * 512 * 512, dtype=np.uint16).tobytes()
    return _written(dataset, folder / "large.dcm")


def durable_s(path: Path, files: list[Path]) -> float:
    """What one fdatasync of such an image costs, appended to a file that was written before: seconds an image."""
    data = [file.read_bytes() for file in files]
    size = sum(map(len, data))
    with path.open("wb", buffering=0) as file:
        file.write(bytes(size))
        os.fsync(file.fileno())
        began, at = time.monotonic(), 0
        for one in data:
            os.pwrite(file.fileno(), one, at)
            os.fdatasync(file.fileno())
            at += len(one)
        return (time.monotonic() - began) / len(data)


def _image(sop_class: str, study: str, series: str, side: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Ingest^Phantom", "INGEST", "PT"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.Rows = dataset.Columns = side
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _written(dataset: Dataset, path: Path) -> Path:
    dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)
    return path


def _figures(taken: dict[tuple[str, int], Taken], cost_s: float) -> dict[str, float]:
    durable = {n: 1 / (1 / taken["storescp", n].rate + cost_s) for n in (1, 4)}
    found: dict[str, float] = {}
    for n in (1, 4):
        ours = taken["ours", n].rate
        found[f"images_per_s_{n}"] = ours
        found[f"filed_per_s_{n}"] = statistics.median(taken["ours", n].filed)
        found[f"ratio_orthanc_{n}"] = ours / taken["orthanc", n].rate
        found[f"ratio_pynetdicom_{n}"] = ours / taken["pynetdicom", n].rate
        found[f"ratio_dcmtk_{n}"] = ours / durable[n]
    found["durable_ms"] = 1000 * cost_s
    found |= {f"peak_mib_{name}": value for name, value in taken["ours", 4].peaks_mib.items()}
    return {name: round(value, 3) for name, value in found.items()}


def _table(taken: dict[tuple[str, int], Taken], found: dict[str, float], images: int, rounds: int) -> list[str]:
    lines = [f"{images} PET slices of 131 kB an association, median of {rounds} rounds, images a second", ""]
    lines.append(f"{'':34}{'1 association':>14}{'4 associations':>16}")
    names = {"ours": "Ember, durable before Success", "pynetdicom": "pynetdicom, no fsync", "orthanc": "Orthanc, its defaults"}
    for who, name in (names | {"storescp": "DCMTK storescp, no fsync"}).items():
        lines.append(f"{name:34}{taken[who, 1].rate:>14.0f}{taken[who, 4].rate:>16.0f}")
    durable = [found[f"images_per_s_{n}"] / found[f"ratio_dcmtk_{n}"] for n in (1, 4)]
    with_disk = f"DCMTK with {found['durable_ms']:.2f} ms for the disk"
    lines.append(f"{with_disk:34}{durable[0]:>14.0f}{durable[1]:>16.0f}")
    lines.append(f"{'Ember, until all is filed':34}{found['filed_per_s_1']:>14.0f}{found['filed_per_s_4']:>16.0f}")
    lines.append("")
    for name, target in TARGETS.items():
        lines.append(f"{name:34}{found[name]:>14.2f}   at least {target}")
    for name, each in taken["ours", 1].cpu_ms.items():
        lines.append(f"{name}: {statistics.median(each):.2f} ms of processor an image; peak {found[f'peak_mib_{name}']:.0f} MiB")
    return lines


if __name__ == "__main__":
    sys.exit(main())
