"""kill -9 of the process that receives, at every step of keeping an image: nothing that was answered is lost, nothing is there twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journals import arriving, bring, dataset_of, file_all, journal_in, register_in, rows

from node.receive.part10 import head


def receive(storage: Path, step: str, call: int, size: int, answered: int) -> None:
    """In a process of its own: take 24 images, and be killed when a step is come to for the n-th time."""
    calls = 0

    def die(here: str) -> None:
        nonlocal calls
        calls += here == step
        if here == step and calls == call:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any) -> Any:
            die(f"before {name}")
            if step == f"within {name}" and calls == call - 1:
                data = b"".join(arguments[1])
                os.pwrite(arguments[0], data[: len(data) // 2], arguments[2])
            die(f"within {name}")
            done = real(*arguments)
            die(f"after {name}")
            return done

        return instead

    journal = journal_in(storage, waiting_bytes=2**20)
    for name in ("pwritev", "fdatasync", "fsync"):
        setattr(os, name, watched(name, getattr(os, name)))
    Path.rename = watched("rename", Path.rename)  # type: ignore[method-assign]
    for number in range(1, 25):
        bring(journal, f"1.2.{number}", dataset_of(f"1.2.{number}", size))
        os.write(answered, f"1.2.{number} ".encode())


def killed(storage: Path, step: str, call: int, size: int) -> list[str]:
    """What a receiver had answered that was killed there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            receive(storage, step, call, size, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answered = pipe.read().split()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return answered


SMALL = [(step, 12, 3000) for step in ("before pwritev", "within pwritev", "before fdatasync", "after fdatasync")]
LARGE = [("within pwritev", 400, 40_000)]
LARGE += [(step, 24, 40_000) for step in ("before fsync", "before rename", "after rename", "before fdatasync", "after fdatasync")]


@pytest.mark.parametrize(("step", "call", "size"), SMALL + LARGE)
def test_what_a_killed_receiver_had_answered_is_filed(tmp_path: Path, step: str, call: int, size: int) -> None:
    answered = killed(tmp_path, step, call, size)
    store = register_in(tmp_path)
    file_all(tmp_path, store)
    left = {str(row["sop_instance_uid"]) for row in rows(store, "instances")}
    journal = journal_in(tmp_path, waiting_bytes=2**20)
    for number in range(1, 25):  # the sender tries again
        bring(journal, f"1.2.{number}", dataset_of(f"1.2.{number}", size))
    journal.close()
    file_all(tmp_path, store)

    assert 0 < len(answered) < 24
    assert set(answered) <= left
    assert len(left) - len(answered) <= 1
    assert rows(store, "quarantine") == []
    assert len(rows(store, "instances")) == 24
    for row in rows(store, "instances"):
        uid = str(row["sop_instance_uid"])
        assert (tmp_path / str(row["path"])).read_bytes() == head(arriving(uid)) + dataset_of(uid, size)
    assert list((tmp_path / "journal" / "receiver" / "spool").iterdir()) == []
    store.close()
