"""The journal: what is durable when a method returns, what is refused, and what memory and disk it takes."""

from __future__ import annotations

import errno
import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from journals import CALLER, EXPLICIT, MR, SEGMENT, arriving, bring, dataset_of, file_all, journal_in, notice, register_in, stands_in
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID
from pynetdicom.dsutils import encode_file_meta

from node.app import READY_BYTES, SystemClock
from node.dimse import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from node.domain.arrivals import Arriving, Caller, Certificate
from node.domain.filing import Closed, Noticed, Opened, Started
from node.errors import DataError, TemporaryError
from node.receive import log
from node.receive.journal import Journal, Limits
from node.receive.part10 import head
from node.receive.records import Arrived, Spooled
from node.receive.segments import segments


def folder_of(storage: Path) -> Path:
    return storage / "journal" / "receiver"


def uids(storage: Path) -> list[str]:
    return [one.arriving.sop_instance_uid for one in stands_in(folder_of(storage)) if isinstance(one, Arrived | Spooled)]


def test_what_is_handed_over_stands_in_the_journal_in_its_order(tmp_path: Path) -> None:
    certificate = Certificate("CN=mr3t", "ab" * 32, datetime(2027, 1, 1, tzinfo=UTC))
    caller = Caller("MR3T", "EMBER", "10.1.2.3", 50000, "mr3t", certificate)
    journal = journal_in(tmp_path)
    journal.opened("A1", caller)
    bring(journal, "1.2.3", dataset_of("1.2.3", 3001))
    journal.notice(notice("1.2.9"))
    journal.closed("A1", "released")
    journal.close()

    told = stands_in(folder_of(tmp_path))

    assert [type(one) for one in told] == [Started, Opened, Arrived, Noticed, Closed]
    assert told[1].caller == caller
    assert told[2].arriving == arriving("1.2.3")
    assert told[2].dataset == dataset_of("1.2.3", 3001)
    assert told[3].notice == notice("1.2.9")
    assert told[4].how == "released"
    assert all(one.at.tzinfo is not None for one in told)


def test_an_image_is_on_disk_when_keep_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    write, sync = os.pwritev, os.fdatasync
    monkeypatch.setattr(os, "pwritev", lambda *args: order.append("write") or write(*args))
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: sync(descriptor) or order.append("durable"))
    journal = journal_in(tmp_path)
    order.clear()

    bring(journal, "1.2.3", b"12345678")
    order.append("kept")
    journal.close()

    assert order[:3] == ["write", "durable", "kept"]


