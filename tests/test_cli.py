"""The command line: quick, plain, and honest in its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node import __version__
from node.app import SystemClock
from node.cli import main
from node.workflow.states import State
from node.workflow.store.database import Store
from node.workflow.store.rows import Posting


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(f'[node]\nstorage = "{tmp_path / "storage"}"\n[receiver]\nmin_free_gib = 0\n', encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path, config: Path) -> Store:
    (tmp_path / "storage").mkdir()
    store = Store(tmp_path / "storage", SystemClock())
    store.migrate()
    store.exams.create(anchor="1.2", patient_key="issuer\x1fSecret-ID", text="images of a new study have arrived")
    return store


def ember(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *words])


def test_the_version_needs_no_dicom_library() -> None:
    code = (
        "import sys; from node.cli import main; main(['version'], standalone_mode=False); print([m for m in sys.modules if 'dicom' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"ember {__version__}\n[]\n"


def test_list_needs_no_dicom_library(config: Path, store: Store) -> None:
    code = (
        "import sys; from node.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "print([m for m in sys.modules if m.split('.')[0] in ('pydicom', 'pynetdicom', 'highdicom', 'SimpleITK', 'dbos', 'matplotlib')])"
    )
    done = subprocess.run([sys.executable, "-c", code, "--config", str(config), "list"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_list_and_show_tell_an_exam_without_its_patient(config: Path, store: Store) -> None:
    store.exams.move(1, State.WAITING, "waiting for the T1")
    store.deliveries.post([Posting("9.9", "pacs", 1, 1, "summary", "1.2.3", "1.2.4", "x.dcm", "cc")])
    for words in (["list"], ["show", "E00001"], ["show", "1", "--json"], ["list", "--json"]):
        told = ember(config, *words)
        assert told.exit_code == 0, told.output
        assert "waiting for the T1" in told.output
        assert "Secret" not in told.output
    whole = json.loads(ember(config, "show", "e00001", "--json").output)
    assert [event["text"] for event in whole["events"]] == ["images of a new study have arrived", "waiting for the T1"]
    assert whole["deliveries"][0]["state"] == "queued"


def test_an_exam_that_is_not_there_is_wrong_use(config: Path, store: Store) -> None:
    told = ember(config, "show", "E00042")
    assert told.exit_code == 2
    assert "no exam E00042" in told.output


def test_rerun_makes_a_new_version(config: Path, store: Store) -> None:
    store.exams.move(1, State.DELIVERED, "sent", plan={"series": {}})
    assert ember(config, "rerun", "E00001", "--reason", "the weight was corrected").exit_code == 0
    exam = store.exams.get(1)
    assert (exam.state, exam.version, exam.plan) == (State.RECEIVED, 2, None)
    assert "the weight was corrected" in exam.reason


def test_wrong_settings_are_told_and_nothing_is_done(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text("[receiver]\nport = 0\n", encoding="utf-8")
    told = ember(path, "serve")
    assert told.exit_code == 2
    assert "receiver.port" in told.output


def test_a_node_that_never_ran_has_nothing_to_list(config: Path) -> None:
    told = ember(config, "list")
    assert told.exit_code == 1
    assert "has not run with these settings yet" in told.output


def test_release_and_reject_take_only_what_is_held(config: Path, store: Store) -> None:
    for verb in ("release", "reject"):
        told = ember(config, verb, "E00001", "--reason", "x")
        assert told.exit_code == 1
        assert "not HELD" in told.output


@pytest.mark.parametrize(
    ("state", "plan", "words"),
    [
        (State.HELD, {"series": {}, "conflicts": ["birth dates differ"]}, "send them again"),
        (State.HELD, {"series": {}}, "ember release E00001"),
        (State.FAILED, {"series": {}}, "ember rerun E00001"),
    ],
)
def test_show_says_what_a_person_can_do(config: Path, store: Store, state: State, plan: dict[str, object], words: str) -> None:
    store.exams.move(1, state, "why", plan=plan)
    assert words in ember(config, "show", "E00001").output
