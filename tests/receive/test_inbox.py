"""The inbox: what is durable, in which order, and what a crash leaves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from network import SqliteRegister, dataset_bytes, digest, instance, pixels, write
from pydicom import dcmread

from node.dimse import IMPLEMENTATION_CLASS_UID
from node.domain.ports import Received, Recorded
from node.errors import TemporaryError
from node.receive.inbox import RECOVERED, Arrival, Inbox


def arrival(tmp_path: Path, number: int = 0, **changes: Any) -> Arrival:
    dataset = instance(number)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    path = write(dataset, tmp_path / "sent")
    return Arrival(
        sop_instance_uid=str(dataset.SOPInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        transfer_syntax_uid=str(dataset.file_meta.TransferSyntaxUID),
        dataset=dataset_bytes(path),
        association="a1",
        calling_ae="MR3T",
        called_ae="EMBER",
        address="127.0.0.1:50000",
    )


def test_a_new_arrival_is_a_file_whose_digest_is_recorded(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    sent = arrival(tmp_path)

    recorded = inbox.keep(sent, register)

    (received,) = register.new
    file = tmp_path / "storage" / received.path
    assert recorded is Recorded.NEW
    assert received.digest == digest(file.read_bytes())
    assert received.size == file.stat().st_size
    assert file.name == f"{sent.sop_instance_uid}.dcm"
    assert file.parent.name == digest(sent.sop_instance_uid.encode())[:2]


def test_the_file_holds_the_data_set_as_it_came_and_opens(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    sent = arrival(tmp_path, 3)
    inbox.keep(sent, register)

    file = tmp_path / "storage" / register.new[0].path
    opened = dcmread(file)

    assert dataset_bytes(file) == sent.dataset
    assert opened.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert (opened.pixel_array == pixels(3)).all()


def test_the_digest_depends_on_bytes_and_syntax_and_not_on_who_sends(tmp_path: Path, register: SqliteRegister) -> None:
    sent = arrival(tmp_path)
    variants = {"sender": {"calling_ae": "PACS", "association": "a2", "address": "10.0.0.9:1"}, "syntax": {"transfer_syntax_uid": "1.2.3"}}
    digests = {}
    for name, changes in {"as is": {}, **variants}.items():
        inbox = Inbox(tmp_path / name, min_free_bytes=0)
        empty = SqliteRegister(tmp_path / f"{name}.db")
        inbox.open(empty)
        inbox.keep(Arrival(**{**vars(sent), **changes}), empty)
        digests[name] = empty.new[0].digest
        inbox.close()
        empty.close()

    assert digests["sender"] == digests["as is"]
    assert digests["syntax"] != digests["as is"]


def test_the_same_bytes_again_change_nothing(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    inbox.keep(arrival(tmp_path), register)
    file = tmp_path / "storage" / register.new[0].path
    before = file.stat()

    again = inbox.keep(arrival(tmp_path), register)

    assert again is Recorded.SAME
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(register.new) == 1
    assert register.changed == []


def test_other_bytes_under_the_same_uid_are_kept_aside_and_never_overwrite(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    first = arrival(tmp_path)
    inbox.keep(first, register)
    other = arrival(tmp_path, SeriesDescription="changed")

    recorded = [inbox.keep(other, register), inbox.keep(other, register)]

    kept = tmp_path / "storage" / register.new[0].path
    aside = tmp_path / "storage" / register.changed[0].path
    assert recorded == [Recorded.CHANGED, Recorded.CHANGED]
    assert dataset_bytes(kept) == first.dataset
    assert dataset_bytes(aside) == other.dataset
    assert register.changed[0].digest == digest(aside.read_bytes())
    assert len(list((tmp_path / "storage" / "quarantine").rglob("*.dcm"))) == 1


def test_a_recorded_instance_whose_file_is_gone_is_put_back(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    inbox.keep(arrival(tmp_path), register)
    file = tmp_path / "storage" / register.new[0].path
    file.unlink()

    assert inbox.keep(arrival(tmp_path), register) is Recorded.SAME
    assert digest(file.read_bytes()) == register.new[0].digest


def test_file_name_folder_and_record_come_in_this_order(
    tmp_path: Path, inbox: Inbox, register: SqliteRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real_sync, real_rename, real_record = os.fsync, Path.rename, register.record

    def sync(descriptor: int) -> None:
        order.append("sync " + ("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file"))
        real_sync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return real_rename(self, target)

    def record(received: Received) -> Recorded:
        order.append("record")
        return real_record(received)

    inbox.keep(arrival(tmp_path), register)  # makes the folders
    (tmp_path / "storage" / register.new[0].path).unlink()
    register._connection.execute("DELETE FROM instance")
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(register, "record", record)
    inbox.keep(arrival(tmp_path), register)

    assert order == ["sync file", "rename", "sync folder", "record"]


@pytest.mark.parametrize("step", ["fsync", "rename", "record"])
def test_after_a_failure_at_any_step_the_same_instance_can_be_kept(
    tmp_path: Path, inbox: Inbox, register: SqliteRegister, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr({"fsync": os, "rename": Path, "record": register}[step], step, fail)
        with pytest.raises(OSError, match="No space"):
            inbox.keep(arrival(tmp_path), register)
    unrecorded = register.known_digest(instance().SOPInstanceUID)

    assert unrecorded is None
    assert list((tmp_path / "storage" / "inbox" / ".arriving").iterdir()) == []
    assert inbox.keep(arrival(tmp_path), register) is Recorded.NEW


def test_other_bytes_replace_a_file_that_never_was_recorded(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    inbox.keep(arrival(tmp_path), register)
    register._connection.execute("DELETE FROM instance")
    register._connection.commit()
    other = arrival(tmp_path, SeriesDescription="changed")

    assert inbox.keep(other, register) is Recorded.NEW
    assert dataset_bytes(tmp_path / "storage" / register.new[1].path) == other.dataset


def test_opening_records_what_was_durable_and_not_recorded(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    for number in range(3):
        inbox.keep(arrival(tmp_path, number), register)
    lost = register.new[1]
    register._connection.execute("DELETE FROM instance WHERE uid = ?", (lost.sop_instance_uid,))
    register._connection.commit()
    inbox.close()

    recovered = inbox.open(register)

    found = register.new[-1]
    assert recovered == 1
    assert found.association == RECOVERED
    same = ("sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "digest", "size", "path")
    assert [getattr(found, name) for name in same] == [getattr(lost, name) for name in same]


def test_opening_removes_what_was_being_written(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    inbox.close()
    torn = tmp_path / "storage" / "inbox" / ".arriving" / "torn"
    torn.write_bytes(b"half an image")

    assert inbox.open(register) == 0
    assert not torn.exists()


def test_a_file_that_is_not_ours_does_not_keep_the_inbox_shut(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    inbox.close()
    folder = tmp_path / "storage" / "inbox" / "ab"
    folder.mkdir()
    (folder / "1.2.3.dcm").write_bytes(b"not DICOM at all")

    assert inbox.open(register) == 0


def test_two_processes_cannot_hold_one_inbox(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    with pytest.raises(TemporaryError, match="another process"):
        Inbox(tmp_path / "storage", min_free_bytes=0).open(register)


def test_an_arrival_is_refused_before_the_disk_is_full(tmp_path: Path, inbox: Inbox, register: SqliteRegister) -> None:
    inbox.close()
    careful = Inbox(tmp_path / "storage", min_free_bytes=shutil.disk_usage(tmp_path).total)
    careful.open(register)

    with pytest.raises(TemporaryError, match="must stay free"):
        careful.keep(arrival(tmp_path), register)
    careful.close()

    assert register.new == []


def test_a_register_that_knows_better_is_not_taken_for_success(
    tmp_path: Path, inbox: Inbox, register: SqliteRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "record", lambda received: Recorded.CHANGED)

    with pytest.raises(TemporaryError, match="other bytes"):
        inbox.keep(arrival(tmp_path), register)
