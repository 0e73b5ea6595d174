"""An inlet that remembers, and what the tests of retrieving ask for."""

from __future__ import annotations

from node.dimse import Peer
from node.domain.arrivals import Arriving, Caller, Notice
from node.errors import TemporaryError
from node.retrieve import Storage
from tests.network import instance


class Remembered:
    """One instance on its way."""

    def __init__(self, inlet: RememberingInlet, arriving: Arriving) -> None:
        self._inlet, self._arriving = inlet, arriving
        self._bytes = bytearray()
        self._ended = False

    def write(self, piece: memoryview) -> None:
        self._inlet.largest = max(self._inlet.largest, len(piece))
        self._bytes += piece

    def keep(self) -> None:
        if self._inlet.room == len(self._inlet.kept):
            raise TemporaryError("no room")
        self._inlet.kept[self._arriving.sop_instance_uid] = (self._arriving, bytes(self._bytes))
        self._ended = True

    def drop(self) -> None:
        if not self._ended:
            self._inlet.dropped += 1
        self._ended = True


class RememberingInlet:
    """Fulfils `node.domain.arrivals.Inlet`; `room` is how many instances it has room for."""

    def __init__(self, room: int = 10_000) -> None:
        self.room = room
        self.kept: dict[str, tuple[Arriving, bytes]] = {}
        self.dropped = self.largest = 0
        self.callers: dict[str, Caller] = {}
        self.ends: dict[str, str] = {}

    def opened(self, association: str, caller: Caller) -> None:
        self.callers[association] = caller

    def begin(self, arriving: Arriving) -> Remembered:
        assert arriving.association in self.callers
        return Remembered(self, arriving)

    def notice(self, notice: Notice) -> None:
        raise AssertionError("nothing is told here")

    def closed(self, association: str, how: str) -> None:
        self.ends[association] = how


STORAGE = (Storage("1.2.840.10008.5.1.4.1.1.4", ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")),)
"""MR in plain forms."""

PATIENT = str(instance().PatientID)


def peer(port: int, called: str = "TESTPACS", seconds: float = 5.0) -> Peer:
    """A peer on this machine."""
    return Peer("pacs", "127.0.0.1", port, called, "EMBER", connect_timeout_s=seconds, answer_timeout_s=seconds)
