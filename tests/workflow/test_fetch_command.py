"""`ember fetch` shows what a peer has, hands it to the node, and shows what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.peers import Orthanc, send
from node.app import SystemClock
from node.cli import main
from node.settings import shipped_folder
from node.workflow.store.database import Store
from tests.network import SERIES, STUDY, instance, write


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    folder = tmp_path_factory.mktemp("archive")
    with Orthanc(folder / "pacs") as pacs:
        send([write(instance(number), folder / "files") for number in range(3)], pacs.dicom_port, called=pacs.ae_title)
        yield pacs


@pytest.fixture
def config(tmp_path: Path, archive: Orthanc) -> Path:
    file = tmp_path / "node.toml"
    shipped = shipped_folder()
    file.write_text(
        f'[node]\nstorage = "{tmp_path / "storage"}"\n[analysis]\nrules = "{shipped / "rules.toml"}"\ntracers = "{shipped / "tracers"}"\n'
        f'scanners = "{shipped / "scanners"}"\n[[peer]]\nname = "pacs"\nae_titles = ["TESTPACS"]\nhost = "127.0.0.1"\n'
        f'port = {archive.dicom_port}\nae_title = "TESTPACS"\nask = "images"\n[[peer]]\nname = "mr"\nae_titles = ["MR"]\n'
    )
    (tmp_path / "storage").mkdir()
    store = Store(tmp_path / "storage", SystemClock())
    store.migrate()
    store.close()
    return file


def ember(config: Path, *words: str, told: str | None = None, fails: int = 0) -> str:
    done = CliRunner().invoke(main, ["--config", str(config), "fetch", *words], input=told)
    assert done.exit_code == fails, done.output
    return done.stdout if not fails else done.output


@pytest.mark.peer("Orthanc", "storescu")
def test_a_dry_run_shows_and_changes_nothing(config: Path) -> None:
    shown = json.loads(ember(config, "--peer", "pacs", "--study", STUDY, "--dry-run", "--json"))
    assert [(one["series_uid"], one["images"], one["here"]) for one in shown] == [(SERIES, 3, 0)]
    assert json.loads(ember(config, "--json")) == []


@pytest.mark.peer("Orthanc", "storescu")
def test_a_study_is_handed_to_the_node(config: Path) -> None:
    assert SERIES in ember(config, "--peer", "pacs", "--study", STUDY, "--by", "Dr. A")
    (row,) = json.loads(ember(config, "--json"))
    assert (row["series_uid"], row["state"], row["asked_by"], row["expected"]) == (SERIES, "wanted", "Dr. A", 3)


@pytest.mark.peer("Orthanc", "storescu")
def test_a_patient_is_named_on_standard_input_and_never_printed(config: Path) -> None:
    shown = ember(config, "--peer", "pacs", "--patient", told="SECRET-ID\n")
    assert STUDY in shown
    assert "SECRET" not in shown.replace("Patient ID: SECRET-ID", "")
    assert json.loads(ember(config, "--json")) == [], "a study must be named to be fetched"
    assert "has no study" in ember(config, "--peer", "pacs", "--study", STUDY, "--patient", told="OTHER\n", fails=1)


@pytest.mark.peer("Orthanc", "storescu")
def test_a_peer_that_may_not_be_asked_is_not(config: Path) -> None:
    assert 'expected ask = "images"' in ember(config, "--peer", "mr", "--study", STUDY, fails=2)
    assert "expected the name of a [[peer]]" in ember(config, "--peer", "none", "--study", STUDY, fails=2)
    assert "say which study" in ember(config, "--peer", "pacs", fails=2)
