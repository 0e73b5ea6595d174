"""kill -9 of the receiver before a record, and between record and answer: nothing that was answered is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import running
from network import associated, dataset_bytes, digest, instance, write
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from node.workflow.store.tables import quarantine

RECEIVER = """
import os, signal, sys, threading
from pathlib import Path
home, step, call = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.path[:0] = sys.argv[4:]
from journals import journal_in
from knocking import HERE, PLAIN, MemoryBook, Now
from node.receive.association import AssociationSettings
from node.receive.receiver import Receiver, ReceiverSettings
from node.receive.records import Kind

journal = journal_in(home / "storage")
append, calls = journal._log.append, []

def doomed(record):
    die_at("before the record", record)
    append(record)
    die_at("before the answer", record)

def die_at(here, record):
    if record.kind is Kind.ARRIVED:
        calls.append(here)
    if here == step and calls.count(here) == call:
        os.kill(os.getpid(), signal.SIGKILL)

journal._log.append = doomed
receiver = Receiver(ReceiverSettings(PLAIN, AssociationSettings(("EMBER",))), HERE, journal, MemoryBook(), Now())
receiver.start()
print("port", receiver.port, flush=True)
threading.Event().wait()
"""


def doomed(home: Path, step: str, call: int) -> tuple[subprocess.Popen[str], int]:
    """A receiver that kills itself at the n-th time that it comes to a step."""
    here = Path(__file__).parent
    words = [sys.executable, "-c", RECEIVER, str(home), step, str(call), str(here), str(here.parent), str(here.parent.parent)]
    process = subprocess.Popen(words, text=True, stdout=subprocess.PIPE)
    for line in process.stdout:
        if line.startswith("port "):
            return process, int(line.split()[1])
    raise AssertionError("the receiver did not start")


@pytest.mark.parametrize(("step", "unanswered"), [("before the record", 0), ("before the answer", 1)])
def test_a_killed_receiver_keeps_what_it_answered_and_takes_the_rest_again(tmp_path: Path, step: str, unanswered: int) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(12)]
    process, port = doomed(tmp_path, step, call=6)
    association = associated(port, [(MRImageStorage, ExplicitVRLittleEndian)])
    answers = [association.send_c_store(path) for path in paths if association.is_established]
    answered = {path.stem for path, answer in zip(paths, answers, strict=False) if "Status" in answer and answer.Status == 0x0000}
    process.wait()
    process.stdout.close()

    with running(tmp_path) as again:
        again.file()
        kept = set(again.kept())
        association = associated(again.receiver.port, [(MRImageStorage, ExplicitVRLittleEndian)])
        statuses = [association.send_c_store(path).Status for path in paths]
        association.release()
        again.file()

        assert len(answered) == 5
        assert answered <= kept
        assert len(kept - answered) == unanswered
        assert statuses == [0x0000] * len(paths)
        assert again.rows(quarantine) == []
        for row in again.rows():
            assert dataset_bytes(again.storage / row.path) == dataset_bytes(tmp_path / "sent" / f"{row.sop_instance_uid}.dcm")
            assert row.digest == digest((again.storage / row.path).read_bytes())
        assert set(again.kept()) == {path.stem for path in paths}
