"""What libraries say of values is not printed: a value may be a patient's."""

from __future__ import annotations

import subprocess
import sys

SAY = """
from types import SimpleNamespace as Said
from node.app import start_logging
start_logging(Said(log=Said(level="info", form="json")))
import logging
from pydicom import config, valuerep
valuerep.validate_value("DA", "1980x", config.WARN)
logging.getLogger("other").warning("still heard")
"""


def test_a_birth_date_that_is_illegal_is_not_printed() -> None:
    said = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True)

    assert "still heard" in said.stderr
    assert "1980x" not in said.stderr + said.stdout
