"""A node of our own: settings in a folder, started as a site starts it, watched from outside, killed at will."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil

from benchmarks.peers import free_port
from node.workflow import artefacts

T = TypeVar("T")

END_STATES = ("DELIVERED", "IGNORED", "HELD", "REJECTED", "WITHDRAWN", "FAILED")
"""States in which nothing more happens by itself."""

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "config"
SAMPLE_S = 0.2

SOONER = {"uncounted_quiet_s = 30": "uncounted_quiet_s = 5"}
"""Exams that nobody counts need not be waited for so long here: no scanner is between two series."""

CALLERS = ("SCANNER", "PET1", "MR1", "WORKSTATION", "PACS", "TESTPACS", "COUNTPACS")
"""The AE titles under which the benchmarks and tests send, and Orthanc calls: all of this machine."""


def ended(exam: dict[str, Any]) -> bool:
    """Whether nothing more happens to an exam of ``list --json`` by itself; one may still owe its page or its rejection note."""
    return exam["state"] in END_STATES and not (exam["state"] in ("REJECTED", "WITHDRAWN") and exam["progress"])


@dataclass(frozen=True)
class Camera:
    """A PET camera and reconstruction as its headers name it, and its point spread: an entry of a site's scanners folder."""

    manufacturer: str
    model: str
    reconstruction: str
    fwhm_mm: float

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.model}, {self.reconstruction}: {self.fwhm_mm:g} mm"

    def entry(self) -> str:
        """As TOML."""
        patterns = zip(("manufacturer", "model", "reconstruction"), (self.manufacturer, self.model, self.reconstruction), strict=True)
        lines = [f"{key} = '^{re.escape(text)}$'" for key, text in patterns]
        return "\n".join(["[[scanner]]", *lines, f"fwhm_mm = {self.fwhm_mm}", 'source = "the truth of the simulated exam"', ""])


