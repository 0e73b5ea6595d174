"""The worker gives each version of an exam a compute process of its own, and an old version's end says nothing of the new one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.settings import NodeSection, Settings
from node.workflow.states import State, Verb
from node.workflow.steps.sending import Worker
from node.workflow.store.database import Store

STEPS = """
import os
from node.workflow.child import answer_orders

class Steps:
    def __init__(self, progress):
        pass

    def run(self, verb, exam, version):
        return f"{os.getpid()} {version}"

answer_orders(Steps, 1024)
"""


@pytest.fixture
def worker(tmp_path: Path, store: Store) -> Iterator[Worker]:
    worker = Worker([sys.executable, "-c", STEPS], Settings(node=NodeSection(storage=tmp_path)), store)
    yield worker
    worker.close()


def test_each_version_has_a_process_of_its_own(worker: Worker) -> None:
    first, second = (worker.compute(1, version, Verb.ASSEMBLE).split() for version in (1, 2))
    assert (first[1], second[1]) == ("1", "2")
    assert first[0] != second[0]
    worker.release(1, 1)
    assert worker.compute(1, 2, Verb.ALIGN).split() == second


def test_the_end_of_an_old_versions_sending_changes_nothing(worker: Worker, store: Store) -> None:
    store.exams.move(1, State.ENCODED, "encoded", plan={"series": {}})
    store.exams.again(1, "corrected by a person meanwhile")
    assert worker.due(1, 1) == ()
    exam = store.exams.get(1)
    assert (exam.state, exam.version, exam.reason) == (State.RECEIVED, 2, "corrected by a person meanwhile")
    assert exam.progress is None  # text there would mean, of a version that ends as REJECTED, that a page is owed
    store.exams.move(1, State.ENCODED, "encoded", plan={"series": {}})
    assert worker.due(1, 2) == ()
    assert store.exams.get(1).state is State.DELIVERED
