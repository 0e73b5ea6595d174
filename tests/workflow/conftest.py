"""The register with one exam in it, E00001, as it is when its first image has come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.app import SystemClock
from node.workflow.store.database import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Migrated, empty but for the exam."""
    store = Store(tmp_path, SystemClock())
    store.migrate()
    store.exams.create(anchor="1.2", patient_key="P", text="new")
    yield store
    store.close()
