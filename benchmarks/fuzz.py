"""A million PDUs that are damaged or at random against our associations: in one process, and over the port of a running node.

::

    python benchmarks/fuzz.py [--pdus 1000000] [--over-port 100000] [--seed 1] [--json]

*In one process* each stream goes through a pair of sockets, and afterwards it is checked that the association has ended, that what it began
was kept or dropped, that whoever was admitted has left, that nothing raised, and that the answers are PDUs in an order that PS3.8 allows.
*Over the port* four senders do the same to ``ember serve`` while another asks for C-ECHO, whose longest answer is printed with the threads,
open files and memory of the receiver before and after.

Ends with 1 where something was not as it should be; the seed and the number of the stream are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
import structlog

from benchmarks.hostile_streams import CountingInlet, OpenDoor, Stream, damaged, recorded, split
from benchmarks.running import RunningNode
from node.dimse import Peer, echo
from node.errors import NodeError
from node.receive.association import AssociationService, AssociationSettings

SENDERS = 4
LONGEST_ECHO_S = 1.0
GROWTH_MIB = 64


class Bench:
    """Our associations at one end of a pair of sockets."""

    def __init__(self) -> None:
        self.inlet, self.door = CountingInlet(), OpenDoor()
        self._service = AssociationService(AssociationSettings(("EMBER",), commitment=True), self.door, self.inlet)

    def answers(self, encoded: bytes) -> Stream:
        """What is answered to a stream that then ends.

        Raises
        ------
        AssertionError : something is left behind, or the answers are none
        """
        here, there = socket.socketpair()
        with here, there:
            for end in (here, there):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            sender = threading.Thread(target=_send, args=(here, encoded)) if len(encoded) > 1 << 17 else None
            _send(here, encoded) if sender is None else sender.start()
            self._service.serve(there, "127.0.0.1", 104, None)
            if sender is not None:
                sender.join()
            there.close()
            answers = split(_received(here))
        assert not self.inlet.open, "an association was not closed"
        assert self.inlet.coming == 0, "an instance was neither kept nor dropped"
        assert self.door.inside == 0, "somebody has not left"
        _check(answers)
        return answers


@dataclass
class Figures:
    """What was seen."""

    streams: int = 0
    pdus: int = 0
    images_kept: int = 0
    complaints: list[str] = field(default_factory=list)


@dataclass
class PortFigures:
    """What was seen over the port."""

    streams: int = 0
    pdus: int = 0
    echoes: int = 0
    longest_echo_s: float = 0.0
    threads: tuple[int, int] = (0, 0)
    files: tuple[int, int] = (0, 0)
    rss_mib: tuple[float, float] = (0.0, 0.0)
    complaints: list[str] = field(default_factory=list)


def in_process(pdus: int, seed: int) -> Figures:
    """Damaged streams until so many PDUs were sent."""
    figures, bench, dice, corpus = Figures(), Bench(), random.Random(seed), recorded()
    troubles = _listen_for_troubles()
    while figures.pdus < pdus:
        stream = damaged(corpus, dice)
        try:
            bench.answers(b"".join(stream))
        except AssertionError as error:
            figures.complaints.append(f"seed {seed}, stream {figures.streams}: {error}")
            bench = Bench()
        if troubles:
            figures.complaints.append(f"seed {seed}, stream {figures.streams}: {troubles.pop()}")
        figures.streams += 1
        figures.pdus += len(stream)
    figures.images_kept = bench.inlet.kept
    return figures


def over_port(pdus: int, seed: int) -> PortFigures:
    """The same to a whole node, with C-ECHO meanwhile."""
    figures = PortFigures()
    with tempfile.TemporaryDirectory() as folder, RunningNode(Path(folder)) as node:
        _echo_s(node.port)
        receiver = psutil.Process(int((node.storage / "run" / "receiver.pid").read_text()))
        before = _state(receiver)
        _besiege(node.port, pdus, seed, figures)
        time.sleep(3)  # the last connections end
        after = _state(receiver) if receiver.is_running() else (0, 0, 0.0)
        figures.threads, figures.files, figures.rss_mib = zip(before, after, strict=True)  # type: ignore[assignment]
        if "Traceback" in node.log or "exc_info" in node.log:
            figures.complaints.append(node.log[node.log.index("Traceback") - 300 :][:2000])
    return _judged(figures)


def _judged(figures: PortFigures) -> PortFigures:
    (_, threads), (files_before, files), (rss_before, rss) = figures.threads, figures.files, figures.rss_mib
    if not threads:
        figures.complaints.append("the receiver has died")
    if figures.longest_echo_s > LONGEST_ECHO_S:
        figures.complaints.append(f"C-ECHO took {figures.longest_echo_s:.2f} s")
    if threads > figures.threads[0] + 2 or files > files_before + 4 or rss > rss_before + GROWTH_MIB:
        figures.complaints.append("threads, files or memory have grown")
    return figures


def _besiege(port: int, pdus: int, seed: int, figures: PortFigures) -> None:
    corpus, lock = _named(recorded()), threading.Lock()

    def send(number: int) -> None:
        dice = random.Random(seed * SENDERS + number)
        while figures.pdus < pdus:
            stream = damaged(corpus, dice)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                _send(connection, b"".join(stream))
                _received(connection)
            with lock:
                figures.streams += 1
                figures.pdus += len(stream)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        try:
            figures.longest_echo_s = max(figures.longest_echo_s, _echo_s(port))
            figures.echoes += 1
        except NodeError as error:
            figures.complaints.append(f"C-ECHO: {error}")
        time.sleep(0.2)


def _named(corpus: Sequence[Stream]) -> list[Stream]:
    """The same streams by a caller whom the node knows."""
    return [[stream[0].replace(b"FUZZ".ljust(16), b"SCANNER".ljust(16)), *stream[1:]] for stream in corpus]


def _echo_s(port: int) -> float:
    before = time.monotonic()
    echo(Peer("node", "127.0.0.1", port, RunningNode.ae_title, "SCANNER", connect_timeout_s=5, answer_timeout_s=5))
    return time.monotonic() - before


def _state(process: psutil.Process) -> tuple[int, int, float]:
    return process.num_threads(), process.num_fds(), round(process.memory_info().rss / 2**20, 1)


def _send(connection: socket.socket, encoded: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(encoded)
        connection.shutdown(socket.SHUT_WR)


def _received(connection: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(OSError):
        while piece := connection.recv(1 << 16):
            received += piece
    return bytes(received)


def _check(answers: Stream) -> None:
    """Acceptance, answers, then at most one end; or a rejection or an abort alone; or nothing."""
    kinds = [answer[0] for answer in answers]
    assert all(len(answer) == 6 + int.from_bytes(answer[2:6], "big") for answer in answers), "an answer is cut off"
    if kinds and kinds[0] == 0x02:
        ends = [kind for kind in kinds[1:] if kind != 0x04]
        assert ends in ([], [0x06], [0x07]), f"answers {kinds}"
        assert not ends or kinds[-1] == ends[0], f"answers {kinds}"
    else:
        assert kinds in ([], [0x03], [0x07]), f"answers {kinds}"


def _listen_for_troubles() -> list[str]:
    """Errors that the service logs instead of raising them; nothing else is logged."""
    troubles: list[str] = []

    def note(logger: Any, method: str, entry: Any) -> Any:
        if entry.get("exc_info"):
            troubles.append(f"{entry['event']}: {sys.exc_info()[1]!r}")
        raise structlog.DropEvent

    structlog.configure(processors=[note])
    return troubles


def _lines(one: Figures, port: PortFigures | None) -> Iterator[str]:
    yield f"in one process: {one.streams} streams of {one.pdus} PDUs, {one.images_kept} images kept, {len(one.complaints)} complaints"
    if port is not None:
        yield f"over the port: {port.streams} streams of {port.pdus} PDUs, longest of {port.echoes} C-ECHO {port.longest_echo_s:.3f} s"
        yield f"  receiver before → after: threads {port.threads}, open files {port.files}, MiB {port.rss_mib}"
    complaints = one.complaints + (port.complaints if port else [])
    yield from complaints[:20]
    yield "survived" if not complaints else "NOT survived"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pdus", type=int, default=1_000_000, help="in all")
    parser.add_argument("--over-port", type=int, default=100_000, help="so many of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("TCP_NODELAY", "1")
    warnings.simplefilter("ignore")  # the library's, at what it is made to read
    one = in_process(options.pdus - options.over_port, options.seed)
    port = over_port(options.over_port, options.seed) if options.over_port else None
    print(
        json.dumps({"in_process": asdict(one), "over_port": asdict(port) if port else None})
        if options.json
        else "\n".join(_lines(one, port))
    )
    return int(bool(one.complaints or (port and port.complaints)))


if __name__ == "__main__":
    raise SystemExit(main())
