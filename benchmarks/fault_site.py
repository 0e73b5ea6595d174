"""A node whose processes are started one by one and hit by a fault, and a scanner that sends to it: the material of the fault matrix."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom.presentation import build_context

from benchmarks.injection import HIT, Fault, start
from benchmarks.peers import free_port
from benchmarks.running import SHIPPED
from node.dimse import Peer, associate
from node.errors import NodeError

ROOT_UID = "1.2.826.0.1.3680043.8.498.5"
SMALL, LARGE = 64, 2600
"""Pixels along a side: 8 KB, and 13.5 MB, which the journal does not hold itself."""


@dataclass
class Site:
    """A node in a folder of its own, whose processes are started one by one, and again when they end.

    Parameters
    ----------
    pacs : name → port of a PACS on this machine
    """

    folder: Path
    pacs: dict[str, int] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    restarts: int = 0
    _running: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        destinations = "".join(
            f'[[destination]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nae_title = "FAULTY"\ntimeout_s = 3\n'
            for name, port in self.pacs.items()
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "node.toml"
        self.config.write_text(
            f'[node]\nstorage = "storage"\n[receiver]\nhost = "127.0.0.1"\nport = {self.port}\nmin_free_gib = 0.1\n'
            f'[[peer]]\nname = "scanner"\nae_titles = ["SCANNER", "FAULTY"]\n{destinations}'
            f'[analysis]\nrules = "{SHIPPED}/rules.toml"\ntracers = "{SHIPPED}/tracers"\nscanners = "{SHIPPED}/scanners"\n'
        )

    @property
    def storage(self) -> Path:
        """The node's storage folder."""
        return self.folder / "storage"

    @property
    def hit(self) -> bool:
        """Whether the fault came about."""
        return (self.folder / HIT).exists()

    def run(self, *processes: str, fault: Fault | None = None, trace: Path | None = None) -> None:
        """Start these processes, the one that the fault names with it."""
        for name in processes:
            mine = fault if fault is not None and fault.process == name else None
            self._running[name] = start(name, self.config, mine, trace if mine else None)

    def look_after(self) -> None:
        """Start again, without fault, what has ended."""
        for name, process in list(self._running.items()):
            if not process.is_alive():
                process.join()
                self.restarts += 1
                self.run(name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Of the register; empty while it cannot be read."""
        with closing(sqlite3.connect(f"{(self.storage / 'node.db').as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(query).fetchall()

    def stop(self) -> None:
        """End all processes, the impolite way."""
        for process in self._running.values():
            process.kill()
            process.join()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def migrated(folder: Path) -> Path:
    """A storage folder with an empty register, to be copied."""
    from node import app, settings

    site = Site(folder)
    app.prepare_store(settings.load(site.config, {})).close()
    return site.storage


def image(number: int, size: int, *, sop_class: str = MRImageStorage) -> Dataset:
    """An image that is one of its own kind, Explicit VR Little Endian."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, f"{ROOT_UID}.1.1.{number + 1}"
    dataset.PatientID, dataset.PatientName, dataset.Modality = "PHANTOM", "Phantom", "MR"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{ROOT_UID}.1", f"{ROOT_UID}.1.1"
    dataset.InstanceNumber = number + 1
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = size
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.PixelData = random.Random(number).randbytes(2 * size * size)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


class Scanner:
    """Sends images and sends again what was not acknowledged, as a scanner does.

    Parameters
    ----------
    files : Part 10 files, as sent
    """

    def __init__(self, files: Sequence[Path], port: int) -> None:
        self._files = {str(dcmread(file, stop_before_pixels=True).SOPInstanceUID): file for file in files}
        self._peer = Peer("node", "127.0.0.1", port, "EMBER", "SCANNER", connect_timeout_s=3, answer_timeout_s=5)
        self.acknowledged: set[str] = set()

    @property
    def left(self) -> list[str]:
        """What was not acknowledged yet."""
        return [uid for uid in self._files if uid not in self.acknowledged]

    def send(self, uids: Sequence[str]) -> None:
        """One association for these; whatever goes wrong, what was acknowledged until then counts."""
        try:
            with associate(self._peer, [build_context(MRImageStorage, ExplicitVRLittleEndian)]) as association:
                for uid in uids:
                    answer = association.send_c_store(self._files[uid])
                    if answer.get("Status") == 0x0000:
                        self.acknowledged.add(uid)
        except (NodeError, RuntimeError, OSError):
            time.sleep(0.05)

    def missing(self, site: Site) -> list[str]:
        """One sentence for each acknowledged image that is not in the node, byte for byte."""
        rows = {uid: (path, digest) for uid, path, digest in site.rows("SELECT sop_instance_uid, path, digest FROM instances")}
        return [told for uid in sorted(self.acknowledged) if (told := self._fault_of(uid, rows.get(uid), site.storage))]

    def _fault_of(self, uid: str, row: tuple[str, str] | None, storage: Path) -> str:
        if row is None:
            return f"{uid} was acknowledged and has no row"
        file = storage / row[0]
        if not file.is_file():
            return f"{uid} was acknowledged and has no file"
        if hashlib.sha256(file.read_bytes()).hexdigest() != row[1]:
            return f"{uid}: its file is not what its row says"
        if _pixels(file) != _pixels(self._files[uid]):
            return f"{uid}: its pixels are not those that were sent"
        return ""


def _pixels(file: Path) -> bytes:
    return bytes(dcmread(file).PixelData)


def written(folder: Path) -> list[Path]:
    """The images that the scanner sends, the large one in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(10):
        files.append(folder / f"{number:02d}.dcm")
        image(number, LARGE if number == 5 else SMALL).save_as(files[-1], enforce_file_format=True)
    return files
