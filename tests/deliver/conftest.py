"""The scripted peer, listening."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deliver_peer import CONTEXTS, Scripted
from network import serving

from node.dimse import Peer


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def peer(scripted: Scripted) -> Iterator[Peer]:
    with serving(CONTEXTS, scripted.handlers(), ae_title="PACS") as port:
        yield Peer("pacs", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=5, answer_timeout_s=2)
