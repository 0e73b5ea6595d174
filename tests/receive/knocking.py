"""What the tests of the listener share: a book of callers in memory, and a receiver at the door."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from memory_inlet import MemoryInlet

from node.dimse import Peer
from node.domain.callers import AcceptedCaller, TurnedAway
from node.receive.association import AssociationSettings
from node.receive.listener import Door, ListenerLimits
from node.receive.receiver import Receiver, ReceiverSettings
from node.settings.network import PeerSection


@dataclass
class MemoryBook:
    """A book of callers that remembers each handing over."""

    batches: list[tuple[TurnedAway, ...]] = field(default_factory=list)
    let_in: tuple[AcceptedCaller, ...] = ()

    def turned_away(self, callers: Sequence[TurnedAway]) -> None:
        self.batches.append(tuple(callers))

    def accepted(self) -> tuple[AcceptedCaller, ...]:
        return self.let_in

    @property
    def seen(self) -> list[tuple[str, str, int]]:
        """Title, host and number of tries of everyone, as handed over."""
        return [(one.calling_ae, one.host, one.times) for batch in self.batches for one in batch]


class Now:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


HERE = (PeerSection(name="mr3t", ae_titles=("MR3T",), addresses=("127.0.0.0/8",)),)
PLAIN = (Door("127.0.0.1", 0),)


@dataclass
class Place:
    """A receiver, what it brought in and whom it turned away."""

    receiver: Receiver
    inlet: MemoryInlet
    book: MemoryBook

    def peer(self, *, calling: str = "MR3T", called: str = "EMBER", port: int | None = None) -> Peer:
        """The receiver, as it is called."""
        return Peer("node", "127.0.0.1", port or self.receiver.port, called, calling, connect_timeout_s=5, answer_timeout_s=5)


@contextmanager
def listening(
    peers: Sequence[PeerSection] = HERE,
    *,
    doors: tuple[Door, ...] = PLAIN,
    patience_s: float = 5.0,
    silent: int = 256,
    share: int = 64,
    associations: int = 64,
    book: MemoryBook | None = None,
) -> Iterator[Place]:
    """A receiver that listens, for the time of the block; afterwards none of its threads is left."""
    before = set(threading.enumerate())
    inlet, book = MemoryInlet(), book or MemoryBook()
    limits = ListenerLimits(patience_s=patience_s, silent=silent, silent_a_host=share, associations=associations)
    association = AssociationSettings(("EMBER", "EMBER_TEST"), handshake_timeout_s=patience_s, idle_timeout_s=10)
    receiver = Receiver(ReceiverSettings(doors, association, limits), peers, inlet, book, Now())
    receiver.start()
    try:
        yield Place(receiver, inlet, book)
    finally:
        receiver.stop()
    assert {thread.name for thread in set(threading.enumerate()) - before if thread.name in ("connection", "accept", "lobby")} == set()
