"""The site's list of genotypes: read whole or not at all, and never a patient in a message."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import SettingsError
from node.workflow.genotypes import Genotype, load_genotypes

HEAD = "patient_id,issuer,genotype,source\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "genotypes.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_person_is_found_by_id_and_issuer(tmp_path: Path) -> None:
    rows = 'P1,,HAB,"blood, 2026-02"\nP1,CLINIC,MAB,saliva\nP2,CLINIC,LAB,blood\nP3,,unknown,refused\n\n'
    found = load_genotypes(write(tmp_path, HEAD + rows))
    assert len(found) == 4
    assert found.of("P1", "OTHER") == Genotype("HAB", "blood, 2026-02")
    assert found.of("P1", "CLINIC") == Genotype("MAB", "saliva")
    assert found.of("P2", "CLINIC") == Genotype("LAB", "blood")
    assert found.of("P2", "") is None
    assert found.of("P2", "OTHER") is None
    assert found.of("P3", "") == Genotype(None, "refused")
    assert found.of("P4", "") is None
    assert found.of("", "") is None


def test_a_spreadsheets_mark_and_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = (HEAD + "P1 , ,HAB,blood\n").replace("\n", "\r\n")
    assert load_genotypes(write(tmp_path, text, "utf-8-sig")).of("P1", "") == Genotype("HAB", "blood")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "expected the columns"),
        ("patient_id;issuer;genotype;source\n", 1, "expected the columns"),
        ("id,issuer,genotype,source\n", 1, "expected the columns"),
        (HEAD + "Secret,,HAB\n", 2, "expected 4 columns; found 3"),
        (HEAD + "Secret,,HAB,blood,more\n", 2, "expected 4 columns; found 5"),
        (HEAD + "Secret,,hab,blood\n", 2, "expected a genotype of HAB"),
        (HEAD + "Secret,,,blood\n", 2, "expected a genotype of HAB"),
        (HEAD + "Secret,,HAB,\n", 2, "expected a source"),
        (HEAD + ",,HAB,blood\n", 2, "expected a patient_id"),
        (HEAD + "Secret,,HAB,blood\nSecret,,HAB,blood\n", 3, "stand in an earlier line"),
    ],
)
def test_a_mistake_is_told_by_its_line_alone(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_genotypes(write(tmp_path, text))
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"analysis.genotypes: genotypes.csv line {line}: ")
    assert words in mistake
    assert "Secret" not in mistake


def told_of(path: Path) -> str:
    """What is wrong with a list; empty where nothing is."""
    try:
        load_genotypes(path)
    except SettingsError as error:
        return str(error)
    return ""


CELL = st.sampled_from(["", "Secret-ID", "HAB", "blood", "unknown", " ", '"', "Secret,ID"])


@given(st.lists(st.lists(CELL, max_size=6), max_size=4))
def test_no_mistake_names_a_patient_whatever_column_the_id_is_in(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = write(tmp_path_factory.mktemp("list"), HEAD + "\n".join(",".join(row) for row in rows))
    assert "Secret" not in told_of(path)


def test_an_id_in_the_wrong_column_is_a_mistake(tmp_path: Path) -> None:
    assert "line 2: expected a genotype" in told_of(write(tmp_path, HEAD + "HAB,,Secret-ID,blood\n"))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_genotypes(write(tmp_path, HEAD + "P1,,X,blood\nP2,,HAB,\nP3,,HAB,blood\n"))
    assert len(caught.value.mistakes) == 2


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'patient_id,issuer,genotype,source\n"P1,,HAB'])
def test_what_is_no_list_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "genotypes.csv").write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_genotypes(tmp_path / "genotypes.csv")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_genotypes(tmp_path / "not-there.csv")
