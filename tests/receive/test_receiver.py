"""The receiver over real sockets: answers, duplicates, crowds, and associations that end badly."""

from __future__ import annotations

import random
import socket
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest
from network import SqliteRegister, associated, dataset_bytes, digest, instance, wait_until, write
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, PositronEmissionTomographyImageStorage
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from structlog.testing import capture_logs

from node.dimse import Peer, echo
from node.errors import RefusedError, TemporaryError
from node.receive import Inbox, Receiver, ReceiverSettings

MR = [(MRImageStorage, ExplicitVRLittleEndian)]


def store(association: Association, path: Path, **changes: object) -> Dataset:
    """A C-STORE whose request may lie about the data set."""
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID = MRImageStorage
    request.AffectedSOPInstanceUID = path.stem
    request.DataSet = BytesIO(dataset_bytes(path))
    for name, value in changes.items():
        setattr(request, name, value)
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, 1)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return answer


def peer(port: int, called: str = "EMBER", calling: str = "MR3T") -> Peer:
    return Peer("node", "127.0.0.1", port, called, calling, connect_timeout_s=5, answer_timeout_s=5)


def test_echo_is_answered_and_leaves_no_trace_in_the_register(site) -> None:
    assert echo(peer(site.receiver.port)).status == 0x0000
    assert site.register.opened == {}


def test_what_is_answered_success_is_on_disk_and_recorded(site, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(5)]
    association = associated(site.receiver.port, MR)
    statuses = [association.send_c_store(path).Status for path in paths]

    assert statuses == [0x0000] * 5
    for path, received in zip(paths, site.register.new, strict=True):
        assert received.sop_instance_uid == path.stem
        assert received.calling_ae == "MR3T"
        assert received.called_ae == "EMBER"
        assert received.address.startswith("127.0.0.1:")
        assert dataset_bytes(site.storage / received.path) == dataset_bytes(path)
        assert site.register.known_digest(path.stem) == digest((site.storage / received.path).read_bytes())
    association.release()


def test_a_changed_duplicate_is_answered_success_kept_aside_and_warned_of_by_uid_alone(site, tmp_path: Path) -> None:
    first = write(instance(), tmp_path / "first")
    changed = instance()
    changed.SeriesDescription = "changed"
    second = write(changed, tmp_path / "second")
    association = associated(site.receiver.port, MR)
    with capture_logs() as logs:
        statuses = [association.send_c_store(path).Status for path in (first, second, first)]
    association.release()

    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert statuses == [0x0000] * 3
    assert dataset_bytes(site.storage / site.register.new[0].path) == dataset_bytes(first)
    assert [received.path for received in site.register.changed] == [f"quarantine/{path}" for path in site.files("quarantine")]
    assert [entry["sop_instance_uid"] for entry in warnings] == [first.stem]
    assert "SECRET" not in repr(logs).upper()


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI", "ignore:The value length")
@pytest.mark.parametrize("uid", ["../../../etc/passwd", "1.2/../3", "1..2", "1.2.3.", ".1", "x", "1." + "2" * 63, "1.2.é", "1.2.3 .4"])
def test_an_instance_uid_that_is_none_never_becomes_a_file(site, tmp_path: Path, uid: str) -> None:
    path = write(instance(), tmp_path / "sent")
    association = associated(site.receiver.port, MR)
    # The library checks UIDs when a request is made; a sender of evil would not.
    answer = store(association, path, _affected_sop_instance_uid=UID(uid, validation_mode=0))
    association.abort()

    assert answer is None or answer.Status == 0xC000
    assert site.register.new == []
    assert site.files() == []
    assert echo(peer(site.receiver.port)).status == 0x0000


def test_no_data_set_cannot_be_understood(site, tmp_path: Path) -> None:
    path = write(instance(), tmp_path / "sent")
    association = associated(site.receiver.port, MR)
    answer = store(association, path, DataSet=None)
    association.release()

    assert (answer.Status, answer.ErrorComment) == (0xC000, "no data set")
    assert site.register.new == []


def test_a_class_that_is_not_the_contexts_is_refused(site, tmp_path: Path) -> None:
    path = write(instance(), tmp_path / "sent")
    association = associated(site.receiver.port, MR)
    answer = store(association, path, AffectedSOPClassUID=PositronEmissionTomographyImageStorage)
    association.release()

    assert answer.Status == 0x0122
    assert site.register.new == []


