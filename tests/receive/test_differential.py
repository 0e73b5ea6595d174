"""Our side of an association against pynetdicom's: the same bytes go to both, and what is stored and answered agrees, or differs by name.

Bytes are sent step by step, each after the answer to the one before, as a sender does that keeps to the state table of PS3.8: pynetdicom
aborts a peer that sends its first message before the association was accepted (Evt10 in Sta3), and we do not. Reasons of aborts are not
compared: pynetdicom gives none.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_inlet import Port, listening
from stock_acceptor import Stock, stock_acceptor
from streams import (
    ABORT,
    DATASET,
    ECHO,
    MR,
    RELEASE,
    associate,
    command,
    data,
    echo_request,
    elements,
    explicit,
    fragment,
    item,
    message,
    proposal,
    short,
    split,
    store_request,
    uid,
)
from test_protocol import BEFORE, ILLEGAL, LEGAL_IMAGES, REJECTED, results

from node.dimse import is_uid

PATIENCE_S = 1.5
"""For an answer, on a machine that does other things too."""

QUIET_S = 0.25
"""Where none is to come."""

STORE = store_request()
OPEN = associate()

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",  # pynetdicom's threads die of some streams
    "ignore::UserWarning",
)

SILENT = "pynetdicom waits for what cannot come, or its thread dies: the peer hears nothing until a time-out; we abort"
ANY_CONTEXT = "pynetdicom stores a data set that came on another context than its command, whose transfer syntax it may not have; we abort"
NO_CHECK = "pynetdicom leaves it to its user to look at UIDs and at empty data sets; we answer 0xC000"
NO_DATASET_CHECK = "pynetdicom does not look into the data set; we answer 0xA900 where it names another class or instance than the request"
STRICT_ITEMS = "pynetdicom aborts a request with an item, a number or a UID that it does not know; we refuse that context alone"
LAST_WINS = "pynetdicom accepts a context ID that is proposed twice as the later one; we accept neither"
ANY_APPLICATION = "pynetdicom does not look at the application context; we reject"
ANY_CALLER = "our admission decides about callers; pynetdicom was told to let everybody in"
MANY_ABORTS = "pynetdicom aborts once for each PDU that it makes out of garbage; we abort once"
UNKNOWN_SERVICE = "pynetdicom aborts, or says nothing, at a request that no service of the context knows; we answer 0x0211"
NO_CLASS_CHECK = "pynetdicom does not compare the request's SOP class with that of the context; we answer 0x0122"
ANY_PRIORITY = "pynetdicom aborts at a value of the command set that it does not know, such as a Priority; we do not look at it"
LOOKS_AHEAD = "pynetdicom reads what follows a message before it answers, and aborts without an answer; we answer, then abort"


@dataclass(frozen=True)
class Outcome:
    """What came of a stream: what was answered, in words, and what was stored."""

    answers: tuple[str, ...]
    stored: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Pair:
    """The two acceptors."""

    ours: Port
    theirs: Stock

    def outcomes(self, steps: list[bytes]) -> tuple[Outcome, Outcome]:
        """Of ours and of theirs."""
        self.ours.inlet.comings.clear()
        self.theirs.stored.clear()
        ours, counts = lockstep(self.ours.number, [(step, PATIENCE_S) for step in steps])
        theirs, _ = lockstep(self.theirs.number, [(s, PATIENCE_S if count else QUIET_S) for s, count in zip(steps, counts, strict=True)])
        self.ours.settle()
        self.theirs.settle()
        kept = tuple((coming.arriving.sop_instance_uid, bytes(coming.dataset)) for coming in self.ours.inlet.kept)
        return Outcome(words(ours), kept), Outcome(words(theirs), tuple(self.theirs.stored))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with listening(handshake_timeout_s=5.0, idle_timeout_s=5.0) as ours, stock_acceptor() as theirs:
        yield Pair(ours, theirs)


def lockstep(number: int, steps: list[tuple[bytes, float]]) -> tuple[list[bytes], list[int]]:
    """Send step after step, each when the one before was answered, or when no answer came for its time.

    Returns
    -------
    the PDUs that came back, and how many of them after each step
    """
    received, counts = bytearray(), [0] * len(steps)
    with socket.create_connection(("127.0.0.1", number)) as connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at, (step, patience_s) in enumerate(steps):
            before = len(split(bytes(received)))
            connection.sendall(step)
            ended = _listen(connection, received, before, patience_s)
            counts[at] = len(split(bytes(received))) - before
            if ended:
                return split(bytes(received)), counts
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(PATIENCE_S)
        while piece := connection.recv(65536):
            received += piece
    return split(bytes(received)), counts


def _listen(connection: socket.socket, received: bytearray, before: int, patience_s: float) -> bool:
    """Until one more PDU is there, or nothing comes for a while; whether the stream has ended."""
    deadline = time.monotonic() + patience_s
    while len(split(bytes(received))) == before:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            return False
        if not piece:
            return True
        received += piece
    return False


def words(pdus: list[bytes]) -> tuple[str, ...]:
    """PDUs as words that can be compared."""
    return tuple(_word(pdu) for pdu in pdus)


def _word(pdu: bytes) -> str:
    if pdu[0] == 0x02:
        return f"accepted {sorted(results(pdu).items())}"
    if pdu[0] == 0x03:
        return f"rejected {tuple(pdu[7:10])}"
    if pdu[0] == 0x04:
        found = elements(pdu)
        return " ".join(f"{number:04x}={found.get(number, b'').hex()}" for number in (0x0002, 0x0100, 0x0120, 0x0900, 0x1000))
    return {0x06: "released", 0x07: "aborted"}[pdu[0]]


def cut(stream: bytes) -> list[bytes]:
    return [OPEN, stream, RELEASE]


HALF = data(fragment(STORE, command=True), fragment(DATASET, last=False))
CANCEL = message(command(short(0x100, 0x0FFF), short(0x120, 1), short(0x800, 0x0101)))

AGREEING: dict[str, list[bytes]] = {
    **{name: cut(stream) for name, stream in LEGAL_IMAGES.items()},
    **{
        name: [OPEN, ILLEGAL[name][0]]
        for name in ILLEGAL
        if name.startswith(("a type", "a second", "an accept", "an answer", "a fragment"))
    },
    "ends within a header": [OPEN, ILLEGAL["a data PDU that ends within a header"][0]],
    "not accepted": [OPEN, ILLEGAL["a context that was not accepted"][0]],
    "no command": [OPEN, ILLEGAL["a data set without a command"][0]],
    **{name: [BEFORE[name][0]] for name in BEFORE if name not in ("garbage", "a request of a gigabyte")},
    "another protocol version": [REJECTED["another protocol version"][0]],
    "a name that is not ours": [REJECTED["a name that is not ours"][0]],
    "echo": [OPEN, message(echo_request(513), context_id=3), RELEASE],
    "images and echoes": [
        OPEN,
        message(STORE, DATASET),
        message(echo_request(2), context_id=3),
        message(store_request("1.2.5"), DATASET),
        RELEASE,
    ],
    "an abort within an image": [OPEN, HALF, ABORT],
    "a release within an image": [OPEN, HALF, RELEASE],
    "an end within an image": [OPEN, HALF],
    "a response to nothing": cut(
        message(command(uid(2, MR), short(0x100, 0x8001), short(0x120, 1), short(0x800, 0x0101), short(0x900, 0)))
    ),
    "an abort": [OPEN, message(STORE, DATASET), ABORT],
    "cancelled": [OPEN, CANCEL, message(STORE, DATASET), RELEASE],
    "128 contexts": [associate(*(proposal(n, MR if n % 3 else "1.2.840.10008.5.1.4.1.1.2") for n in range(1, 256, 2))), RELEASE],
    "no transfer syntax that is known": [associate(proposal(1, MR, ("1.2.840.10008.1.2.4.99",))), RELEASE],
}

DIFFERING: dict[str, tuple[list[bytes], str]] = {
    **{
        name: ([OPEN, ILLEGAL[name][0]], SILENT)
        for name in ILLEGAL
        if name.startswith(("a command", "no ", "an empty", "a data PDU without", "a PDU")) and name != "a command field of four bytes"
    },
    "a command field of four bytes": ([OPEN, ILLEGAL["a command field of four bytes"][0]], SILENT),
    "a request of a gigabyte": ([BEFORE["a request of a gigabyte"][0]], SILENT),
    "a data set on another context": ([OPEN, ILLEGAL["a data set on another context"][0]], ANY_CONTEXT),
    "no data set": (cut(message(store_request(dataset_type=0x0101))), NO_CHECK),
    "an empty data set": (cut(message(STORE, b"")), NO_CHECK),
    "an instance UID that is none": (cut(message(store_request("../x"), DATASET)), NO_CHECK),
    "another instance in the data set": (cut(message(STORE, explicit(0x00080018, b"UI", b"1.2.9\0") + bytes(99))), NO_DATASET_CHECK),
    "another class": (cut(message(store_request(sop_class=ECHO), DATASET)), NO_CLASS_CHECK),
    "an even context": ([associate(proposal(1), proposal(2)), RELEASE], STRICT_ITEMS),
    "a UID with an accent": ([associate(proposal(1), proposal(3, "1.2.é")), RELEASE], STRICT_ITEMS),
    "an unknown item": ([associate(proposal(1), item(0x99, b"?")), RELEASE], STRICT_ITEMS),
    "a priority that is none": (cut(message(STORE.replace(short(0x700, 0), short(0x700, 77)), DATASET)), ANY_PRIORITY),
    "garbage after an image": ([OPEN, message(STORE, DATASET) + bytes(20)], LOOKS_AHEAD),
    "a service that the context has not": (
        cut(message(command(uid(2, MR), short(0x100, 0x0150), short(0x110, 1), short(0x800, 0x0101)))),
        UNKNOWN_SERVICE,
    ),
    "a context twice": ([associate(proposal(1), proposal(5), proposal(5)), RELEASE], LAST_WINS),
    "another application": ([REJECTED["another application context"][0]], ANY_APPLICATION),
    "a stranger": ([REJECTED["a stranger"][0]], ANY_CALLER),
    "garbage": ([BEFORE["garbage"][0]], MANY_ABORTS),
}


@pytest.mark.parametrize("steps", AGREEING.values(), ids=AGREEING)
def test_both_store_and_answer_the_same(pair: Pair, steps: list[bytes]) -> None:
    ours, theirs = pair.outcomes(steps)

    assert ours == theirs


@pytest.mark.parametrize(("steps", "name"), DIFFERING.values(), ids=DIFFERING)
def test_where_they_differ_it_has_a_name(pair: Pair, steps: list[bytes], name: str) -> None:
    ours, theirs = pair.outcomes(steps)

    assert ours != theirs
    assert difference(ours, theirs) == name


def difference(ours: Outcome, theirs: Outcome) -> str:
    """By which of the names two outcomes differ; empty where they do not, or for no reason that is known."""
    one, other = ours.answers, theirs.answers
    shared = len(one) - 1
    last = one[-1] if one else ""
    if last == "aborted" and len(one) > 2 and other[:1] == one[:1] and set(other[1:]) <= {"aborted"}:
        return LOOKS_AHEAD
    if one[:shared] == other[:shared] and last == "aborted" and ours.stored == theirs.stored[: len(ours.stored)]:
        return SILENT if len(other) == shared else MANY_ABORTS if set(other[shared:]) == {"aborted"} else ANY_CONTEXT
    if other in ((), ("aborted",)) and one and one[0].startswith("accepted"):
        return STRICT_ITEMS
    if last.startswith("rejected"):
        return ANY_CALLER if last.endswith("3)") else ANY_APPLICATION
    if one and other and one[0].startswith("accepted") and one[0] != other[0]:
        return LAST_WINS
    return _by_status(one, other)


def _by_status(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    told = " ".join(one)
    for status, name in (
        ("0900=00c0", NO_CHECK),
        ("0900=00a9", NO_DATASET_CHECK),
        ("0900=2201", NO_CLASS_CHECK),
        ("0900=1102", UNKNOWN_SERVICE),
    ):
        if status in told:
            return name
    if "0900=0000" in told and set(other[1:]) <= {"aborted"}:
        return ANY_PRIORITY
    return ""


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A legal message with one byte changed, cut out, or put in, or with a piece repeated."""
    stream = draw(st.sampled_from([*LEGAL_IMAGES.values(), message(echo_request(), context_id=3)]))
    at = draw(st.integers(0, min(len(stream) - 1, 200)))
    how = draw(st.sampled_from(["change", "remove", "insert", "repeat"]))
    if how == "change":
        return stream[:at] + bytes((draw(st.integers(0, 255)),)) + stream[at + 1 :]
    if how == "remove":
        return stream[:at] + stream[at + 1 :]
    if how == "insert":
        return stream[:at] + bytes((draw(st.integers(0, 255)),)) + stream[at:]
    end = draw(st.integers(at, min(len(stream), at + 40)))
    return stream[:end] + stream[at:]


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=damaged())
def test_a_damaged_message_ends_alike_or_differs_by_name(pair: Pair, stream: bytes) -> None:
    ours, theirs = pair.outcomes([OPEN, stream, RELEASE])

    assert ours == theirs or difference(ours, theirs), (ours, theirs)
    assert all(is_uid(instance) for instance, _ in ours.stored)
    assert set(ours.stored) <= set(theirs.stored) or difference(ours, theirs) == LOOKS_AHEAD, (ours, theirs)
