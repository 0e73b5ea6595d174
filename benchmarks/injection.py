"""Faults put into one of the node's processes from outside: kill -9, a full disk, or a clock that jumps, at the n-th call that matters.

A *call that matters* leaves something on disk or says something to a peer: writing, synchronising, naming, a commit, an answer. The node's
code is as it is; the process is forked from a server that has loaded it, and the calls are wrapped before the node's own function runs.
"""

from __future__ import annotations

import builtins
import errno
import io
import multiprocessing
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

DISK = ("pwrite", "pwritev", "write", "writev", "fsync", "fdatasync", "rename", "replace", "link", "unlink", "ftruncate", "posix_fallocate")
"""Functions of `os` that matter; what opens a file to write to it does too, and each write to it."""

HIT = "hit"
"""What tells, beside a node's settings, that its fault came about."""

FULL_FOR_S = 1.0
"""How long a disk stays full that became so."""

JUMP = timedelta(days=2)


class Act(Enum):
    """What happens at the call."""

    COUNT = "count"  #: nothing: a run without fault, to know how many calls there are
    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"
    FULL = "disk full from"
    FORWARD = "clock forward at"
    BACK = "clock back at"


@dataclass(frozen=True)
class Fault:
    """What happens in which process at which call, counted from 1."""

    process: str
    act: Act
    number: int = 0

    def __str__(self) -> str:
        return f"{self.process} {self.act.value} call {self.number}"


class Injector:
    """Counts the calls of one process, and does what the fault says when its call has come.

    Parameters
    ----------
    hit : file that is made when the call has come
    trace : file to which the name of each call is added, where given
    """

    def __init__(self, fault: Fault, hit: Path, trace: Path | None) -> None:
        self._fault = fault
        self._hit = hit
        self._trace = None if trace is None else os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._count = 0
        self._lock = threading.Lock()
        self._full_until = 0.0
        self._write = os.write
        self._jumped = timedelta(0)

    def install(self) -> None:
        """Wrap the calls, and the node's clock."""
        for name in DISK:
            setattr(os, name, self._wrapped(name, getattr(os, name), can_be_full=name not in ("rename", "replace", "unlink")))
        for name in ("sendall", "send", "sendmsg"):
            setattr(socket.socket, name, self._wrapped(name, getattr(socket.socket, name), can_be_full=False))
        opened = io.open
        io.open = builtins.open = lambda file, mode="r", *rest, **more: self._opened(opened, file, mode, *rest, **more)  # type: ignore[assignment]
        connect, injector = sqlite3.connect, self

        class Watched(sqlite3.Connection):
            def commit(self) -> None:
                if self.in_transaction:
                    injector.around("commit", super().commit, (), {}, full=sqlite3.OperationalError("database or disk is full"))

        sqlite3.connect = sqlite3.dbapi2.connect = lambda *a, **k: connect(*a, **{"factory": Watched, **k})  # type: ignore[assignment,attr-defined]
        import node.app

        node.app.SystemClock.now = lambda _clock: datetime.now(UTC) + self._jumped  # type: ignore[method-assign]

    def around(self, name: str, call: Callable[..., Any], args: Any, more: Any, *, full: Exception | None) -> Any:
        """One call that matters; `full` is what it raises on a full disk, None where it cannot meet one."""
        mine = self._counted(name)
        act = self._fault.act
        if mine:
            os.mkdir(self._hit)  # noqa: PTH102 - pathlib would open a file, which is one of the calls
        if mine and act is Act.KILL_BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        if mine and act is Act.FULL:
            self._full_until = time.monotonic() + FULL_FOR_S
        if mine and act in (Act.FORWARD, Act.BACK):
            self._jumped = JUMP if act is Act.FORWARD else -JUMP
        if full is not None and time.monotonic() < self._full_until:
            raise full
        result = call(*args, **more)
        if mine and act is Act.KILL_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def _counted(self, name: str) -> bool:
        with self._lock:
            self._count += 1
            if self._trace is not None:
                self._write(self._trace, f"{name}\n".encode())
            return self._count == self._fault.number

    def _wrapped(self, name: str, call: Callable[..., Any], *, can_be_full: bool) -> Callable[..., Any]:
        def wrapper(*args: Any, **more: Any) -> Any:
            if name == "write" and args[0] in (1, 2):
                return call(*args, **more)
            return self.around(name, call, args, more, full=_full() if can_be_full else None)

        return wrapper

    def _opened(self, call: Callable[..., Any], file: Any, mode: str, *rest: Any, **more: Any) -> Any:
        if not set(mode) & set("wax+") or "b" not in mode:
            return call(file, mode, *rest, **more)
        return _Watched(self.around("open", call, (file, mode, *rest), more, full=_full()), self)


class _Watched:
    """A binary file whose writes count."""

    def __init__(self, file: Any, injector: Injector) -> None:
        self._file = file
        self._injector = injector

    def write(self, data: Any) -> Any:
        return self._injector.around("file write", self._file.write, (data,), {}, full=_full())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Watched:
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._file.__exit__(*error)

    def __iter__(self) -> Any:
        return iter(self._file)


def _full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def start(process: str, config: Path, fault: Fault | None, trace: Path | None = None) -> Any:
    """One process of the node, forked from a server that has its code loaded; a `multiprocessing.Process`.

    Parameters
    ----------
    process : "receiver", "filer" or "worker"
    fault : none for a process that is left alone
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.injection_preload"])
    running = context.Process(target=_run, args=(process, config, fault, trace))
    running.start()
    return running


def _run(process: str, config: Path, fault: Fault | None, trace: Path | None) -> None:
    log = os.open(config.parent / f"{process}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if fault is not None:
        Injector(fault, config.parent / HIT, trace).install()
    from node import app, settings

    loaded = settings.load(config, {})
    app.start_logging(loaded)
    {"receiver": lambda: app.receive(loaded), "filer": lambda: app.file(loaded), "worker": lambda: app.work(config, loaded)}[process]()
