"""The statements in docs are what the code says today.

``EMBER_WRITE_DOCS=1 pytest tests/test_statement.py tests/encode/test_statement_objects.py`` writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from node.deliver.verdict import RANGES
from node.receive.contexts import AVAILABILITY, COMMITMENT, PROCEDURE_STEP, STORAGE_CLASSES, offers
from node.receive.statuses import ANSWERS
from node.statement import conformance, integration
from node.statement.markdown import table

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(("name", "made"), [("conformance.md", conformance), ("ihe.md", integration)])
def test_the_statement_in_docs_is_the_one_that_the_code_prints(name: str, made: Callable[[], str]) -> None:
    if os.environ.get("EMBER_WRITE_DOCS"):
        (DOCS / name).write_text(made(), encoding="utf-8")
    assert (DOCS / name).read_text(encoding="utf-8") == made()


def test_every_class_that_is_accepted_and_every_status_stands_in_the_statement() -> None:
    text = conformance()
    assert all(uid.name in text for uid in STORAGE_CLASSES)
    assert all(f"| {answer.service} | {answer.text} | {answer.meaning} |" in text for answer in ANSWERS)
    assert all(f"0x{first:04X}" in text for first, _, _, _ in RANGES)


def test_a_bar_in_a_cell_does_not_break_a_table() -> None:
    assert table(("a", "b"), [("x|y", "two\nlines")]).splitlines()[2] == "| x\\|y | two lines |"


def test_no_actor_is_claimed_that_lacks_something() -> None:
    claimed, parts = integration().split("## There in part")
    assert "AI Results (AIR)" in claimed
    assert "Audit Trail and Node Authentication" in parts
    assert "Audit Trail" not in claimed


def test_what_is_said_of_commitment_and_queries_is_offered() -> None:
    text = conformance()
    assert f"| Storage Commitment Push Model SOP Class | {COMMITMENT} | yes | where the site switches it on |" in text
    for uid in (COMMITMENT, PROCEDURE_STEP, AVAILABILITY):
        assert uid in offers(commitment=True)
        assert uid in text
