"""The fault matrix in a short form: `benchmarks.faults` hits every call, a thousand times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fault_site import migrated
from benchmarks.faults import Outcome, deliver_case, matrix, prepared_exam, summary
from benchmarks.faulty_pacs import BEHAVIOURS

pytestmark = pytest.mark.slow

SEED = 5


def nothing_lost(outcomes: list[Outcome], injections: int) -> None:
    """Every case survived, and faults really came about."""
    assert [outcome for outcome in outcomes if not outcome.survived] == []
    assert len(outcomes) == injections
    assert summary(outcomes)["injections"] >= injections * 3 // 4


def test_no_acknowledged_image_is_lost_whatever_hits_receiver_or_filer(tmp_path: Path) -> None:
    nothing_lost(list(matrix(tmp_path, ["receive"], 20, SEED)), 20)


def test_each_result_is_accepted_once_whatever_hits_the_worker(tmp_path: Path) -> None:
    nothing_lost(list(matrix(tmp_path, ["deliver"], 5, SEED)), 5)


@pytest.mark.parametrize("name", ["is full half-way", "commits partly", "takes one byte a second", "cannot understand one"])
def test_a_pacs_that_misbehaves_delays_no_other(name: str, tmp_path: Path) -> None:
    prepared = prepared_exam(migrated(tmp_path / "template"), tmp_path / "prepared", ["pacs", "healthy"])
    (tmp_path / "case").mkdir()
    outcome = deliver_case(prepared, tmp_path / "case", None, BEHAVIOURS[name], healthy=True)
    assert outcome.survived, outcome
