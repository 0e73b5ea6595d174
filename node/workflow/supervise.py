"""The supervisor: one `ember serve` keeps a receiver and a worker alive, so that receiving outlives computing.

Each is a process of its own, started again when it ends, after a pause that grows while it keeps ending. `<storage>/run` holds a lock
(one node a storage folder) and the process numbers. The processes end with the supervisor, even when it is killed.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.errors import TemporaryError

log = structlog.get_logger()

SHORTEST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that lived this long is taken to have been well: the next pause is the shortest again."""
GRACE_S = 10.0


@dataclass
class _Kept:
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause_s: float = SHORTEST_PAUSE_S
    again: float = 0.0


def supervise(commands: Mapping[str, Sequence[str]], run_folder: Path, stop: threading.Event) -> None:
    """Keep processes alive until `stop` is set, then end them.

    Parameters
    ----------
    commands : name → command line
    run_folder : where ``<name>.pid`` and the lock lie

    Raises
    ------
    TemporaryError : another supervisor holds the folder
    """
    run_folder.mkdir(parents=True, exist_ok=True)
    with (run_folder / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TemporaryError(f"another node is running on this storage folder ({run_folder.parent})") from None
        (run_folder / "serve.pid").write_text(str(os.getpid()))
        kept = {name: _Kept(command) for name, command in commands.items()}
        try:
            while not stop.wait(0.2):
                for name, item in kept.items():
                    _look_after(name, item, run_folder)
        finally:
            _end(kept, run_folder)


def _look_after(name: str, item: _Kept, run_folder: Path) -> None:
    now = time.monotonic()
    if item.process is not None:
        status = item.process.poll()
        if status is None:
            return
        item.pause_s = SHORTEST_PAUSE_S if now - item.started > STEADY_S else min(item.pause_s * 2, LONGEST_PAUSE_S)
        item.again = now + item.pause_s
        item.process = None
        log.error("a process of the node ended; it is started again", process=name, status=status, pause_s=item.pause_s)
    if now >= item.again:
        item.process = subprocess.Popen(item.command)
        item.started = now
        (run_folder / f"{name}.pid").write_text(str(item.process.pid))


def _end(kept: Mapping[str, _Kept], run_folder: Path) -> None:
    running = {name: item.process for name, item in kept.items() if item.process is not None}
    for process in running.values():
        process.terminate()
    deadline = time.monotonic() + GRACE_S
    for name, process in running.items():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("a process did not end in time and is killed", process=name)
            process.kill()
            process.wait()
        (run_folder / f"{name}.pid").unlink(missing_ok=True)
    (run_folder / "serve.pid").unlink(missing_ok=True)
