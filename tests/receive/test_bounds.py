"""What a sender may make us hold: bounded by what is there, not by what it counts."""

from __future__ import annotations

import socket
import tracemalloc
from pathlib import Path
from typing import cast

import pytest
from journals import arriving, journal_in
from pydicom.uid import ExplicitVRLittleEndian

from node.receive.ending import AssociationEnd
from node.receive.messages import Messages
from node.receive.notice_content import REFERENCED, read
from node.receive.wire import Wire


class Feed:
    """A socket from which these bytes come, again and again."""

    def __init__(self, encoded: bytes, times: int) -> None:
        self._encoded = encoded
        self._left = times

    def settimeout(self, _: float) -> None:
        """Never waits."""

    def recv_into(self, view: memoryview) -> int:
        if not self._left or len(view) < len(self._encoded):
            return 0
        self._left -= 1
        view[: len(self._encoded)] = self._encoded
        return len(self._encoded)


def test_empty_fragments_of_a_command_take_no_memory() -> None:
    fragments = (2).to_bytes(4, "big") + b"\x01\x01"
    pdu = b"\x04\x00" + (6 * 5000).to_bytes(4, "big") + fragments * 5000
    messages = Messages(Wire(cast("socket.socket", Feed(pdu, 20)), 5.0), {1}, 65536)

    tracemalloc.start()
    with pytest.raises(AssociationEnd, match="closed"):
        messages.command()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 200_000  # one list of 100 000 empty parts takes 800 000


def test_an_image_in_pieces_of_two_bytes_is_held_only_as_far_as_there_is_memory(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, small_bytes=1 << 20, buffered_bytes=1 << 20)
    coming = journal.begin(arriving("1.2.3"))

    tracemalloc.start()
    for _ in range(40_000):
        coming.write(memoryview(b"ab"))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    coming.drop()
    again = journal.begin(arriving("1.2.4"))
    again.write(memoryview(bytes(1_000_000)))  # all of it was given back
    in_files = list((tmp_path / "journal" / "receiver" / "spool").iterdir())
    again.drop()
    journal.close()

    assert held < 1 << 20
    assert in_files == []


def test_a_sequence_is_not_copied_whole_each_time_that_it_is_repeated() -> None:
    header, end = b"\x08\x00\x99\x11SQ\x00\x00\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    item = b"\xfe\xff\x00\xe0" + (100_000).to_bytes(4, "little") + bytes(100_000)

    found = read((header + end) * 1000 + header + item + end, ExplicitVRLittleEndian)

    assert found.has_items(REFERENCED)
    assert len(found.values[REFERENCED]) <= 128