def test_many_threads_share_what_makes_them_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        calls.append(descriptor)
        time.sleep(0.01)
        sync(descriptor)

    journal = journal_in(tmp_path, segment_bytes=2**20)
    monkeypatch.setattr(os, "fdatasync", slow)
    names = [f"1.2.{thread}" for thread in range(8)]
    threads = [threading.Thread(target=lambda n=name: [bring(journal, f"{n}.{k}", dataset_of(n)) for k in range(10)]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()

    found = uids(tmp_path)
    assert len(calls) < 40
    assert sorted(found) == sorted(f"{name}.{k}" for name in names for k in range(10))
    assert [uid for uid in found if uid.startswith("1.2.3.")] == [f"1.2.3.{k}" for k in range(10)]


def test_segments_follow_each_other_and_no_record_is_cut(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    sent = [f"1.2.{number}" for number in range(1, 60)]
    for uid in sent:
        bring(journal, uid, dataset_of(uid, 1500))
    journal.close()

    assert len(segments(folder_of(tmp_path))) > 5
    assert uids(tmp_path) == sent


def test_a_large_image_becomes_a_file_and_the_journal_names_it(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    bring(journal, "1.2.3", dataset_of("1.2.3", 100_000))
    journal.close()

    (told,) = (one for one in stands_in(folder_of(tmp_path)) if isinstance(one, Spooled))
    file = folder_of(tmp_path) / "spool" / told.name
    assert file.read_bytes() == head(arriving("1.2.3")) + dataset_of("1.2.3", 100_000)
    assert told.size == file.stat().st_size


def test_what_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for size in (100, 100_000):
        incoming = journal.begin(arriving("1.2.3"))
        incoming.write(memoryview(bytes(size)))
        incoming.drop()
        incoming.drop()
        incoming.keep()
    journal.close()

    assert uids(tmp_path) == []
    assert list((folder_of(tmp_path) / "spool").iterdir()) == []


def test_images_that_come_together_share_the_memory_there_is(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, buffered_bytes=10_000)
    coming = [journal.begin(arriving(f"1.2.{number}")) for number in range(4)]
    for one in coming:
        one.write(memoryview(bytes(4000)))
    in_files = len(list((folder_of(tmp_path) / "spool").iterdir()))
    for one in coming:
        one.keep()
    bring(journal, "1.2.9", bytes(8000))  # what was held was given back
    journal.close()

    told = stands_in(folder_of(tmp_path))
    assert in_files == 2
    assert [type(one) for one in told if isinstance(one, Arrived | Spooled)] == [Arrived, Arrived, Spooled, Spooled, Arrived]


def test_two_processes_cannot_write_one_journal_and_two_writers_can(tmp_path: Path) -> None:
    first, other = journal_in(tmp_path), journal_in(tmp_path, "web")

    with pytest.raises(TemporaryError, match="another process"):
        journal_in(tmp_path)
    first.close()
    other.close()
    journal_in(tmp_path).close()


def test_an_image_is_refused_before_the_disk_is_full(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, min_free_bytes=2**60)

    with pytest.raises(TemporaryError, match="must stay free"):
        journal.begin(arriving("1.2.3"))
    journal.close()


def test_an_image_whose_disk_fills_while_it_comes_is_refused_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_in(tmp_path)
    incoming = journal.begin(arriving("1.2.3"))
    incoming.write(memoryview(bytes(10_000)))
    monkeypatch.setattr(journal._hold.disk, "_min_free_bytes", 2**60)
    monkeypatch.setattr(journal._hold.disk, "_left", 0)

    with pytest.raises(TemporaryError, match="must stay free"):
        incoming.write(memoryview(bytes(10_000)))
    incoming.drop()
    journal.close()

    assert list((folder_of(tmp_path) / "spool").iterdir()) == []


def test_images_are_refused_while_too_much_waits_and_taken_when_it_is_filed(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, waiting_bytes=4 * SEGMENT)
    sent = []
    with suppress(TemporaryError):
        for number in range(1, 100):
            bring(journal, f"1.2.{number}", dataset_of("1.2", 4000))
            sent.append(f"1.2.{number}")
    with pytest.raises(TemporaryError, match="wait"):
        journal.begin(arriving("1.2.200"))
    store = register_in(tmp_path)
    file_all(tmp_path, store)
    bring(journal, "1.2.200", dataset_of("1.2", 4000))
    journal.close()
    file_all(tmp_path, store)

    assert 8 < len(sent) < 20
    assert set(store.filing.known([*sent, "1.2.200"])) == {*sent, "1.2.200"}
    assert len(list(folder_of(tmp_path).glob("segment-*"))) == 4
    store.close()


def test_segments_that_were_made_ready_take_a_burst_without_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    make = log.make_slot
    monkeypatch.setattr(log, "make_slot", lambda folder, size: made.append(folder) or make(folder, size))
    journal = journal_in(tmp_path, ready_bytes=3 * SEGMENT)
    at_start = len(made)
    for number in range(12):
        bring(journal, f"1.2.{number}", dataset_of("1.2", 4000))
    journal.close()

    assert at_start == len(made) == 4
    assert len(segments(folder_of(tmp_path))) == 4
    assert [one.arriving.sop_instance_uid for one in stands_in(folder_of(tmp_path)) if isinstance(one, Arrived)] == [
        f"1.2.{number}" for number in range(12)
    ]
    journal_in(tmp_path, ready_bytes=3 * SEGMENT).close()
    assert len(made) == 8  # what waits to be filed is not used again


def test_the_receiver_of_a_node_starts_with_its_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = log.make_slot
    monkeypatch.setattr(log, "make_slot", lambda folder, size: made.append(size) or make(folder, 4096))  # as many, and little disk
    journal = Journal(tmp_path, "receiver", SystemClock(), Limits(ready_bytes=READY_BYTES))
    journal.open()
    journal.close()

    assert sum(made) == READY_BYTES + Limits().segment_bytes


def test_a_disk_without_room_for_what_is_made_ready_lets_it_start(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, min_free_bytes=2**60, ready_bytes=3 * SEGMENT)
    journal.close()

    assert len(list(folder_of(tmp_path).glob("segment-*"))) == 1


@pytest.mark.parametrize("call", ["pwritev", "fsync", "fdatasync", "rename"])
@pytest.mark.parametrize("size", [1000, 50_000])
def test_a_disk_that_fails_at_any_write_refuses_the_image_and_loses_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, size: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = journal_in(tmp_path)
    kept, refused = [], []
    for number in range(1, 40):
        uid = f"1.2.{number}"
        with monkeypatch.context() as patch:
            if number % 3 == 0:
                patch.setattr(Path if call == "rename" else os, call, full)
            try:
                bring(journal, uid, dataset_of(uid, size))
                kept.append(uid)
            except OSError:
                refused.append(uid)
    journal.close()
    store = register_in(tmp_path)
    file_all(tmp_path, store)

    found = store.filing.known([*kept, *refused])
    assert set(found) >= set(kept)
    assert len(kept) >= 26
    for uid in kept:
        assert (tmp_path / found[uid].path).read_bytes() == head(arriving(uid)) + dataset_of(uid, size)
    assert list((folder_of(tmp_path) / "spool").iterdir()) == []
    store.close()


def test_after_a_disk_that_did_not_take_the_journal_all_who_waited_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = threading.Event()
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        time.sleep(0.05)
        if failing.is_set():
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    journal = journal_in(tmp_path, segment_bytes=2**20)
    bring(journal, "1.2.1", b"12345678")
    monkeypatch.setattr(os, "fdatasync", slow)
    failing.set()
    told: list[str] = []

    def one(uid: str) -> None:
        try:
            bring(journal, uid, b"12345678")
            told.append("kept")
        except OSError:
            told.append("refused")

    threads = [threading.Thread(target=one, args=(f"1.3.{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failing.clear()
    bring(journal, "1.2.2", b"12345678")
    journal.close()

    assert told == ["refused"] * 6
    assert len(segments(folder_of(tmp_path))) >= 2
    assert {"1.2.1", "1.2.2"} <= set(uids(tmp_path))


def test_nothing_is_kept_after_the_journal_was_closed(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    incoming = journal.begin(arriving("1.2.3"))
    incoming.write(memoryview(b"12345678"))
    journal.close()

    with pytest.raises(TemporaryError, match="closed"):
        incoming.keep()


def test_a_name_that_is_no_uid_never_comes_to_a_path(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for uid in ("../../etc/passwd", "1.2\0.3", "", "1" * 65, "1.2.3\n"):
        with pytest.raises(DataError, match="UIDs"):
            journal.begin(arriving(uid))
    journal.close()


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "1." + "2" * 62])
def test_the_head_of_a_file_is_the_one_that_the_library_writes(uid: str) -> None:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = UID(MR), UID(uid), UID(EXPLICIT)
    meta.ImplementationClassUID, meta.ImplementationVersionName = IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

    assert head(Arriving("A1", MR, uid, EXPLICIT)) == bytes(128) + b"DICM" + encode_file_meta(meta)


def test_an_association_is_told_with_who_opened_it(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.opened("A1", CALLER)
    journal.close()

    assert [one.caller for one in stands_in(folder_of(tmp_path)) if isinstance(one, Opened)] == [CALLER]
