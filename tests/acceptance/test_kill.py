"""kill -9 of the worker amid the sums and of the whole node amid the sending: `benchmarks.kill` has more moments."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill import kill_at

pytestmark = [pytest.mark.peer("storescu"), pytest.mark.slow]


def test_an_exam_survives_two_kills_and_each_result_is_accepted_once(small_exam: Path, tmp_path: Path) -> None:
    outcome = kill_at(["assembled", "node-delivering"], sorted((small_exam / "dicom").rglob("*.dcm")), tmp_path)

    assert outcome.complaints == ()
    assert outcome.accepted["Segmentation Storage"] >= 1
