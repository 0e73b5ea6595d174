"""Whether a peer holds what it took, asked by C-FIND."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faulty_archive import QUERY, STORAGE, FaultyArchive
from network import SERIES, STUDY, instance, parcel, serving, write

from node.deliver import DimseDestination, Held, Instance, held_by
from node.dimse import Peer

UIDS = [f"{SERIES}.{number}" for number in range(1, 5)]
WANTED = [Instance(uid, SERIES, STUDY) for uid in UIDS]


@pytest.fixture
def archive() -> FaultyArchive:
    archive = FaultyArchive()
    archive.stored = [(uid, "") for uid in UIDS]
    return archive


@pytest.fixture
def peer(archive: FaultyArchive) -> Iterator[Peer]:
    with serving([*STORAGE, QUERY], archive.handlers(), ae_title="PACS") as port:
        yield Peer("pacs", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=5, answer_timeout_s=2)


def test_one_query_a_series_is_enough_where_all_are_there(archive: FaultyArchive, peer: Peer) -> None:
    proofs = held_by(peer, WANTED)

    assert [(proof.sop_instance_uid, proof.held, proof.how) for proof in proofs] == [(uid, Held.YES, "found by C-FIND") for uid in UIDS]
    assert archive.queries == [""]


def test_what_a_cut_answer_leaves_out_is_asked_for_alone(archive: FaultyArchive, peer: Peer) -> None:
    archive.limit, archive.hidden = 2, {UIDS[3]}

    proofs = held_by(peer, WANTED)

    assert [proof.held for proof in proofs] == [Held.YES, Held.YES, Held.YES, Held.NO]
    assert archive.queries == ["", UIDS[2], UIDS[3]]


def test_a_series_that_is_not_shown_at_all_is_missing(archive: FaultyArchive, peer: Peer) -> None:
    archive.hidden = set(UIDS)

    assert {proof.held for proof in held_by(peer, WANTED)} == {Held.NO}
    assert archive.queries == [""]


def test_a_peer_that_fails_says_nothing_about_what_it_holds(archive: FaultyArchive, peer: Peer) -> None:
    archive.find_status = 0xA700

    assert {proof.held for proof in held_by(peer, WANTED)} == {Held.UNKNOWN}
    assert {proof.held for proof in held_by(replace(peer, port=1), WANTED)} == {Held.UNKNOWN}


def test_a_peer_without_queries_cannot_be_asked(archive: FaultyArchive, peer: Peer) -> None:
    with serving(STORAGE, archive.handlers(), ae_title="PACS") as port:
        assert {proof.held for proof in held_by(replace(peer, port=port), WANTED)} == {Held.UNASKABLE}


def test_a_destination_asks_for_what_lies_in_the_frozen_files(archive: FaultyArchive, peer: Peer, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path) for number in (0, 9)]

    proofs = DimseDestination(peer).prove([parcel(path) for path in paths])

    assert [(proof.sop_instance_uid, proof.held) for proof in proofs] == [(paths[0].stem, Held.YES), (paths[1].stem, Held.NO)]
