"""kill -9 of the receiver between file and record, and between record and answer: nothing that was answered is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from network import SqliteRegister, associated, dataset_bytes, digest, instance, write
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from node.receive import Inbox, Receiver, ReceiverSettings

RECEIVER = """
import os, signal, sys, threading
from pathlib import Path
home, step, call = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.path[:0] = sys.argv[4:]
from network import SqliteRegister
from node.receive import Inbox, Receiver, ReceiverSettings

class Doomed(SqliteRegister):
    def record(self, received):
        die_at("before the record")
        recorded = super().record(received)
        die_at("before the answer")
        return recorded

calls = []

def die_at(here):
    calls.append(here)
    if here == step and calls.count(here) == call:
        os.kill(os.getpid(), signal.SIGKILL)

inbox = Inbox(home / "storage", min_free_bytes=0)
receiver = Receiver(ReceiverSettings("EMBER", "127.0.0.1", 0), Doomed(home / "register.db"), inbox)
receiver.start()
print("port", receiver.port, flush=True)
threading.Event().wait()
"""


def doomed(home: Path, step: str, call: int) -> tuple[subprocess.Popen[str], int]:
    """A receiver that kills itself at the n-th time that it comes to a step."""
    here = Path(__file__).parent.parent
    words = [sys.executable, "-c", RECEIVER, str(home), step, str(call), str(here), str(here.parent)]
    process = subprocess.Popen(words, text=True, stdout=subprocess.PIPE)
    for line in process.stdout:
        if line.startswith("port "):
            return process, int(line.split()[1])
    raise AssertionError("the receiver did not start")


@pytest.mark.parametrize("step", ["before the record", "before the answer"])
def test_a_killed_receiver_keeps_what_it_answered_and_takes_the_rest_again(tmp_path: Path, step: str) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(12)]
    process, port = doomed(tmp_path, step, call=6)
    association = associated(port, [(MRImageStorage, ExplicitVRLittleEndian)])
    answers = [association.send_c_store(path) for path in paths if association.is_established]
    answered = {path for path, answer in zip(paths, answers, strict=False) if "Status" in answer and answer.Status == 0x0000}
    process.wait()
    process.stdout.close()

    register = SqliteRegister(tmp_path / "register.db")
    again = Receiver(ReceiverSettings("EMBER", "127.0.0.1", 0), register, Inbox(tmp_path / "storage", min_free_bytes=0))
    again.start()
    kept = {path for path in paths if register.known_digest(path.stem)}
    files = {file.stem for file in (tmp_path / "storage" / "inbox").rglob("*.dcm")}
    association = associated(again.port, [(MRImageStorage, ExplicitVRLittleEndian)])
    statuses = [association.send_c_store(path).Status for path in paths]
    association.release()
    again.stop()

    assert 0 < len(answered) < len(paths)
    assert kept >= answered
    assert len(kept - answered) == 1
    assert files == {path.stem for path in kept}
    assert statuses == [0x0000] * len(paths)
    assert register.changed == []
    for path in paths:
        (file,) = (tmp_path / "storage" / "inbox").rglob(path.name)
        assert dataset_bytes(file) == dataset_bytes(path)
        assert register.known_digest(path.stem) == digest(file.read_bytes())
    register.close()
