"""The end of an association reaches the journal, whatever the disk does meanwhile."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest
from journals import CALLER, journal_in, stands_in

from node.domain.filing import Closed
from node.receive import ends


def ended(storage: Path) -> list[str]:
    return [one.association for one in stands_in(storage / "journal" / "receiver") if isinstance(one, Closed)]


def test_an_end_that_the_disk_did_not_take_is_told_when_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ends.Ends.__init__, "__defaults__", (0.01,))
    journal = journal_in(tmp_path)
    journal.opened("A1", CALLER)
    journal.opened("A2", CALLER)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", full)
        journal.closed("A1", "released")
        journal.closed("A2", "lost")
        time.sleep(0.05)
        none = ended(tmp_path)
    until = time.monotonic() + 5
    while len(ended(tmp_path)) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    journal.closed("A3", "released")
    journal.close()

    assert none == []
    assert ended(tmp_path) == ["A1", "A2", "A3"]


def test_a_journal_that_is_closed_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = journal_in(tmp_path)
    journal.opened("A1", CALLER)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", full)
        journal.closed("A1", "released")
        journal.close()

    assert [thread.name for thread in threading.enumerate() if thread.name == "ends"] == []
