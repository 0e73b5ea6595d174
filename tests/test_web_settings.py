"""The web port and the destinations of DICOMweb and folders, as the command line sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node import settings
from node.cli import main
from node.errors import SettingsError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(f'[node]\nstorage = "{tmp_path / "storage"}"\n[receiver]\nmin_free_gib = 0\n', encoding="utf-8")
    return path


def add(config: Path, lines: str) -> None:
    config.write_text(f"{config.read_text(encoding='utf-8')}{lines}\n", encoding="utf-8")


def ember(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *words])


def checked(config: Path) -> dict[str, tuple[bool, str]]:
    return {item["name"]: (item["passed"], item["text"]) for item in json.loads(ember(config, "check", "--json").output)}


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "pacs.hospital.example", "::", ""])
def test_a_port_that_others_reach_needs_tokens(config: Path, host: str) -> None:
    add(config, f'[web]\nport = 8042\nhost = "{host}"')
    with pytest.raises(SettingsError, match=r"web: host .* needs a file of tokens"):
        settings.load(config, {})
    done = ember(config, "check")
    assert done.exit_code == 2
    assert "web-token" in done.output
    assert ember(config, "serve").exit_code == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.7"])
def test_a_port_that_nobody_else_reaches_needs_none(config: Path, host: str) -> None:
    add(config, f'[web]\nport = 8042\nhost = "{host}"')

    assert settings.load(config, {}).web.host == host


def test_without_a_port_nothing_is_asked_for(config: Path) -> None:
    add(config, '[web]\nhost = "0.0.0.0"')

    assert checked(config)["web"] == (True, "off: [web] has no port")


def test_a_token_is_told_once_and_its_line_lets_it_in(config: Path, tmp_path: Path) -> None:
    add(config, '[web]\nport = 8042\nhost = "0.0.0.0"\ntokens = "web.tokens"')
    told = ember(config, "web-token", "mr3t").output.split()
    token, line = told[told.index("now:") + 1], " ".join(told[-2:])
    (tmp_path / "web.tokens").write_text(line + "\n")
    found = checked(config)["web"]

    assert token not in line
    assert str(tmp_path / "web.tokens") in " ".join(told)
    assert found[0]
    assert "1 callers with a token" in found[1]
    assert "without TLS" in found[1]


def test_a_broken_file_of_tokens_is_told_by_check_and_stops_the_start(config: Path, tmp_path: Path) -> None:
    add(config, '[web]\nport = 8042\ntokens = "web.tokens"')
    (tmp_path / "web.tokens").write_text("mr3t secret\n")

    assert not checked(config)["web"][0]
    assert "line 1" in checked(config)["web"][1]
    done = ember(config, "serve")
    assert done.exit_code == 2
    assert "secret" not in done.output


def test_check_tries_folders_and_dicomweb_servers(config: Path, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    for name, lines in (
        ("share", 'kind = "folder"\nfolder = "share"'),
        ("away", 'kind = "folder"\nfolder = "not-mounted"'),
        ("web", 'kind = "stow"\nurl = "http://127.0.0.1:9/dicom-web"'),
    ):
        add(config, f'[[destination]]\nname = "{name}"\n{lines}')
    found = checked(config)

    assert found["destination share"][0]
    assert list((tmp_path / "share").iterdir()) == []
    assert not found["destination away"][0]
    assert not (tmp_path / "not-mounted").exists()
    assert not found["destination web"][0]
    assert "unreachable" in found["destination web"][1]
