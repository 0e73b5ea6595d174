"""What `ember check` says of ports, TLS, peers and query services."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from authority import Authority, Files
from knocking import MemoryBook, listening
from network import serving
from pynetdicom.sop_class import Verification

from node import check
from node.app import SystemClock
from node.commands import doors
from node.commands.doors import Warned
from node.domain.callers import TurnedAway
from node.errors import SettingsError, TemporaryError
from node.receive.listener import Door
from node.settings import Settings, load
from node.settings.network import PeerSection
from node.tls import Credentials
from node.workflow.store.database import Store

IMPLICIT = "1.2.840.10008.1.2"
SCANNER = '[[peer]]\nname = "mr3t"\nae_titles = ["MR3T"]\n'
HERE = f'{SCANNER}addresses = ["127.0.0.1"]\n'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def settings(folder: Path, text: str = "", *, receiver: Sequence[str] = ()) -> Settings:
    file = folder / "node.toml"
    lines = ['[node]\nstorage = "storage"', "[receiver]", 'host = "127.0.0.1"', *receiver, text]
    file.write_text("\n".join(lines), encoding="utf-8")
    return load(file, {})


def tls(files: Files, **more: str) -> str:
    named = {"certificate": files.certificate, "key": files.key, "trusted": files.trusted} | more
    return "\n".join(["[tls]", *(f'{key} = "{file}"' for key, file in named.items())]) + "\n"


def test_a_free_port_says_that_the_node_is_not_running(tmp_path: Path) -> None:
    with listening() as place:
        number = place.receiver.port
    assert "is free" in doors.port(settings(tmp_path, receiver=[f"port = {number}"]))


def test_our_own_receiver_is_asked_as_a_peer_that_may_call_from_here(tmp_path: Path) -> None:
    with listening() as place:
        told = doors.port(settings(tmp_path, HERE, receiver=[f"port = {place.receiver.port}"]))
    assert "answers C-ECHO" in told
    assert "0x0000" in told


def test_where_no_peer_is_of_this_machine_being_turned_away_proves_that_it_runs_and_leaves_no_trace(tmp_path: Path) -> None:
    book = MemoryBook()
    elsewhere = f'{SCANNER}addresses = ["10.1.2.3"]\n'
    with listening([PeerSection(name="mr3t", ae_titles=("MR3T",), addresses=("10.1.2.3",))], book=book) as place:
        assert "turned us away as it should" in doors.port(settings(tmp_path, elsewhere, receiver=[f"port = {place.receiver.port}"]))
    assert book.batches == []


def test_somebody_else_on_our_port_is_a_fault(tmp_path: Path) -> None:
    with serving([(Verification, IMPLICIT)], [], ae_title="OTHER") as number, pytest.raises(Exception, match="Called AE title"):
        doors.port(settings(tmp_path, HERE, receiver=[f"port = {number}"]))


def test_the_tls_port_is_asked_with_our_own_certificate(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("node", host="ember.hospital.example")
    with listening(doors=(Door("127.0.0.1", 0, Credentials(files)),)) as place:
        text = tls(files) + HERE
        told = doors.tls_port(settings(tmp_path, text, receiver=[f"tls_port = {place.receiver.port}"]))
    assert "answers C-ECHO" in told


def test_the_plain_port_may_be_closed(authority: Authority, tmp_path: Path) -> None:
    text = tls(authority.issue("node"))
    assert doors.port(settings(tmp_path, text, receiver=["plain = false", "tls_port = 2762"])).startswith("none")


def test_tls_files_are_read_and_their_dates_told(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("node")
    files.key.chmod(0o600)
    told = doors.tls(settings(tmp_path, tls(files, revoked=str(authority.revoke(days=3)))))

    assert told.startswith("our certificate is good until 2")
    assert not isinstance(told, Warned)
    assert doors.tls(settings(tmp_path)).startswith("none")


def test_what_ends_soon_is_a_warning_and_what_has_ended_a_fault(authority: Authority, tmp_path: Path) -> None:
    soon = doors.tls(settings(tmp_path, tls(authority.issue("soon", days=12.5))))

    assert isinstance(soon, Warned)
    assert "our certificate ends in 12 days" in soon
    with pytest.raises(SettingsError, match="our certificate ended on"):
        doors.tls(settings(tmp_path, tls(authority.issue("late", days=-1))))
    with pytest.raises(SettingsError, match="list of revoked certificates of CN=Test CA,C=CH ended on"):
        doors.tls(settings(tmp_path, tls(authority.issue("node"), revoked=str(authority.revoke(days=-1)))))


def test_a_key_that_others_may_read_is_a_warning(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("open")
    files.key.chmod(0o644)
    told = doors.tls(settings(tmp_path, tls(files)))

    assert isinstance(told, Warned)
    assert "chmod 600" in told


def test_with_no_peer_nobody_may_send_and_that_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"add a \[\[peer\]\]"):
        doors.peers(settings(tmp_path))


def test_strangers_and_open_doors_are_told(tmp_path: Path) -> None:
    site = settings(tmp_path, SCANNER)
    assert doors.peers(site) == "1 in the settings, 0 let in by `ember callers accept`; from any address, since none is named: mr3t"
    store = Store(site.node.storage, SystemClock())
    now = SystemClock().now()
    store.callers.turned_away([TurnedAway("NEW", "EMBER", "10.1.2.3", "", "no peer has this AE title", 1, now, now)])
    told = doors.peers(site)
    store.callers.accept("NEW", "10.1.2.3", name="new", author="tester", reason="known")
    store.close()

    assert isinstance(told, Warned)
    assert "1 turned away" in told
    assert "1 let in" in doors.peers(settings(tmp_path))


def test_a_query_service_is_asked_by_echo(tmp_path: Path) -> None:
    with serving([(Verification, IMPLICIT)], [], ae_title="PACS") as number:
        text = f'{SCANNER}ask = "counts"\nhost = "127.0.0.1"\nport = {number}\nae_title = "PACS"\ntimeout_s = 2\n'
        site = settings(tmp_path, text)
        assert "PACS at 127.0.0.1" in doors.query_service(site.peer[0], site)
    with pytest.raises(TemporaryError, match="unreachable"):
        doors.query_service(site.peer[0], site)


def test_warnings_are_marked_and_fail_nothing() -> None:
    items = [check._try("a", lambda: "fine"), check._try("b", lambda: Warned("look")), check._try("c", fail)]

    assert [line[:4] for line in check.text(tuple(items), 100).splitlines()] == ["ok  ", "warn", "FAIL"]
    assert [item.passed for item in items] == [True, True, False]


def fail() -> str:
    raise TemporaryError("no")
