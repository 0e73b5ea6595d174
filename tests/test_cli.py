"""The command line: quick, plain, and honest in its exit status."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node import __version__
from node.app import SystemClock
from node.cli import main
from node.commands.persons import VALUES
from node.domain.correction import Correctable
from node.domain.result import Quantity
from node.settings import shipped_folder
from node.workflow.states import State
from node.workflow.store.database import Store
from node.workflow.store.rows import Posting
from node.workflow.story import columns, version_folder


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


def test_list_loads_nothing_slow(config: Path, store: Store) -> None:
    code = (
        "import sys; from node.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "slow = ('pydicom', 'pynetdicom', 'highdicom', 'SimpleITK', 'dbos', 'matplotlib', 'structlog', 'sqlalchemy'); "
        "print([m for m in sys.modules if m.split('.')[0] in slow])"
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


def test_show_tells_whole_regions_first_and_how_many_numbers_more_there_are(config: Path, store: Store, tmp_path: Path) -> None:
    def finding(region: str, quantity: Quantity) -> dict[str, object]:
        return {"region": region, "quantity": quantity.value, "value": 1.25, "unit": "1", "uncertainty": None, "basis": "a basis"}

    told = [finding(region, q) for region in ("thalamus", "thalamus_left") for q in (Quantity.DVR, Quantity.SUVR, Quantity.CONTRAST)]
    result = {"headline": "The answer.", "findings": told, "checks": [], "not_computed": [], "lesions": [], "tracer": {}, "provenance": {}}
    folder = version_folder(tmp_path / "storage", store.exams.get(1))
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result))

    text = ember(config, "show", "E00001").output

    (line,) = [line for line in text.splitlines() if line.split()[:1] == ["thalamus"]]
    assert line.split()[1:3] == ["DVR", "1.25"]
    assert "thalamus_left" not in text
    assert "5 more with --json" in text
    assert len(json.loads(ember(config, "show", "E00001", "--json").output)["result"]["findings"]) == 6


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


def test_what_a_person_says_is_taken_only_where_it_can_take_effect(config: Path, store: Store) -> None:
    for verb, words in (("release", "not HELD"), ("reject", "no result to reject"), ("accept", "not DELIVERED")):
        told = ember(config, verb, "E00001", "--reason", "x")
        assert told.exit_code == 1
        assert words in told.output


def test_a_verdict_is_shown_with_who_said_it_and_why(config: Path, store: Store) -> None:
    store.exams.move(1, State.DELIVERED, "sent", plan={"series": {}})
    assert ember(config, "accept", "E00001", "--by", "A. Smith", "--reason", "looks right").exit_code == 0

    assert "A. Smith: looks right" in ember(config, "show", "E00001").output
    (listed,) = json.loads(ember(config, "list", "--json").output)
    assert (listed["verdict"]["verdict"], listed["verdict"]["author"], listed["verdict"]["version"]) == ("accepted", "A. Smith", 1)


def test_what_was_delivered_is_withdrawn_when_it_is_rejected(config: Path, store: Store) -> None:
    store.exams.move(1, State.DELIVERED, "sent", plan={"series": {}})
    store.deliveries.post([Posting("9.9", "pacs", 1, 1, "lesions", "1.2.3", "1.2.4", "x.dcm", "cc")])
    store.deliveries.receipts("pacs").stored("9.9", "answered 0x0000")

    told = ember(config, "reject", "E00001", "--by", "A. Smith", "--reason", "wrong side", "--unsafe")

    assert told.exit_code == 0, told.output
    assert "WITHDRAWN; the rejection note is on its way" in told.output
    exam = store.exams.get(1)
    assert (exam.state, exam.progress) == (State.WITHDRAWN, "rejection note owed")
    assert exam.reason == "withdrawn, rejected for patient safety by A. Smith: wrong side"
    assert "ember rerun E00001" in ember(config, "show", "E00001").output


@pytest.mark.parametrize(
    ("state", "plan", "words"),
    [
        (State.HELD, {"series": {}, "conflicts": ["birth dates differ"]}, "send them again"),
        (State.HELD, {"series": {}}, "ember release E00001"),
        (State.HELD, {"series": {}, "unclaimed": "waits for its MR"}, "send the MR that it waits for"),
        (State.FAILED, {"series": {}}, "ember rerun E00001"),
    ],
)
def test_show_says_what_a_person_can_do(config: Path, store: Store, state: State, plan: dict[str, object], words: str) -> None:
    store.exams.move(1, state, "why", plan=plan)
    assert words in ember(config, "show", "E00001").output


def begun(store: Store, state: State = State.DELIVERED) -> None:
    store.exams.move(1, state, "sent", plan={"series": {}}, made_at="2026-03-01T12:00:00+00:00")


def test_correct_makes_a_version_that_names_its_predecessor(config: Path, store: Store) -> None:
    begun(store)
    told = ember(config, "correct", "E00001", "--weight", "71", "--genotype", "HAB", "--author", "A. Smith", "--reason", "typing error")
    assert told.exit_code == 0, told.output
    assert "by A. Smith: weight 71" in told.output
    assert "version 2, which replaces version 1" in told.output
    assert (store.exams.get(1).state, store.exams.get(1).version) == (State.RECEIVED, 2)


def test_show_tells_every_correction_with_who_why_and_when(config: Path, store: Store) -> None:
    begun(store)
    ember(config, "correct", "E00001", "--weight", "71", "--author", "A. Smith", "--reason", "typing error")
    begun(store)
    ember(config, "correct", "E00001", "--undo", "weight", "--author", "B. Jones", "--reason", "it was right")
    text = ember(config, "show", "E00001").output
    for words in (
        "Corrections",
        "A. Smith: typing error",
        "no longer",
        "B. Jones: it was right",
        "taken back",
        "header: not read yet",
    ):
        assert words in text
    first, second = json.loads(ember(config, "show", "E00001", "--json").output)["corrections"]
    assert (first["what"], first["text"], first["version"], first["author"]) == ("weight", "71", 2, "A. Smith")
    assert (second["text"], second["version"], second["reason"]) == (None, 3, "it was right")
    assert first["at"].startswith("20")


def test_without_an_author_the_login_name_is_called_one(config: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "asmith")
    begun(store)
    assert "login name asmith" in ember(config, "correct", "E00001", "--height", "1.80", "--reason", "x").output
    assert store.corrections.of_exam(1)[0].author == "login name asmith"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--weight", "heavy", "--reason", "x"], 1, "weight: expected a number of kg"),
        (["--reason", "x"], 1, "at least one value"),
        (["--weight", "71"], 2, "--reason"),
        (["--undo", "name", "--reason", "x"], 2, "--undo"),
    ],
)
def test_a_correction_that_cannot_be_taken_is_told(config: Path, store: Store, words: list[str], status: int, told: str) -> None:
    begun(store)
    done = ember(config, "correct", "E00001", *words)
    assert done.exit_code == status
    assert told in done.output
    assert store.exams.get(1).version == 1


def test_every_value_has_its_option() -> None:
    assert VALUES.keys() == set(Correctable)
    options = {option for item in main.commands["correct"].params for option in item.opts}
    assert {f"--{what.value}" for what in Correctable} <= options


def test_a_register_of_an_older_version_is_not_written_to(config: Path, store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "storage" / "node.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    told = ember(config, "rerun", "E00001", "--reason", "x")
    assert told.exit_code == 1
    assert "start `ember serve` of this version first" in told.output


def checked(config: Path, lines: str) -> dict[str, dict[str, object]]:
    """What `ember check` says with more lines in [analysis], by item."""
    config.write_text(config.read_text(encoding="utf-8") + f"[analysis]\n{lines}\n", encoding="utf-8")
    return {item["name"]: item for item in json.loads(ember(config, "check", "--json").output)}


def test_check_reads_the_list_of_genotypes_and_names_nobody(config: Path, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("patient_id,issuer,genotype,source\nSecret,,HAB,blood\nSecret2,,hab,blood\n", encoding="utf-8")
    found = checked(config, 'genotypes = "g.csv"')
    assert not found["genotypes"]["passed"]
    assert "line 3" in str(found["genotypes"]["text"])
    assert "Secret" not in json.dumps(found)
    (tmp_path / "g.csv").write_text("patient_id,issuer,genotype,source\nSecret,,HAB,blood\n", encoding="utf-8")
    found = {item["name"]: item for item in json.loads(ember(config, "check", "--json").output)}
    assert (found["genotypes"]["passed"], found["genotypes"]["text"]) == (True, "g.csv: 1 person")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('svca_classes = "classes"', "analysis.svca_classes"),
        ('atlas = "atlas-a_space-MNI152NLin2009aSym_dseg.nii.gz"', "analysis.atlas"),
        ('lesion_program = ["no-such-program", "{out}"]\nlesion_program_name = "L"', "no-such-program is not there"),
    ],
)
def test_check_says_what_of_the_sites_own_is_not_there(config: Path, line: str, words: str) -> None:
    items = checked(config, line)
    found = [items[name] for name in ("svca classes", "atlas", "lesion program") if not items[name]["passed"]]
    assert len(found) == 1
    assert words in str(found[0]["text"])


def test_check_names_the_sites_program(config: Path) -> None:
    found = checked(config, 'lesion_program = ["true", "{out}"]\nlesion_program_name = "L"\nlesion_program_version = "2"')
    item = found["lesion program"]
    assert (item["passed"], item["text"]) == (True, "L 2")


def test_check_reads_the_classes_of_the_site(config: Path, tmp_path: Path) -> None:
    (tmp_path / "classes").mkdir()
    (tmp_path / "classes" / "pk11195-12345678.json").write_text("{}", encoding="utf-8")
    found = checked(config, f'tracers = "{shipped_folder() / "tracers"}"\nsvca_classes = "classes"')["svca classes"]
    assert not found["passed"]
    assert "expected a whole file" in str(found["text"])


def test_a_table_breaks_no_uid_and_gives_a_sentence_without_room_lines_of_its_own() -> None:
    uid = "1.2.826.0.1.3680043.8.498." + "7" * 38
    told = columns(("NUMBER", "SERIES"), [("1", f"{uid} of a T1"), ("2", "short")], 60)
    assert told.splitlines() == ["NUMBER  SERIES", "1", f"    {uid}", "    of a T1", "2       short"]


def test_to_fetch_needs_a_peer_to_ask(config: Path, store: Store) -> None:
    done = ember(config, "fetch", "--study", "1.2.3")
    assert done.exit_code == 2
    assert "say whom to ask: --peer NAME" in done.output


def test_a_name_that_can_be_no_callers_is_wrong_use_of_web_token(config: Path) -> None:
    done = ember(config, "web-token", "two words")
    assert done.exit_code == 2
    assert "Error: a caller's name has 1 to 16 letters" in done.output
