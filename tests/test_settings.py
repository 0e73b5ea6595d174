"""Settings: read whole, every mistake told with its key path, the environment before the file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import settings
from node.errors import SettingsError

SHIPPED = settings.shipped_folder()


def write(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_is_whole() -> None:
    read = settings.load(SHIPPED / "node.toml", {})
    assert read.receiver.port == 11112
    assert read.analysis.rules == SHIPPED / "rules.toml"
    assert {"dpa714", "pk11195"} <= set(settings.tracers(read.analysis.tracers))
    settings.scanners(read.analysis.scanners)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    read = settings.load(write(tmp_path, '[node]\nstorage = "here"'), {})
    assert read.node.storage == tmp_path / "here"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = '[node]\nae_title = "A TITLE THAT IS TOO LONG"\n[receiver]\nport = "many"\ncolour = 1\n[[destination]]\nname = "Not Allowed"\n'
    with pytest.raises(SettingsError) as caught:
        settings.load(write(tmp_path, text), {})
    told = [mistake.split(":")[0] for mistake in caught.value.mistakes]
    assert sorted(told) == sorted(
        [
            "node.ae_title",
            "node.storage",
            "receiver.port",
            "receiver.colour",
            "destination.1.name",
            "destination.1.host",
            "destination.1.port",
            "destination.1.ae_title",
        ]
    )


def test_two_destinations_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    one = '[[destination]]\nname = "pacs"\nhost = "h"\nport = 104\nae_title = "PACS"\n'
    with pytest.raises(SettingsError, match="a name of its own"):
        settings.load(write(tmp_path, f'[node]\nstorage = "s"\n{one}{one}'), {})


def test_the_environment_replaces_a_key(tmp_path: Path) -> None:
    path = write(tmp_path, '[node]\nstorage = "s"\n[receiver]\nport = 104')
    read = settings.load(path, {"EMBER__RECEIVER__PORT": "4242", "EMBER__NODE__AE_TITLE": "OTHER", "HOME": "/"})
    assert (read.receiver.port, read.node.ae_title) == (4242, "OTHER")
    with pytest.raises(SettingsError, match="EMBER__SECTION__KEY"):
        settings.load(path, {"EMBER__DESTINATION__HOST": "x"})


def test_a_file_that_is_not_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not TOML"):
        settings.load(write(tmp_path, "node ="), {})
    with pytest.raises(SettingsError, match="cannot be read"):
        settings.load(tmp_path / "nothing.toml", {})


def test_a_tracer_that_is_wrong_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('name = "[18F]X"\npattern = "("\nradionuclide = "F-17"\nwindow_min = [90, 60]', encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings.tracers(tmp_path)
    assert any(mistake.startswith("x.toml: pattern: expected a regular expression") for mistake in caught.value.mistakes)
    assert any(mistake.startswith("x.toml: window_min: expected a start and a later end") for mistake in caught.value.mistakes)


def test_a_folder_without_tracers_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="found none"):
        settings.tracers(tmp_path)


def test_the_digest_follows_what_can_change_a_number(tmp_path: Path) -> None:
    for place in ("tracers", "scanners"):
        (tmp_path / place).mkdir()
    (tmp_path / "rules.toml").write_text("", encoding="utf-8")
    path = write(tmp_path, '[node]\nstorage = "s"')
    first = settings.digest(settings.load(path, {}))
    assert settings.digest(settings.load(path, {"EMBER__RECEIVER__PORT": "4242"})) == first
    assert settings.digest(settings.load(path, {"EMBER__ANALYSIS__SEED": "7"})) != first
    (tmp_path / "rules.toml").write_text("[head]\nthickest_slice_mm = 3", encoding="utf-8")
    assert settings.digest(settings.load(path, {})) != first


def test_the_digest_leaves_out_what_only_routes(tmp_path: Path) -> None:
    path = write(tmp_path, '[node]\nstorage = "s"')
    (tmp_path / "rules.toml").write_text("[head]\nthickest_slice_mm = 3", encoding="utf-8")
    first = settings.digest(settings.load(path, {}))
    routing = '# a comment\n[completeness]\nquiet_s = 1\n[head]\nthickest_slice_mm = 3\n[[exam]]\nname = "all"\npriority = "urgent"\n'
    (tmp_path / "rules.toml").write_text(routing + '[protocol.short]\nmaps = ["logan"]\n', encoding="utf-8")
    loaded = settings.load(path, {})
    assert settings.digest(loaded) == first
    assert settings.digest(settings.with_overrides(loaded, settings.load_protocols(loaded)["short"])) != first


def test_the_digest_follows_every_method_and_file_of_the_analysis(tmp_path: Path) -> None:
    (tmp_path / "classes").mkdir()
    path = write(tmp_path, '[node]\nstorage = "s"\n[analysis]\nsvca_classes = "classes"\natlas = "a_dseg.nii.gz"')
    seen = {settings.digest(settings.load(path, {}))}
    for name in ("classes/one.json", "a_dseg.nii.gz", "a_dseg.tsv"):
        (tmp_path / name).write_bytes(b"1")
        seen.add(settings.digest(settings.load(path, {})))
    changes = {
        "REFERENCE": "nawm",
        "MAPS": '["srtm"]',
        "PARTIAL_VOLUME": "rbv",
        "PHYSICIST_PAGE": "never",
        "LESION_PROGRAM_NAME": '"x"',
        "LESION_PROGRAM_VERSION": '"2"',
        "LESION_PROGRAM_TIMEOUT_S": "10",
    }
    for key, value in changes.items():
        seen.add(settings.digest(settings.load(path, {f"EMBER__ANALYSIS__{key}": value})))
    assert len(seen) == 4 + len(changes)


def test_a_growing_list_of_genotypes_leaves_the_digest(tmp_path: Path) -> None:
    path = write(tmp_path, '[node]\nstorage = "s"\n[analysis]\ngenotypes = "g.csv"')
    first = settings.digest(settings.load(path, {}))
    (tmp_path / "g.csv").write_text("patient_id,issuer,genotype,source\n", encoding="utf-8")
    assert settings.digest(settings.load(path, {})) == first


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('reference = "svca"', "needs svca_classes"),
        ('reference = "user_mask"', "needs an atlas"),
        ('reference = "pons"', "analysis.reference"),
        ('atlas = "labels.nii.gz"', "_dseg.tsv beside it"),
        ('maps = ["logan", "logan"]', "each once"),
        ('maps = ["patlak"]', "analysis.maps.1"),
        ('partial_volume = "yes"', "analysis.partial_volume"),
        ("lesion_program_memory_mib = 1", "analysis.lesion_program_memory_mib"),
        ('lesion_program = ["run", "{t1}"]', "expected {out}"),
        ('lesion_program = ["run", "{out}", "{pet}"]', "found pet"),
        ('lesion_program = ["run", "{out}"]', "needs lesion_program_name"),
        ('lesion_program = ["run", "{out"]', "analysis.lesion_program"),
    ],
)
def test_an_analysis_that_cannot_be_done_is_a_mistake(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load(write(tmp_path, f'[node]\nstorage = "s"\n[analysis]\n{line}'), {})
    assert len(caught.value.mistakes) == 1
    assert words in str(caught.value)


def test_what_the_site_asks_for_is_read(tmp_path: Path) -> None:
    program = 'lesion_program = ["run", "-1", "{out}"]\nlesion_program_name = "L"'
    text = f'[node]\nstorage = "s"\n[analysis]\nreference = "svca"\nsvca_classes = "classes"\nmaps = []\n{program}'
    analysis = settings.load(write(tmp_path, text), {}).analysis
    assert (analysis.reference, analysis.svca_classes, analysis.maps) == ("svca", tmp_path / "classes", ())
    assert analysis.lesion_program == ("run", "-1", "{out}")


@given(
    reference=st.sampled_from(["tracer", "cerebellar_gm", "whole_brain", "nawm", "occipital_gm", "frontal_gm", "user_mask", "svca"]),
    maps=st.lists(st.sampled_from(["mrtm2", "logan", "srtm", "srtm2", "zhou"]), unique=True),
    partial_volume=st.sampled_from(["none", "gtm", "rbv", "iterative-yang", "muller-gartner"]),
    physicist_page=st.sampled_from(["always", "dynamic", "never"]),
    lesion_program=st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="{}"), min_size=1), max_size=3),
)
def test_an_analysis_is_read_as_it_was_written(**written: object) -> None:
    written["lesion_program"] = [*written["lesion_program"], "{out}"]  # type: ignore[misc]
    whole = {**written, "lesion_program_name": "L", "svca_classes": "classes", "atlas": "a_dseg.nii.gz"}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in whole.items())
    analysis = settings.AnalysisSection.model_validate(tomllib.loads(text))
    assert analysis.model_dump(mode="json", include=set(written)) == written
    assert settings.AnalysisSection.model_validate(analysis.model_dump()) == analysis


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[receiver]\ncommitment = true\n", "needs a .*peer.* with archive = true"),
        ('[[destination]]\nname = "a"\nhost = "h"\nport = 104\nae_title = "A"\nproof = "commitment"\n', "its report is turned away"),
        ('[[peer]]\nname = "a"\nae_titles = ["A"]\narchive = true\n', "archive = true needs host, port and ae_title"),
    ],
)
def test_a_commitment_that_could_not_be_had_is_a_mistake(tmp_path: Path, more: str, words: str) -> None:
    file = tmp_path / "node.toml"
    file.write_text(f'[node]\nae_title = "EMBER"\nstorage = "x"\n{more}')
    with pytest.raises(SettingsError, match=words):
        settings.load(file, {})


def test_a_commitment_for_which_there_is_an_archive_is_none(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    where = 'host = "h"\nport = 104\nae_title = "A"\n'
    peer, destination = f'[[peer]]\nname = "vna"\nae_titles = ["A"]\narchive = true\n{where}', f'[[destination]]\nname = "a"\n{where}'
    file.write_text(f'[node]\nae_title = "EMBER"\nstorage = "x"\n[receiver]\ncommitment = true\n{peer}{destination}proof = "commitment"\n')
    assert settings.load(file, {}).peer[0].archive
