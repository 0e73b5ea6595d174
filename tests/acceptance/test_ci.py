"""CI runs what the README tells a newcomer to run, and nothing else."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_ci_runs_the_readmes_test_command_word_for_word() -> None:
    commands = [line for line in (ROOT / "README.md").read_text().splitlines() if line.endswith("pytest")]

    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text().splitlines()
