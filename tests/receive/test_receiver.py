"""The whole receiving end over real sockets: what was answered is on disk and recorded, whoever else sends what at the same time."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from network import associated, dataset_bytes, digest, instance, wait_until, write
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from node.app import receiver_settings
from node.dimse import Peer, echo
from node.errors import SettingsError
from node.settings import load
from node.workflow.store.tables import associations, quarantine

MR = [(MRImageStorage, ExplicitVRLittleEndian)]


def peer(port: int) -> Peer:
    return Peer("node", "127.0.0.1", port, "EMBER", "MR3T", connect_timeout_s=5, answer_timeout_s=5)


def test_echo_is_answered_and_leaves_no_trace_in_the_register(site) -> None:
    assert echo(peer(site.receiver.port)).status == 0x0000
    assert site.ends() == []


def test_what_is_answered_success_is_filed_and_recorded(site, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(5)]
    association = associated(site.receiver.port, MR)
    statuses = [association.send_c_store(path).Status for path in paths]
    association.release()
    site.file()

    assert statuses == [0x0000] * 5
    for path, row in zip(paths, sorted(site.rows(), key=lambda row: row.received_at), strict=True):
        assert (row.sop_instance_uid, row.calling_ae, row.called_ae) == (path.stem, "MR3T", "EMBER")
        assert row.address.startswith("127.0.0.1:")
        assert dataset_bytes(site.storage / row.path) == dataset_bytes(path)
        assert row.digest == digest((site.storage / row.path).read_bytes())


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
    wait_until(lambda: site.ends() == ["released"] * 4)

    assert statuses == [0x0000] * 4 * 28
    assert set(site.kept()) == {path.stem for path in paths}
    assert site.rows(quarantine) == []


def test_two_versions_of_one_uid_at_the_same_time_leave_one_in_place_and_one_aside(site, tmp_path: Path) -> None:
    changed = instance()
    changed.SeriesDescription = "changed"
    paths = [write(instance(), tmp_path / "a"), write(changed, tmp_path / "b")]
    links = [associated(site.receiver.port, MR) for _ in paths]
    senders = [threading.Thread(target=link.send_c_store, args=(path,)) for link, path in zip(links, paths, strict=True)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for link in links:
        link.release()
    site.file()

    found = [*site.kept().values(), *site.aside()]
    assert sorted(map(dataset_bytes, found)) == sorted(map(dataset_bytes, paths))


@pytest.mark.parametrize("how", ["released", "aborted"])
def test_the_register_learns_how_an_association_ended_and_as_which_peer_it_came(site, tmp_path: Path, how: str) -> None:
    association = associated(site.receiver.port, MR)
    association.send_c_store(write(instance(), tmp_path / "sent"))
    association.release() if how == "released" else association.abort()
    wait_until(lambda: site.ends() == [how])

    (row,) = site.rows(associations)
    assert (row.calling_ae, row.called_ae, row.peer) == ("MR3T", "EMBER", "mr3t")


def test_an_image_that_is_being_kept_when_the_receiver_stops_is_kept_and_answered(site, tmp_path: Path, monkeypatch) -> None:
    keeps, go_on = threading.Event(), threading.Event()
    append = site.journal._log.append

    def slow(record: object) -> None:
        keeps.set()
        go_on.wait(5)
        append(record)

    association = associated(site.receiver.port, MR)
    association.send_c_store(write(instance(0), tmp_path / "sent"))
    monkeypatch.setattr(site.journal._log, "append", slow)
    answers: list[int] = []
    path = write(instance(1), tmp_path / "sent")
    sender = threading.Thread(target=lambda: answers.append(association.send_c_store(path).Status))
    sender.start()
    keeps.wait(5)
    stopping = threading.Thread(target=site.receiver.stop)
    stopping.start()
    go_on.set()
    stopping.join()
    sender.join()
    site.file()

    assert answers == [0x0000]
    assert len(site.kept()) == 2
    assert site.ends() == ["aborted"]


def test_the_settings_make_the_doors(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\nstorage = "s"\n[receiver]\nport = 104\nalso_called = ["TEST"]\nhandshake_timeout_s = 3\n', encoding="utf-8")
    settings = receiver_settings(load(file, {}))

    assert [(door.host, door.port, door.credentials) for door in settings.doors] == [("0.0.0.0", 104, None)]
    assert (settings.association.ae_titles, settings.limits.patience_s) == (("EMBER", "TEST"), 3.0)


def test_a_tls_port_with_missing_files_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    tls = '[tls]\ncertificate = "no.crt"\nkey = "no.key"\ntrusted = "no-ca.crt"\n'
    file.write_text(f'[node]\nstorage = "s"\n[receiver]\nplain = false\ntls_port = 2762\n{tls}', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^tls\.certificate: .*no\.crt cannot be read"):
        receiver_settings(load(file, {}))


def test_with_no_door_nothing_could_come_in_and_that_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\nstorage = "s"\n[receiver]\nplain = false\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="tls_port"):
        load(file, {})
