"""Callers that were turned away, in the register and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.app import SystemClock
from node.cli import main
from node.domain.callers import AcceptedCaller, TurnedAway
from node.errors import DataError, TemporaryError
from node.workflow.store import callers as rows
from node.workflow.store.database import Store

BEGUN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
KEY = "ab" * 32


def caller(title: str = "NEW", host: str = "10.1.2.3", *, minute: int = 0, times: int = 1, certificate: str = "") -> TurnedAway:
    at = BEGUN + timedelta(minutes=minute)
    return TurnedAway(title, "EMBER", host, certificate, "no peer has this AE title", times, at, at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "storage", SystemClock())
    store.migrate()
    yield store
    store.close()


def test_one_row_a_title_and_host_however_often_it_calls(store: Store) -> None:
    store.callers.turned_away([caller(times=3), caller("NEW", "10.1.2.4")])
    store.callers.turned_away([caller(times=2, minute=9, certificate=KEY)])

    first, second = store.callers.all()
    assert (first.host, first.times, first.first_at, first.last_at) == ("10.1.2.3", 5, BEGUN, BEGUN + timedelta(minutes=9))
    assert (first.certificate, second.host, second.times) == (KEY, "10.1.2.4", 1)


def test_a_flood_of_titles_does_not_fill_the_register_and_spares_who_was_let_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST", 10)
    store.callers.turned_away([caller("FRIEND")])
    store.callers.accept("FRIEND", "10.1.2.3", name="friend", author="tester", reason="known")
    store.callers.turned_away([caller(f"S{minute}", minute=minute) for minute in range(1, 31)])

    assert [row.calling_ae for row in store.callers.all()] == [*(f"S{minute}" for minute in range(30, 20, -1)), "FRIEND"]


def test_who_was_let_in_stays_so_with_the_certificate_of_then(store: Store) -> None:
    store.callers.turned_away([caller(certificate=KEY)])
    store.callers.accept("NEW", "10.1.2.3", name="pet", author="tester", reason="the new scanner")
    store.callers.turned_away([caller(minute=5, certificate="cd" * 32)])

    assert store.callers.accepted() == (AcceptedCaller("pet", "NEW", "10.1.2.3", KEY),)
    store.callers.forget("NEW", "10.1.2.3")
    assert store.callers.accepted() == store.callers.all() == ()


def test_nobody_unseen_is_let_in_or_forgotten(store: Store) -> None:
    store.callers.turned_away([caller()])
    with pytest.raises(DataError, match=r"nobody called NEW has called from 10\.9\.9\.9"):
        store.callers.accept("NEW", "10.9.9.9", name="pet", author="tester", reason="typing")
    with pytest.raises(DataError):
        store.callers.forget("OLD", "10.1.2.3")


def test_a_register_that_fails_is_told_as_temporary(tmp_path: Path) -> None:
    store = Store(tmp_path, SystemClock())  # not migrated: there is no table
    for work in (store.callers.accepted, lambda: store.callers.turned_away([caller()])):
        with pytest.raises(TemporaryError, match="the register does not answer"):
            work()
    store.close()


class Site:
    """A settings file, and the command."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "node.toml"
        peer = '[[peer]]\nname = "pet"\nae_titles = ["PET"]\n'
        self.config.write_text(f'[node]\nstorage = "{folder / "storage"}"\n{peer}', encoding="utf-8")

    def ember(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.config), *words])


def test_the_command_lists_lets_in_and_forgets(store: Store, tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.ember("callers").output == "Nobody was turned away.\n"
    store.callers.turned_away([caller(certificate=KEY, times=7)])

    listed = site.ember("callers").output.splitlines()
    assert listed[0].split() == ["AE", "TITLE", "HOST", "CALLED", "TIMES", "LAST", "WHY"]
    assert listed[1].startswith("NEW")
    assert "7" in listed[1]
    assert "no peer has this AE title" in listed[1]

    words = ("--as", "pet", "--by", "A. Admin", "--reason", "the new scanner")
    assert (
        "may come in as the peer pet, with the certificate abababababababab…"
        in site.ember("callers", "accept", "NEW", "10.1.2.3", *words).output
    )
    (told,) = json.loads(site.ember("callers", "--json").output)
    assert (told["accepted_as"], told["accepted_by"], told["reason"]) == ("pet", "A. Admin", "the new scanner")
    assert told["first_at"] == BEGUN.isoformat()
    assert "let in as pet by A. Admin: the new scanner" in site.ember("callers").output
    later = replace(
        caller(certificate=KEY), why="called AE title is not ours", called_ae="OTHER", last_at=datetime.now(UTC) + timedelta(hours=1)
    )
    store.callers.turned_away([later])
    words = " ".join(site.ember("callers").output.split())
    assert "OTHER" in words
    assert "the new scanner; turned away since: called AE title is not ours" in words

    assert "may not come in any more" in site.ember("callers", "forget", "NEW", "10.1.2.3").output
    assert store.callers.all() == ()


@pytest.mark.parametrize(("title", "name", "status"), [("NEW", "Not Short", 2), ("", "pet", 1), ("OTHER", "pet", 1)])
def test_what_cannot_be_meant_is_not_let_in(store: Store, tmp_path: Path, title: str, name: str, status: int) -> None:
    store.callers.turned_away([caller(), caller("")])
    done = Site(tmp_path).ember("callers", "accept", title, "10.1.2.3", "--as", name, "--reason", "x")

    assert done.exit_code == status
    assert store.callers.accepted() == ()
