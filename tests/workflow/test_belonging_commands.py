"""`ember merge`, `split`, `assign` and `rules try`: what a person types, and what they read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from click.testing import CliRunner, Result

import node.workflow.store
from node.cli import main
from node.workflow.states import State
from node.workflow.store.database import Store
from tests.assemble.assemble_dicom import STUDY, flair_series, mr_series, pet_series
from tests.workflow.small_site import Site, SlowClock, small_site

T1, FLAIR = "1.2.3.2", "1.2.3.3"
RULE = "\n[[exam]]\nname = 'all of it'\npriority = 'urgent'\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = small_site(tmp_path, more_rules=RULE)
    site.receive([*pet_series(), *mr_series(), *flair_series()])
    site.settle()
    yield site
    site.store.close()


def ember(site: Site, *words: str) -> Result:
    folder = site.settings.analysis.rules.parent
    return CliRunner().invoke(main, ["--config", str(folder / "node.toml"), *words])


def test_a_series_is_split_off_and_given_back_and_the_exam_shows_both(site: Site) -> None:
    said = ("--by", "Dr. A", "--reason", "other day")
    assert ember(site, "split", "E1", FLAIR, *said).output == "E00001 is made without 1 series, as version 2.\n"
    assert ember(site, "split", "E1", FLAIR, *said, "--undo").output == "E00001 is made with 1 series, as version 2.\n"

    words = [
        (one["word"], one["holds"], one["series_uid"]) for one in json.loads(ember(site, "show", "E1", "--json").output)["assignments"]
    ]
    assert words == [("split", True, FLAIR), ("split", False, FLAIR)]
    shown = ember(site, "show", "E1").output
    assert "split taken back" in shown
    assert "by Dr. A: other day" in shown


def test_a_role_is_given_and_two_exams_are_merged(site: Site) -> None:
    site.receive(mr_series(series="1.2.4.2", StudyInstanceUID="1.2.4", PatientID="P-2"))
    site.settle()
    merged = ember(site, "merge", "E1", "E2", "--reason", "one person")
    assert merged.output == "E00001 takes the MR of E00002, as version 2.\n"
    assert site.exam(2).state is State.IGNORED
    given = ember(site, "assign", "E1", "T1", T1, "--reason", "sharper")
    assert given.output == f"series {T1} is the T1 of E00001, as version 2.\n"
    assert "login name" in site.store.assignments.of_exam(1)[0].author


def test_what_cannot_be_said_is_refused_in_a_sentence(site: Site) -> None:
    assert ember(site, "assign", "E1", "T9", T1, "--reason", "x").exit_code == 2
    refused = ember(site, "assign", "E1", "FLAIR", "1.2.3.1", "--reason", "x")
    assert (refused.exit_code, refused.output) == (1, "E00001: a FLAIR is of modality MR; series 1.2.3.1 is of PT\n")
    assert ember(site, "merge", "E1", "E1", "--reason", "x").exit_code == 1
    assert site.store.assignments.of_exam(1) == ()


def test_an_exam_shows_its_rule(site: Site) -> None:
    assert "Rule all of it: urgent priority" in ember(site, "show", "E1").output
    assert json.loads(ember(site, "list", "--json").output)[0]["priority"] == "urgent"


def test_rules_are_tried_as_a_table_and_for_programs(site: Site, tmp_path: Path) -> None:
    same = ember(site, "rules", "try")
    assert "0 of 1 exams would differ." in same.output
    assert "may be the FLAIR" not in same.output
    assert "may be the FLAIR" in " ".join(ember(site, "rules", "try", "--series").output.split())
    other = tmp_path / "other.toml"
    text = site.settings.analysis.rules.read_text(encoding="utf-8").replace("priority = 'urgent'", "analyse = false")
    other.write_text(text, encoding="utf-8")
    told = ember(site, "rules", "try", "--file", str(other)).output
    assert "would ignore it, did analyse" in told
    (one,) = json.loads(ember(site, "rules", "try", "--file", str(other), "--json").output)
    assert (one["exam"], one["rule"], one["would"], one["done"]) == ("E00001", "all of it", "ignore", "analyse")
    assert {series["before"] for series in one["series"]} == {"PET", "T1", "FLAIR"}
    assert site.exam().state is State.RECEIVED


def test_check_tells_every_mistake_of_rules_and_protocols_at_once(site: Site) -> None:
    rules = site.settings.analysis.rules
    rules.write_text(rules.read_text(encoding="utf-8") + "colour = 1\n[protocol.a]\nseed = 3\n", encoding="utf-8")
    items = json.loads(ember(site, "check", "--json").output)
    (told,) = [item for item in items if item["name"] == "rules"]
    assert not told["passed"]
    assert "rules.exam.1.colour: this key is unknown" in told["text"]
    assert "rules.protocol.a.seed: a protocol cannot say this" in told["text"]


def test_rules_with_mistakes_are_not_tried(site: Site, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[[exam]]\nname = 3\n", encoding="utf-8")
    tried = ember(site, "rules", "try", "--file", str(tmp_path / "wrong.toml"))
    assert tried.exit_code == 2
    assert "rules.exam.1.name: expected a text; found 3" in tried.output


def test_an_older_register_learns_from_its_headers_who_issued_its_ids(tmp_path: Path) -> None:
    store = Store(tmp_path, SlowClock())
    config = Config()
    config.set_main_option("script_location", str(Path(node.workflow.store.__file__).with_name("migrations")))
    with store._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
    header = json.dumps({"person": {"issuer": "A", "name_key": "ann one"}})
    with store._engine.begin() as connection:
        columns = "sop_class_uid, transfer_syntax_uid, digest, size, path, association, calling_ae, called_ae, address, received_at"
        row = ("1.2.3.9.1", "c", "t", "d", 1, "p", "A", "MR", "EMBER", "x", "2026-03-01T12:00:00+00:00", "P-1", STUDY, header)
        marks = ", ".join("?" * len(row))
        connection.exec_driver_sql(
            f"INSERT INTO instances (sop_instance_uid, {columns}, patient_key, study_uid, header) VALUES ({marks})", row
        )
        connection.exec_driver_sql("INSERT INTO studies (study_uid, patient_key) VALUES (?, 'P-1'), ('1.2.9', 'P-9')", (STUDY,))
        now = "2026-03-01T12:00:00+00:00"
        connection.exec_driver_sql(
            "INSERT INTO exams (anchor, patient_key, state, reason, version, tries, released, created_at, updated_at) "
            "VALUES (?, 'P-1', 'WAITING', 'x', 1, 0, 0, ?, ?)",
            (STUDY, now, now),
        )

    store.migrate()

    assert store.exams.get(1).issuer == "A"
    assert store.register.issuers("P-1") == {"A"}
    assert store.register.named_alike("ann one", "P-2") == (STUDY,)
    store.close()
