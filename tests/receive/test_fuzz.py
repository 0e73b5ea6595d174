"""A short run of the fuzzer (benchmarks/fuzz.py runs a million): whatever comes, an association ends, and leaves nothing behind."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from benchmarks.fuzz import Bench
from benchmarks.hostile_streams import recorded, streams

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_recorded_streams_are_legal() -> None:
    bench = Bench()
    for stream in recorded():
        answers = bench.answers(b"".join(stream))
        assert answers[0][0] == 0x02
        assert answers[-1][0] == 0x06

    assert (bench.inlet.kept, bench.inlet.notices) == (4, 8)


def test_three_thousand_damaged_streams_leave_nothing_behind() -> None:
    bench = Bench()
    threads, files = threading.active_count(), _open_files()
    with capture_logs() as logs:
        for stream in islice(streams(5), 3000):
            bench.answers(b"".join(stream))

    assert [entry for entry in logs if entry.get("exc_info")] == []
    assert bench.inlet.kept > 1000
    assert threading.active_count() <= threads  # a thread of an earlier test may have ended meanwhile
    assert _open_files() <= files


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
