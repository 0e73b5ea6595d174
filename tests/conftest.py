"""What all tests share: the programs that nobody here wrote, and what a skip means.

A test that needs such a program says so: ``@pytest.mark.peer("storescu", "Orthanc")``. Where the program is missing the test skips and
names it with its Debian package. Where the environment says ``CI=true``, everything is meant to be there: any skip whose reason does not
begin with one of `EXPECTED_SKIPS` makes the run fail.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # `benchmarks` holds the harness that the acceptance tests share with it

os.environ.setdefault("TCP_NODELAY", "1")  # else DCMTK and Orthanc wait 40 ms for each message
os.environ.setdefault("MPLBACKEND", "agg")

from benchmarks.peers import PACKAGES, find  # noqa: E402

EXPECTED_SKIPS = ("real exams:", "real headers:", "viewer:")
"""Beginnings of the reasons for which a test may skip in CI: data that may not be in the repository, a viewer of 200 MB."""

_skipped: list[str] = []


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose peer is not installed, with one line that says what to install."""
    for mark in item.iter_markers("peer"):
        missing = [program for program in mark.args if find(program) is None]
        if missing:
            pytest.skip("needs " + ", ".join(f"{program} ({PACKAGES[program]})" for program in missing))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember why a test was skipped."""
    _remember(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember why a whole module was skipped."""
    _remember(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a skip that nobody expects is a failure."""
    if _unexpected() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the skips that made the run fail."""
    for line in _unexpected():
        terminalreporter.write_line(f"FAILED by a skip that CI does not expect: {line}", red=True)


def _remember(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


def _unexpected() -> list[str]:
    if os.environ.get("CI", "").lower() not in ("true", "1"):
        return []
    return [line for line in _skipped if not line.partition(": ")[2].startswith(EXPECTED_SKIPS)]