class RunningNode:
    """A node with storage and settings of its own, as a context manager: started on entering, ended on leaving.

    Parameters
    ----------
    folder : for settings, storage and log; a second node in the same folder goes on where the first one ended
    destination : port and AE title of the PACS on this machine; None for a node without one
    changes : lines of ``rules.toml`` to replace, old text → new text, besides `SOONER`; each must be there
    environment : variables on top of ours
    camera : of which the node is told the point spread
    more : further sections of ``node.toml``
    """

    ae_title = "EMBER"

    def __init__(
        self,
        folder: Path,
        *,
        destination: tuple[int, str] | None = None,
        changes: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        camera: Camera | None = None,
        more: str = "",
    ) -> None:
        self.folder = folder
        self.storage = folder / "storage"
        self.port = free_port()
        self._destination = destination
        self._changes = {**SOONER, **(changes or {})}
        self._camera = camera
        self._more = more
        self._environment = {**os.environ, "TCP_NODELAY": "1", "PYTHONPATH": str(ROOT), **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RunningNode:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """What it has written to its standard error."""
        return (self.folder / "node.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        """The process of ``ember serve``."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, timeout_s: float = 90.0) -> None:
        """Start ``ember serve`` and wait until it accepts connections."""
        self._write_settings()
        with (self.folder / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._words("serve"), stdout=log, stderr=log, env=self._environment, cwd=self.folder, start_new_session=True
            )
        deadline = time.monotonic() + timeout_s
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the node did not start: {self.log[-3000:]}")
            time.sleep(0.1)

    def stop(self, *, timeout_s: float = 30.0) -> None:
        """End it politely; what does not end is killed."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """kill -9 of the whole node."""
        if self._process is not None:
            for process in self.processes():
                _kill(process.pid)
            self._process.wait(30)
            self._process = None

    def kill_process(self, name: str) -> bool:
        """kill -9 of one process by its pid file in ``run/``: "worker", "receiver". False where there is none."""
        try:
            pid = int((self.storage / "run" / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return False
        return pid in {process.pid for process in self.processes()} and _kill(pid)

    def processes(self) -> list[psutil.Process]:
        """Every process of the node: those under it, and those of its session whose parent has died."""
        if self._process is None:
            return []
        try:
            found = set(psutil.Process(self.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            found = set()
        return [process for process in psutil.process_iter() if process in found or _session(process.pid) == self.pid]

    def exams(self) -> list[dict[str, Any]]:
        """What ``ember list --json`` says."""
        found = self.command("list", "--json")
        assert isinstance(found, list)
        return found

    def show(self, exam: str) -> dict[str, Any]:
        """What ``ember show EXAM --json`` says."""
        found = self.command("show", exam, "--json")
        assert isinstance(found, dict)
        return found

    def command(self, *words: str) -> Any:
        """One command with ``--json``, as read; RuntimeError as `told`."""
        return json.loads(self.told(*words))

    def told(self, *words: str) -> str:
        """What one command prints.

        Raises
        ------
        RuntimeError : it failed; says what it printed
        """
        done = subprocess.run(self._words(*words), text=True, capture_output=True, env=self._environment, cwd=self.folder, timeout=120)
        if done.returncode:
            raise RuntimeError(f"ember {' '.join(words)} ended with {done.returncode}: {done.stdout[-800:]}{done.stderr[-2000:]}")
        return done.stdout

    def wait(self, *, timeout_s: float, every_s: float = 2.0) -> list[dict[str, Any]]:
        """Wait until there is an exam and every exam has `ended`; what `exams` says then.

        Raises
        ------
        TimeoutError : says what the exams are in instead
        """
        deadline = time.monotonic() + timeout_s
        while True:
            exams = self.exams()
            if exams and all(map(ended, exams)):
                return exams
            if time.monotonic() > deadline:
                story = [(exam["exam"], exam["state"], exam["reason"]) for exam in exams]
                raise TimeoutError(f"after {timeout_s:.0f} s: {story}; log: {self.log[-2000:]}")
            time.sleep(every_s)

    def artefact(self, exam: str, name: str, kind: type[T], *, version: int = 1) -> T:
        """What a step of an exam made."""
        return artefacts.load(self.storage / "exams" / exam / f"v{version}", name, kind)

    def _words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "node.cli", "--config", str(self.folder / "config" / "node.toml"), *words]

    def _write_settings(self) -> None:
        config = self.folder / "config"
        shutil.copytree(SHIPPED, config, dirs_exist_ok=True)
        if self._camera is not None:
            (config / "scanners" / "simulated.toml").write_text(self._camera.entry())
        rules = config / "rules.toml"
        for old, new in self._changes.items():
            text = rules.read_text()
            assert old in text, f"rules.toml has no {old!r}"
            rules.write_text(text.replace(old, new))
        lines = ["[node]", f'ae_title = "{self.ae_title}"', f'storage = "{self.storage}"']
        lines += ["[receiver]", 'host = "127.0.0.1"', f"port = {self.port}", "min_free_gib = 0.5"]
        lines += ["[[peer]]", 'name = "here"', f"ae_titles = {json.dumps(CALLERS)}", 'addresses = ["127.0.0.1"]', "max_associations = 64"]
        if self._destination:
            port, ae_title = self._destination
            lines += ["[[destination]]", 'name = "pacs"', 'host = "127.0.0.1"', f"port = {port}", f'ae_title = "{ae_title}"']
        (config / "node.toml").write_text("\n".join([*lines, self._more]) + "\n")


class Usage:
    """Peak memory and processor time of all processes of a node together, as a context manager that samples in a thread.

    The kernel's proportional set size is summed, so that pages which several processes share are counted once. Processor time tells what
    the clock cannot on a machine that does other things too.
    """

    def __init__(self, node: RunningNode) -> None:
        self.peak_mib = 0.0
        self._cpu_s: dict[int, float] = {}
        self._node = node
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Usage:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    @property
    def cpu_s(self) -> float:
        """Processor seconds so far, user and system."""
        return sum(self._cpu_s.values())

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            processes = self._node.processes()
            self.peak_mib = max(self.peak_mib, sum(_pss_kib(process.pid) for process in processes) / 1024)
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    self._cpu_s[process.pid] = times.user + times.system


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:  # it has ended
        return 0


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _listens(port: int) -> bool:
    return any(connection.laddr.port == port and connection.status == psutil.CONN_LISTEN for connection in psutil.net_connections("tcp"))


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
