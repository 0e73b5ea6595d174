"""The upper layer protocol, byte for byte: what is legal is taken in every form, what is not is aborted with its reason."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator

import pytest
from memory_inlet import Port, listening
from streams import (
    ABORT,
    DATASET,
    ECHO,
    EXPLICIT,
    IMPLICIT,
    MR,
    RELEASE,
    associate,
    command,
    data,
    echo_request,
    element,
    elements,
    exchange,
    fragment,
    item,
    message,
    pdu,
    proposal,
    role,
    short,
    statuses,
    store_request,
    uid,
)

COMMITMENT = "1.2.840.10008.1.20.1"


@pytest.fixture(scope="module")
def open_port() -> Iterator[Port]:
    with listening(handshake_timeout_s=1.0, idle_timeout_s=1.0) as port:
        yield port


@pytest.fixture
def port(open_port: Port) -> Port:
    """The same port for all tests, with nothing remembered."""
    open_port.settle()
    open_port.inlet.comings.clear()
    open_port.inlet.ends.clear()
    return open_port


def kinds(pdus: list[bytes]) -> list[int]:
    return [each[0] for each in pdus]


def how(port: Port) -> list[str]:
    port.settle()
    return list(port.inlet.ends.values())


STORE = store_request()

LEGAL_IMAGES = {
    "a fragment a PDU": data(fragment(STORE, command=True)) + data(fragment(DATASET)),
    "all in one PDU": data(fragment(STORE, command=True), fragment(DATASET)),
    "the command in pieces": data(fragment(STORE[:1], command=True, last=False), fragment(STORE[1:7], command=True, last=False))
    + data(fragment(STORE[7:], command=True))
    + data(fragment(DATASET)),
    "the data set in pieces": data(fragment(STORE, command=True), fragment(DATASET[:5], last=False))
    + data(fragment(DATASET[5:6], last=False), fragment(DATASET[6:])),
    "empty fragments": data(fragment(b"", command=True, last=False), fragment(STORE, command=True), fragment(b"", last=False))
    + data(fragment(DATASET, last=False))
    + data(fragment(b"")),
    "reserved bits of the control header set": data(struct.pack(">IBB", len(STORE) + 2, 1, 0xFF) + STORE)
    + data(struct.pack(">IBB", len(DATASET) + 2, 1, 0xFE) + DATASET),
    "no group length": message(STORE[12:], DATASET),
    "an odd command element": message(STORE + element(0x1030, b"ODD"), DATASET),
    "an instance UID of odd length without padding": message(
        command(uid(2, MR), short(0x100, 1), short(0x110, 1), short(0x800, 0), element(0x1000, b"1.2.3.4")), DATASET
    ),
    "a UID padded by a blank": message(
        command(uid(2, MR), short(0x100, 1), short(0x110, 1), short(0x800, 0), element(0x1000, b"1.2.3.4 ")), DATASET
    ),
    "an element of another group": message(STORE + element(0x10, b"who?", group=8), DATASET),
    "data set type 0x0000": message(store_request(dataset_type=0x0000), DATASET),
    "data set type 0xFEFE": message(store_request(dataset_type=0xFEFE), DATASET),
}


@pytest.mark.parametrize("stream", LEGAL_IMAGES.values(), ids=LEGAL_IMAGES)
def test_an_image_is_taken_in_every_legal_form(port: Port, stream: bytes) -> None:
    answers = exchange(port.number, [associate(), stream, RELEASE])

    assert kinds(answers) == [0x02, 0x04, 0x06]
    assert statuses(answers) == [0x0000]
    (kept,) = port.inlet.kept
    assert bytes(kept.dataset) == DATASET
    assert kept.arriving.sop_instance_uid == "1.2.3.4"
    assert how(port) == ["released"]


def test_a_stream_may_be_cut_anywhere(port: Port) -> None:
    stream = associate() + message(STORE, DATASET) + message(echo_request(2), context_id=3) + RELEASE
    answers = exchange(port.number, (stream[begin : begin + 7] for begin in range(0, len(stream), 7)))

    assert kinds(answers) == [0x02, 0x04, 0x04, 0x06]
    assert statuses(answers) == [0, 0]


def test_a_thousand_messages_may_be_sent_before_the_first_answer_is_read(port: Port) -> None:
    stream = associate() + b"".join(message(store_request(message_id=n % 65536), DATASET) for n in range(1000)) + RELEASE
    answers = exchange(port.number, [stream])

    assert [struct.unpack("<H", elements(a)[0x120])[0] for a in answers[1:-1]] == list(range(1000))
    assert len(port.inlet.kept) == 1000


UNRECOGNIZED_PDU, UNEXPECTED_PDU, UNEXPECTED_PARAMETER, INVALID = 1, 2, 5, 6

ILLEGAL = {
    "a type of PDU that is none": (pdu(0x42, b"1234"), UNRECOGNIZED_PDU),
    "a second request": (associate(), UNEXPECTED_PDU),
    "an acceptance": (pdu(0x02, bytes(68)), UNEXPECTED_PDU),
    "an answer to a release that nobody asked for": (pdu(0x06, bytes(4)), UNEXPECTED_PDU),
    "a data PDU without a fragment": (pdu(0x04, b""), INVALID),
    "a data PDU that ends within a header": (pdu(0x04, bytes(5)), INVALID),
    "a fragment longer than its PDU": (pdu(0x04, fragment(STORE, command=True, length=len(STORE) + 3)), INVALID),
    "a fragment shorter than its header": (pdu(0x04, fragment(STORE, command=True, length=1)), INVALID),
    "a context that was not accepted": (message(STORE, DATASET, context_id=5), INVALID),
    "a data set without a command": (data(fragment(DATASET)), UNEXPECTED_PARAMETER),
    "a command within a data set": (
        data(fragment(STORE, command=True), fragment(DATASET, last=False), fragment(STORE, command=True)),
        UNEXPECTED_PARAMETER,
    ),
    "a command on two contexts": (
        data(fragment(STORE[:9], command=True, last=False), fragment(STORE[9:], command=True, context_id=3)),
        INVALID,
    ),
    "a data set on another context": (data(fragment(STORE, command=True), fragment(DATASET, context_id=3)), INVALID),
    "a command that ends within an element": (message(STORE[:-3]), INVALID),
    "a command element of a gigabyte": (message(struct.pack("<HHI", 0, 2, 1 << 30)), INVALID),
    "an empty command": (message(b""), INVALID),
    "no message ID": (message(command(uid(2, MR), short(0x100, 1), short(0x800, 0), uid(0x1000, "1.2.3"))), INVALID),
    "no command field": (message(command(uid(2, MR), short(0x110, 1), short(0x800, 0), uid(0x1000, "1.2.3"))), INVALID),
    "a command field of four bytes": (message(command(uid(2, MR), element(0x100, b"\1\0\0\0"), short(0x110, 1), short(0x800, 0))), INVALID),
    "a command of a mebibyte": (data(*[fragment(bytes(8000), command=True, last=False)] * 9), INVALID),
    "a PDU longer than agreed": (pdu(0x04, b"", length=131072 + 13), INVALID),
    "a PDU of four gibibytes": (pdu(0x04, b"", length=0xFFFFFFFF), INVALID),
}


@pytest.mark.parametrize(("stream", "reason"), ILLEGAL.values(), ids=ILLEGAL)
def test_what_is_illegal_is_aborted_and_nothing_is_kept(port: Port, stream: bytes, reason: int) -> None:
    opening = message(store_request("1.2.9"), DATASET)
    answers = exchange(port.number, [associate(), opening, stream])

    assert kinds(answers) == [0x02, 0x04, 0x07]
    assert answers[-1][8:] == bytes((2, reason))
    assert [kept.arriving.sop_instance_uid for kept in port.inlet.kept] == ["1.2.9"]
    assert how(port) == ["aborted"]
    assert port.door.inside == 0


BEFORE = {
    "garbage": (b"GET / HTTP/1.1\r\nHost: ember\r\n\r\n", UNRECOGNIZED_PDU),
    "data before a request": (message(STORE, DATASET), UNEXPECTED_PDU),
    "a release before a request": (RELEASE, UNEXPECTED_PDU),
    "a request of a gigabyte": (pdu(0x01, b"", length=1 << 30), INVALID),
    "a request that is too short": (pdu(0x01, bytes(67)), INVALID),
    "an item that is longer than the request": (pdu(0x01, bytes(68) + b"\x10\0\xff\xff"), INVALID),
    "an item that is cut off": (pdu(0x01, bytes(68) + b"\x10\0"), INVALID),
    "a context without anything in it": (pdu(0x01, bytes(68) + item(0x20, b"")), INVALID),
    "a role that is longer than its item": (associate(user=item(0x54, b"\xff\xff1.2")), INVALID),
}


@pytest.mark.parametrize(("stream", "reason"), BEFORE.values(), ids=BEFORE)
def test_what_is_no_request_is_aborted(port: Port, stream: bytes, reason: int) -> None:
    answers = exchange(port.number, [stream])

    assert [a[:1] + a[8:] for a in answers] == [bytes((7, 2, reason))]
    assert port.door.inside == 0


REJECTED = {
    "another protocol version": (associate(version=2), (1, 2, 2)),
    "another application context": (associate(application=b"1.2.3"), (1, 1, 2)),
    "a name that is not ours": (associate(called=b"ARCHIVE"), (1, 1, 7)),
    "a stranger": (associate(calling=b"STRANGER"), (1, 1, 3)),
}


@pytest.mark.parametrize(("stream", "reasons"), REJECTED.values(), ids=REJECTED)
def test_a_request_that_cannot_be_accepted_is_rejected_with_its_reason(port: Port, stream: bytes, reasons: tuple[int, ...]) -> None:
    answers = exchange(port.number, [stream])

    assert answers == [bytes((3, 0, 0, 0, 0, 4, 0, *reasons))]
    assert port.door.inside == 0


def test_items_that_nobody_knows_and_a_user_identity_are_passed_over(port: Port) -> None:
    user = item(0x58, b"\x02\x01\x00\x04name\x00\x06secret") + item(0x53, b"\0\5\0\5") + item(0x77, b"what?") + item(0x56, b"\0\x031.2\0")
    answers = exchange(port.number, [associate(proposal(1), item(0x99, b"?"), user=user), message(STORE, DATASET), RELEASE])

    assert kinds(answers) == [0x02, 0x04, 0x06]
    assert item(0x53, b"\0\5\0\5") not in answers[0]


def results(acceptance: bytes) -> dict[int, int]:
    """Context ID → result, of an A-ASSOCIATE-AC."""
    found, rest = {}, acceptance[74:]
    while rest:
        kind, length = struct.unpack_from(">BxH", rest)
        if kind == 0x21:
            found[rest[4]] = rest[6]
        rest = rest[4 + length :]
    return found


def test_128_contexts_are_answered_one_by_one(port: Port) -> None:
    proposals = [proposal(n, MR if n % 3 else "1.2.840.10008.5.1.4.1.1.2") for n in range(1, 256, 2)]
    found = results(exchange(port.number, [associate(*proposals), RELEASE])[0])

    assert found == {n: 0 if n % 3 else 3 for n in range(1, 256, 2)}


def test_contexts_with_even_or_repeated_numbers_are_refused_and_the_others_work(port: Port) -> None:
    proposals = [proposal(n) for n in (1, 2, 0, 5, 5)]
    answers = exchange(port.number, [associate(*proposals), message(STORE, DATASET), RELEASE])

    assert results(answers[0]) == {1: 0, 2: 2, 0: 2, 5: 2}
    assert statuses(answers) == [0]


@pytest.mark.parametrize("odd", ["", "x" * 65000, "1.2.é", "../.."])
def test_contexts_with_uids_that_are_none_are_refused_and_the_others_work(port: Port, odd: str) -> None:
    proposals = [proposal(1), proposal(3, odd), proposal(5, MR, (odd,)), proposal(7, MR, ())]
    answers = exchange(port.number, [associate(*proposals), message(STORE, DATASET), RELEASE])

    assert results(answers[0]) == {1: 0, 3: 3, 5: 4, 7: 4}
    assert statuses(answers) == [0]


def test_a_title_with_what_may_stand_in_none_is_nobodys(port: Port) -> None:
    answers = exchange(port.number, [associate(called=b"EMBER\n\x1b[2J")])

    assert kinds(answers) == [0x03]


def test_titles_come_back_as_they_were_sent(port: Port) -> None:
    request = associate(called=b"  EMBER\0", calling=b"MR 3T")
    answers = exchange(port.number, [request, RELEASE])

    assert answers[0][10:74] == request[10:74]


def test_a_peer_with_small_pdus_gets_answers_in_small_pdus(port: Port) -> None:
    answers = exchange(port.number, [associate(max_length=40), message(STORE, DATASET), RELEASE])

    parts = [a for a in answers if a[0] == 0x04]
    assert all(len(part) <= 46 for part in parts)
    assert [part[11] for part in parts] == [1] * (len(parts) - 1) + [3]
    assert statuses([parts[0][:12] + b"".join(part[12:] for part in parts)]) == [0]


@pytest.mark.parametrize("scu_scp", [(0, 1), (1, 1)])
def test_an_archive_may_take_the_providers_role_of_storage_commitment(port: Port, scu_scp: tuple[int, int]) -> None:
    answers = exchange(port.number, [associate(proposal(1, COMMITMENT), user=role(COMMITMENT, *scu_scp)), RELEASE])

    assert results(answers[0]) == {1: 0}
    assert role(COMMITMENT, 0, 1) in answers[0]


def test_nobody_may_ask_for_storage_commitment_unless_the_site_allows_it(port: Port) -> None:
    request = associate(proposal(1, COMMITMENT))
    refused = exchange(port.number, [request, RELEASE])
    with listening(commitment=True) as allowing:
        accepted = exchange(allowing.number, [request, RELEASE])

    assert results(refused[0]) == {1: 1}
    assert results(accepted[0]) == {1: 0}


def test_a_provider_of_storage_that_wants_to_be_asked_is_refused(port: Port) -> None:
    answers = exchange(port.number, [associate(proposal(1), user=role(MR, 0, 1)), RELEASE])

    assert results(answers[0]) == {1: 1}


def test_an_abort_within_an_image_drops_it(port: Port) -> None:
    half = data(fragment(STORE, command=True), fragment(DATASET, last=False))
    answers = exchange(port.number, [associate(), half, ABORT])

    assert kinds(answers) == [0x02]
    assert how(port) == ["aborted"]
    assert [coming.state for coming in port.inlet.comings] == ["dropped"]


@pytest.mark.parametrize("cut", [3, 100, 200, 300])
def test_a_connection_that_ends_within_an_image_drops_it(port: Port, cut: int) -> None:
    answers = exchange(port.number, [associate(), message(store_request("1.2.9"), DATASET), message(STORE, DATASET)[:cut]])

    assert kinds(answers) == [0x02, 0x04]
    assert how(port) == ["lost"]
    assert [kept.arriving.sop_instance_uid for kept in port.inlet.kept] == ["1.2.9"]


def test_a_release_within_an_image_drops_it_and_is_answered(port: Port) -> None:
    half = data(fragment(STORE, command=True), fragment(DATASET, last=False))
    answers = exchange(port.number, [associate(), half, RELEASE])

    assert kinds(answers) == [0x02, 0x06]
    assert [coming.state for coming in port.inlet.comings] == ["dropped"]


def test_what_follows_a_release_is_never_read(port: Port) -> None:
    answers = exchange(port.number, [associate(), RELEASE, message(STORE, DATASET)])

    assert kinds(answers) == [0x02, 0x06]
    assert port.inlet.comings == []


def test_a_cancel_and_an_answer_that_was_never_asked_for_are_passed_over(port: Port) -> None:
    cancel = message(command(short(0x100, 0x0FFF), short(0x120, 1), short(0x800, 0x0101)))
    answer = message(command(uid(2, MR), short(0x100, 0x8001), short(0x120, 1), short(0x800, 0x0101), short(0x900, 0)))
    answers = exchange(port.number, [associate(), cancel, answer, message(STORE, DATASET), RELEASE])

    assert kinds(answers) == [0x02, 0x04, 0x06]


@pytest.mark.parametrize("begun", [b"", associate()[:40], associate(), associate() + message(STORE, DATASET)[:-9]])
def test_a_silent_peer_is_cut_off(port: Port, begun: bytes) -> None:
    before = time.monotonic()
    answers = exchange(port.number, [begun], close=False)

    assert kinds(answers)[-1] == 0x07
    assert time.monotonic() - before < 2.5
    assert port.inlet.kept == []


def test_a_byte_now_and_then_keeps_no_connection_open(port: Port) -> None:
    def slowly() -> Iterator[bytes]:
        for byte in associate():
            yield bytes((byte,))
            time.sleep(0.3)

    before = time.monotonic()
    exchange(port.number, slowly())

    assert time.monotonic() - before < 4


def test_an_object_of_many_megabytes_takes_no_memory(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr("memory_inlet.Coming.write", lambda self, piece: sizes.append(len(piece)))
    body = os.urandom(1 << 16)
    request = (data(fragment(body, last=False)) for _ in range(1024))
    answers = exchange(port.number, [associate(), message(STORE), *request, data(fragment(b"")), RELEASE])

    assert statuses(answers) == [0]
    assert sum(sizes) == 64 << 20
    assert max(sizes) <= 256 * 1024


def test_implicit_and_explicit_echo_and_other_classes_are_told_apart(port: Port) -> None:
    contexts = (proposal(1, ECHO, (IMPLICIT, EXPLICIT)), proposal(3, "1.2.840.10008.5.1.4.1.2.2.1", (IMPLICIT,)))
    answers = exchange(port.number, [associate(*contexts), message(echo_request()), RELEASE])

    assert results(answers[0]) == {1: 0, 3: 3}
    assert statuses(answers) == [0]
