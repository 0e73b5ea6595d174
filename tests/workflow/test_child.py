"""The compute process ends alone: the worker hears how, and goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from node.errors import DataError
from node.workflow.child import ComputeProcess, ProcessEnded
from node.workflow.states import Verb

STEPS = """
import os, signal, time
from node.errors import DataError
from node.workflow.child import answer_orders
from node.workflow.states import Verb

class Steps:
    def __init__(self, progress):
        self.progress = progress

    def run(self, verb, exam, version):
        print("a library that prints")
        self.progress(f"{verb.value} of {exam}")
        if verb is Verb.ALIGN:
            raise DataError("PET series 1.2: no slices")
        if verb is Verb.SEGMENT:
            os.kill(os.getpid(), signal.SIGKILL)
        if verb is Verb.QUANTIFY:
            time.sleep(60)
        if verb is Verb.ENCODE:
            return 1 / 0
        if verb is Verb.REFUSE:
            return str(len(bytearray(4 << 30)))
        return f"done {exam} of version {version}"

answer_orders(Steps, 1024)
"""


@pytest.fixture
def process():
    told: list[str] = []
    process = ComputeProcess([sys.executable, "-c", STEPS], 5.0, told.append)
    process.told = told  # type: ignore[attr-defined]
    yield process
    process.close()


def test_a_verb_is_done_and_its_progress_told(process: ComputeProcess) -> None:
    assert process.run(Verb.ASSEMBLE, 7, 1) == "done 7 of version 1"
    assert process.run(Verb.ASSEMBLE, 8, 1) == "done 8 of version 1"
    assert process.told == ["assemble of 7", "assemble of 8"]  # type: ignore[attr-defined]


def test_an_error_keeps_its_class_and_its_text(process: ComputeProcess) -> None:
    with pytest.raises(DataError, match=r"PET series 1\.2: no slices"):
        process.run(Verb.ALIGN, 7, 1)


def test_a_fault_of_ours_keeps_its_traceback(process: ComputeProcess) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        process.run(Verb.ENCODE, 7, 1)


def test_a_killed_process_is_told_and_the_next_verb_gets_a_new_one(process: ComputeProcess) -> None:
    with pytest.raises(ProcessEnded, match="signal SIGKILL"):
        process.run(Verb.SEGMENT, 7, 1)
    assert process.run(Verb.ASSEMBLE, 7, 1) == "done 7 of version 1"


def test_more_memory_than_allowed_ends_the_process(process: ComputeProcess) -> None:
    with pytest.raises(ProcessEnded, match="exit status 9"):
        process.run(Verb.REFUSE, 7, 1)


def test_more_time_than_allowed_ends_the_process() -> None:
    process = ComputeProcess([sys.executable, "-c", STEPS], 1.5, lambda text: None)
    with pytest.raises(ProcessEnded, match=r"no answer within 2 s"):
        process.run(Verb.QUANTIFY, 7, 1)
    process.close()


def test_a_command_that_cannot_work_is_told(tmp_path: Path) -> None:
    process = ComputeProcess([sys.executable, str(tmp_path / "nothing.py")], 5.0, lambda text: None)
    with pytest.raises(ProcessEnded, match="exit status 2"):
        process.run(Verb.ALIGN, 1, 1)
    process.close()
