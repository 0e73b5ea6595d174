"""The supervisor starts again what ends, and ends with everything it started."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from node.errors import TemporaryError
from node.workflow.supervise import supervise


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_is_killed_is_started_again_and_all_end_with_the_supervisor(tmp_path: Path) -> None:
    stop = threading.Event()
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    thread = threading.Thread(target=supervise, args=({"worker": sleeper, "receiver": sleeper}, tmp_path / "run", stop))
    thread.start()
    worker, receiver = tmp_path / "run" / "worker.pid", tmp_path / "run" / "receiver.pid"
    until(lambda: worker.is_file() and receiver.is_file() and worker.read_text() != "")
    first, other = int(worker.read_text()), int(receiver.read_text())

    os.kill(first, signal.SIGKILL)
    until(lambda: worker.read_text() not in ("", str(first)))
    second = int(worker.read_text())
    assert alive(second)
    assert int(receiver.read_text()) == other

    with pytest.raises(TemporaryError, match="another node is running"):
        supervise({}, tmp_path / "run", threading.Event())

    stop.set()
    thread.join(20)
    assert not alive(second)
    assert not alive(other)
    assert not worker.exists()
