"""Exams from our own simulator, written once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.simulate.exam import write_exam
from node.simulate.options import small_options, two_study_options


@pytest.fixture(scope="session")
def small_exam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small exam in one study: ``dicom/`` and ``truth/``."""
    return write_exam(tmp_path_factory.mktemp("exam") / "small", small_options()).folder


@pytest.fixture(scope="session")
def two_study_exam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small exam whose PET was measured a week after the MR, far from the MR's origin."""
    return write_exam(tmp_path_factory.mktemp("exam") / "two-study", two_study_options()).folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, which is not in the repository: EMBER_DATA names it."""
    folder = Path(os.environ.get("EMBER_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real exams: EMBER_DATA names no folder, and there is none beside the checkout")
    return folder