@pytest.mark.parametrize("method", ["known_digest", "record", "association_opened"])
def test_a_register_that_fails_is_answered_out_of_resources_and_the_next_try_succeeds(
    site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*args: object, **named: object) -> None:
        raise ValueError("database is locked")

    path = write(instance(), tmp_path / "sent")
    association = associated(site.receiver.port, MR)
    with monkeypatch.context() as patch:
        patch.setattr(site.register, method, fail)
        failed = association.send_c_store(path)
    passed = association.send_c_store(path)
    association.release()

    assert (failed.Status, failed.ErrorComment) == (0xA700, "could not be recorded")
    assert passed.Status == 0x0000
    assert [received.sop_instance_uid for received in site.register.new] == [path.stem]


def test_a_full_disk_is_answered_out_of_resources(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = write(instance(), tmp_path / "sent")
    association = associated(site.receiver.port, MR)
    monkeypatch.setattr("node.receive.inbox.os.fsync", full)
    answer = association.send_c_store(path)
    association.release()

    assert (answer.Status, answer.ErrorComment) == (0xA700, "No space left on device")
    assert site.files() == []


def test_too_little_free_space_is_answered_out_of_resources(tmp_path: Path, register: SqliteRegister) -> None:
    receiver = Receiver(ReceiverSettings("EMBER", "127.0.0.1", 0), register, Inbox(tmp_path / "storage", min_free_bytes=2**60))
    receiver.start()
    association = associated(receiver.port, MR)
    answer = association.send_c_store(write(instance(), tmp_path / "sent"))
    association.release()
    receiver.stop()

    assert answer.Status == 0xA700
    assert "must stay free" in answer.ErrorComment


def test_four_associations_in_shuffled_order_with_repeats_lose_nothing(site, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(24)]
    statuses: list[int] = []

    def send(seed: int) -> None:
        mine = paths[seed * 4 :] + paths[: seed * 4 + 4]
        random.Random(seed).shuffle(mine)
        association = associated(site.receiver.port, MR)
        statuses.extend(association.send_c_store(path).Status for path in mine)
        association.release()

    senders = [threading.Thread(target=send, args=(seed,)) for seed in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert statuses == [0x0000] * 4 * 28
    assert sorted(received.sop_instance_uid for received in site.register.new) == sorted(path.stem for path in paths)
    assert site.register.changed == []
    assert len(site.files()) == 24
    wait_until(lambda: list(site.register.closed.values()) == ["released"] * 4)
    assert set(site.register.opened) == set(site.register.closed)


def test_two_versions_of_one_uid_at_the_same_time_leave_one_in_place_and_one_aside(site, tmp_path: Path) -> None:
    changed = instance()
    changed.SeriesDescription = "changed"
    paths = [write(instance(), tmp_path / "a"), write(changed, tmp_path / "b")]
    associations = [associated(site.receiver.port, MR) for _ in paths]
    senders = [threading.Thread(target=a.send_c_store, args=(p,)) for a, p in zip(associations, paths, strict=True)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for association in associations:
        association.release()

    kept, aside = site.register.new[0], site.register.changed[0]
    assert len(site.register.new) == len(site.register.changed) == 1
    assert digest((site.storage / kept.path).read_bytes()) == kept.digest
    assert digest((site.storage / aside.path).read_bytes()) == aside.digest


@pytest.mark.parametrize("how", ["released", "aborted", "lost"])
def test_the_register_learns_how_an_association_ended(site, tmp_path: Path, how: str) -> None:
    association = associated(site.receiver.port, MR)
    association.send_c_store(write(instance(), tmp_path / "sent"))
    if how == "released":
        association.release()
    elif how == "aborted":
        association.abort()
    else:
        association.dul.socket.socket.shutdown(socket.SHUT_RDWR)

    wait_until(lambda: list(site.register.closed.values()) == [how])
    (opened,) = site.register.opened.values()
    assert opened[:2] == ("MR3T", "EMBER")


def test_a_stranger_and_a_wrong_name_are_turned_away(tmp_path: Path, register: SqliteRegister) -> None:
    settings = ReceiverSettings("EMBER", "127.0.0.1", 0, peers=("MR3T",))
    receiver = Receiver(settings, register, Inbox(tmp_path / "storage", min_free_bytes=0))
    receiver.start()
    try:
        assert echo(peer(receiver.port)).status == 0x0000
        with capture_logs() as logs:
            with pytest.raises(RefusedError, match="Calling AE title not recognised"):
                echo(peer(receiver.port, calling="STRANGER"))
            with pytest.raises(RefusedError, match="Called AE title not recognised"):
                echo(peer(receiver.port, called="OTHER"))
            wait_until(lambda: len(logs) == 2)
    finally:
        receiver.stop()

    assert [(entry["calling_ae"], entry["called_ae"]) for entry in logs] == [("STRANGER", "EMBER"), ("MR3T", "OTHER")]


def test_one_association_too_many_is_turned_away_until_another_ends(site) -> None:
    crowd = [associated(site.receiver.port, MR) for _ in range(4)]
    fifth = associated(site.receiver.port, MR)
    crowd[0].release()
    wait_until(lambda: len(site.receiver._links) < 4)
    sixth = associated(site.receiver.port, MR)

    assert all(association.is_established for association in crowd[1:])
    assert fifth.is_rejected
    assert sixth.is_established
    for association in (*crowd[1:], sixth):
        association.release()


def test_silent_connections_keep_nobody_out(site) -> None:
    silent = [socket.create_connection(("127.0.0.1", site.receiver.port)) for _ in range(5)]

    assert echo(peer(site.receiver.port)).status == 0x0000
    for connection in silent:
        connection.close()


def test_garbage_on_the_port_harms_nobody(site) -> None:
    with socket.create_connection(("127.0.0.1", site.receiver.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
    assert echo(peer(site.receiver.port)).status == 0x0000


def test_nodelay_is_set_on_accepted_sockets(site) -> None:
    association = associated(site.receiver.port, MR)
    wait_until(lambda: bool(site.receiver._links))
    (accepted,) = site.receiver._links

    assert accepted.dul.socket.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    association.release()


def test_stopping_waits_for_the_image_that_is_being_kept(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, real = threading.Event(), site.register.record

    def slow(received):
        begun.set()
        time.sleep(0.3)
        return real(received)

    monkeypatch.setattr(site.register, "record", slow)
    association = associated(site.receiver.port, MR)
    sender = threading.Thread(target=association.send_c_store, args=(write(instance(), tmp_path / "sent"),))
    sender.start()
    begun.wait()
    site.receiver.stop()
    sender.join()

    assert len(site.register.new) == 1
    assert list(site.register.closed.values()) == ["aborted"]


def test_a_stopped_receiver_can_be_started_again(site) -> None:
    site.receiver.stop()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = site.receiver.port
    site.receiver.start()

    assert echo(peer(site.receiver.port)).status == 0x0000


def test_a_receiver_that_could_not_start_lets_go_of_the_inbox(site, tmp_path: Path, register: SqliteRegister) -> None:
    storage = tmp_path / "other"
    taken = Receiver(ReceiverSettings("EMBER", "127.0.0.1", site.receiver.port), register, Inbox(storage, min_free_bytes=0))
    with pytest.raises(OSError, match="in use"):
        taken.start()
    free = Receiver(ReceiverSettings("EMBER", "127.0.0.1", 0), register, Inbox(storage, min_free_bytes=0))
    free.start()
    free.stop()


def test_two_receivers_cannot_fill_one_storage_folder(site, register: SqliteRegister) -> None:
    second = Receiver(ReceiverSettings("EMBER", "127.0.0.1", 0), register, Inbox(site.storage, min_free_bytes=0))

    with pytest.raises(TemporaryError, match="another process receives into"):
        second.start()


def test_connections_that_ask_for_nothing_are_closed_and_leave_nothing_behind(tmp_path: Path, register: SqliteRegister) -> None:
    settings = ReceiverSettings("EMBER", "127.0.0.1", 0, request_timeout_s=0.3)
    receiver = Receiver(settings, register, Inbox(tmp_path / "storage", min_free_bytes=0))
    receiver.start()
    before = threading.active_count()
    for _ in range(20):
        socket.create_connection(("127.0.0.1", receiver.port)).close()
    with socket.create_connection(("127.0.0.1", receiver.port)) as silent:
        silent.settimeout(5.0)
        closed = silent.recv(1)
    wait_until(lambda: threading.active_count() <= before)
    receiver.stop()

    assert closed == b""
