"""Associations of our own against pynetdicom's: images, echoes, refusals, and associations that end badly."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_inlet import Port, listening
from network import associated, dataset_bytes, instance, wait_until, write
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from structlog.testing import capture_logs

from node.dimse import Peer, echo

MR = [(MRImageStorage, ExplicitVRLittleEndian)]


@pytest.fixture
def port() -> Iterator[Port]:
    with listening() as port:
        yield port


def peer(port: Port, called: str = "EMBER", calling: str = "MR3T") -> Peer:
    return Peer("node", "127.0.0.1", port.number, called, calling, connect_timeout_s=5, answer_timeout_s=5)


def test_echo_is_answered_by_each_of_our_names_and_leaves_no_trace(port: Port) -> None:
    assert [echo(peer(port, called)).status for called in ("EMBER", "EMBER2")] == [0, 0]
    port.settle()
    assert port.inlet.callers == {}
    assert port.door.inside == 0


def test_an_image_comes_through_as_it_was_sent(port: Port, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(3)]
    association = associated(port.number, MR)
    statuses = [association.send_c_store(path).Status for path in paths]
    association.release()
    port.settle()

    assert statuses == [0, 0, 0]
    assert [bytes(coming.dataset) for coming in port.inlet.kept] == [dataset_bytes(path) for path in paths]
    assert [coming.arriving.sop_instance_uid for coming in port.inlet.kept] == [path.stem for path in paths]
    assert list(port.inlet.ends.values()) == ["released"]
    (caller,) = port.inlet.callers.values()
    assert (caller.calling_ae, caller.called_ae, caller.peer) == ("MR3T", "EMBER", "somebody")


@pytest.mark.parametrize("how", ["released", "aborted", "lost"])
def test_the_inlet_learns_how_an_association_ended(port: Port, tmp_path: Path, how: str) -> None:
    association = associated(port.number, MR)
    association.send_c_store(write(instance(), tmp_path / "sent"))
    if how == "released":
        association.release()
    elif how == "aborted":
        association.abort()
    else:
        association.dul.socket.socket.shutdown(2)
    wait_until(lambda: list(port.inlet.ends.values()) == [how])


def test_a_node_that_stops_tells_its_peers_and_answers_what_is_under_way(port: Port, tmp_path: Path) -> None:
    association = associated(port.number, MR)
    stored = association.send_c_store(write(instance(), tmp_path / "sent"))
    port.service.stop()
    for connection in port.connections:
        connection.shutdown(socket.SHUT_RD)
    port.settle()
    wait_until(lambda: association.is_aborted)

    assert stored.Status == 0
    assert list(port.inlet.ends.values()) == ["aborted"]


def test_the_end_of_an_association_that_cannot_be_kept_harms_nobody(port: Port, tmp_path: Path) -> None:
    association = associated(port.number, MR)
    association.send_c_store(write(instance(), tmp_path / "sent"))
    port.inlet.failing = "closed"
    association.release()
    port.settle()

    assert association.is_released
    assert port.door.inside == 0
    assert echo(peer(port)).status == 0


def test_a_fault_of_our_own_ends_one_connection_and_nothing_else(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(caller: object) -> str:
        raise ValueError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(port.door, "admit", fail)
        association = associated(port.number, MR)
    port.settle()

    assert not association.is_established
    assert echo(peer(port)).status == 0


def test_a_connection_that_was_closed_before_is_none(port: Port) -> None:
    connection = socket.socket()
    connection.close()
    with capture_logs() as logs:
        port.service.serve(connection, "127.0.0.1", 104, None)

    assert [entry for entry in logs if entry["log_level"] == "error"] == []
