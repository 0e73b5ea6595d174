"""STOW-RS to a server that answers as a test tells it to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from ssl import SSLContext

import pytest
from authority import Authority
from network import Receipts, instance, parcel, write
from stow_server import ScriptedServer, serving_http, stow_answer

from node.deliver import Held, Outcome
from node.deliver.exchange import HttpServer
from node.deliver.stow import BATCH_OBJECTS, StowDestination
from node.domain.ports import DeliveryState
from node.errors import RefusedError, TemporaryError
from node.tls import client_context, server_context, server_context_without_callers


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


@pytest.fixture
def archive(server: ScriptedServer) -> Iterator[StowDestination]:
    with serving_http(server) as url:
        yield destination(url)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [write(instance(number), tmp_path / "outbox") for number in range(3)]


def destination(url: str, *, token: Path | None = None, tls: SSLContext | None = None, timeout_s: float = 2.0) -> StowDestination:
    return StowDestination("archive", HttpServer("archive", url, token=token, tls=tls, timeout_s=timeout_s))


def fates(outcome: Outcome) -> tuple[int, int, int, int]:
    return len(outcome.stored), len(outcome.refused), len(outcome.not_taken), len(outcome.postponed)


def test_a_server_gets_the_frozen_bytes_and_each_object_its_receipt(
    archive: StowDestination, server: ScriptedServer, paths: list[Path]
) -> None:
    receipts = Receipts()
    outcome = archive.send([parcel(path) for path in paths], receipts)

    assert server.posted == [[(path.stem, path.read_bytes()) for path in paths]]
    assert outcome.stored == tuple((path.stem, "answered 200") for path in paths)
    assert [told[0] for told in receipts.told] == ["sending"] * 3 + ["stored"] * 3
    assert outcome.away == ""


def test_a_request_carries_a_handful(archive: StowDestination, server: ScriptedServer, tmp_path: Path) -> None:
    parcels = [parcel(write(instance(number), tmp_path / "many")) for number in range(BATCH_OBJECTS + 3)]

    assert fates(archive.send(parcels, Receipts()))[0] == BATCH_OBJECTS + 3
    assert [len(request) for request in server.uids] == [BATCH_OBJECTS, 3]


@pytest.mark.parametrize(
    ("reason", "required", "expected"),
    [
        (0x0122, True, (2, 1, 0, 0)),
        (0x0122, False, (2, 0, 1, 0)),
        (0xA700, True, (2, 0, 0, 1)),
        (0xA900, True, (2, 1, 0, 0)),
        (0xC000, True, (2, 1, 0, 0)),
        (0x0110, True, (2, 0, 0, 1)),
        (0x0111, True, (3, 0, 0, 0)),
    ],
)
def test_an_object_fares_by_its_own_failure_reason(
    archive: StowDestination, server: ScriptedServer, paths: list[Path], reason: int, required: bool, expected: tuple[int, ...]
) -> None:
    server.refuse = lambda uid: reason if uid == paths[1].stem else 0

    assert fates(archive.send([parcel(path, required=required) for path in paths], Receipts())) == expected
    assert len(server.posted) == 1


@pytest.mark.parametrize("status", [400, 409, 413, 415, 500])
def test_an_answer_for_a_request_as_a_whole_is_taken_apart(
    archive: StowDestination, server: ScriptedServer, paths: list[Path], status: int
) -> None:
    server.whole = lambda uids: (status, b"") if paths[1].stem in uids else None
    outcome = archive.send([parcel(path) for path in paths], Receipts())

    assert [uid for uid, _ in outcome.stored] == [paths[0].stem, paths[2].stem]
    (fate,) = outcome.postponed if status == 500 else outcome.refused
    assert fate[0] == paths[1].stem
    assert str(status) in fate[1]
    assert server.uids == [[path.stem for path in paths], *([path.stem] for path in paths)]


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 429, 502, 503, 504, 507])
def test_a_server_that_lets_nobody_in_postpones_everything_after_one_request(
    archive: StowDestination, server: ScriptedServer, tmp_path: Path, status: int
) -> None:
    server.whole = lambda uids: (status, b"")
    parcels = [parcel(write(instance(number), tmp_path / "many")) for number in range(BATCH_OBJECTS + 3)]
    receipts = Receipts()
    outcome = archive.send(parcels, receipts)

    assert fates(outcome) == (0, 0, 0, BATCH_OBJECTS + 3)
    assert str(status) in outcome.away
    assert len(server.posted) == 1
    assert {what for what, _, _ in receipts.told if what != "sending"} == {"postponed"}


def test_a_disk_that_fills_half_way_keeps_what_it_took(archive: StowDestination, server: ScriptedServer, paths: list[Path]) -> None:
    server.whole = lambda uids: (507, stow_answer(uids[:1], dict.fromkeys(uids[1:], 42752)))
    outcome = archive.send([parcel(path) for path in paths], Receipts())

    assert fates(outcome) == (1, 0, 0, 2)
    assert "507" in outcome.away


def test_an_answer_without_a_body_is_taken_at_its_word(archive: StowDestination, server: ScriptedServer, paths: list[Path]) -> None:
    server.whole = lambda uids: (200, b"")

    assert fates(archive.send([parcel(path) for path in paths], Receipts())) == (3, 0, 0, 0)


def test_an_object_that_an_answer_forgets_stays_in_doubt(archive: StowDestination, server: ScriptedServer, paths: list[Path]) -> None:
    server.whole = lambda uids: (200, stow_answer(uids[:2], {}))
    receipts = Receipts()
    outcome = archive.send([parcel(path) for path in paths], receipts)

    assert fates(outcome) == (2, 0, 0, 1)
    assert [what for what, uid, _ in receipts.told if uid == paths[2].stem] == ["sending"]


def test_what_is_in_doubt_is_asked_for_before_it_is_sent_again(archive: StowDestination, server: ScriptedServer, paths: list[Path]) -> None:
    server.known = {paths[0].stem}
    outcome = archive.send([parcel(path, DeliveryState.SENDING) for path in paths], Receipts())

    assert outcome.stored[0] == (paths[0].stem, "found by QIDO-RS")
    assert fates(outcome) == (3, 0, 0, 0)
    assert server.uids == [[paths[1].stem, paths[2].stem]]


def test_a_server_that_is_down_postpones_and_is_called_away(paths: list[Path]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        receipts = Receipts()
        outcome = destination(f"http://127.0.0.1:{nobody.getsockname()[1]}").send([parcel(path) for path in paths], receipts)

    assert fates(outcome) == (0, 0, 0, 3)
    assert "unreachable" in outcome.away
    assert [what for what, _, _ in receipts.told].count("postponed") == 3


@pytest.mark.parametrize("talk", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"], ids=["silent", "one byte at a time"])
def test_a_server_without_end_is_cut_off_and_leaves_the_objects_in_doubt(paths: list[Path], talk: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener, talk))
        thread.start()
        begun, receipts = time.monotonic(), Receipts()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        outcome = destination(address, timeout_s=0.4).send([parcel(paths[0])], receipts)
        thread.join()

    assert time.monotonic() - begun < 5
    assert fates(outcome) == (0, 0, 0, 1)
    assert receipts.told == [("sending", paths[0].stem, "")]


def drip(listener: socket.socket, talk: bytes) -> None:
    """Take one connection, and say a byte at a time for as long as it lasts."""
    line, _ = listener.accept()
    with line:
        try:
            line.sendall(talk)
            for _ in range(100):
                time.sleep(0.05)
                line.sendall(b" " if talk else b"")
                line.settimeout(0.01)
                try:
                    if talk == b"" and line.recv(65536) == b"":
                        return
                except TimeoutError:
                    pass
        except OSError:
            pass


def test_proof_comes_from_a_search_and_is_never_what_was_sent(archive: StowDestination, server: ScriptedServer, paths: list[Path]) -> None:
    server.known = {paths[0].stem, paths[2].stem}
    proofs = archive.prove([parcel(path, DeliveryState.STORED) for path in paths])

    assert [proof.held for proof in proofs] == [Held.YES, Held.NO, Held.YES]
    assert [proof.sop_instance_uid for proof in proofs] == [path.stem for path in paths]
    assert server.posted == []


@pytest.mark.parametrize(
    ("search", "metadata", "expected"),
    [
        ((404, b""), (200, None), Held.YES),
        ((501, b""), (404, b""), Held.NO),
        ((405, b""), (501, b""), Held.UNASKABLE),
        ((503, b""), (200, None), Held.UNKNOWN),
        ((200, b"no JSON"), (200, None), Held.NO),
        ((204, b""), (200, None), Held.NO),
    ],
)
def test_metadata_prove_where_there_is_no_search(
    archive: StowDestination,
    server: ScriptedServer,
    paths: list[Path],
    search: tuple[int, bytes],
    metadata: tuple[int, bytes | None],
    expected: Held,
) -> None:
    told = b'[{"00080018": {"vr": "UI", "Value": ["%s"]}}]' % paths[0].stem.encode()
    server.search = lambda path: (metadata[0], told if metadata[1] is None else metadata[1]) if path.endswith("/metadata") else search

    (proof,) = archive.prove([parcel(paths[0])])
    assert proof.held is expected


def test_a_server_that_is_down_leaves_the_proof_open(paths: list[Path]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        (proof,) = destination(f"http://127.0.0.1:{nobody.getsockname()[1]}").prove([parcel(paths[0])])

    assert proof.held is Held.UNKNOWN


def test_the_token_is_read_anew_for_each_request_and_never_told(server: ScriptedServer, paths: list[Path], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    with serving_http(server) as url:
        archive = destination(url, token=token)
        archive.send([parcel(paths[0])], Receipts())
        token.write_text("second\n")
        archive.prove([parcel(paths[0])])
        token.unlink()
        outcome = archive.send([parcel(paths[1])], Receipts())

    assert [headers["Authorization"] for headers in server.headers] == ["Bearer first", "Bearer second"]
    assert fates(outcome) == (0, 0, 0, 1)
    assert "second" not in outcome.away


def test_a_file_that_holds_no_token_is_told_without_what_it_holds(paths: list[Path], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("# of the archive\nsecret\n")
    with serving_http(ScriptedServer()) as url:
        outcome = destination(url, token=token).send([parcel(paths[0])], Receipts())

    assert fates(outcome) == (0, 0, 0, 1)
    assert "expected one bearer token" in outcome.away
    assert "secret" not in outcome.away


def test_a_check_asks_for_one_study(archive: StowDestination, server: ScriptedServer) -> None:
    assert "answers QIDO-RS" in archive.check()
    assert server.searched == ["/dicom-web/studies?limit=1"]
    server.search = lambda path: (401, b"")
    with pytest.raises(RefusedError, match="401"):
        archive.check()
    with pytest.raises(TemporaryError, match="unreachable"):
        destination("http://127.0.0.1:9").check()


def test_tls_is_spoken_with_whom_the_authority_vouches_for_alone(server: ScriptedServer, paths: list[Path], tmp_path: Path) -> None:
    authority, rogue = Authority(tmp_path / "ca"), Authority(tmp_path / "rogue", "Rogue")
    context = client_context(authority.issue("node"))
    with serving_http(server, server_context(authority.issue("archive"))) as url:
        good = destination(url, tls=context).send([parcel(paths[0])], Receipts())
    with serving_http(server, server_context_without_callers(rogue.issue("archive"))) as url:
        bad = destination(url, tls=context).send([parcel(paths[1])], Receipts())

    assert fates(good) == (1, 0, 0, 0)
    assert fates(bad) == (0, 0, 0, 1)
    assert "unreachable" in bad.away
    assert server.uids == [[paths[0].stem]]
