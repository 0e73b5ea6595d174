"""The receivers that `ingest` compares, each started fresh in a folder of its own, as context managers with a port and an AE title."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import psutil

from benchmarks.peers import Orthanc, command, free_port
from benchmarks.running import ROOT, SHIPPED

CALLER = "SCANNER"

_STOCK = """
import sys, uuid
from pathlib import Path
from pynetdicom import AE, AllStoragePresentationContexts, evt
folder = Path(sys.argv[2])
def store(event):
    (folder / uuid.uuid4().hex).write_bytes(event.encoded_dataset())
    return 0x0000
entity = AE(ae_title="STOCK")
entity.supported_contexts = AllStoragePresentationContexts
entity.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=[(evt.EVT_C_STORE, store)])
"""
"""As pynetdicom's documentation has it: the encoded data set written in the handler, not synchronised."""


class Receiver(Protocol):
    """A running receiver of C-STORE."""

    ae_title: str
    port: int

    def __enter__(self) -> Receiver: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def count(self) -> int:
        """How many images it holds."""
        ...


class _Program:
    """A receiver that is one or more programs, ended by SIGTERM."""

    ae_title = "STOCK"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(30)

    def count(self) -> int:
        """Files that it has written."""
        return sum(len(files) for _, _, files in os.walk(self.folder / "received"))

    def _start(self, name: str, words: list[str]) -> None:
        (self.folder / "received").mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "TCP_NODELAY": "1", "PYTHONPATH": str(ROOT)}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(words, stdout=log, stderr=log, env=environment)

    def _listening(self) -> None:
        process = next(iter(self.processes.values()))
        for _ in range(600):
            if process.poll() is not None:
                break
            if any(one.laddr.port == self.port for one in psutil.Process(process.pid).net_connections("tcp")):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.folder.name} does not listen")


class Stock(_Program):
    """pynetdicom as it comes, without fsync."""

    def __enter__(self) -> Stock:
        self._start("stock", [sys.executable, "-c", _STOCK, str(self.port), str(self.folder / "received")])
        self._listening()
        return self


class Storescp(_Program):
    """DCMTK's storescp, without fsync; a process for each association."""

    ae_title = "STORESCP"

    def __enter__(self) -> Storescp:
        words = [command("storescp"), "--fork", "-aet", self.ae_title, "-od", str(self.folder / "received"), str(self.port)]
        self._start("storescp", words)
        self._listening()
        return self


class PlainOrthanc(Orthanc):
    """Orthanc with its defaults: none of the settings that the acceptance tests need."""

    @property
    def port(self) -> int:
        """Its DICOM port."""
        return self.dicom_port

    def __enter__(self) -> PlainOrthanc:
        for _ in range(5):
            try:
                super().__enter__()
            except RuntimeError:  # somebody took a port meanwhile
                self.stop()
                self.dicom_port, self.http_port = free_port(), free_port()
            else:
                return self
        raise RuntimeError("Orthanc did not start")

    def _settings(self) -> dict[str, Any]:
        kept = ("StorageDirectory", "IndexDirectory", "HttpPort", "DicomPort", "DicomAet")
        return {name: value for name, value in super()._settings().items() if name in kept}


class Ours(_Program):
    """Ember's receiver and filer, as `ember serve` starts them.

    Parameters
    ----------
    instances : rows that the register holds beforehand
    """

    ae_title = "EMBER"

    def __init__(self, folder: Path, *, instances: int = 0) -> None:
        super().__init__(folder)
        self.storage = folder / "storage"
        self._instances = instances
        self._began: dict[str, float] = {}

    def __enter__(self) -> Ours:
        self.storage.mkdir(parents=True)
        lines = ["[node]", f'ae_title = "{self.ae_title}"', f'storage = "{self.storage}"', "[receiver]", 'host = "127.0.0.1"']
        lines += [f"port = {self.port}", "min_free_gib = 0.5", "[[peer]]", 'name = "here"', f'ae_titles = ["{CALLER}"]']
        lines += ["[analysis]", f'rules = "{SHIPPED / "rules.toml"}"', f'tracers = "{SHIPPED / "tracers"}"']
        lines += [f'scanners = "{SHIPPED / "scanners"}"', "[log]", 'level = "warning"']
        config = self.folder / "node.toml"
        config.write_text("\n".join(lines) + "\n")
        _make_register(self.storage, self._instances)
        for name in ("receiver", "filer"):
            self._start(name, [sys.executable, "-m", "node.cli", "--config", str(config), name])
        self._listening()
        while not (self.storage / "inbox" / ".filing").exists():  # made when the filer is ready
            time.sleep(0.05)
        self._began = {name: self._processor_s(name) for name in self.processes}
        return self

    def count(self) -> int:
        """Rows that came over the network."""
        import sqlite3

        with sqlite3.connect(f"{(self.storage / 'node.db').as_uri()}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM instances WHERE association != 'before'").fetchone()[0])

    def peak_mib(self, name: str) -> float:
        """Most memory that a process has held so far (resident)."""
        lines = Path(f"/proc/{self.processes[name].pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))

    def cpu_s(self, name: str) -> float:
        """Processor seconds of a process since it was ready."""
        return self._processor_s(name) - self._began[name]

    def _processor_s(self, name: str) -> float:
        times = psutil.Process(self.processes[name].pid).cpu_times()
        return float(times.user + times.system)


def _make_register(storage: Path, instances: int) -> None:
    """A migrated register with so many rows of images that came before."""
    import sqlite3

    from node.app import SystemClock
    from node.workflow.store.database import Store

    store = Store(storage, SystemClock())
    store.migrate()
    store.close()
    header = json.dumps({"series_description": "filler", "padding": "x" * 1200})
    with sqlite3.connect(storage / "node.db") as connection:
        connection.executemany(
            "INSERT INTO instances (sop_instance_uid, sop_class_uid, transfer_syntax_uid, digest, size, path, association, calling_ae, "
            "called_ae, address, received_at, patient_key, study_uid, series_uid, header) VALUES "
            "(?, '1.2.840.10008.5.1.4.1.1.128', '1.2.840.10008.1.2.1', ?, 131804, ?, 'before', 'PET', 'EMBER', '10.1.2.3:104', "
            "'2026-01-01T00:00:00+00:00', ?, ?, ?, ?)",
            (
                (
                    f"2.25.{n * 7919 % 10**9}.{n}",
                    f"{n:064x}",
                    f"inbox/00/2.25.{n}.dcm",
                    f"P{n // 4000}",
                    f"1.2.{n // 4000}",
                    f"1.3.{n // 200}",
                    header,
                )
                for n in range(instances)
            ),
        )
